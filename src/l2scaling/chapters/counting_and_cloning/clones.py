"""Networks of one hidden layer trained beside their clones."""

from collections.abc import Sequence

import numpy as np
import torch


def train_relu(
    X: np.ndarray,
    y: np.ndarray,
    layers: Sequence[np.ndarray],
    learning_rates: Sequence[float],
    coefficients: Sequence[float],
    steps: int,
) -> np.ndarray:
    """Train ``f(x) = relu(x W + b) a`` by gradient descent; return its predictions before each step.

    ``layers`` is ``(W, b, a)`` of shapes ``(d, n)``, ``(n,)``, ``(n,)``; each has its learning rate
    and its penalty coefficient c, both given to ``torch.optim.SGD``, whose ``weight_decay`` is c. The
    loss is ``|f - y|^2 / (2N)`` over all N samples, in float64. The result has shape ``(steps, N)``.
    Raises ``ValueError`` unless there are three rates and three coefficients.

    >>> one = np.ones((1, 1)), np.zeros(1), np.ones(1)
    >>> train_relu(np.ones((1, 1)), np.ones(1), one, [0.1] * 3, [0.0] * 3, 2).tolist()
    [[1.0], [1.0]]
    """
    if not len(layers) == len(learning_rates) == len(coefficients) == 3:
        raise ValueError(
            f"{len(layers)} layers, {len(learning_rates)} rates, {len(coefficients)} coefficients: allowed 3"
        )
    inputs, target = torch.as_tensor(X), torch.as_tensor(y)
    W, b, a = parts = [torch.tensor(part, requires_grad=True) for part in layers]
    groups = [
        {"params": [part], "lr": rate, "weight_decay": coefficient}
        for part, rate, coefficient in zip(parts, learning_rates, coefficients, strict=True)
    ]
    optimizer = torch.optim.SGD(groups)
    outputs = []
    for _ in range(steps):
        output = torch.relu(inputs @ W + b) @ a
        optimizer.zero_grad()
        (output - target).square().mean().div(2).backward()
        outputs.append(output.detach().numpy())
        optimizer.step()
    return np.array(outputs)
