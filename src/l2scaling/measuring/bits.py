"""Bits in which the numbers of two runs differ."""

from collections.abc import Sequence

import numpy as np
import torch


def differing_bits(first: Sequence[torch.Tensor], second: Sequence[torch.Tensor]) -> int:
    """Count the bits in which two lists of float32 or float64 tensors differ.

    Raises ``ValueError`` if their shapes or types differ.

    >>> differing_bits([torch.tensor([1.0, 2.0])], [torch.tensor([1.0, -2.0])])
    1
    """
    total = 0
    for one, other in zip(first, second, strict=True):
        a, b = one.detach().numpy(), other.detach().numpy()
        if a.shape != b.shape or a.dtype != b.dtype:
            raise ValueError(f"{a.dtype}{a.shape} and {b.dtype}{b.shape}: allowed equal shapes and types")
        kind = f"u{a.dtype.itemsize}"
        total += int(np.bitwise_count(a.view(kind) ^ b.view(kind)).sum())
    return total
