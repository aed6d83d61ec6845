"""A small language model: training side by side against torch's own optimisers, groups, copies, the sweep."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from l2scaling.chapters.transformer import copies, groups, judging, sweep, wall
from l2scaling.chapters.transformer.model import Shape, begin
from l2scaling.chapters.transformer.side_by_side import MUON_MOMENTUM, Recipe, Together
from l2scaling.frameworks import keras
from l2scaling.seeds import generator
from l2scaling.training import orthogonal

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


@pytest.mark.parametrize("by", [orthogonal.newton_schulz, orthogonal.polar])
@pytest.mark.parametrize("shape", [(3, 4, 6), (3, 6, 4)])
def test_stacked_matrices_are_made_orthogonal_each_for_itself(by, shape):
    stack = torch.randn(shape, dtype=torch.float64, generator=generator(0, 8))
    torch.testing.assert_close(by(stack), torch.stack([by(one) for one in stack]))


# ---------------------------------------------------------------- groups


def test_rules_leave_out_what_they_say():
    model = begin(SHAPE, 0)
    left = {
        name: {groups.kind_of(one) for one, _ in model.named_parameters() if one not in rule(model)}
        for name, rule in groups.RULES.items()
    }
    assert left == {
        "torch": set(),
        "transformers": {"gains", "biases"},
        "timm": {"gains", "biases"},
        "minGPT": {"gains", "biases", "embeddings"},
    }


def test_kinds_are_all_parameters_once():
    named = dict(begin(SHAPE, 0).named_parameters())
    assert sum(len(own) for own in groups.kinds(named).values()) == len(named)


# ---------------------------------------------------------------- copies


def narrow(tied=False):
    shape = replace(SHAPE, tied=tied)
    start = {name: one.detach().double() for name, one in begin(shape, 1).named_parameters()}
    random = generator(0, 7)
    start = {name: one + torch.randn(one.shape, generator=random) / 10 for name, one in start.items()}
    return copies.Training(shape, start, torch.randint(11, (6, 4, 9), generator=random))


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("k", [2, 3])
def test_copies_compute_the_same_with_the_gradients_that_are_proved(tied, k):
    training = narrow(tied)
    text = training.windows[0]
    found = []
    for model in (training.model(1), training.model(k)):
        logits = model(text[:, :-1])
        cross_entropy(logits.flatten(0, 1), text[:, 1:].flatten()).backward()
        found.append((logits, {name: one.grad for name, one in model.named_parameters()}))
    (logits, gradients), (wide_logits, wide) = found
    torch.testing.assert_close(wide_logits, logits)
    for name, one in copies.widen(gradients, k).items():
        copying = copies.COPYING[groups.kind_of(name)]
        torch.testing.assert_close(wide[name], one / float(k) ** (copying.many + 2 * copying.size))


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("name", copies.OPTIMIZERS)
def test_told_as_proved_copies_keep_the_path_and_told_otherwise_not(name, tied):
    training = narrow(tied)
    original = copies.follow(name, training, 1)
    assert copies.drift(copies.follow(name, training, 2), original) < 1e-12
    wrong = dict.fromkeys(groups.KINDS, (1, 0))
    assert copies.drift(copies.follow(name, training, 2, wrong), original) > 1e-3


# ---------------------------------------------------------------- the sweep


def test_repetitions_read_other_pieces_of_the_text_and_are_judged_by_yet_another():
    first, second = sweep.texts(1, 0), sweep.texts(1, 1)
    assert [len(one) for one in first] == [sweep.CHARACTERS + 1, sweep.HELD_OUT + 1]
    assert not torch.equal(first[0], second[0])
    letters, numbers = sweep.alphabet()
    assert "".join(letters[one] for one in numbers[:16]) == "In the beginning"


def test_rows_of_a_model_are_read_back_and_trained_again_to_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "STEPS", 4)
    cell = sweep.Cell("muon", "by-width", 16)
    rows = sweep.rows(cell, seed=1, repetitions=2)
    path = tmp_path / "table.csv"
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(reversed(rows))
    (one,) = sweep.read_table(path).values()
    assert one.cell == cell
    assert one.losses.shape == (sweep.PLACES, 2)
    np.testing.assert_allclose(one.coefficients, cell.lattice(), rtol=1e-6)
    tabled, again = sweep.audit([one], 1, seed=0)
    np.testing.assert_allclose(again, tabled, rtol=1e-4)


def parabola(width, best, batch_size=8):
    cell = sweep.Cell("adamw", width=width, batch_size=batch_size)
    losses = 2 + (np.log10(cell.lattice() / best) ** 2)[:, None] / 10 + [[0.0, 0.01, 0.02]]
    return sweep.Curve(cell, width**2, 1, cell.lattice(), cell.lattice(), losses, losses, {})


def test_exponents_and_what_rules_cost():
    row = [parabola(width, 2 * (width / 32) ** 0.5) for width in (32, 64, 128)]
    found = judging.exponent([32, 64, 128], row)
    assert found[:3] == pytest.approx((0.5, 0.5, 0.5))
    assert judging.dearer(row, "1/P", "√width").low > 0.03
    assert sweep.carried(row[0], row[-1], 2.0).estimate == pytest.approx(0, abs=1e-3)
    assert sweep.excess(row[0], row[0])[:3] == (0, 0, 0)


def test_between_the_places_of_a_lattice_a_price_is_that_of_the_curve():
    row = [parabola(width, 2 * (width / 32) ** 0.5) for width in (32, 128)]
    told = {rule: judging.told(row, rule) for rule in ("kept", "√width", "1/P")}
    assert told["√width"] == pytest.approx(2 * told["kept"])
    exact = (np.log10(4 / row[1].coefficients) ** 2).min() / 10
    price = judging.between(row[1], told["kept"])
    assert price == pytest.approx((np.log10(2) ** 2 / 10 - exact) / row[1].means.min(), abs=5e-4)
    assert np.isnan(judging.between(row[1], told["1/P"]))


def test_a_best_beyond_the_lattice_has_no_exponent():
    row = [parabola(32, 2.0), parabola(64, 1e4)]
    assert row[1].void
    assert np.isnan(judging.exponent([32, 64], row).estimate)


# ---------------------------------------------------------------- walls


def watched(rate, decays, lams, make=None, steps=40):
    recipe = Recipe(steps=steps, rate=rate)
    more = {} if make is None else {"make": make}
    members = Together(SHAPE, recipe, TEXT.expand(2, -1), [3, 3], decays, **more)
    return recipe, members, wall.approach(members, np.array(lams), seen=8)


def test_lion_steps_as_that_of_keras():
    start = torch.randn(7, generator=generator(0, 9))
    ours = start.clone()
    lion = wall.Lion([ours], lr=0.1)
    variable = keras().Variable(start.numpy())
    theirs = keras().optimizers.Lion(0.1, beta_1=0.9, beta_2=0.99)
    random = generator(0, 10)
    for _ in range(6):
        ours.grad = torch.randn(7, generator=random)
        lion.step()
        theirs.apply([ours.grad], [variable])
    np.testing.assert_allclose(ours, variable.value.detach(), rtol=1e-6)


def test_largest_weights_are_those_of_the_decayed_ones_and_within_reach_under_lion():
    recipe, members, found = watched(0.01, [1.0, 20.0], [1.0, 20.0], wall.Lion)
    assert (found.largest <= wall.reach(found) * (1 + 1e-5)).all()
    for member, lam in enumerate((1.0, 20.0)):
        own = [
            one[member].abs().max().item()
            for name, one in members.parameters.items()
            if groups.kind_of(name) in recipe.decayed
        ]
        assert found.largest[-1, member] == pytest.approx(lam * max(own))
    assert (found.typical < found.rare).all() and (found.rare <= found.largest).all()
    np.testing.assert_allclose(np.log(found.left[-1, 0]), -recipe.decay_times(1.0), rtol=0.01)


def test_without_decay_weights_pass_their_reach():
    _, _, found = watched(0.05, [0.0, 0.0], [1.0, 20.0], wall.Lion)
    assert found.largest[-1, 1] > wall.reach(found)[-1, 1]


def test_steps_of_random_sign_leave_what_is_told():
    recipe, lam = Recipe(steps=400, rate=0.02), 5.0
    weights = np.full(20_000, 0.1)
    rng = np.random.default_rng(0)
    for moment in recipe.moments():
        rate = moment * recipe.rate_of("matrices")
        weights = (1 - rate * lam) * weights - rate * rng.choice([-1, 1], weights.shape)
    told = wall.wandering(recipe, 0.1, np.array([lam]))[0]
    assert lam * np.sqrt(np.square(weights).mean()) == pytest.approx(told, rel=0.02)
