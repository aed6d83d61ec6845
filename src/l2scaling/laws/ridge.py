"""Ridge: exact solutions, what makes one optimal, and features that are cloned.

Both keep the book's convention, a *mean* data loss: ``|y - Xw|^2 / (2N)`` plus the penalty. Whole
paths of ridge take scikit-learn's ``alpha``, of the sum convention ``|y - Xw|^2 + alpha * |w|^2``,
where most of the theory is written; ``c = alpha / N``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SWEEPS = 100_000
_ROUNDING = 1e-12


def check_shapes(X: np.ndarray, y: np.ndarray, coefficient: float) -> None:
    if X.ndim != 2 or y.shape != X.shape[:1]:
        raise ValueError(f"X {X.shape} and y {y.shape}: allowed (N, P) and (N,)")
    if not coefficient >= 0:
        raise ValueError(f"coefficient {coefficient}: allowed 0 or more")


def ridge(X: np.ndarray, y: np.ndarray, penalty_coefficient: float) -> np.ndarray:
    """Return the minimiser of ``|y - Xw|^2 / (2N) + c/2 * |w|^2``, shape ``(P,)``.

    ``w = (X'X + N c I)^-1 X'y``; with more features than samples the equal form
    ``X' (XX' + N c I)^-1 y``, and at c = 0 the solution of least norm. ``X`` has shape
    ``(N, P)``, ``y`` shape ``(N,)``; c is in loss per squared weight unit. scikit-learn's
    ``Ridge`` calls ``N * c`` its ``alpha``. Raises ``ValueError`` for other shapes or c < 0.

    >>> ridge(np.eye(2), np.array([3.0, -1.0]), 0.5).tolist()
    [1.5, -0.5]
    """
    check_shapes(X, y, penalty_coefficient)
    samples, features = X.shape
    if penalty_coefficient == 0:
        return np.linalg.lstsq(X, y, rcond=None)[0]
    if features <= samples:
        return np.linalg.solve(X.T @ X + samples * penalty_coefficient * np.eye(features), X.T @ y)
    return X.T @ np.linalg.solve(X @ X.T + samples * penalty_coefficient * np.eye(samples), y)


def _checked_alphas(y: np.ndarray, alphas: Sequence[float] | np.ndarray, samples: int) -> np.ndarray:
    alphas = np.asarray(alphas, float)
    if y.ndim not in (1, 2) or len(y) != samples:
        raise ValueError(f"y {y.shape}: allowed ({samples},) or ({samples}, targets)")
    if alphas.ndim != 1 or not alphas.size or not np.all(alphas >= 0):
        raise ValueError(f"alphas {alphas}: allowed a list of values from 0")
    return alphas


@dataclass(frozen=True)
class Decomposition:
    """``X = left * diag(singular) * right``, from which ridge is solved for any number of alphas.

    ``left`` ``(N, k)``, ``singular`` ``(k,)``, ``right`` ``(k, P)``, with k the rank of X. In every
    method ``y`` has shape ``(N,)`` or ``(N, targets)`` and ``alphas`` shape ``(alphas,)``.

    >>> design = decompose(np.eye(2))
    >>> design.weights(np.array([3.0, -1.0]), [0.0, 1.0]).tolist()
    [[3.0, -1.0], [1.5, -0.5]]
    >>> design.leave_one_out(np.array([3.0, -1.0]), [1.0]).tolist()
    [5.0]
    """

    left: np.ndarray
    singular: np.ndarray
    right: np.ndarray

    def weights(self, y: np.ndarray, alphas: Sequence[float] | np.ndarray) -> np.ndarray:
        """Return ``(X'X + alpha I)^-1 X'y``, shape ``(alphas, P)`` or ``(alphas, P, targets)``.

        At alpha = 0 it is the least-squares solution of least norm. Raises ``ValueError`` for
        other shapes or an alpha below 0.
        """
        return self._solve(y, alphas, self.right)

    def predictions(self, X: np.ndarray, y: np.ndarray, alphas: Sequence[float] | np.ndarray) -> np.ndarray:
        """Return ``X @ weights`` for new inputs, shape ``(alphas, inputs)`` or with targets last."""
        return self._solve(y, alphas, self.right @ X.T)

    def leave_one_out(self, y: np.ndarray, alphas: Sequence[float] | np.ndarray) -> np.ndarray:
        """Return the mean squared error on samples left out one by one, shape ``(alphas,)``.

        The error on sample i is ``e_i / (1 - h_i)``, with the residuals e and the diagonal h of
        ``X (X'X + alpha I)^-1 X'`` of one fit to all samples; several targets are averaged.
        Raises ``ValueError`` for other shapes or an alpha that is not above 0.
        """
        alphas = _checked_alphas(y, alphas, len(self.left))
        if not np.all(alphas > 0):
            raise ValueError(f"alphas {alphas}: leave-one-out allows values above 0")
        targets = y.reshape(len(y), -1)
        inside = self.left.T @ targets
        kept = alphas[:, None] / (self.singular**2 + alphas[:, None])  # of a residual, (alphas, k)
        residuals = np.matmul(self.left, kept[:, :, None] * inside)
        free = kept @ (self.left**2).T
        if self.left.shape[1] < len(y):  # else nothing lies outside, and the difference is rounding
            residuals += targets - self.left @ inside
            free += 1 - (self.left**2).sum(1)
        return ((residuals / free[:, :, None]) ** 2).mean(axis=(1, 2))

    def _solve(self, y: np.ndarray, alphas: Sequence[float] | np.ndarray, basis: np.ndarray) -> np.ndarray:
        alphas = _checked_alphas(y, alphas, len(self.left))
        gains = self.singular / (self.singular**2 + alphas[:, None])
        turned = gains[:, :, None] * (self.left.T @ y.reshape(len(y), -1))  # (alphas, k, targets)
        solved = np.tensordot(turned, basis, (1, 0))  # one matrix product for the whole path
        return solved[:, 0] if y.ndim == 1 else solved.swapaxes(1, 2)


def decompose(X: np.ndarray) -> Decomposition:
    """Return the singular value decomposition of ``X`` ``(N, P)`` without its null space.

    Singular values below ``max(N, P) * 2.2e-16`` of the largest count as zero. Raises ``ValueError``
    for other shapes.

    >>> decompose(np.ones((3, 5))).singular.round(6).tolist()
    [3.872983]
    """
    if X.ndim != 2:
        raise ValueError(f"X {X.shape}: allowed (N, P)")
    left, singular, right = np.linalg.svd(X, full_matrices=False)
    rank = int((singular > singular.max(initial=0.0) * max(X.shape) * np.finfo(float).eps).sum())
    return Decomposition(left[:, :rank], singular[:rank], right[:rank])


def ridge_path(X: np.ndarray, y: np.ndarray, alphas: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return ridge's weights at every alpha from one decomposition, shape ``(alphas, P)``.

    ``alpha = N c`` is the coefficient of the sum convention, as in scikit-learn's ``Ridge``. The
    smaller of ``X'X`` and ``XX'`` is diagonalised once; where rounding in it would show, as for an
    alpha of 0 on a singular design, ``decompose`` does the work. ``X`` has shape ``(N, P)``, ``y``
    shape ``(N,)``. Raises ``ValueError`` for other shapes or an alpha below 0.

    >>> ridge_path(np.eye(2), np.array([3.0, -1.0]), [1.0, 3.0]).tolist()
    [[1.5, -0.5], [0.75, -0.25]]
    """
    check_shapes(X, y, 0.0)
    samples, features = X.shape
    alphas = _checked_alphas(y, alphas, samples)
    wide = features > samples
    squares, vectors = np.linalg.eigh(X @ X.T if wide else X.T @ X)
    if squares[-1] * np.finfo(float).eps > _ROUNDING * (squares[0] + alphas.min()):
        return decompose(X).weights(y, alphas)
    turned = vectors.T @ (y if wide else X.T @ y)
    solved = turned / (squares + alphas[:, None]) @ vectors.T
    return solved @ X if wide else solved


def soft_threshold(values: np.ndarray, coefficient: float) -> np.ndarray:
    """Move values towards zero by ``coefficient``, and set those nearer than that to zero.

    ``sign(u) * max(|u| - c, 0)``: the lasso of a design with ``X'X = N I``, where
    ``u = X'y / N``. Raises ``ValueError`` for c < 0.

    >>> soft_threshold(np.array([3.0, -0.2]), 0.5).tolist()
    [2.5, -0.0]
    """
    if not coefficient >= 0:
        raise ValueError(f"coefficient {coefficient}: allowed 0 or more")
    return np.sign(values) * np.maximum(np.abs(values) - coefficient, 0.0)


def clone_features(X: np.ndarray, copies: int) -> np.ndarray:
    """Return ``[X, X, ..., X]``, shape ``(N, copies * P)``.

    Raises ``ValueError`` for fewer than one copy.

    >>> clone_features(np.array([[1, 2]]), 2).tolist()
    [[1, 2, 1, 2]]
    """
    if copies < 1:
        raise ValueError(f"copies {copies}: allowed 1 or more")
    return np.tile(X, copies)
