"""PaddlePaddle's optimisers and regularisers: what a step without a data gradient takes off."""

from typing import Any

import numpy as np
import paddle

_EPSILON = {"Adam", "Adamax", "Adadelta", "RMSProp", "NAdam", "RAdam", "Adagrad"}


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficients of a matrix, a bias and a gain."""
    path, _, part = name.partition(":")
    short, rate = path.rpartition(".")[2], setting["learning_rate"]
    weights, steps = int(setting["weights"]), int(setting.get("steps", 1))
    rng = np.random.default_rng(weights)
    parts = {
        "coefficient": rng.uniform(0.5, 2.0, (weights // 2, 2)) * np.array([1.0, -1.0]),
        "bias": np.array([3.0, -2.0]),
        "gain": np.array([1.5, 0.5]),
    }
    return {what: _one(short, part, value, rate, steps, start) for what, start in parts.items()}


def _one(short: str, part: str, value: float, rate: float, steps: int, start: np.ndarray) -> float:
    if short in ("AdamW", "Lamb"):
        before, after = _step(short, value, rate, steps, start, 0.0)
        first, last = _step(short, 0.0, rate, steps, start, 0.0)
        return float((((before - after) - (first - last)) * before).sum() / (before**2).sum() / rate)
    if short in ("L1Decay", "L2Decay"):
        decay = getattr(paddle.regularizer, short)(value)
        before, after = _step("SGD", decay, rate, steps, start, 0.0, by_parameter=part == "ParamAttr")
        if short == "L1Decay":
            return float(((before - after) * np.sign(before)).mean() / rate)
        return float(((before - after) * before).sum() / (before**2).sum() / rate)
    before, after = _step(short, value, rate, steps, start, 0.0)
    low, high, goal = 1e-6, 1.0, float(((before - after) * start).sum())
    for _ in range(60):  # which data gradient c·w, without decay, makes the same step
        middle = (low * high) ** 0.5
        before, after = _step(short, 0.0, rate, steps, start, middle)
        low, high = (middle, high) if ((before - after) * start).sum() < goal else (low, middle)
    return middle


def _step(
    short: str,
    decay: Any,
    rate: float,
    steps: int,
    start: np.ndarray,
    pull: float,
    *,
    by_parameter: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights before and after the last step; its data gradient is a fixed one plus pull·w."""
    assign = paddle.nn.initializer.Assign(start)
    attr = paddle.ParamAttr(initializer=assign, regularizer=decay if by_parameter else None)
    made = paddle.create_parameter(start.shape, "float64", attr=attr)
    words = {"lamb_weight_decay" if short == "Lamb" else "weight_decay": None if by_parameter else decay}
    if short in _EPSILON:
        words["epsilon"] = 1.0
    if short == "Adagrad":
        words["initial_accumulator_value"] = 1.0
    if short == "ASGD":
        words["batch_num"] = 1
    optimizer = getattr(paddle.optimizer, short)(learning_rate=rate, parameters=[made], **words)
    for _ in range(steps):
        before = made.numpy()
        (made * paddle.to_tensor(pull * before)).sum().backward()
        optimizer.step()
        optimizer.clear_grad()
    return before, made.numpy()


def situation(
    name: str, value: float, setting: dict[str, float], *, size: float = 1.0, slower: float = 1.0,
    steps: int = 1, gradient: bool = True, frozen: bool = False, clipped: bool = False, twice: bool = False,
    narrow: bool = False,
) -> float | None:  # fmt: skip
    """Return the share that steps without data gradient take of a matrix; ``None`` if that is not tried."""
    if narrow:  # which CPUs have no kernels for
        return None
    path, _, part = name.partition(":")
    short, kind = path.rpartition(".")[2], "float64"
    start = np.random.default_rng(0).uniform(0.5, 2.0, (3, 2)) * np.array([1.0, -1.0])
    decay: Any = getattr(paddle.regularizer, short)(value) if short.endswith("Decay") else value
    attr = paddle.ParamAttr(regularizer=decay) if part == "ParamAttr" else None
    made, other = (paddle.create_parameter(start.shape, kind, attr=one) for one in (attr, None))
    made.set_value(paddle.to_tensor(size * start).astype(kind))
    words = {"lamb_weight_decay" if short == "Lamb" else "weight_decay": None if attr else decay}
    if short == "ASGD":
        words["batch_num"] = 1
    optimizer = getattr(paddle.optimizer, "SGD" if short.endswith("Decay") else short)(
        learning_rate=setting["learning_rate"] * slower, parameters=[made, other, *([made] * twice)],
        grad_clip=paddle.nn.ClipGradByGlobalNorm(1e-3) if clipped else None, **words,
    )  # fmt: skip
    before = made.astype("float64").numpy().copy()
    for _ in range(steps):
        loss = (other * (100.0 if clipped else 0.0)).sum()
        (loss + (made * 0.0).sum() if gradient else loss).backward()
        made.stop_gradient = frozen
        optimizer.step()
        optimizer.clear_grad()
    return float(((before - made.astype("float64").numpy()) * before).sum() / (before**2).sum())
