"""Stationary points and evidence: known answers, another library, ceilings; refused input."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from sklearn.linear_model import BayesianRidge

from l2scaling.chapters.stationary_point import nats, polishing, tasks
from l2scaling.laws import shapes
from l2scaling.laws.features import relu_features
from l2scaling.laws.ridge import clone_features
from l2scaling.training import ensembles, steps


def regression(samples=60, features=8):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(samples, features))
    return X, X @ rng.normal(size=features) + rng.normal(size=samples)


def test_the_fit_of_largest_evidence_is_that_of_scikit_learn():
    X, y = regression()
    fit = nats.evidence_fit(X, y)
    options = dict.fromkeys(("alpha_1", "alpha_2", "lambda_1", "lambda_2"), 0)
    peer = BayesianRidge(**options, tol=1e-12, max_iter=10_000, fit_intercept=False).fit(X, y)
    assert np.isclose(fit.prior_precision, peer.lambda_, rtol=1e-6)
    assert np.isclose(fit.noise_precision, peer.alpha_, rtol=1e-6)
    assert np.allclose(fit.weights, peer.coef_, rtol=1e-6)


def test_copies_multiply_the_precision_and_leave_the_nats():
    X, y = regression()
    one, nine = nats.evidence_fit(X, y), nats.evidence_fit(clone_features(X, 9), y)
    assert np.isclose(nine.prior_precision, 9 * one.prior_precision, rtol=1e-5)
    assert np.isclose(nine.nats, one.nats, rtol=1e-5)
    assert np.isclose(one.nats, one.effective / 2, rtol=1e-6)


def test_without_signal_there_is_no_best_precision():
    X, _ = regression()
    with pytest.raises(ArithmeticError, match="no maximum"):
        nats.evidence_fit(X, np.linalg.qr(X, mode="complete")[0][:, -1])


@pytest.mark.parametrize("loss", ["softmax", "half-squared"])
def test_the_demand_is_minus_the_sum_of_weight_times_gradient_in_every_layer(loss):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 5))
    y = rng.integers(0, 3, 30) if loss == "softmax" else rng.normal(size=(30, 3))
    layers = shapes.multilayer(5, 7, 3, 3)
    weights = [torch.tensor(rng.normal(size=(1, layer.outputs, layer.inputs))) for layer in layers]
    nets = ensembles.Networks(weights, steps.Members(1, 0.1, 0.1), loss, "relu")
    asked = tasks.demand_of(nets.outputs(X)[0].numpy(), y, loss)
    for weight, gradient in zip(weights, nets.data_gradients(X, y), strict=True):
        assert np.isclose(float((weight * gradient).sum()), -asked, rtol=1e-12)


def test_no_outputs_ask_for_more_than_the_ceiling():
    rng = np.random.default_rng(1)
    task = tasks.teacher_task(50, rng)
    best = tasks.demand_of(task.y[:, None] / 2, task.y, task.loss)
    assert np.isclose(best, task.ceiling)
    images = tasks.image_task("digits", 40, rng)
    outputs = rng.normal(size=(40, 10))
    assert tasks.demand_of(outputs, images.y, "softmax") <= images.ceiling


def test_settling_ends_where_an_independent_gradient_vanishes():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), rng.integers(0, 2, 40)
    found = polishing.polish(X, y, [rng.normal(size=(6, 3)), rng.normal(size=(2, 6))], 0.02)
    assert found.residual <= 1e-6
    inner, outer = (torch.tensor(weight, requires_grad=True) for weight in found.weights)
    loss = torch.nn.functional.cross_entropy(torch.relu(torch.tensor(X) @ inner.T) @ outer.T, torch.tensor(y))
    loss.backward()
    # in the output layer no kink matters, so autograd's choice of slopes does not either
    assert np.allclose(0.02 * found.weights[1], -outer.grad.numpy(), atol=1e-8)
    first, second = found.sum_squares
    outputs = np.maximum(X @ found.weights[0].T, 0) @ found.weights[1].T
    assert np.isclose(first, second, rtol=1e-6)
    assert np.isclose(0.02 * first, tasks.demand_of(outputs, y, "softmax"), rtol=1e-6)
    assert loss.item() == pytest.approx(-log_softmax(outputs, axis=1)[np.arange(40), y].mean())


def test_a_point_that_is_not_stationary_is_told_apart():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), rng.integers(0, 2, 40)
    start = [rng.normal(size=(6, 3)), rng.normal(size=(2, 6))]
    assert polishing.polish(X, y, start, 0.02, rounds=0).residual > 1e-6


def test_a_penalty_beyond_all_data_leaves_no_weight():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), rng.integers(0, 2, 40)
    found = polishing.polish(X, y, [rng.normal(size=(6, 3)), rng.normal(size=(2, 6))], 50.0)
    assert (found.alive, found.residual, found.pull.any()) == (0, 0.0, False)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: nats.evidence_fit(np.ones((3, 2)), np.ones(2)), r"allowed \(N, P\)"),
        (lambda: nats.prior_nats(0.0, 3, np.random.default_rng(0)), "allowed above 0"),
        (lambda: relu_features(np.ones((3, 2)), 0, np.random.default_rng(0)), "allowed 1 or more"),
        (lambda: tasks.image_task("faces", 9, np.random.default_rng(0)), "'faces' are unknown"),
        (lambda: tasks.image_task("digits", 9999, np.random.default_rng(0)), "allowed 1 to 1797"),
        (lambda: tasks.demand_of(np.ones((2, 2)), np.ones(2), "hinge"), "'hinge' is unknown"),
        (lambda: polishing.polish(np.ones((3, 2)), np.zeros(3, int), [np.ones((4, 2))] * 2, 0.1), "allowed"),
    ],
)
def test_bad_input_is_refused_by_name(call, told):
    with pytest.raises(ValueError, match=told):
        call()
