"""Early stopping against exact filters, dropout without masks against the engine."""

import numpy as np
import pytest

from l2scaling.chapters.tuning import dropout, network_race, ridge_race
from l2scaling.datasets import load
from l2scaling.laws.features import random_features
from l2scaling.laws.ridge import decompose, ridge
from l2scaling.training import splits
from l2scaling.training.recipe import Recipe


@pytest.fixture
def problem():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(20, 8))
    return X, (X @ rng.normal(size=8) + rng.normal(size=20))[:, None], rng.normal(size=(5, 8))


@pytest.mark.parametrize("c", [0.0, 0.2])
def test_descent_in_closed_form_is_descent(problem, c):
    X, y, new = problem
    w, rate = np.zeros((8, 1)), 0.1
    seen = []
    for step in range(1, 31):
        w = w - rate * (X.T @ (X @ w - y) / len(X) + c * w)
        if step in (1, 7, 30):
            seen.append(new @ w)
    found = ridge_race.descent_predictions(decompose(X), new, y, rate, [1, 7, 30], c)
    assert np.allclose(found, seen, rtol=1e-10)


def test_penalised_descent_ends_at_ridge(problem):
    X, y, new = problem
    found = ridge_race.descent_predictions(decompose(X), new, y, 0.1, [10**6], 0.2)[0, :, 0]
    assert np.allclose(found, new @ ridge(X, y[:, 0], 0.2), rtol=1e-9)


def test_a_rate_that_overshoots_is_refused(problem):
    X, y, new = problem
    with pytest.raises(ValueError, match=r"learning_rate 3.0: allowed above 0"):
        ridge_race.descent_predictions(decompose(X), new, y, 3.0, [1])


def test_early_stopping_costs_at_most_the_bound_in_its_worst_direction():
    h = np.append(np.geomspace(1e-3, 1e-1, 4000), 1.0)  # the last makes the steps small for the others
    each = [
        ridge_race.excess_risk(h[[k]], ridge_race.stopped_shares(h, 0.01)[[k]], 0.01)
        / ridge_race.excess_risk(h[[k]], 0.01 / (h[[k]] + 0.01), 0.01)
        for k in range(4000)
    ]
    assert max(each) == pytest.approx(1.2147, abs=0.003)


@pytest.mark.parametrize("factor", [0.25, 3.0])
def test_a_wrong_coefficient_costs_at_most_the_bound(factor):
    h, c = np.geomspace(1e-4, 1e2, 6001), 0.02
    shrunk = factor * c / (h + factor * c)
    each = [ridge_race.excess_risk(h[[k]], shrunk[[k]], c) / (h[k] * c / (h[k] + c)) for k in range(len(h))]
    assert max(each) == pytest.approx((1 + factor) ** 2 / (4 * factor), rel=1e-4)


def test_the_best_coefficient_is_the_same_in_other_units():
    data = load("diabetes")
    split = random_features(data, 60, 64, np.random.default_rng(0))
    one = ridge_race.ridge_race(split, 64, np.random.default_rng(1))
    raced = ridge_race.ridge_race(split, 64, np.random.default_rng(1), blind=True)
    assert np.array_equal(one.errors, raced.errors)  # what is tried does not depend on the judges
    assert one.regrets["5 folds, 9 values"] < raced.regrets["5 folds, 9 values"]


def test_without_masks_dropout_is_no_dropout_and_both_train_like_the_engine():
    task = splits.make_split("digits", 64, 0.0, seed=0, repetition=0)
    judges = [(task.X_validation[:50], task.y_validation[:50])]
    training = Recipe(40, momentum=0.9, batch_size=64)
    losses = dropout.train_dropout(
        task, judges, 16, [0.0, 0.0, 0.01], [0.0, 0.5, 0.0], 5, training, masked=False
    )
    assert losses[0] == losses[1]
    engine = network_race.train_judged(task.X, task.y, judges, 10, 16, [0.0, 0.01], 5, training)[0][:, 0]
    assert np.allclose(losses[[0, 2]], engine, rtol=1e-4)
    masked = dropout.train_dropout(task, judges, 16, [0.0, 0.0], [0.0, 0.5], 5, training)
    assert masked[0] == pytest.approx(losses[0])
    assert masked[1] != pytest.approx(losses[0], rel=1e-2)


def test_dropout_rates_are_checked():
    task = splits.make_split("digits", 64, 0.0, seed=0, repetition=0)
    with pytest.raises(ValueError, match=r"rates \[1.0\]: allowed 1 values from 0 to below 1"):
        dropout.train_dropout(task, [], 4, [0.0], [1.0], 0, Recipe(1))
