"""What a float can hold."""

import sys

SIZES = f"{sys.float_info.min:.2g} to {sys.float_info.max:.2g}"
"""The sizes of numbers, besides 0, that a float holds with all its digits."""


def is_held(value: float) -> bool:
    """Say whether a number is 0 or of one of ``SIZES``.

    >>> is_held(0.0), is_held(1e-320), is_held(float("inf"))
    (True, False, False)
    """
    return value == 0 or sys.float_info.min <= abs(value) <= sys.float_info.max
