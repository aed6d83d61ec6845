"""Penalties in the objectives of ``jaxopt``: what they add to the gradient, and what its solvers reach."""

import jax
import numpy as np
from jaxopt import ProximalGradient, objective, prox

jax.config.update("jax_enable_x64", True)


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return what holds the weights, and the intercept where there is one."""
    call = name.split(".")[-1].partition(":")
    n, features, outputs = (int(setting[one]) for one in ("samples", "features", "outputs"))
    rng = np.random.default_rng(7)
    x = rng.normal(size=(n, features))
    w = rng.choice([-1.0, 1.0], size=(features, outputs)) * rng.uniform(1, 2, size=(features, outputs))
    y = x @ w + rng.normal(size=(n, outputs))
    if call[0].startswith("l2_multiclass"):
        classes = rng.integers(outputs, size=n)
        function = getattr(objective, call[0])
        start = (w, np.ones(outputs)) if call[0].endswith("intercept") else w
        with_, without = (jax.grad(function)(start, one, (x, classes)) for one in (value, 0.0))
        if not call[0].endswith("intercept"):
            return {"coefficient": float(np.sum(np.asarray(with_ - without) * w) / np.sum(w * w))}
        found = float(np.sum(np.asarray(with_[0] - without[0]) * w) / np.sum(w * w))
        return {"coefficient": found, "bias": float(np.abs(np.asarray(with_[1] - without[1])).max())}
    if call[0] == "ridge_regression":
        with_, without = (jax.grad(objective.ridge_regression)(w, one, (x, y)) for one in (value, 0.0))
        shared = float(np.sum(np.asarray(with_ - without) * w) / np.sum(w * w))
        # of an objective that is a share of the mean over samples of half the squared errors' sum
        data = np.asarray(without)
        return {"coefficient": shared * float(np.sum((x.T @ (x @ w - y) / n) * data) / np.sum(data * data))}
    made = ProximalGradient(objective.least_squares, getattr(prox, call[0]), maxiter=20000, tol=1e-12)
    reg = (value, 0.5) if call[0] == "prox_elastic_net" else value
    fit = np.asarray(made.run(np.zeros(features), reg, (x, y[:, 0])).params)
    pull = x.T @ (y[:, 0] - x @ fit) / n
    columns = np.c_[np.sign(fit), fit] * [call[0] != "prox_ridge", call[0] != "prox_lasso"]
    active = np.abs(fit) > 1e-9
    held = np.linalg.lstsq(columns[active], pull[active], rcond=None)[0]
    return {"coefficient": float(held[1 if call[0] == "prox_ridge" or call[2] == "l2" else 0])}
