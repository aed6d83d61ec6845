"""Learning rates over a training: warm-up, and how rates fall after it."""

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
