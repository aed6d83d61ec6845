"""Ridge on Gaussian features when samples and features grow together, and their spectra.

Here ``gamma = P/N``, the features are independent with unit variance, ``signal`` is the squared length
of the true weights, and ``penalty_coefficient`` is c of the book's mean convention, ``alpha / N`` in
scikit-learn's. A risk is the expected squared error on a new sample *beyond* the noise.
"""

import numpy as np
from scipy.linalg import eigvalsh_tridiagonal


def _check(gamma: float, signal: float, noise: float) -> None:
    if not gamma > 0:
        raise ValueError(f"gamma {gamma}: allowed above 0")
    if not (signal > 0 and noise >= 0):
        raise ValueError(f"signal {signal}, noise {noise}: allowed above 0, and 0 or more")


def stieltjes(gamma: float, penalty_coefficient: float) -> tuple[float, float]:
    """Return the limits of the means of ``1/(s + c)`` and ``1/(s + c)^2`` over eigenvalues s of ``X'X/N``.

    The first is the Stieltjes transform m of the Marchenko–Pastur law at -c, the positive root of
    ``gamma c m^2 + (1 - gamma + c) m = 1``; the second is its derivative.
    Raises ``ValueError`` unless gamma and c are above 0. Source: Marchenko & Pastur (1967).

    >>> mean, mean_square = stieltjes(1e-9, 0.5)  # so few features that all eigenvalues are one
    >>> round(mean, 6), round(mean_square, 6)
    (0.666667, 0.444444)
    """
    _check(gamma, 1.0, 0.0)
    if not penalty_coefficient > 0:
        raise ValueError(f"penalty_coefficient {penalty_coefficient}: allowed above 0")
    c = penalty_coefficient
    linear = 1 - gamma + c
    root = float(np.sqrt(linear**2 + 4 * gamma * c))
    first = 2 / (linear + root) if linear > 0 else (root - linear) / (2 * gamma * c)  # without cancellation
    return first, (gamma * first**2 + first) / root


def ridge_risk(gamma: float, penalty_coefficient: float, signal: float, noise: float) -> float:
    """Return the limit of ridge's excess risk, ``r^2 c^2 m' + s^2 gamma (m - c m')``.

    ``signal`` is r^2 and ``noise`` the standard deviation s; m and m' are ``stieltjes``.
    Raises ``ValueError`` for bad input. Source: Dobriban & Wager (2018).

    >>> round(ridge_risk(0.5, 1e-9, 1.0, 1.0), 6), round(ridge_risk(0.5, 1e9, 1.0, 1.0), 6)
    (1.0, 1.0)
    """
    _check(gamma, signal, noise)
    c = penalty_coefficient
    first, second = stieltjes(gamma, c)
    return signal * c**2 * second + noise**2 * gamma * (first - c * second)


def ridgeless_risk(gamma: float, signal: float, noise: float) -> float:
    """Return the limit of the excess risk without a penalty, at the solution of least norm.

    ``s^2 gamma / (1 - gamma)`` below one and ``r^2 (1 - 1/gamma) + s^2 / (gamma - 1)`` above; at one
    it is infinite, without noise 0. Raises ``ValueError`` for bad input. Source: Hastie et al. (2022).

    >>> ridgeless_risk(0.5, 1.0, 1.0), ridgeless_risk(2.0, 1.0, 1.0)
    (1.0, 1.5)
    """
    _check(gamma, signal, noise)
    if gamma == 1:
        return float("inf") if noise else 0.0
    if gamma < 1:
        return noise**2 * gamma / (1 - gamma)
    return signal * (1 - 1 / gamma) + noise**2 / (gamma - 1)


def optimal_risk(gamma: float, signal: float, noise: float) -> float:
    """Return the limit of the excess risk at the best c, ``s^2 gamma / r^2``: it is ``s^2 gamma m``.

    Without noise it is the risk without a penalty. Raises ``ValueError`` for bad input.
    Source: Dobriban & Wager (2018).

    >>> round(optimal_risk(1e-6, 1.0, 1.0) * 1e6, 3)  # of many samples: as without a penalty
    1.0
    """
    _check(gamma, signal, noise)
    if noise == 0:
        return ridgeless_risk(gamma, signal, noise)
    return noise**2 * gamma * stieltjes(gamma, noise**2 * gamma / signal)[0]


def draw_squares(samples: int, features: int, rng: np.random.Generator) -> np.ndarray:
    """Draw the non-zero eigenvalues of ``X'X``, rising, for ``X`` of standard normal entries.

    Reflections from both sides turn X into a bidiagonal matrix of independent chi variables with
    the same singular values, so X itself is never drawn: time and memory do not see the larger of
    ``samples`` and ``features``. Shape ``(min(samples, features),)``. Raises ``ValueError`` for
    fewer than one sample or feature. Source: Dumitriu & Edelman (2002).

    >>> squares = draw_squares(300, 20_000_000, np.random.default_rng(0))
    >>> squares.shape, bool(abs(squares.mean() / 20_000_000 - 1) < 0.01)
    ((300,), True)
    """
    if samples < 1 or features < 1:
        raise ValueError(f"samples {samples}, features {features}: allowed 1 or more")
    few, many = sorted((samples, features))
    diagonal = rng.chisquare(many - np.arange(few))
    below = rng.chisquare(np.arange(few - 1, 0, -1)) if few > 1 else np.empty(0)
    corner = diagonal + np.append(0.0, below)
    return np.maximum(eigvalsh_tridiagonal(corner, np.sqrt(diagonal[:-1] * below)), 0.0)
