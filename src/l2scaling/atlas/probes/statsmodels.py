"""Penalties of ``statsmodels``: the mean loss's own gradient where a penalised fit has ended."""

import warnings
from typing import Any

import cvxopt
import numpy as np
import statsmodels.api as sm
from statsmodels.discrete.conditional_models import ConditionalLogit, ConditionalPoisson
from statsmodels.gam.api import BSplines, GLMGam
from statsmodels.sandbox.regression.penalized import TheilGLS

_TRUE = np.array([1.5, 1.0, -1.2, 0.9, -1.1, 1.0, 0.8])


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return what holds the weights, and the constant, against the gradient of the mean loss."""
    warnings.simplefilter("ignore")
    path, _, part = name.partition(":")
    model = next(one for one in path.split(".") if one[0].isupper())
    rng = np.random.default_rng(7)
    n, features = int(setting["samples"]), int(setting.get("features", 3))
    x = sm.add_constant(rng.normal(size=(n, features)))
    weights = rng.uniform(0.5, 1.5, size=n)
    weights *= setting.get("mean_weight", 1.0) / weights.mean()
    mean, noise = x @ _TRUE[: features + 1], rng.normal(size=n)
    y = mean + noise
    ratio = setting.get("l1_ratio", 0.0 if part == "ridge" else 1.0)
    net = {"alpha": value, "L1_wt": ratio, "maxiter": 5000}
    if model in ("OLS", "WLS", "GLS"):
        return _squares(model, part, x, y, weights, net)
    if model == "GLM":
        return _general(part, x, y, np.floor(np.exp(mean / 2 + noise / 4)), weights, net)
    if model == "GLMGam":
        return _additive(part, x, y, np.floor(np.exp(mean / 2 + noise / 4)), value)
    if model == "TheilGLS":
        fit = TheilGLS(y, x).fit(pen_weight=value)
        shown = {"fitted_scale": float(sm.OLS(y, x).fit().mse_resid)}
        return _held(fit.params, -x.T @ (y - x @ fit.params) / n, "l2", 0.0) | shown
    if model == "MixedLM":
        return _mixed(x, y, rng, value)
    if model == "PHReg":
        dead = (rng.uniform(size=n) > 0.3) * 1
        cox = sm.PHReg(np.exp(noise / 3 - x[:, 1:] @ _TRUE[1 : features + 1]), x[:, 1:], status=dead)
        w = cox.fit_regularized(**net).params
        return _held(w, -cox.score(w) / n, part, ratio, constant=False)
    if model.startswith("Conditional"):
        made, counts = (
            (ConditionalLogit, (y > 1.5) * 1.0) if model == "ConditionalLogit"
            else (ConditionalPoisson, np.floor(np.exp(mean / 2 + noise / 4)))
        )  # fmt: skip
        conditional = made(counts, x[:, 1:], groups=np.repeat(np.arange(n // 5), 5))
        w = conditional.fit_regularized(**net).params
        varied = counts.reshape(-1, 5)[np.ptp(counts.reshape(-1, 5), axis=1) > 0].size
        used = {"samples": float(varied)} if model == "ConditionalLogit" else {}
        return _held(w, -conditional.score(w) / used.get("samples", n), part, ratio, constant=False) | used
    return _discrete(model, x, mean, noise, value)


def _held(w: Any, gradient: Any, part: str, ratio: float, *, constant: bool = True) -> dict[str, float]:
    """Split −gradient into a pull of fixed size and one like w; the first weight is the constant's."""
    w, pull = np.ravel(w), -np.ravel(gradient)
    rest = slice(1 if constant else 0, None)
    columns = np.c_[np.sign(w), w] * [ratio > 0, ratio < 1]
    active = np.abs(w[rest]) > 1e-6  # a weight at 0 may be held by less
    fitted = np.linalg.lstsq(columns[rest][active], pull[rest][active], rcond=None)[0]
    which = 0 if part == "l1" else 1
    found = {"coefficient": float(fitted[which])}
    if constant:
        others = columns[0, 1 - which] * fitted[1 - which]
        found["bias"] = float((pull[0] - others) / columns[0, which])
    return found


def _squares(model: str, part: str, x: Any, y: Any, weights: Any, net: dict[str, float]) -> dict[str, float]:
    n = len(y)
    if part == "sqrt_lasso":
        cvxopt.solvers.options.update(abstol=1e-9, reltol=1e-9, feastol=1e-9)
        w = sm.OLS(y, x).fit_regularized(method="sqrt_lasso", alpha=net["alpha"]).params
        left = y - x @ w
        return _held(w, -x.T @ left / n, "l1", 1.0) | {"fitted_scale": float(np.sqrt((left**2).mean()))}
    extra = {"OLS": {}, "WLS": {"weights": weights}, "GLS": {"sigma": 1 / weights}}[model]
    w = getattr(sm, model)(y, x, **extra).fit_regularized(**net).params
    return _held(w, -x.T @ ((weights if extra else 1.0) * (y - x @ w)) / n, part, net["L1_wt"])


def _general(part: str, x: Any, y: Any, counts: Any, weights: Any, net: dict[str, float]) -> dict[str, float]:
    n = len(y)
    if part == "ridge":
        gaussian = sm.GLM(y, x)
        w = gaussian.fit_regularized(
            alpha=net["alpha"], L1_wt=0, start_params=sm.OLS(y, x).fit().params
        ).params
        left = y - x @ w
        shown = {"fitted_scale": float(left @ left / (n - x.shape[1]))}
        return _held(w, -x.T @ left / n, part, 0.0) | shown
    poisson = sm.GLM(counts, x, family=sm.families.Poisson(), freq_weights=weights)
    w = poisson.fit_regularized(**net).params
    return _held(w, -x.T @ (weights * (counts - np.exp(x @ w))) / n, part, net["L1_wt"])


def _additive(part: str, x: Any, y: Any, counts: Any, value: float) -> dict[str, float]:
    spline = BSplines(x[:, 1:2], df=[8], degree=[3])
    gaussian = part == "gaussian"
    kind = sm.families.Gaussian() if gaussian else sm.families.Poisson()
    target = y if gaussian else counts
    fit = GLMGam(target, x[:, :1], smoother=spline, alpha=value, family=kind).fit(maxiter=500, tol=1e-14)
    basis = np.c_[x[:, :1], spline.basis]
    mean = basis @ fit.params
    pull = basis.T @ (target - (mean if gaussian else np.exp(mean))) / len(y)
    rough = spline.smoothers[0].cov_der2 @ fit.params[1:]
    return {"coefficient": float(rough @ pull[1:] / (rough @ rough)), "bias": float(pull[0] / fit.params[0])}


def _mixed(x: Any, y: Any, rng: Any, value: float) -> dict[str, float]:
    groups = np.arange(len(y)) // 10
    mixed = sm.MixedLM(y + rng.normal(size=len(y) // 10)[groups], x, groups)
    fit = mixed.fit_regularized(alpha=value, ptol=1e-13, ceps=1e-12)
    w, start = np.asarray(fit.fe_params), mixed.fit()
    covariance = start.scale * np.eye(len(y)) + (groups[:, None] == groups) * float(np.ravel(start.cov_re)[0])
    target = mixed.endog - x @ w
    return _held(w, -x.T @ np.linalg.solve(covariance, target) / len(y), "l1", 1.0)


def _discrete(model: str, x: Any, mean: Any, noise: Any, value: float) -> dict[str, float]:
    binary, counts = (mean + 2 * noise > 0) * 1.0, np.floor(np.exp(mean / 3 + noise / 2))
    classes = np.digitize(mean + 2 * noise, (0.0, 2.0))
    target = {"Logit": binary, "Probit": binary, "MNLogit": classes}.get(model, counts)
    fitted = getattr(sm, model)(target, x)
    fit = fitted.fit_regularized(alpha=value, disp=0, maxiter=5000, acc=1e-14, trim_mode="off")
    gradient = -np.asarray(fitted.score(np.asarray(fit.params).ravel(order="F"))) / len(mean)
    inner = x.shape[1]
    return _held(np.asarray(fit.params).ravel(order="F")[:inner], gradient[:inner], "l1", 1.0)
