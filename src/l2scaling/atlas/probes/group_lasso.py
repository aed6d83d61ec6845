"""Penalties of ``group-lasso``: the mean loss's own gradient where its FISTA has ended."""

import warnings

import group_lasso
import numpy as np


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return what holds a group of weights, or each, and the intercept."""
    warnings.simplefilter("ignore")
    path, _, part = name.partition(":")
    model = path.removeprefix("group_lasso.")
    rng = np.random.default_rng(7)
    n, size, outputs = int(setting["samples"]), int(setting["group_size"]), int(setting.get("outputs", 1))
    groups = np.repeat([0, 1], size)
    x = rng.normal(size=(n, 2 * size)) * (1 if model == "GroupLasso" else 8)  # which its steps are short for
    true = rng.choice([-1.0, 1.0], size=(2 * size, outputs)) * rng.uniform(1, 2, size=(2 * size, outputs))
    y = 2 + x @ true / x.std() + rng.normal(size=(n, outputs))
    regs = {"group_reg": 0.0, "l1_reg": value} if part == "l1" else {"group_reg": value, "l1_reg": 0.0}
    scale = part if part in ("none", "inverse_group_size") else "group_size"
    made = getattr(group_lasso, model)(
        groups=groups, scale_reg=scale, n_iter=3000, tol=1e-9, supress_warning=True, **regs
    )
    if model == "GroupLasso":
        push = y - np.reshape(made.fit(x, y).predict(x), y.shape)
    else:
        noisy = y[:, 0] + 6 * rng.normal(size=n)
        classes = np.digitize(noisy, (0.0, 4.0) if model == "MultinomialGroupLasso" else (2.0,))
        target = classes if model == "MultinomialGroupLasso" else classes[:, None]
        push = np.eye(classes.max() + 1)[classes] - made.fit(x, target).predict_proba(x)
    pull = x.T @ push / n
    bias = {"bias": float(np.abs(push.mean(axis=0)).max())}
    if part == "l1":
        active = np.abs(np.reshape(made.coef_, pull.shape)) > 1e-6
        return {"coefficient": float(np.abs(pull[active]).mean())} | bias
    return {"coefficient": float(np.linalg.norm(pull.reshape(2, -1), axis=1).mean())} | bias
