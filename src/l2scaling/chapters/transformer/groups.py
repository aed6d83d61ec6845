"""The kinds of parameters of a model, and which of them usual recipes leave without decay."""

import re
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from l2scaling.chapters.transformer.model import CharacterModel, Shape

KINDS = ("matrices", "head", "embeddings", "gains", "biases")
"""Weights of linear layers in blocks; the last linear layer; what characters and positions are looked up
in; gains of normalisations; biases, those of normalisations too."""


def kind_of(name: str) -> str:
    """Return the kind of a parameter of ``CharacterModel`` by its name.

    >>> kind_of("blocks.0.norm_1.weight"), kind_of("blocks.0.norm_1.bias"), kind_of("positions.weight")
    ('gains', 'biases', 'embeddings')
    """
    if name.endswith("bias"):
        return "biases"
    if "norm" in name:
        return "gains"
    if name.startswith("head"):
        return "head"
    return "matrices" if name.startswith("blocks") else "embeddings"


def kinds(parameters: Mapping[str, Tensor]) -> dict[str, list[Tensor]]:
    """Return parameters by kind, kinds that the model lacks left out.

    >>> from l2scaling.chapters.transformer.model import begin
    >>> {kind: len(own) for kind, own in kinds(dict(begin(Shape(68, 16), 0).named_parameters())).items()}
    {'matrices': 8, 'head': 1, 'embeddings': 2, 'gains': 5, 'biases': 13}
    """
    found: dict[str, list[Tensor]] = {one: [] for one in KINDS}
    for name, own in parameters.items():
        found[kind_of(name)].append(own)
    return {kind: own for kind, own in found.items() if own}


Rule = Callable[[nn.Module], set[str]]


def all_of_them(model: nn.Module) -> set[str]:
    """torch's optimisers, given ``model.parameters()``: everything decays."""
    return {name for name, _ in model.named_parameters()}


_FORBIDDEN = re.compile(r"bias|layernorm|rmsnorm|(?:^|\.)norm(?:$|\.)|_norm(?:$|\.)")


def trainer(model: nn.Module) -> set[str]:
    """The Trainer of transformers: all but what lies in a LayerNorm, or has bias or norm in its name."""
    inside = {
        f"{name}.{own}" if name else own
        for name, module in model.named_modules()
        if isinstance(module, nn.LayerNorm)
        for own, _ in module.named_parameters()
    }
    return {one for one in all_of_them(model) - inside if not _FORBIDDEN.search(one.lower())}


def timm(model: nn.Module) -> set[str]:
    """timm: all but tensors of one dimension and names that end in ``.bias``; a model can name more."""
    named: set[str] = getattr(model, "no_weight_decay", set)()
    return {
        name
        for name, own in model.named_parameters()
        if own.ndim > 1 and not name.endswith(".bias") and name not in named
    }


def linear_only(model: nn.Module) -> set[str]:
    """minGPT: weights of linear layers, and nothing else; embeddings are left out."""
    return {
        f"{name}.weight" for name, module in model.named_modules() if isinstance(module, nn.Linear)
    } & all_of_them(model)


RULES: dict[str, Rule] = {
    "torch": all_of_them, "transformers": trainer, "timm": timm, "minGPT": linear_only,
}  # fmt: skip


def shares(model: nn.Module, rule: Rule) -> tuple[float, float]:
    """Return which share of the parameters, and of the sum of their squares, a rule leaves undecayed.

    Tied parameters are counted once. A model on the device ``meta`` has no squares: the second is NaN.

    >>> from l2scaling.chapters.transformer.model import begin
    >>> [round(share, 3) for share in shares(begin(Shape(68, 32), 0), timm)]
    [0.029, 0.436]
    """
    decayed = rule(model)
    kept = [own for name, own in model.named_parameters() if name not in decayed]
    every = list(model.parameters())
    count = sum(one.numel() for one in kept) / sum(one.numel() for one in every)
    if every[0].is_meta:
        return count, float("nan")
    squares = [sum(float(one.detach().square().sum()) for one in part) for part in (kept, every)]
    return count, squares[0] / squares[1]


def gpt2_small() -> CharacterModel:
    """Return a model of GPT-2 small's size, without storage: its parameters can be counted.

    >>> sum(one.numel() for one in gpt2_small().parameters())
    124439808
    """
    with torch.device("meta"):
        return CharacterModel(Shape(50257, 768, blocks=12, context=1024, head=64, tied=True))
