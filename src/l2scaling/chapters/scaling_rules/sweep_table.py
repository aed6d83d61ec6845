"""What the sweep found: the best coefficient of every network, its slopes, and what carrying one costs.

All quantities come from resampled repetitions. ``weights`` of shape ``(B, repetitions)`` say how
often each repetition is drawn; the first row draws each once, so that the first entry of every
result is the estimate and the others are its bootstrap.
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from l2scaling import datasets
from l2scaling.chapters.scaling_rules import search
from l2scaling.evidence import published_table
from l2scaling.measuring.intervals import LEVEL, resample_weights
from l2scaling.training.recipe import Recipe

METRICS = ("loss", "accuracy")
"""Cross-entropy or mean squared error, and the share of samples classified rightly."""

Family = tuple[str, float, str, int]
"""Data set, share of noisy targets, optimiser, hidden layers: what networks of a width series share."""

RULES = {"λ ∝ 1/P": -1.0, "λ constant": 0.0, "λ ∝ P": 1.0}
EXPONENTS = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""The rules on trial with their exponents, and all exponents that somebody has proposed."""

MOVERS = {
    "P": "width", "P, η ∝ 1/n": "rate-by-width", "P, 4T": "long-width",
    "N": "samples", "B": "batch-size", "η": "learning-rate", "T": "steps",
}  # fmt: skip
"""What the best λ may move with, and the study of the sweep that varies it."""

OWN = {"data": str, "noise": float, "hidden": int, "width": int, "samples": int}
RECIPE = {"optimizer": str, "learning_rate": float, "momentum": float, "steps": int, "batch_size": int}
"""Columns that say what was trained, and how."""

TRAINING = 1
"""Which training is on trial in ``audit``: to be raised, so that other networks are drawn, whenever what
training computes is changed on purpose."""


@dataclass(frozen=True)
class Network:
    """One network of the sweep, and how it fared under every coefficient that was tried.

    ``count`` is P, as the table has it, so that nothing here needs the data. ``places`` are those of
    ``search.lattice``, ``coefficients`` what the penalty on trial calls λ there; ``losses`` and
    ``accuracies`` have shape ``(places, repetitions)``, NaN where a repetition was not tried and in
    accuracies of a real target; a network that diverged has a loss of 1e9 and an accuracy of zero.
    """

    subject: search.Subject
    vary: str
    count: int
    seed: int
    seconds: float
    places: np.ndarray
    coefficients: np.ndarray
    losses: np.ndarray
    accuracies: np.ndarray

    def badness(self, metric: str) -> np.ndarray:
        """Return the loss, or the share of samples classified wrongly; shape ``(places, repetitions)``."""
        if metric not in METRICS:
            raise ValueError(f"metric {metric!r} is unknown; allowed: {', '.join(METRICS)}")
        return self.losses if metric == "loss" else 1 - self.accuracies

    @property
    def classifies(self) -> bool:
        """Whether its target is a class, so that it has accuracies."""
        return not np.isnan(self.accuracies).all()

    @property
    def void(self) -> bool:
        """Whether it diverges in more than half of its repetitions under the least coefficient tried.

        Then it has no best one: what is least bad is what stops most explosions.
        """
        least = self.losses[self.places.argmin()]
        return bool(np.mean(least[~np.isnan(least)] == search.DIVERGED_LOSS) > 0.5)


PENALTIES = ("sum", "times-P", "units-of-best")
LOSSES = ("mean", "sum")
"""What the coefficient on trial multiplies: half the sum of squares, P/1000 times that, or as much as makes
one the network's own best place; beside a data loss that is a mean over samples, or their sum."""


def read_table(penalty: str = "sum", loss: str = "mean", path: Path | None = None) -> list[Network]:
    """Read the table of the sweep, one ``Network`` a search, in the table's order.

    With ``penalty`` times-P the coefficient λ stands before ``P/1000`` times the penalty, so that
    c = λP/1000; with units-of-best it counts multiples of the place of least mean loss; with ``loss``
    sum the data loss is a sum, so that c = λ/N. Nothing is trained anew: these are the same networks
    under another name of their penalty. Raises ``ValueError`` for other words.
    """
    for what, word, allowed in (("penalty", penalty, PENALTIES), ("loss", loss, LOSSES)):
        if word not in allowed:
            raise ValueError(f"{what} {word!r} is unknown; allowed: {', '.join(allowed)}")
    with (path or published_table("scaling-rules")).open(newline="") as file:
        rows = list(csv.DictReader(file))
    groups = groupby(rows, key=lambda row: tuple(row[name] for name in (*OWN, *RECIPE, "vary")))
    return [_network(list(group), penalty, loss) for _, group in groups]


def _network(rows: list[dict[str, str]], penalty: str, loss: str) -> Network:
    first = rows[0]
    own, recipe = ({name: kind(first[name]) for name, kind in kinds.items()} for kinds in (OWN, RECIPE))
    subject = search.Subject(**own, recipe=Recipe(**recipe))
    lowest, step = search.LOWEST[first["optimizer"]], search.HALF_STEP
    places = np.array([round((np.log10(float(row["c"])) - lowest) / step) for row in rows])
    most = max(row["losses"].count(";") for row in rows) + 1
    losses, accuracies = (
        np.array([_numbers(row[name], most) for row in rows]) for name in ("losses", "accuracies")
    )
    diverged = losses == np.inf
    tried = search.lattice(first["optimizer"])[places]
    whole = np.where(np.isnan(losses).any(axis=1), np.inf, losses.mean(axis=1))
    units = {"sum": 1.0, "times-P": int(first["P"]) / 1000, "units-of-best": tried[whole.argmin()]}
    return Network(
        subject, first["vary"], int(first["P"]), int(first["seed"]), float(first["search_seconds"]), places,
        tried / units[penalty] * (subject.samples if loss == "sum" else 1),
        np.where(diverged, search.DIVERGED_LOSS, losses),
        np.where(diverged & bool(first["accuracies"]), 0.0, accuracies),
    )  # fmt: skip


def _numbers(text: str, most: int) -> list[float]:
    """Read numbers joined by semicolons; infinite where diverged, NaN where not tried."""
    found = [float(part) for part in text.split(";")] if text else []
    return [np.inf if np.isnan(one) else one for one in found] + [np.nan] * (most - len(found))


def select(networks: Iterable[Network], **wanted: object) -> list[Network]:
    """Return the networks that have the wanted values, or their subjects; a tuple lists several.

    >>> subject = search.default_subject("digits", "sgd")
    >>> one = Network(subject, "width", 4736, 0, 1.0, np.zeros(1), *np.zeros((3, 1, 1)))
    >>> len(select([one], data="digits", hidden=(1, 2))), len(select([one], void=True))
    (1, 0)
    """

    def fits(network: Network) -> bool:
        return all(
            getattr(network if hasattr(network, name) else network.subject, name)
            in (values if isinstance(values, tuple) else (values,))
            for name, values in wanted.items()
        )

    return [network for network in networks if fits(network)]


def families(networks: Iterable[Network]) -> dict[Family, list[Network]]:
    """Return the width series: the networks alike in data, noise, optimiser and depth, by width.

    Those that are void are left out.
    """
    found: dict[Family, list[Network]] = {}
    for one in sorted(networks, key=lambda one: one.subject.width):
        if one.vary.startswith("width") and not one.void:
            subject = one.subject
            key = (subject.data, subject.noise, subject.recipe.optimizer, subject.hidden)
            found.setdefault(key, []).append(one)
    return found


def regions(networks: Iterable[Network]) -> dict[tuple[Family, int], str]:
    """Say of every network of a width series, by width, why its search may have missed no better place.

    The best places by loss of the next narrower and the next wider network of its family are where to
    look. ``held`` if all its repetitions tried both; ``worse`` if one was tried in part, with a loss that
    even in the better half of these repetitions was above that of the best place; ``open`` otherwise,
    which a search does not leave (``search.open_places``). For a place not tried at all stand those next to
    it that were.
    """
    found: dict[tuple[Family, int], str] = {}
    for family, row in families(networks).items():
        optima = [_optimum(one) for one in row]
        for k, one in enumerate(row):
            reasons = {_reason(one, place) for place in optima[max(k - 1, 0) : k + 2]}
            found[family, one.subject.width] = next(
                why for why in ("open", "worse", "held") if why in reasons
            )
    return found


def _optimum(network: Network) -> int:
    whole, means = _whole(network, "loss", np.full((1, network.losses.shape[1]), 1.0))
    return int(network.places[whole][means[0].argmin()])


def _reason(network: Network, place: int) -> str:
    away = np.abs(network.places - place)
    nearest = away == away.min()
    if search.open_places(network.losses)[nearest].any():
        return "open"
    whole = away.min() == 0 and not np.isnan(network.losses[nearest]).any()
    return "held" if whole else "worse"


def study(networks: Iterable[Network], what: str) -> dict[tuple[str, str], tuple[list[Network], np.ndarray]]:
    """Return the networks, and values, of a study with clean targets, one a data set and optimiser.

    ``what`` is a key of ``MOVERS``; all networks have one hidden layer and differ in that alone, but
    that other samples and batches come with as many epochs. Those that are void are left out. Raises
    ``ValueError`` for another word.
    """
    if what not in MOVERS:
        raise ValueError(f"study {what!r} is unknown; allowed: {', '.join(MOVERS)}")
    name = {"N": "samples", "B": "batch_size", "η": "learning_rate", "T": "steps"}.get(what)

    def value(one: Network) -> float:
        if not name:
            return one.count
        return getattr(one.subject if name == "samples" else one.subject.recipe, name)

    found: dict[tuple[str, str], list[Network]] = {}
    for one in select(networks, void=False):
        subject = one.subject
        # the default network was searched in its width series
        default = what in ("T", "B") and one.vary == "width" and subject.width == 64
        if (one.vary == MOVERS[what] or default) and subject.noise == 0:
            found.setdefault((subject.data, subject.recipe.optimizer), []).append(one)
    return {
        pair: (row, np.array([value(one) for one in row]))
        for pair, unsorted in found.items()
        if len(row := sorted(unsorted, key=value)) > 1
    }


def resamples(repetitions: int, seed: int) -> np.ndarray:
    """Return the weights of repetitions, shape ``(1 + 2000, repetitions)``, the first row even.

    >>> weights = resamples(10, seed=0)
    >>> weights[0].tolist() == [0.1] * 10, bool(np.allclose(weights.sum(axis=1), 1))
    (True, True)
    """
    even = np.full((1, repetitions), 1 / repetitions)
    return np.concatenate([even, resample_weights(repetitions, seed)])


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Return the first value, which is the estimate, and the ends of the central 95% of the others.

    >>> [round(one, 6) for one in interval(np.arange(101.0))]
    [0.0, 3.475, 97.525]
    """
    low, high = np.quantile(values[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(values[0]), float(low), float(high)


def _whole(network: Network, metric: str, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which places all repetitions tried, and their mean badness ``(B, such places)``."""
    badness = network.badness(metric)
    whole = ~np.isnan(badness).any(axis=1)
    return whole, weights @ badness[whole].T


def best(network: Network, metric: str, weights: np.ndarray) -> np.ndarray:
    """Return log10 of the best coefficient, shape ``(B,)``.

    Among the places that all repetitions tried, it is the vertex of the parabola, in log c, through
    the one of least mean badness and its two neighbours; that place itself where it has one only.

    >>> subject = search.default_subject("diabetes", "sgd")
    >>> places = np.arange(4)
    >>> c = search.lattice("sgd")[places]
    >>> bowl = (np.log10(c)[:, None] + 4.5) ** 2 * np.ones((1, 3))
    >>> one = Network(subject, "width", 704, 0, 1.0, places, c, bowl, np.nan * bowl)
    >>> best(one, "loss", resamples(3, seed=0))[0].round(6)
    np.float64(-4.5)
    """
    whole, means = _whole(network, metric, weights)
    x = np.log10(network.coefficients[whole])
    rows, least = np.arange(len(means)), means.argmin(axis=1)
    inner = (least > 0) & (least < len(x) - 1)
    middle = np.clip(least, 1, len(x) - 2)
    left, right = x[middle] - x[middle - 1], x[middle + 1] - x[middle]
    down = (means[rows, middle] - means[rows, middle - 1]) / left
    up = (means[rows, middle + 1] - means[rows, middle]) / right
    bend = up - down
    # the slope of the parabola falls from down to up over half the distance of its outer points
    shift = -(down * right + up * left) / (left + right) / np.where(bend > 0, 2 * bend / (left + right), 1)
    shift = np.clip(np.where(bend > 0, shift, 0.0), -left / 2, right / 2)
    result: np.ndarray = x[least] + np.where(inner, shift, 0.0)
    return result


def slope(x: Sequence[float] | np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the least-squares slope of ``values`` ``(points, B)`` on log10 of ``x``; shape ``(B,)``.

    >>> slope([1, 10, 100], np.array([[0.0], [-0.5], [-1.0]])).round(9).tolist()
    [-0.5]
    """
    logs = np.log10(np.asarray(x, float))
    centred = logs - logs.mean()
    result: np.ndarray = centred @ values / (centred**2).sum()
    return result


def regret(network: Network, metric: str, log_coefficients: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return what training with given coefficients, ``(B,)`` in log10, costs against the best place tried.

    For the loss it is a share of the least mean loss, for the accuracy a difference in shares of
    samples. Between places the mean is interpolated in log c; beyond all places it is that of the
    last. A place that only some repetitions tried is set by how it compares with the best one there.
    """
    whole, means = _whole(network, metric, weights)
    badness = network.badness(metric)
    reference = np.flatnonzero(whole)[means[0].argmin()]
    curve = np.empty((len(weights), len(whole)))
    curve[:, whole] = means
    for place in np.flatnonzero(~whole):
        seen = ~np.isnan(badness[place])
        level, base = badness[place, seen].mean(), badness[reference, seen].mean()
        known = curve[:, reference]
        curve[:, place] = known * level / base if metric == "loss" else known + level - base
    logs, rows = np.log10(network.coefficients), np.arange(len(weights))
    above = np.clip(np.searchsorted(logs, log_coefficients), 1, len(logs) - 1)
    share = np.clip((log_coefficients - logs[above - 1]) / (logs[above] - logs[above - 1]), 0, 1)
    got = (1 - share) * curve[rows, above - 1] + share * curve[rows, above]
    least = means.min(axis=1)
    result: np.ndarray = got / least - 1 if metric == "loss" else got - least
    return result


def carried(
    source: Network, target: Network, metric: str, exponent: float, weights: np.ndarray
) -> np.ndarray:
    """Return the regret, ``(B,)``, of tuning ``source`` and carrying its best λ to ``target``.

    On the way it is multiplied by the growth of P to the power ``exponent``.
    """
    growth = np.log10(target.count / source.count)
    return regret(target, metric, best(source, metric, weights) + exponent * growth, weights)


def excess(source: Network, target: Network, power: float, size: str = "P") -> np.ndarray:
    """Return what carrying a source's best λ costs in every repetition of the target, ``(repetitions,)``.

    On the way λ is multiplied by the growth of a ``size``, P or width, to a ``power``. The excess over the
    loss of the same repetition at the target's best place is a share of the least mean loss, so that the
    mean is the regret; between places the loss is interpolated in log c. Both networks were tried by all
    repetitions wherever they were tried.

    >>> subject = search.default_subject("diabetes", "sgd")
    >>> losses = np.array([[2.0, 4.0], [1.0, 1.0], [3.0, 3.0]])
    >>> one = Network(subject, "large", 704, 0, 1.0, np.arange(3), 10.0 ** np.arange(3), losses, losses)
    >>> wider = one.__class__(**vars(one) | {"losses": np.array([[1.0, 1.0], [2.0, 3.0], [4.0, 4.0]])})
    >>> excess(one, wider, 0.0).tolist()
    [1.0, 2.0]
    """
    ratio = target.count / source.count if size == "P" else target.subject.width / source.subject.width
    even = np.full((1, source.losses.shape[1]), 1 / source.losses.shape[1])
    carried_to = best(source, "loss", even)[0] + power * np.log10(ratio)
    logs, means = np.log10(target.coefficients), target.losses.mean(axis=1)
    got = np.array([np.interp(carried_to, logs, one) for one in target.losses.T])
    result: np.ndarray = (got - target.losses[means.argmin()]) / means.min()
    return result


def trainable(networks: Iterable[Network]) -> tuple[list[Network], list[Network], list[Network]]:
    """Divide networks by their data: that always here, that optional and here, that optional and not.

    >>> subject = search.default_subject("digits", "sgd")
    >>> one = Network(subject, "width", 4736, 0, 1.0, np.zeros(1), *np.zeros((3, 1, 1)))
    >>> [len(part) for part in trainable([one])]
    [1, 0, 0]
    """
    networks = list(networks)
    optional = {one.subject.data for one in networks}.difference(datasets.NAMES)
    here = tuple(filter(_is_here, optional))
    absent = tuple(optional.difference(here))
    always, further, missing = (select(networks, data=names) for names in (datasets.NAMES, here, absent))
    return always, further, missing


def _is_here(data: str) -> bool:
    try:
        datasets.load(data)
    except ValueError as error:
        if "is not installed" not in str(error):  # but broken, say
            raise
        return False
    return True


def audit(
    networks: Sequence[Network], count: int, seed: int, device: str
) -> list[tuple[Network, np.ndarray, np.ndarray]]:
    """Train ``count`` networks of the table again; return each with its losses, tabled and live.

    Which networks, and which repetition of each, is drawn from ``seed`` and ``TRAINING``. All places that
    the repetition tried are trained. Raises ``ValueError`` for a network whose data is not here.
    """
    rng = np.random.default_rng([seed, TRAINING])
    chosen = rng.choice(len(networks), size=min(count, len(networks)), replace=False)
    found = []
    for network in (networks[int(one)] for one in chosen):
        repetition = int(rng.integers(0, network.losses.shape[1]))
        tabled = network.losses[:, repetition]
        tried = ~np.isnan(tabled)
        coefficients = search.lattice(network.subject.recipe.optimizer)[network.places[tried]]
        live, _ = search.train_subject(network.subject, coefficients, network.seed, repetition, device)
        found.append((network, tabled[tried], np.where(np.isnan(live), search.DIVERGED_LOSS, live)))
    return found
