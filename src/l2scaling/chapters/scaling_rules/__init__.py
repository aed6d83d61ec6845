"""The best λ of trained networks over data sets, sizes and optimisers: a sweep and its table."""

__all__ = ["figures", "search", "summaries", "sweep_table"]
