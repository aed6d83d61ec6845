"""Networks whose layers are normalised, and runs that differ by a rescaling of weights and settings."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from l2scaling.training.modules import NO_EPSILON, descend, optimizer


class Rescaling(NamedTuple):
    """Powers of a factor on the weights that learning rate, coefficient and total must be given."""

    rate: int
    coefficient: int
    total: int


RESCALINGS = {"SGD": Rescaling(2, -2, 0), "Adam": Rescaling(1, -2, 0), "AdamW": Rescaling(1, -1, 1)}
"""The rescalings under which a normalised network trains alike, by a proposition of adaptive-optimizers."""


class Trajectory(NamedTuple):
    """A training run: outputs before each step and after the last, ``(steps + 1, N, K)``, and the
    total ``c/2 * sum(w**2)`` of the normalised layers at the end.
    """

    outputs: Tensor
    total: float


def train_rescaled(
    name: str, build: Callable[[], torch.nn.Sequential], data: tuple[Tensor, Tensor], learning_rate: float,
    coefficient: float, steps: int, factor: float = 1.0, rule: Rescaling | None = None,
) -> Trajectory:  # fmt: skip
    """Train a normalised network whose hidden weights start ``factor`` times as large.

    Learning rate and coefficient of the hidden layers are multiplied by the powers of ``factor``
    in ``rule`` (that of ``RESCALINGS`` unless given); the last layer, which no normalisation
    follows, keeps its own. Full batch, cross-entropy; Adam's epsilon is 1e-300, which vanishes beside
    every second moment but zero.
    """
    X, y = data
    powers = rule or RESCALINGS[name]
    model = build()
    *hidden, last = model.parameters()
    with torch.no_grad():
        for weight in hidden:
            weight.mul_(factor)
    c = coefficient * factor**powers.coefficient
    inner = {"params": hidden, "lr": learning_rate * factor**powers.rate, "weight_decay": c}
    mover = optimizer(name, learning_rate, coefficient, NO_EPSILON)([inner, {"params": [last]}])
    cost = torch.nn.functional.cross_entropy
    seen = descend(mover, lambda: cost(model(X), y), steps, lambda: model(X).detach())
    total = c / 2 * sum(weight.detach().square().sum().item() for weight in hidden)
    return Trajectory(torch.stack(seen), total)


def relative_difference(run: Trajectory, other: Trajectory) -> np.ndarray:
    """Return by step how far the outputs of two runs lie apart, in norm, relative to the first."""
    gaps = (run.outputs - other.outputs).flatten(1).norm(dim=1)
    return (gaps / run.outputs.flatten(1).norm(dim=1)).numpy()


def change_by_pull(model: torch.nn.Sequential, X: Tensor) -> tuple[int, float]:
    """Halve all weights but the last layer's by one SGD step along the pull; say what the outputs do.

    Returns how many outputs differ, and by how much relative to their norm. The model's weights
    change in place.
    """
    before, (*hidden, _) = model(X).detach(), model.parameters()
    for weight in hidden:
        weight.grad = torch.zeros_like(weight)
    optimizer("SGD", 1.0, 0.5)(hidden).step()
    after = model(X).detach()
    return int((before != after).sum()), ((before - after).norm() / before.norm()).item()
