"""Measuring: sums over more weights than fit into memory, intervals, bits, tracked weights.

No module here draws.
"""

__all__ = ["bits", "intervals", "sums", "tracked"]
