"""Gradients of networks: a backward pass by hand, exact expectations, and what rounding may do."""

import numpy as np
import pytest
import torch

from l2scaling.chapters.backprop import signals
from l2scaling.chapters.stability.growth import tangent_curvature
from l2scaling.laws import shapes
from l2scaling.measuring import bits
from l2scaling.seeds import generator
from l2scaling.training import modules

A = torch.tensor([0.6, -0.8])  # a fixed linear functional of two outputs, of norm one


def build(inputs, width, outputs, depth, random):
    layers = shapes.multilayer(inputs, width, outputs, depth)
    return modules.torch_network(layers, shapes.find_initializer("he"), random)


def functional(outputs):
    return (outputs @ A).mean()


def test_error_signals_are_those_of_a_backward_pass_by_hand():
    model, X = (
        build(4, 6, 2, depth=3, random=generator(1)),
        torch.randn(5, 4, generator=generator(2)),
    )
    first, second, third = (weights.detach() for weights in model.parameters())
    hidden = (X @ first.T).relu()
    top = A.expand(5, 2) / 5
    middle = (top @ third) * ((hidden @ second.T) > 0)
    bottom = (middle @ second) * (hidden > 0)
    for measured, known in zip(
        signals.error_signals(model, X, functional), [bottom, middle, top], strict=True
    ):
        torch.testing.assert_close(measured, known)
    assert all(weights.grad is None for weights in model.parameters())


def test_data_gradients_have_the_exact_mean_squares_at_a_small_width():
    """For one input with mean square one: 1/n, 1/n and 1/K, at every width (proposition of backprop)."""
    width, repetitions, X = 12, 3000, torch.tensor([[1.0, -1.0, 1.0, 1.0]])
    squares = []
    for draw in range(repetitions):
        model = build(4, width, 2, depth=3, random=generator(3, draw))
        grads = torch.autograd.grad(functional(model(X)), list(model.parameters()))
        squares.append(signals.root_mean_squares(grads) ** 2)
    mean, error = np.mean(squares, axis=0), np.std(squares, axis=0) / repetitions**0.5
    assert np.all(np.abs(mean - [1 / width, 1 / width, 1 / 2]) < 4 * error)
    assert np.all(error < 0.05 * mean)


def test_penalty_in_the_loss_adds_c_times_w_to_the_last_bit():
    model, X = (
        build(4, 6, 2, depth=3, random=generator(4)),
        torch.randn(5, 4, generator=generator(5)),
    )
    weights, c = list(model.parameters()), 0.03
    data = torch.autograd.grad(functional(model(X)), weights)
    penalty = c / 2 * sum((w**2).sum() for w in weights)
    both = torch.autograd.grad(functional(model(X)) + penalty, weights)
    assert bits.differing_bits(both, [g + c * w for g, w in zip(data, weights, strict=True)]) == 0
    assert bits.differing_bits(both, data) > 0
    assert 0 < signals.rounding_error(both, data, weights, c) <= 2


@pytest.mark.parametrize("depth", [2, 4, 6])
@pytest.mark.parametrize("count", [10_000, 20_000_000])
def test_width_for_comes_within_half_a_neuron(depth, count):
    width = shapes.width_for(count, 64, 10, depth)
    below, above = (
        sum(layer.count for layer in shapes.multilayer(64, n, 10, depth)) for n in (width - 1, width + 1)
    )
    assert below < count < above


def test_refusals_name_the_value():
    with pytest.raises(ValueError, match="depth 1"):
        shapes.width_for(100, 4, 2, depth=1)
    with pytest.raises(ValueError, match="equal shapes"):
        bits.differing_bits([torch.ones(2)], [torch.ones(3)])


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_shrinking_all_weights_moves_the_ratio_by_a_power_of_the_depth(depth):
    """Halving is exact in floating point, so a ratio of norms times 2**(depth - 2) is exact too."""
    model, X = build(4, 6, 2, depth, generator(8)), torch.randn(5, 4, generator=generator(9))

    def ratio():
        return signals.compete(
            model, X, functional, lambda model, outputs: sum((w**2).sum() for w in model.parameters())
        ).ratio

    full = ratio()
    with torch.no_grad():
        for weight in model.parameters():
            weight *= 0.5
    assert ratio() == pytest.approx(2 ** (depth - 2) * full, rel=1e-12)


def test_the_optimisers_weight_decay_is_a_gradient_plus_c_times_w():
    weights, data = torch.randn(50, generator=generator(10)), torch.randn(50, generator=generator(11))
    (decayed,) = signals.with_weight_decay([weights], [data], 0.03)
    assert 0 < signals.rounding_error([decayed], [data], [weights], 0.03) <= 2
    assert signals.rounding_error([data], [data], [weights], 0.03) > 1000


def test_the_expected_kernel_is_the_mean_over_many_starts():
    rng = np.random.default_rng(0)
    X, width, starts = rng.normal(size=(6, 3)), 7, 20_000
    reached = rng.normal(size=(starts, width, 3)) / 3**0.5 @ X.T
    outer = rng.normal(size=(starts, width, 1)) / width**0.5
    hidden, slopes = np.maximum(reached, 0), outer * (reached > 0)
    kernels = hidden.transpose(0, 2, 1) @ hidden + X @ X.T * (slopes.transpose(0, 2, 1) @ slopes)
    measured = np.linalg.eigvalsh(kernels.mean(axis=0) / len(X))[-1]
    assert tangent_curvature(X, width) == pytest.approx(measured, rel=0.02)
