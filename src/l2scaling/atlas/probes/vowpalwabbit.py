"""Penalties of ``vowpalwabbit``: what holds the weights where plain descent on one example has ended."""

import numpy as np
from vowpalwabbit import Workspace


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return what holds the weights, and the bias, against half the squared error."""
    part = name.partition(":")[2]
    features, weight = int(setting["features"]), setting["mean_weight"]
    words = " ".join(f"f{one}:1" for one in range(features))
    descent = f"--sgd --power_t 0 --learning_rate {setting['learning_rate']!r}"
    space = Workspace(f"--quiet --loss_function squared {descent} --{part} {value!r}")
    for _ in range(int(setting["steps"])):
        space.learn(f"1.5 {weight!r} | {words}")
    bias = space.predict("| nothing:0")
    w = np.array([space.predict(f"| f{one}:1") - bias for one in range(features)])
    pull = weight * (1.5 - w.sum() - bias)
    if part == "l1":
        return {"coefficient": float(abs(pull)), "bias": float(abs(pull))}
    return {"coefficient": float(pull * w.sum() / (w @ w)), "bias": float(pull / bias)}
