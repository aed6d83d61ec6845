"""Stability of training near a minimum: factors of real optimisers, half-lives, thresholds by bisection."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from l2scaling.training.modules import Make, descend


def heavy_ball_factor(joint: float, momentum: float) -> float:
    """Return the modulus of the larger root of ``z**2 - (1 + momentum - joint) * z + momentum``.

    ``joint`` is the learning rate times the sum of curvature and penalty coefficient. The modulus
    is the factor by which the distance to a minimum changes in a step, in the long run; without
    momentum it is ``abs(1 - joint)``.
    Raises ``ValueError`` unless ``momentum`` is at least 0 and below 1.

    >>> heavy_ball_factor(0.25, 0.0), round(heavy_ball_factor(3.8, 0.9), 9)
    (0.75, 1.0)
    """
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum {momentum}: allowed from 0 to below 1")
    return float(np.abs(np.roots([1.0, -(1 + momentum - joint), momentum])).max())


def half_life(factor: float) -> float:
    """Return the number of steps in which ``factor`` a step halves a weight: ``ln 2 / -ln factor``.

    Raises ``ValueError`` unless ``factor`` lies between 0 and 1.

    >>> round(half_life(0.95), 2)
    13.51
    """
    if not 0 < factor < 1:
        raise ValueError(f"factor {factor}: allowed between 0 and 1")
    return math.log(2) / -math.log(factor)


def trajectory(make: Make, start: torch.Tensor, curvature: torch.Tensor | float, steps: int) -> np.ndarray:
    """Return the first weight before and after each step on the data loss ``sum(curvature * w**2) / 2``.

    ``start`` has shape ``(P,)``, ``curvature`` is a number or has that shape; zero means a data
    gradient of zero. The optimiser sees the data gradient alone: the penalty is its own business.
    The result has shape ``(steps + 1,)``.

    >>> from functools import partial
    >>> make = partial(torch.optim.SGD, lr=0.5, weight_decay=0.1)
    >>> trajectory(make, torch.ones(2, dtype=torch.float64), 0.9, 2).tolist()
    [1.0, 0.5, 0.25]
    """
    weights = start.clone().requires_grad_()

    def fill() -> None:
        weights.grad = curvature * weights.detach()

    return np.array(descend(make([weights]), fill, steps, weights[0].item))


class AnswerUpdate(torch.optim.Optimizer):
    """Update a weight as thread T2's first answer writes it: ``w - gradient - lam * w``.

    There is no learning rate in it. It serves as the control that real optimisers are held against.

    >>> weight = torch.ones(1, requires_grad=True)
    >>> weight.grad = torch.zeros(1)
    >>> AnswerUpdate([weight], lam=0.25).step()
    >>> weight.item()
    0.75
    """

    def __init__(self, params: list[torch.Tensor], lam: float) -> None:
        super().__init__(params, {"lam": lam})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take one step."""
        for group in self.param_groups:
            for weight in group["params"]:
                weight -= weight.grad + group["lam"] * weight


def recurrence_factor(iterates: np.ndarray) -> float:
    """Fit ``w[t+2] = p * w[t+1] + q * w[t]`` and return the largest modulus of a root of its polynomial.

    ``iterates`` has shape ``(T,)``, T at least 4. It is the long-run factor of any linear recurrence
    of second order, read from few steps.
    Raises ``ValueError`` for fewer iterates.

    >>> round(recurrence_factor(0.9 ** np.arange(6.0) + (-0.5) ** np.arange(6.0)), 9)
    0.9
    """
    if len(iterates) < 4:
        raise ValueError(f"{len(iterates)} iterates: allowed 4 or more")
    scaled = np.asarray(iterates, float) / np.abs(iterates).max()
    pair = np.stack([scaled[1:-1], scaled[:-2]], axis=1)
    (p, q), *_ = np.linalg.lstsq(pair, scaled[2:], rcond=None)
    return float(np.abs(np.roots([1.0, -p, -q])).max())


def measured_factor(make: Make, P: int, curvature: float, random: torch.Generator, steps: int = 5) -> float:
    """Return the long-run factor a step of the first of ``P`` weights under a real optimiser.

    The data loss is quadratic, with curvatures that fall evenly from ``curvature`` at the first
    weight to zero at the last. All weights but the first, which is one, start at random.
    Raises ``ValueError`` if ``P`` is below 1 or ``steps`` below 3.

    >>> from functools import partial
    >>> make = partial(torch.optim.SGD, lr=0.5, weight_decay=0.1)
    >>> from l2scaling.seeds import generator
    >>> round(measured_factor(make, 10, 0.9, generator(0)), 12)
    0.5
    """
    if P < 1 or steps < 3:
        raise ValueError(f"P {P}, steps {steps}: allowed 1 weight or more and 3 steps or more")
    start = torch.randn(P, generator=random, dtype=torch.float64)
    start[0] = 1
    spread = curvature * torch.linspace(1, 0, P, dtype=torch.float64)
    return recurrence_factor(trajectory(make, start, spread, steps))


@dataclass(frozen=True)
class CommonSetting:
    """A learning rate and decay that people train with; ``kind`` is SGD or AdamW of ``torch.optim``.

    >>> CommonSetting("SGD", 0.5, 0.1).share.__round__(12)
    0.05
    """

    kind: str
    learning_rate: float
    decay: float
    momentum: float = 0.0

    @property
    def name(self) -> str:
        """What a figure calls it."""
        tail = f", momentum {self.momentum:g}" if self.momentum else ""
        return f"{self.kind}, η = {self.learning_rate:g}, λ = {self.decay:g}{tail}"

    @property
    def share(self) -> float:
        """Part of a weight that a step takes in the long run, without data."""
        return 1 - heavy_ball_factor(self.learning_rate * self.decay, self.momentum)

    @property
    def make(self) -> Make:
        """The optimiser."""
        options = {"momentum": self.momentum} if self.momentum else {}
        kind = getattr(torch.optim, self.kind)
        return partial(kind, lr=self.learning_rate, weight_decay=self.decay, **options)


COMMON_SETTINGS = (
    CommonSetting("SGD", 0.1, 5e-4, 0.9),
    CommonSetting("SGD", 0.1, 5e-4),
    CommonSetting("AdamW", 3e-4, 0.1),
    CommonSetting("AdamW", 1e-3, 0.01),
)
"""Common settings of image classifiers with and without momentum, language models, torch's defaults."""


def measured_half_life(make: Make, steps: int = 1000) -> float:
    """Return a weight's half-life under a real optimiser with zero data gradient, in steps.

    It is extrapolated from the second half of ``2 * steps`` steps, when what momentum does at the
    start has died out.

    >>> from functools import partial
    >>> round(measured_half_life(partial(torch.optim.SGD, lr=0.5, weight_decay=0.1), 20), 2)
    13.51
    """
    path = trajectory(make, torch.ones(1, dtype=torch.float64), 0.0, 2 * steps)
    return steps * math.log(2) / math.log(path[steps] / path[-1])


def bisect(stable: Callable[[np.ndarray], np.ndarray], high: np.ndarray, halvings: int) -> np.ndarray:
    """Return where ``stable`` turns false, for many members at once, by halving from 0 to ``high``.

    ``stable(c)`` takes and returns arrays of the shape ``(M,)`` of ``high``. The result lies within
    ``high / 2**(halvings + 1)`` of a change, if there is one change per member.

    >>> bisect(lambda c: c < np.array([0.3, 0.5]), np.ones(2), 20).round(5).tolist()
    [0.3, 0.5]
    """
    low, high = np.zeros_like(high, float), np.array(high, float)
    for _ in range(halvings):
        middle = (low + high) / 2
        good = stable(middle)
        low, high = np.where(good, middle, low), np.where(good, high, middle)
    return (low + high) / 2
