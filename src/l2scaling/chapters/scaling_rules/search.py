"""The search for the best penalty coefficient of one network: what a sweep does at every point."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from l2scaling.laws.shapes import Layer, multilayer
from l2scaling.training import ensembles
from l2scaling.training.recipe import Recipe
from l2scaling.training.splits import COMPONENTS, largest_training_set, loaded, make_split
from l2scaling.training.steps import Members

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
class Subject:
    """One network on one task: everything a search holds fixed while it changes the coefficient.

    ``hidden`` counts hidden layers of ``width`` units. The ``momentum`` of the recipe is zero under
    AdamW, where the coefficient is the decoupled λ.
    """

    data: str
    noise: float
    hidden: int
    width: int
    samples: int
    recipe: Recipe

    def trained(self, **changes: Any) -> "Subject":
        """Return the same network, trained by a recipe with some ``changes``."""
        return replace(self, recipe=replace(self.recipe, **changes))

    def layers(self) -> list[Layer]:
        """Return the weight layers for the task's inputs and outputs."""
        source = loaded(self.data)
        inputs = min(source.X.shape[1], COMPONENTS)
        return multilayer(inputs, self.width, source.classes or 1, self.hidden + 1)

    @property
    def count(self) -> int:
        """Return P, the number of weights.

        >>> Subject("digits", 0.0, hidden=1, width=16, samples=256, recipe=Recipe(3000)).count
        1184
        """
        return sum(layer.count for layer in self.layers())


def default_subject(data: str, optimizer: str, noise: float = 0.0) -> Subject:
    """Return what every study of the sweep departs from: 64 hidden units, 128 samples.

    Raises ``ValueError`` for an optimiser that is not sgd or adamw.

    >>> default_subject("diabetes", "sgd").recipe.horizon.__round__()
    150
    """
    if optimizer not in LOWEST:
        raise ValueError(f"optimizer {optimizer!r} is unknown; allowed: {', '.join(LOWEST)}")
    sgd = optimizer == "sgd"
    rate = LEARNING_RATES.get(data, DEFAULT_LEARNING_RATE) if sgd else ADAMW_LEARNING_RATE
    momentum = 0.9 if sgd else 0.0
    recipe = Recipe(STEPS, rate, momentum=momentum, optimizer=optimizer, batch_size=BATCH_SIZE)
    return Subject(data, noise, 1, 64, SAMPLES, recipe)


def lattice(optimizer: str) -> np.ndarray:
    """Return the coefficients a search may try, ascending, shape ``(17,)``.

    >>> lattice("sgd")[[0, 16]].round(6).tolist()
    [1e-05, 3.981072]
    """
    return 10 ** (LOWEST[optimizer] + HALF_STEP * np.arange(PLACES))


def train_subject(
    subject: Subject, coefficients: Sequence[float] | np.ndarray, seed: int, repetition: int, device: str
) -> tuple[np.ndarray, np.ndarray]:
    """Train one repetition under every coefficient; return validation losses and accuracies, ``(C,)``.

    A repetition has its own split, noisy targets, start and order of the data, the same under all
    coefficients. The loss is cross-entropy, or the mean squared error of a real target, for which
    the accuracy is NaN; so is everything of a network that diverged.

    >>> quick = default_subject("diabetes", "sgd").trained(steps=50)
    >>> losses, accuracies = train_subject(quick, [0.01, 4.0], seed=0, repetition=0, device="cpu")
    >>> bool(losses[0] < losses[1]), bool(np.isnan(accuracies).all())
    (True, True)
    """
    one = make_split(subject.data, subject.samples, subject.noise, seed, repetition)
    start = int(np.random.SeedSequence([seed, repetition, 2]).generate_state(1)[0])
    recipe = replace(subject.recipe, device=device, loss="mean-squared" if one.classes is None else "softmax")

    def measure(nets: ensembles.Networks) -> dict[str, Tensor]:
        losses = nets.data_loss(one.X_validation, one.y_validation)
        if one.classes is None:
            return {"loss": losses, "accuracy": torch.full_like(losses, torch.nan)}
        chosen = nets.outputs(one.X_validation).argmax(2)
        right = chosen == torch.as_tensor(one.y_validation, device=chosen.device)
        return {"loss": losses, "accuracy": right.to(losses.dtype).mean(1)}

    members = Members(start, coefficients)
    trained = ensembles.train(one.X, one.y, subject.layers(), members, recipe, measure, progress=False)
    return trained.values["loss"][:, 0], trained.values["accuracy"][:, 0]


class Curve(NamedTuple):
    """Validation losses and accuracies of a search, and which were ``tried``; shape ``(17, repetitions)``.

    Not a number where not tried, where the network diverged, and for the accuracy of a real target.
    """

    losses: np.ndarray
    accuracies: np.ndarray
    tried: np.ndarray


def search(subject: Subject, seed: int, repetitions: int, coarse: int, *, widely: bool, device: str) -> Curve:
    """Try the coarse grid with a few repetitions, then all repetitions around each metric's optimum.

    ``coarse`` repetitions try the even places of the lattice, and then every place up to three away
    from the one of smallest mean loss. Two places on either side of the smallest mean loss, and one
    on either side of the largest mean accuracy, are then tried with all ``repetitions``, until the
    best of those lies in the middle of such a window. ``widely`` adds even places up to six away. A
    network that diverged counts as infinitely bad. Raises ``ValueError`` unless ``coarse`` lies in
    1 to ``repetitions``.

    >>> quick = default_subject("diabetes", "sgd").trained(steps=20)
    >>> curve = search(quick, seed=0, repetitions=2, coarse=1, widely=False, device="cpu")
    >>> int(curve.tried.any(axis=1).sum()) >= 11
    True
    """
    if not 1 <= coarse <= repetitions:
        raise ValueError(f"coarse {coarse}: allowed 1 to the {repetitions} repetitions")
    values = lattice(subject.recipe.optimizer)
    shape = (PLACES, repetitions)
    curve = Curve(np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, bool))
    even: np.ndarray = np.arange(PLACES) % 2 == 0

    def fill(wanted: np.ndarray, count: int) -> None:
        for repetition in range(count):
            missing = np.flatnonzero(wanted & ~curve.tried[:, repetition])
            if len(missing):
                losses, accuracies = train_subject(subject, values[missing], seed, repetition, device)
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


def studied(subject: Subject, vary: str, values: Sequence[float]) -> list[Subject]:
    """Return the subjects that a cell searches, one for each of ``values``.

    ``width``, ``width-2`` and ``width-3`` take hidden units of 1, 2 and 3 hidden layers, the deeper ones
    with half the learning rate of SGD; ``rate-by-width`` takes those of one hidden layer, with a learning
    rate in inverse proportion that is the subject's own at its own width, and ``long-width`` with four
    times the steps. ``samples`` and ``batch-size`` take counts, with as many epochs, and leave out those
    that do not fit the data; ``learning-rate`` and ``steps`` take multiples, the former up to one, above
    which training need not be stable. Raises ``ValueError`` for another word.

    >>> base = default_subject("diabetes", "sgd")
    >>> [(one.samples, one.recipe.steps) for one in studied(base, "samples", [64, 256, 512])]
    [(64, 1500), (256, 6000)]
    >>> [one.recipe.learning_rate for one in studied(base, "learning-rate", [0.5, 1.0, 2.0])]
    [0.0025, 0.005]
    """
    if vary not in STUDIES:
        raise ValueError(f"vary {vary!r} is unknown; allowed: {', '.join(STUDIES)}")
    recipe = subject.recipe
    rate, steps, batch_size = recipe.learning_rate, recipe.steps, recipe.batch_size or subject.samples
    if vary.startswith("width"):
        hidden = STUDIES.index(vary) + 1
        if hidden > 1 and recipe.optimizer == "sgd":
            subject = subject.trained(learning_rate=DEEPER * rate)
        return [replace(subject, hidden=hidden, width=int(width)) for width in values]
    if vary == "rate-by-width":
        whole = rate * subject.width
        return [replace(subject.trained(learning_rate=whole / width), width=int(width)) for width in values]
    if vary == "long-width":
        return [replace(subject.trained(steps=LONGER * steps), width=int(width)) for width in values]
    if vary == "samples":
        epochs = steps / subject.samples
        most = largest_training_set(subject.data)
        fitting = [int(count) for count in values if batch_size <= count <= most]
        return [replace(subject.trained(steps=round(epochs * count)), samples=count) for count in fitting]
    if vary == "batch-size":
        fitting = [int(size) for size in values if size <= subject.samples]
        return [subject.trained(batch_size=size, steps=round(steps * batch_size / size)) for size in fitting]
    if vary == "steps":
        return [subject.trained(steps=round(factor * steps)) for factor in values]
    return [subject.trained(learning_rate=factor * rate) for factor in values if factor <= 1]


def rows(
    subject: Subject, vary: str, curve: Curve, seed: int, seconds: float
) -> list[dict[str, str | int | float]]:
    """Return the rows of a result table: the subject, P, c, and one loss and accuracy a repetition.

    ``seconds`` is what the whole search of this subject took.

    Repetitions stand in their order, joined by semicolons, to four decimals; a network that
    diverged is ``nan``, and repetitions not tried, which come last, are left out. A real target
    has no accuracies.

    >>> losses = np.full((17, 2), np.nan)
    >>> losses[8] = 0.5, 0.25
    >>> curve = Curve(losses, 0 * losses + 0.9, ~np.isnan(losses))
    >>> (row,) = rows(default_subject("digits", "sgd"), "width", curve, seed=0, seconds=1.0)
    >>> row["P"], row["c"], row["losses"], row["accuracies"]
    (4736, 0.006309573, '0.5000;0.2500', '0.9000;0.9000')
    """
    recipe = subject.recipe
    values, classes = lattice(recipe.optimizer), loaded(subject.data).classes
    common: dict[str, Any] = {
        "data": subject.data, "noise": subject.noise, "optimizer": recipe.optimizer, "vary": vary,
        "hidden": subject.hidden, "width": subject.width, "P": subject.count, "samples": subject.samples,
        "learning_rate": recipe.learning_rate, "momentum": recipe.momentum, "steps": recipe.steps,
        "batch_size": recipe.batch_size, "seed": seed, "search_seconds": round(seconds, 1),
    }  # fmt: skip
    table: list[dict[str, str | int | float]] = []
    for place in np.flatnonzero(curve.tried.any(axis=1)):
        count = int(curve.tried[place].sum())
        accuracies = _joined(curve.accuracies[place, :count]) if classes else ""
        losses = _joined(curve.losses[place, :count])
        table.append(
            {**common, "c": float(f"{values[place]:.7g}"), "losses": losses, "accuracies": accuracies}
        )
    return table


def _joined(values: np.ndarray) -> str:
    return ";".join(f"{value:.4f}" for value in values)
