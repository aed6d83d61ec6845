"""Where a loss is least over coefficients that form a geometric lattice, and what another one costs."""

import numpy as np


def at_an_end(means: np.ndarray) -> bool:
    """Return whether the least of the mean losses stands at an end, so that the best may lie beyond.

    >>> at_an_end(np.array([3.0, 1.0, 2.0])), at_an_end(np.array([1.0, 2.0, 3.0]))
    (False, True)
    """
    return int(means.argmin()) in (0, len(means) - 1)


def vertex(coefficients: np.ndarray, means: np.ndarray) -> float:
    """Return the best coefficient: the vertex of the parabola, in the logarithm, through the least mean loss
    and its neighbours, or the end of the lattice if the least stands there.

    Both have shape ``(places,)``, coefficients increasing by one factor.

    >>> lattice = np.array([0.1, 1.0, 10.0])
    >>> round(vertex(lattice, (np.log10(lattice) - 0.25) ** 2), 6)
    1.778279
    """
    place = int(means.argmin())
    middle = np.log10(coefficients[place])
    if at_an_end(means):
        return float(10**middle)
    step = np.log10(coefficients[place + 1]) - middle
    low, least, high = means[place - 1 : place + 2]
    bend = low - 2 * least + high
    return float(10 ** (middle + step * (low - high) / (2 * bend if bend > 0 else np.inf)))


def regret(coefficients: np.ndarray, means: np.ndarray, coefficient: float) -> float:
    """Return the excess loss at the place next to ``coefficient``, as a share of the least loss.

    >>> regret(np.array([0.1, 1.0, 10.0]), np.array([3.0, 2.0, 2.5]), 7.0)
    0.25
    """
    place = int(np.abs(np.log(coefficients / coefficient)).argmin())
    return float(means[place] / means.min() - 1)
