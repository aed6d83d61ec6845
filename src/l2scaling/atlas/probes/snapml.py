"""Penalty ``regularizer`` of ``snapml``: the mean loss's own gradient at its optima."""

import numpy as np
import snapml


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return what holds the weights, and the intercept where one is fitted."""
    path, _, part = name.partition(":")
    model = path.removeprefix("snapml.")
    rng = np.random.default_rng(7)
    n, features = int(setting["samples"]), int(setting["features"])
    x = rng.normal(size=(n, features))
    y = 1 + x @ np.array([1.0, -1.5, 2.0, -1.2, 1.4, 1.1])[:features] + rng.normal(size=n)
    options: dict[str, float | str] = {"regularizer": value, "tol": 1e-12, "max_iter": 20000}
    if part == "l1":
        options |= {"penalty": "l1", "dual": False}
    elif part == "l2":
        options |= {"fit_intercept": True}
    signs = np.where(y + 2 * rng.normal(size=n) > 1, 1.0, -1.0)
    made = getattr(snapml, model)(**options).fit(x, y if model == "LinearRegression" else signs)
    w, bias = np.ravel(made.coef_), float(np.ravel(made.intercept_)[0]) if part == "l2" else 0.0
    mean = x @ w + bias
    if model == "LinearRegression":
        push = y - mean
    elif model == "LogisticRegression":
        push = signs / (1 + np.exp(signs * mean))
    else:
        if (signs * mean >= 1).any():
            raise ValueError("a sample is beyond the margin, where the loss has a kink")
        push = signs
    pull = x.T @ push / n
    if part == "l1":
        return {"coefficient": float(np.abs(pull[np.abs(w) > 1e-6]).mean())}
    return {"coefficient": float(pull @ w / (w @ w))} | ({"bias": float(push.mean() / bias)} if bias else {})
