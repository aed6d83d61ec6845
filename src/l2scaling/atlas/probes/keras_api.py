"""Arguments of Keras on its torch backend: regularizers and optimisers in a model that really trains.

The loss is linear in every weight, so that its gradients do not depend on them, and what a penalty or a
decay adds to a step is the difference to the same step without.
"""

import os

os.environ["KERAS_BACKEND"] = "torch"

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

keras.config.set_floatx("float64")

_STILL = {
    "Adafactor",
    "Lamb",
}  # their updates depend on the weight: only a gradient of zero shows decay alone
_OPTIONS: dict[str, dict[str, float]] = {"Muon:weight_decay": {"adam_weight_decay": 0.0},
                                         "Muon:adam_weight_decay": {"weight_decay": 0.0}}  # fmt: skip


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficients of a kernel, a bias and a gain, of the family that the row is in."""
    kind = name.rpartition(".")[2]
    if ".regularizers." in name:
        return _penalty(kind, value, setting)
    if kind.startswith("Ftrl:l"):
        names = {"coefficient": "kernel", "bias": "bias"}
        return {key: _followed(kind.partition(":")[2], value, setting, one) for key, one in names.items()}
    if "gradient_norm" in setting:
        return _late(kind.partition(":")[0], value, setting)
    return _decay(kind, value, setting)


def _model(
    optimizer: Any, setting: dict[str, float], regularizer: Any = None, *, still: bool = False
) -> tuple[Any, list[Any]]:
    features, outputs = int(setting["features"]), int(setting["outputs"])
    wide, normal = keras.Input((features,)), keras.Input((4,))
    dense = keras.layers.Dense(outputs, kernel_regularizer=regularizer, name="dense")(wide)
    gains = keras.layers.LayerNormalization(name="norm")(normal)
    model = keras.Model([wide, normal], keras.layers.Concatenate()([dense, gains]))
    rng = np.random.default_rng(0)
    scale = setting.get("weight_rms", 1.0)
    for one in model.trainable_variables:
        one.assign(scale * rng.uniform(0.5, 2.0, one.shape) * rng.choice([-1.0, 1.0], one.shape))
    batch = int(setting["batch_size"])
    data = [rng.normal(size=(batch, features)) + 0.5, rng.normal(size=(batch, 4))]
    slopes = rng.normal(size=(batch, outputs + 4)) * (not still)

    def linear(slope: Any, predicted: Any) -> Any:
        return keras.ops.mean(slope * predicted)

    model.compile(optimizer, loss=linear)
    return model, [data, slopes]


def _weights(model: Any) -> list[np.ndarray[Any, Any]]:
    found = {one.path: np.array(keras.ops.convert_to_numpy(one)) for one in model.trainable_variables}
    return [found["dense/kernel"], found["dense/bias"], found["norm/gamma"]]


def _penalty(kind: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    path, _, part = kind.partition(":")
    regularizer = getattr(keras.regularizers, path)(**{part or path.lower(): value})
    rate, after = setting["learning_rate"], []
    for one in (regularizer, None):
        model, data = _model(keras.optimizers.SGD(rate), setting, one)
        before = _weights(model)
        model.train_on_batch(*data)
        after.append(_weights(model))
    pulls = [(bare - pulled) / rate for pulled, bare in zip(*after, strict=True)]
    found = [
        pull / (np.sign(w) if (part or path.lower()) == "l1" else w)
        for pull, w in zip(pulls, before, strict=True)
    ]
    return _alike(found)


def _decay(kind: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    path, _, part = kind.partition(":")
    argument = part if part.endswith("decay") else "weight_decay"
    gathered, steps, rate = int(setting["accumulated"]), int(setting["steps"]), setting["learning_rate"]
    options: dict[str, Any] = {argument: value, "learning_rate": rate} | _OPTIONS.get(kind, {})
    options |= {"gradient_accumulation_steps": gathered} if gathered > 1 else {}
    options |= {"momentum": setting["momentum"]} if "momentum" in setting else {}
    after = []
    for last in (value, 0.0):
        optimizer = getattr(keras.optimizers, path)(**options)
        model, data = _model(optimizer, setting, still=path in _STILL)
        for number in range(steps):
            setattr(optimizer, argument, last if number == steps - 1 else value)
            before = _weights(model)
            for _ in range(gathered):
                model.train_on_batch(*data)
        after.append(_weights(model))
    found = [(bare - less) / w / rate for less, bare, w in zip(*after, before, strict=True)]
    return _alike(found[1:2] + found[1:] if argument.startswith("adam_") else found)


def _alike(found: list[np.ndarray[Any, Any]]) -> dict[str, float]:
    for one in found:
        np.testing.assert_allclose(one, one.mean(), rtol=1e-6, atol=1e-9)
    return {key: float(one.mean()) for key, one in zip(("coefficient", "bias", "gain"), found, strict=True)}


def _late(kind: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the share of the last of many steps, with gradients of one size, where it differs by step."""
    rate, steps = setting["learning_rate"], int(setting["steps"])
    after = []
    for last in (value, 0.0):
        optimizer = getattr(keras.optimizers, kind)(rate, weight_decay=value)
        made = [keras.Variable(np.array([2.0, -1.0]), name=one) for one in ("kernel", "bias", "gamma")]
        slopes = [keras.ops.convert_to_tensor(np.full(2, setting["gradient_norm"])) for _ in made]
        for number in range(steps):
            optimizer.weight_decay = last if number == steps - 1 else value
            before = [keras.ops.convert_to_numpy(one).copy() for one in made]
            optimizer.apply(slopes, made)
        after.append([keras.ops.convert_to_numpy(one).copy() for one in made])
    return _alike([(bare - less) / w / rate for less, bare, w in zip(*after, before, strict=True)])


def _followed(argument: str, value: float, setting: dict[str, float], name: str) -> float:
    """Return what one of Ftrl's own penalties comes to over all its steps."""
    rate, steps = setting["learning_rate"], int(setting["steps"])

    def ended(slope: Callable[[float], float], **options: float) -> float:
        weight = keras.Variable(np.zeros(1), name=name)
        optimizer = keras.optimizers.Ftrl(rate, **options)
        for _ in range(steps):
            slopes = np.array([slope(keras.ops.convert_to_numpy(weight)[0])])
            optimizer.apply([keras.ops.convert_to_tensor(slopes)], [weight])
        return float(keras.ops.convert_to_numpy(weight)[0])

    if argument.startswith("l1"):  # the largest gradient that leaves a weight at zero
        low, high = 0.0, 10.0 * value
        for _ in range(50):
            middle = (low + high) / 2
            moved = ended(lambda _, size=middle: size, **{argument: value})  # type: ignore[misc]
            low, high = (middle, high) if moved == 0 else (low, middle)
        return low
    if "shrinkage" in argument:  # the optimum of half of (w − 1)²
        weight = ended(lambda w: w - 1.0, **{argument: value})
        return (1.0 - weight) / weight
    # at a fixed rate: the mean gradient that a unit of weight withstands, with the penalty and without
    with_, without = (
        -1.0 / ended(lambda _: 1.0, learning_rate_power=0.0, **one) for one in ({argument: value}, {})
    )
    return with_ - without
