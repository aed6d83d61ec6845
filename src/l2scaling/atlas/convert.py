"""Exact conversion of a value between two rows of the atlas, and what a printed loss says of the weights.

Two rows of one family convert by their coefficients. Rows of the families ``l2`` and ``decoupled`` do so
under gradient descent, with momentum in the long run; an estimator's coefficient is against its own
data loss.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from l2scaling.atlas.conventions import find
from l2scaling.atlas.meaning import FAMILIES, Convention
from l2scaling.atlas.quantities import QUANTITIES, ConventionError, Usage
from l2scaling.floats import SIZES, is_held, unfelt_share

UserLoss = Literal["half-squared", "mean-squared", "summed", "cross-entropy"]
"""The data loss of the user: a mean, or ``summed`` over the mini-batch."""

LOSSES: dict[str, str] = {
    "half-squared": "the mean of half the squared error",
    "mean-squared": "the mean squared error",
    "summed": "the sum over a mini-batch",
    "cross-entropy": "the mean cross-entropy",
}

SMALLEST_SHARES = {name: unfelt_share(name) for name in ("float32", "bfloat16")}
"""The largest share of a weight that no weight of the format can lose by itself, half of its spacing below 1.

One step ``w *= 1 − share`` with a share as small as this rounds to the weight it had.
"""

REFUSALS = {
    frozenset(("l2", "decoupled")): (
        "decoupled decay takes its share beside the optimiser's step, an L2 pull goes through it, so under "
        "Adam no coefficient makes them equal; under plain SGD without momentum they agree, and with "
        "momentum in the long run"
    ),
    frozenset(("l2", "l1")): (
        "an L1 pull has one size for every weight and an L2 pull grows with the weight, so they agree at one "
        "size of weight only"
    ),
    frozenset(("l1", "decoupled")): (
        "an L1 pull has one size for every weight, decay takes a share of each, and beside the step at that"
    ),
    frozenset(("group", "l2")): (
        "a group's pull has one size however long the group is and an L2 pull grows with the weight, so they "
        "agree at one length of the group only"
    ),
    frozenset(("group", "l1")): (
        "a group's pull is of one size for the group and an L1 pull for every weight, so they agree in "
        "groups of a single weight only"
    ),
    frozenset(("group", "decoupled")): (
        "a group's pull has one size however long the group is, decay takes a share of each weight, and "
        "beside the step at that"
    ),
}
"""Why two families do not convert into each other."""


@dataclass(frozen=True)
class Conversion:
    """A converted value, the c that both stand for (``None`` outside the family l2), and what to know of it.

    ``loss`` says which data loss the value is for, where that is not plain; ``warnings`` what goes wrong
    with it.
    """

    value: float
    penalty_coefficient: float | None
    note: str
    loss: str = ""
    warnings: tuple[str, ...] = ()


def convert(
    value: float | None, source: str, target: str, usage: Usage | None = None, loss: str | None = None
) -> Conversion:
    """Return the value that means in ``target`` what ``value`` means in ``source``, exactly.

    The value goes to the coefficient of its family and back, by the formulas of the two
    conventions; ``None`` is the default of ``source``. ``loss``, one of ``LOSSES``, is the user's data
    loss where one of the two is an estimator that brings its own. Raises ``ConventionError`` for an
    unknown API, a value that is negative or not finite, what of ``usage`` is needed and missing, a loss that
    does not fit, and for two families, between which no exact conversion exists; it then says why.

    >>> convert(0.01, "keras.regularizers.L2", "torch.optim.SGD").value
    0.02
    >>> convert(50, "sklearn.linear_model.Ridge", "torch.optim.SGD", Usage(samples=100), "mean-squared").value
    1.0
    >>> convert(0.01, "torch.optim.AdamW", "torch.optim.SGD")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    l2scaling.atlas.quantities.ConventionError: 0.01 of torch.optim.AdamW has no equivalent in ...
    """
    usage = usage or Usage()
    first, last = find(source), find(target)
    words = []
    if value is None:
        words.append(f"{first.default} is the default of {first.name}")
    value = _checked(first, value)
    if math.isinf(value) and last.power < 0:
        what = f"{first.argument}=inf of {first.name} switches the penalty off, as {last.argument}=inf does"
        raise ConventionError(f"{what} in {last.name}; allowed: a finite number")
    rate = _rate(first, last, value, usage)
    _require((first, last), usage)
    coefficient = first.coefficient(value, usage)
    factor = _loss_factor(first, last, loss, usage)
    result = last.value(coefficient * rate * factor, usage)
    mine = coefficient * rate * (factor if first.own_loss else 1.0)
    l2 = first.family == "l2" or last.family == "l2"
    known = mine * (1.0 if not is_beside(last) else 1 - (usage.momentum or 0.0)) if l2 else None
    what = FAMILIES[first.family]
    words += [f"{FAMILIES[one.family] or what} = {one.meaning} in {one.name} ({one.argument}: {one.formula})"
              for one in (first, last)]  # fmt: skip
    words += _momentum_words(first, last, usage)
    words += [part for one in (first, last) for part in one.note.split("; ") if part]
    if usage.mean_weight not in (None, 1):
        what = f"divides by Σω: c against Σωℓ/N has the mean weight {usage.mean_weight:g} as a factor"
        words += [f"{one.name} {what}" for one in (first, last) if one.normalised]
    given = [(first, value), (last, result)]
    return Conversion(
        result, known, "; ".join(dict.fromkeys(words)),
        _loss_words(first, last, loss, coefficient * rate, usage), tuple(_warnings(given, usage)),
    )  # fmt: skip


def _checked(one: Convention, value: float | None) -> float:
    """Return a value that an argument may have; its default if ``None`` is given."""
    if value is not None:
        one._check(value)
        return value
    if isinstance(one.default, int | float):
        return float(one.default)
    off = f"{one.default!r} is its default" if one.default else "it has no default"
    raise ConventionError(f"VALUE is missing for {one.argument} of {one.name}; allowed: a number, as {off}")


def _require(rows: Sequence[Convention], usage: Usage) -> None:
    """Raise ``ConventionError`` naming all that is needed and missing."""
    lacking = {one.name: [key for key in one.needs if getattr(usage, key) is None] for one in rows}
    if missing := list(dict.fromkeys(key for keys in lacking.values() for key in keys)):
        who = "; ".join(f"{name} needs {' and '.join(keys)}" for name, keys in lacking.items() if keys)
        options = ", ".join(f"--{key.replace('_', '-')} {QUANTITIES[key].words}" for key in missing)
        raise ConventionError(
            f"{who}, which {'is' if len(missing) == 1 else 'are'} missing; allowed: {options}"
        )


# ---------------------------------------------------------------- momentum

_SGD = {"sgd", "momentum"}


def is_beside(one: Convention) -> bool:
    """Whether momentum gathers the data's gradients and not this pull, which so is weaker beside them."""
    if one.family == "decoupled":
        return True
    beside = one.placement == "optimizer" and one.stage in ("beside the step", "after momentum")
    return one.family == "l2" and beside and "momentum" not in one.needs


def _rate(first: Convention, last: Convention, value: float, usage: Usage) -> float:
    """Return what the coefficient of ``first`` is multiplied by to be one of ``last``.

    1 within a family, and 1 − β or its inverse between a pull that momentum gathers and one beside it.
    Raises ``ConventionError`` where two families have no equivalent.
    """
    beside = is_beside(first), is_beside(last)
    if first.family != last.family:
        both = set(first.optimizers) & set(last.optimizers) & _SGD
        said = usage.momentum is not None or any(set(one.optimizers) <= _SGD for one in (first, last))
        if {first.family, last.family} != {"l2", "decoupled"} or not both or not said:
            what = f"{value} of {first.name} has no equivalent in {last.name}"
            reason = REFUSALS[frozenset((first.family, last.family))]
            joined = {first.family, last.family} == {"l2", "decoupled"} and both and not said
            estimator = any(one.placement in ("descent", "solver") for one in (first, last))
            sgd = ", or --momentum (0 for none) if the optimiser is SGD" if joined and not estimator else ""
            raise ConventionError(f"{what}: {reason}; allowed: an API of the family {first.family}{sgd}")
    if beside[0] == beside[1]:
        return 1.0
    rest = 1.0 - (usage.momentum or 0.0)
    if rest == 0:
        raise ConventionError(f"momentum {usage.momentum:g} never lets a gradient go; allowed: below 1")
    return rest if beside[0] else 1.0 / rest


def _momentum_words(first: Convention, last: Convention, usage: Usage) -> list[str]:
    if is_beside(first) == is_beside(last):
        return []
    if usage.momentum:
        return [f"in the long run, as momentum {usage.momentum:g} gathers the one and not the other"]
    return ["without momentum; with β, say --momentum"] if usage.momentum is None else []


# ---------------------------------------------------------------- the data loss


def _unit(own: str, loss: str, usage: Usage) -> float | None:
    """Return a loss in units of an estimator's own; ``None`` where they are different functions."""
    count = usage.get("batch_size", "a summed loss") if loss == "summed" else 1.0
    return {
        ("half-squared", "half-squared"): 1.0, ("half-squared", "mean-squared"): 2.0,
        ("half-squared", "summed"): 2.0 * count, ("cross-entropy", "cross-entropy"): 1.0,
        ("cross-entropy", "summed"): count,
    }.get((own, loss))  # fmt: skip


def _loss_factor(first: Convention, last: Convention, loss: str | None, usage: Usage) -> float:
    if loss is None:
        return 1.0
    if loss not in LOSSES:
        raise ConventionError(f"--loss cannot be {loss!r}; allowed: {', '.join(get_args(UserLoss))}")
    factor = 1.0
    for one, power in ((first, 1), (last, -1)):
        if own := one.own_loss:
            unit = _unit(own, loss, usage)
            if unit is None:
                fitting = [name for name in LOSSES if name == "summed" or _unit(own, name, usage)]
                allowed = ", ".join(fitting) if own != "own" else "no --loss, as it has a loss of its own"
                raise ConventionError(f"--loss {loss} is not what {one.name} has; allowed: {allowed}")
            factor = factor * unit if power == 1 else factor / unit
    return factor


def _loss_words(
    first: Convention, last: Convention, loss: str | None, coefficient: float, usage: Usage
) -> str:
    own = {one.name: one.own_loss for one in (first, last) if one.own_loss}
    if len(own) == 2:
        both = " and ".join(f"{_its(kind)} in {name}" for name, kind in own.items())
        return "" if first.own_loss == last.own_loss else f"the same c for two data losses, {both}"
    for name, kind in own.items():
        if loss:
            squares = " of squared errors" if (loss, kind) == ("summed", "half-squared") else ""
            return f"for a data loss that is {LOSSES[loss]}{squares}"
        words = f"for a data loss that is {_its(kind)}, as in {name}"
        if kind == "half-squared":
            twice = last.value(coefficient, usage) * 2.0 ** (last.power if first.own_loss else -last.power)
            words += (
                f"; for the mean squared error (torch.nn.MSELoss, Keras' mse) it is {twice:.12g}, by "
                "--loss mean-squared"
            )
        return words
    return ""


def _its(kind: str | None) -> str:
    return LOSSES.get(kind or "", "an estimator's own loss")


# ---------------------------------------------------------------- what goes wrong


def _warnings(given: Sequence[tuple[Convention, float]], usage: Usage) -> list[str]:
    found = _rescaled(given)
    for one, value in given:
        if one.each_batch and (last := usage.last_batch):
            each = one.coefficient(value, Usage(**vars(usage) | {"samples": None, "batch_size": last}))
            found.append(
                f"the last mini-batch of an epoch has {last} sample{'s' * (last > 1)}, and {one.name} "
                f"divides by its size there too: c is {each:.4g} in that step, and what is converted is the "
                "mean over an epoch's steps"
            )
        share = 0.0 if usage.learning_rate is None or not is_beside(one) else (
            usage.learning_rate * one.coefficient(value, usage))  # fmt: skip
        if one.stage == "beside the step" and 0 < share <= SMALLEST_SHARES["bfloat16"]:
            found.append(share_words(share))
        if share >= 1:
            found.append(
                f"a share of {share:.3g} a step leaves nothing of a weight: at 1 it is 0 after the step, "
                "above 1 its sign turns, and above 2 it grows"
            )
    found += [
        f"{one.name} is taken to stand beside Σωℓ/N, as nobody measured it with weights; if it divides by "
        f"Σω, as scikit-learn's Lasso does, its coefficient there is {usage.mean_weight:g} times as large"
        for one, _ in given
        if usage.mean_weight not in (None, 1) and _untried_with_weights(one)
    ]
    return list(dict.fromkeys(found))


def _untried_with_weights(one: Convention) -> bool:
    """Whether a row stands beside a mean that nobody measured with weights of samples."""
    known = {"mean_weight", "samples"} & one.counts.keys() or "mean_weight" in one.trial
    return one.placement == "solver" and not known


def _rescaled(given: Sequence[tuple[Convention, float]]) -> list[str]:
    """Say whose optimiser rescales the pull, where the other row does not put it there too."""
    inside = [one.stage == "before the preconditioner" for one, _ in given]
    if all(inside) or any(one.family != "l2" for one, _ in given):
        return []
    return [
        f"the optimiser of {one.name} rescales this pull together with the data gradient, weight by weight, "
        "so the value is the same penalty only where the same optimiser rescales it"
        for (one, _), rescales in zip(given, inside, strict=True)
        if rescales
    ]


def share_words(share: float) -> str:
    """Say in which formats a share of a weight, taken by itself, rounds to nothing.

    >>> share_words(1e-8)
    'the share 1e-08 a step acts in no float32 weight, as 1 − 1e-08 rounds to 1; shares act above 2.98e-08 \
in float32 and above 0.00195 in bfloat16'
    """
    single, brain = SMALLEST_SHARES.values()
    name = "float32" if share <= single else "bfloat16"
    return (
        f"the share {share:.3g} a step acts in no {name} weight, as 1 − {share:.3g} rounds to 1; shares act "
        f"above {single:.3g} in float32 and above {brain:.3g} in bfloat16"
    )


# ---------------------------------------------------------------- from a printed loss to the weights


@dataclass(frozen=True)
class WeightsSum:
    """What a printed loss holds beside the data loss: the penalty, and the sum over weights behind it.

    ``weight_rms`` is the root mean square of the weights, where their number was said.
    """

    penalty: float
    sum_squares: float | None = None
    sum_absolute: float | None = None
    weight_rms: float | None = None


def sum_behind(
    value: float | None, source: str, printed: float, metric: float, usage: Usage | None = None
) -> WeightsSum:
    """Return Σw² (or Σ|w| of an L1 penalty) behind a printed loss beside the data loss alone.

    Σw² = 2 (printed − metric) / c. Raises ``ConventionError`` for a penalty that is in no loss, or none at
    all, and for a printed loss below the metric.

    >>> round(sum_behind(1e-4, "keras.regularizers.L2", 1.5326, 0.9875).sum_squares)
    5451
    """
    one, usage = find(source), usage or Usage()
    if one.placement != "loss" or one.family not in ("l2", "l1"):
        own = one.placement in ("descent", "solver")
        what = "what the estimator {} prints as its loss is not known here" if own else (
            "no printed loss holds the decay of {}")  # fmt: skip
        raise ConventionError(f"{what.format(one.name)}; allowed: a penalty in the loss of the user")
    value = _checked(one, value)
    _require([one], usage)
    coefficient, penalty = one.coefficient(value, usage), printed - metric
    if not (math.isfinite(penalty) and penalty >= 0):
        what = f"the printed loss {printed:g} is not the metric {metric:g} and a penalty"
        raise ConventionError(f"{what}; allowed: two finite numbers, the loss not below the metric")
    if coefficient == 0:
        raise ConventionError(f"{one.argument} 0 makes no penalty; allowed: above 0")
    held = penalty / coefficient * (1 if one.family == "l1" else 2)
    if not is_held(held) or (held == 0) != (penalty == 0):
        what = f"the sum behind a penalty of {penalty:g} at {one.argument} {value:g} is beyond a float"
        raise ConventionError(f"{what}; allowed: a sum from {SIZES}")
    if one.family == "l1":
        return WeightsSum(penalty, sum_absolute=held)
    squares = held
    rms = math.sqrt(squares / usage.weights) if usage.weights else None
    return WeightsSum(penalty, sum_squares=squares, weight_rms=rms)
