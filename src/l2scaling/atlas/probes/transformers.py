"""The weight_decay of transformers: what the optimiser takes that a Trainer builds, and its own Adafactor."""

import os
import tempfile
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import torch
from transformers import Adafactor, Trainer, TrainingArguments

RATED: dict[str, Any] = {"relative_step": False, "warmup_init": False}
FORMS: dict[str, dict[str, Any]] = {
    "default": {},
    "warmup_init": {"warmup_init": True},
    "scale_parameter": {"scale_parameter": False},
    "relative_step": RATED,
    "plain": RATED | {"scale_parameter": False},
}
NORMS: dict[str, Any] = {
    "BatchNorm": torch.nn.BatchNorm1d,
    "RMSNorm": torch.nn.RMSNorm,
    "GroupNorm": lambda size: torch.nn.GroupNorm(1, size),
}


def network(setting: dict[str, float], norm: Any) -> Any:
    """Return a network of drawn numbers, each tensor of the same size in the root mean square."""
    rng, count = np.random.default_rng(0), int(setting.get("weights", 6))
    model = torch.nn.Sequential(torch.nn.Linear(count // 2, 2), norm(2)).double()
    for one in model.parameters():
        drawn = torch.tensor(rng.normal(size=one.shape))
        one.data = drawn * setting.get("weight_rms", 1.0) / drawn.square().mean().sqrt()
    return model


def lost(optimizer: Any, model: Any, setting: dict[str, float]) -> list[float]:
    """Return the share of each tensor that the last step takes where no gradient comes from data."""
    before: list[Any] = []
    for _ in range(int(setting.get("steps", 1))):
        before = [one.detach().clone() for one in model.parameters()]
        for one in model.parameters():
            one.grad = torch.zeros_like(one)
        optimizer.step()
    pairs = zip(before, model.parameters(), strict=True)
    return [float(((one - other.detach()) * one).sum() / one.square().sum()) for one, other in pairs]


def pulled(optimizer: Any, model: Any) -> list[float]:
    """Return c of the pull c·w that a first step of the optimiser shows in its state."""
    before, found = [one.detach().clone() for one in model.parameters()], []
    for one in model.parameters():
        one.grad = torch.zeros_like(one)
    optimizer.step()
    for one, first in zip(model.parameters(), before, strict=True):
        state = optimizer.state[one]
        second, beta = (state["sum"], 0.0) if "sum" in state else (state["square_avg"], 0.99)
        size = (second / (1 - beta)).sqrt()  # |g|, as the library has it after its decay
        found.append(float(size.mul(first.abs()).sum() / first.square().sum()))
    return found


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficients of a matrix, a bias and a gain."""
    path, _, part = name.removeprefix("transformers.").partition(":")
    if path == "Adafactor":
        model, form = network(setting, torch.nn.LayerNorm), FORMS[part]
        rate = setting["learning_rate"]
        given: dict[str, Any] = {"lr": None if form.get("relative_step", True) else rate}
        optimizer = Adafactor(model.parameters(), weight_decay=value, **given, **form)
        found = [one / rate for one in lost(optimizer, model, setting)]
    else:
        model = network(setting, NORMS.get(part, torch.nn.LayerNorm))
        rate = setting["learning_rate"]
        given = {} if part in NORMS else {"optim": part}
        with tempfile.TemporaryDirectory() as folder:
            told = TrainingArguments(
                folder, weight_decay=value, learning_rate=rate, use_cpu=True, report_to=[], **given
            )
            optimizer = Trainer(model, told).create_optimizer()
        if part in ("rmsprop", "adagrad"):
            found = pulled(optimizer, model)
        else:
            found = [one / rate for one in lost(optimizer, model, setting)]
    return dict(zip(("coefficient", "bias", "gain"), found, strict=False))
