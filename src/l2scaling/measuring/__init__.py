"""Measuring: sums over more weights than fit into memory, intervals, bits, lattices, tracked weights.

No module here draws.
"""

__all__ = ["bits", "intervals", "lattices", "sums", "tracked"]
