"""MLX's optimisers: what a step without a data gradient takes off, and for Muon which gradient it adds."""

from typing import Any

import mlx.core as mx
import mlx.optimizers
import numpy as np


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficients of a matrix, a bias and a gain, of the step asked for."""
    path, _, part = name.partition(":")
    short, rate, steps = path.rpartition(".")[2], setting["learning_rate"], int(setting["steps"])
    weights = int(setting["weights"])
    mx.set_default_device(mx.cpu)
    start = np.random.default_rng(weights).uniform(0.5, 2.0, (weights // 2, 2)) * np.array([1.0, -1.0])
    starts = {"coefficient": start, "bias": np.array([3.0, -2.0]), "gain": np.array([1.5, 0.5])}
    if short == "Muon":
        return {what: _pull(value, rate, steps, one) for what, one in starts.items()}
    words = {"relative_step": part == "relative_step"} if short == "Adafactor" else {}
    found = {}
    for what, one in starts.items():
        before, after = _step(short, rate, steps, one, 0.0, words | {"weight_decay": value})
        found[what] = float(((before - after) * before).sum() / (before**2).sum() / rate)
        if what == "coefficient":
            size = float(np.sqrt((before**2).mean()))
    if short == "Adafactor":
        return {"coefficient": found["coefficient"], "weight_rms": size}
    return found


def _pull(value: float, rate: float, steps: int, start: np.ndarray) -> float:
    """Return which data gradient c·w, beside one that both have, makes the same step without decay."""
    goal = _step("Muon", rate, steps, start, 0.0, {"weight_decay": value})[1]
    centre, width = 0.1, 4.0
    for _ in range(6):
        tried = centre * np.exp(np.linspace(-width, width, 41))
        after = [_step("Muon", rate, steps, start, one, {"weight_decay": 0.0})[1] for one in tried]
        centre = float(tried[np.argmin([((one - goal) ** 2).sum() for one in after])])
        width /= 10
    return centre


def _step(
    short: str, rate: float, steps: int, start: np.ndarray, pull: float, words: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    optimizer = getattr(mlx.optimizers, short)(learning_rate=rate, **words)
    other = np.random.default_rng(9).normal(size=start.shape) if short == "Muon" else 0 * start
    made = {"w": mx.array(start, dtype=mx.float32)}
    for _ in range(steps):
        before = made["w"]
        push = mx.array(other, dtype=mx.float32) + pull * before
        made = optimizer.apply_gradients({"w": push}, made)
        mx.eval(made, optimizer.state)
    return np.array(before, dtype=float), np.array(made["w"], dtype=float)


def situation(
    name: str, value: float, setting: dict[str, float], *, size: float = 1.0, slower: float = 1.0,
    steps: int = 1, gradient: bool = True, frozen: bool = False, clipped: bool = False, twice: bool = False,
    narrow: bool = False,
) -> float | None:  # fmt: skip
    """Return the share that steps without data gradient take of a matrix; ``None`` if that is not tried."""
    if frozen or twice:  # a tree lists nothing twice, and what is frozen is in no tree
        return None
    path, _, part = name.partition(":")
    short, kind = path.rpartition(".")[2], mx.bfloat16 if narrow else mx.float32
    start = np.random.default_rng(0).uniform(0.5, 2.0, (3, 2)) * np.array([1.0, -1.0])
    words = {"relative_step": part == "relative_step"} if short == "Adafactor" else {}
    mx.set_default_device(mx.cpu)
    call = getattr(mlx.optimizers, short)
    optimizer = call(learning_rate=setting["learning_rate"] * slower, weight_decay=value, **words)
    made = {"w": mx.array(size * start).astype(kind), "other": mx.array(start).astype(kind)}
    before = np.array(made["w"].astype(mx.float32), dtype=float)
    for _ in range(steps):
        pushes = {"w": 0 * made["w"], "other": (100.0 if clipped else 0.0) * made["other"]}
        if not gradient:
            del pushes["w"]
        if clipped:
            pushes, _ = mlx.optimizers.clip_grad_norm(pushes, 1e-3)
        made = made | optimizer.apply_gradients(pushes, made)
        mx.eval(made, optimizer.state)
    after = np.array(made["w"].astype(mx.float32), dtype=float)
    return float(((before - after) * before).sum() / (before**2).sum())
