"""Balanced copies, what optimisers are told of them, and the sweep of networks that are not copies."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from l2scaling.chapters.widening import copies, optimizers, sweep
from l2scaling.laws.shapes import multilayer
from l2scaling.seeds import generator
from l2scaling.training import orthogonal
from l2scaling.training.recipe import Recipe

X = torch.randn(12, 5, dtype=torch.float64, generator=generator(0, 0))
IMAGES = torch.randn(12, 1, 4, 4, dtype=torch.float64, generator=generator(0, 1))
Y = torch.arange(12) % 3
NETWORKS = {
    "dense": (copies.dense(multilayer(5, 3, 3, 3), generator(0, 2)), X),
    "biased": (copies.dense(multilayer(5, 3, 3, 3), generator(0, 3), biases=True), X),
    "convolutional": (copies.convolutional(3, 3, generator(0, 4)), IMAGES),
}


def gradients(network, tensors, inputs):
    tensors = [one.clone().requires_grad_() for one in tensors]
    return torch.autograd.grad(cross_entropy(network.forward(tensors, inputs), Y), tensors)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("k", [1, 3, 4])
def test_copies_keep_function_lengths_and_gradients(name, k):
    network, inputs = NETWORKS[name]
    wide = network.widened(k)
    torch.testing.assert_close(network.forward(wide, inputs), network.forward(network.tensors, inputs))
    for own, grown, gain in zip(network.tensors, wide, network.gains(k), strict=True):
        torch.testing.assert_close(grown.square().sum(), own.square().sum())
        assert grown.abs().max().item() == pytest.approx(own.abs().max().item() / gain)
    narrow = copies.Network(gradients(network, network.tensors, inputs), network.grows, network.forward)
    for one, expected in zip(gradients(network, wide, inputs), narrow.widened(k), strict=True):
        torch.testing.assert_close(one, expected)


def paths(name, k, lopsided=1.0, rate=1.0, decay=1.0):
    network, inputs = NETWORKS["dense"]
    training = optimizers.Training(inputs, Y, 20, 6)
    rates, decays = optimizers.told(name, network.gains(k))
    wide = optimizers.follow(
        name, network, k, training, rates=rates * rate, decays=decays * decay, lopsided=lopsided
    )
    return optimizers.apart(wide, optimizers.follow(name, network, 1, training)).max()


EXACT = [name for name in optimizers.OPTIMIZERS if name not in ("Newton–Schulz", "torch Muon")]


@pytest.mark.parametrize("name", EXACT)
def test_told_as_the_theorem_says_copies_keep_the_path(name):
    assert paths(name, 4) < 1e-12


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("wrong", [{"lopsided": 2.0}, {"decay": 0.25}, {"rate": 2.0}], ids=str)
def test_told_otherwise_or_lopsided_they_do_not(name, wrong):
    assert paths(name, 4, **wrong) > 1e-4


def test_newton_and_schulz_magnify_what_rounding_makes_of_equal_copies():
    alike = torch.ones(2, 3, dtype=torch.float64) / 6**0.5
    rounding = torch.tensor([[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0]], dtype=torch.float64) * 1e-15
    for by, gained in ((orthogonal.newton_schulz, orthogonal.NEWTON_SCHULZ[0] ** 5), (orthogonal.polar, 0.0)):
        step = by(alike + rounding) - by(alike)
        assert (step * rounding).sum() / rounding.square().sum() == pytest.approx(gained, rel=0.2, abs=1.5)


def test_muon_adjusts_its_rate_by_the_shape_and_not_its_decay():
    for shape in ((12, 3), (3, 12)):
        weight = torch.ones(shape, requires_grad=True)
        weight.grad = torch.zeros(shape)
        torch.optim.Muon([weight], lr=0.5, weight_decay=0.1).step()
        torch.testing.assert_close(weight.detach(), torch.full(shape, 0.95))
    steps = []
    for rows in (1, 4):
        weight = torch.zeros(rows, 1, requires_grad=True)
        weight.grad = torch.ones(rows, 1)
        torch.optim.Muon([weight], lr=1.0, weight_decay=0.0).step()
        steps.append(weight.norm().item())
        assert orthogonal.adjustment(weight) == rows**0.5
    assert steps[1] / steps[0] == pytest.approx(2, rel=0.02)


# ---------------------------------------------------------------- the sweep


def curve(losses, width=16, squares=None):
    losses = np.asarray(losses, float)
    grid = sweep.lattice("sgd")[: len(losses)]
    kept = np.ones((len(losses), 2)) if squares is None else squares
    return sweep.Curve("digits", 0.0, "sgd", "fixed", 2, width, (64, 10), 1, grid, losses, kept)


def parabola(best, width=16):
    distance = np.log10(sweep.lattice("sgd") / best)
    return curve(0.3 + distance[:, None] ** 2 + [[0.01, -0.01]], width)


@pytest.mark.parametrize("best", [1e-3, 2e-3, 3.3e-2])
def test_the_best_coefficient_is_the_vertex(best):
    assert parabola(best).best == pytest.approx(best)
    assert not parabola(best).at_an_end


def test_a_best_beyond_the_lattice_is_its_end_and_says_so():
    one = parabola(1e3)
    assert one.at_an_end
    assert one.best == pytest.approx(sweep.lattice("sgd")[-1])


def test_a_network_that_diverges_without_much_penalty_has_no_best():
    losses = np.full((15, 3), 0.5)
    losses[0] = [1e9, 1e9, 0.5]
    assert curve(losses).void
    assert not list(sweep.families([curve(losses), parabola(1e-2, 32)], depth=2))


def test_slopes_and_what_is_lost_by_carrying():
    row = [parabola(1e-3 * width**0.5, width) for width in (16, 64, 256)]
    assert sweep.slope(row) == pytest.approx(0.5)
    assert sweep.carried(row, 0.5) < 0.1 < sweep.carried(row, -1.0)


def test_factors_follow_the_theorem():
    one = sweep.recipe("digits", "adam", "theorem", 3, 64)
    assert (one.rate_factors, one.decay_factors) == ([0.5, 0.25, 0.5], [1.0, 1.0, 1.0])
    assert sweep.recipe("digits", "sgd", "theorem", 2, 64).rate_factors == [1.0, 1.0]
    assert sweep.recipe("digits", "adamw", "fixed", 4, 64).decay_factors == [1.0] * 4
    with pytest.raises(ValueError, match="'root' is unknown; allowed: fixed, theorem"):
        sweep.recipe("digits", "adamw", "root", 2, 64)


def test_the_rows_of_a_network_are_read_back(tmp_path, monkeypatch):
    import csv

    monkeypatch.setattr(sweep, "STEPS", 3)
    rows = sweep.rows("auto-mpg", 0.0, "adamw", "theorem", 3, 8, seed=1, repetitions=2)
    path = tmp_path / "table.csv"
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(reversed(rows))
    (one,) = sweep.read_table(path)
    assert (one.data, one.rule, one.depth, one.width) == ("auto-mpg", "theorem", 3, 8)
    assert one.counts == (56, 64, 8)
    assert one.losses.shape == (15, 2)
    assert one.squares.shape == (15, 3)
    tabled, now = sweep.audit([one], 5, seed=0)
    np.testing.assert_allclose(now, tabled, rtol=1e-4)
    assert isinstance(sweep.recipe("auto-mpg", "adamw", "theorem", 3, 8), Recipe)


def test_the_published_table_is_whole():
    curves = sweep.read_table()
    assert all(len(one.coefficients) == sweep.PLACES for one in curves)
    families = {(one.data, one.noise, one.optimizer, one.rule, one.depth) for one in curves}
    assert len(families) == 48
    assert {one[0] for one in families} == {"digits", "mnist-5k", "photographs", "auto-mpg"}
