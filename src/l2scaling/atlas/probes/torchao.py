"""Optimisers of torchao with states of few bits: what decay takes in a step, or which pull it stands for."""

import numpy as np
import torch
from torchao import optim

torch.compiler.set_stance("force_eager")  # the same arithmetic, without minutes of compiling


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficients of a matrix and a bias in the last step, without a gradient from data.

    Those of Adam are read off its first step at ε = 1, where a gradient g moves a weight by ηg/(1 + |g|).
    """
    kind, rate, count = name.rpartition(".")[2], setting["learning_rate"], int(setting["weights"])
    coupled = "W" not in kind
    rng, made = np.random.default_rng(0), []
    for shape in ((2, count // 2), (count,)):
        drawn = torch.tensor(rng.normal(size=shape), dtype=torch.float32)
        one = torch.nn.Parameter(drawn * setting.get("weight_rms", 1.0) / drawn.square().mean().sqrt())
        one.grad = torch.zeros_like(one)
        made.append(one)
    given = {"eps": 1.0} if coupled else {}
    optimizer = getattr(optim, kind)(made, lr=rate, weight_decay=value, **given)
    before = []
    for _ in range(int(setting.get("steps", 1))):
        before = [one.detach().double().clone() for one in made]
        optimizer.step()
    found = []
    for one, first in zip(made, before, strict=True):
        lost = (first - one.detach().double()) / rate
        pull = lost / (1 - lost.abs()) if coupled else lost
        found.append(float((pull * first).sum() / first.square().sum()))
    return dict(zip(("coefficient", "bias"), found, strict=True))
