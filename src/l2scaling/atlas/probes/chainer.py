"""Chainer's hooks and the optimisers that decay: what a step without a data gradient takes off."""

import chainer
import numpy as np


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficients of a matrix, a bias and a gain."""
    short, rate = name.rpartition(".")[2], setting["learning_rate"]
    weights, steps = int(setting["weights"]), int(setting["steps"])
    start = np.random.default_rng(weights).uniform(0.5, 2.0, (weights // 2, 2)) * np.array([1.0, -1.0])
    link = chainer.Link()
    with link.init_scope():
        for what, one in (("w", start), ("b", np.array([3.0, -2.0])), ("g", np.array([1.5, 0.5]))):
            setattr(link, what, chainer.Parameter(one.copy()))
    hook = short in ("WeightDecay", "Lasso", "GradientLARS")
    if hook:
        optimizer = chainer.optimizers.SGD(lr=rate)
    elif short == "MSVAG":
        optimizer = chainer.optimizers.MSVAG(lr=rate, weight_decay_rate=value)
    else:
        optimizer = getattr(chainer.optimizers, short)(alpha=rate, weight_decay_rate=value)
    optimizer.setup(link)
    if hook:
        words = {"weight_decay": value} if short == "GradientLARS" else {"rate": value}
        optimizer.add_hook(getattr(chainer.optimizer_hooks, short)(**words))
    for _ in range(steps):
        before = {what: getattr(link, what).array.copy() for what in "wbg"}
        for what, one in before.items():
            getattr(link, what).grad = np.zeros_like(one)
        optimizer.update()
    found = []
    for what, one in before.items():
        moved = (one - getattr(link, what).array) / rate
        if short == "Lasso":
            found.append(float((moved * np.sign(one)).mean()))
        else:
            found.append(float((moved * one).sum() / (one**2).sum()))
    return dict(zip(("coefficient", "bias", "gain"), found, strict=True))
