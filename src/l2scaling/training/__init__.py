"""Training: many networks of one shape side by side, and the tasks, losses and optimisers they need.

No module here knows a chapter.
"""

__all__ = ["ensembles", "losses", "modules", "steps", "tasks"]
