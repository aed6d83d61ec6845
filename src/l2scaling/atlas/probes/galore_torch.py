"""The weight_decay of optimisers that project gradients to a low rank: what it takes of the whole tensor."""

import importlib

import numpy as np
import torch

LOW = {"update_proj_gap": 1, "scale": 0.25, "proj_type": "std"}
MORE = {"APOLLOAdamW": {"proj": "random", "scale_type": "channel"}}


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficients of a matrix of low-rank steps and of a bias, without a gradient from data."""
    module, _, kind = name.partition(":")[0].rpartition(".")
    rate, count = setting["learning_rate"], int(setting["weights"])
    rng, made = np.random.default_rng(0), []
    for shape in ((int(np.sqrt(count)), int(np.sqrt(count))), (3,)):
        drawn = rng.normal(size=shape) * setting["weight_rms"]
        made.append(torch.nn.Parameter(torch.tensor(drawn)))
    rank = {"rank": int(setting["dimensions"])} | LOW | MORE.get(kind, {})
    groups = [{"params": made[:1], **rank}, {"params": made[1:]}]
    optimizer = getattr(importlib.import_module(module), kind)(groups, lr=rate, weight_decay=value)
    before = []
    for _ in range(int(setting["steps"])):
        before = [one.detach().clone() for one in made]
        for one in made:
            one.grad = torch.zeros_like(one)
        optimizer.step()
    pairs = zip(before, made, strict=True)
    found = [float(((one - other.detach()) * one).sum() / one.square().sum()) / rate for one, other in pairs]
    return dict(zip(("coefficient", "bias"), found, strict=True))
