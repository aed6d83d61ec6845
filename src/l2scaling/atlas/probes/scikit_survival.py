"""Scikit-survival: what the coefficients of a fitted model leave of the gradient of its data loss."""

import numpy as np
from sksurv.linear_model import CoxnetSurvivalAnalysis, CoxPHSurvivalAnalysis, IPCRidge
from sksurv.svm import FastSurvivalSVM
from sksurv.util import Surv


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficient on the weights, or on the signs of those that are not zero."""
    samples, features = int(setting["samples"]), int(setting["features"])
    rng = np.random.default_rng(samples)
    inputs = rng.normal(size=(samples, features)) * setting["feature_variance"] ** 0.5
    inputs -= inputs.mean(axis=0)
    times = rng.exponential(np.exp(-inputs.sum(axis=1) / inputs.std())) + 0.1
    events = rng.uniform(size=samples) < 0.7
    path, _, part = name.partition(":")
    if "Cox" not in path:
        return _linear(path, value, inputs, times)
    target = Surv.from_arrays(events, times)
    if "Coxnet" in path:
        model = CoxnetSurvivalAnalysis(
            alphas=[value], l1_ratio=setting["l1_ratio"], tol=1e-14, max_iter=1000000
        )
        found = model.fit(inputs, target).coef_[:, 0]
    else:
        found = CoxPHSurvivalAnalysis(alpha=value, tol=1e-12, n_iter=500).fit(inputs, target).coef_
    risks = np.exp(inputs @ found)
    later = times[None, :] >= times[:, None]
    centres = (later * risks) @ inputs / (later @ risks)[:, None]
    left = events @ (inputs - centres) / samples
    if not part:
        return {"coefficient": float(left @ found / (found @ found))}
    active = np.abs(found) > 1e-6
    design = np.column_stack([np.sign(found[active]), found[active]])
    sizes = np.linalg.lstsq(design, left[active], rcond=None)[0]  # both penalties of an elastic net at once
    return {"coefficient": float(sizes[("l1", "l2").index(part)])}


def _linear(path: str, value: float, inputs: np.ndarray, times: np.ndarray) -> dict[str, float]:
    """Fit to times that are all observed, which leaves weights of one."""
    target = Surv.from_arrays(np.ones(len(times), dtype=bool), times)
    if "SVM" in path:
        model = FastSurvivalSVM(alpha=value, rank_ratio=0.0, fit_intercept=True, tol=1e-12, max_iter=1000)
        model.fit(inputs, target)
        left = np.log(times) - inputs @ model.coef_ - model.intercept_
    else:
        model = IPCRidge(alpha=value).fit(inputs, target)
        left = np.log(times) - inputs @ model.coef_ - model.intercept_
    pull, bias = inputs.T @ left / len(times), left.mean()
    return {
        "coefficient": float(pull @ model.coef_ / (model.coef_ @ model.coef_)),
        "bias": float(bias / model.intercept_),
    }
