"""TensorFlow and tf_keras: gradients of penalties, and what optimisers take off beside a gradient of zero."""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import tensorflow as tf
import tf_keras


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficient of a matrix and, where an optimiser decays, those of a bias and a gain."""
    path, _, part = name.partition(":")
    weights = int(setting.get("weights", 6))
    start = np.random.default_rng(weights).uniform(0.5, 2.0, (weights // 2, 2)) * np.array([1.0, -1.0])
    if "regularizers" in path or path == "tensorflow.nn.l2_loss":
        return {"coefficient": _penalty(path, part, value, start)}
    made = getattr(tf.compat.v1.train if "v1" in path else tf_keras.optimizers, path.rpartition(".")[2])
    if "Proximal" in path:
        return {"coefficient": _proximal(made, part, value, setting["learning_rate"], start)}
    if part:
        return {"coefficient": _leader(made, part, value, setting, start)}
    return _decay(made, value, setting, start)


def _penalty(path: str, part: str, value: float, start: np.ndarray) -> float:
    variable = tf.Variable(start)
    with tf.GradientTape() as tape:
        if path == "tensorflow.nn.l2_loss":
            loss = value * tf.nn.l2_loss(variable)
        else:
            made = getattr(tf_keras.regularizers, path.rpartition(".")[2])
            loss = made(**{part: value})(variable) if part else made(value)(variable)
    pull = tape.gradient(loss, variable).numpy()
    if path.endswith("L1") or part == "l1":
        return float(np.mean(pull * np.sign(start)))
    return float((pull * start).sum() / (start**2).sum())


def _decay(made: object, value: float, setting: dict[str, float], start: np.ndarray) -> dict[str, float]:
    """Steps with the same random gradients, with and without decay; the share of the last step."""
    rate, steps = setting["learning_rate"], int(setting.get("steps", 1))
    parts = {"coefficient": start, "bias": np.array([3.0, -2.0]), "gain": np.array([1.5, 0.5])}
    found = {}
    for decay in (value, 0.0):
        variables = [tf.Variable(one, name=name) for name, one in parts.items()]
        optimizer = made(learning_rate=rate, weight_decay=decay)  # type: ignore[operator]
        for _ in range(steps):
            before = [one.numpy() for one in variables]
            optimizer.apply_gradients([(tf.zeros_like(one), one) for one in variables])
        found[decay] = [(one, two.numpy()) for one, two in zip(before, variables, strict=True)]
    shares = [
        float((((before - after) - (first - last)) * before).sum() / (before**2).sum()) / rate
        for (before, after), (first, last) in zip(found[value], found[0.0], strict=True)
    ]
    return dict(zip(parts, shares, strict=True))


def _proximal(made: object, part: str, value: float, rate: float, start: np.ndarray) -> float:
    """One step without a gradient; the pull of an l2 is taken at the weights after it."""
    variable = tf.Variable(start)
    words = {
        f"{one}_regularization_strength": tf.constant(value * (one == part), tf.float64)
        for one in ("l1", "l2")
    }
    made(tf.constant(rate, tf.float64), **words).apply_gradients([(tf.zeros_like(variable), variable)])  # type: ignore[operator]
    moved = (start - variable.numpy()) / rate
    if part == "l1":
        return float(np.mean(moved * np.sign(start)))
    return float((moved / variable.numpy()).mean())


def _leader(made: object, part: str, value: float, setting: dict[str, float], start: np.ndarray) -> float:
    """Follow the leader: what its weights leave of the sum of its gradients, over the steps."""
    rate, steps = float(np.float32(setting["learning_rate"])), int(setting["steps"])  # kept so
    rng = np.random.default_rng(steps)
    pushes = rng.uniform(0.5, 1.0, (steps, *start.shape)) * np.sign(start) * (10 + value)
    sums = []
    for strength in (value, 0.0):
        variable = tf.Variable(start)
        optimizer = made(learning_rate=rate, **{f"{part}_regularization_strength": strength})  # type: ignore[operator]
        for push in pushes:
            optimizer.apply_gradients([(tf.constant(push), variable)])
        squares, linear = (one[0].numpy() for one in (optimizer._accumulators, optimizer._linears))
        sums.append((variable.numpy(), linear, squares))
    after, linear, squares = sums[0]
    if part == "l2_shrinkage":  # enters the sum of gradients, at the weights before the step
        return float(((linear - sums[1][1]) * start).sum() / (start**2).sum())
    rest = -(linear + after * np.sqrt(squares) / rate) / steps
    return float((rest / (np.sign(after) if part == "l1" else after)).mean())
