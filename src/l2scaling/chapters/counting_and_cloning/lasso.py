"""The lasso by coordinate descent, its path, and a task with few true coefficients."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm
from sklearn import linear_model

from l2scaling.laws.ridge import SWEEPS, check_shapes


def _check_lasso(X: np.ndarray, y: np.ndarray, coefficient: float) -> None:
    check_shapes(X, y, coefficient)
    if coefficient == 0:
        raise ValueError(f"coefficient {coefficient}: the lasso allows values above 0")


def lasso(X: np.ndarray, y: np.ndarray, coefficient: float, tolerance: float = 1e-14) -> np.ndarray:
    """Return a minimiser of ``|y - Xw|^2 / (2N) + c * |w|_1``, shape ``(P,)``.

    Coordinate descent of scikit-learn, whose ``Lasso(alpha=c)`` has this very convention,
    without an intercept; it stops at a duality gap of ``tolerance * |y|^2``. The minimiser is
    not unique when columns are linearly dependent; its predictions always are.
    Raises ``ValueError`` for other shapes or c not above 0.

    >>> lasso(np.eye(2), np.array([3.0, -0.5]), 0.5).round(6).tolist()
    [2.0, -0.0]
    """
    _check_lasso(X, y, coefficient)
    model = linear_model.Lasso(alpha=coefficient, fit_intercept=False, tol=tolerance, max_iter=SWEEPS)
    return model.fit(X, y).coef_


def lasso_path(X: np.ndarray, y: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Return the lasso's weights at every coefficient, shape ``(coefficients, P)``.

    The solution is piecewise linear in c: least-angle regression (Efron et al. 2004, in
    scikit-learn) finds the knots, and between them the weights are interpolated, so no solver's
    tolerance enters. ``coefficients`` are absolute values of c, strictly falling and above 0; they
    do not adapt to the data. The convention is that of ``lasso``; columns should be in general
    position. Raises ``ValueError`` for bad input, ``ArithmeticError`` if the path stops too early.

    >>> lasso_path(np.eye(2), np.array([3.0, -0.5]), np.array([1.0, 0.5])).tolist()
    [[1.0, 0.0], [2.0, 0.0]]
    """
    coefficients = np.asarray(coefficients, float)
    if coefficients.ndim != 1 or not np.all(np.diff(coefficients) < 0):
        raise ValueError(f"coefficients {coefficients}: allowed strictly falling values")
    least = float(coefficients[-1])
    _check_lasso(X, y, least)
    knots, _, weights = linear_model.lars_path(X, y, method="lasso", alpha_min=least, max_iter=SWEEPS)
    if len(knots) == 1:  # the smallest coefficient kills every weight
        return np.zeros((len(coefficients), X.shape[1]))
    if knots[-1] > least * (1 + 1e-9):
        raise ArithmeticError(f"path stops at {knots[-1]}, short of {least}")
    right = np.clip(np.searchsorted(-knots, -coefficients), 1, len(knots) - 1)
    share = np.clip((knots[right - 1] - coefficients) / (knots[right - 1] - knots[right]), 0, 1)
    return ((1 - share) * weights[:, right - 1] + share * weights[:, right]).T


def correlations(X: np.ndarray, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return ``X'(y - Xw) / N``, shape ``(P,)``: minus the gradient of the mean data loss.

    >>> correlations(np.eye(2), np.array([3.0, -1.0]), np.zeros(2)).tolist()
    [1.5, -0.5]
    """
    return X.T @ (y - X @ w) / len(y)


def kkt_residual(X: np.ndarray, y: np.ndarray, w: np.ndarray, coefficient: float) -> float:
    """Return by how much ``w`` misses the lasso's optimality conditions, in loss per weight unit.

    With ``g = X'(y - Xw)/N``: the largest of ``|g_j - c sign(w_j)|`` where ``w_j`` is not zero
    and of ``max(|g_j| - c, 0)`` where it is. Zero exactly at a minimiser (Karush, Kuhn, Tucker).

    >>> kkt_residual(np.eye(2), np.array([3.0, -0.5]), np.array([2.0, 0.0]), 0.5)
    0.0
    """
    check_shapes(X, y, coefficient)
    pull = correlations(X, y, w)
    missed = np.where(w != 0, np.abs(pull - coefficient * np.sign(w)), np.abs(pull) - coefficient)
    return float(max(missed.max(), 0.0))


@dataclass(frozen=True)
class SparseTask:
    """A linear task of which only the first few features matter.

    ``X`` ``(N, P)`` has independent standard normal entries, ``y = X @ truth + noise * normal``.
    """

    X: np.ndarray
    y: np.ndarray
    truth: np.ndarray
    noise: float

    def risk(self, weights: np.ndarray) -> np.ndarray:
        """Return the expected squared error on a new sample, ``|w - truth|^2 + noise^2``, exactly.

        ``weights`` has shape ``(..., P)``, the result the shape without its last axis.
        """
        return ((weights - self.truth) ** 2).sum(-1) + self.noise**2


def sparse_task(
    samples: int, features: int, nonzeros: int, noise: float, rng: np.random.Generator
) -> SparseTask:
    """Draw a ``SparseTask`` whose first ``nonzeros`` true weights are one and the others zero.

    Raises ``ValueError`` unless ``1 <= nonzeros <= features``.

    >>> task = sparse_task(4, 3, 1, 0.5, np.random.default_rng(0))
    >>> float(task.risk(task.truth)), task.X.shape
    (0.25, (4, 3))
    """
    if not 1 <= nonzeros <= features:
        raise ValueError(f"nonzeros {nonzeros}: allowed 1 to {features}, the number of features")
    truth = np.zeros(features)
    truth[:nonzeros] = 1.0
    X = rng.normal(size=(samples, features))
    return SparseTask(X, X @ truth + noise * rng.normal(size=samples), truth, noise)


def limit_of_best(samples: int, features: int, nonzeros: int, noise: float) -> tuple[float, float]:
    """Return the lasso's best c on a ``SparseTask`` and its risk, in the limit of many features.

    With N samples and P features the risk ``t^2`` solves ``t^2 = noise^2 + P/N * E(s(Z + m) - m)^2 * t^2``
    where Z is standard normal, ``m = sqrt(N) w / t`` and s soft-thresholds at a; then
    ``c = a t (1 - P/N * Pr(|Z + m| > a)) / sqrt(N)``. Source: Bayati and Montanari (2012), for N and P
    that grow together. Of all a the one with the least risk counts. Raises ``ValueError`` unless
    ``1 <= nonzeros <= features``.

    >>> [round(value, 2) for value in limit_of_best(400, 800, 20, 1.0)]
    [0.07, 1.33]
    """
    if not 1 <= nonzeros <= features:
        raise ValueError(f"nonzeros {nonzeros}: allowed 1 to {features}, the number of features")
    a = np.linspace(0.2, 6, 3000)
    squares = np.full(a.size, noise**2 + nonzeros)
    for _ in range(300):
        means = np.stack([np.zeros(a.size), np.sqrt(samples / squares)])
        below, above = norm.cdf(-a - means), norm.cdf(means - a)
        error = 1 + a**2 + (means**2 - 1 - a**2) * (1 - above - below)
        error -= (a - means) * norm.pdf(a + means) + (a + means) * norm.pdf(a - means)
        counts = np.array([features - nonzeros, nonzeros]) / samples
        squares = np.minimum(noise**2 + counts @ error * squares, 1e9)
    coefficients = a * np.sqrt(squares / samples) * (1 - counts @ (below + above))
    best = np.where(coefficients > 0, squares, np.inf).argmin()
    return float(coefficients[best]), float(squares[best])
