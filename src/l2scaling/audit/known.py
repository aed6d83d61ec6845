"""What the atlas says of a class, and whether steps on a copy agree."""

import inspect
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pkgutil import resolve_name
from typing import Any

from l2scaling.atlas.conventions import REGISTRY, Convention, ConventionError, Usage
from l2scaling.audit.findings import Finding, Reading, momentum_share, momentum_swings

MEASURED = "measured by steps of a copy with zero gradient on small weights"
BY_RULE = "; a rule by size or by step number is not seen"
"""What is said of a class that the atlas does not have."""


def rows_for(made_by: type) -> list[Convention]:
    """Return the rows of the atlas that speak of a class, whatever path it was imported by.

    >>> import torch
    >>> rows_for(torch.optim.AdamW)[0].name
    'torch.optim.AdamW'
    """
    library, found = made_by.__module__.partition(".")[0], []
    for row in REGISTRY:
        paths = [row.path, *row.aliases]
        if any(_leads_to(path, made_by) for path in paths if path.startswith(f"{library}.")):
            found.append(row)
    return found


def name_of(made_by: type) -> str:
    """Return the path of a class, without that of the script that is running.

    >>> import torch
    >>> name_of(torch.optim.LBFGS)
    'torch.optim.lbfgs.LBFGS'
    """
    inside = "" if made_by.__module__ in ("__main__", "builtins") else f"{made_by.__module__}."
    return f"{inside}{made_by.__qualname__}"


def _leads_to(path: str, made_by: type) -> bool:
    if path.rpartition(".")[2] != made_by.__name__:
        return False
    try:
        return issubclass(made_by, resolve_name(path))  # Keras makes one of its own for each backend
    except (ImportError, AttributeError, TypeError):
        return False


def expected(row: Convention, settings: Mapping[str, Any], rate: float) -> Finding | None:
    """Return what a row says of an optimiser with ``settings``, its arguments by name; ``None`` if it
    cannot, because a quantity is missing, a value is not one of a decay, or the stage is another.

    >>> from l2scaling.atlas.conventions import find
    >>> expected(find("torch.optim.AdamW"), {"weight_decay": 0.1}, rate=0.01).share
    0.001
    """
    try:
        usage = Usage(learning_rate=rate)
        coefficient = row.coefficient(float(settings[row.argument] or 0.0), usage)
    except (ConventionError, KeyError, TypeError, ValueError):
        return None
    constant = row.counts.get("learning_rate") == -1
    share = rate * coefficient
    if coefficient == 0:
        return Finding(rate=rate, row=row.name)
    if row.family == "decoupled" or (row.family == "l2" and row.stage == "beside the step"):
        return Finding(rate, coefficient, 0.0, share, share, 1, coefficient, constant, row=row.name)
    if row.family == "l2" and row.stage == "before the preconditioner":
        return Finding(rate, 0.0, coefficient, None, None, 1, None, row=row.name)
    if row.family == "l2" and row.stage == "before momentum" and "sgd" in row.optimizers:
        momentum, dampening = (float(settings.get(name) or 0.0) for name in ("momentum", "dampening"))
        nesterov = bool(settings.get("nesterov"))
        share = momentum_share(rate, coefficient, momentum, dampening, nesterov=nesterov)
        first = rate * coefficient * (1 + momentum * nesterov)
        per_rate = coefficient * ((1 - dampening) / (1 - momentum) if momentum else 1.0)
        swings = momentum_swings(rate, coefficient, momentum, dampening, nesterov=nesterov)
        return Finding(rate, 0.0, coefficient, first, share, 1, per_rate, row=row.name, swings=swings)
    return None


def over(rows: Sequence[Convention], said: Finding, settings: Sequence[Mapping[str, Any]]) -> Finding:
    """Return a finding of a row over a plan, the settings of each step with its ``"lr"``.

    Its share is that of the step with the largest rate; κ is the sum of the shares of all.

    >>> from l2scaling.atlas.conventions import find
    >>> row, plan = find("torch.optim.SGD"), [{"lr": 0.1, "weight_decay": one} for one in (0.1, 0.2)]
    >>> round(over([row], expected(row, plan[0], 0.1), plan).total, 9)
    0.03
    """
    row = next(one for one in rows if one.name == said.row)
    by_step: dict[tuple[Any, ...], Finding | None] = {}
    shares: list[float | None] = []
    for one in settings:
        key = tuple(one.get(name) for name in ("lr", row.argument, "momentum", "dampening", "nesterov"))
        if key not in by_step:
            by_step[key] = expected(row, one, one["lr"])
        step = by_step[key]
        shares.append(step.share if step else None)
    most = max(settings, key=lambda one: float(one["lr"]))
    peak = expected(row, most, most["lr"])
    if peak is None or None in shares:
        return said
    kept = [one for one in shares[said.every - 1 :: said.every] if one is not None]
    wall = 1 / peak.decay if peak.decay and said.wall else None
    swings = any(one is not None and one.swings for one in by_step.values())
    return replace(peak, every=said.every, wall=wall, total=math.fsum(kept), swings=swings)


def agrees(finding: Finding, reading: Reading, slack: float = 1e-12) -> bool:
    """Say whether steps on a copy showed what a row says: the first share, to a millionth and ``slack``.

    A pull that a preconditioner rescales must show no fixed share, or another than ηc: that of a pull which
    the preconditioner's ε outweighs.

    >>> agrees(Finding(0.1, 0.2, share=0.02, first=0.02), Reading(0.02, 0.02, 1, settled=True))
    True
    """
    if finding.share is None or finding.first is None:
        straight = (finding.rate or 0.0) * finding.coefficient
        return reading.share is None or not math.isclose(reading.share, straight, rel_tol=1e-3)
    if reading.first is None:
        return False
    return abs(finding.first - reading.first) <= 1e-6 * abs(finding.first) + slack


def chosen(
    rows: Sequence[Convention], settings: Mapping[str, Any], rate: float, wanted: float, reading: Reading,
    *, wall: bool, slack: float = 1e-12,
) -> Finding | None:  # fmt: skip
    """Return what the first of ``rows`` says that agrees with a reading at ``rate``, stated at ``wanted``.

    ``wall`` says that steps have one size whatever the gradient. ``None`` where no row agrees.

    >>> from l2scaling.atlas.conventions import find
    >>> reading, row = Reading(0.001, 0.001, 1, settled=True), find("torch.optim.AdamW")
    >>> chosen([row], {"weight_decay": 0.1}, 0.01, 0.02, reading, wall=True).share
    0.002
    """
    for row in rows:
        said = expected(row, settings, rate)
        if said and agrees(said, reading, slack):
            said = expected(row, settings, wanted) or said
            return replace(said, every=reading.every, wall=1 / said.decay if said.decay and wall else None)
    return None


def defaults(
    made_by: type, rows: Mapping[str, Convention], settings: Mapping[str, Any], found: Iterable[Finding]
) -> Iterator[str]:
    """Tell of arguments with which something decays and that have their default value."""
    signature = inspect.signature(made_by).parameters
    for row in dict.fromkeys(one.row for one in found if one.decays and (one.decay or one.coefficient)):
        argument = rows[row].argument if row in rows else "weight_decay"
        default = rows[row].default if row in rows else getattr(signature.get(argument), "default", None)
        if isinstance(default, float | int) and default and settings.get(argument) == default:
            yield f"{argument} = {default:g} is the default, which decays unless told not to"
