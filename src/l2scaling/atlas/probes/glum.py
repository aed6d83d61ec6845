"""Penalties of ``glum``: the mean loss's own gradient at its optima."""

import warnings

import numpy as np
from glum import GeneralizedLinearRegressor


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return what holds the weights, and the intercept."""
    warnings.simplefilter("ignore")
    family, part = name.partition(":")[2].split("_")[:2]
    rng = np.random.default_rng(7)
    n, features, ratio = int(setting["samples"]), int(setting["features"]), setting["l1_ratio"]
    spread = np.sqrt(setting.get("feature_variance", 1.0))
    x = rng.normal(size=(n, features))
    x = spread * (x - x.mean(axis=0)) / x.std(axis=0)
    y = 1 + x @ np.array([1.0, -1.5, 2.0, -1.2, 1.4, 1.1])[:features] / spread + rng.normal(size=n)
    weights = rng.uniform(0.5, 1.5, size=n) if not name.endswith("scaled") else np.ones(n)
    weights *= setting["mean_weight"] / weights.mean()
    target = {
        "normal": y, "binomial": (y + 2 * rng.normal(size=n) > 1) * 1.0, "poisson": np.floor(np.exp(y / 2)),
        "gamma": np.exp(y / 2),
    }[family]  # fmt: skip
    made = GeneralizedLinearRegressor(
        alpha=value, l1_ratio=ratio, family=family, link={"gamma": "log"}.get(family, "auto"),
        gradient_tol=1e-10, max_iter=5000, scale_predictors=name.endswith("scaled"),
    ).fit(x, target, sample_weight=weights)  # fmt: skip
    w, mean = made.coef_, made.predict(x)
    push = weights * ((target - mean) / mean if family == "gamma" else target - mean)
    pull = x.T @ push / n
    active = np.abs(w) > 1e-6
    columns = (np.c_[np.sign(w), w] * [ratio > 0, ratio < 1])[active]
    held = np.linalg.lstsq(columns, pull[active], rcond=None)[0]
    return {"coefficient": float(held[0 if part == "l1" else 1]), "bias": float(push.mean())}
