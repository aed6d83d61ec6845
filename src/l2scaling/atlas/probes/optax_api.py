"""Arguments of optax: steps with and without decay, compared leaf by leaf, in double precision."""

import importlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

jax.config.update("jax_enable_x64", True)

PLACES = ("weight", "bias", "gain")
ZERO = {"optax.lamb", "optax.lars", "optax.contrib.momo", "optax.contrib.momo_adam"}
LEARNT = {"optax.contrib.prodigy", "optax.contrib.dadapt_adamw"}
AVERAGED = {"optax.contrib.schedule_free_adamw", "optax.contrib.schedule_free_sgd"}
COUPLED = {
    "optax.add_decayed_weights", "optax.adadelta", "optax.contrib.madgrad", "optax.contrib.dog",
    "optax.contrib.dowg", "optax.contrib.cocob",
}  # fmt: skip


def _leaves(seed: int, weights: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    shapes = ((weights // 3, 3), (3,), (3,))
    return {name: jnp.asarray(rng.normal(size=shape)) for name, shape in zip(PLACES, shapes, strict=True)}


def _maker(name: str, setting: dict[str, float]) -> Callable[[float], Any]:
    path, _, part = name.partition(":")
    module, _, attribute = path.rpartition(".")
    call, rate = getattr(importlib.import_module(module), attribute), setting["learning_rate"]
    if path == "optax.add_decayed_weights":
        return lambda value: optax.chain(call(value), optax.sgd(rate))
    argument = "weight_decay_rate" if path == "optax.adafactor" else "weight_decay"
    argument = "adam_weight_decay" if part == "others" else argument
    options: dict[str, Any] = {"b1": setting["momentum"]} if path == "optax.novograd" else {}
    if path in LEARNT:  # short memories, so that the corrections of the first steps are over
        options = {"betas": (0.5, 0.5)}
    if path == "optax.lars":
        options = {"trust_coefficient": setting["trust"]}
    if path == "optax.adadelta":  # which keeps its step in one direction as the pull grows
        options = {"eps": 1.0}
    if path == "optax.contrib.galore":
        options = {"rank": 2}
    return lambda value: call(learning_rate=rate, **{argument: value}, **options)


def _updates(optimizer: Any, weights: Any, steps: int, pull: float = 0.0, data: float = 1.0) -> Any:
    state, update = optimizer.init(weights), weights
    run = optax.with_extra_args_support(optimizer)
    for step in range(steps):
        gradient = jax.tree.map(
            lambda g, w: data * g + pull * w, _leaves(100 + step, weights["weight"].size), weights
        )
        extra = {"value": jnp.asarray(1.0), "obj_fn": _objective}
        update, state = run.update(gradient, state, weights, **extra)
    return update


def _objective(weights: Any) -> Any:
    return 0.5 * sum(jnp.sum(one**2) for one in jax.tree.leaves(weights))


def _share(change: Any, weights: Any, leaf: str) -> float:
    return float(jnp.vdot(change[leaf], weights[leaf]) / jnp.vdot(weights[leaf], weights[leaf]))


def _matched(make: Callable[[float], Any], value: float, weights: Any, steps: int) -> float:
    wanted = _updates(make(value), weights, steps)

    def miss(pull: float) -> Any:
        return jax.tree.map(jnp.subtract, _updates(make(0.0), weights, steps, pull), wanted)

    def along(pull: float) -> float:
        missed = miss(pull)
        return sum(float(jnp.vdot(missed[leaf], weights[leaf])) for leaf in PLACES)

    low, high = 0.0, 1.0
    at_low, at_high = along(low), along(high)
    if at_low * at_high >= 0:
        raise ValueError("a pull of 1 is not enough for the step with decay, or any will do")
    for _ in range(60):  # regula falsi, halving the end that stays
        found = (low * at_high - high * at_low) / (at_high - at_low)
        at = along(found)
        if at == 0 or abs(high - low) < 1e-12 * high:
            break
        if at * at_high < 0:
            low, at_low = high, at_high
        else:
            at_low /= 2
        high, at_high = found, at
    largest = max(float(jnp.max(jnp.abs(one))) for one in jax.tree.leaves(wanted))
    if not all(bool(jnp.all(jnp.abs(one) < 1e-7 * largest)) for one in jax.tree.leaves(miss(found))):
        raise ValueError("no pull in the gradient of every leaf gives the step with decay")
    return found


def _learnt(optimizer: Any, weights: Any, rate: float, steps: int) -> dict[str, float]:
    weights, target = weights | {"data": jnp.asarray([3.0, -2.0])}, jnp.asarray([1.0, 1.0])
    state = optimizer.init(weights)
    for _ in range(steps):
        distance = float(state.estim_lr)
        gradient = jax.tree.map(jnp.zeros_like, weights) | {"data": weights["data"] - target}
        update, state = optimizer.update(gradient, state, weights)
        before, weights = weights, optax.apply_updates(weights, update)
    shares = [_share(update, before, leaf) / -rate for leaf in PLACES]
    return dict(zip(("coefficient", "bias", "gain"), shares, strict=True)) | {"distance": distance}


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficients of a matrix, a bias and a gain."""
    path, _, part = name.partition(":")
    rate, steps, make = setting["learning_rate"], int(setting.get("steps", 1)), _maker(name, setting)
    weights = _leaves(0, int(setting["weights"]))
    if path in LEARNT:
        return _learnt(make(value), weights, rate, steps)
    if path in COUPLED:
        pull = _matched(make, value, weights, steps)
        return {"coefficient": pull, "bias": pull, "gain": pull}
    if path in AVERAGED:
        optimizer, zero = make(value), jax.tree.map(jnp.zeros_like, weights)
        state = optimizer.init(weights)
        for _ in range(steps):
            z, y = state.z, weights
            update, state = optimizer.update(zero, state, y)
            weights = optax.apply_updates(y, update)
        taken = jax.tree.map(jnp.subtract, z, state.z)
        shares = [_share(taken, y, leaf) / rate for leaf in PLACES]
    else:
        data = 0.0 if path in ZERO else 1.0
        decayed, bare = (_updates(make(one), weights, steps, data=data) for one in (value, 0.0))
        taken = jax.tree.map(jnp.subtract, bare, decayed)
        shares = [_share(taken, weights, leaf) / rate for leaf in PLACES]
        if part == "others":
            return {"coefficient": shares[1], "bias": shares[1], "gain": shares[2]}
    return dict(zip(("coefficient", "bias", "gain"), shares, strict=True))
