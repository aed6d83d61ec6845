"""The audit of a transform of Optax with its parameters: nothing of it can be read, so it is measured."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np

from l2scaling import frameworks
from l2scaling.atlas.conventions import ConventionError, find
from l2scaling.audit.findings import Finding, Reading, bounded, read
from l2scaling.audit.plans import rates_of
from l2scaling.audit.report import Audit, AuditError, Weight, general_warnings, rows_of
from l2scaling.audit.weights import kind_of, sum_squares

LONG = 64
"""Steps on few small weights: enough to see a decay once in 32, or a momentum of 0.9 build up."""
_VALUES = np.array([1.0, 2.0, -1.0, -0.5], np.float32)
_UNSEEN = (
    "a penalty that the script adds to the loss",
    "which leaves get no gradient: one that is stopped is a gradient of zeros, and decay acts on it",
)
_ALIASES = {"scale_by_adam": "optax.adamw", "scale_by_lion": "optax.lion"}


def audit_optax(transform: Any, params: Any, schedule: Any, steps: int | None, dtype: str | None) -> Audit:
    """Audit a transform of Optax; see ``l2scaling.audit.audit``.

    Each leaf of ``params`` is replaced by a few small weights, of as many axes, and stepped. η is the length
    of a step with a gradient of 1, or the rate that ``schedule`` gives; κ is summed over ``steps`` steps, with
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
        found, kappas = _findings(small, list(named.items()), parts, rate, steps)
    except AuditError:
        raise
    except Exception as error:  # of any kind: a chain may hold anything
        reason = " ".join(str(error).split())[:200]
        raise AuditError(f"the transform refuses params ({reason}); allowed: the tree that it is for") from None
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
    warnings = [*general_warnings(rows, dtype), *_from_parts(parts)]
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
    if not inside and not flat:
        yield getattr(update, "__qualname__", type(update).__name__).partition(".")[0], given
    for one in [*(part.update for part in inside), *flat]:
        yield from parts_of(one)


@dataclass(frozen=True)
class Small:
    """A transform, and in the shape of its parameters' tree a few small weights for each leaf.

    Leaves that are not kept are ``None`` in the tree, which masks and labels pass over.
    """

    jax: ModuleType
    transform: Any
    params: Any

    def run(self, kept: Sequence[int], scale: float, gradient: float, steps: int) -> list[np.ndarray]:
        """Return for each leaf that is kept what each step took of its weights, shape ``(steps, n)``."""
        weights, gradients = self._tree(kept, scale), self._tree(kept, None, gradient)
        state, seen = self.transform.init(weights), []
        for _ in range(steps):
            updates, state = self.transform.update(gradients, state, weights)
            seen.append(self._shares(kept, updates, weights))
            weights = self.jax.tree_util.tree_map(lambda one, step: one + step, weights, updates)
        return [np.stack([np.asarray(one) for one in leaf]) for leaf in zip(*seen, strict=True)]

    def summed(self, kept: Sequence[int], steps: int) -> list[float]:
        """Return for each leaf that is kept the sum of the shares of many steps, from weights that stay."""
        weights, gradients = self._tree(kept, 1.0), self._tree(kept, None, 0.0)

        def step(state: Any, _: None) -> tuple[Any, list[Any]]:
            updates, state = self.transform.update(gradients, state, weights)
            return state, [one[0] for one in self._shares(kept, updates, weights)]

        _, shares = self.jax.lax.scan(step, self.transform.init(weights), None, length=steps)
        return [float(np.sum(np.asarray(one), dtype=float)) for one in shares]

    def _shares(self, kept: Sequence[int], updates: Any, weights: Any) -> list[Any]:
        structure = self.jax.tree_util.tree_structure(self.params)
        moved, before = (structure.flatten_up_to(one) for one in (updates, weights))
        return [-(moved[place] / before[place]).reshape(-1) for place in kept]

    def _tree(self, kept: Sequence[int], scale: float | None, fill: float = 0.0) -> Any:
        leaves, structure = self.jax.tree_util.tree_flatten(self.params)
        made: list[Any] = [None] * len(leaves)
        for place in kept:
            axes = len(leaves[place].shape)
            shape = [2] * min(axes, 2) + [1] * max(axes - 2, 0)
            values = _VALUES[: 2 ** min(axes, 2)].reshape(shape)
            made[place] = self.jax.numpy.asarray(np.full_like(values, fill) if scale is None else scale * values)
        return structure.unflatten(made)


def _findings(
    small: Small, named: Sequence[tuple[str, Any]], parts: Sequence[tuple[str, dict[str, Any]]],
    rate: float | None, steps: int | None,
) -> tuple[list[Finding], list[float | None]]:  # fmt: skip
    """Return what decays each leaf, and its κ: a few steps of all tell which leaves fare alike."""
    everything = range(len(named))
    first = small.run(everything, 1.0, 0.0, 3)
    if not any(np.abs(one).max() > 0 for one in first):  # nothing yet, as in accumulation
        first = small.run(everything, 1.0, 0.0, max(8, min(LONG, 2000 // len(named))))
    alike: dict[tuple[Any, ...], list[int]] = {}
    for place, (name, one) in enumerate(named):
        key = (kind_of(name, len(one.shape)), len(one.shape), first[place].tobytes())
        alike.setdefault(key, []).append(place)
    kept = [places[0] for places in alike.values()]
    long = [first[place] for place in kept]
    if any(not _is_plain(one) for one in long):
        long = small.run(kept, 1.0, 0.0, LONG)
    readings = [read(one) for one in long]
    lag = max((int(np.flatnonzero(np.abs(one).max(axis=1))[0]) for one in long if np.abs(one).max() > 0), default=0)
    pushed = {
        (scale, size): small.run(kept, scale, size, lag + 1) for scale in (1.0, 2.0) for size in (0.0, 1.0, 2.0)
    }
    given = next((one["weight_decay"] for _, one in parts if isinstance(one.get("weight_decay"), float)), 0.0)
    summed = small.summed(kept, steps) if steps else []
    found: list[Finding] = [Finding()] * len(named)
    kappas: list[float | None] = [None] * len(named)
    for number, places in enumerate(alike.values()):
        steps_of = {key: one[number][lag] for key, one in pushed.items()}
        one = _finding(readings[number], steps_of, rate, given)
        for place in places:
            found[place] = one
            kappas[place] = summed[number] if summed and one.share is not None else None
    return found, kappas


def _is_plain(shares: np.ndarray) -> bool:
    return bool(np.allclose(shares[0], shares, rtol=1e-5)) and bool(np.abs(shares).max() > 0)


def _finding(
    reading: Reading, steps: dict[tuple[float, float], np.ndarray], rate: float | None, given: float
) -> Finding:
    """Turn shares, and those of a step with gradients of 0, 1 and 2 on weights of two sizes, into a finding."""
    signed = np.concatenate([_VALUES[: len(steps[1.0, 0.0])] * scale for scale in (1.0, 2.0)])
    taken = [np.concatenate([steps[scale, size] for scale in (1.0, 2.0)]) for size in (0.0, 1.0, 2.0)]
    after = [signed * (1 - one) for one in taken]
    length = float(np.abs(after[1] - after[0]).mean())
    rate = rate or length or None
    share, first = reading.share, reading.first
    if share is not None and np.ptp(taken[0]) > 1e-4 * abs(float(taken[0].mean())) + 1e-13:
        share = None  # weights of another size lose another share
    if share is None or first is None:
        return Finding(rate, 0.0, given, None, None, reading.every, None)
    if not share or not rate:
        return Finding(rate, share=share, first=first, every=reading.every)
    if not np.isclose(first, share, rtol=1e-3):
        return Finding(rate, 0.0, first / rate, first, share, reading.every, None)
    wall = length / share if bounded(*after) and share > 0 else None
    return Finding(rate, share / rate, 0.0, first, share, reading.every, None, wall=wall)


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
