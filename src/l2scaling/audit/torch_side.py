"""The audit of a torch optimiser, with or without its model."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from l2scaling.audit import known, torch_models
from l2scaling.audit.findings import Finding
from l2scaling.audit.plans import rates_of, scheduled
from l2scaling.audit.report import Audit, AuditError, Weight, general_warnings, named, rows_of
from l2scaling.audit.torch_copies import rate, undisturbed
from l2scaling.audit.torch_optimizers import Found, findings, keys_of
from l2scaling.audit.weights import all_zero, kind_of, sum_squares

UNSEEN = "a penalty that the script adds to the loss, and how many backward passes it gathers for a step"


def audit_torch(
    optimizer: torch.optim.Optimizer, model: Any, schedule: Any, steps: int | None, dtype: str | None
) -> Audit:
    """Audit a torch optimiser; see ``l2scaling.audit.audit``.

    >>> weight = nn.Parameter(torch.ones(2, 2))
    >>> audit_torch(torch.optim.SGD([weight], lr=0.1), None, None, None, None).rows[0].decays
    False
    """
    whole = _checked(optimizer, model)
    parameters = {id(one): one for group in optimizer.param_groups for one in group["params"]}
    names, kinds = _names(optimizer, whole)
    keys = keys_of(optimizer, kinds)
    with undisturbed():
        settings = _plans(optimizer, schedule, steps)
        plans = [[one["lr"] for one in group] for group in settings] if settings else None
        found = findings(optimizer, keys, [max(one) for one in plans] if plans else None, settings)
    each = {one: found.by_key[key] for one, key in keys.items()}
    for number, group in enumerate(optimizer.param_groups):
        for one, times in Counter(id(one) for one in group["params"]).items():
            if keys[one][0] == number:
                each[one] = each[one].repeated(times)
    frozen = [one for one, weight in parameters.items() if not weight.requires_grad and weight.grad is None]
    if found.idle_without_gradient:
        each |= {one: Finding(each[one].rate) for one in frozen}
    weights = [
        Weight(str(keys[key][0]), names[key], kinds[key], one.numel(), sum_squares(one),
               str(one.dtype).removeprefix("torch."), each[key])
        for key, one in parameters.items()
    ]  # fmt: skip
    rows = rows_of(weights, {str(number): one for number, one in enumerate(plans or ())})
    pulled = {names[key]: one for key, one in parameters.items() if each[key].decays}
    warnings = [*found.warnings, *general_warnings(rows, dtype), *_defaults(optimizer, found)]
    for number, group in enumerate(optimizer.param_groups):
        if not rate(group) and not (plans and max(plans[number])):
            warnings.append(f"group {number}: the learning rate is 0, so that nothing is said of its decay")
    warnings += [*_listed_twice(optimizer, names, each), *_frozen(pulled)]
    notes, unseen = list(found.notes), [UNSEEN]
    if frozen and found.idle_without_gradient:
        notes.append(
            f"frozen and without a gradient, so not stepped: {named([names[one] for one in frozen])}"
        )
    if model is None:
        unseen.append("the model: give it for names, kinds and weights whose size is no matter")
    else:
        without, traced = _without_effect(model, pulled)
        trained = {key for key, one in whole.items() if one[2]}
        if missing := [whole[key][0] for key in trained - parameters.keys()]:
            warnings.append(f"the optimizer does not have {named(sorted(missing))} of the model")
        warnings += without
        if not traced:
            unseen.append(
                "what follows each layer: forward cannot be traced, and only Sequential was looked through"
            )
    title = next((row.path for row in known.rows_for(type(optimizer))), found.name)
    return Audit(title, rows, tuple(notes), tuple(dict.fromkeys(warnings)), tuple(unseen), steps)


def _checked(optimizer: torch.optim.Optimizer, model: Any) -> dict[int, tuple[str, str, bool]]:
    """Return name, kind and whether it is trained of each parameter of the model, by its id."""
    if model is not None and not isinstance(model, nn.Module):
        what = f"model of type {type(model).__name__} with a torch optimizer"
        raise AuditError(f"{what}; allowed: a torch.nn.Module")
    given = [one for group in optimizer.param_groups for one in group["params"]]
    if not given:
        raise AuditError("optimizer without parameters; allowed: one with some")
    everything = [*given, *(model.parameters() if model is not None else ())]
    if any(isinstance(one, nn.parameter.UninitializedParameter) for one in everything):
        raise AuditError("a parameter has no shape yet; allowed: a model that was run once")
    if any(one.is_meta for one in given):
        raise AuditError("a parameter on device 'meta' has no values; allowed: parameters with values")
    whole = {} if model is None else torch_models.kinds_of(model)
    if model is not None and not {id(one) for one in given} & whole.keys():
        raise AuditError("model with none of the optimizer's parameters; allowed: the model that it trains")
    return whole


def _names(
    optimizer: torch.optim.Optimizer, whole: Mapping[int, tuple[str, str, bool]]
) -> tuple[dict[int, str], dict[int, str]]:
    names: dict[int, str] = {}
    kinds: dict[int, str] = {}
    for number, group in enumerate(optimizer.param_groups):
        said = group.get("param_names") or [f"{number}.{place}" for place in range(len(group["params"]))]
        for name, one in zip(said, group["params"], strict=False):
            kind = kind_of(name, one.dim())
            names[id(one)], kinds[id(one)] = whole.get(id(one), (name, kind, True))[:2]
    return names, kinds


def _plans(
    optimizer: torch.optim.Optimizer, schedule: Any, steps: int | None
) -> list[list[dict[str, Any]]] | None:
    """Return the settings to come of each group, with its rates; ``None`` where no plan is given."""
    now = [rate(group) for group in optimizer.param_groups]
    if isinstance(schedule, torch.optim.lr_scheduler.LRScheduler):
        if steps is None:
            raise AuditError("schedule without steps; allowed: steps, the number of steps to come, beside it")
        return scheduled(schedule, optimizer, steps)
    if schedule is None:
        rates = None if steps is None else [[one] * steps for one in now]
    else:
        first = rates_of(schedule, steps)
        rates = [[one / now[0] * step if now[0] else step for step in first] for one in now]
    if rates is None:
        return None
    both = zip(optimizer.param_groups, rates, strict=True)
    return [[{**group, "lr": one} for one in mine] for group, mine in both]


def _defaults(optimizer: torch.optim.Optimizer, found: Found) -> Iterator[str]:
    made_by, rows = type(optimizer), {row.name: row for row in known.rows_for(type(optimizer))}
    for number, group in enumerate(optimizer.param_groups):
        mine = [one for key, one in found.by_key.items() if key[0] == number]
        yield from (f"group {number}: {text}" for text in known.defaults(made_by, rows, group, mine))


def _listed_twice(
    optimizer: torch.optim.Optimizer, names: Mapping[int, str], each: Mapping[int, Finding]
) -> Iterator[str]:
    groups = [Counter(id(one) for one in group["params"]) for group in optimizer.param_groups]
    for key in names:
        where = [str(number) for number, group in enumerate(groups) if key in group]
        times = sum(group[key] for group in groups)
        if len(where) > 1:
            what = "each of them decays it, and its row has what the first does"
            yield f"{names[key]} is in groups {' and '.join(where)}: {what}"
        elif times > 1:
            row = "that" if each[key].share is not None and not each[key].coefficient else "one time"
            what = f"and decayed as often a step: its row has the share of {row}"
            yield f"{names[key]} is listed {times} times in group {where[0]}, {what}"
    shared: dict[tuple[Any, ...], list[str]] = {}
    for one in {id(one): one for group in optimizer.param_groups for one in group["params"]}.values():
        if one.numel() and one.layout == torch.strided:
            shared.setdefault((one.device, one.data_ptr(), one.shape), []).append(names[id(one)])
    for same in shared.values():
        if len(same) > 1:
            yield f"{' and '.join(same)} are one memory in several parameters: each of them decays it"


def _frozen(pulled: Mapping[str, torch.Tensor]) -> Iterator[str]:
    left = [name for name, one in pulled.items() if not one.requires_grad and one.grad is not None]
    if left:
        yield f"{named(left)}: frozen, but an old gradient is left, so steps go on and decay acts"
    zeros = [
        name for name, one in pulled.items()
        if one.requires_grad and one.grad is not None and all_zero(one.grad)
    ]  # fmt: skip
    if zeros:
        yield f"{named(zeros)}: the gradient is zeros and not None, so decay acts alone"


def _without_effect(model: nn.Module, pulled: Mapping[str, torch.Tensor]) -> tuple[list[str], bool]:
    by_id, found = {id(one): name for name, one in pulled.items()}, []
    for one, how, acts in torch_models.parametrised(model):
        if id(one) in by_id and acts is not True:
            name = by_id[id(one)]
            what = "which has no part in the size of the weight: decay acts as a rate only"
            unknown = "whose part in the weight was not tried"
            found.append(f"{name} is an original of {how}, {unknown if acts is None else what}")
    unscaled, traced = torch_models.before_norms(model)
    if names := [by_id[id(one)] for one in unscaled if id(one) in by_id]:
        found.append(f"{named(names)}: {torch_models.TAKEN_OUT}")
    return found, traced
