"""Penalties of boosting in ``interpret``: what they take from the values of one split in one round."""

import numpy as np
from interpret.glassbox import ExplainableBoostingClassifier, ExplainableBoostingRegressor

_ONE = {
    "interactions": 0, "outer_bags": 1, "inner_bags": 0, "validation_size": 0, "max_rounds": 1,
    "learning_rate": 1.0, "smoothing_rounds": 0, "interaction_smoothing_rounds": 0, "min_samples_leaf": 1,
    "min_hessian": 0, "greedy_ratio": 0, "cyclic_progress": False, "n_jobs": 1, "gain_scale": 1,
}  # fmt: skip


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return what holds the leaves' values, against the mean loss of a leaf's samples."""
    path, _, argument = name.partition(":")
    n = int(setting["samples"])  # of each of two leaves
    x = np.repeat([0.0, 1.0], n)[:, None]
    weights = np.full(2 * n, setting["mean_weight"])
    if path.endswith("Regressor"):
        made = ExplainableBoostingRegressor(**_ONE, **{argument: value})
        made.fit(x, np.repeat([-1.5, 1.5], n), sample_weight=weights)
        pull, curvature = 1.5, 1.0
    else:
        made = ExplainableBoostingClassifier(**_ONE, **{argument: value})
        ones = n * 8 // 10
        made.fit(x, np.repeat([0, 1, 0, 1], [ones, n - ones, n - ones, ones]), sample_weight=weights)
        pull, curvature = ones / n - 0.5, 0.25
    leaf = float(np.ravel(made.term_scores_[0])[2])
    held = setting["mean_weight"] * (pull - curvature * leaf)
    found = {"coefficient": held if argument == "reg_alpha" else held / leaf}
    return found | {"bias": float(np.abs(made.intercept_).max())}
