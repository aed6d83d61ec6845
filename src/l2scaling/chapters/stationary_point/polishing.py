"""A trained ReLU network taken on to a stationary point, kinks and all, as far as rounding allows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

_ROUNDINGS = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003)  # of the kinks, in units of a typical activation
_DEAD = 1e-3  # neurons smaller than this share of the largest are set to zero,
_NOTHING = 1e-6  # and so are all that are smaller than this
_ON_KINK = 1e-7  # distance at which a sample counts as on a neuron's kink, relative to both norms

Activation = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Takes pre-activations and returns the hidden layer and its slope."""


@dataclass(frozen=True)
class Minimum:
    """A stationary point of a ReLU network with one hidden layer.

    ``weights`` holds matrices of shapes ``(n, d)`` and ``(K, n)``. ``pull`` is ``c w`` and ``push``
    is ``-dL/dw``, both of shape ``(P,)``; where a sample lies on the kink of a neuron, ``push``
    takes the slope between 0 and 1 that fits best. ``kinks`` counts those pairs of sample and
    neuron, ``alive`` the neurons that are not zero. ``residual`` is the largest difference of
    pull and push over the largest pull, and zero if all weights are zero.
    """

    weights: tuple[np.ndarray, np.ndarray]
    pull: np.ndarray
    push: np.ndarray
    residual: float
    kinks: int
    alive: int

    @property
    def sum_squares(self) -> np.ndarray:
        """The sum of squared weights of each layer, shape ``(2,)``."""
        return np.array([float((weight**2).sum()) for weight in self.weights])


@dataclass(frozen=True)
class _Problem:
    X: np.ndarray
    targets: np.ndarray
    c: float

    def signal(self, hidden: np.ndarray, V: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the mean cross-entropy and its derivative in the outputs."""
        logs = log_softmax(hidden @ V.T, axis=1)
        return -float((logs * self.targets).sum()) / len(logs), (np.exp(logs) - self.targets) / len(logs)

    def minimise(
        self,
        U: np.ndarray,
        V: np.ndarray,
        activate: Activation,
        project: Callable[[np.ndarray], np.ndarray] = lambda inner: inner,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Run L-BFGS from (U, V); ``project`` takes out what a step of U must not contain."""

        def unpack(w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return w[: U.size].reshape(U.shape), w[U.size :].reshape(V.shape)

        def cost(w: np.ndarray) -> tuple[float, np.ndarray]:
            inner, outer = unpack(w)
            hidden, slope = activate(self.X @ inner.T)
            loss, error = self.signal(hidden, outer)
            gradient = _pack(project((error @ outer * slope).T @ self.X), error.T @ hidden)
            return loss + 0.5 * self.c * float(w @ w), self.c * w + gradient

        options = {"maxiter": 400, "maxfun": 1200, "ftol": 0.0, "gtol": 1e-11, "maxcor": 30}
        return unpack(minimize(cost, _pack(U, V), jac=True, method="L-BFGS-B", options=options).x)

    def hold(self, U: np.ndarray, V: np.ndarray, kinks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Minimise while the samples marked in ``kinks``, shape ``(N, n)``, stay at zero."""
        frames = [np.linalg.qr(self.X[rows].T)[0] for rows in kinks.T]

        def project(inner: np.ndarray) -> np.ndarray:
            return np.stack([u - frame @ (frame.T @ u) for u, frame in zip(inner, frames, strict=True)])

        def activate(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            slope = (z > 0) & ~kinks
            return z * slope, slope

        U, V = self.minimise(project(U), V, activate, project)
        return project(U), V

    def push(self, U: np.ndarray, V: np.ndarray, kinks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return ``-dL/dw``, shape ``(P,)``, and the slope that each kink would need for ``c w``."""
        z = self.X @ U.T
        slopes = ((z > 0) & ~kinks).astype(float)
        _, error = self.signal(z * slopes, V)
        signal = error @ V
        missing = -(self.c * U + (signal * slopes).T @ self.X)
        for j in np.flatnonzero(kinks.any(axis=0)):
            rows = kinks[:, j]
            slopes[rows, j] = np.linalg.lstsq((self.X[rows] * signal[rows, j, None]).T, missing[j])[0]
        allowed = np.clip(slopes, 0.0, 1.0)
        return -_pack((signal * allowed).T @ self.X, error.T @ (z * allowed)), slopes


def _pack(U: np.ndarray, V: np.ndarray) -> np.ndarray:
    return np.concatenate([U.ravel(), V.ravel()])


def _rounded(z: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a ReLU whose kink is a parabola of this radius, and its slope."""
    slope = np.clip((z + radius) / (2 * radius), 0.0, 1.0)
    return np.where(z > radius, z, radius * slope**2), slope


def polish(
    X: np.ndarray,
    y: np.ndarray,
    weights: Sequence[np.ndarray],
    penalty_coefficient: float,
    tolerance: float = 1e-7,
    rounds: int = 60,
) -> Minimum:
    """Take a trained network on to a stationary point of ``mean cross-entropy + c/2 * |w|^2``.

    A minimum of a ReLU network lies on kinks, where a sample meets a neuron at exactly zero. So
    L-BFGS first runs on networks whose kinks are rounded off, less and less; neurons that fall
    below a thousandth of the largest are set to zero. Samples left in the rounded part are then
    held on their kinks, by linear constraints on the neuron's weights, while L-BFGS finishes the
    others. A constraint that would need a slope outside 0 to 1 is let go, a sample that ran into a
    kink is added, and the search goes on, until the residual is at most ``tolerance`` or the rounds
    are used up; the best point met is returned.

    ``X`` has shape ``(N, d)``, ``y`` class numbers ``(N,)``, ``weights`` ``(n, d)`` and ``(K, n)``;
    all is done in float64. Raises ``ValueError`` for other shapes or c not above 0.

    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(40, 3))
    >>> start = [rng.normal(size=(6, 3)), rng.normal(size=(2, 6))]
    >>> minimum = polish(X, (X[:, 0] > 0).astype(int), start, 0.05)
    >>> minimum.residual < 1e-6, minimum.pull.shape
    (True, (30,))
    """
    U, V = (np.asarray(one, float) for one in weights)
    if X.ndim != 2 or y.shape != X.shape[:1] or U.shape[1:] != X.shape[1:] or V.shape[1:] != U.shape[:1]:
        raise ValueError(
            f"X {X.shape}, y {y.shape}, weights {U.shape} and {V.shape}: "
            "allowed (N, d), (N,), (n, d) and (K, n)"
        )
    if not penalty_coefficient > 0:
        raise ValueError(f"penalty_coefficient {penalty_coefficient}: allowed above 0")
    problem = _Problem(np.asarray(X, float), np.eye(len(V))[y], penalty_coefficient)
    scale = float(np.sqrt(np.mean((X @ U.T) ** 2)))
    for rounding in _ROUNDINGS:
        U, V = problem.minimise(U, V, partial(_rounded, radius=rounding * scale))
    sizes = np.linalg.norm(U, axis=1)
    living = sizes > max(_DEAD * sizes.max(), _NOTHING)
    best = _whole(problem, U, V, living, np.zeros((len(y), int(living.sum())), bool))[0]
    kinks = np.abs(X @ U[living].T) < _ROUNDINGS[-1] * scale
    for _ in range(rounds if living.any() else 0):
        U[living], V[:, living] = problem.hold(U[living], V[:, living], kinks)
        found, slopes = _whole(problem, U, V, living, kinks)
        best = found if found.residual < best.residual else best
        if best.residual <= tolerance:
            break
        distance = np.abs(X @ U[living].T)
        near = distance < _ON_KINK * np.linalg.norm(X, axis=1)[:, None] * np.linalg.norm(U[living], axis=1)
        kinks = (kinks & (slopes >= 0) & (slopes <= 1)) | (near & ~kinks)
    return best


def _whole(
    problem: _Problem, U: np.ndarray, V: np.ndarray, living: np.ndarray, kinks: np.ndarray
) -> tuple[Minimum, np.ndarray]:
    """Measure the network whose neurons are zero unless ``living``; zero neurons feel no push."""
    inner, outer = np.zeros_like(U), np.zeros_like(V)
    inner[living], outer[:, living] = U[living], V[:, living]
    push, slopes = problem.push(U[living], V[:, living], kinks)
    pushes = np.zeros_like(U), np.zeros_like(V)
    split = int(living.sum()) * U.shape[1]
    pushes[0][living] = push[:split].reshape(-1, U.shape[1])
    pushes[1][:, living] = push[split:].reshape(len(V), -1)
    pull, push = problem.c * _pack(inner, outer), _pack(*pushes)
    largest = np.abs(pull).max()
    residual = float(np.abs(pull - push).max() / largest) if largest > 0 else 0.0
    return Minimum((inner, outer), pull, push, residual, int(kinks.sum()), int(living.sum())), slopes
