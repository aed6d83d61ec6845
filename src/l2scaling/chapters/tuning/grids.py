"""Grids of λ: where they lie and what share of them is near the best."""

from collections.abc import Sequence

import numpy as np

from l2scaling.atlas import conventions
from l2scaling.chapters.tuning.ridge_race import EVEN


def values_in(best: np.ndarray, samples: np.ndarray, apis: Sequence[str], batch_size: int) -> np.ndarray:
    """Return what coefficients c are called in each API, shape ``(apis, cells)``.

    ``best`` and ``samples`` have shape ``(cells,)``.

    >>> values_in(np.array([0.02]), np.array([50]), ["keras.regularizers.L2", "lambda_over_2m"], 32).tolist()
    [[0.01], [1.0]]
    """
    found = [conventions.find(name) for name in apis]
    usages = [conventions.Usage(samples=int(count), batch_size=batch_size) for count in samples]
    return np.array(
        [[api.value(float(c), one) for c, one in zip(best, usages, strict=True)] for api in found]
    )


def share_inside(
    best: np.ndarray, resampled: np.ndarray, samples: np.ndarray, apis: Sequence[str], batch_size: int
) -> np.ndarray:
    """Return the share of cells whose best c, as the API calls it, lies from 0.01 to 0.4; ``(3, apis)``.

    Rows are the share, and low and high of its 95% interval from ``resampled`` ``(resamples, cells)``.

    >>> cells = np.array([0.005, 0.03])
    >>> share_inside(cells, cells[None], np.array([50, 50]), ["torch.optim.SGD"], 32).ravel().tolist()
    [0.5, 0.5, 0.5]
    """
    found = [values_in(one, samples, apis, batch_size) for one in (best, *resampled)]
    shares = np.array([((one >= EVEN[0]) & (one <= EVEN[-1])).mean(1) for one in found])
    return np.stack([shares[0], *np.quantile(shares[1:], [0.025, 0.975], axis=0)])


def best_coefficients(
    errors: np.ndarray, coefficients: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the c of least mean error over splits, and the same for resampled splits.

    ``errors`` ``(cells, splits, places)`` belong to geometric ``coefficients`` ``(places,)``; a parabola in
    log c through the least value and its neighbours refines the place, except at an end. The results have
    shapes ``(cells,)`` and ``(200, cells)``. Splits are resampled together in all cells.

    >>> c = np.geomspace(0.01, 10, 4)
    >>> best_coefficients((np.log(c / 0.2) ** 2)[None, None], c, seed=0)[0].round(6).tolist()
    [0.2]
    """
    splits = errors.shape[1]
    picks = np.random.default_rng(seed).integers(0, splits, (200, splits))
    shares = np.stack([(picks == one).mean(1) for one in range(splits)], 1)
    resampled = np.stack([shares @ cell for cell in errors], 1)
    return _lowest(errors.mean(1), coefficients), _lowest(resampled, coefficients)


def _lowest(curves: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    place = curves.argmin(-1)
    middle = np.clip(place, 1, len(coefficients) - 2)
    left, low, right = (np.take_along_axis(curves, (middle + k)[..., None], -1)[..., 0] for k in (-1, 0, 1))
    bend = left - 2 * low + right
    shift = np.where((bend > 0) & (place == middle), (left - right) / np.where(bend > 0, 2 * bend, 1.0), 0.0)
    step = np.log(coefficients[1] / coefficients[0])
    return coefficients[place] * np.exp(step * shift)
