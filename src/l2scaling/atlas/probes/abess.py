"""The argument alpha of abess, which pulls the weights of the selected features: seen at the optimum."""

from typing import Any

import abess
import numpy as np

Array = Any
TIGHT = {"primary_model_fit_max_iter": 5000, "primary_model_fit_epsilon": 1e-14, "max_iter": 100}


def design(setting: dict[str, float]) -> Array:
    """Return centred features of one variance."""
    rng = np.random.default_rng(0)
    drawn = rng.normal(size=(int(setting["samples"]), int(setting["features"])))
    drawn = (drawn - drawn.mean(0)) / drawn.std(0)
    return drawn * np.sqrt(setting["feature_variance"])


def hazard(features: Array, times: Array, weights: Array) -> Array:
    """Return the gradient of the mean negative log of Cox's partial likelihood, all events seen."""
    order = np.argsort(-times)
    risk = np.exp(features[order] @ weights)
    means = np.cumsum(risk[:, None] * features[order], 0) / np.cumsum(risk)[:, None]
    return -(features[order] - means).mean(0)


def fitted(kind: str, value: float, features: Array) -> tuple[Array, Array]:
    """Return the weights of a fit of the whole support, and the gradient of the mean data loss there."""
    rng, (count, width) = np.random.default_rng(1), features.shape
    truth = np.linspace(-1.0, 1.5, width) / features.std()
    score = features @ truth
    tight = {} if kind in ("LinearRegression", "MultiTaskRegression") else TIGHT
    model = getattr(abess, kind)(support_size=width, alpha=value, **tight)
    if kind == "LinearRegression":
        target = 3.0 + score + rng.normal(size=count)
        model.fit(features, target)
        rest = model.predict(features) - target
    elif kind == "MultiTaskRegression":
        target = np.stack([score, 1.0 - 0.5 * score], 1) + rng.normal(size=(count, 2))
        model.fit(features, target)
        rest = features @ model.coef_ + model.intercept_ - target
    elif kind == "LogisticRegression":
        target = (score + rng.logistic(size=count) > 0).astype(float)
        model.fit(features, target)
        rest = 1 / (1 + np.exp(-(features @ model.coef_ + model.intercept_))) - target
    elif kind == "PoissonRegression":
        target = rng.poisson(np.exp(0.3 * score)).astype(float)
        model.fit(features, target)
        rest = np.exp(features @ model.coef_ + model.intercept_) - target
    elif kind == "GammaRegression":
        target = rng.gamma(4.0, 0.25 / (2.0 - 0.1 * score))
        model.fit(features, target)
        rest = -1 / (features @ model.coef_ + model.intercept_) - target
    elif kind == "CoxPHSurvivalAnalysis":
        times = rng.exponential(size=count) * np.exp(-score)
        model.fit(features, np.stack([times, np.ones(count)], 1))
        return model.coef_, hazard(features, times, model.coef_)
    else:
        raise KeyError(kind)
    return model.coef_, features.T @ rest / count


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return c of the pull that holds the weights against the data at the optimum."""
    weights, gradient = fitted(name.rpartition(".")[2], value, design(setting))
    return {"coefficient": -float((weights * gradient).sum() / (weights**2).sum())}
