"""Momentum made orthogonal, as Muon makes it: the polar factor, and Newton and Schulz' way to it.

Matrices may be stacked along leading dimensions; each is then treated for itself.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

MOMENTUM = 0.9
"""Of ``Orthogonalised``, and of gradient descent beside it."""

NEWTON_SCHULZ = (3.4445, -4.775, 2.0315)
"""Coefficients of torch's Muon; five of its steps approach the polar factor."""


def polar(matrix: Tensor) -> Tensor:
    """Return the matrix with every singular value replaced by one, but those of rounding by zero.

    Rounding is what lies below the root of the precision, relative to the largest.

    >>> polar(torch.tensor([[0.0, -3.0], [0.0, 0.0]])).tolist()
    [[0.0, -1.0], [0.0, 0.0]]
    """
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    kept = values > values[..., :1] * torch.finfo(matrix.dtype).eps ** 0.5
    return (left * kept[..., None, :]) @ right


def newton_schulz(matrix: Tensor, steps: int = 5) -> Tensor:
    """Return the matrix with all its singular values moved towards one, by the polynomial of Muon."""
    X = matrix / matrix.norm(dim=(-2, -1), keepdim=True).clamp_min(torch.finfo(matrix.dtype).tiny)
    wide = X.shape[-2] <= X.shape[-1]
    a, b, c = NEWTON_SCHULZ
    for _ in range(steps):
        gram = X @ X.mT if wide else X.mT @ X
        square = b * gram + c * gram @ gram
        X = a * X + (square @ X if wide else X @ square)
    return X


class Orthogonalised(torch.optim.Optimizer):
    """Momentum made orthogonal by ``by``, ``polar`` or ``newton_schulz``, and decoupled decay.

    What ``torch.optim.Muon`` does, but for the rounding to bfloat16, the adjusted rate and Nesterov's step.

    >>> w = torch.tensor([[3.0, 0.0], [0.0, 1.0]], requires_grad=True)
    >>> w.grad = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    >>> Orthogonalised([w], polar, lr=1.0).step()
    >>> w.tolist()
    [[2.0, 0.0], [0.0, 0.0]]
    """

    def __init__(
        self, parameters: Any, by: Callable[[Tensor], Tensor], lr: float = 0.1, weight_decay: float = 0.0
    ) -> None:
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay})
        self.by = by

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for weight in group["params"]:
                mean = self.state[weight].setdefault("mean", torch.zeros_like(weight))
                mean.mul_(MOMENTUM).add_(weight.grad)
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.sub_(group["lr"] * self.by(mean))


def adjustment(weight: Tensor) -> float:
    """Return by what ``torch.optim.Muon`` multiplies the learning rate of a matrix, and not its decay."""
    return max(1.0, weight.shape[-2] / weight.shape[-1]) ** 0.5
