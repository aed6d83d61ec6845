"""Penalties of ``asgl``: the mean loss's own gradient at the optima of its convex programs."""

import warnings

import numpy as np
from asgl import Regressor


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return what holds the weights, or a group of them, and the intercept."""
    warnings.simplefilter("ignore")
    model, penalty, part = [*name.partition(":")[2].split("_"), ""][:3]
    rng = np.random.default_rng(7)
    n, size, ratio = int(setting["samples"]), int(setting["group_size"]), setting.get("l1_ratio", 0.0)
    groups = np.repeat([0, 1], size)
    x = rng.normal(size=(n, 2 * size))
    y = 2 + x @ (rng.choice([-1.0, 1.0], size=2 * size) * rng.uniform(1, 2, size=2 * size))
    noise = rng.normal(size=n)
    target = y + noise if model == "lm" else (y + 4 * noise > 2) * 1.0
    made = Regressor(model=model, penalization=penalty, lambda1=value, alpha=ratio, tol=1e-9)
    fit = made.fit(x, target, **({"group_index": groups} if penalty in ("gl", "sgl") else {}))
    mean = x @ fit.coef_ + fit.intercept_
    left = target - (mean if model == "lm" else 1 / (1 + np.exp(-mean)))
    pull, w, bias = x.T @ left / n, fit.coef_, {"bias": float(abs(left.mean()))}
    if penalty == "ridge":
        return {"coefficient": float(pull @ w / (w @ w))} | bias
    if penalty == "lasso":
        return {"coefficient": float(np.abs(pull[np.abs(w) > 1e-4]).mean())} | bias
    if penalty == "gl":
        return {"coefficient": float(np.linalg.norm(pull.reshape(2, -1), axis=1).mean())} | bias
    columns = np.c_[
        np.sign(w), (w.reshape(2, -1) / np.linalg.norm(w.reshape(2, -1), axis=1)[:, None]).ravel()
    ]
    active = np.abs(w) > 1e-4
    fitted = np.linalg.lstsq(columns[active], pull[active], rcond=None)[0]
    return {"coefficient": float(fitted[0 if part == "l1" else 1])} | bias
