"""Cost ``-c`` of ``liblinear``: the mean loss's own gradient at its optima."""

import numpy as np
from liblinear.liblinearutil import train

_SOLVERS = {
    "l2_logistic": 0, "l2_logistic_dual": 7, "l2_squared_hinge": 2, "l2_squared_hinge_dual": 1, "l2_hinge": 3,
    "l1_squared_hinge": 5, "l1_logistic": 6, "svr_squared": 11, "svr_squared_dual": 12,
}  # fmt: skip


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return what holds the weights, and the bias that ``-B 1`` adds."""
    part = name.partition(":")[2]
    solver = _SOLVERS[part]
    rng = np.random.default_rng(7)
    n, features = int(setting["samples"]), int(setting["features"])
    x = rng.normal(size=(n, features))
    y = 1 + x @ np.array([1.0, -1.5, 2.0, -1.2, 1.4, 1.1])[:features] + rng.normal(size=n)
    target = y if part.startswith("svr") else np.where(y + 2 * rng.normal(size=n) > 1, 1.0, -1.0)
    target[:1] = abs(target[:1])  # the first label is the positive one
    made = train(target.tolist(), x.tolist(), f"-s {solver} -c {value!r} -B 1 -e 1e-10 -p 0.1 -q")
    w = np.array([made.w[one] for one in range(features + 1)])
    with_one = np.c_[x, np.ones(n)]
    mean = with_one @ w
    margin = target * mean
    if part.endswith(("logistic", "logistic_dual")):
        push = target / (1 + np.exp(margin))
    elif part.startswith("svr"):
        left = target - mean
        push = 2 * np.sign(left) * np.maximum(np.abs(left) - 0.1, 0)
    elif "squared" in part:
        push = 2 * target * np.maximum(1 - margin, 0)
    else:
        if (margin >= 1).any():
            raise ValueError("a sample is beyond the margin, where the loss has a kink")
        push = target
    pull = with_one.T @ push / n
    if part.startswith("l1"):
        active = np.abs(w[:-1]) > 1e-6
        return {"coefficient": float(np.abs(pull[:-1][active]).mean())}
    found = {"coefficient": float(pull[:-1] @ w[:-1] / (w[:-1] @ w[:-1]))}
    return found | ({"bias": float(pull[-1] / w[-1])} if w[-1] else {})
