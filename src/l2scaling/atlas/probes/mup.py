"""The weight_decay of ``mup``: what a step takes of a wide network's matrix and bias, or pulls at them."""

from typing import Any

import mup
import numpy as np
import torch

BASE = 4


def network(width: int) -> torch.nn.Sequential:
    """Return a network of three layers, of which the middle one grows on both sides."""
    parts = [torch.nn.Linear(3, width), torch.nn.Linear(width, width), mup.MuReadout(width, 2)]
    return torch.nn.Sequential(*parts).double()


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficients of a matrix and of a bias, or of a first layer where that is asked."""
    path, _, part = name.partition(":")
    kind, rate = path.rpartition(".")[2], setting["learning_rate"]
    width = round(BASE * setting["width_ratio"])
    model, shown = network(width), {"width_ratio": width / BASE}
    mup.set_base_shapes(model, network(BASE), delta=network(2 * BASE))
    rng = np.random.default_rng(0)
    for one in model.parameters():
        drawn = torch.tensor(rng.normal(size=one.shape))
        one.data = drawn * setting["weight_rms"] / drawn.square().mean().sqrt()
        one.grad = torch.zeros_like(one)
    extra = {"eps": 1.0} if kind == "MuAdam" else {}  # so that a step tells how large its gradient was
    optimizer = getattr(mup, kind)(model.parameters(), lr=rate, weight_decay=value, **extra)
    before = {id(one): one.detach().clone() for one in model.parameters()}
    rates = {id(one): group["lr"] for group in optimizer.param_groups for one in group["params"]}
    optimizer.step()

    def found(one: Any) -> float:
        old = before[id(one)]
        if kind != "MuAdam":
            return float(((old - one.detach()) * old).sum() / old.square().sum() / rate)
        step = ((old - one.detach()) / rates[id(one)]).abs()  # |g|/(|g| + 1)
        return float((step / (1 - step) * old.abs()).sum() / old.square().sum())

    first, middle = model[0], model[1]
    if part == "matrices":
        return {"coefficient": found(middle.weight)} | shown
    weight = (first if part == "vectors" else middle).weight
    return {"coefficient": found(weight), "bias": found(first.bias)} | shown
