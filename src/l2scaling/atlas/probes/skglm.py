"""Penalties of ``skglm``: the mean loss's own gradient at its optima."""

import warnings

import numpy as np
import skglm
from skglm import datafits, penalties, solvers

_TIGHT = {"tol": 1e-10, "max_iter": 1000}


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return what holds the weights, or a group of them, and the intercept."""
    warnings.simplefilter("ignore")
    path, _, part = name.partition(":")
    model = path.split(".")[-1]
    rng = np.random.default_rng(7)
    n, size, outputs = (
        int(setting["samples"]),
        int(setting.get("group_size", 1)),
        int(setting.get("outputs", 1)),
    )
    features = 3 * size if "group_size" in setting else int(setting.get("features", 3))
    x = np.asfortranarray(rng.normal(size=(n, features)))
    true = rng.choice([-1.0, 1.0], size=(features, outputs)) * rng.uniform(1, 2, size=(features, outputs))
    y = 2 + x @ true + rng.normal(size=(n, outputs))
    ratio = setting.get("l1_ratio", 0.0 if model == "LinearSVC" else 1.0)
    if model in ("SparseLogisticRegression", "LinearSVC"):
        signs = np.where(y[:, 0] + 3 * rng.normal(size=n) > 2, 1.0, -1.0)
        if model == "LinearSVC":
            fit = skglm.LinearSVC(C=value, **_TIGHT).fit(x, signs)
            w = np.ravel(fit.coef_)
            if (signs * (x @ w) >= 1).any():
                raise ValueError("a sample is beyond the margin, where the loss has a kink")
            return _held(w, -x.T @ signs / n, part, ratio)
        fit = skglm.SparseLogisticRegression(alpha=value, l1_ratio=ratio, **_TIGHT).fit(x, signs)
        push = signs / (1 + np.exp(signs * (x @ fit.coef_[0] + fit.intercept_)))
        return _held(fit.coef_[0], -x.T @ push / n, part, ratio) | {"bias": float(abs(push.mean()))}
    if model == "CoxEstimator":
        times, alive = np.exp(-x @ true[:, 0] / 2 + rng.normal(size=n) / 2), rng.uniform(size=n) < 0.3
        fit = skglm.CoxEstimator(alpha=value, l1_ratio=ratio, **_TIGHT).fit(x, np.c_[times, 1 - alive])
        return _held(fit.coef_, _cox(x, times, ~alive, fit.coef_) / n, part, ratio)
    if model in ("L1", "L1_plus_L2"):
        penalty = getattr(penalties, model)(value, *([ratio] if model == "L1_plus_L2" else []))
        solver = (
            solvers.LBFGS(**_TIGHT) if model == "L2" else solvers.AndersonCD(fit_intercept=True, **_TIGHT)
        )
        made = skglm.GeneralizedLinearEstimator(datafits.Quadratic(), penalty, solver)
    else:
        extra: dict[str, dict[str, float]] = {
            "GroupLasso": {"groups": size}, "ElasticNet": {"l1_ratio": ratio},
        }  # fmt: skip
        made = getattr(skglm, model)(alpha=value, **_TIGHT, **extra.get(model, {}))
    fit = made.fit(x, y if model == "MultiTaskLasso" else y[:, 0])
    left = y - x @ np.reshape(fit.coef_, (outputs, features)).T - fit.intercept_
    gradient, bias = -x.T @ left / n, {"bias": float(np.abs(left.mean(axis=0)).max())}
    if model in ("GroupLasso", "MultiTaskLasso"):
        norms = np.linalg.norm(gradient.reshape(-1, size * outputs), axis=1)
        return {"coefficient": float(norms.mean())} | bias
    return _held(np.ravel(fit.coef_), gradient[:, 0], part, ratio) | bias


def _held(w: np.ndarray, gradient: np.ndarray, part: str, ratio: float) -> dict[str, float]:
    active = np.abs(w) > 1e-9
    columns = np.c_[np.sign(w), w] * [ratio > 0, ratio < 1]
    fitted = np.linalg.lstsq(columns[active], -gradient[active], rcond=None)[0]
    return {"coefficient": float(fitted[1 if part == "l2" or ratio == 0 else 0])}


def _cox(x: np.ndarray, times: np.ndarray, died: np.ndarray, w: np.ndarray) -> np.ndarray:
    risk = np.exp(x @ w)
    total = np.zeros(x.shape[1])
    for row in np.flatnonzero(died):
        left = times >= times[row]
        total -= x[row] - risk[left] @ x[left] / risk[left].sum()
    return total
