"""What all figures share: one theme and one way to tell a picture in words, and their marks.

No module here computes a result.
"""

__all__ = ["series", "theme"]
