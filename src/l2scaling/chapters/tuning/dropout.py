"""Dropout in the race of the rules."""

from collections.abc import Sequence
from itertools import chain, islice

import numpy as np
import torch

from l2scaling.laws.shapes import multilayer
from l2scaling.seeds import generator
from l2scaling.training.losses import as_targets
from l2scaling.training.recipe import Recipe
from l2scaling.training.splits import Split
from l2scaling.training.steps import column, data_order, start_weights


def train_dropout(
    task: Split, judges: Sequence[tuple[np.ndarray, np.ndarray]], width: int,
    coefficients: Sequence[float] | np.ndarray, rates: Sequence[float] | np.ndarray, start: int,
    recipe: Recipe, *, learning_rates: Sequence[float] | np.ndarray | None = None, masked: bool = True,
) -> np.ndarray:  # fmt: skip
    """Train one network for each pair of c and dropout rate; return cross-entropies ``(pairs, judges)``.

    Dropout (Srivastava et al. 2014) sets each hidden unit of each sample to zero with the given rate and
    divides the others by what is left on average; judged is the whole network. All pairs share start and
    batches; ``learning_rates`` has one for each, or is that of the recipe. ``masked`` false leaves
    every unit in, whatever the rate. No biases, softmax; with rate 0 the trajectory of SGD with momentum
    in ``torch.optim``. Raises ``ValueError`` for a rate outside 0 to
    below 1, or lists of unequal length.
    """
    drop = np.asarray(rates, float)
    if drop.shape != (len(coefficients),) or not np.all((drop >= 0) & (drop < 1)):
        raise ValueError(f"rates {drop.tolist()}: allowed {len(coefficients)} values from 0 to below 1")
    X = torch.as_tensor(task.X).to(recipe.device, torch.float32)
    targets = as_targets(task.y, task.classes or 2, "softmax").to(X)
    random = generator(start, 0)
    starts = start_weights(multilayer(X.shape[1], width, targets.shape[1], 2), recipe.initializer, random)
    weights = [one.float().T.repeat(len(drop), 1, 1).to(X) for one in starts]
    velocities = [torch.zeros_like(weight) for weight in weights]
    speeds = recipe.learning_rate if learning_rates is None else learning_rates
    pull, speed, kept = (
        column(np.broadcast_to(one, drop.shape).copy(), X)
        for one in (coefficients, speeds, 1 - drop * masked)
    )
    first, second = weights
    orders = data_order(len(X), min(recipe.batch_size or len(X), len(X)), start)
    for rows in islice(chain.from_iterable(orders), recipe.steps):
        batch = rows.to(X.device)
        inputs = X[batch]
        hidden = (inputs @ first).relu_()
        if masked:
            hidden *= (torch.rand(hidden.shape[1:], generator=random).to(X.device) < kept) / kept
        signal = torch.softmax(hidden @ second, 2).sub_(targets[batch]).div_(len(batch))
        back = (signal @ second.mT).mul_(hidden > 0).div_(kept)
        gradients = inputs.T @ back, hidden.mT @ signal
        for weight, velocity, gradient in zip(weights, velocities, gradients, strict=True):
            velocity.mul_(recipe.momentum).add_(gradient).addcmul_(pull, weight)
            weight.addcmul_(speed, velocity, value=-1)
    losses = []
    for judged, labels in judges:
        outputs = (torch.as_tensor(judged).to(X) @ first).relu_() @ second
        wanted = torch.as_tensor(labels, device=X.device)
        losses.append(-torch.log_softmax(outputs, 2)[:, torch.arange(len(wanted)), wanted].mean(1))
    return torch.stack(losses, 1).double().numpy(force=True)
