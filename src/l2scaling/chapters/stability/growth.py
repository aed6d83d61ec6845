"""How the curvature at the start, and the first rate that explodes, answer to the width of a network."""

import numpy as np

from l2scaling.chapters.stability.descent import Group, train_group
from l2scaling.chapters.stability.factors import bisect


def tangent_curvature(X: np.ndarray, width: int) -> float:
    """Return the largest curvature that a wide ReLU network's half squared loss has at its start.

    The largest eigenvalue of ``K / N`` for the expected kernel ``K = n E[u+ v+] + x.x' E[1(u>0) 1(v>0)]``
    of networks as ``draw_group`` draws them; u and v are normal with covariance ``x.x' / d``. With the
    angle t between x and x', ``E[u+ v+] = |x| |x'| (sin t + (pi - t) cos t) / (2 pi d)`` and the other
    mean is ``(pi - t) / (2 pi)`` (Cho and Saul, 2009). ``X`` has shape ``(N, d)``, no row of zeros.

    >>> round(tangent_curvature(np.array([[1.0]]), width=9), 12)
    5.0
    """
    count, inputs = X.shape
    norms = np.linalg.norm(X, axis=1)
    lengths, products = np.outer(norms, norms), X @ X.T
    angle = np.arccos(np.clip(products / lengths, -1, 1))
    active = (np.pi - angle) / (2 * np.pi)
    second = lengths * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi * inputs)
    return float(np.linalg.eigvalsh((width * second + products * active) / count)[-1])


def first_exploding_rates(group: Group, curvatures: np.ndarray, steps: int) -> np.ndarray:
    """Return the learning rate from which on each network explodes without a penalty, shape ``(M,)``.

    By bisection between zero and 64 over ``curvatures``, to an eighth of one over it.
    """

    def trains(rates: np.ndarray) -> np.ndarray:
        return ~train_group(group, 0 * rates, rates, 0 * rates, steps).exploded

    return bisect(trains, 64 / curvatures, 9)
