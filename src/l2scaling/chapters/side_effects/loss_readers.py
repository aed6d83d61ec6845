"""What reads the value of the loss: schedulers, stopping rules, relative tolerances.

An *idle* weight is one that no sample uses; a *frozen* weight is not moved at all, but is penalised.
Both change the total and nothing else that plain gradient descent reads.
"""

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from l2scaling import frameworks, seeds
from l2scaling.datasets import Dataset
from l2scaling.laws.shapes import find_initializer, multilayer
from l2scaling.training.modules import descend, torch_network


class IdleRun(NamedTuple):
    """A training run beside idle or frozen weights, epoch by epoch.

    ``losses`` and ``penalties``, shape ``(epochs,)``, are the data loss and the total penalty after
    each epoch; ``first_drop`` is the number of the epoch after which the scheduler first cut the
    rate, counted from zero (``epochs`` if it never did); ``weights`` are the active weights at the end.
    """

    losses: np.ndarray
    penalties: np.ndarray
    first_drop: int
    weights: list[torch.Tensor]


def train_beside_idle(
    data: Dataset, idle: int, *, frozen: bool, monitor: str, penalty_coefficient: float,
    standard_deviation: float, learning_rate: float, epochs: int, steps: int, patience: int,
    random: torch.Generator, device: str, optimizer: str = "SGD",
) -> IdleRun:  # fmt: skip
    """Train a small network on all of ``data`` beside ``idle`` weights that no sample uses.

    The network has one hidden layer of 16 ReLU units; two classes. Full-batch descent by
    ``torch.optim`` ``SGD`` or ``Adam`` on mean cross-entropy plus ``c/2 * sum(w**2)`` over all weights;
    after every epoch of ``steps`` steps a ``ReduceLROnPlateau`` with torch's defaults, but ``patience``,
    reads the total (``monitor`` ``penalised``) or the data loss (``data``); ``none`` leaves it out.
    The active weights start the same for every ``idle``. Raises ``ValueError`` for another monitor.
    """
    if monitor not in ("penalised", "data", "none"):
        raise ValueError(f"monitor {monitor!r} is unknown; allowed: penalised, data, none")
    X = torch.tensor(data.X, dtype=torch.float32, device=device)
    y = torch.tensor(data.y, dtype=torch.float32, device=device)
    model = torch_network(multilayer(X.shape[1], 16, 1, 2), find_initializer("he"), random).to(device)
    active = list(model.parameters())
    beside = (standard_deviation * torch.randn(idle, generator=random)).to(device).requires_grad_(not frozen)
    constant = penalty_coefficient / 2 * beside.detach().double().square().sum().item() if frozen else 0.0
    penalised = active if frozen or not idle else [*active, beside]
    descent = getattr(torch.optim, optimizer)(penalised, learning_rate)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(descent, patience=patience)

    def data_loss() -> torch.Tensor:
        return binary_cross_entropy_with_logits(model(X)[:, 0], y)

    def penalty() -> torch.Tensor:
        squares = torch.stack([w.square().sum() for w in penalised]).sum()
        return penalty_coefficient / 2 * squares + constant

    losses, penalties, first_drop = [], [], epochs
    for epoch in range(epochs):
        descend(descent, lambda: data_loss() + penalty(), steps)
        with torch.no_grad():
            losses.append(data_loss().item())
            penalties.append(penalty().item())
        if monitor != "none":
            scheduler.step(losses[-1] + (penalties[-1] if monitor == "penalised" else 0.0))
        if first_drop == epochs and descent.param_groups[0]["lr"] < learning_rate:
            first_drop = epoch
    return IdleRun(np.array(losses), np.array(penalties), first_drop, [w.detach() for w in active])


class StoppedRun(NamedTuple):
    """A Keras run ended by early stopping: what it reported after each epoch, shape ``(epochs,)``.

    ``reported`` is Keras's ``val_loss``; ``data`` the validation data loss; ``best`` the epoch whose
    weights early stopping would keep.
    """

    reported: np.ndarray
    data: np.ndarray
    best: int


def keras_early_stopping(
    train: tuple[np.ndarray, np.ndarray], validation: tuple[np.ndarray, np.ndarray], idle: int, *,
    monitor: str, penalty_coefficient: float, standard_deviation: float, learning_rate: float,
    epochs: int, patience: int, seed: int,
) -> StoppedRun:  # fmt: skip
    """Fit a Keras network of one hidden layer beside an idle, regularised layer, with early stopping.

    Only the ``idle`` weights have a regulariser, ``L2(c / 2)``. Plain SGD, four batches an epoch,
    ``EarlyStopping(patience)`` on ``monitor``: ``val_loss``, which holds the penalty, or
    ``val_data_loss``, a metric of the data alone. Inputs and 0/1 targets are NumPy arrays. ``seed``
    is at most 2**31.
    """
    keras = frameworks.keras()
    initializers = keras.initializers

    class Idle(keras.layers.Layer):  # type: ignore[misc, name-defined]
        def build(self, shape: Any) -> None:
            self.kernel = self.add_weight(
                shape=(idle,),
                initializer=initializers.RandomNormal(0.0, standard_deviation, seed=seed + 2),
                regularizer=keras.regularizers.L2(penalty_coefficient / 2),
            )

        def call(self, inputs: Any) -> Any:
            return inputs

    with keras.device("cpu"):
        model = keras.Sequential(
            [
                keras.Input((train[0].shape[1],)),
                *([Idle()] if idle else []),
                keras.layers.Dense(
                    32, activation="relu", kernel_initializer=initializers.HeNormal(seed=seed)
                ),
                keras.layers.Dense(
                    1, activation="sigmoid", kernel_initializer=initializers.GlorotUniform(seed=seed + 1)
                ),
            ]
        )
        model.compile(
            optimizer=keras.optimizers.SGD(learning_rate),
            loss="binary_crossentropy",
            metrics=[keras.metrics.BinaryCrossentropy(name="data_loss")],
        )
        history = model.fit(
            train[0],
            train[1][:, None],
            validation_data=(validation[0], validation[1][:, None]),
            epochs=epochs,
            batch_size=max(1, len(train[1]) // 4),
            validation_batch_size=len(validation[1]),
            shuffle=False,
            verbose=0,
            callbacks=[keras.callbacks.EarlyStopping(monitor, patience=patience)],
        ).history
    watched = np.array(history[monitor])
    return StoppedRun(
        np.array(history["val_loss"]), np.array(history["val_data_loss"]), int(watched.argmin())
    )


def sklearn_epochs(
    data: Dataset, idle: int, *, penalty_coefficient: float, standard_deviation: float,
    learning_rate: float, max_epochs: int, hidden: int, seed: int,
) -> int:  # fmt: skip
    """Return after how many epochs ``MLPClassifier(solver="sgd")`` stops by its own ``tol``.

    ``idle`` weights come from features that are zero in every sample, ``hidden`` weights each. Full
    batches without momentum, ``alpha = c * N``, so that c is the coefficient of the mean loss. The
    weights on the real features start the same for every ``idle``. ``seed`` is at most 2**31.
    Raises ``ValueError`` unless ``idle`` is a multiple of ``hidden``.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    if idle % hidden:
        raise ValueError(f"idle {idle}: allowed multiples of {hidden}, the hidden units")
    count, features = data.X.shape
    X = np.column_stack([data.X, np.zeros((count, idle // hidden))])
    model = MLPClassifier(
        hidden, solver="sgd", alpha=penalty_coefficient * count, batch_size=count, momentum=0.0,
        learning_rate_init=learning_rate, shuffle=False, max_iter=1, warm_start=True, random_state=0,
    )  # fmt: skip
    rng = np.random.default_rng([seed, 0])
    start = [
        rng.normal(0, (2 / features) ** 0.5, (features, hidden)),
        rng.normal(0, (2 / hidden) ** 0.5, (hidden, 1)),
    ]
    beside = np.random.default_rng([seed, 1]).normal(0, standard_deviation, (idle // hidden, hidden))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, data.y)  # one epoch, to make the arrays that are then set
        model.coefs_ = [np.concatenate([start[0], beside]), start[1]]
        model.intercepts_ = [np.zeros(hidden), np.zeros(1)]
        model.best_loss_, model.loss_curve_ = np.inf, []
        model.set_params(max_iter=max_epochs).fit(X, data.y)
    return int(model.n_iter_)


def lbfgs_losses(data: Dataset, penalty_coefficient: float, frozen_penalty: float) -> np.ndarray:
    """Return the objective after each iteration of SciPy's L-BFGS-B, less the constant added to it.

    Logistic regression of a 0/1 target with intercept, mean loss plus ``c/2 * sum(w**2)`` plus the
    constant ``frozen_penalty`` of weights that do not move; SciPy's own tolerances. Starts at zero.

    >>> from l2scaling.datasets import load
    >>> losses = lbfgs_losses(load("breast-cancer"), 0.01, 0.0)
    >>> bool(np.all(np.diff(losses) <= 0))
    True
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    signs = 2.0 * data.y - 1

    def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
        margins = signs * (data.X @ theta[:-1] + theta[-1])
        slopes = -signs * expit(-margins) / len(signs)
        loss = np.logaddexp(0, -margins).mean() + penalty_coefficient / 2 * theta[:-1] @ theta[:-1]
        gradient = np.append(data.X.T @ slopes + penalty_coefficient * theta[:-1], slopes.sum())
        return loss + frozen_penalty, gradient

    seen: list[float] = []
    minimize(
        objective,
        np.zeros(data.X.shape[1] + 1),
        jac=True,
        method="L-BFGS-B",
        callback=lambda theta: seen.append(objective(theta)[0] - frozen_penalty),
    )
    return np.array(seen)


def validation_by_width(
    data: Dataset, widths: Sequence[int], *, penalty_coefficient: float, learning_rate: float,
    steps: int, batch_size: int, seed: int, device: str,
) -> np.ndarray:  # fmt: skip
    """Train one network a width for a while and return its validation data loss and its penalty.

    Three weight layers from He's start, plain SGD with ``weight_decay=c``; a random quarter of the
    samples is held out. The result has shape ``(widths, 2)``.
    """
    rng = np.random.default_rng([seed, 0])
    order = rng.permutation(len(data.y))
    held, kept = np.split(order, [len(order) // 4])
    X = torch.tensor(data.X, dtype=torch.float32, device=device)
    y = torch.tensor(data.y, device=device)
    batches = [torch.tensor(rng.choice(kept, batch_size), device=device) for _ in range(steps)]
    rows = []
    for width in widths:
        layers = multilayer(X.shape[1], width, int(data.classes or 1), 3)
        random = seeds.generator(seed, 1, width)
        model = torch_network(layers, find_initializer("he"), random).to(device)
        optimizer = torch.optim.SGD(model.parameters(), learning_rate, weight_decay=penalty_coefficient)
        losses = (cross_entropy(model(X[batch]), y[batch]) for batch in batches)
        descend(optimizer, losses.__next__, steps)
        with torch.no_grad():
            penalty = penalty_coefficient / 2 * sum(w.square().sum().item() for w in model.parameters())
            rows.append((cross_entropy(model(X[held]), y[held]).item(), penalty))
    return np.array(rows)
