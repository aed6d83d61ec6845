"""Penalties of ``catboost``: what they take from the values of the leaves of trees with one split."""

import numpy as np
from catboost import CatBoostClassifier, CatBoostRegressor

_OPTIONS = {
    "depth": 1, "verbose": 0, "allow_writing_files": False, "boost_from_average": False,
    "bootstrap_type": "No", "random_seed": 0, "thread_count": 1,
}  # fmt: skip


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return what holds a leaf's values, against the mean loss of that leaf's samples."""
    path, _, part = name.partition(":")
    if part.startswith("shrink"):
        mode = "Decreasing" if part == "shrink_decreasing" else "Constant"
        return _shrunken(value, mode, setting["learning_rate"], int(setting.get("steps", 1)))
    n = int(setting["samples"])  # of the first leaf; the other has three times as many
    rng = np.random.default_rng(7)
    leaf = np.repeat([0.0, 1.0], [n, 3 * n])[:, None]
    weights = rng.uniform(0.5, 1.5, size=4 * n)
    weights *= setting["mean_weight"] / weights.mean()
    outputs = int(setting.get("outputs", 1))
    options = _OPTIONS | {"iterations": 1, "learning_rate": 1.0, "l2_leaf_reg": value}
    if path.endswith("Regressor"):
        target = leaf - 2 + rng.normal(size=(4 * n, outputs))
        if part:
            options["loss_function"] = part
        made = CatBoostRegressor(**options).fit(leaf, target, sample_weight=weights)
        pull, curvature = weights[:n] @ target[:n], weights[:n].sum()
    elif part == "MultiClass":
        classes = np.where(rng.uniform(size=4 * n) < 0.5, leaf[:, 0], rng.integers(outputs, size=4 * n))
        classes[:outputs] = np.arange(outputs)
        options["loss_function"] = part
        made = CatBoostClassifier(**options).fit(leaf, classes, sample_weight=weights)
        pull = weights[:n] @ (np.eye(outputs)[classes[:n].astype(int)] - 1 / outputs)
        curvature = weights[:n].sum() / outputs  # of values of which the sum is 0
    else:
        binary = (rng.uniform(size=4 * n) < 0.2 + 0.6 * leaf[:, 0]) * 1
        made = CatBoostClassifier(**options).fit(leaf, binary, sample_weight=weights)
        pull, curvature = weights[:n] @ (binary[:n] - 0.5), weights[:n].sum() / 4
    values = made.get_leaf_values().reshape(2, -1)[0]
    held = np.atleast_1d(pull) - curvature * values
    return {"coefficient": float(held @ values / (values @ values) / n)}


def _shrunken(value: float, mode: str, rate: float, trees: int) -> dict[str, float]:
    x, y = np.repeat([0.0, 1.0], 20)[:, None], np.repeat([1.0, 3.0], 20)
    found = []
    for count in (trees, trees + 1):
        options = _OPTIONS | {"iterations": count, "learning_rate": rate, "l2_leaf_reg": 0}
        made = CatBoostRegressor(**options, model_shrink_rate=value, model_shrink_mode=mode).fit(x, y)
        found.append(made.get_leaf_values().reshape(-1, 2)[0, 1])
    return {"coefficient": float((1 - found[1] / found[0]) / rate)}
