"""The total penalty of ever larger networks, and the pull on weights that all of them share."""

from collections.abc import Sequence

import numpy as np
import torch

from l2scaling import seeds
from l2scaling.laws import penalties


def tracked_totals(
    widths: Sequence[int], standard_deviation: float, penalty_coefficient: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the total penalty of ever larger networks, and the pull on weights they share.

    The networks are those of chapter penalty-and-pull: ten inputs, two hidden layers, one output,
    weights of one scale, and the same ten by ten weights in the corner of each first layer.
    Shapes ``(widths,)`` and ``(widths, 100)``; the pulls are what autograd returns.

    >>> totals, pulls = tracked_totals([12, 100], 0.05, 0.01, seed=0)
    >>> bool(totals[1] > 20 * totals[0]), bool((pulls[0] == pulls[1]).all())
    (True, True)
    """
    penalty = penalties.find("squared-l2")
    tracked = torch.empty(10, 10).normal_(0, standard_deviation, generator=seeds.generator(seed, 2))
    totals, pulls = [], []
    for width in widths:
        random = seeds.generator(seed, 1, width)
        shapes = [(width, 10), (width, width), (1, width)]
        weights = [torch.empty(shape).normal_(0, standard_deviation, generator=random) for shape in shapes]
        weights[0][:10] = tracked
        for weight in weights:
            weight.requires_grad_()
        total = penalty.value(torch.cat([weight.flatten() for weight in weights]), penalty_coefficient)
        (gradient,) = torch.autograd.grad(total, weights[0])
        totals.append(total.item())
        pulls.append(gradient[:10].flatten().numpy())
    return np.array(totals), np.array(pulls)
