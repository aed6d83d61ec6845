"""Claims, the records that decide them, and the ways to put these on trial again."""

__all__ = [
    "atlas", "claims", "controls", "reproduce", "reproductions", "results", "robustness", "stated", "sweep",
    "sweep_figure", "trials",
]  # fmt: skip
