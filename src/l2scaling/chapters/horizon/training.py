"""Networks of one hidden layer under torch's own optimisers and schedules, many starts at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from l2scaling.laws.shapes import find_initializer, multilayer
from l2scaling.seeds import generator
from l2scaling.training.steps import stacked_starts

OPTIMIZERS = ("SGD", "AdamW", "Adam")
"""``torch.optim``'s: SGD with momentum and Adam have the penalty in their gradient, AdamW beside it."""


@dataclass(frozen=True)
class Training:
    """Samples ``X`` of shape ``(N, d)``, their classes ``y``, and how an optimiser is told to learn them.

    ``coefficient`` is ``weight_decay``: c of SGD, whose gradient it joins, or AdamW's decoupled λ. Without
    ``decays`` the optimiser is not told of it. A ``fused`` step rounds each weight once; torch's usual one
    rounds decay on its own. Raises ``ValueError`` for an optimiser that is not in ``OPTIMIZERS``.
    """

    X: Tensor
    y: Tensor
    optimizer: str
    learning_rate: float
    coefficient: float
    momentum: float = 0.9
    batch_size: int = 50
    decays: bool = True
    fused: bool = True

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"optimizer {self.optimizer!r} is unknown; allowed: {', '.join(OPTIMIZERS)}")

    @property
    def lag(self) -> float:
        """The momentum that decay passes through: that of SGD, none under decoupled decay."""
        return self.momentum if self.optimizer == "SGD" else 0.0

    @property
    def share(self) -> float:
        """What decay takes off a weight in a step at the peak rate: rate times coefficient, over 1 - lag."""
        return self.learning_rate * self.coefficient / (1 - self.lag)

    def steps(self, horizon: float, mean_rate: float = 1.0) -> int:
        """Return the number of steps in which decay acts ``horizon`` times, at a mean rate over the peak."""
        return max(1, round(horizon / (self.share * mean_rate)))

    def make(self, weights: Sequence[Tensor]) -> torch.optim.Optimizer:
        """Return the optimiser of these weights."""
        told: dict[str, Any] = {
            "lr": self.learning_rate, "weight_decay": self.coefficient * self.decays, "fused": self.fused,
        }  # fmt: skip
        if self.optimizer == "SGD":
            return torch.optim.SGD(weights, momentum=self.momentum, **told)
        return getattr(torch.optim, self.optimizer)(weights, **told)


@dataclass(frozen=True)
class Seen:
    """What was seen of several starts at several moments, arrays of shape ``(moments, starts)``.

    ``squares`` is the sum of squared weights; ``kept`` the weights' projection on their start, over the
    start's own square; ``idle`` the same of the weights that no sample moves; ``loss`` the data loss of
    the moment's batch.
    """

    squares: np.ndarray
    kept: np.ndarray
    idle: np.ndarray
    loss: np.ndarray


def idle_inputs(X: Tensor) -> Tensor:
    """Return which inputs are zero in every sample, so that their weights never get a gradient.

    >>> idle_inputs(torch.tensor([[0.0, 1.0], [0.0, 0.0]])).tolist()
    [True, False]
    """
    return (X == 0).all(0)


def follow(
    training: Training, width: int, rates: np.ndarray, at: Sequence[int], stream: Sequence[int], starts: int,
    dtype: torch.dtype = torch.float32, device: str = "cpu",
) -> Seen:  # fmt: skip
    """Train ``starts`` networks of one width, He's start; return what is seen after the steps ``at``.

    ``rates`` multiplies the learning rate, a number a step, by ``torch.optim.lr_scheduler.LambdaLR``.
    All starts stand in one tensor a layer, which torch's entrywise optimisers do not notice. Weights are
    kept in ``dtype``, and read in single precision at least. Starts and batches, which are drawn anew each
    step, come from ``stream``, a seed and what follows it, each start from its own. Raises ``ValueError``
    for moments outside 0 to the number of rates.
    """
    if not at or min(at) < 0 or max(at) > len(rates):
        raise ValueError(f"at {list(at)}: allowed steps from 0 to {len(rates)}")
    place, compute = torch.device(device), torch.promote_types(dtype, torch.float32)
    X, y = training.X.to(place, compute), training.y.to(place)
    weights = _starts(training, width, stream, starts, dtype, place)
    first = [one.detach().to(compute, copy=True) for one in weights]
    batches = [generator(*stream, 1, start) for start in range(starts)]
    optimizer = training.make(weights)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: rates[min(t, len(rates) - 1)])
    seen = []
    for step in range(max(at) + 1):
        picks = torch.stack([torch.randint(len(y), (training.batch_size,), generator=one) for one in batches])
        loss = _loss(weights, X[picks.to(place)], y[picks.to(place)])
        if step in at:
            seen.append(_seen([one.detach().to(compute) for one in weights], first, idle_inputs(X), loss))
        if step < max(at):
            optimizer.zero_grad()
            loss.sum().backward()
            optimizer.step()
            scheduler.step()
    return Seen(*(np.stack(one) for one in zip(*seen, strict=True)))


def _starts(
    training: Training, width: int, stream: Sequence[int], starts: int, dtype: torch.dtype,
    device: torch.device,
) -> list[Tensor]:  # fmt: skip
    layers = multilayer(training.X.shape[1], width, int(training.y.max()) + 1, 2)
    streams = (generator(*stream, 0, k) for k in range(starts))
    drawn = stacked_starts(layers, find_initializer("he"), streams)
    return [one.to(device, dtype).requires_grad_() for one in drawn]


def _loss(weights: Sequence[Tensor], X: Tensor, y: Tensor) -> Tensor:
    first, second = (one.to(X.dtype) for one in weights)
    outputs = torch.bmm(torch.relu(torch.bmm(X, first.transpose(1, 2))), second.transpose(1, 2))
    each = cross_entropy(outputs.flatten(0, 1), y.flatten(), reduction="none")
    return each.view(y.shape).mean(1)


def _seen(weights: Sequence[Tensor], first: Sequence[Tensor], idle: Tensor, loss: Tensor) -> list[np.ndarray]:
    still = [weights[0][:, :, idle]], [first[0][:, :, idle]]
    found = (
        _products(weights, weights),
        _products(weights, first) / _products(first, first),
        _products(*still) / _products(still[1], still[1]),  # not a number where no input is idle
        loss.detach().double(),
    )
    return [one.numpy(force=True) for one in found]


def _products(left: Sequence[Tensor], right: Sequence[Tensor]) -> Tensor:
    each = [(a * b).sum((1, 2), dtype=torch.float64) for a, b in zip(left, right, strict=True)]
    return torch.stack(each).sum(0)
