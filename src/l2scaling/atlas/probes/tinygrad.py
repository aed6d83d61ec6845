"""Tinygrad's optimisers: what a step without a data gradient takes off."""

import os

os.environ["DEV"] = "PYTHON"

import numpy as np
import tinygrad.nn.optim
from tinygrad import Tensor
from tinygrad.helpers import Context


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficients of a matrix and a bias, of the step asked for."""
    short, rate, steps = name.rpartition(".")[2], setting["learning_rate"], int(setting["steps"])
    weights = int(setting["weights"])
    start = np.random.default_rng(weights).uniform(0.5, 2.0, (weights // 2, 2)) * np.array([1.0, -1.0])
    starts = (
        {"coefficient": start} if short == "Muon" else {"coefficient": start, "bias": np.array([3.0, -2.0])}
    )
    made = [Tensor(one.astype("float32")).is_param_() for one in starts.values()]
    words = {"momentum": 0.0} if short in ("SGD", "LARS") else {}
    optimizer = getattr(tinygrad.nn.optim, short)(made, lr=rate, weight_decay=value, **words)
    with Context(TRAINING=1):
        for _ in range(steps):
            before = [one.numpy().astype(float) for one in made]
            for one in made:
                one.grad = Tensor.zeros(*one.shape).contiguous()
            optimizer.step()
    shares = [
        float(((one - after.numpy()) * one).sum() / (one**2).sum()) / rate
        for one, after in zip(before, made, strict=True)
    ]
    return dict(zip(starts, shares, strict=True))
