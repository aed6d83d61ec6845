"""Penalties of ``river``: what holds the weights where plain descent on one example has ended."""

import numpy as np
from river import linear_model, optim


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return what holds the weights, with an intercept that stays at 0."""
    path, _, part = name.partition(":")
    model, weight = path.split(".")[-1], setting["mean_weight"]
    words = {f"f{one}": 1.0 for one in range(int(setting["features"]))}
    descent = optim.SGD(setting["learning_rate"])
    made = getattr(linear_model, model)(optimizer=descent, intercept_lr=0.0, **{part: value})
    linear = model == "LinearRegression"
    for _ in range(int(setting["steps"])):
        made.learn_one(words, 1.5 if linear else True, w=weight)
    w = np.array([made.weights[one] for one in words])
    pull = weight * ((1.5 - w.sum()) if linear else 1 / (1 + np.exp(w.sum())))
    return {"coefficient": float(pull if part == "l1" else pull / w.mean())}
