"""The audit against real steps: what it says of shares, half-lives and κ, and that it changes nothing."""

import copy
import doctest
import json
import math
import random
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from l2scaling import frameworks
from l2scaling.atlas.conventions import find
from l2scaling.audit import Audit, AuditError, audit
from l2scaling.audit.findings import momentum_share

ROOT = Path(__file__).parent.parent


class Doubled(torch.optim.Optimizer):
    """An optimiser that nobody knows: twice λ of a weight goes, whatever the rate, and a step of a sign."""

    def __init__(self, params, lr=0.1, weight_decay=0.02):
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for one in group["params"]:
                if one.grad is not None:
                    one.mul_(1 - 2 * group["weight_decay"]).sub_(group["lr"] * one.grad.sign())


class Stubborn(Doubled):
    def __init__(self, params, **options):
        super().__init__(params, **options)
        self.lock = __import__("threading").Lock()  # which cannot be copied


def network():
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Embedding(7, 4), nn.Linear(4, 6), nn.LayerNorm(6), nn.ReLU(), nn.Linear(6, 2)
    ).double()


def groups(model):
    split = {True: [], False: []}
    for one in model.parameters():
        split[one.dim() > 1].append(one)
    return [{"params": split[True], "weight_decay": 0.1}, {"params": split[False], "weight_decay": 0.0}]


TORCH = {
    "SGD": lambda m: torch.optim.SGD(m.parameters(), lr=0.1, weight_decay=0.02),
    "momentum": lambda m: torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9, weight_decay=0.005),
    "dampening": lambda m: torch.optim.SGD(
        m.parameters(), lr=0.1, momentum=0.9, dampening=0.9, weight_decay=0.02
    ),
    "nesterov": lambda m: torch.optim.SGD(
        m.parameters(), lr=0.05, momentum=0.8, nesterov=True, weight_decay=0.01
    ),
    "AdamW": lambda m: torch.optim.AdamW(m.parameters(), lr=0.01),
    "AdamW in groups": lambda m: torch.optim.AdamW(groups(m), lr=0.01),
    "NAdam, decoupled": lambda m: torch.optim.NAdam(
        m.parameters(), weight_decay=0.1, decoupled_weight_decay=True
    ),
    "RAdam, decoupled": lambda m: torch.optim.RAdam(
        m.parameters(), weight_decay=0.1, decoupled_weight_decay=True
    ),
    "Adafactor": lambda m: torch.optim.Adafactor(m.parameters(), weight_decay=0.1),
    "Muon": lambda m: torch.optim.Muon([one for one in m.parameters() if one.dim() == 2], lr=0.01),
    "ASGD": lambda m: torch.optim.ASGD(m.parameters(), lr=0.01, lambd=0.0, weight_decay=0.1),
    "Adam": lambda m: torch.optim.Adam(m.parameters(), lr=0.01),
    "unknown": lambda m: Doubled(m.parameters()),
}


def by_name(found):
    return {name: row for row in found.rows for name in row.names}


@pytest.mark.parametrize("name", TORCH)
def test_torch_loses_what_is_said_in_real_steps(name):
    model = network()
    optimizer = TORCH[name](model)
    steps = 40
    rows = by_name(audit(optimizer, model, steps=steps))
    assert len(rows) == sum(len(group["params"]) for group in optimizer.param_groups)
    weights = {key: one for key, one in model.named_parameters() if key in rows}
    with torch.no_grad():
        for one in weights.values():
            one += torch.where(one < 0, -1.0, 1.0)  # none at zero, of which no share can be read
            one.grad = torch.zeros_like(one)
    seen = [{key: one.detach().clone() for key, one in weights.items()}]
    for _ in range(400):
        optimizer.step()
        seen.append({key: one.detach().clone() for key, one in weights.items()})
    for key, row in rows.items():
        shares = [1 - float((after[key] / before[key]).mean()) for before, after in pairwise(seen)]
        assert shares[0] == pytest.approx(row.first_share, rel=1e-6, abs=1e-13), key
        assert shares[-1] == pytest.approx(row.share, rel=1e-4, abs=1e-13), key
        if row.share:
            half = 1 - (1 - row.share) ** row.half_life
            assert half == pytest.approx(0.5)
            whole = max(1, round(row.half_life))
            if whole < 350:  # from where momentum has built up
                left = float((seen[40 + whole][key] / seen[40][key]).mean())
                assert left == pytest.approx((1 - row.share) ** whole, rel=5e-3), key
            assert row.kappa == pytest.approx(steps * shares[-1], rel=0.06), key


@pytest.mark.parametrize("name", ["Adam", "NAdam", "RAdam", "RMSprop", "Adagrad", "Adamax", "Adadelta"])
def test_a_pull_that_is_rescaled_has_a_penalty_and_no_half_life(name):
    model = network()
    optimizer = getattr(torch.optim, name)(model.parameters(), weight_decay=0.01)
    for row in audit(optimizer, model, steps=10).rows:
        assert (row.share, row.half_life, row.kappa, row.coefficient) == (None, None, None, 0.01)
        assert row.penalty == pytest.approx(0.005 * row.sum_squares)
        assert row.decays and row.source == find(f"torch.optim.{name}").name


def test_sums_are_those_of_all_weights_whatever_their_layout():
    shapes = {"plain": torch.randn(300, 1000), "bfloat16": torch.randn(1000, 300).bfloat16()}
    shapes |= {"turned": torch.randn(200, 999).T, "strided": torch.randn(2000, 5)[::2, 1:3]}
    shapes |= {
        "channels": torch.randn(4, 5, 6, 7).to(memory_format=torch.channels_last),
        "scalar": torch.ones(()),
    }
    shapes |= {"expanded": torch.randn(3, 1).expand(3, 50), "empty": torch.empty(0, 3)}
    for name, values in shapes.items():
        row = audit(
            torch.optim.SGD([values.requires_grad_()] if values.is_leaf else [nn.Parameter(values)])
        ).rows[0]
        wanted = float(values.detach().double().square().sum())
        assert row.sum_squares == pytest.approx(wanted, rel=1e-12), name
        assert row.count == values.numel()
        assert row.rms == pytest.approx(math.sqrt(wanted / max(row.count, 1)), rel=1e-12)


def test_kinds_are_told_by_the_model_and_by_names():
    model = network()
    found = audit(torch.optim.AdamW(model.parameters()), model)
    assert {row.kind: row.names for row in found.rows} == {
        "matrices": ("1.weight", "4.weight"), "embeddings": ("0.weight",),
        "biases": ("1.bias", "2.bias", "4.bias"), "gains": ("2.weight",),
    }  # fmt: skip
    named = audit(torch.optim.AdamW([("embed.weight", model[0].weight), ("norm.weight", model[2].weight)]))
    assert [row.kind for row in named.rows] == ["embeddings", "gains"]
    assert any("give it for names" in line for line in named.unseen)


def test_nothing_is_changed():
    model = nn.Sequential(
        nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4)),
        nn.BatchNorm1d(4),
        nn.Dropout(),
        nn.Linear(4, 1),
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=20)
    model(torch.randn(8, 4)).sum().backward()
    optimizer.step()
    scheduler.step()
    hook = optimizer.register_step_pre_hook(lambda *_: pytest.fail("a hook was called"))
    modes = [one.training for one in model.modules()]

    def state():
        kept = (
            model.state_dict(),
            optimizer.state_dict(),
            scheduler.state_dict(),
            modes,
            vars(optimizer).keys(),
        )
        return copy.deepcopy([*kept[:4], list(kept[4])]), [one.grad.clone() for one in model.parameters()]

    before, gradients = state()
    seeds = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()
    audit(optimizer, model, scheduler, steps=15)
    after, kept = state()
    assert str(before) == str(after)
    for one, two in zip(before[0].values(), after[0].values(), strict=True):
        assert torch.equal(one, two)
    assert all(torch.equal(one, two) for one, two in zip(gradients, kept, strict=True))
    assert torch.equal(seeds[0], torch.get_rng_state()) and seeds[1] == random.getstate()
    assert (seeds[2] == np.random.get_state()[1]).all()
    hook.remove()


@pytest.mark.parametrize("made", ["LambdaLR", "CosineAnnealingLR", "SequentialLR", "function", "rates"])
def test_kappa_is_the_sum_of_real_shares_over_the_schedule(made):
    model, steps = network(), 50
    optimizer = torch.optim.AdamW(groups(model), lr=0.02)
    kinds = torch.optim.lr_scheduler

    def cosine():
        return kinds.CosineAnnealingLR(optimizer, steps)

    schedules = {
        "LambdaLR": lambda: kinds.LambdaLR(optimizer, lambda step: min(step / 10, 1.0)),
        "CosineAnnealingLR": cosine,
        "SequentialLR": lambda: kinds.SequentialLR(
            optimizer, [kinds.LinearLR(optimizer, 0.1, 1.0, 10), cosine()], milestones=[10]
        ),
    }
    if made in schedules:
        scheduler = schedules[made]()
        row = audit(optimizer, model, scheduler, steps).rows[0]
        rates = []
        for _ in range(steps):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
    else:
        rates = [0.02 / (1 + step) for step in range(steps)]
        schedule = (lambda step: 0.02 / (1 + step)) if made == "function" else rates
        row = audit(optimizer, model, schedule, steps).rows[0]
    assert row.kappa == pytest.approx(0.1 * math.fsum(rates), rel=1e-9)
    assert row.rate == pytest.approx(max(rates)) and row.share == pytest.approx(0.1 * max(rates))
    assert row.wall == 10


def test_a_share_that_a_data_type_cannot_feel():
    for held, share in ((torch.bfloat16, 2**-9), (torch.float32, 2**-25)):
        for factor, felt in ((0.9, False), (2.5, True)):
            weight = nn.Parameter(torch.linspace(1, 2, 50, dtype=held))
            before = weight.detach().clone()
            optimizer = torch.optim.AdamW([weight], lr=1.0, weight_decay=factor * share, foreach=False)
            warned = any("takes nothing" in line for line in audit(optimizer).warnings)
            for _ in range(20):
                weight.grad = torch.zeros_like(weight)
                optimizer.step()
            assert warned != felt
            assert torch.equal(before, weight.detach()) != felt
    found = audit(
        torch.optim.AdamW([nn.Parameter(torch.ones(2))], lr=1e-4, weight_decay=0.1), dtype="bfloat16"
    )
    assert found.warnings == ("group 0, vectors: 1 − 1e-05 is 1 in bfloat16, so that decay takes nothing",)


def test_decay_that_nobody_set():
    model = network()
    said = "weight_decay = {} is the default"
    for optimizer, value in (
        (torch.optim.AdamW(model.parameters()), "0.01"), (torch.optim.Muon([model[1].weight]), "0.1"),
        (Doubled(model.parameters()), "0.02"),
    ):  # fmt: skip
        assert any(said.format(value) in line for line in audit(optimizer).warnings), optimizer
    for quiet in (
        torch.optim.AdamW(model.parameters(), weight_decay=0.02),
        torch.optim.Adam(model.parameters()),
    ):
        assert not any("default" in line for line in audit(quiet).warnings)


def test_a_tensor_that_is_decayed_twice():
    weight, model = nn.Parameter(torch.ones(2, 2)), network()
    with pytest.warns(UserWarning, match="duplicate"):
        optimizer = torch.optim.AdamW([weight, weight], lr=0.1, weight_decay=0.1)
    found = audit(optimizer)
    assert any("listed 2 times" in line for line in found.warnings)
    assert found.rows[0].share == pytest.approx(1 - 0.99**2)  # the real one
    assert audit(optimizer, steps=10).rows[0].kappa == pytest.approx(10 * (1 - 0.99**2))
    assert float(left_by(optimizer, weight, 1)[0, 0]) == pytest.approx(1 - found.rows[0].share)
    with pytest.warns(UserWarning, match="duplicate"):
        pulled = torch.optim.SGD([weight, weight], lr=0.1, weight_decay=0.1)
    assert any("its row has the share of one time" in line for line in audit(pulled).warnings)
    assert found.rows[0].count == 4  # a tensor is one, however often it is listed
    optimizer = torch.optim.AdamW(groups(model))
    optimizer.param_groups[1]["params"].append(model[1].weight)
    assert any("1.weight is in groups 0 and 1" in line for line in audit(optimizer, model).warnings)
    view = nn.Parameter(weight.detach())
    assert any(
        "one memory" in line for line in audit(torch.optim.SGD([weight, view], weight_decay=0.1)).warnings
    )


def test_frozen_parameters():
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.1)
    model[0].weight.requires_grad_(False)
    model[1].weight.requires_grad_(False)
    model[1].weight.grad = torch.zeros_like(model[1].weight)
    model[4].weight.grad = torch.zeros_like(model[4].weight)
    model[4].bias.grad = torch.ones_like(model[4].bias)
    found = audit(optimizer, model)
    assert not by_name(found)["0.weight"].decays and any("0.weight" in line for line in found.known)
    assert any("1.weight: frozen, but an old gradient" in line for line in found.warnings)
    assert any(line.startswith("4.weight: the gradient is zeros") for line in found.warnings)
    before = {name: one.detach().clone() for name, one in model.named_parameters()}
    optimizer.step()
    moved = {name for name, one in model.named_parameters() if not torch.equal(one, before[name])}
    assert moved == {"1.weight", "4.weight", "4.bias"}


def test_parametrisations_under_which_decay_does_nothing():
    made = {
        "weight_norm": (nn.utils.parametrizations.weight_norm, ["original1"]),
        "spectral_norm": (nn.utils.parametrizations.spectral_norm, ["original"]),
        "orthogonal": (nn.utils.parametrizations.orthogonal, ["original"]),
    }
    for name, (wrap, without) in made.items():
        torch.manual_seed(0)
        layer = wrap(nn.Linear(4, 4)).double()
        optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1, weight_decay=0.1)
        told = [line for line in audit(optimizer, layer).warnings if "decay acts as a rate only" in line]
        assert [line.split()[0].rpartition(".")[2] for line in told] == without, name
        # in truth: decaying what is named alone leaves the weight as it is
        before = layer.weight.detach().clone()
        originals = dict(layer.parametrizations.weight.named_parameters())
        for one in without:
            originals[one].grad = torch.zeros_like(originals[one])
        layer.eval()
        optimizer.step()
        assert torch.allclose(layer.weight, before, atol=1e-6), name


def test_weights_before_a_normalisation():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.norm = nn.Conv2d(2, 3, 3, bias=False), nn.BatchNorm2d(3)
            self.second, self.out = nn.Conv2d(3, 3, 1), nn.Linear(3, 2)

        def forward(self, x):
            h = self.norm(self.first(x))
            h = h + self.second(h)
            return self.out(h.mean((2, 3)))

    class Branching(Block):
        def forward(self, x):
            return super().forward(x) if x.sum() > 0 else x

    torch.manual_seed(0)
    block = Block()
    found = audit(torch.optim.AdamW(block.parameters()), block)
    (line,) = [one for one in found.warnings if "normalisation follows" in one]
    assert line.startswith("first.weight: ")
    x = torch.randn(4, 2, 5, 5)
    before = block(x)
    with torch.no_grad():
        block.first.weight.mul_(2)
    assert torch.allclose(before, block(x), atol=1e-4)
    branching = Branching()
    assert any(
        "cannot be traced" in one
        for one in audit(torch.optim.AdamW(branching.parameters()), branching).unseen
    )


def test_what_is_not_known_is_measured_and_says_so():
    model = network()
    found = audit(Doubled(model.parameters(), lr=0.3), model, steps=100)
    row = found.rows[0]
    assert (row.source, row.share) == ("measured", pytest.approx(0.04))
    assert row.kappa == pytest.approx(4.0)  # whatever the rate
    assert any("a rule by size or by step number is not seen" in line for line in found.known)
    found = audit(Stubborn(model.parameters()), model)
    assert any("could not be stepped on a copy" in line for line in found.warnings)
    assert found.rows[0].share is None


def test_a_known_class_that_does_something_else_is_measured(monkeypatch):
    real = torch.optim.AdamW.step

    @torch.no_grad()
    def odd(self, closure=None):
        real(self, closure)
        for one in self.param_groups[0]["params"]:
            one.mul_(0.75)

    monkeypatch.setattr(torch.optim.AdamW, "step", odd)
    found = audit(torch.optim.AdamW(network().parameters(), lr=0.1, weight_decay=0.1))
    assert found.rows[0].share == pytest.approx(1 - 0.99 * 0.75)
    assert any("which the atlas does not foretell" in line for line in found.known)


def test_a_rate_of_zero_is_told():
    optimizer = torch.optim.AdamW(network().parameters(), lr=0.0, weight_decay=0.1)
    assert any("learning rate is 0" in line for line in audit(optimizer).warnings)


def test_a_forward_that_keeps_what_it_sees_is_left_alone():
    class Inner(nn.Sequential):
        pass

    seen = []
    inner = Inner(nn.Linear(2, 2), nn.Tanh())
    inner.register_forward_hook(lambda *given: seen.append(given))
    model = nn.Sequential(inner, nn.Linear(2, 1))
    found = audit(torch.optim.SGD(model.parameters(), weight_decay=0.1), model)
    assert not seen and not any("traced" in line for line in found.unseen)


def test_parameters_that_the_optimiser_lacks():
    model = network()
    found = audit(torch.optim.SGD(model[1].parameters(), weight_decay=0.1), model)
    assert any("does not have" in line and "0.weight" in line for line in found.warnings)


def test_the_result_is_plain_and_for_programs():
    found = audit(torch.optim.AdamW(network().parameters()), steps=10)
    assert isinstance(found, Audit) and json.loads(json.dumps(found.to_dict()))["rows"][0]["decays"]
    lines = str(found).splitlines()
    assert lines[0] == "torch.optim.AdamW" and len(lines) == 2 + len(found.rows) + len(
        [*found.known, *found.warnings, *found.unseen]
    )
    with pytest.raises(AttributeError):
        found.steps = 3


def _nonsense():
    weight = nn.Parameter(torch.ones(2))
    sgd, other = torch.optim.SGD([weight]), torch.optim.SGD([weight])
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(sgd)
    return {
        "text": (("adamw",), {}), "nothing": ((None,), {}), "class": ((torch.optim.SGD,), {}),
        "model first": ((network(),), {}), "other model": ((sgd, network()), {}),
        "no model": ((sgd, [weight]), {}), "steps": ((sgd,), {"steps": 0}), "half": ((sgd,), {"steps": 1.5}),
        "truth": ((sgd,), {"steps": True}), "dtype": ((sgd,), {"dtype": "float7"}),
        "integers": ((sgd,), {"dtype": torch.int64}), "params": ((sgd,), {"params": {}}),
        "no steps": ((sgd,), {"schedule": lambda step: 0.1}),
        "words": ((sgd,), {"schedule": "cosine", "steps": 3}),
        "negative": ((sgd,), {"schedule": lambda step: -1.0, "steps": 3}),
        "nan": ((sgd,), {"schedule": [0.1, math.nan]}), "short": ((sgd,), {"schedule": [0.1], "steps": 2}),
        "tuple": ((sgd,), {"schedule": lambda step: (1, 2), "steps": 2}),
        "plateau": ((sgd, None, plateau, 5), {}), "foreign": ((other, None, plateau, 5), {}),
        "long": ((sgd, None, torch.optim.lr_scheduler.OneCycleLR(sgd, 0.1, total_steps=3), 9), {}),
        "lazy": ((torch.optim.SGD(nn.LazyLinear(3).parameters()),), {}),
        "meta": ((torch.optim.SGD([nn.Parameter(torch.ones(2, device="meta"))]),), {}),
    }  # fmt: skip


@pytest.mark.parametrize("name", _nonsense())
def test_nonsense_is_refused_in_one_line(name):
    given, options = _nonsense()[name]
    with pytest.raises(AuditError, match=r"allowed: ") as caught:
        audit(*given, **options)
    assert "\n" not in str(caught.value)


def test_the_share_of_momentum_is_that_of_its_recursion():
    rng = np.random.default_rng(5)
    for _ in range(200):
        rate, c, decay = rng.uniform(0.01, 0.3), rng.uniform(0, 0.05), rng.uniform(0, 0.05)
        momentum, nesterov = rng.uniform(0, 0.95), bool(rng.integers(2))
        weight, held = 1.0, 0.0
        norms = []
        for _ in range(3000):
            gradient = c * weight
            held = momentum * held + gradient
            weight = (1 - rate * decay) * weight - rate * (gradient + momentum * held if nesterov else held)
            norms.append(math.hypot(weight, held))
            if norms[-1] < 1e-250:
                break
        share = momentum_share(rate, c, momentum, nesterov=nesterov, decay=decay)
        half = len(norms) // 2
        slope = (math.log(norms[-1]) - math.log(norms[half])) / (len(norms) - 1 - half)
        assert math.log1p(-share) == pytest.approx(slope, rel=0.03, abs=1e-6)


def left_by(optimizer, weight, steps, scheduler=None):
    """Return the weight after real steps with a gradient of zeros."""
    for _ in range(steps):
        weight.grad = torch.zeros_like(weight)
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
    return weight.detach()


def test_kappa_follows_a_schedule_that_cycles_momentum():
    weight = nn.Parameter(torch.ones(3, dtype=torch.float64))
    optimizer = torch.optim.SGD([weight], lr=0.1, momentum=0.9, weight_decay=1e-3)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.5, total_steps=2001)
    row = audit(optimizer, None, scheduler, 2000).rows[0]
    assert row.kappa == pytest.approx(4.31, rel=0.03)
    assert row.share == pytest.approx(momentum_share(0.5, 1e-3, 0.85), rel=1e-3)
    left = float(left_by(optimizer, weight, 2000, scheduler)[0])
    assert row.kappa == pytest.approx(-math.log(left), rel=1e-3)

    class Heavy(torch.optim.SGD):
        def step(self, closure=None):
            for one in self.param_groups[0]["params"]:
                one.grad = one.grad + 0.01 * one.detach()
            return super().step(closure)

    optimizer = Heavy([weight], lr=0.1, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.5, total_steps=100)
    found = audit(optimizer, None, scheduler, 50)
    assert found.rows[0].kappa is None
    assert any("the schedule changes momentum too" in line for line in found.warnings)


def test_weights_that_momentum_makes_swing():
    weight = nn.Parameter(torch.ones(3, dtype=torch.float64))
    optimizer = torch.optim.SGD([weight], lr=0.1, momentum=0.9, weight_decay=0.1)
    found = audit(optimizer, steps=400)
    (row,) = found.rows
    assert row.share == pytest.approx(1 - math.sqrt(0.9)) and row.kappa == pytest.approx(400 * row.share)
    assert any("swing about zero" in line for line in found.warnings)
    first = np.array([float(abs(left_by(optimizer, weight, 1)[0])) for _ in range(400)])
    assert -math.log(first[-70:].max() / first[:70].max()) / 330 == pytest.approx(row.share, rel=0.05)
    weight.grad = None
    quiet = audit(torch.optim.SGD([weight], lr=0.1, momentum=0.9, weight_decay=0.01), steps=9)
    assert not quiet.warnings and not quiet.rows[0].swings


def test_a_decay_that_takes_all_of_a_weight():
    weight = nn.Parameter(torch.ones(3))
    for made in (torch.optim.SGD, torch.optim.AdamW):
        found = audit(made([weight], lr=1.0, weight_decay=1.0))
        assert found.rows[0].share == 1 and any("takes all of a weight" in one for one in found.warnings)


def test_a_share_that_only_part_of_the_weights_feel():
    for held, some in ((torch.bfloat16, 2**-9), (torch.float32, 2**-25)):
        for factor in (0.9, 1.5, 2.1):
            weight = nn.Parameter(torch.linspace(1, 1.999, 60, dtype=torch.float64).to(held))
            before = weight.detach().clone()
            optimizer = torch.optim.AdamW([weight], lr=1.0, weight_decay=factor * some, foreach=False)
            told = audit(optimizer).warnings
            if held is torch.bfloat16:  # torch multiplies by 1 − share in float32
                lost = before != left_by(optimizer, weight, 1)
                assert bool(lost.any()) == (factor > 1) and bool(lost.all()) == (factor > 2)
            assert any("acts on a part" in line for line in told) == (1 < factor < 2)
            assert any("takes nothing" in line for line in told) == (factor < 1)


def test_normalisations_that_do_not_take_a_size_out():
    class Used(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two, self.three = (nn.Linear(4, 4, bias=False) for _ in range(3))
            self.norm, self.frozen = nn.LayerNorm(4), nn.BatchNorm1d(4)

        def forward(self, x):
            x = self.norm(self.one(self.norm(self.one(x)))) @ self.one.weight
            x = self.two(self.norm(self.two(x)))
            return self.frozen(self.three(x))

    model = Used()
    optimizer = torch.optim.SGD(model.parameters(), weight_decay=0.1)
    (line,) = [one for one in audit(optimizer, model).warnings if "normalisation follows" in one]
    assert line.startswith("three.weight: ") and "where nothing else uses" in line
    model.frozen.eval()
    assert not any("normalisation follows" in one for one in audit(optimizer, model).warnings)


# Keras


@pytest.fixture(scope="module")
def keras():
    return frameworks.keras()


def plain(variable):
    return variable.value.detach().numpy()


def dense(keras, regularizer=None):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((5,)), layers.Embedding(9, 3), layers.Flatten(),
            layers.Dense(4, use_bias=False, kernel_regularizer=regularizer, name="inner"),
            layers.LayerNormalization(), layers.Dense(2, bias_initializer="ones"),
        ]
    )  # fmt: skip


KERAS = {
    "SGD": lambda k: k.optimizers.SGD(0.1, weight_decay=0.05),
    "SGD with momentum": lambda k: k.optimizers.SGD(0.1, momentum=0.9, weight_decay=0.05),
    "AdamW": lambda k: k.optimizers.AdamW(0.1),
    "Lion": lambda k: k.optimizers.Lion(0.1, weight_decay=0.05),
    "Muon": lambda k: k.optimizers.Muon(0.1, weight_decay=0.05, adam_weight_decay=0.02),
    "Lamb": lambda k: k.optimizers.Lamb(0.1, weight_decay=0.05),
    "Adafactor": lambda k: k.optimizers.Adafactor(0.1, weight_decay=0.05),
    "Adam": lambda k: k.optimizers.Adam(0.1),
    "accumulating": lambda k: k.optimizers.AdamW(0.1, weight_decay=0.05, gradient_accumulation_steps=3),
    "scaled": lambda k: k.optimizers.LossScaleOptimizer(k.optimizers.AdamW(0.1), initial_scale=1.0),
}


@pytest.mark.parametrize("name", KERAS)
@pytest.mark.parametrize("excluded", [False, True])
def test_keras_loses_what_is_said_in_real_steps(keras, name, excluded):
    model, optimizer = dense(keras), KERAS[name](keras)
    if excluded:
        getattr(optimizer, "inner_optimizer", optimizer).exclude_from_weight_decay(
            var_names=["bias", "gamma", "beta"]
        )
    model.compile(optimizer, "mse")
    rows = by_name(audit(model, steps=12))
    for one in model.trainable_variables:
        one.assign(1 + one)
    before = {one.path: plain(one).astype(float) for one in model.trainable_variables}
    for _ in range(12):
        optimizer.apply(
            [keras.ops.zeros_like(one) for one in model.trainable_variables], model.trainable_variables
        )
    for one in model.trainable_variables:
        row = rows[one.path]
        left = float((plain(one) / before[one.path]).mean())
        assert left == pytest.approx((1 - row.share) ** (12 // row.every), abs=1e-5), one.path
        assert row.decays == (left < 1 - 1e-4), one.path
        if row.decays:
            assert left == pytest.approx(0.5 ** (12 / row.half_life), rel=1e-3)
            assert row.kappa == pytest.approx(12 // row.every * row.share, rel=1e-6)
        if excluded and row.kind in ("biases", "gains"):
            assert not row.decays


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own
@pytest.mark.parametrize(("momentum", "decay"), [(0.0, None), (0.9, None), (0.9, 0.03)])
def test_a_keras_penalty_pulls_as_said_in_real_training(keras, momentum, decay):
    model = dense(keras, keras.regularizers.L2(0.01))
    model.compile(keras.optimizers.SGD(0.1, momentum=momentum, weight_decay=decay), "mse")
    found = audit(model, steps=10)
    (kernel,) = [one for one in model.trainable_variables if "inner" in one.path]
    row = by_name(found)[kernel.path]
    values = plain(kernel).astype(float)
    assert row.coefficient == 0.02 and row.penalty == pytest.approx(0.01 * np.sum(values**2), rel=1e-6)
    assert float(sum(model.losses).detach()) == pytest.approx(row.penalty, rel=1e-6)
    both = any("a penalty in the loss and decay in the optimizer" in line for line in found.warnings)
    assert both == (decay is not None)
    # the gain at zero lets no data gradient through to the kernel
    for one in model.trainable_variables:
        if one.name == "gamma":
            one.assign(0 * one)
    inputs, sizes = np.arange(10).reshape(2, 5) % 9, [values]
    model.layers[3].trainable = False
    model.compile(model.optimizer, "mse")
    for _ in range(200):
        model.train_on_batch(inputs, model.predict_on_batch(inputs))
        sizes.append(plain(kernel).astype(float))
    shares = [1 - float(np.vdot(two, one) / np.vdot(one, one)) for one, two in pairwise(sizes)]
    assert shares[0] == pytest.approx(row.first_share, rel=1e-3)
    assert shares[-1] == pytest.approx(row.share, rel=1e-3)


def test_keras_changes_nothing_and_warns(keras):
    model = dense(keras, keras.regularizers.L1L2(0.01, 0.02))
    model.compile(
        keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(0.1, 50), weight_decay=0.004), "mse"
    )
    model.fit(np.ones((4, 5)), np.ones((4, 2)), verbose=0)

    def state():
        return [plain(one).copy() for one in [*model.variables, *model.optimizer.variables]]

    before, random_state = state(), torch.get_rng_state()
    name = keras.layers.Dense(1).name
    found = audit(model, steps=49)
    assert all((one == two).all() for one, two in zip(before, state(), strict=True))
    assert torch.equal(random_state, torch.get_rng_state())
    assert int(keras.layers.Dense(1).name.rpartition("_")[2]) == int(name.rpartition("_")[2]) + 1
    text = " ".join(found.warnings)
    for said in (
        "weight_decay = 0.004 is the default",
        "an L1 pull of 0.01",
        "a penalty in the loss and decay",
    ):
        assert said in text
    assert "inner/kernel: a normalisation follows" in text
    rates = [float(model.optimizer._learning_rate(step)) for step in range(1, 50)]
    assert found.rows[-1].kappa == pytest.approx(0.004 * sum(rates), rel=1e-5)


def test_a_regulariser_of_the_users_is_tried_on_the_real_shape(keras):
    def mean(values):
        return 1e-3 * keras.ops.sum(values**2) / (8 * 6 if values.shape[0] == 6 else values.shape[0])

    def refuses(values):
        raise KeyError("not\nthis one")

    def other(values):
        return 0.1 * keras.ops.sum(keras.ops.abs(values)) ** 2

    for regularizer, coefficient, said in (
        (mean, 2e-3 / 48, None), (refuses, 0.0, "which cannot be tried ('not"),
        (other, 0.0, "regulariser other"),
    ):  # fmt: skip
        layer = keras.layers.Dense(8, kernel_regularizer=regularizer)
        model = keras.Sequential([keras.Input((6,)), layer])
        model.compile(keras.optimizers.SGD(0.1), "mse")
        found = audit(model)
        row = by_name(found)[layer.kernel.path]
        assert row.coefficient == pytest.approx(coefficient, rel=1e-4)
        assert said is None or any(said in line for line in found.warnings)
        assert any("add_loss" in line for line in found.unseen)


@pytest.mark.parametrize("made", ["SGD", "AdamW"])
def test_keras_decay_of_one(keras, made):
    for rate, share in ((1e-3, 1e-3), (1.0, 1.0)):
        model = dense(keras)
        model.compile(getattr(keras.optimizers, made)(rate, weight_decay=1.0), "mse")
        found = audit(model)
        assert {round(row.share, 7) for row in found.rows} == {share}, found
        assert {row.decay for row in found.rows} == {1.0}
        assert any("takes all of a weight" in one for one in found.warnings) == (share == 1)


def test_keras_batch_normalisation_that_is_frozen(keras):
    for frozen in (False, True):
        layers = [keras.Input((6,)), keras.layers.Dense(8), keras.layers.BatchNormalization()]
        layers[2].trainable = not frozen
        model = keras.Sequential(layers)
        model.compile(keras.optimizers.AdamW(), "mse")
        assert any("normalisation follows" in one for one in audit(model).warnings) != frozen


def test_keras_nonsense_is_refused(keras):
    unbuilt = keras.Sequential([keras.layers.Dense(2)])
    for given in (
        (dense(keras),), (keras.optimizers.SGD(),), (keras.optimizers.SGD(), network()),
        (keras.optimizers.SGD(), unbuilt),
    ):  # fmt: skip
        with pytest.raises(AuditError, match="allowed: "):
            audit(*given)


# Optax


@pytest.fixture(scope="module")
def optax():
    return frameworks.load("optax")


PARAMS = {
    "embed": {"embedding": np.full((5, 3), 0.5, np.float32)},
    "dense": {"kernel": np.full((3, 2), 2.0, np.float32), "bias": np.ones(2, np.float32)},
}
MASK = {"embed": {"embedding": True}, "dense": {"kernel": True, "bias": False}}
OPTAX = {
    "adamw": lambda o: o.adamw(0.1, weight_decay=0.05),
    "adamw, masked": lambda o: o.adamw(0.1, weight_decay=0.05, mask=MASK),
    "adamw, scheduled": lambda o: o.adamw(o.linear_schedule(0.0, 0.1, 10), weight_decay=0.05),
    "pull before sgd": lambda o: o.chain(o.add_decayed_weights(0.05), o.sgd(0.1)),
    "pull before momentum": lambda o: o.chain(o.add_decayed_weights(0.005), o.sgd(0.1, momentum=0.9)),
    "accumulating": lambda o: o.MultiSteps(o.adamw(0.1, weight_decay=0.05), 4),
    "lion": lambda o: o.lion(0.1, weight_decay=0.05),
    "adam": lambda o: o.adam(0.1),
    "labelled": lambda o: o.multi_transform(
        {"on": o.adamw(0.1, weight_decay=0.05), "off": o.set_to_zero()},
        {"embed": {"embedding": "off"}, "dense": {"kernel": "on", "bias": "on"}},
    ),
}


@pytest.mark.parametrize("name", OPTAX)
def test_optax_loses_what_is_said_in_real_steps(optax, name):
    jax = frameworks.load("jax")
    transform, steps = OPTAX[name](optax), 60
    rows = by_name(audit(transform, params=PARAMS, steps=steps))
    assert set(rows) == {"embed/embedding", "dense/kernel", "dense/bias"}
    zero = jax.tree_util.tree_map(np.zeros_like, PARAMS)
    update, params, state = jax.jit(transform.update), PARAMS, transform.init(PARAMS)
    seen = [params]
    for _ in range(steps):
        updates, state = update(zero, state, params)
        params = optax.apply_updates(params, updates)
        seen.append(params)
    for key, row in rows.items():
        outer, inner = key.split("/")
        sizes = [float(np.mean(np.asarray(one[outer][inner], float))) for one in seen]
        left = sizes[-1] / sizes[0]
        if "momentum" in name:
            assert sizes[-1] / sizes[-21] == pytest.approx((1 - row.share) ** 20, rel=1e-3)
            assert row.kappa == pytest.approx(-math.log(left), rel=0.05)
            continue
        assert row.kappa == pytest.approx(-math.log(left), rel=0.04, abs=1e-6), key
        if row.decays:
            assert row.share == pytest.approx(max(1 - b / a for a, b in pairwise(sizes)), rel=1e-3)
            assert row.decay == pytest.approx(0.05, rel=1e-3) and row.rate == pytest.approx(0.1, rel=1e-3)
            if "sgd" not in name:
                assert row.wall == pytest.approx(20, rel=1e-3)
            if "scheduled" not in name:
                assert left == pytest.approx(0.5 ** (steps / row.half_life), rel=1e-3)
        assert row.every == (4 if name == "accumulating" else 1)
    off = {"adamw, masked": {"dense/bias"}, "labelled": {"embed/embedding"}, "adam": set(rows)}.get(
        name, set()
    )
    assert {key for key, row in rows.items() if not row.decays} == off


def test_optax_warns(optax):
    said = {
        "default of optax.adamw": optax.adamw(0.1),
        "trust ratio": optax.lamb(0.1, weight_decay=0.1),
        "grow by 0.01": optax.chain(optax.sgd(0.1), optax.add_decayed_weights(0.01)),
    }
    for text, transform in said.items():
        assert any(text in line for line in audit(transform, params=PARAMS).warnings), text
    rescaled = audit(optax.chain(optax.add_decayed_weights(0.01), optax.adam(0.1)), params=PARAMS)
    assert {row.share for row in rescaled.rows} == {None} and rescaled.rows[0].coefficient == 0.01
    for given in ({}, {"params": {}}, {"params": {"a": "b"}}, {"params": PARAMS, "model": network()}):
        with pytest.raises(AuditError, match="allowed: "):
            audit(optax.adamw(0.1), **given)
    with pytest.raises(AuditError, match="allowed: "):
        audit(optax.adamw(0.1, mask={"other": True}), params=PARAMS)


def test_optax_weights_that_swing_do_not_grow(optax):
    swinging = optax.chain(optax.add_decayed_weights(0.1), optax.sgd(0.1, momentum=0.9))
    found = audit(swinging, params=PARAMS, steps=100)
    text = " ".join(found.warnings)
    assert "swing about zero" in text and "grow" not in text
    for row in found.rows:
        assert row.share == pytest.approx(1 - math.sqrt(0.9), rel=1e-3)
        assert row.kappa == pytest.approx(100 * row.share)
    cosine = optax.cosine_decay_schedule(0.1, 100)
    for weights in (0.1, 0.3, 1.0):
        scheduled = optax.chain(optax.add_decayed_weights(weights), optax.sgd(cosine, momentum=0.9))
        found = audit(scheduled, params=PARAMS, steps=100)
        assert {row.share for row in found.rows} == {None}
        text = " ".join(found.warnings)
        assert "swing about zero while a schedule" in text and "grow" not in text
    found = audit(optax.chain(optax.add_decayed_weights(1.0), optax.sgd(1.0)), params=PARAMS)
    assert {row.share for row in found.rows} == {1.0}


def test_the_page_prints_what_it_shows():
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "book" / "audit.md").read_text(), re.M | re.S)
    page = doctest.DocTestParser().get_doctest(
        "\n".join(blocks), {"__name__": "__main__"}, "audit.md", None, 0
    )
    assert len(page.examples) > 20
    told = []
    result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(page, out=told.append)
    assert not result.failed, "".join(told)
