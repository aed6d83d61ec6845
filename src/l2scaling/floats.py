"""What a float can hold."""

import sys

SIZES = f"{sys.float_info.min:.2g} to {sys.float_info.max:.2g}"
"""The sizes of numbers, besides 0, that a float holds with all its digits."""

EPSILONS = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52}
"""Spacing of the numbers just above 1, by data type."""


def unfelt_share(dtype: str) -> float:
    """Return the largest share whose loss rounds away in every number of a data type; 0 for an unknown one.

    Just below 1 the numbers lie half an epsilon apart, so it is a quarter of that.

    >>> unfelt_share("bfloat16") == 2**-9, unfelt_share("float32") == 2**-25
    (True, True)
    """
    return EPSILONS.get(dtype, 0.0) / 4


def is_held(value: float) -> bool:
    """Say whether a number is 0 or of one of ``SIZES``.

    >>> is_held(0.0), is_held(1e-320), is_held(float("inf"))
    (True, False, False)
    """
    return value == 0 or sys.float_info.min <= abs(value) <= sys.float_info.max
