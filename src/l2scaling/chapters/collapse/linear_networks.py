"""Two linear layers: where the minimum folds to zero, and gradient descent in closed variables."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq


@dataclass(frozen=True)
class Fold:
    """Where the last non-zero solution of a deep linear network disappears.

    ``coefficient`` is c there, in loss per squared weight unit; ``value`` the singular value of the
    network's map at that point, the least it can have without being crushed.
    """

    coefficient: float
    value: float


def linear_fold(largest: float, depth: int) -> Fold:
    """Return the fold of a linear network of ``depth`` layers on whitened inputs.

    ``c = max over m of (s - m) * m**(1 - 2/L)``, attained at ``m = s * (L - 2) / (2L - 2)``, where s
    is the largest singular value of ``E[y x']``. At depth 2 it is ``c = s`` with ``m = 0``. Above this
    c zero is the only stationary point, at every width. Raises ``ValueError`` for s not above 0 or
    fewer than two layers.

    >>> linear_fold(3.0, 2)
    Fold(coefficient=3.0, value=0.0)
    >>> linear_fold(4.0, 3)
    Fold(coefficient=3.0, value=1.0)
    """
    if not largest > 0:
        raise ValueError(f"largest singular value {largest}: allowed above 0")
    if depth < 2:
        raise ValueError(f"depth {depth}: allowed 2 weight layers or more")
    value = largest * (depth - 2) / (2 * depth - 2)
    return Fold((largest - value) * value ** (1 - 2 / depth), value)


def surviving_value(largest: float, penalty_coefficient: float, depth: int) -> float:
    """Return the largest stationary singular value of a deep linear network's map, or 0.

    The largest root m of ``(s - m) * m**(1 - 2/L) = c``; at depth 2 it is ``max(s - c, 0)``.
    Raises ``ValueError`` as ``linear_fold`` does, or for c < 0.

    >>> surviving_value(3.0, 1.0, 2), surviving_value(4.0, 3.01, 3)
    (2.0, 0.0)
    """
    fold, c = linear_fold(largest, depth), penalty_coefficient
    if not c >= 0:
        raise ValueError(f"penalty_coefficient {c}: allowed 0 or more")
    if c >= fold.coefficient:
        return fold.value if c == fold.coefficient else 0.0
    return float(brentq(lambda m: (largest - m) * m ** (1 - 2 / depth) - c, fold.value, largest))


@dataclass(frozen=True)
class LinearTask:
    """Whitened inputs and targets whose cross-covariance ``E[y x']`` is ``A``.

    ``X`` has shape ``(d, d)`` with ``X'X = d I``, ``y`` shape ``(d, K)``, ``A`` shape ``(K, d)``.
    """

    X: np.ndarray
    y: np.ndarray
    A: np.ndarray


def linear_task(singular_values: np.ndarray, inputs: int, rng: np.random.Generator) -> LinearTask:
    """Draw a task with K outputs whose ``A`` has the given K singular values and random directions.

    The half-squared loss of a linear map M is then ``|A - M|^2 / 2`` exactly, because d samples of
    d inputs can be white without error. Raises ``ValueError`` if there are more singular values than
    inputs.

    >>> task = linear_task(np.array([2.0, 1.0]), 3, np.random.default_rng(0))
    >>> np.linalg.svd(task.y.T @ task.X / 3)[1].round(6).tolist()
    [2.0, 1.0]
    """
    values = np.asarray(singular_values, float)
    if values.size > inputs:
        raise ValueError(f"{values.size} singular values: allowed at most {inputs}, the number of inputs")
    left, right, X = (np.linalg.qr(rng.normal(size=(n, n)))[0] for n in (values.size, inputs, inputs))
    A = left @ np.diag(values) @ right[: values.size]
    X = np.sqrt(inputs) * X
    return LinearTask(X, X @ A.T, A)


def start_gram(width: int, variances: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw ``Z'Z`` for ``width`` rows of independent normals with a variance for each column.

    ``Z = [U', V]`` holds the weights of a two-layer linear network, a row a hidden neuron. From as
    many rows as columns on, the matrix is drawn in Bartlett's triangular form, at a cost that does
    not depend on ``width``. ``variances`` has shape ``(p,)``, the result ``(p, p)``.
    Raises ``ValueError`` for a width below 1.

    >>> gram = start_gram(10**9, np.full(3, 1e-9), np.random.default_rng(0))
    >>> gram.diagonal().round(3).tolist()
    [1.0, 1.0, 1.0]
    """
    scales = np.sqrt(np.asarray(variances, float))
    if width < 1:
        raise ValueError(f"width {width}: allowed 1 or more")
    columns = scales.size
    if width < columns:
        Z = rng.normal(size=(width, columns)) * scales
        return Z.T @ Z
    lower = np.tril(rng.normal(size=(columns, columns)), -1)
    lower += np.diag(np.sqrt(rng.chisquare(width - np.arange(columns))))
    lower *= scales[:, None]
    return lower @ lower.T


def descend_gram(
    grams: np.ndarray, A: np.ndarray, penalty_coefficients: np.ndarray, learning_rate: float, steps: int
) -> np.ndarray:
    """Follow gradient descent of two-layer linear networks of any width by their Gram matrices.

    With ``G = Z'Z``, ``Z = [U', V]`` and ``E = A - UV``, one step on the cost
    ``|A - UV|^2 / 2 + c/2 * |Z|^2`` multiplies Z from the right by
    ``B = [[(1 - rate c) I, rate E], [rate E', (1 - rate c) I]]``, so ``G`` becomes ``B G B``. The width
    enters through the first G alone. ``grams`` has shape ``(M, K + d, K + d)``, outputs first,
    ``penalty_coefficients`` shape ``(M,)``; returns the last grams. The trace is the sum of squared
    weights, the block ``[:K, K:]`` the map UV. Raises ``ValueError`` for other shapes.

    >>> start = np.full((1, 2, 2), 0.1)
    >>> descend_gram(start, np.array([[3.0]]), np.array([1.0]), 0.1, 500)[0, 0, 1].round(6).item()
    2.0
    """
    c = np.asarray(penalty_coefficients, float)
    K, d = A.shape
    if grams.shape != (len(c), K + d, K + d):
        raise ValueError(f"grams of shape {grams.shape}: allowed {(len(c), K + d, K + d)}")
    grams = np.array(grams, float)
    factor = np.zeros_like(grams)
    factor[:, np.arange(K + d), np.arange(K + d)] = 1 - learning_rate * c[:, None]
    for _ in range(steps):
        factor[:, :K, K:] = learning_rate * (A - grams[:, :K, K:])
        factor[:, K:, :K] = factor[:, :K, K:].transpose(0, 2, 1)
        grams = factor @ grams @ factor
    return grams
