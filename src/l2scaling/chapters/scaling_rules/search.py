"""The search for the best penalty coefficient of one network: what a sweep does at every point."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from l2scaling.laws.shapes import Layer
from l2scaling.training import ensembles
from l2scaling.training.recipe import Recipe
from l2scaling.training.splits import largest_training_set, layers_for, loaded, make_split
from l2scaling.training.steps import Members

LEARNING_RATES = {"diabetes": 0.005}
DEFAULT_LEARNING_RATE = 0.1
DEEPER = 0.5
"""Learning rates of SGD, and their share with two or three hidden layers: the widest network of the
sweep then trains without diverging, whatever c is below the point where it is crushed."""

ADAMW_LEARNING_RATE = 0.01
GENTLER = 0.25
"""The share of both rates with two hidden layers that grow to millions of weights, at every width: steps
that suit 128 units throw a network of a thousand far out before they bring it back."""

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

DIVERGED_LOSS = 1e9
"""What stands for the loss of a network that diverged: as bad as anything. Infinity would poison sums."""


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
        return layers_for(self.data, self.width, self.hidden + 1)

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
    members = Members(start, coefficients)
    trained = ensembles.train(one.X, one.y, subject.layers(), members, recipe, one.judge, progress=False)
    return trained.values["loss"][:, 0], trained.values["accuracy"][:, 0]


Middle = Callable[..., np.ndarray]
"""A mean or a median, of an array along an axis."""


class Curve(NamedTuple):
    """Validation losses and accuracies of a search, ``(17, repetitions)``; not a number where not tried.

    A network that diverged has a loss of 1e9 and no accuracy; for a real target no network has one.
    """

    losses: np.ndarray
    accuracies: np.ndarray

    @property
    def tried(self) -> np.ndarray:
        """Return which repetitions were trained at which place, ``(17, repetitions)``."""
        return ~np.isnan(self.losses)


def open_places(losses: np.ndarray) -> np.ndarray:
    """Return which places, tried by a part of the repetitions, may yet prove the best; shape ``(places,)``.

    ``losses``, ``(places, repetitions)``, are not a number where not tried. The best place so far has the
    least mean of those that all repetitions tried. Another is open if the better half of its repetitions
    did better there, on average, than the same repetitions at the best place: the same, because they
    share their split and start, and half, because one start that is crushed by a strong penalty, or an odd
    one of two, says little about the next. Of a single repetition half is that one. Raises
    ``ValueError`` if no place was tried by all.

    >>> losses = np.array([[0.5, 0.5, 0.5], [0.4, 0.9, np.nan], [0.6, 0.6, np.nan]])
    >>> open_places(losses).tolist()
    [False, True, False]
    """
    best = _best(losses, np.mean)
    behind = np.sort(losses - losses[best], axis=1)  # what was not tried comes last
    count = (~np.isnan(losses)).sum(axis=1)
    half = np.maximum(count // 2, 1)
    sums = np.cumsum(behind, axis=1)[np.arange(len(losses)), half - 1]
    result: np.ndarray = (count < losses.shape[1]) & (sums < 0)
    return result


def search(subject: Subject, seed: int, repetitions: int, coarse: int, *, widely: bool, device: str) -> Curve:
    """Try the coarse grid with a few repetitions, then all of them wherever the optimum may lie.

    ``coarse`` repetitions try the even places of the lattice, and then every place up to three away
    from the one of least median loss: a mean of few would follow one start that was crushed. Two places
    on either side of the least median loss, and one on either side of the greatest median accuracy, are
    tried with all ``repetitions``; and again around the optima of their means, and at every one of
    ``open_places``, until no such place is left. ``widely`` adds even places up to six away. Raises
    ``ValueError`` unless ``coarse`` lies in 1 to ``repetitions``.

    >>> quick = default_subject("diabetes", "sgd").trained(steps=20)
    >>> curve = search(quick, seed=0, repetitions=2, coarse=1, widely=False, device="cpu")
    >>> int(curve.tried.any(axis=1).sum()) >= 11
    True
    """
    if not 1 <= coarse <= repetitions:
        raise ValueError(f"coarse {coarse}: allowed 1 to the {repetitions} repetitions")
    curve = Curve(*np.full((2, PLACES, repetitions), np.nan))
    fill = partial(_fill, curve, subject, seed, device)
    even: np.ndarray = np.arange(PLACES) % 2 == 0

    def near_best(count: int, middle: Middle) -> np.ndarray:
        """Around the optima of the places that ``count`` repetitions tried, the same for all."""
        near = _around(curve.losses[:, :count], middle, LOSS_REACH)
        if not np.isnan(curve.accuracies).all():
            wrong = np.where(curve.tried & np.isnan(curve.accuracies), np.inf, -curve.accuracies)
            near = near | _around(wrong[:, :count], middle, ACCURACY_REACH)
        return near

    fill(even, coarse)
    fill(_around(curve.losses[:, :coarse], np.median, FINE_REACH), coarse)
    wanted = near_best(coarse, np.median)
    while True:
        fill(wanted, repetitions)
        wanted = near_best(repetitions, np.mean) | open_places(curve.losses)
        if curve.tried[wanted].all():
            break
    if widely:
        fill(even & _around(curve.losses, np.mean, WIDE_REACH), repetitions)
    return curve


def _fill(curve: Curve, subject: Subject, seed: int, device: str, wanted: np.ndarray, count: int) -> None:
    """Train the first ``count`` repetitions at all ``wanted`` places where they are missing."""
    values = lattice(subject.recipe.optimizer)
    for repetition in range(count):
        missing = np.flatnonzero(wanted & ~curve.tried[:, repetition])
        if len(missing):
            losses, accuracies = train_subject(subject, values[missing], seed, repetition, device)
            curve.losses[missing, repetition] = np.nan_to_num(losses, nan=DIVERGED_LOSS)
            curve.accuracies[missing, repetition] = accuracies


def _best(badness: np.ndarray, middle: Middle) -> int:
    """Return the place of the least ``middle`` among those that all repetitions tried."""
    among = np.flatnonzero(~np.isnan(badness).any(axis=1))
    return int(among[middle(badness[among], axis=1).argmin()])


def _around(badness: np.ndarray, middle: Middle, reach: int) -> np.ndarray:
    """Return the places up to ``reach`` from the best; shape ``(17,)``."""
    near: np.ndarray = np.abs(np.arange(PLACES) - _best(badness, middle)) <= reach
    return near


SURVEYED = slice(4, 15, 2)
"""The places that a large network is tried at: 3.5 decades, seven tenths of one apart."""


def survey(subject: Subject, seed: int, repetitions: int, *, device: str) -> Curve:
    """Try a coarse part of the lattice with all ``repetitions``: no search, for networks too large for one.

    >>> quick = default_subject("diabetes", "sgd").trained(steps=20)
    >>> survey(quick, seed=0, repetitions=1, device="cpu").tried[:, 0].nonzero()[0].tolist()
    [4, 6, 8, 10, 12, 14]
    """
    curve = Curve(*np.full((2, PLACES, repetitions), np.nan))
    wanted = np.zeros(PLACES, bool)
    wanted[SURVEYED] = True
    _fill(curve, subject, seed, device, wanted, repetitions)
    return curve


STUDIES = (
    "width", "width-2", "width-3", "rate-by-width", "long-width",
    "samples", "batch-size", "learning-rate", "steps", "large",
)  # fmt: skip
"""What a cell of the sweep varies: the width at one, two or three hidden layers, or one setting alone."""


def studied(subject: Subject, vary: str, values: Sequence[float]) -> list[Subject]:
    """Return the subjects that a cell searches, one for each of ``values``.

    ``width``, ``width-2`` and ``width-3`` take hidden units of 1, 2 and 3 hidden layers, the deeper ones
    with half the learning rate of SGD; ``rate-by-width`` takes those of one hidden layer, with a learning
    rate in inverse proportion that is the subject's own at its own width, and ``long-width`` with four
    times the steps; ``large`` takes those of two hidden layers with a quarter of their learning rate.
    ``samples`` and ``batch-size`` take counts, with as many epochs, and leave out those that do not fit the
    data; ``learning-rate`` and ``steps`` take multiples, the former up to one, above
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
    if vary == "large":
        gentle = subject.trained(learning_rate=GENTLER * rate * (DEEPER if recipe.optimizer == "sgd" else 1))
        return [replace(gentle, hidden=2, width=int(width)) for width in values]
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
    >>> curve = Curve(losses, 0 * losses + 0.9)
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
        losses = _joined(np.where(curve.losses[place] == DIVERGED_LOSS, np.nan, curve.losses[place])[:count])
        table.append(
            {**common, "c": float(f"{values[place]:.7g}"), "losses": losses, "accuracies": accuracies}
        )
    return table


def _joined(values: np.ndarray) -> str:
    return ";".join(f"{value:.4f}" for value in values)
