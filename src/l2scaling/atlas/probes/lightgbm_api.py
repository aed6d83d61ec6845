"""Penalties of LightGBM: what keeps a leaf, or the slope in one, off the optimum of its data."""

from typing import Any

import lightgbm
import numpy as np

PLAIN: dict[str, Any] = {
    "boost_from_average": False, "min_child_samples": 1, "min_child_weight": 0, "min_data_in_bin": 1,
    "verbosity": -1, "n_jobs": 1, "deterministic": True, "reg_lambda": 0.0,
}  # fmt: skip


def _model(name: str, X: np.ndarray, y: np.ndarray, weight: float, **options: Any) -> Any:
    categories = options.pop("categorical_feature", "auto")
    model = getattr(lightgbm, name)(**PLAIN | {"n_estimators": 1} | options)
    return model.fit(X, y, sample_weight=np.full(len(y), weight), categorical_feature=categories)


def _slopes(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Read the second tree, as the first has constant leaves."""
    N, weight = int(setting["samples"]), setting["mean_weight"]
    rng = np.random.default_rng(N)
    x = rng.normal(size=N)
    y = x + np.abs(x) + rng.normal(0, 0.1, N)
    model = _model(
        name, x[:, None], y, weight, linear_tree=True, linear_lambda=value, num_leaves=2, n_estimators=2,
        learning_rate=setting["learning_rate"],
    )  # fmt: skip
    rest = y - model.predict(x[:, None], num_iteration=1)
    fitted = model.predict(x[:, None], start_iteration=1, num_iteration=1) / setting["learning_rate"]
    leaves = model.predict(x[:, None], pred_leaf=True)[:, 1]
    found, bias = [], []
    for leaf in (0, 1):
        here = leaves == leaf
        slope, constant = np.polyfit(x[here], fitted[here], 1)
        missed = weight * (rest - fitted)[here]
        found.append((float(missed @ x[here]) / N, slope))
        bias.append((float(missed.sum()) / N, constant))
    both = (
        sum(pull * one for pull, one in pairs) / sum(one**2 for _, one in pairs) for pairs in (found, bias)
    )
    return dict(zip(("coefficient", "bias"), map(float, both), strict=True))


def _leaves(name: str, part: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    N, rate, weight = int(setting["samples"]), setting["learning_rate"], setting["mean_weight"]
    groups, classes = np.arange(N) % 8, name.endswith("Classifier")
    y = np.array([3.0, -2.0, 1.0, -4.0, 2.5, -1.0, 4.0, -3.5])[groups]
    y = (np.arange(N) // 8 % 5 < np.array([4, 1, 3, 0, 4, 2, 5, 1])[groups]).astype(float) if classes else y
    options: dict[str, Any] = {"num_leaves": 8, part or "reg_lambda": value}
    if part == "cat_l2":
        options |= {"num_leaves": 2, "cat_smooth": 0.0, "min_data_per_group": 1, "categorical_feature": [0]}
    if part == "path_smooth":
        options |= {"num_leaves": 2, "min_child_samples": 2}
    if part in ("cat_l2", "path_smooth"):
        options |= {"max_cat_to_onehot": 4}
    model = _model(name, groups[:, None].astype(float), y, weight, learning_rate=rate, **options)
    at = np.arange(8.0)[:, None]
    leaves = (model.predict(at, raw_score=True) / rate)[groups]
    slopes, curve = weight * (y - 0.5 * classes), 0.25 if classes else 1.0
    which = model.predict(groups[:, None].astype(float), pred_leaf=True).ravel()
    pulls, shapes = [], []
    for leaf in np.unique(which):
        here = which == leaf
        pulls.append(float(np.sum(slopes[here] - weight * curve * leaves[here])) / N)
        shapes.append(float(np.sign(leaves[here][0]) if part == "reg_alpha" else leaves[here][0]))
    return {"coefficient": float(np.dot(pulls, shapes) / np.dot(shapes, shapes))}


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficient of leaves, or of the slopes in them and their constants."""
    path, _, part = name.partition(":")
    if part == "linear_lambda":
        return _slopes(path.rpartition(".")[2], value, setting)
    return _leaves(path.rpartition(".")[2], part, value, setting)
