"""The search for the best penalty coefficient of one network: what a sweep does at every point."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from l2scaling.laws.shapes import Layer, multilayer
from l2scaling.training import ensembles
from l2scaling.training.steps import Members
from l2scaling.training.tasks import COMPONENTS, largest_training_set, loaded, make_task

LEARNING_RATES = {"diabetes": 0.005}
DEFAULT_LEARNING_RATE = 0.1
DEEPER = 0.5
"""Learning rates of SGD, and their share with two or three hidden layers: the widest network of the
sweep then trains without diverging, whatever c is below the point where it is crushed."""

ADAMW_LEARNING_RATE = 0.01

SAMPLES, BATCH_SIZE, STEPS = 128, 32, 3000
"""From which every study departs."""

LONGER = 4
"""How many times longer a training is that asks whether the default length was enough."""

LOWEST = {"sgd": -5.0, "adamw": -3.4}
HALF_STEP = 0.35
PLACES = 17
"""The lattice of coefficients: ``10 ** (LOWEST + HALF_STEP * place)``, place 0 to 16, 5.6 decades.

Even places make the coarse grid; the others are tried near an optimum only.
"""

FINE_REACH = 3
"""Places on either side of the coarse optimum that are tried besides the coarse grid."""

LOSS_REACH, ACCURACY_REACH = 2, 1
"""Places on either side of the best one that are tried with all repetitions."""

WIDE_REACH = 6
"""The same, at even places only, for a network to which coefficients found elsewhere are carried."""


@dataclass(frozen=True)
class Setting:
    """One network on one task: everything a search holds fixed while it changes the coefficient.

    ``hidden`` counts hidden layers of ``width`` units. ``momentum`` is that of SGD and zero under
    AdamW, where the coefficient is the decoupled λ.
    """

    data: str
    noise: float
    optimizer: str
    hidden: int
    width: int
    samples: int
    learning_rate: float
    momentum: float
    steps: int
    batch_size: int

    @property
    def horizon(self) -> float:
        """Return ``learning_rate * steps / (1 - momentum)``; times c, it counts time constants."""
        return self.learning_rate * self.steps / (1 - self.momentum)

    def layers(self) -> list[Layer]:
        """Return the weight layers for the task's inputs and outputs."""
        source = loaded(self.data)
        inputs = min(source.X.shape[1], COMPONENTS)
        return multilayer(inputs, self.width, source.classes or 1, self.hidden + 1)

    @property
    def count(self) -> int:
        """Return P, the number of weights.

        >>> Setting("digits", 0.0, "sgd", 1, 16, 256, 0.1, 0.9, 3000, 50).count
        1184
        """
        return sum(layer.count for layer in self.layers())


def default_setting(data: str, optimizer: str, noise: float = 0.0) -> Setting:
    """Return the setting from which every study of the sweep departs: 64 hidden units, 128 samples.

    Raises ``ValueError`` for an optimiser that is not sgd or adamw.

    >>> default_setting("diabetes", "sgd").horizon.__round__()
    150
    """
    if optimizer not in LOWEST:
        raise ValueError(f"optimizer {optimizer!r} is unknown; allowed: {', '.join(LOWEST)}")
    sgd = optimizer == "sgd"
    rate = LEARNING_RATES.get(data, DEFAULT_LEARNING_RATE) if sgd else ADAMW_LEARNING_RATE
    momentum = 0.9 if sgd else 0.0
    return Setting(data, noise, optimizer, 1, 64, SAMPLES, rate, momentum, STEPS, BATCH_SIZE)


def lattice(optimizer: str) -> np.ndarray:
    """Return the coefficients a search may try, ascending, shape ``(17,)``.

    >>> lattice("sgd")[[0, 16]].round(6).tolist()
    [1e-05, 3.981072]
    """
    return 10 ** (LOWEST[optimizer] + HALF_STEP * np.arange(PLACES))


def train_setting(
    setting: Setting, coefficients: Sequence[float] | np.ndarray, seed: int, repetition: int, device: str
) -> tuple[np.ndarray, np.ndarray]:
    """Train one repetition under every coefficient; return validation losses and accuracies, ``(C,)``.

    A repetition has its own split, noisy targets, start and order of the data, the same under all
    coefficients. The loss is cross-entropy, or the mean squared error of a real target, for which
    the accuracy is NaN; so is everything of a network that diverged.

    >>> quick = replace(default_setting("diabetes", "sgd"), steps=50)
    >>> losses, accuracies = train_setting(quick, [0.01, 4.0], seed=0, repetition=0, device="cpu")
    >>> bool(losses[0] < losses[1]), bool(np.isnan(accuracies).all())
    (True, True)
    """
    one = make_task(setting.data, setting.samples, setting.noise, seed, repetition)
    start = int(np.random.SeedSequence([seed, repetition, 2]).generate_state(1)[0])
    members = Members(start, np.asarray(coefficients, float), setting.learning_rate)

    def measure(nets: ensembles.Networks) -> dict[str, Tensor]:
        losses = nets.data_loss(one.X_validation, one.y_validation)
        if one.classes is None:
            return {"loss": losses, "accuracy": torch.full_like(losses, torch.nan)}
        chosen = nets.outputs(one.X_validation).argmax(2)
        right = chosen == torch.as_tensor(one.y_validation, device=chosen.device)
        return {"loss": losses, "accuracy": right.to(losses.dtype).mean(1)}

    trained = ensembles.train(
        one.X,
        one.y,
        setting.layers(),
        members,
        measure,
        steps=setting.steps,
        loss="mean-squared" if one.classes is None else "softmax",
        optimizer=setting.optimizer,
        momentum=setting.momentum,
        batch_size=setting.batch_size,
        device=device,
        progress=False,
    )
    return trained.values["loss"][:, 0], trained.values["accuracy"][:, 0]


class Curve(NamedTuple):
    """Validation losses and accuracies of a search, and which were ``tried``; shape ``(17, repetitions)``.

    Not a number where not tried, where the network diverged, and for the accuracy of a real target.
    """

    losses: np.ndarray
    accuracies: np.ndarray
    tried: np.ndarray


def search(setting: Setting, seed: int, repetitions: int, coarse: int, *, widely: bool, device: str) -> Curve:
    """Try the coarse grid with a few repetitions, then all repetitions around each metric's optimum.

    ``coarse`` repetitions try the even places of the lattice, and then every place up to three away
    from the one of smallest mean loss. Two places on either side of the smallest mean loss, and one
    on either side of the largest mean accuracy, are then tried with all ``repetitions``, until the
    best of those lies in the middle of such a window. ``widely`` adds even places up to six away. A
    network that diverged counts as infinitely bad. Raises ``ValueError`` unless ``coarse`` lies in
    1 to ``repetitions``.

    >>> quick = replace(default_setting("diabetes", "sgd"), steps=20)
    >>> curve = search(quick, seed=0, repetitions=2, coarse=1, widely=False, device="cpu")
    >>> int(curve.tried.any(axis=1).sum()) >= 11
    True
    """
    if not 1 <= coarse <= repetitions:
        raise ValueError(f"coarse {coarse}: allowed 1 to the {repetitions} repetitions")
    values = lattice(setting.optimizer)
    shape = (PLACES, repetitions)
    curve = Curve(np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, bool))
    even: np.ndarray = np.arange(PLACES) % 2 == 0

    def fill(wanted: np.ndarray, count: int) -> None:
        for repetition in range(count):
            missing = np.flatnonzero(wanted & ~curve.tried[:, repetition])
            if len(missing):
                losses, accuracies = train_setting(setting, values[missing], seed, repetition, device)
                curve.losses[missing, repetition] = losses
                curve.accuracies[missing, repetition] = accuracies
                curve.tried[missing, repetition] = True

    def near_best(count: int) -> np.ndarray:
        """Around the optima of the places tried ``count`` times, the same repetitions for all."""
        tried = np.asarray(curve.tried[:, :count].all(1))
        near: np.ndarray = _around(tried, curve.losses[:, :count], LOSS_REACH)
        if not np.isnan(curve.accuracies).all():
            near = near | _around(tried, -curve.accuracies[:, :count], ACCURACY_REACH)
        return near

    fill(even, coarse)
    fill(_around(even, curve.losses[:, :coarse], FINE_REACH), coarse)
    wanted = near_best(coarse)
    while not curve.tried[wanted].all():
        fill(wanted, repetitions)
        wanted = near_best(repetitions)
    if widely:
        full = np.asarray(curve.tried.all(1))
        fill(even & _around(full, curve.losses, WIDE_REACH), repetitions)
    return curve


def _around(among: np.ndarray, badness: np.ndarray, reach: int) -> np.ndarray:
    """Return the places up to ``reach`` from the best on average of those ``among``; shape ``(17,)``."""
    means = np.where(np.isnan(badness), np.inf, badness).mean(axis=1)
    best = np.where(among, means, np.inf).argmin()
    return np.abs(np.arange(PLACES) - best) <= reach


STUDIES = (
    "width", "width-2", "width-3", "rate-by-width", "long-width",
    "samples", "batch-size", "learning-rate", "steps",
)  # fmt: skip
"""What a cell of the sweep varies: the width at one, two or three hidden layers, or one setting alone."""


def studied(setting: Setting, vary: str, values: Sequence[float]) -> list[Setting]:
    """Return the settings that a cell searches, one for each of ``values``.

    ``width``, ``width-2`` and ``width-3`` take hidden units of 1, 2 and 3 hidden layers, the deeper ones
    with half the learning rate of SGD; ``rate-by-width`` takes those of one hidden layer, with a learning
    rate in inverse proportion that is the setting's own at its own width, and ``long-width`` with four
    times the steps. ``samples`` and ``batch-size`` take counts, with as many epochs, and leave out those
    that do not fit the data; ``learning-rate`` and ``steps`` take multiples, the former up to one, above
    which training need not be stable. Raises ``ValueError`` for another word.

    >>> base = default_setting("diabetes", "sgd")
    >>> [(one.samples, one.steps) for one in studied(base, "samples", [64, 256, 512])]
    [(64, 1500), (256, 6000)]
    >>> [one.learning_rate for one in studied(base, "learning-rate", [0.5, 1.0, 2.0])]
    [0.0025, 0.005]
    """
    if vary not in STUDIES:
        raise ValueError(f"vary {vary!r} is unknown; allowed: {', '.join(STUDIES)}")
    if vary.startswith("width"):
        hidden = STUDIES.index(vary) + 1
        if hidden > 1 and setting.optimizer == "sgd":
            setting = replace(setting, learning_rate=DEEPER * setting.learning_rate)
        return [replace(setting, hidden=hidden, width=int(width)) for width in values]
    if vary == "rate-by-width":
        rate = setting.learning_rate * setting.width
        return [replace(setting, width=int(width), learning_rate=rate / width) for width in values]
    if vary == "long-width":
        return [replace(setting, width=int(width), steps=LONGER * setting.steps) for width in values]
    if vary == "samples":
        epochs = setting.steps / setting.samples
        most = largest_training_set(setting.data)
        fitting = [int(count) for count in values if setting.batch_size <= count <= most]
        return [replace(setting, samples=count, steps=round(epochs * count)) for count in fitting]
    if vary == "batch-size":
        seen = setting.steps * setting.batch_size
        fitting = [int(size) for size in values if size <= setting.samples]
        return [replace(setting, batch_size=size, steps=round(seen / size)) for size in fitting]
    if vary == "steps":
        return [replace(setting, steps=round(factor * setting.steps)) for factor in values]
    rates = [factor * setting.learning_rate for factor in values if factor <= 1]
    return [replace(setting, learning_rate=rate) for rate in rates]


def rows(
    setting: Setting, vary: str, curve: Curve, seed: int, seconds: float
) -> list[dict[str, str | int | float]]:
    """Return the rows of a result table: the setting, P, c, and one loss and accuracy a repetition.

    ``seconds`` is what the whole search of this setting took.

    Repetitions stand in their order, joined by semicolons, to four decimals; a network that
    diverged is ``nan``, and repetitions not tried, which come last, are left out. A real target
    has no accuracies.

    >>> losses = np.full((17, 2), np.nan)
    >>> losses[8] = 0.5, 0.25
    >>> curve = Curve(losses, 0 * losses + 0.9, ~np.isnan(losses))
    >>> (row,) = rows(default_setting("digits", "sgd"), "width", curve, seed=0, seconds=1.0)
    >>> row["P"], row["c"], row["losses"], row["accuracies"]
    (4736, 0.006309573, '0.5000;0.2500', '0.9000;0.9000')
    """
    values, classes = lattice(setting.optimizer), loaded(setting.data).classes
    table: list[dict[str, str | int | float]] = []
    for place in np.flatnonzero(curve.tried.any(axis=1)):
        count = int(curve.tried[place].sum())
        table.append(
            {
                "data": setting.data,
                "noise": setting.noise,
                "optimizer": setting.optimizer,
                "vary": vary,
                "hidden": setting.hidden,
                "width": setting.width,
                "P": setting.count,
                "samples": setting.samples,
                "learning_rate": setting.learning_rate,
                "momentum": setting.momentum,
                "steps": setting.steps,
                "batch_size": setting.batch_size,
                "seed": seed,
                "search_seconds": round(seconds, 1),
                "c": float(f"{values[place]:.7g}"),
                "losses": _joined(curve.losses[place, :count]),
                "accuracies": _joined(curve.accuracies[place, :count]) if classes else "",
            }
        )
    return table


def _joined(values: np.ndarray) -> str:
    return ";".join(f"{value:.4f}" for value in values)
