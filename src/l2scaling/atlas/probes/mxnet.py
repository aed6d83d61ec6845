"""MXNet's optimisers: what a step without a data gradient takes off, or which gradient stops a weight."""

import mxnet
import numpy as np

_BESIDE = {"AdaGrad", "AdaDelta", "LAMB", "LARS", "LBSGD"}
_SINGLE = {"AdaGrad", "AdaDelta", "RMSProp"}
_NAMES = {"coefficient": "fc_weight", "bias": "fc_bias", "gain": "norm_gamma"}


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficients of parameters named as a weight, a bias and a gain."""
    path, _, part = name.partition(":")
    short, weights = path.rpartition(".")[2], int(setting["weights"])
    start = np.random.default_rng(weights).uniform(0.5, 2.0, (weights // 2, 2)) * np.array([1.0, -1.0])
    starts = {"coefficient": start, "bias": np.array([3.0, -2.0]), "gain": np.array([1.5, 0.5])}
    if short == "Ftrl":
        return {what: _leader(part, value, n, setting, one) for n, (what, one) in enumerate(starts.items())}
    found = {}
    for number, (what, one) in enumerate(starts.items()):
        before, after = _step(short, part, value, number, setting, one, 0.0)
        first, last = _step(short, part, 0.0, number, setting, one, 0.0)
        gone = (before - after) - (first - last)
        if short in _BESIDE or part == "wd_lh":
            found[what] = float((gone * before).sum() / (before**2).sum() / setting["learning_rate"])
        elif abs(np.nan_to_num(before - after) - np.nan_to_num(first - last)).max() < 1e-12:
            found[what] = 0.0
        else:
            found[what] = _stop(short, part, value, number, setting, one, np.nan_to_num(last - first))
    return found


def _stop(
    short: str,
    part: str,
    value: float,
    number: int,
    setting: dict[str, float],
    start: np.ndarray,
    drift: np.ndarray,
) -> float:
    """Return the c of the data gradient −c·w that keeps the weights where they are."""
    low, high = 1e-6, 10.0
    for _ in range(50):
        middle = (low * high) ** 0.5
        before, after = _step(short, part, value, number, setting, start, -middle)
        low, high = (low, middle) if ((before - after + drift) * start).sum() <= 0 else (middle, high)
    return middle


def _step(
    short: str,
    part: str,
    value: float,
    number: int,
    setting: dict[str, float],
    start: np.ndarray,
    pull: float,
) -> tuple[np.ndarray, np.ndarray]:
    made, kind = getattr(mxnet.optimizer, short), "float32" if short in _SINGLE else "float64"
    names = dict(enumerate(_NAMES.values()))
    optimizer = made(learning_rate=setting["learning_rate"], param_idx2name=names, **{part or "wd": value})
    weight = mxnet.nd.array(start, dtype=kind)
    state = optimizer.create_state(number, weight)
    for step in range(int(setting["steps"])):
        mxnet.random.seed(step)
        before = weight.asnumpy().astype(float)
        optimizer.update(number, weight, mxnet.nd.array(pull * before, dtype=kind), state)
    return before, weight.asnumpy().astype(float)


def _leader(part: str, value: float, number: int, setting: dict[str, float], start: np.ndarray) -> float:
    """Follow the leader: what its weights leave of the sum of its gradients, over the steps."""
    rate, steps = float(np.float32(setting["learning_rate"])), int(setting["steps"])
    words = {"lamda1": 0.0, "wd": 0.0} | {part: value}
    names = dict(enumerate(_NAMES.values()))
    optimizer = mxnet.optimizer.Ftrl(learning_rate=rate, beta=0.0, param_idx2name=names, **words)
    weight = mxnet.nd.array(start, dtype="float32")
    state = optimizer.create_state(number, weight)
    for push in np.random.default_rng(steps).uniform(5.0, 10.0, (steps, *start.shape)) * np.sign(start):
        optimizer.update(number, weight, mxnet.nd.array(push, dtype="float32"), state)
    total, squares = (one.asnumpy() for one in state)
    after = weight.asnumpy()
    rest = -(total + after * np.sqrt(squares) / rate) / steps
    return float((rest / (np.sign(after) if part == "lamda1" else after)).mean())
