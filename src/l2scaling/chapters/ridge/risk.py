"""The exact risk of ridge on a given design, averaged over the noise; no training, no simulation.

New samples have independent features of unit variance. ``alpha`` is the coefficient of the sum
convention ``|y - Xw|^2 + alpha * |w|^2``; the book's c is ``alpha / N``. A ``kernel`` other than one says
that all inner products of inputs are that many times as large, as for features multiplied by its root
or copied that often: ridge with ``kernel * alpha`` then predicts what it predicted with ``alpha``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import minimize_scalar

from l2scaling.chapters.ridge import random_matrix
from l2scaling.laws.ridge import decompose

_GRID = 240
_REACH = 1e5


@dataclass(frozen=True)
class Spectrum:
    """All that ridge's risk knows of a design, of the true weights and of the noise.

    ``squares`` ``(k,)`` are the non-zero eigenvalues d of ``X'X`` before the kernel's factor; ``signal``
    ``(k,)`` the squared components b of the true weights along their eigenvectors; ``outside`` the rest
    of their squared length, which no sample shows; ``noise`` a standard deviation.

    >>> one = Spectrum(np.array([1.0]), np.array([1.0]), outside=0.0, noise=1.0)
    >>> one.risk([0.0, 1.0, 1e9]).round(3).tolist(), round(one.best, 3)
    ([2.0, 1.5, 2.0], 1.0)
    """

    squares: np.ndarray
    signal: np.ndarray
    outside: float
    noise: float
    kernel: float = 1.0

    def __post_init__(self) -> None:
        if not (self.noise >= 0 and self.kernel > 0):
            raise ValueError(f"noise {self.noise}, kernel {self.kernel}: allowed 0 or more, and above 0")

    def risk(self, alphas: Sequence[float] | np.ndarray) -> np.ndarray:
        """Return the expected squared error on a new sample, the noise's share included.

        ``s^2 + outside + sum_j (a^2 b_j + s^2 d_j) / (d_j + a)^2`` with the noise s and
        ``a = alpha / kernel``; shape ``(alphas,)``. Raises ``ValueError`` for a negative alpha.
        """
        scaled = np.asarray(alphas, float)[:, None] / self.kernel
        if not np.all(scaled >= 0):
            raise ValueError(f"alphas {alphas}: allowed 0 or more")
        shown = scaled**2 * self.signal + self.noise**2 * self.squares
        return self.noise**2 + self.outside + (shown / (self.squares + scaled) ** 2).sum(1)

    @cached_property
    def best(self) -> float:
        """The alpha of least risk: a grid over ten decades, then a bounded search.

        Without noise every term of the risk rises with alpha, so it is zero.
        """
        if self.noise == 0:
            return 0.0
        guess = self.kernel * self.noise**2 * len(self.signal) / self.signal.sum()
        grid = guess * np.geomspace(1 / _REACH, _REACH, _GRID)
        place = np.clip(self.risk(grid).argmin(), 1, _GRID - 2)
        found = minimize_scalar(
            lambda log_alpha: self.risk([np.exp(log_alpha)])[0],
            bounds=np.log(grid[[place - 1, place + 1]]),
            method="bounded",
            options={"xatol": 1e-6},
        )
        return float(np.exp(found.x))

    def regret(self, alpha: float) -> float:
        """Return the risk at ``alpha`` over the least risk, minus one."""
        at_alpha, least = self.risk([alpha, self.best])
        return float(at_alpha / least - 1)

    def shrinkage(self, alpha: float) -> float:
        """Return the share of the fit that the penalty takes away, the mean of ``a / (d + a)``."""
        scaled = alpha / self.kernel
        return float((scaled / (self.squares + scaled)).mean())

    def penalty_share(self, alpha: float, samples: int) -> float:
        """Return the penalty's share of the cost at the minimum, both averaged over the noise.

        Along direction j the targets have the mean square ``d b + s^2``; there the penalty costs
        ``a d / (d + a)^2`` of it and the data loss ``a^2 / (d + a)^2``. Raises ``ValueError`` for
        fewer samples than directions.
        """
        if samples < len(self.squares):
            raise ValueError(f"samples {samples}: allowed {len(self.squares)} or more")
        scaled = alpha / self.kernel
        targets = (self.squares * self.signal + self.noise**2) * scaled / (self.squares + scaled) ** 2
        penalty = float((self.squares * targets).sum())
        data = float((scaled * targets).sum()) + (samples - len(self.squares)) * self.noise**2
        return penalty / (penalty + data)


def spectrum(X: np.ndarray, truth: np.ndarray, noise: float) -> Spectrum:
    """Return the ``Spectrum`` of a design ``(N, P)`` and true weights ``(P,)``.

    It comes from the smaller of ``X'X`` and ``XX'``, whose eigenvalues below 1e-13 of the largest count
    as zero. Raises ``ValueError`` for other shapes.

    >>> spectrum(np.diag([2.0, 1.0]), np.array([3.0, 5.0]), 1.0).signal.round(6).tolist()
    [25.0, 9.0]
    """
    if X.ndim != 2 or truth.shape != X.shape[1:]:
        raise ValueError(f"X {X.shape} and truth {truth.shape}: allowed (N, P) and (P,)")
    samples, features = X.shape
    squares, vectors = np.linalg.eigh(X @ X.T if features > samples else X.T @ X)
    shown = squares > 1e-13 * squares[-1]
    squares, vectors = squares[shown], vectors[:, shown]
    parts = vectors.T @ (X @ truth) / np.sqrt(squares) if features > samples else vectors.T @ truth
    signal = parts**2
    return Spectrum(squares, signal, max(float(truth @ truth - signal.sum()), 0.0), noise)


def join(spectra: Sequence[Spectrum]) -> Spectrum:
    """Return one spectrum whose best alpha is that of the mean risk of several.

    They must share noise and kernel, or ``ValueError`` is raised.

    >>> one = Spectrum(np.array([1.0]), np.array([1.0]), 0.0, 1.0)
    >>> round(join([one, one]).best, 3)
    1.0
    """
    kinds = {(one.noise, one.kernel) for one in spectra}
    if len(kinds) != 1:
        raise ValueError(f"spectra of noise and kernel {sorted(kinds)}: allowed one pair")
    squares = np.concatenate([one.squares for one in spectra])
    signal = np.concatenate([one.signal for one in spectra])
    return Spectrum(squares, signal, sum(one.outside for one in spectra), *kinds.pop())


@dataclass(frozen=True)
class Problem:
    """A regression on independent standard normal features with true weights of a fixed length.

    ``signal`` is that length squared, ``noise`` a standard deviation, ``kernel`` the factor of the
    module's first lines. Raises ``ValueError`` for values that are not above zero.

    >>> clones = Problem(features=50, signal=1.0, noise=1.0, kernel=8.0)
    >>> clones.best, round(clones.limit_of_regret(400.0, samples=200), 12)
    (400.0, 0.0)
    """

    features: int
    signal: float
    noise: float
    kernel: float = 1.0

    def __post_init__(self) -> None:
        if not (self.features >= 1 and self.signal > 0 and self.noise > 0 and self.kernel > 0):
            raise ValueError(f"{self}: allowed values above 0")

    @property
    def best(self) -> float:
        """The alpha of least risk on average, ``kernel * P * s^2 / r^2``, whatever the samples."""
        return self.kernel * self.features * self.noise**2 / self.signal

    def limit_of_regret(self, alpha: float, samples: int) -> float:
        """Return the regret of ``alpha`` if samples and features were many, in the same proportion.

        From ``random_matrix.ridge_risk``.
        """

        def risk(one: float) -> float:
            gamma, c = self.features / samples, one / self.kernel / samples
            return self.noise**2 + random_matrix.ridge_risk(gamma, c, self.signal, self.noise)

        return risk(alpha) / risk(self.best) - 1

    def draw(self, samples: int, rng: np.random.Generator) -> Spectrum:
        """Draw the ``Spectrum`` of a design, in law as if the design had been drawn.

        The eigenvectors of a normal design point anywhere with equal chance, so the direction of
        the true weights does not matter, and neither is formed: features may be millions.
        """
        squares = random_matrix.draw_squares(samples, self.features, rng)
        directions = rng.chisquare(1.0, squares.size)
        unseen = rng.chisquare(self.features - squares.size) if self.features > squares.size else 0.0
        parts = self.signal * directions / (directions.sum() + unseen)
        outside = max(self.signal - float(parts.sum()), 0.0)
        return Spectrum(squares, parts, outside, self.noise, self.kernel)


def tuned_risks(
    X: np.ndarray, y: np.ndarray, truth: np.ndarray, noise: float, alphas: np.ndarray
) -> tuple[float, float]:
    """Return the risks of the least-norm fit and of ridge at the alpha that leave-one-out picks.

    The alpha is one of ``alphas``, and nothing but ``X`` and ``y`` picks it. The risk of weights w is
    ``|w - truth|^2 + noise^2``.

    >>> rng = np.random.default_rng(0)
    >>> X, truth = rng.normal(size=(40, 40)), np.full(40, 0.2)
    >>> y = X @ truth + rng.normal(size=40)
    >>> without, tuned = tuned_risks(X, y, truth, 1.0, np.geomspace(1e-2, 1e4, 20))
    >>> tuned < without
    True
    """
    design = decompose(X)
    chosen = alphas[design.leave_one_out(y, alphas).argmin()]
    without, tuned = ((design.weights(y, [0.0, chosen]) - truth) ** 2).sum(1) + noise**2
    return float(without), float(tuned)
