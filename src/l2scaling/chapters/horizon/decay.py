"""What decay alone leaves of a weight: schedules, the horizon kappa, and the exact share."""

from collections.abc import Sequence

import numpy as np

SCHEDULES = ("constant", "cosine", "linear", "steps")
"""How a learning rate goes after its warm-up: kept, along half a cosine, along a line, in drops."""


def schedule(
    kind: str, steps: int, warm: float = 0.0, last: float = 0.0, drops: Sequence[float] = (),
    factor: float = 0.1, until: float = 1.0,
) -> np.ndarray:  # fmt: skip
    """Return the learning rate of every step over its peak, shape ``(steps,)``.

    The first ``warm`` of the steps rise linearly to the peak. Then ``cosine`` and ``linear`` fall, and
    have come to ``last`` of it at the share ``until`` of the training; ``steps`` multiplies by ``factor``
    at each of ``drops``, also shares. Raises ``ValueError`` for another kind, or shares outside 0 to 1.

    >>> schedule("linear", 4).tolist()
    [1.0, 0.75, 0.5, 0.25]
    >>> schedule("constant", 4, warm=0.5).tolist()
    [0.5, 1.0, 1.0, 1.0]
    """
    if kind not in SCHEDULES:
        raise ValueError(f"schedule {kind!r} is unknown; allowed: {', '.join(SCHEDULES)}")
    if steps < 1 or not all(0 <= one <= 1 for one in (warm, last, until, *drops)):
        raise ValueError(f"steps {steps}, shares {[warm, last, until, *drops]}: allowed from 1, and 0 to 1")
    rising = round(warm * steps)
    place = np.minimum(np.arange(steps - rising) / max(until * steps - rising, 1), 1)
    fallen = {"cosine": (1 - np.cos(np.pi * place)) / 2, "linear": place}.get(kind, 0 * place)
    rates = np.concatenate([(np.arange(rising) + 1) / max(rising, 1), 1 - (1 - last) * fallen])
    for one in drops if kind == "steps" else ():
        rates[round(one * steps) :] *= factor
    return rates


def mean_rate(kind: str, warm: float = 0.0, last: float = 0.0) -> float:
    """Return the mean of a schedule over its peak, for many steps.

    ``1 - warm / 2`` if constant, else ``warm / 2 + (1 - warm) (1 + last) / 2``: the same for ``cosine``
    and ``linear``. Raises ``ValueError`` for another kind.

    >>> mean_rate("cosine"), mean_rate("linear", warm=0.2), mean_rate("cosine", last=0.1)
    (0.5, 0.5, 0.55)
    """
    if kind not in ("constant", "cosine", "linear"):
        raise ValueError(f"schedule {kind!r} has no formula here; allowed: constant, cosine, linear")
    return warm / 2 + (1 - warm) * (1.0 if kind == "constant" else (1 + last) / 2)


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
