"""What a torch optimiser does to its tensors: by the atlas if steps on a copy agree, else as measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch

from l2scaling.atlas.conventions import Convention, find
from l2scaling.audit import known
from l2scaling.audit.findings import Finding, Reading, bounded, measured, read, shares_of
from l2scaling.audit.torch_copies import Copy, Key, rate

FEW, MANY = 12, 300
"""Steps on a copy: enough to tell a fixed share from none, and to see one settle that builds up."""


def keys_of(optimizer: torch.optim.Optimizer, kinds: Mapping[int, str]) -> dict[int, Key]:
    """Return the key of each parameter, by its id; ``kinds`` are theirs.

    >>> weight = torch.nn.Parameter(torch.ones(2, 3))
    >>> list(keys_of(torch.optim.SGD([weight]), {id(weight): "matrices"}).values())
    [(0, 'matrices', 2)]
    """
    found: dict[int, Key] = {}
    for number, group in enumerate(optimizer.param_groups):
        for one in group["params"]:
            found.setdefault(id(one), (number, kinds[id(one)], one.dim()))
    return found


class Steps:
    """Steps of copies of an optimiser: what they take from weights, at its rates and at half of them."""

    def __init__(self, optimizer: torch.optim.Optimizer, keys: Mapping[int, Key]) -> None:
        self._made = lambda slower=1.0: Copy(optimizer, keys, slower)
        self.still = self._made().step(FEW)
        self.readings = {key: read(shares_of(one)) for key, one in self.still.items()}
        pushed = [self._made().step(1, size) for size in (1.0, 2.0)]
        self.bounded = {
            key: bounded(one[1], *(push[key][1] for push in pushed)) for key, one in self.still.items()
        }

    def long(self, slower: float) -> dict[Key, Reading]:
        """Read a long run, for which ``MANY`` steps are made where a share has not settled after ``FEW``."""
        few = {key: read(shares_of(one)) for key, one in self._made(slower).step(FEW).items()}
        if all(one.settled for one in few.values()):
            return few
        return {key: read(shares_of(one)) for key, one in self._made(slower).step(MANY).items()}

    @cached_property
    def idle(self) -> bool:
        """Whether weights stay whose gradient is ``None``, as they do where steps refuse it."""
        try:
            stepped = self._made().step(1, None)
        except Exception:  # of a class that nobody here has seen
            return True
        return all(bool((one[0] == one[1]).all()) for one in stepped.values())


@dataclass(frozen=True)
class Found:
    """What decays the tensors of each key, how that is known, warnings, and whether a weight without a
    gradient stays where it is."""

    name: str
    by_key: dict[Key, Finding]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    idle_without_gradient: bool = True


def findings(
    optimizer: torch.optim.Optimizer, keys: Mapping[int, Key], rates: Sequence[float] | None = None,
    settings: Sequence[Sequence[Mapping[str, Any]]] | None = None,
) -> Found:  # fmt: skip
    """Find what decays the tensors of each key.

    ``rates`` are those to state shares at, one a group; the present ones if not given. ``settings`` are those
    of each step to come, for each group: a schedule may change momentum along with the rate. A row of the
    atlas holds where steps with zero gradient on a copy agree with it, else what they showed.

    >>> weight = torch.nn.Parameter(torch.ones(3))
    >>> optimizer = torch.optim.AdamW([weight], lr=0.01)
    >>> found = findings(optimizer, keys_of(optimizer, {id(weight): "biases"}))
    >>> found.by_key[0, "biases", 1].share, found.notes
    (0.0001, ('torch.optim.AdamW: w *= 1 − ηλ (atlas; steps of a copy agree)',))
    """
    made_by = type(optimizer)
    rows, name = known.rows_for(made_by), known.name_of(made_by)
    wanted = rates or [rate(group) for group in optimizer.param_groups]
    try:
        steps = Steps(optimizer, keys)
    except Exception as error:  # of a class that nobody here has seen
        return _unmeasured(optimizer, set(keys.values()), rows, wanted, f"{type(error).__name__}: {error}")
    found: dict[Key, Finding] = {}
    planned: dict[tuple[int, Finding], Finding] = {}
    for key, reading in steps.readings.items():
        group = optimizer.param_groups[key[0]]
        wanted_rate, wall = wanted[key[0]], steps.bounded[key]
        said = known.chosen(rows, group, rate(group), wanted_rate, reading, wall=wall)
        if said:
            if settings and (key[0], said) not in planned:  # kinds of one group mostly fare alike
                planned[key[0], said] = known.over(rows, said, settings[key[0]])
            found[key] = planned.get((key[0], said), said)
    confirmed = sorted({one.row for one in found.values()})
    notes = [f"{one}: {find(one).formula} (atlas; steps of a copy agree)" for one in confirmed]
    warnings = [] if steps.idle else [f"{name} moves weights whose gradient is None"]
    if rest := steps.readings.keys() - found.keys():
        fast, slow = steps.long(1.0), steps.long(0.5)
        told = ", which the atlas does not foretell" if rows else known.BY_RULE
        notes.append(f"{name}: {known.MEASURED}{told}")
        for key in sorted(rest):
            now = rate(optimizer.param_groups[key[0]])
            one = measured(fast[key], slow[key], now, wall=steps.bounded[key])
            found[key] = one.at(wanted[key[0]]) if wanted[key[0]] else one
            if one.decays and settings and (other := _cycled(settings[key[0]])):
                found[key] = replace(found[key], per_rate=None, constant=False)
                warnings.append(
                    f"group {key[0]}, {key[1]}: the schedule changes {other} too, and the share was measured "
                    "with its present value"
                )
            if not fast[key].settled:
                warnings.append(
                    f"group {key[0]}, {key[1]}: the share still changes after {MANY} steps: "
                    f"{one.first:.3g} in the first, {one.share:.3g} in the last"
                )
    return Found(name, found, tuple(notes), tuple(warnings), steps.idle)


def _cycled(settings: Sequence[Mapping[str, Any]]) -> str:
    """Name what a schedule changes besides the learning rate."""
    names = ("momentum", "betas", "weight_decay")
    changed = [one for one in names if one in settings[0]]
    return " and ".join(one for one in changed if any(step[one] != settings[0][one] for step in settings))


def _unmeasured(
    optimizer: torch.optim.Optimizer, keys: set[Key], rows: Sequence[Convention], rates: Sequence[float],
    why: str,
) -> Found:  # fmt: skip
    """Fall back on the atlas alone, or on nothing."""
    made_by, found = type(optimizer), {}
    name = known.name_of(made_by)
    if (
        not rows
        and made_by.__module__.startswith("torch.optim.")
        and "weight_decay" not in optimizer.defaults
    ):
        none = {key: Finding(rates[key[0]]) for key in keys}
        return Found(name, none, (f"{name} has no decay",), ())
    for key in keys:
        said = known.expected(rows[0], optimizer.param_groups[key[0]], rates[key[0]]) if rows else None
        found[key] = said or Finding(rates[key[0]], first=None, share=None, per_rate=None)
    notes = tuple(
        f"{one}: {find(one).formula} (atlas)" for one in sorted({one.row for one in found.values()}) if one
    )
    what = f"{name} could not be stepped on a copy ({' '.join(why.split())})"
    return Found(name, found, notes, (what if notes else f"{what}: what it decays is not known",))
