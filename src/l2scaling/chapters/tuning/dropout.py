"""Dropout in the race of the rules."""

from collections.abc import Sequence

import numpy as np
import torch

from l2scaling.chapters.tuning.network_race import Training
from l2scaling.laws.shapes import find_initializer, multilayer
from l2scaling.seeds import generator
from l2scaling.training.tasks import Task


def train_dropout(
    task: Task, judges: Sequence[tuple[np.ndarray, np.ndarray]], width: int,
    coefficients: Sequence[float] | np.ndarray, rates: Sequence[float] | np.ndarray, start: int,
    training: Training, *, learning_rates: Sequence[float] | np.ndarray | None = None, masked: bool = True,
) -> np.ndarray:  # fmt: skip
    """Train one network for each pair of c and dropout rate; return cross-entropies ``(pairs, judges)``.

    Dropout (Srivastava et al. 2014) sets each hidden unit of each sample to zero with the given rate and
    divides the others by what is left on average; judged is the whole network. All pairs share start and
    batches; ``learning_rates`` has one for each, or is that of ``training``. ``masked`` false leaves
    every unit in, whatever the rate. He's start, no biases; with rate 0
    the trajectory of SGD with momentum in ``torch.optim``. Raises ``ValueError`` for a rate outside 0 to
    below 1, or lists of unequal length.
    """
    pulls = torch.as_tensor(np.asarray(coefficients), dtype=torch.float32)[:, None, None]
    drop = np.asarray(rates, float)
    if drop.shape != (len(pulls),) or not np.all((drop >= 0) & (drop < 1)):
        raise ValueError(f"rates {drop.tolist()}: allowed {len(pulls)} values from 0 to below 1")
    device = torch.device(training.device)
    X = torch.as_tensor(task.X, dtype=torch.float32, device=device)
    targets = torch.nn.functional.one_hot(torch.as_tensor(task.y), task.classes or 2).float().to(device)
    random, order = generator(start, 0), generator(start, 1)
    weights = []
    for layer in multilayer(X.shape[1], width, targets.shape[1], 2):
        one = torch.empty(layer.outputs, layer.inputs, dtype=torch.float64)
        find_initializer("he").draw(one, layer, random)
        weights.append(one.float().T.repeat(len(drop), 1, 1).to(device))
    velocities = [torch.zeros_like(weight) for weight in weights]
    pulls = pulls.to(device)
    each = np.broadcast_to(training.learning_rate if learning_rates is None else learning_rates, drop.shape)
    speeds = torch.as_tensor(each.copy(), dtype=torch.float32, device=device)[:, None, None]
    kept = torch.as_tensor(1 - drop * masked, dtype=torch.float32, device=device)[:, None, None]
    first, second = weights
    rows = torch.arange(0)
    for _ in range(training.steps):
        if len(rows) < training.batch_size:
            rows = torch.randperm(len(X), generator=order)
        batch, rows = rows[: training.batch_size].to(device), rows[training.batch_size :]
        inputs = X[batch]
        hidden = (inputs @ first).relu_()
        if masked:
            hidden *= (torch.rand(hidden.shape[1:], generator=random).to(device) < kept) / kept
        signal = torch.softmax(hidden @ second, 2).sub_(targets[batch]).div_(len(batch))
        back = (signal @ second.mT).mul_(hidden > 0).div_(kept)
        for weight, velocity, gradient in zip(
            weights, velocities, (inputs.T @ back, hidden.mT @ signal), strict=True
        ):
            velocity.mul_(training.momentum).add_(gradient).addcmul_(pulls, weight)
            weight.addcmul_(speeds, velocity, value=-1)
    losses = []
    for judged, labels in judges:
        outputs = (torch.as_tensor(judged, dtype=torch.float32, device=device) @ first).relu_() @ second
        wanted = torch.as_tensor(labels, device=device)
        losses.append(-torch.log_softmax(outputs, 2)[:, torch.arange(len(wanted)), wanted].mean(1))
    return torch.stack(losses, 1).double().numpy(force=True)
