"""Shares that round away: torch's optimisers on weights that are kept in few bits."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from l2scaling.seeds import generator

WAYS = ("nearest", "float32 copy", "at random")
"""How few-bit weights are kept: rounded to the nearest, read from a float32 copy, rounded up or down at
random, with the chances that keep the mean."""

_RATE = 2.0**-6  # so that share over rate, times rate, is the share to the last bit


def idle_weights(count: int, seed: int, dtype: str) -> Tensor:
    """Return normal weights of a data type that no sample moves: their gradient is zero."""
    drawn = torch.randn(count, generator=generator(seed)).to(getattr(torch, dtype)).requires_grad_()
    drawn.grad = torch.zeros_like(drawn)
    return drawn


def decaying(weights: Tensor, share: float, optimizer: str = "AdamW") -> torch.optim.Optimizer:
    """Return ``torch.optim``'s optimiser, told to take off a share of each weight in a step."""
    return getattr(torch.optim, optimizer)([weights], lr=_RATE, weight_decay=share / _RATE)


def moved(dtype: str, share: float, optimizer: str = "AdamW", count: int = 10_000, seed: int = 0) -> float:
    """Return which part of idle weights one step changes at all.

    >>> moved("bfloat16", 2**-9), moved("bfloat16", 2**-8), moved("float32", 2**-9)
    (0.0, 1.0, 1.0)
    """
    weights = idle_weights(count, seed, dtype)
    before = weights.detach().clone()
    decaying(weights, share, optimizer).step()
    return float((weights.detach() != before).double().mean())


def round_at_random(weights: Tensor, random: torch.Generator) -> Tensor:
    """Return float32 weights in bfloat16, each rounded up or down so that its mean is kept.

    The sixteen bits that are cut off are the chance of the larger neighbour in size.

    >>> drawn = round_at_random(torch.full((10_000,), 1 + 2**-9), torch.Generator())
    >>> sorted(set(drawn.tolist())), round(drawn.float().mean().item(), 2)
    ([1.0, 1.0078125], 1.0)
    """
    bits = weights.contiguous().view(torch.int32)
    noise = torch.randint(0, 2**16, bits.shape, dtype=torch.int32, generator=random)
    return ((bits + noise) & -(2**16)).view(torch.float32).to(torch.bfloat16)


def kept(way: str, share: float, steps: int, count: int = 10_000, seed: int = 0) -> np.ndarray:
    """Return what AdamW leaves of idle bfloat16 weights after some steps, by the way they are kept.

    One number for each of ten parts of them: their projection on the start, over the start's square.
    Raises ``ValueError`` for another way.

    >>> kept("nearest", 2**-9, 300).mean().item()
    1.0
    """
    if way not in WAYS:
        raise ValueError(f"way {way!r} is unknown; allowed: {', '.join(WAYS)}")
    start = idle_weights(count, seed, "bfloat16")
    weights = start if way == "nearest" else start.detach().float().requires_grad_()
    weights.grad = torch.zeros_like(weights)
    first, random, optimizer = start.detach().double(), generator(seed, 1), decaying(weights, share)
    for _ in range(steps):
        optimizer.step()
        if way == "at random":
            with torch.no_grad():
                weights.copy_(round_at_random(weights.detach(), random))
    parts = zip(weights.detach().to(torch.bfloat16).double().chunk(10), first.chunk(10), strict=True)
    return np.array([((one * own).sum() / (own * own).sum()).item() for one, own in parts])


def pace(dtype: str, share: float, steps: int = 2000, count: int = 10_000, seed: int = 0) -> float:
    """Return how fast AdamW decays idle weights of a data type, over how fast it was told.

    Minus the mean log of what is left, over ``-steps * log(1 - share)``.

    >>> round(pace("float32", 1e-3, steps=100), 3), pace("float32", 1e-8, steps=100)
    (1.0, 0.0)
    """
    weights = idle_weights(count, seed, dtype)
    first, optimizer = weights.detach().double(), decaying(weights, share)
    for _ in range(steps):
        optimizer.step()
    gone = (weights.detach().double() / first).log().mean().item()
    return float(gone / (steps * np.log1p(-share))) + 0.0  # no minus zero


def powers(first: int, last: int) -> Sequence[float]:
    """Return the powers of two from ``2**first`` to ``2**last``, and the middles between them.

    >>> list(powers(-2, -1))
    [0.25, 0.375, 0.5]
    """
    whole = [2.0**one for one in range(first, last + 1)]
    return sorted([*whole, *(1.5 * one for one in whole[:-1])])
