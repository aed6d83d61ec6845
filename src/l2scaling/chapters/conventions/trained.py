"""What a nominal λ does to trained networks, depending on who reads it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from sklearn.neural_network import MLPClassifier

from l2scaling import frameworks
from l2scaling.chapters.conventions.solved import HALF
from l2scaling.datasets import Dataset
from l2scaling.laws.shapes import multilayer
from l2scaling.training import ensembles
from l2scaling.training.recipe import Recipe
from l2scaling.training.steps import Members


def mlp_on(data: Dataset, alpha: float, batch_size: int, updates: int, seed: int) -> tuple[float, float]:
    """Train scikit-learn's ``MLPClassifier`` on all of ``data``; return its accuracy there and Σw².

    100 hidden neurons and Adam, its defaults, for ``updates`` steps rounded up to whole epochs.
    Σw² is over both kernels.

    >>> from l2scaling.datasets import load
    >>> accuracy, squares = mlp_on(load("breast-cancer"), 0.0, 569, 50, seed=0)
    >>> accuracy > 0.9, squares > 1
    (True, True)
    """
    model = MLPClassifier(alpha=alpha, batch_size=batch_size, random_state=seed)
    for _ in range(-(-updates // -(-len(data.y) // batch_size))):
        model.partial_fit(data.X, data.y, classes=np.arange(data.classes or 2))
    return float(model.score(data.X, data.y)), float(sum((kernel**2).sum() for kernel in model.coefs_))


def validation_losses(
    data: Dataset,
    coefficients: Sequence[float],
    seed: int,
    steps: int,
    optimizer: str = "sgd",
    *,
    by_size: bool = False,
) -> np.ndarray:
    """Train a small network with each coefficient; return validation cross-entropies, ``(coefficients,)``.

    Two thirds of the samples, chosen by ``seed``, train one hidden layer of 32 ReLU neurons from
    He's start: batches of 100, SGD with momentum 0.9 at rate 0.05 or AdamW at rate 1e-3, where
    the coefficient is the decoupled λ. ``by_size`` divides it, layer by layer, by the number of weights.
    All coefficients share split, start and batches.

    >>> from l2scaling.datasets import load
    >>> weak, strong = validation_losses(load("breast-cancer"), [1e-3, 10.0], seed=0, steps=100)
    >>> bool(weak < 0.3 and abs(strong - np.log(2)) < 0.01)
    True
    """
    order = np.random.default_rng([seed, len(data.y)]).permutation(len(data.y))
    train, valid = order[: train_size(data)], order[train_size(data) :]
    rate, momentum = (0.05, 0.9) if optimizer == "sgd" else (1e-3, 0.0)
    recipe = Recipe(steps, rate, momentum=momentum, optimizer=optimizer, batch_size=100)
    layers = multilayer(data.X.shape[1], 32, data.classes or 2, depth=2)
    if by_size:
        recipe = replace(recipe, decay_factors=[1 / layer.count for layer in layers])
    members = Members([seed], list(coefficients))

    def measure(nets: ensembles.Networks) -> dict[str, torch.Tensor]:
        return {"loss": nets.data_loss(data.X[valid], data.y[valid])}

    trained = ensembles.train(data.X[train], data.y[train], layers, members, recipe, measure)
    return trained.values["loss"][:, 0]


def train_size(data: Dataset) -> int:
    """Return how many samples of ``data`` ``validation_losses`` trains on.

    >>> from l2scaling.datasets import load
    >>> train_size(load("digits"))
    1198
    """
    return 2 * len(data.y) // 3


def chapter_tabs(value: float, seed: int) -> dict[str, float]:
    """Return c, against half the mean squared error, of three implementations of one weight decay.

    They are those of the section on weight decay in *Dive into Deep Learning*, in our own lines: a
    penalty ``value/2 * sum(w**2)`` beside half the squared error; ``torch.nn.MSELoss`` and
    ``weight_decay=value`` in ``torch.optim.SGD``; Keras' squared error and
    ``keras.regularizers.L2(value)``. 20 samples of 200 inputs, as there. The pull of the penalty is
    the difference of two gradients of the weights, with and without it, and c its ratio to the weights
    in units in which the data's gradient is that of half the squared error.

    >>> {name: round(c, 6) for name, c in chapter_tabs(3.0, seed=0).items()}
    {'from scratch': 3.0, 'PyTorch': 1.5, 'TensorFlow (Keras)': 3.0}
    """
    keras = frameworks.keras()
    rng = np.random.default_rng([seed, 200])
    X, w = torch.tensor(rng.normal(size=(20, 200))), torch.tensor(rng.normal(0, 0.01, 200))
    y = X @ torch.full_like(w, 0.01) + 0.05 + torch.tensor(rng.normal(0, 0.01, 20))

    def gradient(loss: str, penalty: float, decay: float = 0.0) -> torch.Tensor:
        weights = w.clone().requires_grad_()
        outputs = X @ weights
        if loss == "half":
            total = HALF * ((outputs - y) ** 2).mean() + penalty / 2 * (weights**2).sum()
        elif loss == "torch":
            total = torch.nn.MSELoss()(outputs, y)
        else:
            total = keras.losses.MeanSquaredError(dtype="float64")(y, outputs)
            if penalty:
                total = total + keras.regularizers.L2(penalty)(weights)
        total.backward()
        torch.optim.SGD([weights], lr=1.0, weight_decay=decay).step()
        return w - weights.detach()

    data = gradient("half", 0.0)
    found = {}
    for name, loss, penalty, decay in (
        ("from scratch", "half", value, 0.0),
        ("PyTorch", "torch", 0.0, value),
        ("TensorFlow (Keras)", "keras", value, 0.0),
    ):
        alone = gradient(loss, 0.0)
        pull = gradient(loss, penalty, decay) - alone
        found[name] = float((pull @ w) / (w @ w) * (data @ data) / (alone @ data))
    return found
