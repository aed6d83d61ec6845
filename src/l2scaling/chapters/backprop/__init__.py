"""What of a penalty passes through backpropagation, and which gradient dominates where."""

__all__ = ["figures", "signals"]
