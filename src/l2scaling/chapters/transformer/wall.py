"""How near decayed weights come to the wall at 1/λ while a small language model is trained."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from l2scaling.chapters.transformer.groups import kind_of
from l2scaling.chapters.transformer.side_by_side import Recipe, Together


class Lion(torch.optim.Optimizer):
    """Steps by the sign of momentum and gradient mixed; no decay of its own.

    ``w -= lr * sign(b1 * m + (1 - b1) * g)``, then ``m = b2 * m + (1 - b2) * g`` (arXiv 2302.06675).

    >>> w = torch.tensor([1.0, -1.0])
    >>> w.grad = torch.tensor([3.0, -0.1])
    >>> Lion([w], lr=0.5).step()
    >>> w.tolist()
    [0.5, -0.5]
    """

    def __init__(self, params: Iterable, lr: float = 1e-4, betas: tuple[float, float] = (0.9, 0.99)) -> None:
        super().__init__(params, {"lr": lr, "betas": betas})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        for group in self.param_groups:
            first, second = group["betas"]
            for one in group["params"]:
                mean = self.state[one].setdefault("mean", torch.zeros_like(one))
                one.sub_(mean.lerp(one.grad, 1 - first).sign(), alpha=group["lr"])
                mean.lerp_(one.grad, 1 - second)


@dataclass(frozen=True)
class Approach:
    """Sizes of decayed weights along a training, over the wall at 1/λ.

    ``left`` is what decay alone leaves of a weight by then, shape ``(moments, members)``. Of the same shape
    are ``largest``, ``rare``, which one weight in a thousand exceeds, and ``typical``, the root mean square.
    """

    left: np.ndarray
    largest: np.ndarray
    rare: np.ndarray
    typical: np.ndarray


def approach(members: Together, lams: np.ndarray, seen: int = 60) -> Approach:
    """Train members and watch their decayed weights, ``seen`` times after the start.

    ``lams`` says where the walls are, by member; whether decay acts, is the members' own.
    """
    moments = members.recipe.moments()
    times = np.unique(np.linspace(0, len(moments), seen + 1).round().astype(int))
    shares = np.outer(moments * members.recipe.rate_of("matrices"), lams)
    left = np.vstack([np.ones(len(lams)), np.cumprod(1 - shares, axis=0)])[times]
    found = [_sizes(members)]
    for number, moment in enumerate(moments.tolist(), 1):
        members.step(moment)
        if number in times:
            found.append(_sizes(members))
    return Approach(left, *(np.stack(one) * lams for one in zip(*found, strict=True)))


def _sizes(members: Together) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    own: Sequence[Tensor] = [
        one.detach().flatten(1)
        for name, one in members.parameters.items()
        if kind_of(name) in members.recipe.decayed
    ]
    flat = torch.cat(list(own), 1).abs().double()
    sizes = flat.amax(1), flat.quantile(0.999, 1), flat.square().mean(1).sqrt()
    return tuple(one.numpy(force=True) for one in sizes)  # type: ignore[return-value]


def wandering(recipe: Recipe, start: float, lams: np.ndarray) -> np.ndarray:
    r"""Return λ times the root mean square of weights whose steps of length η have random signs.

    With :math:`a_t = \eta_t\lambda` the mean square obeys :math:`V_{t+1} = (1-a_t)^2 V_t + \eta_t^2`. From
    zero, at a constant rate, it tends to :math:`\eta/(2\lambda)`, so the result to
    :math:`\sqrt{\eta\lambda/2}`. ``start`` is the root mean square at the start; one number a λ.

    >>> steady = Recipe(steps=1)
    >>> wandering(steady, 2.0, np.array([0.0, 10.0])).round(3).tolist()
    [0.0, 18.0]
    """
    square = np.full(len(lams), start**2)
    for moment in recipe.moments():
        rate = moment * recipe.rate_of("matrices")
        square = (1 - rate * lams) ** 2 * square + rate**2
    return np.asarray(lams * np.sqrt(square))


def reach(approached: Approach) -> np.ndarray:
    r"""Return how near its wall a largest weight can be if no step is longer than its rate.

    With what decay leaves, :math:`\delta`, that is :math:`1 - \delta(1 - \lambda|w_0|)`;
    the shape is that of ``approached.left``.
    """
    return 1 - approached.left * (1 - approached.largest[0])
