"""torch.nn networks, torch.optim optimisers and the loop between them, as users have them."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from l2scaling.laws.shapes import Initializer, Layer, find_initializer, multilayer

Make = Callable[[list], torch.optim.Optimizer]
"""Takes parameters, or groups of them, and returns the optimiser that will move them."""

MOMENTUM, SECOND = 0.9, 0.999
"""torch's default decay rates of Adam's two moving averages."""

TORCH_OPTIMIZERS = ("SGD", "Adam", "AdamW")

NO_EPSILON = 1e-300  # in place of zero, which torch refuses or divides by; vanishes beside any variance


def optimizer(name: str, learning_rate: float, coefficient: float, epsilon: float = 1e-8) -> Make:
    """Return a maker of ``torch.optim``'s optimiser of that name, with its ``weight_decay``.

    ``epsilon`` is what Adam and AdamW add to the root of the second moment.
    Raises ``ValueError`` for another name, naming the allowed ones.

    >>> w = torch.ones(1)
    >>> w.grad = torch.zeros(1)
    >>> optimizer("AdamW", 0.5, 0.25)([w]).step()
    >>> w.item()
    0.875
    """
    if name not in TORCH_OPTIMIZERS:
        raise ValueError(f"optimizer {name!r} is unknown; allowed: {', '.join(TORCH_OPTIMIZERS)}")
    options: dict[str, Any] = {} if name == "SGD" else {"betas": (MOMENTUM, SECOND), "eps": epsilon}
    kind = getattr(torch.optim, name)
    return partial(kind, lr=learning_rate, weight_decay=coefficient, fused=True, **options)


def descend(
    optimizer: torch.optim.Optimizer, loss: Callable[[], torch.Tensor | None], steps: int,
    see: Callable[[], Any] = lambda: None,
) -> list[Any]:  # fmt: skip
    """Take steps of an optimiser; return what ``see`` returned before the first and after each.

    Autograd differentiates what ``loss`` returns; a ``loss`` that fills the gradients itself returns
    None. Raises ``ValueError`` if ``steps`` is negative.

    >>> w = torch.ones(1, requires_grad=True)
    >>> descend(torch.optim.SGD([w], lr=0.5), lambda: w.square().sum() / 2, 2, w.item)
    [1.0, 0.5, 0.25]
    """
    if steps < 0:
        raise ValueError(f"steps {steps}: allowed 0 or more")
    seen = [see()]
    for _ in range(steps):
        value = loss()
        if value is not None:
            optimizer.zero_grad()
            value.backward()
        optimizer.step()
        seen.append(see())
    return seen


def torch_network(
    layers: Sequence[Layer], initializer: Initializer, random: torch.Generator,
    dtype: torch.dtype = torch.float32,
) -> torch.nn.Sequential:  # fmt: skip
    """Build the ReLU network of dense ``layers``, without biases, drawn by the initialiser.

    >>> from l2scaling.laws.shapes import dense_layers, find_initializer
    >>> network = torch_network(dense_layers([3, 5, 1]), find_initializer("he"), torch.Generator())
    >>> network(torch.ones(2, 3)).shape
    torch.Size([2, 1])
    """
    parts: list[torch.nn.Module] = []
    for layer in layers:
        linear = torch.nn.utils.skip_init(
            torch.nn.Linear, layer.inputs, layer.outputs, bias=False, dtype=dtype
        )
        with torch.no_grad():
            initializer.draw(linear.weight, layer, random)
        parts += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*parts[:-1])


def normalised_network(
    inputs: int, width: int, outputs: int, depth: int, random: torch.Generator
) -> torch.nn.Sequential:
    """Return a float64 ReLU network in which a batch normalisation follows every hidden weight layer.

    The normalisations have no weights of their own, keep no averages, and add to the variance
    a constant too small to change it, so that the hidden layers do not feel the scale of their
    weights. He's start, no biases. Raises ``ValueError`` if ``depth`` is below 2.

    >>> sum(w.numel() for w in normalised_network(64, 32, 10, 3, torch.Generator()).parameters())
    3392
    """
    modules: list[torch.nn.Module] = []
    for one in torch_network(
        multilayer(inputs, width, outputs, depth), find_initializer("he"), random, torch.float64
    ):
        if isinstance(one, torch.nn.ReLU):
            modules.append(
                torch.nn.BatchNorm1d(width, eps=NO_EPSILON, affine=False, track_running_stats=False)
            )
        modules.append(one)
    return torch.nn.Sequential(*modules)


def without_normalisation(model: torch.nn.Sequential) -> torch.nn.Sequential:
    """Return the same layers without the batch normalisations; weights are shared."""
    return torch.nn.Sequential(*(one for one in model if not isinstance(one, torch.nn.BatchNorm1d)))
