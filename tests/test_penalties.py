"""Penalties: closed forms against autograd, exact scalings, and the limits that are known."""

import numpy as np
import pytest
import torch

from l2scaling.laws import penalties

NAMES = [penalty.name for penalty in penalties.PENALTIES]
WEIGHTS = np.random.default_rng(5).normal(0, 0.3, 40)
C = 0.07


@pytest.mark.parametrize("name", NAMES)
def test_pull_is_the_derivative_of_value(name):
    penalty = penalties.find(name)
    np.testing.assert_allclose(
        penalties.autograd_pull(penalty, WEIGHTS, C), penalty.pull(WEIGHTS, C), rtol=1e-13
    )


@pytest.mark.parametrize("name", NAMES)
def test_value_is_the_same_in_numpy_and_torch_and_vanishes_with_c(name):
    penalty = penalties.find(name)
    assert float(penalty.value(torch.tensor(WEIGHTS), C)) == pytest.approx(
        penalty.value(WEIGHTS, C), rel=1e-13
    )
    assert penalty.value(WEIGHTS, 0.0) == 0
    assert not penalty.pull(WEIGHTS, 0.0).any()


@pytest.mark.parametrize("name", NAMES)
def test_repeating_the_weights_scales_by_the_exact_exponents(name):
    """Weights repeated k times have one scale exactly, so ratios are powers of k without noise."""
    penalty, k = penalties.find(name), 16
    many = np.tile(WEIGHTS, k)
    few_pull, many_pull = penalty.pull(WEIGHTS, C), penalty.pull(many, C)
    ratios = (
        penalty.value(many, C) / penalty.value(WEIGHTS, C),
        np.abs(many_pull).mean() / np.abs(few_pull).mean(),
        np.linalg.norm(many_pull) / np.linalg.norm(few_pull),
    )
    np.testing.assert_allclose(np.log(ratios) / np.log(k), [float(e) for e in penalty.exponents], atol=1e-12)


@pytest.mark.parametrize("name", [one.name for one in penalties.PENALTIES if one.radial])
def test_radial_form_agrees_with_value_and_pull(name):
    penalty = penalties.find(name)
    value, factor = penalty.radial(float(np.sum(WEIGHTS**2)), WEIGHTS.size, C)
    assert value == pytest.approx(penalty.value(WEIGHTS, C), rel=1e-13)
    np.testing.assert_allclose(factor * WEIGHTS, penalty.pull(WEIGHTS, C), rtol=1e-13)


def test_hessian_of_the_squared_penalty_is_c_times_identity_and_of_the_norm_is_dense():
    assert np.array_equal(
        penalties.hessian(penalties.find("squared-l2"), WEIGHTS, C), C * np.eye(WEIGHTS.size)
    )
    norm = np.linalg.norm(WEIGHTS)
    known = C / norm * (np.eye(WEIGHTS.size) - np.outer(WEIGHTS, WEIGHTS) / norm**2)
    np.testing.assert_allclose(
        penalties.hessian(penalties.find("l2-norm"), WEIGHTS, C), known, rtol=1e-9, atol=1e-15
    )


def test_only_l1_pulls_every_weight_with_one_force():
    assert np.ptp(np.abs(penalties.find("l1").pull(WEIGHTS, C))) == 0
    assert np.ptp(np.abs(penalties.find("squared-l2").pull(WEIGHTS, C))) > 0


def test_group_lasso_refuses_a_broken_group():
    with pytest.raises(ValueError, match=r"41 weights.*multiple of 4"):
        penalties.find("group-lasso").value(np.ones(41), C)
