"""Training: many networks of one shape side by side, and the splits, losses and optimisers they need.

No module here knows a chapter.
"""

__all__ = ["ensembles", "losses", "modules", "orthogonal", "recipe", "splits", "steps"]
