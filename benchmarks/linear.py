"""Ridge at many penalties: one decomposition against a loop over scikit-learn's ``Ridge``."""

import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
from sklearn.linear_model import Ridge

from l2scaling.laws.ridge import ridge_path

# Samples and features; the first is the size of diabetes. All are conditioned well enough for X'X; where
# they are not, as with as many samples as features, ridge_path takes a singular value decomposition.
SHAPES = ((442, 10), (1000, 200), (2000, 300), (200, 2000))
ALPHAS = np.geomspace(1e-2, 1e4, 200)  # of the sum convention, which is scikit-learn's
ROUNDS = 5


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def task(samples: int, features: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng([samples, features])
    X = rng.normal(size=(samples, features))
    return X, X @ rng.normal(size=features) / features**0.5 + rng.normal(size=samples)


def scikit_learn(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Loop with ``solver="cholesky"``, the fastest of its exact solvers on all of these shapes."""
    return np.array(
        [Ridge(alpha, fit_intercept=False, solver="cholesky").fit(X, y).coef_ for alpha in ALPHAS]
    )


Row = Callable[[str, float, float, str, str], dict[str, object]]


def rows(row: Row, progress: Callable[[str], None]) -> Iterator[dict[str, object]]:
    """Yield, for each shape, the time of both sides in turn and the largest relative difference."""
    for samples, features in SHAPES:
        progress(f"ridge path: {samples} samples, {features} features, sides in turn")
        X, y = task(samples, features)
        theirs, ours = scikit_learn(X, y), ridge_path(X, y, ALPHAS)  # which also warms both up
        times = [
            (
                seconds(lambda X=X, y=y: scikit_learn(X, y)),
                seconds(lambda X=X, y=y: ridge_path(X, y, ALPHAS)),
            )
            for _ in range(ROUNDS)
        ]
        loop, path = (statistics.median(side) for side in zip(*times, strict=True))
        name = f"ridge, {samples} by {features}, {len(ALPHAS)} penalties"
        yield row(
            f"{name}: a loop over scikit-learn's Ridge (cholesky)",
            loop * 1e3,
            path * 1e3,
            "at least 30",
            "ms",
        )
        differences = np.linalg.norm(ours - theirs, axis=1) / np.linalg.norm(theirs, axis=1)
        yield row(
            f"{name}: largest relative difference of weights over 1e-10",
            float(differences.max()) / 1e-10,
            1.0,
            "at most 1",
            "none",
        )
