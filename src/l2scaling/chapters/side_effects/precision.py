"""Where a large total meets few digits: overflow, spacing, improvements that are not recorded."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch


class ScalerStep(NamedTuple):
    """One step under a gradient scaler: value of the loss, movement of the first weight, scale after."""

    value: float
    moved: float
    scale: float


def scaler_step(
    weights: np.ndarray, penalty_coefficient: float, learning_rate: float, scale: float, device: str
) -> ScalerStep:
    """Take one step on the penalty alone, computed in float16, under ``torch.amp.GradScaler``.

    Master weights are float32; the penalty ``c/2 * sum(w**2)`` is formed from their float16 copy.

    >>> step = scaler_step(np.ones(100_000), 0.01, 0.1, 1024.0, "cpu")
    >>> step.value, round(step.moved, 5), step.scale
    (inf, 0.001, 1024.0)
    """
    master = torch.tensor(weights, dtype=torch.float32, device=device, requires_grad=True)
    optimizer = torch.optim.SGD([master], learning_rate)
    scaler = torch.amp.GradScaler(device, init_scale=scale)
    loss = penalty_coefficient / 2 * master.half().square().sum()
    scaler.scale(loss).backward()
    before = master[0].item()
    scaler.step(optimizer)
    scaler.update()
    return ScalerStep(loss.item(), before - master[0].item(), scaler.get_scale())


def overflow_size(weights: torch.Tensor, value: Callable[[torch.Tensor], torch.Tensor]) -> int:
    """Return the smallest n for which ``value(weights[:n])`` is not finite, by bisection.

    ``value`` must not fall as n grows. Raises ``ValueError`` if it is finite for all weights.

    >>> overflow_size(torch.ones(100_000), lambda w: w.square().sum().half())
    65520
    """
    if value(weights).isfinite():
        raise ValueError(f"{weights.numel()} weights give a finite value; allowed: enough to overflow")
    low, high = 0, weights.numel()
    while high - low > 1:
        middle = (low + high) // 2
        if value(weights[:middle]).isfinite():
            low = middle
        else:
            high = middle
    return high


def spacing(value: float, dtype: torch.dtype) -> float:
    """Return the distance from ``value`` to the next larger number of ``dtype``, for normal numbers.

    It is ``eps * 2**floor(log2(value))``. Raises ``ValueError`` unless ``value`` is positive.

    >>> spacing(100.0, torch.bfloat16), spacing(5000.0, torch.float32) == 2.0**-11
    (0.5, True)
    """
    if not value > 0:
        raise ValueError(f"value {value}: allowed above 0")
    return float(torch.finfo(dtype).eps * 2.0 ** math.floor(math.log2(value)))


def shares_noticed(
    totals: np.ndarray, improvement: float, dtype: torch.dtype, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Return for each total the share of improvements that a loss recorded in ``dtype`` shows.

    Each of ``draws`` losses is uniform over one ``spacing`` from the total up; it is noticed when its
    rounded value falls on subtracting ``improvement``. Shape ``(totals,)``, as ``totals``.

    >>> shares_noticed(np.array([5.0]), 0.5, torch.bfloat16, 100, np.random.default_rng(0))
    array([1.])
    """
    shares = []
    for total in totals:
        losses = torch.tensor(total + spacing(total, dtype) * rng.random(draws), dtype=torch.float64)
        shares.append(((losses - improvement).to(dtype) < losses.to(dtype)).double().mean().item())
    return np.array(shares)


def half_noticed_total(improvement: float, dtype: torch.dtype) -> float:
    """Return the smallest total from which on fewer than half of such improvements are noticed.

    It is the smallest power of two whose ``spacing`` exceeds twice the improvement.

    >>> half_noticed_total(0.002, torch.bfloat16), half_noticed_total(0.002, torch.float32)
    (1.0, 65536.0)
    """
    return float(2.0 ** (math.floor(math.log2(2 * improvement / torch.finfo(dtype).eps)) + 1))
