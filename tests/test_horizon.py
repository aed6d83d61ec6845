"""The horizon: schedules, what decay leaves, the mixture, shares that round away, published recipes."""

import numpy as np
import pytest
import torch
from conftest import ROOT

from l2scaling import schedules
from l2scaling.chapters.horizon import decay, mixture, recipes, rounding, training
from l2scaling.floats import unfelt_share

X = torch.cat([torch.zeros(40, 1), torch.randn(40, 4, generator=torch.Generator().manual_seed(0))], 1)
Y = torch.arange(40) % 3


@pytest.mark.parametrize("warm", [0.0, 0.1])
@pytest.mark.parametrize("last", [0.0, 0.1])
def test_schedules_are_those_of_torch(warm, last):
    steps, rate = 200, 0.5
    rising = round(warm * steps)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=rate)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps - rising, eta_min=last * rate)
    seen = []
    for _ in range(steps - rising):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        falling.step()
    told = schedules.schedule("cosine", steps, warm, last)
    np.testing.assert_allclose(rate * told[rising:], seen, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(told[:rising], (np.arange(rising) + 1) / max(rising, 1))


@pytest.mark.parametrize("kind", ["constant", "cosine", "linear"])
@pytest.mark.parametrize("warm", [0.0, 0.25])
def test_mean_rates_are_those_of_long_schedules(kind, warm):
    rates = schedules.schedule(kind, 20_000, warm, last=0.2)
    assert rates.mean() == pytest.approx(schedules.mean_rate(kind, warm, 0.2), rel=1e-4)


def test_a_schedule_can_come_down_early_and_drop():
    rates = schedules.schedule("cosine", 100, until=0.5, last=0.1)
    assert rates[50:] == pytest.approx(0.1)
    dropped = schedules.schedule("steps", 90, drops=[1 / 3, 2 / 3])
    assert dropped[[0, 29, 30, 59, 60]].tolist() == pytest.approx([1, 1, 0.1, 0.1, 0.01])


@pytest.mark.parametrize("wrong", [{"kind": "sine", "steps": 5}, {"kind": "linear", "steps": 0},
                                   {"kind": "linear", "steps": 5, "warm": 2.0}])  # fmt: skip
def test_wrong_schedules_are_refused(wrong):
    with pytest.raises(ValueError, match="allowed"):
        schedules.schedule(**wrong)


def test_what_is_left_lies_within_its_bounds():
    shares = 0.3 * schedules.schedule("linear", 50, warm=0.2)
    left = decay.left(shares, 1.0)[-1]
    assert left == pytest.approx(np.prod(1 - shares))
    assert np.exp(-shares.sum() - decay.most_missing(shares)) <= left <= np.exp(-shares.sum())


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_momentum_decays_by_the_slow_root_within_the_proved_bounds(momentum):
    share = 0.2 * (1 - momentum) ** 2
    left = decay.left(np.full(400, 0.1), share * (1 - momentum) / 0.1, momentum)
    root = decay.slow_root(share, momentum)
    assert left[-1] / left[-2] == pytest.approx(root, rel=1e-6)
    assert share <= (1 - root) * (1 + 1e-9) <= share / (1 - 2 * share / (1 - momentum)) * (1 + 1e-9)


@pytest.mark.parametrize("optimizer", ["SGD", "AdamW"])
@pytest.mark.parametrize("kind", ["constant", "cosine"])
def test_idle_weights_keep_what_decay_leaves_whatever_the_data(optimizer, kind):
    run = training.Training(X, Y, optimizer, 0.05, 0.5, batch_size=8)
    rates = schedules.schedule(kind, 30, warm=0.1)
    seen = training.follow(run, 6, rates, [0, 10, 30], (3,), 2, torch.float64)
    told = decay.left(rates * run.learning_rate, run.coefficient, run.lag)[[9, 29]]
    np.testing.assert_allclose(seen.idle, np.concatenate([[1.0], told])[:, None] * np.ones(2), rtol=1e-12)
    assert seen.kept.shape == (3, 2) and seen.kept[0] == pytest.approx(1)


@pytest.mark.parametrize("optimizer", ["SGD", "AdamW"])
def test_starts_side_by_side_are_trained_as_if_alone(optimizer):
    run = training.Training(X, Y, optimizer, 0.02, 0.1, batch_size=8)
    pair = training.follow(run, 5, np.ones(20), [20], (1,), 2, torch.float64)
    alone = training.follow(run, 5, np.ones(20), [20], (1,), 1, torch.float64)
    assert pair.squares[0, 0] == pytest.approx(alone.squares[0, 0], rel=1e-12)
    assert pair.squares[0, 0] != pytest.approx(pair.squares[0, 1], rel=1e-3)


def test_without_decay_idle_weights_stay():
    run = training.Training(X, Y, "AdamW", 0.05, 0.5, decays=False)
    assert training.follow(run, 4, np.ones(5), [5], (1,), 2).idle == pytest.approx(1.0)


def test_in_bfloat16_small_shares_decay_weights_that_learn_only_in_a_fused_step():
    def left(**told):
        run = training.Training(X, Y, "AdamW", 0.02, 2.0**-9 / 0.02, batch_size=8, **told)
        return training.follow(run, 32, np.ones(600), [600], (4,), 2, torch.bfloat16).kept[0]

    np.testing.assert_array_equal(left(fused=False), left(fused=False, decays=False))
    assert (left() < left(decays=False) - 0.1).all()


def test_wrong_trainings_are_refused():
    with pytest.raises(ValueError, match="allowed: SGD, AdamW, Adam"):
        training.Training(X, Y, "lion", 0.1, 0.1)
    with pytest.raises(ValueError, match="allowed steps from 0 to 5"):
        training.follow(training.Training(X, Y, "SGD", 0.1, 0.1), 4, np.ones(5), [6], (1,), 2)


def test_a_mixture_is_found_again_from_two_sizes():
    left, counts = np.array([0.9, 0.2]), np.array([100.0, 1000.0])
    start = 3 * counts**0.9
    true = mixture.Mixture(left, np.array([2.0, 5.0]), np.array([0.1, 0.5]))
    found = mixture.calibrate(left, true.sums(start, counts), start, counts)
    np.testing.assert_allclose(found.power, true.power, rtol=1e-9)
    more = np.array([30.0, 300.0, 9000.0])
    np.testing.assert_allclose(found.exponents(3 * more**0.9, more), true.exponents(3 * more**0.9, more))
    assert found[:1].left.tolist() == [0.9]


def test_a_mixture_without_a_part_of_the_data_is_the_start():
    left, counts, start = np.array([0.5]), np.array([10.0, 100.0]), np.array([10.0, 100.0])
    law = mixture.calibrate(left, 0.25 * start[None] - 0.1, start, counts)
    assert law.exponents(start, counts) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="allowed two sizes"):
        mixture.calibrate(left, np.ones((1, 3)), start, counts)


@pytest.mark.parametrize("optimizer", ["SGD", "AdamW"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_shares_round_away_up_to_the_limit_and_act_from_twice_it_on(optimizer, dtype):
    limit = unfelt_share(dtype)
    assert [rounding.moved(dtype, factor * limit, optimizer) for factor in (1, 2)] == [0.0, 1.0]


@pytest.mark.parametrize(
    ("way", "left"), [("nearest", 1.0), ("float32 copy", 1 / np.e), ("at random", 1 / np.e)]
)
def test_a_copy_or_chance_keeps_small_shares(way, left):
    assert rounding.kept(way, 2**-10, 2**10).mean() == pytest.approx(left, abs=0.01)
    with pytest.raises(ValueError, match="allowed: nearest"):
        rounding.kept("down", 0.1, 1)


def test_rounding_at_random_takes_a_neighbour_and_keeps_signs():
    values = torch.tensor([1 + 2**-8, -(1 + 2**-8), 0.0]).repeat(20_000, 1)
    drawn = rounding.round_at_random(values, torch.Generator().manual_seed(1)).float()
    assert drawn.mean(0).tolist() == pytest.approx([1 + 2**-8, -(1 + 2**-8), 0.0], abs=2e-4)


def test_recipes_are_counted_as_their_sources_tell():
    found = {one.name: one for one in recipes.read_recipes()}
    assert len(found) >= 10
    assert found["LLaMA 7B"].count == 250_000
    falls_from_the_first_step = 0.01 * 1e6 / 2 + 0.99**2 * 1e6 / 2
    assert found["BERT"].horizon == pytest.approx(1e-4 * 0.01 * falls_from_the_first_step, rel=1e-4)
    assert found["LLaMA 7B"].horizon == pytest.approx(
        3e-4 * 0.1 * 250_000 * schedules.mean_rate("cosine", 0.008, 0.1), rel=1e-4
    )
    resnet = found["ResNet-50, first weights of torchvision"]
    assert resnet.horizon == pytest.approx(10 * 1e-4 * 0.1 * 450_000 * 1.11 / 3, rel=1e-6)
    assert found["GPT-3 175B"].fear == "still there" and found["LLaMA 7B"].fear == "gone"


def test_every_recipe_has_a_reference_and_a_line():
    references = (ROOT / "book" / "references.bib").read_text()
    found = recipes.read_recipes()
    assert all(f"{{{one.cite}," in references for one in found)
    lines = recipes.table(found).splitlines()
    assert len(lines) == len(found) + 2 and len({line.count("|") for line in lines}) == 1
    assert {one.read for one in found} == set(recipes.READ)


def test_a_recipe_without_steps_is_refused():
    told = {"optimizer": "SGD", "learning_rate": 0.1, "decay": 0.1, "schedule": "constant"}
    with pytest.raises(ValueError, match="has no steps"):
        recipes.Recipe("nameless", "vision", "none", "nowhere", **told).count  # noqa: B018
