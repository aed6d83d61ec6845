"""Learning rates of the steps to come."""

import copy
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from l2scaling.audit.report import AuditError

ALLOWED = "a scheduler of this optimiser, a function from the step to the learning rate, or a rate a step"


def check_steps(steps: Any) -> int | None:
    """Return a number of steps, or ``None``; raise ``AuditError`` for what is none.

    >>> check_steps(1000)
    1000
    """
    if steps is not None and (
        isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < 1
    ):
        raise AuditError(f"steps {steps!r}; allowed: a whole number, 1 or more")
    return None if steps is None else int(steps)


def rates_of(schedule: Any, steps: int | None, start: int = 0) -> list[float]:
    """Return the learning rates of ``steps`` steps from ``start`` on, by a function of the step or a list.

    A list may give the number of steps. Raises ``AuditError`` for a function without ``steps``, a list
    that is too short, and rates that are negative or not finite.

    >>> rates_of(lambda step: 0.1 / (1 + step), 2), rates_of([0.1, 0.05], None)
    ([0.1, 0.05], [0.1, 0.05])
    """
    if callable(schedule):
        if steps is None:
            raise AuditError("schedule without steps; allowed: steps, the number of steps to come, beside it")
        rates = _called(schedule, np.arange(start, start + steps))
    elif isinstance(schedule, float | int) and not isinstance(schedule, bool):
        rates = [float(schedule)] * (steps or 1)
    elif isinstance(schedule, Sequence | np.ndarray) and not isinstance(schedule, str):
        rates = [float(one) for one in schedule]
        if len(rates) < (steps or 1):
            raise AuditError(f"schedule of {len(rates)} rates for {steps or 1} steps; allowed: a rate a step")
        rates = rates[:steps]
    else:
        raise AuditError(f"schedule {_short(schedule)}; allowed: {ALLOWED}")
    for step, rate in enumerate(rates):
        if not (math.isfinite(rate) and rate >= 0):
            raise AuditError(f"schedule gives {rate} at step {start + step}; allowed: finite, 0 or more")
    return rates


def _called(schedule: Callable[[Any], Any], steps: np.ndarray) -> list[float]:
    """Call a schedule, with all steps at once where it takes them and agrees with single calls."""
    few = sorted({0, len(steps) // 3, len(steps) - 1})
    single = {place: _rate(schedule, int(steps[place])) for place in few}
    if len(steps) > 100:
        try:
            found = np.asarray(schedule(steps), dtype=float)
        except Exception:  # of any kind: the schedule is made for one step
            found = np.empty(0)
        if found.shape == steps.shape and all(math.isclose(found[k], single[k], rel_tol=1e-6) for k in few):
            return [float(rate) for rate in found]
    return [_rate(schedule, int(step)) for step in steps]


def _rate(schedule: Callable[[Any], Any], step: int) -> float:
    try:
        return float(schedule(step))
    except (TypeError, ValueError) as error:
        raise AuditError(f"schedule at step {step}: {error}; allowed: {ALLOWED}") from None


def scheduled(scheduler: Any, optimizer: torch.optim.Optimizer, steps: int) -> list[list[dict[str, Any]]]:
    """Return the settings of each group over ``steps``, from a copy of a scheduler of torch; one call a step.

    Raises ``AuditError`` for a scheduler of another optimiser, and for one that does not get that far or
    needs a metric.

    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    >>> [step["lr"] for step in scheduled(scheduler, optimizer, 3)[0]]
    [1.0, 1.0, 0.5]
    """
    if scheduler.optimizer is not optimizer:
        raise AuditError(f"schedule {_short(scheduler)} drives another optimizer; allowed: one of this one")
    stand_in = object.__new__(torch.optim.Optimizer)  # holds the groups' settings, and no parameters
    groups = [{**group, "params": []} for group in optimizer.param_groups]
    vars(stand_in).update(param_groups=copy.deepcopy(groups), defaults=optimizer.defaults, _opt_called=True)
    copied = copy.deepcopy(scheduler, {id(optimizer): stand_in})
    settings = []
    for number in range(steps):
        now = [{**group, "lr": float(group["lr"])} for group in stand_in.param_groups]
        settings.append(now)
        if number + 1 < steps:
            try:
                with warnings.catch_warnings(action="ignore"):  # of steps that no optimiser took
                    copied.step()
            except (TypeError, ValueError) as error:
                reason = " ".join(str(error).split())
                raise AuditError(
                    f"schedule {_short(scheduler)} at step {number + 1} of {steps}: {reason}; allowed: "
                    "one that needs no metric and lasts for all steps"
                ) from None
    return [list(one) for one in zip(*settings, strict=True)]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"of type {type(value).__name__}"
