"""Arguments of ``torch.optim``: what decay does to a matrix, a bias and a gain, on gradients of a mean loss.

A coupled argument is the c for which c·w, put into the loss instead, gives the same weights after all
steps. A decoupled one is the share of the weight that the last step takes off besides its update.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

_BESIDE = {"AdamW": "weight_decay", "Adafactor": "weight_decay", "Muon": "weight_decay"}
_STILL = {"Adafactor"}  # its update depends on the weight, so that only a gradient of zero shows decay alone


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficients of a matrix, a bias and a gain; of a matrix alone where no other is taken."""
    path, _, part = name.partition(":")
    kind = path.rpartition(".")[2]
    known = inspect.signature(getattr(torch.optim, kind)).parameters
    options: dict[str, Any] = {"lr": setting["learning_rate"]}
    options |= {"decoupled_weight_decay": True} if part == "decoupled" else {}
    options |= {"momentum": setting["momentum"]} if "momentum" in setting else {}
    argument = {"decoupled": "weight_decay", "lambd": "lambd"}.get(part) or _BESIDE.get(kind, "")
    if not argument and "eps" in known:
        options["eps"] = 1.0  # so that a step still tells how large its gradient was
    made = functools.partial(getattr(torch.optim, kind), **options)
    rng = np.random.default_rng(0)
    shapes = [(2, int(setting["weights"]) // 2), *([] if kind == "Muon" else [(3,), (3,)])]
    start = [torch.tensor(rng.uniform(0.5, 2.0, one) * rng.choice([-1.0, 1.0], one)) for one in shapes]
    start = [one * setting.get("weight_rms", 1.0) / one.square().mean().sqrt() for one in start]
    batches = (int(setting["accumulated"]), int(setting["batch_size"]))
    data = [torch.tensor(rng.normal(size=(*batches, *one)) + 0.5) for one in shapes]
    data = [one * (kind not in _STILL) for one in data]
    found = (_beside if argument else _through)(made, argument, value, start, data, int(setting["steps"]))
    return dict(zip(("coefficient", "bias", "gain"), found, strict=False))


def _step(
    optimizer: Any, made: list[torch.nn.Parameter], data: list[torch.Tensor], pulls: list[float]
) -> None:
    optimizer.zero_grad()
    for number in range(len(data[0])):
        loss = sum(((one * x[number]).sum() / len(x[number]) for one, x in zip(made, data, strict=True)))
        penalty = sum(0.5 * pull * one.square().sum() for pull, one in zip(pulls, made, strict=True))
        ((loss + penalty) / len(data[0])).backward()  # type: ignore[union-attr]
    optimizer.step()


def _beside(
    made: Callable[..., Any], argument: str, value: float, start: list[torch.Tensor],
    data: list[torch.Tensor], steps: int,
) -> list[float]:  # fmt: skip
    after: dict[float, list[torch.Tensor]] = {}
    before: list[torch.Tensor] = []
    for last in (value, 0.0):
        parts = [torch.nn.Parameter(one.clone()) for one in start]
        optimizer = made(parts, **{argument: value})
        for number in range(steps):
            optimizer.param_groups[0][argument] = last if number == steps - 1 else value
            before = [one.detach().clone() for one in parts]
            _step(optimizer, parts, data, [0.0] * len(parts))
        after[last] = [one.detach() for one in parts]
    shares = [(bare - less) / was for bare, less, was in zip(after[0.0], after[value], before, strict=True)]
    for one in shares:
        torch.testing.assert_close(one, one.mean().expand_as(one), rtol=1e-8, atol=1e-12)
    return [float(one.mean()) / made.keywords["lr"] for one in shares]  # type: ignore[attr-defined]


def _through(
    made: Callable[..., Any], argument: str, value: float, start: list[torch.Tensor],
    data: list[torch.Tensor], steps: int,
) -> list[float]:  # fmt: skip
    def ended(decay: float, pulls: list[float]) -> list[torch.Tensor]:
        parts = [torch.nn.Parameter(one.clone()) for one in start]
        optimizer = made(parts, weight_decay=decay)
        for _ in range(steps):
            _step(optimizer, parts, data, pulls)
        return [one.detach() for one in parts]

    def along(ends: list[torch.Tensor]) -> list[float]:
        return [float((end * one).sum()) for end, one in zip(ends, start, strict=True)]

    wanted = ended(value, [0.0] * len(start))
    low, high = [0.0] * len(start), [1.0] * len(start)
    for _ in range(50):
        middle = [(one + other) / 2 for one, other in zip(low, high, strict=True)]
        got = along(ended(0.0, middle))
        for number, goal in enumerate(along(wanted)):
            (low if got[number] > goal else high)[number] = middle[number]
    for end, same in zip(ended(0.0, low), wanted, strict=True):
        torch.testing.assert_close(end, same, rtol=1e-9, atol=1e-9)
    return low
