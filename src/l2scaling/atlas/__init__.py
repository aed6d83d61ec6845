"""What the penalty argument of each library means: rows of data, formulas, probes that measure them.

``rows`` has a file a library and ``probes`` a script for each, run in an environment of that library alone.
"""

__all__ = [
    "calls", "conventions", "convert", "everyday", "lookup", "meaning", "probes", "quantities", "situations",
]  # fmt: skip
