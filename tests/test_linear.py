"""Ridge and lasso: known answers, limits, scikit-learn, clones; refused input."""

import numpy as np
import pytest
from sklearn.linear_model import Lasso, Ridge

from l2scaling.chapters.counting_and_cloning import lasso
from l2scaling.laws import ridge

RNG = np.random.default_rng(5)
X = RNG.normal(size=(40, 7))
Y = X @ np.array([2.0, -1.0, 0.5, 0, 0, 0, 0]) + RNG.normal(size=40)
ORTHONORMAL = np.linalg.qr(X)[0] * 40**0.5  # X'X = N I
BOTH_SHAPES = pytest.mark.parametrize("design", [X, X[:5]])


@BOTH_SHAPES
@pytest.mark.parametrize("c", [1e-3, 0.1, 10.0])
def test_ridge_is_scikit_learns_with_alpha_n_times_c(design, c):
    y = Y[: len(design)]
    theirs = Ridge(alpha=len(y) * c, fit_intercept=False).fit(design, y).coef_
    assert ridge.ridge(design, y, c) == pytest.approx(theirs, rel=1e-8)


@BOTH_SHAPES
def test_ridge_has_gradient_zero(design):
    y = Y[: len(design)]
    w = ridge.ridge(design, y, 0.3)
    assert lasso.correlations(design, y, w) == pytest.approx(0.3 * w, abs=1e-12)


def test_ridge_goes_to_least_squares_and_to_zero():
    least_squares = np.linalg.lstsq(X, Y, rcond=None)[0]
    assert ridge.ridge(X, Y, 0.0) == pytest.approx(least_squares, rel=1e-10)
    assert ridge.ridge(X, Y, 1e-12) == pytest.approx(least_squares, rel=1e-8)
    assert ridge.ridge(X, Y, 1e12) == pytest.approx(0, abs=1e-11)


@pytest.mark.parametrize("c", [0.01, 0.3, 2.0])
def test_on_an_orthonormal_design_the_lasso_is_a_soft_threshold(c):
    expected = ridge.soft_threshold(ORTHONORMAL.T @ Y / 40, c)
    assert lasso.lasso(ORTHONORMAL, Y, c) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("c", [0.01, 0.3])
def test_lasso_is_scikit_learns_and_meets_the_kkt_conditions(c):
    theirs = Lasso(alpha=c, fit_intercept=False, tol=1e-12, max_iter=10**5).fit(X, Y).coef_
    w = lasso.lasso(X, Y, c)
    assert w == pytest.approx(theirs, abs=1e-6)
    assert lasso.kkt_residual(X, Y, w, c) < 1e-7


def test_lasso_goes_to_least_squares_and_dies_at_the_largest_correlation():
    least_squares = np.linalg.lstsq(X, Y, rcond=None)[0]
    assert lasso.lasso(X, Y, 1e-9) == pytest.approx(least_squares, abs=1e-6)
    edge = np.abs(X.T @ Y).max() / 40
    assert not lasso.lasso(X, Y, edge * 1.0001).any()
    assert lasso.lasso(X, Y, edge * 0.99).any()


def test_kkt_residual_sees_a_wrong_weight():
    w = lasso.lasso(X, Y, 0.3)
    assert lasso.kkt_residual(X, Y, w + 0.01, 0.3) > 1e-3
    assert lasso.kkt_residual(X, Y, np.zeros(7), 0.3) > 1e-3


def test_a_path_in_which_no_weight_lives_is_zero():
    assert not lasso.lasso_path(X, Y, np.array([200.0, 100.0])).any()


def test_a_path_is_its_single_solutions():
    coefficients = np.array([100.0, 1.0, 0.3, 0.05])
    path = lasso.lasso_path(X, Y, coefficients)
    assert path == pytest.approx(np.array([lasso.lasso(X, Y, c) for c in coefficients]), abs=1e-6)


@pytest.mark.parametrize("copies", [1, 3, 20])
def test_clones_change_ridge_by_their_number_and_the_lasso_not_at_all(copies):
    clone = ridge.clone_features(X, copies)
    assert clone @ ridge.ridge(clone, Y, 0.1 * copies) == pytest.approx(X @ ridge.ridge(X, Y, 0.1), rel=1e-9)
    assert clone @ lasso.lasso(clone, Y, 0.1) == pytest.approx(X @ lasso.lasso(X, Y, 0.1), abs=1e-6)


def test_exact_risk_is_the_mean_squared_error_on_many_samples():
    task = lasso.sparse_task(50, 8, 3, 0.7, np.random.default_rng(0))
    weights = np.array([1.2, 0.8, 1, 0.1, 0, 0, 0, -0.3])
    rng = np.random.default_rng(1)
    fresh = rng.normal(size=(200_000, 8))
    errors = (fresh @ (weights - task.truth) - 0.7 * rng.normal(size=200_000)) ** 2
    assert task.risk(weights) == pytest.approx(errors.mean(), rel=0.02)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: ridge.ridge(X, Y, -1.0), r"-1\.0"),
        (lambda: ridge.ridge(X, Y[:3], 1.0), r"\(3,\)"),
        (lambda: ridge.ridge(X, Y, float("nan")), "nan"),
        (lambda: lasso.lasso(X, Y, 0.0), r"0\.0"),
        (lambda: lasso.lasso_path(X, Y, np.array([0.1, 0.2])), "falling"),
        (lambda: lasso.lasso_path(X, Y, np.array([0.1, -0.2])), r"-0\.2"),
        (lambda: ridge.soft_threshold(Y, -0.5), r"-0\.5"),
        (lambda: lasso.kkt_residual(X, Y, Y[:7], -2.0), r"-2\.0"),
        (lambda: ridge.clone_features(X, 0), "copies 0"),
        (lambda: lasso.sparse_task(5, 3, 4, 1.0, RNG), "nonzeros 4"),
    ],
)
def test_bad_input_is_refused_by_name(call, named):
    with pytest.raises(ValueError, match=named):
        call()


def test_the_best_coefficient_of_drawn_tasks_is_near_its_limit():
    rng, grid = np.random.default_rng(7), np.geomspace(0.1, 0.01, 40)
    tasks = [lasso.sparse_task(300, 150, 10, 0.5, rng) for _ in range(12)]
    risks = np.array([task.risk(lasso.lasso_path(task.X, task.y, grid)) for task in tasks])
    coefficient, risk = lasso.limit_of_best(300, 150, 10, 0.5)
    assert grid[risks.argmin(1)].mean() == pytest.approx(coefficient, rel=0.1)
    assert risks.mean(0).min() == pytest.approx(risk, rel=0.05)
    with pytest.raises(ValueError, match="nonzeros 7: allowed 1 to 5"):
        lasso.limit_of_best(10, 5, 7, 1.0)
