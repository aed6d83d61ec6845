"""Ridge under copies of its features, as a page runs it in a browser: numpy and ``laws.ridge`` alone."""

from typing import Any

import numpy as np

from l2scaling.laws.ridge import clone_features, ridge_path

COEFFICIENTS = 2.0 ** (np.arange(-64, 57) / 4)
"""Where the curves are drawn: penalty coefficients c, four to a factor of two."""

ALLOWED: dict[str, tuple[float, float]] = {
    "features": (2, 100), "samples": (5, 300), "copies": (1, 64),
    "noise": (0.01, 10), "coefficient": (1e-4, 1e4), "seed": (0, 2**32 - 1),
}  # fmt: skip


def clones(
    *, features: int, samples: int, copies: int, noise: float, coefficient: float, seed: int
) -> dict[str, Any]:
    """Return what ridge does with P features, and with ``copies`` of each, at one c and over all.

    The data loss is ``|y - Xw|^2 / (2N)``, the penalty ``c/2 * |w|^2``, so ``alpha = N c``. Inputs are
    standard normal, ``y = X b + noise * e`` with ``|b| = 1``; ``risks`` are expected squared errors on a
    new sample, ``noise^2 + |u - b|^2``, where u adds up the weights of the copies of a feature. ``pull``
    is the root mean square of ``c * w`` over all weights. Raises ``ValueError`` for what is not allowed.

    >>> given = dict(features=20, samples=60, noise=1.0, coefficient=0.5, seed=7)
    >>> found = clones(copies=8, **given)
    >>> found["wide"]["best"] / found["narrow"]["best"]
    8.0
    >>> clones(copies=0, **given)
    Traceback (most recent call last):
    ValueError: copies 0: allowed a whole number from 1 to 64
    """
    given = {
        "features": features, "samples": samples, "copies": copies,
        "noise": noise, "coefficient": coefficient, "seed": seed,
    }  # fmt: skip
    for name, value in given.items():
        least, most = ALLOWED[name]
        whole = name not in ("noise", "coefficient")
        if not (isinstance(value, int if whole else (int, float)) and least <= value <= most):
            kind = "a whole number from " if whole else ""
            raise ValueError(f"{name} {value}: allowed {kind}{least:.10g} to {most:.10g}")
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((samples, features))
    truth = rng.standard_normal(features)
    truth /= np.linalg.norm(truth)
    y = X @ truth + noise * rng.standard_normal(samples)
    return {
        "coefficients": COEFFICIENTS.tolist(),
        "narrow": _ridge(X, y, truth, noise, 1, coefficient),
        "wide": _ridge(X, y, truth, noise, copies, coefficient),
    }


def _ridge(
    X: np.ndarray, y: np.ndarray, truth: np.ndarray, noise: float, copies: int, coefficient: float
) -> dict[str, Any]:
    samples, features = X.shape
    alphas = samples * np.array([*COEFFICIENTS, coefficient])
    weights = ridge_path(clone_features(X, copies), y, alphas)
    together = weights.reshape(len(alphas), copies, features).sum(1)
    risks = noise**2 + ((together - truth) ** 2).sum(1)
    *curve, here = risks.tolist()
    chosen = weights[-1]
    least = int(np.argmin(curve))
    return {
        "copies": copies,
        "weights": copies * features,
        "risks": curve,
        "risk": here,
        "best": float(COEFFICIENTS[least]),
        "least": curve[least],
        "sum_of_squares": float((chosen**2).sum()),
        "penalty": float(coefficient / 2 * (chosen**2).sum()),
        "pull": float(coefficient * np.sqrt((chosen**2).mean())),
    }
