"""Closed forms: what follows without training, from shapes, penalties and conventions.

No module here trains, draws a figure or knows a chapter.
"""

__all__ = ["conventions", "features", "penalties", "ridge", "shapes"]
