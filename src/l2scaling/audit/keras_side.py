"""The audit of a compiled Keras model, or of a Keras optimiser with its model."""

import math
from collections.abc import Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import torch

from l2scaling.atlas.conventions import Convention, ConventionError, Usage, find
from l2scaling.audit import known
from l2scaling.audit.findings import (
    Finding,
    bounded,
    measured,
    momentum_share,
    momentum_swings,
    read,
    shares_of,
)
from l2scaling.audit.plans import rates_of
from l2scaling.audit.report import Audit, AuditError, Weight, general_warnings, named, rows_of
from l2scaling.audit.torch_copies import undisturbed
from l2scaling.audit.torch_models import TAKEN_OUT
from l2scaling.audit.weights import kind_of, small, sum_squares

_ROUNDING = 2.0**-24
"""Keras on torch rounds 1 − ηλ to float32, also for weights of float64."""
_UNSEEN = "a penalty that a layer adds by add_loss, or by an activity regulariser, and one in the loss itself"
_NORMS = ("LayerNormalization", "GroupNormalization", "RMSNormalization", "BatchNormalization")


def audit_keras(
    keras: ModuleType, optimizer: Any, model: Any, schedule: Any, steps: int | None, dtype: str | None
) -> Audit:
    """Audit a Keras optimiser and model; see ``l2scaling.audit.audit``.

    >>> from l2scaling import frameworks
    >>> keras = frameworks.keras()
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    >>> model.compile("adamw")
    >>> [(row.kind, row.decay) for row in audit_keras(keras, model, None, None, None, None).rows]
    [('matrices', 0.004), ('biases', 0.004)]
    """
    optimizer, model = _checked(keras, optimizer, model)
    variables = list(model.trainable_variables)
    # what is scaled for half precision steps as the one that it holds
    inner = optimizer
    while hasattr(inner, "inner_optimizer"):
        inner = inner.inner_optimizer
    rates = _plan(keras, inner, schedule, steps)
    with undisturbed():
        made_by, rows = type(inner), known.rows_for(type(inner))
        wanted = max(rates) if rates else float(inner.learning_rate)
        settings = inner.get_config()
        found, troubles = _findings(keras, inner, variables, rows, settings, wanted)
    strange = []
    for place, (variable, one) in enumerate(zip(variables, found, strict=True)):
        coefficient, other = _regularised(keras, variable)
        if other:
            strange.append(f"{variable.path}: {other}, which is not in the table")
        if coefficient:
            found[place] = _with_penalty(one, coefficient, settings if _is_sgd(rows) else None, rates)
    weights = [
        Weight("all", one.path, kind_of(one.path, len(one.shape)), int(np.prod(one.shape)),
               sum_squares(_values(one)), str(one.dtype), finding)
        for one, finding in zip(variables, found, strict=True)
    ]  # fmt: skip
    summed = rows_of(weights, {"all": rates} if rates else {})
    both = [one.name for one in weights if one.finding.coefficient and one.finding.decay]
    warnings = [*general_warnings(summed, dtype)]
    warnings += known.defaults(made_by, {row.name: row for row in rows}, settings, found)
    if both:
        warnings.append(f"{named(both)}: a penalty in the loss and decay in the optimizer as well")
    without, traced = _before_norms(model)
    pulled = [one.name for one in weights if one.finding.decays and one.name in without]
    if pulled:
        warnings.append(f"{named(pulled)}: {TAKEN_OUT}")
    unseen = [_UNSEEN]
    if not traced:
        unseen.append("a model that is no graph of layers: which of them a normalisation follows")
    path = next((row.path for row in rows), known.name_of(made_by))
    confirmed = sorted({one.row for one in found if one.row})
    notes = [f"{one}: {find(one).formula} (atlas; steps of a copy agree)" for one in confirmed]
    if not all(one.row for one in found) and not troubles:
        notes.append(f"{path}: {known.MEASURED}{'' if rows else known.BY_RULE}")
    if frozen := [one.name for one in model._flatten_layers(include_self=False) if not one.trainable]:
        notes.append(f"frozen, so neither stepped nor penalised: {named(frozen)}")
    return Audit(path, summed, tuple(notes), (*warnings, *strange, *troubles), tuple(unseen), steps)


def _checked(keras: ModuleType, optimizer: Any, model: Any) -> tuple[Any, Any]:
    if isinstance(optimizer, keras.Model):
        if model is not None and model is not optimizer:
            raise AuditError("two models; allowed: a compiled model alone, or an optimizer and its model")
        optimizer, model = getattr(optimizer, "optimizer", None), optimizer
        if optimizer is None:
            raise AuditError("model that is not compiled; allowed: a compiled one, or an optimizer beside it")
    if not isinstance(model, keras.Model):
        what = "no model" if model is None else f"model of type {type(model).__name__}"
        raise AuditError(f"{what} with a Keras optimizer; allowed: the keras.Model that it trains")
    if not model.trainable_variables:
        raise AuditError("model without variables to train; allowed: a built one, with an Input or run once")
    return optimizer, model


def _plan(keras: ModuleType, optimizer: Any, schedule: Any, steps: int | None) -> list[float] | None:
    if schedule is None and steps is None:
        return None
    own, start = optimizer._learning_rate, int(optimizer.iterations)
    if schedule is None:
        schedule = own if callable(own) else float(optimizer.learning_rate)
    if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        inner = schedule
        return rates_of(lambda step: _plain(inner(step)), steps, start)
    return rates_of(schedule, steps, start)


def _is_sgd(rows: Sequence[Convention]) -> bool:
    return any(row.path == "keras.optimizers.SGD" for row in rows)


def _findings(
    keras: ModuleType, optimizer: Any, variables: Sequence[Any], rows: Sequence[Convention],
    settings: dict[str, Any], wanted: float,
) -> tuple[list[Finding], list[str]]:  # fmt: skip
    """Return what the optimiser itself decays of each variable, and warnings."""
    every = optimizer.gradient_accumulation_steps or 1
    given = [value for name, value in settings.items() if name.endswith("weight_decay")]
    largest = max((float(one) for one in given if isinstance(one, float | int)), default=0.0)
    whole = 2.0**-4 / largest if largest > 0.25 else 1.0  # a rate at which a copy keeps most of its weights
    try:
        # three times what is gathered, so that the time from one decay to the next is seen
        still, slow = (
            _stepped(keras, optimizer, variables, rate, 0.0, 3 * every) for rate in (whole, whole / 2)
        )
        pushed = [_stepped(keras, optimizer, variables, whole, size, every) for size in (1.0, 2.0)]
    except Exception as error:  # of a class that nobody here has seen
        name = known.name_of(type(optimizer))
        text = f"{name} could not be stepped on a copy ({' '.join(str(error).split())}): decay is not known"
        return [Finding(wanted, first=None, share=None, per_rate=None) for _ in variables], [text]
    found = []
    for place in range(len(variables)):
        reading, slower = (read(shares_of(one[place])) for one in (still, slow))
        wall = bounded(still[place][every], *(one[place][every] for one in pushed))
        said = known.chosen(rows, settings, whole, wanted, reading, wall=wall, slack=_ROUNDING)
        if said is None and rows and reading.share == 0:  # left out, by the user or by its kind
            said = Finding(row=rows[0].name)
        found.append(replace(said or measured(reading, slower, whole, wall=wall).at(wanted), rate=wanted))
    return found, []


def _stepped(
    keras: ModuleType, optimizer: Any, variables: Sequence[Any], rate: float, gradient: float, steps: int
) -> list[np.ndarray]:
    """Step a copy on small weights that stand for the variables; return them, ``(steps + 1, n)`` each."""
    config = optimizer.get_config() | {"learning_rate": rate}
    copied, pairs = type(optimizer).from_config(config), []
    for one in variables:
        values = small(len(one.shape))
        pair = [keras.Variable(scale * values, dtype="float64", name=one.name) for scale in (1, 2)]
        for stand_in in pair:
            stand_in._path = one.path
        pairs.append(pair)
    left_out: set[Any] = getattr(optimizer, "_exclude_from_weight_decay", set())
    copied._exclude_from_weight_decay = {
        copied._var_key(stand_in)
        for one, pair in zip(variables, pairs, strict=True) if optimizer._var_key(one) in left_out
        for stand_in in pair
    }  # fmt: skip
    pattern = getattr(optimizer, "_exclude_from_weight_decay_pattern", None)
    copied._exclude_from_weight_decay_pattern = pattern
    stand_ins = [stand_in for pair in pairs for stand_in in pair]
    copied.build(stand_ins)
    gradients = [keras.ops.full_like(one, gradient) for one in stand_ins]

    def now() -> list[np.ndarray]:
        return [np.concatenate([np.ravel(_plain(one)) for one in pair]) for pair in pairs]

    seen = [now()]
    for _ in range(steps):
        copied.apply(gradients, stand_ins)
        seen.append(now())
    return [np.stack(one) for one in zip(*seen, strict=True)]


def _values(variable: Any) -> Any:
    value = variable.value
    return value if isinstance(value, torch.Tensor) else np.asarray(value)


def _plain(value: Any) -> np.ndarray:
    value = getattr(value, "value", value)
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


def _regularised(keras: ModuleType, variable: Any) -> tuple[float, str]:
    """Return the c of a variable's regulariser, and in words what else it is."""
    regularizer = variable.regularizer
    if regularizer is None:
        return 0.0, ""
    coefficient, other, rows = 0.0, "", known.rows_for(type(regularizer))
    for row in rows:
        try:
            value = row.coefficient(float(getattr(regularizer, row.argument)), Usage())
        except (AttributeError, ConventionError, TypeError):
            return 0.0, f"the regulariser {type(regularizer).__name__}"
        if row.family == "l2":
            coefficient += value
        elif value:
            other = f"an {row.family.upper()} pull of {value:g}"
    if rows:
        return coefficient, other
    return _tried(keras, regularizer, tuple(variable.shape))


def _tried(keras: ModuleType, regularizer: Any, shape: tuple[int, ...]) -> tuple[float, str]:
    """Tell an L2 regulariser by calls: one multiple of Σw² for three arrays of the real shape."""
    rng, found = np.random.default_rng(0), []
    name = f"the regulariser {getattr(regularizer, '__name__', type(regularizer).__name__)}"
    try:
        with undisturbed():
            for low, high in ((0.5, 1.0), (-1.0, 1.0), (-3.0, 4.0)):
                one = rng.uniform(low, high, shape).astype(np.float32)
                value = float(_plain(regularizer(keras.ops.convert_to_tensor(one))))
                found.append(2 * value / float(np.sum(np.square(one, dtype=np.float64))))
    except Exception as error:  # of any kind: it is the user's
        return 0.0, f"{name}, which cannot be tried ({' '.join(str(error).split())[:200]})"
    if np.allclose(found, found[0], rtol=1e-4, atol=0.0):
        return found[0], ""
    return 0.0, name


def _with_penalty(
    one: Finding, coefficient: float, sgd: dict[str, Any] | None, rates: Sequence[float] | None
) -> Finding:
    """Add a pull in the gradient, which SGD passes on and other optimisers rescale."""
    if sgd is None or one.rate is None:
        return replace(
            one, coefficient=coefficient, share=one.share or None, first=one.first or None, wall=None
        )
    momentum, nesterov = float(sgd.get("momentum") or 0.0), bool(sgd.get("nesterov"))
    shares = {
        rate: momentum_share(rate, coefficient, momentum, nesterov=nesterov, decay=one.decay)
        for rate in {one.rate, *(rates or ())}
    }
    acting = None if rates is None else [shares[rate] for rate in rates[one.every - 1 :: one.every]]
    return replace(
        one, coefficient=coefficient, first=one.rate * (one.decay + coefficient * (1 + momentum * nesterov)),
        share=shares[one.rate], per_rate=one.decay + coefficient / (1 - momentum),
        total=None if acting is None else math.fsum(acting),
        swings=momentum_swings(one.rate, coefficient, momentum, nesterov=nesterov, decay=one.decay),
    )  # fmt: skip


def _before_norms(model: Any) -> tuple[set[str], bool]:
    """Return paths of kernels whose size the next layers, normalisations, take out; and if all was seen.

    A frozen ``BatchNormalization`` divides by what it once saw, and takes no size out.
    """
    found = set()
    for layer in model._flatten_layers(include_self=False):
        after = [node.operation for node in getattr(layer, "_outbound_nodes", ())]
        kernel = getattr(layer, "kernel", None)
        if kernel is not None and after and getattr(layer.activation, "__name__", "") == "linear":
            kinds = {type(one).__name__ for one in after}
            if "BatchNormalization" in kinds and not all(one.trainable for one in after):
                continue
            if kinds <= {"BatchNormalization"} or (kinds <= set(_NORMS) and not layer.use_bias):
                found.add(kernel.path)
    return found, hasattr(model, "_nodes") or bool(getattr(model, "_functional", None))
