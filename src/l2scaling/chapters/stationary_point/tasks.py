"""Where training stops: tasks, what a stationary point asks of every layer, and what is seen of it."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import log_softmax

from l2scaling import datasets
from l2scaling.training.ensembles import Networks


@dataclass(frozen=True)
class Task:
    """Samples, the number of outputs and the loss of a training task.

    ``loss`` is ``softmax`` (``y`` holds class numbers) or ``half-squared`` (real targets, the
    error summed over outputs). ``cheapest`` is the sum of ``|a_j| |b_j|`` over the neurons of the
    network that made the targets, where one did.
    """

    name: str
    X: np.ndarray
    y: np.ndarray
    outputs: int
    loss: str
    cheapest: float | None = None

    @property
    def ceiling(self) -> float:
        """The most that ``c |W_l|^2`` can be at a stationary point, for any layer of any network.

        ``log K`` for softmax over K classes, ``E|y|^2 / 4`` for half the squared error.
        """
        return float(np.log(self.outputs) if self.loss == "softmax" else np.mean(self.y**2) / 4)


def image_task(name: str, samples: int, rng: np.random.Generator) -> Task:
    """Draw ``samples`` images of ``digits`` or ``mnist-5k``, the latter halved in width and height.

    Halving takes the mean of two by two standardised pixels and standardises again over the
    images drawn. Raises ``ValueError`` for another name or more samples than there are.

    >>> task = image_task("digits", 100, np.random.default_rng(0))
    >>> task.X.shape, task.outputs
    ((100, 64), 10)
    """
    if name not in ("digits", "mnist-5k"):
        raise ValueError(f"images {name!r} are unknown; allowed: digits, mnist-5k")
    data = datasets.load(name)
    if not 1 <= samples <= len(data.y):
        raise ValueError(f"samples {samples} of {name}: allowed 1 to {len(data.y)}")
    rows = rng.permutation(len(data.y))[:samples]
    X = data.X[rows]
    if name == "mnist-5k":
        X = X.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(samples, -1)
        spread = X.std(axis=0)
        X = (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return Task(name, X, data.y[rows], 10, "softmax")


def teacher_task(samples: int, rng: np.random.Generator, inputs: int = 10) -> Task:
    """Draw inputs on the unit sphere and targets from a ReLU network of four neurons, without noise.

    Its neurons have input weights of norm one in random directions and output weights 4, -4, 4, -4.

    >>> teacher_task(100, np.random.default_rng(0)).cheapest
    16.0
    """
    X, directions = rng.normal(size=(samples, inputs)), rng.normal(size=(4, inputs))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    outward = np.array([4.0, -4.0, 4.0, -4.0])
    y = np.maximum(X @ directions.T, 0.0) @ outward
    return Task("teacher", X, y, 1, "half-squared", float(np.abs(outward).sum()))


def demand_of(outputs: np.ndarray, y: np.ndarray, loss: str) -> float:
    """Return ``-E[l'(f) . f]``, what ``c |W_l|^2`` must be in every layer at a stationary point.

    ``outputs`` has shape ``(N, K)``. For softmax it is the mean entropy of the predictions minus
    the mean cross-entropy, for half the squared error ``E[(y - f) . f]``; in loss units. Raises
    ``ValueError`` for another loss. Source: Euler's identity for homogeneous functions.

    >>> abs(demand_of(np.zeros((5, 10)), np.zeros(5, int), "softmax")) < 1e-12
    True
    >>> demand_of(np.array([[1.0]]), np.array([[3.0]]), "half-squared")
    2.0
    """
    if loss not in ("softmax", "half-squared"):
        raise ValueError(f"loss {loss!r} is unknown; allowed: softmax, half-squared")
    if loss == "softmax":
        logs = log_softmax(outputs, axis=1)
        entropy = -(np.exp(logs) * logs).sum(axis=1)
        return float((entropy + logs[np.arange(len(y)), y]).mean())
    targets = np.reshape(y, outputs.shape)
    return float(((targets - outputs) * outputs).sum(axis=1).mean())


def observe(networks: Networks, task: Task) -> dict[str, torch.Tensor]:
    """Measure a group of networks on a task, for ``ensembles.train``.

    ``squares``, shape ``(m, L)``: the sum of squared weights of each layer. Of shape ``(m,)``:
    ``loss``; ``demand``; ``ratio``, the norm of the penalty's gradient over that of the data
    gradient; ``rest``, the norm of their sum over that of the pull, zero at a stationary point;
    ``score``, the share of samples predicted right, or one minus the error's share of the targets'
    variance.
    """
    outputs = networks.outputs(task.X).numpy(force=True).astype(float)
    squares = networks.sum_squares()
    gradients = networks.data_gradients(task.X, task.y)
    slopes = torch.stack([one.square().sum((1, 2)) for one in gradients]).sum(0)
    c = torch.as_tensor(networks.members.penalty_coefficients).to(slopes)
    pulls = [c[:, None, None] * weight for weight in networks.weights]
    sums = [(pull + one).square().sum((1, 2)) for pull, one in zip(pulls, gradients, strict=True)]
    return {
        "squares": squares,
        "loss": networks.data_loss(task.X, task.y),
        "demand": torch.tensor([demand_of(one, task.y, task.loss) for one in outputs]),
        "ratio": c * squares.sum(1).sqrt() / slopes.sqrt(),
        "rest": torch.stack(sums).sum(0).sqrt() / (c * squares.sum(1).sqrt()),
        "score": torch.tensor([_score(one, task) for one in outputs]),
    }


def _score(outputs: np.ndarray, task: Task) -> float:
    if task.loss == "softmax":
        return float((outputs.argmax(axis=1) == task.y).mean())
    return float(1 - np.mean((outputs[:, 0] - task.y) ** 2) / np.var(task.y))
