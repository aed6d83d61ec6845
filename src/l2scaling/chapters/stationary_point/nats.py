"""Linear regression with a Gaussian prior: what its penalty costs in nats, before and after a fit.

Weights have the prior N(0, 1/a), targets the noise N(0, 1/b). Minus the log posterior is then
``b/2 * |y - Xw|^2 + a/2 * |w|^2`` nats, which is ``N * b`` times the book's cost (half the mean
squared error plus ``c/2 * |w|^2``) with ``c = a / (N * b)``.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

_RANGE = 14.0  # decades searched to either side of the mean squared singular value


@dataclass(frozen=True)
class EvidenceFit:
    """The fit whose two precisions maximise the evidence ``p(y | X, a, b)``.

    ``weights`` is the posterior mean, shape ``(P,)``; ``effective`` is ``gamma``, the number of
    directions that the data determine: the sum of ``d_i / (d_i + a)`` over the eigenvalues
    ``d_i`` of ``b X'X``.
    """

    prior_precision: float
    noise_precision: float
    weights: np.ndarray
    effective: float

    @property
    def nats(self) -> float:
        """What the penalty costs at the fit, ``a/2 * |w|^2``."""
        return 0.5 * self.prior_precision * float(self.weights @ self.weights)

    def penalty_coefficient(self, samples: int) -> float:
        """Return c of the book's convention, ``a / (N b)``, in loss per squared weight unit."""
        return self.prior_precision / (samples * self.noise_precision)


def evidence_fit(X: np.ndarray, y: np.ndarray) -> EvidenceFit:
    """Maximise the evidence of ``y = Xw + noise`` over both precisions, and fit there.

    With ``r = a/b`` and ``M = I + XX'/r`` the evidence is largest at ``b = N / (y' M^-1 y)``, where
    its logarithm is ``-N/2 * log(y' M^-1 y) - log(det M)/2`` up to a constant. One search over
    ``log r`` finds its maximum; no property of the maximum is used, so that it can be tested.
    ``X`` has shape ``(N, P)``, ``y`` shape ``(N,)``, without an intercept. Raises ``ValueError``
    for other shapes and ``ArithmeticError`` where the evidence has no maximum, as for targets that
    the features do not help to explain. Source: MacKay (1992).

    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 5))
    >>> fit = evidence_fit(X, X @ np.ones(5) + rng.normal(size=200))
    >>> bool(np.isclose(fit.nats, fit.effective / 2, rtol=1e-6)), fit.effective < 5
    (True, True)
    """
    if X.ndim != 2 or y.shape != X.shape[:1]:
        raise ValueError(f"X {X.shape} and y {y.shape}: allowed (N, P) and (N,)")
    samples = len(y)
    left, singular, right = np.linalg.svd(X, full_matrices=False)
    inside = left.T @ y
    outside = max(float(y @ y - inside @ inside), 0.0)  # what no weights can reach
    squares = singular**2

    def misfit(log_ratio: float) -> float:
        return float((inside**2 / (1 + squares / np.exp(log_ratio))).sum()) + outside

    def minus_evidence(log_ratio: float) -> float:
        spread = np.log1p(squares / np.exp(log_ratio)).sum()
        return 0.5 * samples * np.log(misfit(log_ratio)) + 0.5 * float(spread)

    middle, half = np.log(squares.mean()), _RANGE * np.log(10)
    grid = np.linspace(middle - half, middle + half, 400)
    best = int(np.argmin([minus_evidence(one) for one in grid]))
    if best in (0, len(grid) - 1):
        raise ArithmeticError("the evidence has no maximum; allowed: targets that the features explain")
    bracket = (grid[best - 1], grid[best + 1])
    found = minimize_scalar(minus_evidence, bounds=bracket, method="bounded", options={"xatol": 1e-12})
    ratio = float(np.exp(found.x))
    noise_precision = samples / misfit(found.x)
    weights = right.T @ (singular / (squares + ratio) * inside)
    effective = float((squares / (squares + ratio)).sum())
    return EvidenceFit(ratio * noise_precision, noise_precision, weights, effective)


def prior_nats(precision: float, count: int, rng: np.random.Generator) -> float:
    """Return ``a/2 * |w|^2`` of ``count`` weights drawn from the prior N(0, 1/a).

    >>> round(prior_nats(4.0, 10**6, np.random.default_rng(0)) / 10**6, 2)
    0.5
    """
    if not precision > 0 or count < 1:
        raise ValueError(f"precision {precision}, count {count}: allowed above 0, and 1 or more")
    weights = rng.normal(0.0, precision**-0.5, count)
    return 0.5 * precision * float(weights @ weights)
