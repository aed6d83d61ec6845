"""Weights of a model: their sums, read once and in pieces, and what kind each tensor is."""

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

KINDS = ("matrices", "embeddings", "biases", "gains", "vectors")
"""Kinds of tensors: with two axes or more, kernels of convolutions among them; tables that are looked up;
offsets; scales of normalisations; whatever else has one axis or none."""

CHUNK = 2**15
"""Numbers that are held in float64 at once: 256 kB, and as many as torch leaves to one thread."""


def sum_squares(values: Any) -> float:
    """Return Σw² of a tensor of torch or an array, in float64.

    Each number is read once and no more than ``CHUNK`` of them are copied at a time.

    >>> sum_squares(torch.full((1000, 1000), 0.5, dtype=torch.bfloat16)), sum_squares(np.float32([[3, 4]]))
    (250000.0, 25.0)
    """
    if not isinstance(values, torch.Tensor):
        flat = np.asarray(values).reshape(-1)
        chunks = (flat[start : start + CHUNK] for start in range(0, flat.size, CHUNK))
        return math.fsum(float(np.square(np.abs(one), dtype=np.float64).sum()) for one in chunks)
    values = values.detach()
    if values.is_sparse:
        values = values.coalesce().values()
    if values.is_complex():
        values = torch.view_as_real(values)
    kept = torch.empty(min(CHUNK, values.numel()), dtype=torch.float64, device=values.device)
    total = torch.zeros((), dtype=torch.float64, device=values.device)
    for chunk in _chunks(values):
        total += kept[: chunk.numel()].copy_(chunk).square_().sum()
    return float(total)


def _chunks(values: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield all numbers in flat pieces, in the order of the memory, without copying a whole tensor."""
    strides = values.stride()
    order = sorted(range(values.dim()), key=lambda one: -strides[one])
    values = values.permute(order)
    if values.is_contiguous():
        yield from values.view(-1).split(CHUNK)
    elif values.dim() == 1:
        yield from values.split(CHUNK)
    else:
        for part in values:
            yield from _chunks(part)


SMALL = (1.0, 2.0, -1.0, -0.5)
"""Numbers of a small weight that stands for a large one when a copy is stepped."""


def small(axes: int, values: Sequence[float] | np.ndarray = SMALL) -> np.ndarray:
    """Return a small array of as many axes as another: of two by two, and of one in all further ones.

    >>> small(0).shape, small(1).tolist(), small(3).shape
    ((), [1.0, 2.0], (2, 2, 1))
    """
    count = min(axes, 2)
    return np.asarray(values)[: 2**count].reshape([2] * count + [1] * max(axes - 2, 0))


def all_zero(values: torch.Tensor) -> bool:
    """Say whether a tensor holds zeros only; the first piece with another number ends the reading.

    >>> all_zero(torch.zeros(3, 2)), all_zero(torch.eye(2))
    (True, False)
    """
    values = values.detach()
    dense = values.coalesce().values() if values.is_sparse else values
    return not any(bool(chunk.any()) for chunk in _chunks(dense))


def kind_of(name: str, axes: int) -> str:
    """Guess the kind of a tensor from its name and number of axes.

    >>> kind_of("block/attention/kernel", 2), kind_of("encoder.norm.scale", 1), kind_of("dense/bias", 1)
    ('matrices', 'gains', 'biases')
    >>> kind_of("token_embedding/embeddings", 2), kind_of("logit_temperature", 0)
    ('embeddings', 'vectors')
    """
    words = [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]
    if axes >= 2:
        return "embeddings" if any(re.match(r"embed|wte$|wpe$", word) for word in words) else "matrices"
    if words and (re.search(r"bias$|^beta$", words[-1]) or words[-1] == "b"):
        return "biases"
    if words and (words[-1] in ("scale", "gamma", "gain") or "norm" in " ".join(words)):
        return "gains"
    return "vectors"
