"""Penalties of ``celer``: the mean loss's own gradient at its optima."""

import celer
import numpy as np


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return what holds the weights, or a group of them, and the intercept."""
    path, _, part = name.partition(":")
    model = path.removeprefix("celer.")
    rng = np.random.default_rng(7)
    n, size, outputs = (
        int(setting["samples"]),
        int(setting.get("group_size", 1)),
        int(setting.get("outputs", 1)),
    )
    features = 3 * size if "group_size" in setting else int(setting.get("features", 3))
    x = rng.normal(size=(n, features))
    true = rng.choice([-1.0, 1.0], size=(features, outputs)) * rng.uniform(1, 2, size=(features, outputs))
    y = 2 + x @ true + rng.normal(size=(n, outputs))
    options = {"tol": 1e-12, "max_iter": 1000}
    if model == "LogisticRegression":
        signs = np.where(y[:, 0] + 3 * rng.normal(size=n) > 2, 1.0, -1.0)
        logistic = celer.LogisticRegression(C=value, **options).fit(x, signs)
        gradient = -x.T @ (signs / (1 + np.exp(signs * (x @ logistic.coef_[0])))) / n
        return _held(logistic.coef_[0], gradient, "l1", 1.0)
    extra: dict[str, dict[str, float]] = {
        "GroupLasso": {"groups": size},
        "ElasticNet": {"l1_ratio": setting.get("l1_ratio", 1.0)},
    }
    made = getattr(celer, model)(alpha=value, **options, **extra.get(model, {}))
    fit = made.fit(x, y if model == "MultiTaskLasso" else y[:, 0])
    left = y - x @ fit.coef_.reshape(outputs, features).T - fit.intercept_
    gradient = -x.T @ left / n
    bias = float(np.abs(left.mean(axis=0)).max())
    if model in ("GroupLasso", "MultiTaskLasso"):
        norms = np.linalg.norm(gradient.reshape(-1, size * outputs), axis=1)
        return {"coefficient": float(norms.mean()), "bias": bias}
    return _held(np.ravel(fit.coef_), gradient[:, 0], part or "l1", setting.get("l1_ratio", 1.0)) | {
        "bias": bias
    }


def _held(w: np.ndarray, gradient: np.ndarray, part: str, ratio: float) -> dict[str, float]:
    active = np.abs(w) > 1e-9
    columns = np.c_[np.sign(w), w] * [ratio > 0, ratio < 1]
    fitted = np.linalg.lstsq(columns[active], -gradient[active], rcond=None)[0]
    return {"coefficient": float(fitted[0 if part == "l1" else 1])}
