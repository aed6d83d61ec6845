"""Weight decay on adapters of peft: what the optimisers that it builds take of A and B in one step."""

from typing import Any

import numpy as np
import torch
from peft import KasaConfig, LoraConfig, get_peft_model
from peft import optimizers as builders

WIDTH = 6


def adapted(setting: dict[str, float], **extra: Any) -> Any:
    """Return a linear layer with an adapter whose numbers are drawn, and no gradient from data."""
    torch.manual_seed(0)
    rng, rank = np.random.default_rng(0), int(setting["dimensions"])
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=["0"], **extra)
    model = get_peft_model(torch.nn.Sequential(torch.nn.Linear(WIDTH, WIDTH)), config).double()
    for one in model.parameters():
        if one.requires_grad:
            one.data = torch.tensor(rng.normal(size=one.shape))
            one.grad = torch.zeros_like(one)
    return model


def optimizer(name: str, model: Any, value: float, setting: dict[str, float]) -> Any:
    """Return the optimiser; LoRA+ gets a weight_decay besides, which is to have no effect."""
    rate, adamw, sgd = setting["learning_rate"], torch.optim.AdamW, torch.optim.SGD
    if name.startswith("create_loraplus_optimizer"):
        given = {"weight_decay": 10 * value, "loraplus_weight_decay": value}
        return builders.create_loraplus_optimizer(model, adamw, lr=rate, loraplus_lr_ratio=16.0, **given)
    if name.startswith("create_riemannian_optimizer"):
        kind = sgd if name.endswith("SGD") else adamw
        return builders.create_riemannian_optimizer(model, kind, lr=rate, weight_decay=value)
    if name.startswith("create_lorafa_optimizer"):
        rank = int(setting["dimensions"])
        return builders.create_lorafa_optimizer(model, rank, 2 * rank, rate, weight_decay=value)
    return adamw([one for one in model.parameters() if one.requires_grad], lr=rate, weight_decay=value)


def tensor(model: Any, part: str) -> Any:
    if part == "product":
        return (tensor(model, "lora_B") @ tensor(model, "lora_A")).detach().clone()
    (found,) = [one for name, one in model.named_parameters() if part in name]
    return found.detach().clone()


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficient of a factor of an adapter, of their product or of a magnitude, and of a bias."""
    path, _, part = name.rpartition(".")[2].partition(":")
    if path == "KasaConfig":
        model = adapted(setting, kasa_config=KasaConfig(beta=value, gamma=0.0))
        model.base_model._get_kasa_loss().backward()
        ((diagonal, pull),) = [
            (one, one.grad) for what, one in model.named_parameters() if "lora_diag" in what
        ]
        return {"coefficient": float((pull * diagonal).sum() / diagonal.square().sum())}
    direct = path == "LoraConfig"
    model = adapted(setting, use_dora=part == "dora", bias="none" if direct else "all")
    built = optimizer(name.rpartition(".")[2], model, value, setting)
    what = {"lora": "product", "dora": "magnitude", "A": "lora_A"}.get(part, "lora_B")
    before = {key: tensor(model, key) for key in (what, "bias")}
    rates = {id(one): group["lr"] for group in built.param_groups for one in group["params"]}
    rate = {
        key: rates[id(one)]
        for key in ("lora_A", "lora_B", "magnitude", "bias")
        for label, one in model.named_parameters()
        if key in label and id(one) in rates
    }
    built.step()
    shares = {
        key: float(((one - tensor(model, key)) * one).sum() / one.square().sum())
        / rate.get(key, setting["learning_rate"])
        for key, one in before.items()
    }
    return {"coefficient": shares[what]} | ({} if direct else {"bias": shares["bias"]})
