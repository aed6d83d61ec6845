"""Measuring: sums over as many weights as memory never held, intervals, bits, totals on the way.

No module here draws.
"""

__all__ = ["bits", "intervals", "sums", "tracked"]
