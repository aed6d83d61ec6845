"""The one function of the room."""

import sys
from typing import Any

import torch

from l2scaling.audit.plans import check_steps
from l2scaling.audit.report import Audit, AuditError
from l2scaling.audit.torch_side import audit_torch
from l2scaling.floats import EPSILONS


def audit(
    optimizer: Any,
    model: Any = None,
    schedule: Any = None,
    steps: int | None = None,
    dtype: Any = None,
    params: Any = None,
) -> Audit:
    """Say what an optimiser's decay does to the weights it trains, in a table and warnings.

    ``optimizer`` is one of torch, best with its ``model``; one of Keras with its ``model``, or the compiled
    model alone; or a transform of Optax with ``params``, its tree of parameters. ``steps`` is the number of
    calls to come and ``schedule`` their learning rates: a scheduler of torch, a function from the step to the
    rate of the first group, or a rate a step. ``dtype`` is the data type that weights are trained in, where
    it is not their own.

    For each group and kind of tensors the table has P, Σw² and its root mean square; η, the largest rate of
    the schedule; λ of a share ηλ beside the step, or c of a pull c·w in the gradient, and then the penalty
    c/2·Σw²; the share of a weight that a step with zero gradient takes, ``ηλ``, with momentum β about
    ``ηc/(1 - β)`` in the long run; the half-life ``ln 2 / -ln(1 - share)`` in calls; κ, the sum of the
    shares over all calls; and 1/λ, which a weight hardly passes where steps have one size whatever the
    gradient. What a class does comes from the atlas, if steps of a copy with a few small weights agree;
    else those steps are what is said, and so it is written. Neither model nor optimiser nor any random
    state is changed, except by what no copy keeps out: a subclass whose steps reach the model by a global
    name, and hooks that are set for all modules or optimisers. Each tensor is read once, in pieces.

    Raises ``AuditError``, a ``ValueError``, for what it cannot take, saying what is allowed.

    >>> model = torch.nn.Linear(3, 2)
    >>> _ = [torch.nn.init.ones_(one) for one in model.parameters()]
    >>> found = audit(torch.optim.AdamW(model.parameters(), lr=0.01), model, steps=1000)
    >>> [(row.kind, row.sum_squares, row.share, row.kappa, row.wall) for row in found.rows]
    [('matrices', 6.0, 0.0001, 0.1, 100.0), ('biases', 2.0, 0.0001, 0.1, 100.0)]
    >>> found.warnings
    ('group 0: weight_decay = 0.01 is the default, which decays unless told not to',)
    >>> audit("adamw")
    Traceback (most recent call last):
        ...
    l2scaling.audit.report.AuditError: optimizer 'adamw'; allowed: an optimizer of torch or Keras, a \
compiled model of Keras, or a transform of Optax
    """
    steps, held = check_steps(steps), _dtype(dtype)
    if params is not None and not _is_transform(optimizer):
        raise AuditError("params with an optimizer that is not Optax's; allowed: model, for torch and Keras")
    if isinstance(optimizer, torch.optim.Optimizer):
        return audit_torch(optimizer, model, schedule, steps, held)
    keras = sys.modules.get("keras")
    if keras is not None and isinstance(optimizer, keras.Model | keras.optimizers.Optimizer):
        from l2scaling.audit.keras_side import audit_keras

        return audit_keras(keras, optimizer, model, schedule, steps, held)
    if _is_transform(optimizer):
        from l2scaling.audit.optax_side import audit_optax

        if model is not None:
            raise AuditError("model with a transform of Optax; allowed: params, its tree of parameters")
        return audit_optax(optimizer, params, schedule, steps, held)
    text = (
        repr(optimizer) if isinstance(optimizer, str | int | float | None) else f"of type {type(optimizer)}"
    )
    allowed = "an optimizer of torch or Keras, a compiled model of Keras, or a transform of Optax"
    raise AuditError(f"optimizer {text}; allowed: {allowed}")


def _is_transform(optimizer: Any) -> bool:
    parts = (getattr(optimizer, "init", None), getattr(optimizer, "update", None))
    return not isinstance(optimizer, type) and all(callable(one) for one in parts)


def _dtype(dtype: Any) -> str | None:
    if dtype is None:
        return None
    name = str(getattr(dtype, "name", None) or getattr(dtype, "__name__", None) or dtype).removeprefix(
        "torch."
    )
    if name not in EPSILONS:
        raise AuditError(f"dtype {name!r}; allowed: {', '.join(EPSILONS)}, or a type of that name")
    return name
