"""Closed forms: what follows without training, from shapes and penalties.

No module here trains, draws a figure or knows a chapter.
"""

__all__ = ["features", "penalties", "ridge", "shapes"]
