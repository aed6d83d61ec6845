"""Gradients of real ``torch.nn`` networks: error signals, sizes by layer, rounding.

Networks here are multilayer perceptrons without biases: ``depth`` weight layers, ReLU
between them, all hidden layers of one ``width``. A weight matrix has shape
``(fan_out, fan_in)``, as in torch.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import torch

Loss = Callable[[torch.Tensor], torch.Tensor]
"""Takes the outputs of a network, shape ``(B, outputs)``, and returns a scalar."""


def error_signals(model: torch.nn.Sequential, X: torch.Tensor, loss: Loss) -> list[torch.Tensor]:
    """Return the gradient of ``loss(model(X))`` in the pre-activations of every weight layer.

    Hooks read the tensors that backpropagation itself hands from layer to layer: shape
    ``(B, fan_out)`` each, input layer first, in loss per unit of pre-activation. Nothing is
    left in ``.grad`` of the weights.

    >>> model = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False))
    >>> error_signals(model, torch.ones(2, 1), lambda outputs: 3 * outputs.sum())[0].tolist()
    [[3.0], [3.0]]
    """
    seen: list[torch.Tensor] = []
    hooks = [
        layer.register_forward_hook(lambda layer, inputs, output: seen.append(output))
        for layer in model
        if isinstance(layer, torch.nn.Linear)
    ]
    try:
        total = loss(model(X))
    finally:
        for hook in hooks:
            hook.remove()
    return list(torch.autograd.grad(total, seen))


def signals_along_descent(
    model: torch.nn.Sequential, X: torch.Tensor, loss: Loss, learning_rate: float, steps: int
) -> list[list[torch.Tensor]]:
    """Take ``steps`` of plain gradient descent and return the error signals before and after each.

    The result has ``steps + 1`` entries, each as ``error_signals`` returns it; the first is of
    the model as given. The model's weights change in place.
    Raises ``ValueError`` if ``steps`` is negative.

    >>> model = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False))
    >>> _ = model[0].weight.data.fill_(1.0)
    >>> history = signals_along_descent(model, torch.ones(1, 1), lambda f: f.square().sum() / 2, 0.5, 2)
    >>> [signals[0].item() for signals in history]
    [1.0, 0.5, 0.25]
    """
    if steps < 0:
        raise ValueError(f"steps {steps}: allowed 0 or more")
    weights = list(model.parameters())
    history = [error_signals(model, X, loss)]
    for _ in range(steps):
        gradients = torch.autograd.grad(loss(model(X)), weights)
        with torch.no_grad():
            for weight, gradient in zip(weights, gradients, strict=True):
                weight.sub_(learning_rate * gradient)
        history.append(error_signals(model, X, loss))
    return history


def with_weight_decay(
    weights: Sequence[torch.Tensor], data_gradients: Sequence[torch.Tensor], penalty_coefficient: float
) -> list[torch.Tensor]:
    """Return the gradients that ``torch.optim.SGD(weight_decay=c)`` acts on: data gradient + c * w.

    The optimiser itself forms the sum; it is read from the momentum buffer, which holds it
    after a first step. Neither ``weights`` nor their ``.grad`` change.

    >>> with_weight_decay([torch.tensor([4.0])], [torch.tensor([1.0])], 0.5)[0].tolist()
    [3.0]
    """
    copies = [weight.detach().clone().requires_grad_() for weight in weights]
    for copy, gradient in zip(copies, data_gradients, strict=True):
        copy.grad = gradient.detach().clone()
    optimiser = torch.optim.SGD(copies, lr=0.0, momentum=0.9, weight_decay=penalty_coefficient)
    optimiser.step()
    return [optimiser.state[copy]["momentum_buffer"] for copy in copies]


class Contest(NamedTuple):
    """How a penalty compares with a data loss, for one network and one batch.

    ``value`` is the penalty in loss units and ``share`` its part of penalty plus data loss;
    ``ratio`` is the norm of the penalty's gradient over that of the data gradient, over all
    weights, and ``input_ratio`` the same in the first weight layer alone.
    """

    value: float
    share: float
    ratio: float
    input_ratio: float


def compete(
    model: torch.nn.Sequential,
    X: torch.Tensor,
    loss: Loss,
    penalty: Callable[[torch.nn.Sequential, torch.Tensor], torch.Tensor],
) -> Contest:
    """Compare ``penalty(model, outputs)`` with ``loss(outputs)`` by value and by gradient norm.

    Both gradients come from autograd. Time and memory are those of one forward and one
    backward pass, and of three copies of the weights.

    >>> model = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False))
    >>> _ = model[0].weight.data.fill_(2.0)
    >>> def penalty(model, outputs):
    ...     return 1.5 * model[0].weight.square().sum()
    >>> compete(model, torch.ones(1, 1), lambda outputs: outputs.sum(), penalty)
    Contest(value=6.0, share=0.75, ratio=6.0, input_ratio=6.0)
    """
    weights, outputs = list(model.parameters()), model(X)
    data_loss, value = loss(outputs), penalty(model, outputs)
    pulls = torch.autograd.grad(value, weights, retain_graph=True)
    data = torch.autograd.grad(data_loss, weights)
    return Contest(
        value.item(),
        value.item() / (value.item() + data_loss.item()),
        joint_norm(pulls) / joint_norm(data),
        joint_norm(pulls[:1]) / joint_norm(data[:1]),
    )


def root_mean_squares(tensors: Sequence[torch.Tensor]) -> np.ndarray:
    """Return the root mean square of the entries of each tensor, shape ``(tensors,)``.

    >>> root_mean_squares([torch.tensor([3.0, -3.0]), torch.tensor([1.0])]).tolist()
    [3.0, 1.0]
    """
    return np.sqrt([tensor.detach().double().square().mean().item() for tensor in tensors])


def joint_norm(tensors: Sequence[torch.Tensor]) -> float:
    """Return the Euclidean norm of all entries of all tensors together.

    >>> joint_norm([torch.tensor([3.0]), torch.tensor([[4.0]])])
    5.0
    """
    return float(np.sqrt(sum(torch.linalg.vector_norm(tensor.detach()).item() ** 2 for tensor in tensors)))


def relative_differences(
    reference: Sequence[Sequence[torch.Tensor]], other: Sequence[Sequence[torch.Tensor]]
) -> np.ndarray:
    """Return norm(other - reference) / norm(reference) for two histories of signals.

    Both are lists over steps of lists over layers, as ``signals_along_descent`` returns them;
    the result has shape ``(steps, layers)``.

    >>> relative_differences([[torch.tensor([4.0])]], [[torch.tensor([5.0])]]).tolist()
    [[0.25]]
    """
    return np.array(
        [
            [joint_norm([b - a]) / joint_norm([a]) for a, b in zip(*pair, strict=True)]
            for pair in zip(reference, other, strict=True)
        ]
    )


def rounding_error(
    gradients: Sequence[torch.Tensor],
    data_gradients: Sequence[torch.Tensor],
    weights: Sequence[torch.Tensor],
    penalty_coefficient: float,
) -> float:
    """Return the largest error of ``gradients`` against data gradient + c * w, in units of roundoff.

    The reference is exact, in rational numbers, from the arguments as stored; ``c`` is first
    rounded to their type. The error of an entry is divided by ``u * (|data gradient| + |c * w|)``,
    with u = 2**-24 for float32 and 2**-53 for float64. A product and a sum, each rounded, stay
    below 2; one rounding in all stays below 1 (with terms of second order in u ignored).

    >>> w, data = torch.tensor([3.0]), torch.tensor([1.0])
    >>> rounding_error([data + 0.5 * w], [data], [w], 0.5)
    0.0
    """
    worst = Fraction(0)
    for gradient, data_gradient, weight in zip(gradients, data_gradients, weights, strict=True):
        c = Fraction(torch.tensor(penalty_coefficient, dtype=weight.dtype).item())
        unit = Fraction(torch.finfo(weight.dtype).eps) / 2
        entries = (one.detach().flatten().tolist() for one in (gradient, data_gradient, weight))
        for total, data, w in zip(*entries, strict=True):
            pull = c * Fraction(w)
            size = abs(Fraction(data)) + abs(pull)
            if size:
                worst = max(worst, abs(Fraction(total) - Fraction(data) - pull) / (unit * size))
    return float(worst)
