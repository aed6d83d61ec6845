"""How far one step of Adam can go in units of its learning rate, and what that makes of the wall."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from l2scaling.training.modules import NO_EPSILON

Betas = tuple[float, float]


def longest_step(betas: Betas) -> float:
    r"""Return the least upper bound of Adam's normalised step :math:`|\hat m/\sqrt{\hat v}|`, ε being zero.

    It is :math:`(1-\beta_1)/\sqrt{(1-\beta_2)(1-\beta_1^2/\beta_2)}`, and infinite if β₁² ≥ β₂.

    >>> round(longest_step((0.9, 0.999)), 3), round(longest_step((0.9, 0.9)), 9)
    (7.27, 1.0)
    """
    first, second = betas
    if first**2 >= second:
        return math.inf
    return (1 - first) / math.sqrt((1 - second) * (1 - first**2 / second))


def usual_step(betas: Betas, share: float = 0.0, growth: float = 1.0) -> float:
    r"""Return the bound on the root of the discounted mean square of normalised steps.

    With discount 1 − ``share`` per step and second moments that end ``growth`` times above their least, it is
    the root of :math:`\frac{1-\beta_1}{1-\beta_1/(\beta_2(1-r))}\cdot\frac{-\ln\beta_2 + r\ln g}{1-\beta_2}`,
    where r is the share and g the growth. Infinite if β₁ ≥ β₂(1 − r).

    >>> round(usual_step((0.9, 0.999)), 4)
    1.0048
    """
    first, second = betas
    ratio = first / (second * (1 - share))
    if ratio >= 1:
        return math.inf
    spread = (-math.log(second) + share * math.log(growth)) / (1 - second)
    return math.sqrt((1 - first) / (1 - ratio) * spread)


def follow(
    gradients: np.ndarray, begin: Callable[..., torch.optim.Optimizer], start: np.ndarray,
    schedule: np.ndarray, lam: float,
) -> np.ndarray:  # fmt: skip
    """Feed gradients ``(T, n)`` to a real optimiser of n weights; return the weights, ``(T + 1, n)``.

    ``schedule`` has the learning rate of each step, ``(T,)``.
    """
    w = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimizer = begin([w], lr=float(schedule[0]), weight_decay=lam)
    seen = [w.detach().numpy().copy()]
    for gradient, rate in zip(gradients, schedule, strict=True):
        optimizer.param_groups[0]["lr"] = float(rate)
        w.grad = torch.from_numpy(gradient.copy())
        optimizer.step()
        seen.append(w.detach().numpy().copy())
    return np.array(seen)


def bound(start: np.ndarray, schedule: np.ndarray, lam: float) -> np.ndarray:
    """Return what the proposition allows ``|w|`` to be before each step and after, ``(T + 1, n)``.

    That is 1/λ, plus what a start beyond it has left: ``(|w_0| − 1/λ)_+`` times all factors 1 − ηλ so far.

    >>> bound(np.array([3.0]), np.array([0.5]), 1.0).ravel().tolist()
    [3.0, 2.0]
    """
    left = np.cumprod(np.append(1.0, 1 - schedule * lam))
    return np.asarray(1 / lam + left[:, None] * np.maximum(np.abs(start) - 1 / lam, 0))


def surge(betas: Betas, share: float, quiet: int = 8_000, growing: int = 400) -> float:
    """Return λ|w| where gradients that grow by β₂/β₁ a step, after a long silence, drive a real AdamW.

    No other gradients take longer steps. ``share`` is ηλ.
    """
    lam, growth = 1.0, betas[1] / betas[0]
    rise = np.exp(-np.arange(growing)[::-1] * math.log(growth))
    gradients = np.append(np.zeros(quiet), -rise)[:, None]
    begin = partial(torch.optim.AdamW, betas=betas, eps=NO_EPSILON)
    path = follow(gradients, begin, np.zeros(1), np.full(quiet + growing, share / lam), lam)
    return float(np.abs(path).max() * lam)
