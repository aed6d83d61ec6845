"""The audit of a transform of Optax with its parameters: nothing of it can be read, so it is measured."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from l2scaling import frameworks
from l2scaling.atlas.conventions import ConventionError, find
from l2scaling.audit.findings import Finding, read
from l2scaling.audit.plans import rates_of
from l2scaling.audit.report import Audit, AuditError, Weight, general_warnings, rows_of
from l2scaling.audit.report import named as listed
from l2scaling.audit.weights import SMALL, kind_of, small, sum_squares

LONG = 64
"""Steps on few small weights: enough to see a decay once in 32, or a momentum of 0.9 build up."""
EAGER = 40
"""Leaves of a tree up to which its step is compiled at once."""
_VALUES = np.array(SMALL, np.float32)
_GRADIENTS = np.array([1.0, 2.0, 1.0, 2.0], np.float32)
_UNSEEN = (
    "a penalty that the script adds to the loss",
    "which leaves get no gradient: one that is stopped is a gradient of zeros, and decay acts on it",
)
_WRAPS = ("chain", "with_extra_args_support", "masked")
_ALIASES = {"scale_by_adam": "optax.adamw", "scale_by_lion": "optax.lion"}


def audit_optax(transform: Any, params: Any, schedule: Any, steps: int | None, dtype: str | None) -> Audit:
    """Audit a transform of Optax; see ``l2scaling.audit.audit``.

    Each leaf of ``params`` is replaced by a few small weights, of as many axes, and stepped. η is the length
    of a step with a gradient of 1, or the rate that ``schedule`` gives; κ is summed over ``steps``, with
    whatever schedule the transform has.

    >>> optax = frameworks.load("optax")
    >>> params = {"kernel": np.ones((3, 2), np.float32)}
    >>> row = audit_optax(optax.adamw(0.01, weight_decay=0.1), params, None, 100, None).rows[0]
    >>> round(row.share, 9), round(row.decay, 6), round(row.wall, 4), round(row.kappa, 6)
    (0.001, 0.1, 10.0, 0.1)
    """
    jax = frameworks.load("jax")
    paths, _ = jax.tree_util.tree_flatten_with_path(params)
    named = {jax.tree_util.keystr(path, simple=True, separator="/"): one for path, one in paths}
    if not named:
        raise AuditError("a transform of Optax without params; allowed: the tree of parameters beside it")
    for name, one in named.items():
        if not hasattr(one, "dtype") or not hasattr(one, "shape"):
            raise AuditError(f"params has {name} of type {type(one).__name__}; allowed: arrays as leaves")
    rate = None if schedule is None else rates_of(schedule, steps)[0]
    parts = list(parts_of(transform.update))
    try:
        small = Small(jax, transform, params)
        found, kappas, troubles = _findings(small, list(named.items()), parts, rate, steps)
    except AuditError:
        raise
    except Exception as error:  # of any kind: a chain may hold anything
        reason = " ".join(str(error).split())[:200]
        raise AuditError(
            f"the transform refuses params ({reason}); allowed: the tree that it is for"
        ) from None
    weights = [
        Weight("all", name, kind_of(name, len(one.shape)), int(np.prod(one.shape)), sum_squares(one),
               str(one.dtype), finding)
        for (name, one), finding in zip(named.items(), found, strict=True)
    ]  # fmt: skip
    rows = rows_of(weights, {})
    if steps is not None:
        by_name = dict(zip(named, kappas, strict=True))
        rows = tuple(replace(row, kappa=by_name[row.names[0]]) for row in rows)
    names = [name for name, _ in parts]
    notes = ("measured by steps with zero gradient on small weights in the same tree",)
    warnings = [*general_warnings(rows, dtype), *_from_parts(parts), *troubles]
    return Audit(f"optax: {', '.join(names)}", rows, notes, tuple(warnings), _UNSEEN, steps)


def parts_of(update: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the names of the transforms that a chain is made of, in order, and what each was given.

    >>> optax = frameworks.load("optax")
    >>> [name for name, _ in parts_of(optax.adamw(0.1).update)]
    ['scale_by_adam', 'add_decayed_weights', 'scale']
    """
    held = getattr(update, "__self__", None)
    if (inner := getattr(held, "_opt", None)) is not None:  # as MultiSteps has it
        yield type(held).__name__, {}
        yield from parts_of(inner.update)
        return
    update = getattr(update, "__func__", update)
    code, cells = getattr(update, "__code__", None), getattr(update, "__closure__", None) or ()
    given = dict(zip(code.co_freevars, (one.cell_contents for one in cells), strict=True)) if code else {}
    inside = [
        part for one in given.values()
        for part in (one if isinstance(one, tuple) and not hasattr(one, "update") else (one,))
        if hasattr(part, "update") and hasattr(part, "init")
    ]  # fmt: skip
    functions = [one for name, one in given.items() if name in ("update_fns", "update_fn", "inner_update")]
    flat = [part for one in functions for part in (one if isinstance(one, tuple) else (one,))]
    name = getattr(update, "__qualname__", type(update).__name__).partition(".")[0]
    if name not in _WRAPS or not (inside or flat):
        yield name, given
    for one in [*(part.update for part in inside), *flat]:
        yield from parts_of(one)


class Small:
    """A transform, and in the shape of its parameters' tree a few small weights for each leaf.

    Leaves that are not kept are ``None`` in the tree, which masks and labels pass over.
    """

    def __init__(self, jax: ModuleType, transform: Any, params: Any) -> None:
        self.jax, self.transform, self.params = jax, transform, params
        self.structure = jax.tree_util.tree_structure(params)
        self._compiled = jax.jit(self._step)

    def run(
        self, kept: Sequence[int], scale: float, gradient: float, steps: int, *, compiled: bool = True
    ) -> list[np.ndarray]:
        """Return for each leaf that is kept what each step took of its weights, shape ``(steps, n)``."""
        weights, gradients = self._tree(kept, scale), self._tree(kept, None, gradient)
        state, seen = self.transform.init(weights), []
        for _ in range(steps):
            one = (self._compiled if compiled else self._step)(gradients, state, weights)
            shares, state, weights = one
            seen.append([np.asarray(share).reshape(-1) for share in self._leaves(kept, shares)])
        return [np.stack(leaf) for leaf in zip(*seen, strict=True)]

    def planned(self, kept: Sequence[int], steps: int) -> list[np.ndarray]:
        """Return for each leaf that is kept the share of each of many steps, from weights that stay."""
        weights, gradients = self._tree(kept, 1.0), self._tree(kept, None, 0.0)

        def step(state: Any, _: None) -> tuple[Any, list[Any]]:
            shares, state, _ = self._step(gradients, state, weights)
            return state, [one.reshape(-1)[0] for one in self._leaves(kept, shares)]

        _, shares = self.jax.lax.scan(step, self.transform.init(weights), None, length=steps)
        return [np.asarray(one, dtype=float) for one in shares]

    def _step(self, gradients: Any, state: Any, weights: Any) -> tuple[Any, Any, Any]:
        over = self.jax.tree_util.tree_map
        updates, state = self.transform.update(gradients, state, weights)
        where = self.jax.numpy.where  # of a weight that is gone, all of it is
        shares = over(lambda step, one: where((step == 0) & (one == 0), 1.0, -step / one), updates, weights)
        return shares, state, over(lambda one, step: one + step, weights, updates)

    def _leaves(self, kept: Sequence[int], tree: Any) -> list[Any]:
        leaves = self.structure.flatten_up_to(tree)
        return [leaves[place] for place in kept]

    def _tree(self, kept: Sequence[int], scale: float | None, fill: float = 0.0) -> Any:
        leaves = self.jax.tree_util.tree_leaves(self.params)
        made: list[Any] = [None] * len(leaves)
        for place in kept:
            values = fill * _GRADIENTS if scale is None else scale * _VALUES
            made[place] = self.jax.numpy.asarray(small(len(leaves[place].shape), values))
        return self.structure.unflatten(made)


def _findings(
    small: Small, named: Sequence[tuple[str, Any]], parts: Sequence[tuple[str, dict[str, Any]]],
    rate: float | None, steps: int | None,
) -> tuple[list[Finding], list[float | None], list[str]]:  # fmt: skip
    """Return what decays each leaf, and its κ: a few steps of all tell which leaves fare alike."""
    everything = range(len(named))
    # many leaves take longer to compile than to step a few times
    compiled = len(named) <= EAGER or parts[0][0] == "MultiSteps"
    first = small.run(everything, 1.0, 0.0, 3, compiled=compiled)
    if not any(np.abs(one).max() > 0 for one in first):  # nothing yet, as in accumulation
        more = LONG if compiled else 8
        first = small.run(everything, 1.0, 0.0, more, compiled=compiled)
    alike: dict[tuple[Any, ...], list[int]] = {}
    for place, (name, one) in enumerate(named):
        key = (kind_of(name, len(one.shape)), len(one.shape), first[place].tobytes())
        alike.setdefault(key, []).append(place)
    kept = [places[0] for places in alike.values()]
    long = [first[place] for place in kept]
    if not all(np.allclose(one[0], one, rtol=1e-5) for one in long):
        long = small.run(kept, 1.0, 0.0, LONG)
    lag = max((int(np.flatnonzero(one.any(axis=1))[0]) for one in long if one.any()), default=0)
    sizes = [(scale, size) for scale in (1.0, 2.0) for size in (0.0, 1.0, 2.0)]
    pushed = {key: small.run(kept, *key, lag + 1) for key in sizes}
    planned = small.planned(kept, steps) if steps else [None] * len(kept)
    found: list[Finding] = [Finding()] * len(named)
    kappas: list[float | None] = [None] * len(named)
    infinite: list[str] = []
    linked: list[str] = []
    swung: list[str] = []
    scheduled = "scale_by_schedule" in [part for part, _ in parts]
    moment = "trace" in [part for part, _ in parts]
    for places, shares, *one in zip(alike.values(), long, planned, *pushed.values(), strict=True):
        ahead, last = one[0], dict(zip(sizes, (taken[lag] for taken in one[1:]), strict=True))
        finding = _finding(shares, ahead, last, rate, parts)
        names = [named[place][0] for place in places]
        if not np.isfinite(shares).all():
            infinite += names
        elif (
            finding.share
            and not (moment or finding.swings)
            and ahead is not None
            and not _follows(shares, ahead)
        ):
            linked += names
        elif finding.share is None and _swung(shares, [part for part, _ in parts]):
            swung += names
        for place in places:
            found[place] = finding
            kappas[place] = None if ahead is None or finding.share is None else float(ahead.sum())
            if finding.swings and finding.share is not None:
                kappas[place] = None if steps is None or scheduled else finding.share * steps
    warnings = []
    if infinite:
        what = "steps with zero gradient are not finite, so that what decays is not known"
        warnings.append(f"{listed(infinite)}: {what}")
    if swung:
        what = (
            "momentum makes weights swing about zero while a schedule changes the rate, so that there is no"
        )
        warnings.append(f"{listed(swung)}: {what} fixed share")
    if linked:
        what = "a share depends on those before it, so that there is no one half-life"
        warnings.append(f"{listed(linked)}: {what}")
    return found, kappas, warnings


def _finding(
    shares: np.ndarray, planned: np.ndarray | None, last: dict[tuple[float, float], np.ndarray],
    rate: float | None, parts: Sequence[tuple[str, dict[str, Any]]],
) -> Finding:  # fmt: skip
    """Turn shares into a finding, and those of steps with gradients of 0, 1, 2 on weights of two sizes."""
    names, reading = [name for name, _ in parts], read(shares)
    count, share, first = len(last[1.0, 0.0]), reading.share, reading.first
    sizes = np.abs(np.concatenate([_VALUES[:count], 2 * _VALUES[:count]]))
    still, once, twice = (np.concatenate([last[1.0, size], last[2.0, size]]) for size in (0.0, 1.0, 2.0))
    step, one_size = _rate(np.abs(once - still) * sizes, np.abs(twice - still) * sizes)
    step = rate or step
    if share is not None and not reading.swings and np.ptp(still) > 1e-4 * abs(float(still.mean())) + 1e-13:
        share = None  # weights of another size lose another share
    given = [one["weight_decay"] for name, one in parts if name == "add_decayed_weights"]
    pull = float(given[0]) if len(given) == 1 and isinstance(given[0], float) else 0.0
    if not np.isfinite(shares).all():
        pull = 0.0
    if _swung(shares, names):
        return Finding(step, 0.0, pull, None, None, reading.every, None)
    if share is None or first is None:
        return Finding(rate, 0.0, pull, None, None, reading.every, None)
    if not share:
        return Finding(rate)
    if reading.swings:  # before the weights that are left are compared: each swings in its own time
        return Finding(step, 0.0, first / step if step else pull, first, share, 1, None, swings=True)
    if step and "trace" in names and not np.isclose(first, share, rtol=1e-3):  # a momentum
        return Finding(step, 0.0, first / step, first, share, reading.every, None)
    now = float(still.mean())
    if pull and share > 0:  # what the chain was given, where a step is no measure of η
        step = now / pull
    if not step:
        return Finding(None, share=share, first=first, every=reading.every)
    decay = now / step
    if planned is not None and _follows(shares, planned):
        share = float(planned.max()) if share > 0 else float(planned.min())
        step = share / decay
    wall = 1 / decay if one_size and share > 0 else None
    return Finding(step, decay, 0.0, first, share, reading.every, None, wall=wall)


def _rate(once: np.ndarray, twice: np.ndarray) -> tuple[float | None, bool]:
    """Return η and whether steps have one length, from those for gradients of ``_GRADIENTS`` and twice these:
    η itself, or η times the gradient; ``None`` where they are neither."""
    pattern = np.tile(_GRADIENTS[: len(once) // 2], 2)
    if np.ptp(once) <= 1e-2 * once.mean() and np.allclose(once, twice, rtol=1e-2):
        return float(once.mean()) or None, True
    linear = once / pattern
    if np.ptp(linear) <= 1e-2 * linear.mean() and np.allclose(2 * once, twice, rtol=1e-2):
        return float(linear.mean()), False
    return None, False


def _swung(shares: np.ndarray, names: Sequence[str]) -> bool:
    """Say whether momentum carries weights about zero at shares that change from step to step."""
    if "trace" not in names or not np.isfinite(shares).all() or not shares.min() < 0 < shares.max():
        return False
    reading = read(shares)
    return not (reading.swings or reading.settled)


def _follows(shares: np.ndarray, planned: np.ndarray) -> bool:
    """Say whether shares are those of weights that stay, so that only a schedule changes them."""
    both = min(len(shares), len(planned))
    return bool(np.allclose(shares[:both, 0], planned[:both], rtol=1e-2, atol=1e-12))


def _from_parts(parts: Sequence[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    names = [name for name, _ in parts]
    decayed = names.index("add_decayed_weights") if "add_decayed_weights" in names else len(names)
    if "scale_by_trust_ratio" in names[decayed:]:
        yield "decay stands in a trust ratio: its share holds where the gradient is zero, and not elsewhere"
    for part, alias in _ALIASES.items():
        try:
            default = find(alias).default
        except ConventionError:  # not in this atlas
            continue
        if part in names[:decayed] and default in [one.get("weight_decay") for _, one in parts]:
            yield f"weight_decay = {default:g} is the default of {alias}, which decays unless told not to"
            return
