"""Walls: bounded steps, boxes and where they bind, Muon's spectral norm, cautious decay, fading networks."""

from functools import partial

import numpy as np
import pytest
import torch
from scipy import optimize

from l2scaling import datasets
from l2scaling.chapters.walls import cautious, networks, regressions, spectral, steps
from l2scaling.schedules import schedule
from l2scaling.training.modules import NO_EPSILON

BETAS = [(0.9, 0.999), (0.9, 0.95), (0.8, 0.9), (0.9, 0.9)]
ADAMW = regressions.adamw((0.9, 0.95))


# ---------------------------------------------------------------- how far a step goes


@pytest.mark.parametrize("betas", BETAS)
def test_no_step_is_longer_than_the_longest_with_bias_correction_too(betas):
    first, second = betas
    t, ratio = np.arange(1, 5000), first**2 / second
    squares = (1 - second**t) * (1 - ratio**t) / ((1 - second) * (1 - ratio))
    reach = (1 - first) / (1 - first**t) * np.sqrt(squares)
    assert reach.max() <= steps.longest_step(betas) * (1 + 1e-9)
    assert steps.surge(betas, 0.1) == pytest.approx(steps.longest_step(betas), rel=1e-3)


def test_equal_memories_step_by_no_more_than_one_and_a_long_first_memory_without_bound():
    assert steps.longest_step((0.7, 0.7)) == pytest.approx(1)
    assert steps.longest_step((0.99, 0.9)) == np.inf
    assert steps.usual_step((0.9, 0.9)) == np.inf


@pytest.mark.parametrize("growth", [1.0, 100.0])
def test_the_mean_of_many_steps_is_bounded_as_proved(growth):
    betas, share = (0.9, 0.99), 0.005
    gradients = np.random.default_rng(0).standard_normal(6000) * np.linspace(1, growth, 6000)
    m, v, total, second_moments = 0.0, 1.0, 0.0, []
    for gradient in gradients:
        m = betas[0] * m + (1 - betas[0]) * gradient
        v = betas[1] * v + (1 - betas[1]) * gradient**2
        total = (1 - share) * total + share * m**2 / v
        second_moments.append(v)
    bound = steps.usual_step(betas, share, second_moments[-1] / min(second_moments))
    assert total**0.5 <= bound


@pytest.mark.parametrize("beta", [0.0, 0.95])
def test_the_wall_holds_under_any_gradients(beta):
    rng = np.random.default_rng(1)
    rates, start = 0.2 * schedule("cosine", 300), np.linspace(-4, 4, 7)
    begin = partial(torch.optim.AdamW, betas=(beta, beta), eps=NO_EPSILON)
    path = steps.follow(rng.standard_cauchy((300, 7)), begin, start, rates, 2.0)
    assert (np.abs(path) <= steps.bound(start, rates, 2.0) + 1e-12).all()
    coupled = partial(torch.optim.Adam, betas=(beta, beta), eps=NO_EPSILON)
    path = steps.follow(np.full((300, 7), -1e3), coupled, start, rates * 5, 2.0)
    assert (np.abs(path) > steps.bound(start, rates * 5, 2.0)).any()


# ---------------------------------------------------------------- boxes


def test_the_bounded_solver_agrees_with_another():
    problem = regressions.overdetermined(40, np.random.default_rng(2))
    other = optimize.lsq_linear(problem.X, problem.y, (-0.8, 0.8), tol=1e-14)
    np.testing.assert_allclose(regressions.within_box(problem, 0.8), other.x, atol=1e-6)


@pytest.mark.parametrize("make", [ADAMW, networks.KerasLion], ids=["AdamW", "Lion"])
def test_full_batch_training_ends_at_the_best_point_within(make):
    problem = regressions.overdetermined(30, np.random.default_rng(3))
    best = regressions.within_box(problem, 0.7)
    (ended,) = regressions.train([problem], [1 / 0.7], 3000, make)
    assert np.linalg.norm(ended - best) < 2e-3 * np.linalg.norm(best)
    assert (np.abs(best) == 0.7).any()
    (coupled,) = regressions.train([problem], [1 / 0.7], 3000, regressions.adamw((0.9, 0.95), coupled=True))
    assert np.linalg.norm(coupled - best) > 0.1 * np.linalg.norm(best)


@pytest.mark.parametrize("P", [30, 200])
def test_the_wall_first_binds_where_a_solver_says(P):
    problem = (
        regressions.overdetermined(P, np.random.default_rng(4))
        if P < 100
        else regressions.underdetermined(P, 10, np.random.default_rng(4))
    )
    box = regressions.least_box(problem)
    lams = ([3.0], [2.5]) if P < 100 else ([P], [P / 1.2])
    (found,) = regressions.first_binding([problem], 1500, ADAMW, lams)
    assert found * box == pytest.approx(1, abs=0.02)
    assert problem.loss(regressions.within_box(problem, box * 1.01)) == pytest.approx(
        problem.loss(regressions.within_box(problem, 1e3 * box)), abs=1e-6
    )
    assert problem.loss(regressions.within_box(problem, box * 0.9)) > 1e-4


@pytest.mark.parametrize("make", [ADAMW, torch.optim.SGD], ids=["AdamW", "SGD"])
def test_regressions_side_by_side_end_where_each_does_alone_at_its_own_rate(make):
    random = np.random.default_rng(8)
    problems = [regressions.overdetermined(5, random), regressions.underdetermined(30, 4, random)]
    lams = [0.7, 40.0]
    beside = regressions.train(problems, lams, 200, make)
    for problem, lam, ended in zip(problems, lams, beside, strict=True):
        w = torch.zeros(problem.count, dtype=torch.float64, requires_grad=True)
        alone = make([w], lr=1.0, weight_decay=lam)
        for rate in schedule("cosine", 200):
            alone.param_groups[0]["lr"] = 0.05 / lam * rate
            w.grad = torch.from_numpy(problem.gradient(w.detach().numpy()))
            alone.step()
        np.testing.assert_allclose(ended, w.detach().numpy(), rtol=1e-9, atol=1e-9)


def test_where_walls_first_bind_is_found_alike_alone_and_side_by_side():
    random = np.random.default_rng(9)
    small, large = (regressions.overdetermined(P, random) for P in (8, 40))
    problems = [large, small]  # the first is found some rounds before the second
    lams = [0.2, 9.0], [0.18, 8.0]  # at which the first wall does not bind
    beside = regressions.first_binding(problems, 400, ADAMW, lams, near=0.022)
    for problem, one, other, found in zip(problems, *lams, beside, strict=True):
        alone = regressions.first_binding([problem], 400, ADAMW, ([one], [other]), near=0.022)
        np.testing.assert_allclose(alone, found)


def test_places_that_do_not_bind_are_refused():
    problem = regressions.overdetermined(10, np.random.default_rng(5))
    with pytest.raises(ValueError, match="the larger first"):
        regressions.first_binding([problem], 50, ADAMW, ([1.0], [2.0]))


@pytest.mark.parametrize("lams", [[], [0.0], [-1.0], [float("nan")], [1.0, 1.0]])
def test_a_regression_without_a_coefficient_above_zero_is_refused(lams):
    problem = regressions.overdetermined(10, np.random.default_rng(5))
    with pytest.raises(ValueError, match="allowed one above zero for each of 1 problems"):
        regressions.train([problem], lams, 50, ADAMW)


# ---------------------------------------------------------------- Muon


@pytest.mark.parametrize("how", spectral.ADJUSTMENTS)
@pytest.mark.parametrize("shape", [(8, 8), (32, 4), (4, 32)])
def test_muons_wall_stands_at_the_adjustment_over_lambda(shape, how):
    place = spectral.adjusted(*shape, how) / 0.5
    aim = spectral.target(*shape, np.geomspace(0.2, 5, min(shape)) * place, 0)
    ended = spectral.muon(aim, 0.5, how, 500, spectral.POLAR)
    assert np.linalg.norm(ended, 2) == pytest.approx(place, rel=0.01)
    usual = spectral.muon(aim, 0.5, how, 500, spectral.USUAL)
    least, most = spectral.polynomial_range()
    assert least * place <= np.linalg.norm(usual, 2) <= most * place


def test_an_unknown_adjustment_is_refused():
    with pytest.raises(ValueError, match="'none' is unknown; allowed: original, match_rms_adamw"):
        spectral.adjusted(2, 2, "none")


# ---------------------------------------------------------------- cautious decay


@pytest.mark.parametrize("make", [torch.optim.SGD, ADAMW], ids=["SGD", "AdamW"])
def test_cautious_decay_ends_where_no_decay_does_and_a_reversed_mask_does_not(make):
    problem = regressions.overdetermined(20, np.random.default_rng(6))

    def ended(sign):
        def begin(w, lr, weight_decay):
            return cautious.Cautious(make(w, lr=lr, weight_decay=0.0), weight_decay, sign)

        return np.abs(problem.gradient(regressions.train([problem], [1.0], 2000, begin)[0])).max()

    assert ended(1.0) < 0.02 < 0.2 < ended(-1.0)


def test_noise_leaves_cautious_decay_a_share_of_the_bias():
    rng = np.random.default_rng(7)
    X = torch.tensor(rng.standard_normal((6, 200, 5)))
    y = torch.einsum("knp,kp->kn", X, torch.ones(6, 5, dtype=torch.float64))
    y += torch.tensor(rng.standard_normal((6, 200)))

    def plain(w):
        return torch.optim.SGD(w, lr=0.02, weight_decay=0.1)

    def careful(w):
        return cautious.Cautious(torch.optim.SGD(w, lr=0.02), 0.1)

    left = [cautious.left_in_gradient(X, y, 0.1, 4, 2000, one, 0).mean() for one in (plain, careful)]
    assert left[0] == pytest.approx(1, abs=0.15)
    assert left[1] == pytest.approx(0.45, abs=0.1)


# ---------------------------------------------------------------- networks


def test_sizes_of_weights_are_those_of_each_start():
    weights = [torch.tensor([[[1.0, -3.0]], [[2.0, 0.0]]]), torch.tensor([[[1.0]], [[-5.0]]])]
    assert networks.largest(weights).tolist() == [3.0, 5.0]
    assert networks.typical(weights).tolist() == pytest.approx([(11 / 3) ** 0.5, (29 / 3) ** 0.5])


def test_networks_side_by_side_are_those_trained_alone():
    setting = networks.Setting(datasets.load("digits"), 4, 3, 1, batch_size=8)
    weights = networks.trained(setting, partial(torch.optim.SGD, lr=0.1), 0)
    assert [tuple(one.shape) for one in weights] == [(1, 4, 64), (1, 10, 4)]
    assert setting.count == sum(one.numel() for one in weights)
    start = networks.relu_stack(setting, 0)
    X, y = setting.batches(0)()
    loss = torch.nn.functional.cross_entropy(torch.relu(X[0] @ start[0][0].T) @ start[1][0].T, y[0])
    loss.backward()
    first = networks.trained(
        networks.Setting(setting.data, 4, 1, 1, batch_size=8), partial(torch.optim.SGD, lr=0.1), 0
    )
    for one, was in zip(first, start, strict=True):
        torch.testing.assert_close(one, (was - 0.1 * was.grad).detach())


def test_weights_that_no_sample_uses_fade_as_decay_alone_says():
    setting = networks.Setting(datasets.load("digits"), 4, 300, 2, batch_size=8)
    found = networks.fading(setting, 0.02, 0.1, 0)
    alone = torch.exp(-found.clock)[:, None]
    torch.testing.assert_close(found.idle / found.idle[0], alone.expand(-1, 2).double(), rtol=2e-3, atol=0)
    assert (found.used[-1] > found.idle[-1]).all()
