"""Cautious weight decay: decay that acts on a weight only where the optimiser's own step shrinks it too."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from l2scaling.training.modules import descend


class Cautious:
    """An optimiser's own steps, and decoupled decay of those weights that the step moves towards zero.

    ``optimizer`` has to have no decay of its own. From w and a step of η·u it makes
    ``w - ηu - ηλw`` where u·w > 0, and ``w - ηu`` elsewhere, which is rule and name of arXiv 2510.12402.
    With ``sign`` minus one decay acts where u·w < 0 instead, which is a control.

    >>> w = torch.tensor([2.0, 2.0])
    >>> w.grad = torch.tensor([1.0, -1.0])
    >>> Cautious(torch.optim.SGD([w], lr=0.5), 0.5).step()
    >>> w.tolist()
    [1.0, 2.5]
    """

    def __init__(self, optimizer: torch.optim.Optimizer, weight_decay: float, sign: float = 1.0) -> None:
        self.optimizer, self.weight_decay, self.sign = optimizer, weight_decay, sign
        self.param_groups = optimizer.param_groups
        self.zero_grad = optimizer.zero_grad

    @torch.no_grad()
    def step(self) -> None:
        before = [[weight.clone() for weight in group["params"]] for group in self.param_groups]
        self.optimizer.step()
        for group, weights in zip(self.param_groups, before, strict=True):
            for now, old in zip(group["params"], weights, strict=True):
                now.sub_(group["lr"] * self.weight_decay * old * (self.sign * (old - now) * old > 0))


def left_in_gradient(
    X: Tensor, y: Tensor, lam: float, batch_size: int, steps: int, begin: Callable[[Sequence[Tensor]], Any],
    seed: int,
) -> np.ndarray:  # fmt: skip
    """Train least squares on random batches; return by which share of λw the mean gradient misses zero.

    That is ``-⟨∇L(w), w⟩ / (λ‖w‖²)``, with the mean loss over all samples, at the mean of the weights over
    the second half of the steps: one where plain decay stops, zero at the minimum. Several designs are
    trained side by side: ``X`` has shape ``(designs, N, P)``, ``y`` ``(designs, N)``, the result
    ``(designs,)``.
    """
    designs, N, P = X.shape
    w = torch.zeros(designs, P, dtype=X.dtype, requires_grad=True)
    rows = torch.from_numpy(np.random.default_rng(seed).integers(0, N, (steps, designs, batch_size)))
    batches, each = iter(rows), torch.arange(designs)[:, None]

    def loss() -> Tensor:
        chosen = next(batches)
        misses = torch.einsum("kbp,kp->kb", X[each, chosen], w) - y[each, chosen]
        return misses.square().mean(1).sum() / 2

    path = descend(begin([w]), loss, steps, lambda: w.detach().clone())
    mean = torch.stack(path[steps // 2 :]).mean(0)
    misses = torch.einsum("knp,kp->kn", X, mean) - y
    gradient = torch.einsum("knp,kn->kp", X, misses) / N
    return (-(gradient * mean).sum(1) / (lam * mean.square().sum(1))).numpy()
