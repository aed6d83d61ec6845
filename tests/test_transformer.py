"""A small language model: training side by side against torch's own optimisers, groups, copies, the sweep."""

import csv

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from l2scaling.chapters.transformer import groups, sweep
from l2scaling.chapters.transformer.model import Shape, begin
from l2scaling.chapters.transformer.side_by_side import MUON_MOMENTUM, Recipe, Together
from l2scaling.seeds import generator

SHAPE = Shape(vocabulary=11, width=16, context=8, head=8)
TEXT = torch.randint(11, (200,), generator=generator(0, 5))


def one_after_another(recipe, seed, decay):
    """One member as users train it: torch's optimisers, decay by parameter groups."""
    model = begin(SHAPE, seed)
    own = dict(model.named_parameters())

    def group(names):
        return [
            {
                "params": [own[name]],
                "lr": recipe.rate_of(groups.kind_of(name)),
                "weight_decay": decay if groups.kind_of(name) in recipe.decayed else 0.0,
            }
            for name in names
        ]

    muon = [name for name in own if recipe.by_muon(groups.kind_of(name))]
    optimizers = [torch.optim.AdamW(group([name for name in own if name not in muon]))]
    if muon:
        optimizers.append(torch.optim.Muon(group(muon), momentum=MUON_MOMENTUM))
    base = [[group["lr"] for group in one.param_groups] for one in optimizers]
    random = generator(seed, 1)
    for moment in recipe.moments():
        places = torch.randint(200 - 8, (recipe.batch_size, 1), generator=random)
        text = TEXT[places + torch.arange(9)]
        loss = cross_entropy(model(text[:, :-1]).flatten(0, 1), text[:, 1:].flatten())
        model.zero_grad()
        loss.backward()
        for one, rates in zip(optimizers, base, strict=True):
            for group_, rate in zip(one.param_groups, rates, strict=True):
                group_["lr"] = moment * rate
            one.step()
    return own


@pytest.fixture
def double():
    """In float32 rounding moves the biases of keys, whose gradient is zero and which change no output."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(
    ("recipe", "tolerance"),
    [
        (Recipe(steps=12), 1e-6),
        (Recipe(steps=12, slower=4.0, decayed=groups.KINDS), 1e-6),
        (Recipe(steps=12, optimizer="muon"), 0.1),  # torch's Muon rounds to bfloat16
    ],
    ids=str,
)
def test_side_by_side_is_as_one_after_another_with_torchs_optimisers(recipe, tolerance):
    seeds, decays = [3, 4], [0.5, 5.0]
    members = Together(SHAPE, recipe, TEXT.expand(2, -1), seeds, decays)
    members.train()
    for member, (seed, decay) in enumerate(zip(seeds, decays, strict=True)):
        for name, one in one_after_another(recipe, seed, decay).items():
            distance = (members.parameters[name][member] - one).norm() / one.norm()
            assert distance < tolerance, name
