"""Which weights are counted, and what becomes of λ when features or units are copied."""

__all__ = ["clones", "convolutions", "figures", "lasso"]
