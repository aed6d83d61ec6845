"""Penalties of XGBoost: what keeps a leaf or a linear weight off the optimum of its data."""

import numpy as np
import xgboost


def _linear(name: str, argument: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    N, F = int(setting["samples"]), int(setting["features"])
    rng = np.random.default_rng(N + F)
    X = rng.normal(size=(N, F))
    y = X @ rng.normal(1, 0.2, F) + rng.normal(0, 0.5, N) + 1.0
    y = (y > 1.2).astype(float) if name.endswith("Classifier") else y
    model = getattr(xgboost, name)(
        booster="gblinear", updater="coord_descent", feature_selector="cyclic", n_estimators=400,
        learning_rate=0.5, n_jobs=1, tolerance=0, **{"reg_lambda": 0.0, "reg_alpha": 0.0, argument: value},
    )  # fmt: skip
    model.fit(X, y, sample_weight=np.full(N, setting["mean_weight"]))
    coef, intercept = np.ravel(model.coef_).astype(float), float(np.ravel(model.intercept_)[0])
    out = model.predict(X, output_margin=True).astype(float)
    rest = setting["mean_weight"] * (y - (1 / (1 + np.exp(-out)) if name.endswith("Classifier") else out))
    pull, kept = X.T @ rest / N, np.abs(coef) > 1e-6
    shape = np.sign(coef) if argument == "reg_alpha" else coef
    found = np.sum(pull[kept] * shape[kept]) / np.sum(shape[kept] ** 2)
    return {"coefficient": float(found), "bias": float(rest.mean() / intercept)}


def _leaves(name: str, argument: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    N, rate = int(setting["samples"]), setting["learning_rate"]
    groups, classes = np.arange(N) % 4, name.endswith("Classifier")
    y = np.array([3.0, -2.0, 1.0, -4.0])[groups] + np.random.default_rng(N).normal(0, 0.1, N)
    y = (np.arange(N) // 4 % 10 < np.array([9, 2, 7, 0])[groups]).astype(float) if classes else y
    whole = {"subsample": 1.0, "colsample_bynode": 1.0} if "RF" in name else {}
    model = getattr(xgboost, name)(
        n_estimators=1, learning_rate=rate, base_score=0.5 if classes else 0.0, max_depth=4, n_jobs=1,
        min_child_weight=0, **whole, **{"reg_lambda": 0.0, "reg_alpha": 0.0, argument: value},
    )  # fmt: skip
    model.fit(groups[:, None], y, sample_weight=np.full(N, setting["mean_weight"]))
    leaves = model.predict(np.arange(4)[:, None], output_margin=True).astype(float) / rate
    slopes, curve = setting["mean_weight"] * (y - 0.5 * classes), 0.25 if classes else 1.0
    total = np.array([slopes[groups == group].sum() for group in range(4)])
    pull = (total - setting["mean_weight"] * curve * N / 4 * leaves) / N
    shape = np.sign(leaves) if argument == "reg_alpha" else leaves
    return {"coefficient": float(np.sum(pull * shape) / np.sum(shape**2))}


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficient of leaves, or of linear weights and the intercept."""
    path, _, part = name.partition(":")
    argument = "reg_alpha" if part.endswith("alpha") else "reg_lambda"
    made = _linear if part.startswith("gblinear") else _leaves
    return made(path.rpartition(".")[2], argument, value, setting)
