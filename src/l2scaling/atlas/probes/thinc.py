"""Thinc's optimisers, which spaCy uses: what a step without a data gradient takes off, or adds to it."""

import numpy as np
import thinc.optimizers


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficients of a matrix and of a bias."""
    path, _, part = name.partition(":")
    found = {}
    weights = int(setting["weights"])
    start = np.random.default_rng(weights).uniform(0.5, 2.0, (weights // 2, 2)) * np.array([1.0, -1.0])
    for what, one in (("coefficient", start), ("bias", np.array([3.0, -2.0]))):
        found[what] = _one(path.rpartition(".")[2], part == "gradient", value, setting, one)
    return found


def _one(short: str, coupled: bool, value: float, setting: dict[str, float], start: np.ndarray) -> float:
    rate = setting["learning_rate"]
    before, after = _step(short, coupled, value, setting, start, 0.0)
    if not coupled:
        return float(((before - after) * before).sum() / (before**2).sum() / rate)
    low, high, goal = 1e-6, 1.0, float(((before - after) * start).sum())
    for _ in range(40):  # which data gradient c·w, without a penalty, makes the same step
        middle = (low * high) ** 0.5
        before, after = _step(short, coupled, 0.0, setting, start, middle)
        low, high = (middle, high) if ((before - after) * start).sum() < goal else (low, middle)
    return middle


def _step(
    short: str, coupled: bool, value: float, setting: dict[str, float], start: np.ndarray, pull: float
) -> tuple[np.ndarray, np.ndarray]:
    words = {} if short == "SGD" else {"eps": 1.0}
    optimizer = getattr(thinc.optimizers, short)(
        setting["learning_rate"], L2=value, L2_is_weight_decay=not coupled, grad_clip=0.0, **words
    )
    made = start.astype("float32")
    for _ in range(int(setting["steps"])):
        before = made.copy()
        made, _ = optimizer((1, "w"), made, np.asarray(pull * made, dtype="float32"))
        optimizer.step_schedules()
    return before.astype(float), made.astype(float)
