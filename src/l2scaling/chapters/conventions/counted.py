"""Penalties that count: what a coefficient is at two sizes, by the calls of the atlas, and one line."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch

from l2scaling import frameworks
from l2scaling.atlas.calls import Call
from l2scaling.atlas.conventions import find

SIZES = ("weights", "features", "group_size", "outputs", "dimensions")
"""Quantities of the atlas that say how large what is penalised is."""


def at_two_sizes(calls: Iterable[Call]) -> list[dict[str, str | float]]:
    """Return, for every API whose formula holds a size, two of its calls that differ in that size alone.

    Of parts of one API with the same power of the same size the first stands for all. The last column is
    that power: the log of the coefficients' ratio over the log of the sizes'.

    >>> calls = [Call("share_per_step", "", "1", "", 0.1, {"learning_rate": 4.0}, 0.2)]
    >>> at_two_sizes(calls)  # which holds no size
    []
    """
    found: dict[tuple[str, str, float], dict[str, str | float]] = {}
    by_row: dict[str, list[Call]] = {}
    for one in calls:
        by_row.setdefault(one.row, []).append(one)
    for name, own in by_row.items():
        row = find(name)
        for size in SIZES:
            if size in row.counts and (pair := _pair(own, size)):
                small, large = pair
                ratio, growth = (
                    large.coefficient / small.coefficient,
                    large.setting[size] / small.setting[size],
                )
                power = float(np.log(ratio) / np.log(growth))
                sizes = f"{size.replace('_', ' ')} {small.setting[size]:g}, {large.setting[size]:g}"
                line: dict[str, str | float] = {
                    "API": row.path, "size": sizes, "c": small.coefficient, "c, larger": large.coefficient,
                    "power": round(power, 3),
                }  # fmt: skip
                found.setdefault((row.path, size, round(power, 2)), line)
    return list(found.values())


def _pair(calls: Sequence[Call], size: str) -> tuple[Call, Call] | None:
    """Return two calls that differ in one quantity alone, the smaller first; the first there are."""
    for one in calls:
        for other in calls:
            rest = [
                {key: number for key, number in call.setting.items() if key != size} for call in (one, other)
            ]
            if one.value == other.value and rest[0] == rest[1] and one.setting[size] < other.setting[size]:
                return one, other
    return None


def mean_of_squares(value: float, shape: Sequence[int], divided: bool, seed: int) -> float:
    """Return c of a tensor whose Keras L2 penalty is divided by its number of weights, or is not.

    That is the line of Mask R-CNN's training code: ``keras.regularizers.L2(value)(w) / size(w)``. The
    pull is the gradient of the penalty by autograd, and c its ratio to the weights.

    >>> round(mean_of_squares(1e-4, (2, 5), divided=True, seed=0), 9)
    2e-05
    """
    w = torch.tensor(np.random.default_rng(seed).normal(size=shape), requires_grad=True)
    penalty = frameworks.keras().regularizers.L2(value)(w) / (w.numel() if divided else 1)
    penalty.backward()
    assert w.grad is not None
    return float((w.grad * w.detach()).sum() / (w.detach() ** 2).sum())
