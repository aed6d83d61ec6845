"""Penalty ``lam`` of the terms of ``pygam``: the mean loss's own gradient at its optima."""

import numpy as np
import pygam


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return what holds a term's weights, along its penalty, and the intercept."""
    path, _, part = name.partition(":")
    model = path.removeprefix("pygam.")
    rng = np.random.default_rng(7)
    n, features = int(setting["samples"]), int(setting["features"])
    x = rng.uniform(-1.7, 1.7, size=(n, features))
    y = 1 + x @ np.array([1.0, -1.5, 2.0, -1.2, 1.4, 1.1])[:features] + rng.normal(size=n)
    weights = rng.uniform(0.5, 1.5, size=n)
    weights *= setting["mean_weight"] / weights.mean()
    target = {"LogisticGAM": (y > 1) * 1, "PoissonGAM": np.floor(np.exp(y / 3))}.get(model, y)
    terms = pygam.s(0, lam=value, n_splines=8) if part == "spline" else pygam.l(0, lam=value)
    for one in range(1, features):
        terms += pygam.l(one, lam=value)
    made = getattr(pygam, model)(terms, tol=1e-12, max_iter=2000).fit(x, target, weights=weights)
    push = weights * (target - made.predict_mu(x))
    held = made.terms.get_coef_indices(0)
    basis = np.asarray(made._modelmat(x).todense())
    w, pull = made.coef_[held], basis[:, held].T @ push / n
    if part == "spline":
        differences = np.diff(np.eye(len(w)), n=2, axis=0)
        w = differences.T @ differences @ w
    return {"coefficient": float(pull @ w / (w @ w)), "bias": float(abs(push.mean()))}
