"""The wall of Muon: where the singular values of a matrix end."""

import math
from typing import Any

import numpy as np
import torch

from l2scaling.schedules import schedule
from l2scaling.training.modules import descend

ADJUSTMENTS = ("original", "match_rms_adamw")
"""What ``adjust_lr_fn`` of torch's Muon takes."""

USUAL: dict[str, Any] = {}
POLAR: dict[str, Any] = {"ns_coefficients": (1.5, -0.5, 0.0), "ns_steps": 16}
"""Options of torch's Muon: its own polynomial, five times; one that converges to the polar factor."""


def adjusted(rows: int, columns: int, how: str) -> float:
    """Return by what ``torch.optim.Muon`` multiplies the learning rate of a matrix, and not its decay.

    Raises ``ValueError`` for an unknown ``adjust_lr_fn``, naming the allowed ones.

    >>> adjusted(4, 1, "original"), adjusted(1, 4, "original"), adjusted(25, 4, "match_rms_adamw")
    (2.0, 1.0, 1.0)
    """
    if how not in ADJUSTMENTS:
        raise ValueError(f"adjust_lr_fn {how!r} is unknown; allowed: {', '.join(ADJUSTMENTS)}")
    return math.sqrt(max(1, rows / columns)) if how == "original" else 0.2 * math.sqrt(max(rows, columns))


def polynomial_range(
    coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315), steps: int = 5, least: float = 0.01
) -> tuple[float, float]:
    """Return the least and largest value that Newton–Schulz steps make of singular values.

    The least is over values from ``least`` to one, the largest over all from zero to one, on a fine grid.
    """
    a, b, c = coefficients
    x = np.linspace(0, 1, 200_001)
    made = x
    for _ in range(steps):
        made = a * made + b * made**3 + c * made**5
    return float(made[x >= least].min()), float(made.max())


def target(rows: int, columns: int, singular_values: np.ndarray, seed: int) -> np.ndarray:
    """Return a matrix ``(rows, columns)`` of these singular values, with random singular vectors."""
    rng = np.random.default_rng(seed)
    count = len(singular_values)
    left, right = (np.linalg.qr(rng.standard_normal((size, count)))[0] for size in (rows, columns))
    return np.asarray(left * singular_values @ right.T)


def nearest_within(wanted: np.ndarray, bound: float) -> np.ndarray:
    """Return the nearest matrix whose spectral norm is at most ``bound``: singular values are cut there.

    >>> nearest_within(np.diag([3.0, 0.5]), 1.0).tolist()
    [[1.0, 0.0], [0.0, 0.5]]
    """
    left, values, right = np.linalg.svd(wanted, full_matrices=False)
    return np.asarray(left * np.minimum(values, bound) @ right)


def muon(
    wanted: np.ndarray, lam: float, how: str, steps: int, options: dict[str, Any], share: float = 0.05
) -> np.ndarray:
    """Return where torch's Muon ends on the loss ½‖W − wanted‖², from zero, with decay ``lam``.

    The learning rate is ``share / lam`` at first and falls to zero as a cosine does.
    """
    aim = torch.tensor(wanted)
    W = torch.zeros_like(aim, requires_grad=True)
    optimizer = torch.optim.Muon([W], lr=share / lam, weight_decay=lam, adjust_lr_fn=how, **options)
    rates = iter(share / lam * schedule("cosine", steps))

    def loss() -> None:
        optimizer.param_groups[0]["lr"] = float(next(rates))
        W.grad = W.detach() - aim

    descend(optimizer, loss, steps)
    return W.detach().numpy()
