"""What the sums over the weights are before the first step, by initialiser and way of growing."""

__all__ = ["draws", "figures"]
