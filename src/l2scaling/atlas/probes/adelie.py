"""Penalties of ``adelie``: the mean loss's own gradient at its optima."""

import warnings

import adelie
import numpy as np


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return what holds a group of weights, and the intercept."""
    warnings.simplefilter("ignore")
    family, part = name.partition(":")[2].split("_")
    rng = np.random.default_rng(7)
    n, size, outputs = int(setting["samples"]), int(setting["group_size"]), int(setting.get("outputs", 1))
    features = 3 * size
    x = np.asfortranarray(rng.normal(size=(n, features)))
    true = rng.choice([-1.0, 1.0], size=(features, outputs)) * np.repeat([1.0, 1.5, 2.0], size)[:, None]
    noise = rng.normal(size=(n, outputs))
    mean = x @ true
    weights = rng.uniform(0.5, 1.5, size=n)
    weights *= setting.get("mean_weight", 1.0) / weights.mean()
    options = {"alpha": setting["l1_ratio"], "lmda_path": np.array([value]), "early_exit": False}
    options |= {"tol": 1e-13, "irls_tol": 1e-13, "progress_bar": False}
    if family == "multigaussian":
        target = 2 + mean + noise
        state = adelie.grpnet(x, adelie.glm.multigaussian(target, weights=weights), **options)
    else:
        options["groups"] = size * np.arange(3)
        target = {
            "gaussian": 2 + mean + noise,
            "binomial": (mean + 4 * noise > 0) * 1.0,
            "poisson": np.floor(np.exp(mean / np.std(mean) + noise / 4)),
        }[family]
        state = adelie.grpnet(x, getattr(adelie.glm, family)(target[:, 0], weights=weights), **options)
    w = np.asarray(state.betas.todense())[-1].reshape(features, outputs)
    fitted = x @ w + np.asarray(state.intercepts)[-1]
    if family == "binomial":
        fitted = 1 / (1 + np.exp(-fitted))
    elif family == "poisson":
        fitted = np.exp(fitted)
    push = weights[:, None] * (target - fitted)
    blocks = (-1, outputs) if family == "multigaussian" else (3, size)
    pull, w = np.reshape(x.T @ push / n, blocks), np.reshape(w, blocks)
    norms = np.linalg.norm(w, axis=1)
    along = (pull * w).sum(axis=1) / norms
    columns = np.c_[np.ones(len(norms)), norms] * [setting["l1_ratio"] > 0, setting["l1_ratio"] < 1]
    held = np.linalg.lstsq(columns, along, rcond=None)[0]
    return {
        "coefficient": float(held[1 if part == "ridge" else 0]),
        "bias": float(np.abs(push.mean(axis=0)).max()),
    }
