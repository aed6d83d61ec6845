"""What decay alone leaves of a weight: the horizon kappa, and the exact share."""

import numpy as np


def horizon(rates: np.ndarray, coefficient: float, momentum: float = 0.0) -> np.ndarray:
    """Return how often decay has acted after each step: ``cumsum(rate * coefficient) / (1 - momentum)``.

    ``momentum`` is that of SGD with the penalty in its gradient; decoupled decay knows none.

    >>> horizon(np.full(3, 0.1), 0.5, momentum=0.5).round(9).tolist()
    [0.1, 0.2, 0.3]
    """
    return np.cumsum(rates) * coefficient / (1 - momentum)


def left(rates: np.ndarray, coefficient: float, momentum: float = 0.0) -> np.ndarray:
    """Return what is left, after each step, of a weight that no sample moves; shape of ``rates``.

    Without momentum, and under decoupled decay, ``cumprod(1 - rate * coefficient)``. With momentum the
    recursion of ``torch.optim.SGD``: ``v = momentum * v + coefficient * w``, ``w = w - rate * v``.

    >>> left(np.full(2, 0.5), 0.5).tolist()
    [0.75, 0.5625]
    >>> left(np.full(2, 0.5), 0.5, momentum=0.5).tolist()
    [0.75, 0.4375]
    """
    weight, velocity, kept = 1.0, 0.0, []
    for rate in rates:
        velocity = momentum * velocity + coefficient * weight
        weight -= rate * velocity
        kept.append(weight)
    return np.array(kept)


def most_missing(shares: np.ndarray) -> float:
    """Return by how much minus log of the product of ``1 - share`` may exceed the sum of shares.

    ``sum(share**2) / (2 (1 - max share))``. Raises ``ValueError`` unless shares are 0 to below 1.

    >>> most_missing(np.full(100, 0.01)) < 0.0051
    True
    """
    if not np.all((shares >= 0) & (shares < 1)):
        raise ValueError(f"shares {shares.min()} to {shares.max()}: allowed 0 to below 1")
    return float((shares**2).sum() / (2 * (1 - shares.max())))


def slow_root(share: float, momentum: float) -> float:
    """Return the larger root of ``z**2 - (1 + b - (1 - b) share) z + b``, by which momentum b decays.

    ``share`` is the pull of a step over ``1 - momentum``, so that the root is near ``1 - share``. Raises
    ``ValueError`` if the roots are complex: then weights swing.

    >>> round(slow_root(0.01, 0.0), 9), slow_root(0.01, 0.9) < 0.99
    (0.99, True)
    """
    middle = 1 + momentum - (1 - momentum) * share
    if middle**2 < 4 * momentum:
        raise ValueError(f"share {share} with momentum {momentum}: allowed where weights do not swing")
    return float((middle + np.sqrt(middle**2 - 4 * momentum)) / 2)
