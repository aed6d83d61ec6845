"""The argument wd of fastai: what an optimiser takes in one step, of itself and in a Learner's fit."""

from functools import partial
from typing import Any

import numpy as np
import torch
from fastai import optimizer as optimizers
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.learner import Learner

Tensors = list[Any]


def _made(name: str, value: float, setting: dict[str, float], coupled: bool, made: Tensors) -> Any:
    if name == "OptimWrapper":
        given: dict[str, Any] = {"opt": torch.optim.SGD if coupled else torch.optim.AdamW}
        given["weight_decay"] = value
    else:
        given = {"wd": value, "decouple_wd": not coupled}
        given |= {"trust_coeff": setting["trust"]} if "trust" in setting else {}
    return getattr(optimizers, name)(made, lr=setting["learning_rate"], **given)


def steps(
    name: str, value: float, setting: dict[str, float], coupled: bool, gradients: Tensors | None
) -> tuple[Tensors, Tensors, Tensors]:
    """Return the tensors before the last step and after it, and the gradients that the step left behind."""
    rng, count = np.random.default_rng(0), int(setting.get("weights", 6))
    parts = [torch.tensor(rng.normal(size=shape)) for shape in ((2, count // 2), (3,), (3,))]
    parts = [one * setting.get("weight_rms", 1.0) / one.square().mean().sqrt() for one in parts]
    made = [torch.nn.Parameter(one) for one in parts]
    optimizer = _made(name, value, setting, coupled, made)
    before: Tensors = []
    for _ in range(int(setting.get("steps", 1))):
        before = [one.detach().clone() for one in made]
        for number, one in enumerate(made):
            one.grad = torch.zeros_like(one) if gradients is None else gradients[number].clone()
        optimizer.step()
    after = [one.detach().clone() for one in made]
    return before, after, [one.grad.clone() for one in made if one.grad is not None]


def shares(before: Tensors, after: Tensors, rate: float) -> list[float]:
    pairs = zip(before, after, strict=True)
    return [float(((one - other) * one).sum() / one.square().sum()) / rate for one, other in pairs]


def pulls(name: str, value: float, setting: dict[str, float]) -> list[float]:
    """Return the c whose c·w in the gradient does without wd what wd does, in a first step."""
    rng = np.random.default_rng(1)
    first, _, _ = steps(name, 0.0, setting, True, None)
    bare = [torch.tensor(rng.normal(size=one.shape)) for one in first]
    before, after, left = steps(name, value, setting, True, bare)
    if name == "OptimWrapper":  # torch keeps the gradient as it was: what plain SGD moved tells it
        left = [(one - other) / setting["learning_rate"] for one, other in zip(before, after, strict=True)]
    _, again, _ = steps(name, 0.0, setting, True, left)
    if max(float((one - other).abs().max()) for one, other in zip(after, again, strict=True)) > 1e-9:
        raise ArithmeticError("no pull of the gradient does what wd does")
    pairs = zip(before, bare, left, strict=True)
    return [float(((last - one) * w).sum() / w.square().sum()) for w, one, last in pairs]


def fit(part: str, value: float, setting: dict[str, float]) -> list[float]:
    """Return what one batch of a Learner takes of a matrix, a bias and the gain of a BatchNorm."""
    torch.manual_seed(0)
    rate, model = (
        setting["learning_rate"],
        torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)),
    )
    for one in model.double().parameters():
        torch.nn.init.normal_(one)
    before = [one.detach().clone() for one in model.parameters()]
    size = int(setting["batch_size"])
    loaders = [DataLoader([(torch.randn(3).double(), torch.zeros(1))] * size, bs=size) for _ in range(2)]
    function: Any = optimizers.Adam
    if part == "OptimWrapper":
        function = partial(optimizers.OptimWrapper, opt=torch.optim.AdamW)
    extra = {"wd_bn_bias": True} if part == "wd_bn_bias" else {}
    learner = Learner(
        DataLoaders(*loaders), model, loss_func=lambda found, _: (0 * found).sum().float(), opt_func=function,
        **({"wd": value} if part == "init" else {}), **extra,
    )  # fmt: skip
    learner.fit(1, lr=rate, **({} if part == "init" else {"wd": value}))
    return shares(before, [one.detach() for one in model.parameters()], rate)[:3]


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficients of a matrix, a bias and a gain."""
    path, _, part = name.removeprefix("fastai.").partition(":")
    kind = path.rpartition(".")[2]
    if path.startswith("learner"):
        found = fit("init" if kind == "Learner" else part, value, setting)
    elif kind == "Larc" and part:
        before, after, _ = steps(kind, value, setting, True, None)
        found = shares(before, after, setting["learning_rate"])
    elif part:
        found = pulls(kind, value, setting)
    else:
        before, after, _ = steps(kind, value, setting, False, None)
        found = shares(before, after, setting["learning_rate"])
    return dict(zip(("coefficient", "bias", "gain"), found, strict=True))


def situation(
    name: str, value: float, setting: dict[str, float], *, size: float = 1.0, slower: float = 1.0,
    steps: int = 1, gradient: bool = True, frozen: bool = False, clipped: bool = False, twice: bool = False,
    narrow: bool = False,
) -> float | None:  # fmt: skip
    """Return the share that steps without data gradient take of a matrix; ``None`` if that is not tried."""
    path, _, part = name.removeprefix("fastai.").partition(":")
    kind = path.rpartition(".")[2]
    if path.startswith("learner"):
        return None
    torch.manual_seed(0)
    drawn = torch.randn(2, 3, dtype=torch.float64)
    held = torch.bfloat16 if narrow else torch.float64
    made = [torch.nn.Parameter(one.to(held)) for one in (size * drawn, drawn)]
    optimizer = _made(
        kind, value, setting, bool(part) and kind != "Larc", [made[0], *made] if twice else made
    )
    optimizer.set_hyper("lr", setting["learning_rate"] * slower)
    before = made[0].detach().double().clone()
    for _ in range(steps):
        made[0].grad = torch.zeros_like(made[0]) if gradient else None
        made[1].grad = (100.0 if clipped else 0.0) * torch.ones_like(made[1])
        made[0].requires_grad_(not frozen)
        if clipped:
            torch.nn.utils.clip_grad_norm_(made, 1e-3)
        optimizer.step()
    return float(((before - made[0].detach().double()) * before).sum() / before.square().sum())
