"""MindSpore's optimisers: what a step without a data gradient takes off, or which gradient stops a weight."""

import os

os.environ["GLOG_v"] = "3"  # noqa: SIM112

from typing import Any

import mindspore
import numpy as np
from mindspore.experimental import optim

_BESIDE = {"SGD", "Momentum", "AdamWeightDecay", "AdamW", "AdaFactor"}
_NAMES = {"coefficient": "fc.weight", "bias": "fc.bias", "gain": "norm.gamma"}
mindspore.set_context(mode=mindspore.PYNATIVE_MODE)
mindspore.set_device("CPU")


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficients of parameters named as a weight, a bias and a gain."""
    path, short = name.rpartition(".")[::2]
    made = getattr(optim if "experimental" in path else mindspore.nn, short)
    weights = int(setting["weights"])
    start = np.random.default_rng(weights).uniform(0.5, 2.0, (weights // 2, 2)) * np.array([1.0, -1.0])
    starts = [start, np.array([3.0, -2.0]), np.array([1.5, 0.5])]
    moves = _step(made, value, setting, starts, [0.0] * 3)
    if short in _BESIDE:
        shares = [
            float(((move - bare) * before).sum() / (before**2).sum() / setting["learning_rate"])
            for (before, move), (_, bare) in zip(
                moves, _step(made, 0.0, setting, starts, [0.0] * 3), strict=True
            )
        ]
        if short == "AdaFactor":
            return {"coefficient": shares[0], "weight_rms": float(np.sqrt((moves[0][0] ** 2).mean()))}
        return dict(zip(_NAMES, shares, strict=True))
    low, high = np.full(3, 1e-4), np.full(3, 10.0)
    for _ in range(24):  # the c of the data gradient −c·w that keeps the weights where they are
        middle = np.sqrt(low * high)
        gone = [(one * two).sum() for one, two in _step(made, value, setting, starts, list(-middle))]
        less = np.array(gone) > 0
        low, high = np.where(less, middle, low), np.where(less, high, middle)
    still = [not np.any(move) for _, move in moves]
    return dict(zip(_NAMES, np.where(still, 0.0, middle).tolist(), strict=True))


def _step(
    made: Any, value: float, setting: dict[str, float], starts: list[np.ndarray], pulls: list[float]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return each tensor before the last step, and what that step takes off."""
    weights = [
        mindspore.Parameter(mindspore.Tensor(one.astype(np.float32)), name=name)
        for one, name in zip(starts, _NAMES.values(), strict=True)
    ]
    words = {"lr" if "experimental" in made.__module__ else "learning_rate": setting["learning_rate"]}
    if made.__name__ == "Momentum":
        words["momentum"] = 0.0
    if made.__name__ == "AdaFactor":
        words |= {"relative_step": False}
    optimizer = made(weights, weight_decay=value, **words)
    for _ in range(int(setting["steps"])):
        before = [one.asnumpy().copy() for one in weights]
        pushes = [pull * one for pull, one in zip(pulls, before, strict=True)]
        optimizer(tuple(mindspore.Tensor(one.astype(np.float32)) for one in pushes))
    return [
        (one.astype(float), one.astype(float) - after.asnumpy())
        for one, after in zip(before, weights, strict=True)
    ]
