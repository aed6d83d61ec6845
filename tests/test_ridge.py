"""Ridge paths, exact risks and their limits: known answers, scikit-learn, Monte Carlo; refused input."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ks_2samp
from sklearn.linear_model import Ridge, RidgeCV

from l2scaling import datasets
from l2scaling.chapters.ridge import random_matrix, risk
from l2scaling.laws import features, ridge

RNG = np.random.default_rng(11)
TALL = RNG.normal(size=(60, 12))
WIDE = RNG.normal(size=(12, 60))
CLONES = np.tile(TALL, 3)  # of rank 12 among 36 columns
DESIGNS = pytest.mark.parametrize("X", [TALL, WIDE, CLONES, TALL[:12]])
ALPHAS = np.geomspace(1e-3, 1e4, 15)


def targets(X):
    return np.random.default_rng(len(X)).normal(size=len(X))


@DESIGNS
def test_a_path_is_scikit_learns_ridge_at_every_alpha(X):
    y = targets(X)
    theirs = [Ridge(one, fit_intercept=False, solver="svd").fit(X, y).coef_ for one in ALPHAS]
    for path in (ridge.ridge_path(X, y, ALPHAS), ridge.decompose(X).weights(y, ALPHAS)):
        errors = np.linalg.norm(path - theirs, axis=1) / np.linalg.norm(theirs, axis=1)
        assert errors.max() < 1e-10


@DESIGNS
def test_a_path_goes_to_the_least_norm_solution_and_to_zero(X):
    y = targets(X)
    start, end = ridge.ridge_path(X, y, [0.0, 1e14])
    assert start == pytest.approx(np.linalg.pinv(X) @ y, rel=1e-8, abs=1e-12)
    assert end == pytest.approx(0, abs=1e-11)


def test_a_path_in_the_mean_convention_is_ridge():
    y = targets(TALL)
    assert ridge.ridge_path(TALL, y, [60 * 0.3])[0] == pytest.approx(ridge.ridge(TALL, y, 0.3), rel=1e-10)


@DESIGNS
def test_leave_one_out_is_scikit_learns_and_a_refit_without_each_sample(X):
    y = targets(X)
    errors = ridge.decompose(X).leave_one_out(y, ALPHAS)
    theirs = RidgeCV(ALPHAS, fit_intercept=False, store_cv_results=True).fit(X, y).cv_results_.mean(0)
    assert errors == pytest.approx(theirs, rel=1e-8)
    rest = [np.delete(np.arange(len(y)), one) for one in range(len(y))]
    misses = [y[i] - X[i] @ ridge.ridge_path(X[keep], y[keep], ALPHAS).T for i, keep in enumerate(rest)]
    assert errors == pytest.approx(np.square(misses).mean(0), rel=1e-8)


def test_several_targets_are_one_after_another():
    Y = np.random.default_rng(0).normal(size=(60, 3))
    design = ridge.decompose(TALL)
    both = design.weights(Y, ALPHAS)
    assert both.shape == (15, 12, 3)
    assert both[:, :, 1] == pytest.approx(design.weights(Y[:, 1], ALPHAS))
    assert design.predictions(WIDE[:, :12], Y, ALPHAS) == pytest.approx(WIDE[:, :12] @ both)
    single = np.mean([design.leave_one_out(column, ALPHAS) for column in Y.T], axis=0)
    assert design.leave_one_out(Y, ALPHAS) == pytest.approx(single)


@pytest.mark.parametrize("X", [TALL, WIDE, CLONES])
def test_exact_risk_is_the_mean_over_many_noises(X):
    truth = np.random.default_rng(1).normal(size=X.shape[1])
    noise = np.random.default_rng(2).normal(size=(len(X), 20_000))
    exact = risk.spectrum(X, truth, noise=0.8).risk([0.0, 2.0, 300.0])
    weights = ridge.decompose(X).weights((X @ truth)[:, None] + 0.8 * noise, [0.0, 2.0, 300.0])
    sampled = ((weights - truth[:, None]) ** 2).sum(1).mean(1) + 0.8**2
    assert exact == pytest.approx(sampled, rel=0.01)


def test_isotropic_weights_have_the_same_best_alpha_on_every_design():
    for X in (TALL, WIDE, TALL[:12]):
        one = risk.spectrum(X, np.zeros(X.shape[1]), noise=0.5)
        even = replace(one, signal=np.full(len(one.squares), 0.01))
        assert even.best == pytest.approx(0.25 / 0.01, rel=1e-4)
        around = even.risk(even.best * np.array([0.5, 1, 2]))
        assert around.argmin() == 1


def test_without_noise_the_best_alpha_is_zero_and_risk_rises():
    one = risk.spectrum(TALL, np.ones(12), noise=0.0)
    assert one.best == 0
    assert np.all(np.diff(one.risk(ALPHAS)) > 0)


def test_a_kernel_is_features_multiplied_by_its_root():
    truth = np.ones(12)
    one = risk.spectrum(TALL, truth, noise=1.0)
    four = replace(one, kernel=4.0)
    assert four.risk(4 * ALPHAS) == pytest.approx(one.risk(ALPHAS))
    assert four.best == pytest.approx(4 * one.best, rel=1e-4)
    assert four.regret(4 * one.best) == pytest.approx(0, abs=1e-9)
    doubled = ridge.decompose(2 * TALL)
    assert four.shrinkage(7.0) == pytest.approx((7 / (doubled.singular**2 + 7)).mean())


def test_the_penaltys_share_of_the_cost_is_the_mean_over_many_noises():
    for X in (TALL, WIDE):
        truth = np.random.default_rng(1).normal(size=X.shape[1])
        noise = np.random.default_rng(2).normal(size=(len(X), 20_000))
        Y = (X @ truth)[:, None] + noise
        (weights,) = ridge.decompose(X).weights(Y, [5.0])
        data, penalty = ((Y - X @ weights) ** 2).sum(), 5 * (weights**2).sum()
        share = risk.spectrum(X, truth, 1.0).penalty_share(5.0, len(X))
        assert share == pytest.approx(penalty / (data + penalty), rel=0.01)


def test_joined_spectra_have_the_best_alpha_of_the_mean_risk():
    rng = np.random.default_rng(3)
    spectra = [risk.Problem(30, 1.0, 1.0).draw(20, rng) for _ in range(5)]
    mean = np.mean([one.risk(ALPHAS) for one in spectra], axis=0)
    grid = np.geomspace(1, 1e3, 2001)
    best = grid[np.mean([one.risk(grid) for one in spectra], axis=0).argmin()]
    assert risk.join(spectra).best == pytest.approx(best, rel=0.01)
    assert mean.min() <= np.mean([one.risk([1e6])[0] for one in spectra])


@pytest.mark.parametrize("gamma", [0.3, 1.0, 1.0001, 4.0])
@pytest.mark.parametrize("c", [1e-3, 0.5, 20.0])
def test_stieltjes_solves_its_equation_and_has_its_derivative(gamma, c):
    first, second = random_matrix.stieltjes(gamma, c)
    assert gamma * c * first**2 + (1 - gamma + c) * first == pytest.approx(1)
    step = 1e-5 * c
    slope = random_matrix.stieltjes(gamma, c - step)[0] - random_matrix.stieltjes(gamma, c + step)[0]
    assert second == pytest.approx(slope / (2 * step), rel=1e-5)


@pytest.mark.parametrize("gamma", [0.2, 0.7, 1.5, 5.0])
def test_limits_agree_with_each_other(gamma):
    ridgeless = random_matrix.ridgeless_risk(gamma, 2.0, 0.5)
    assert random_matrix.ridge_risk(gamma, 1e-7, 2.0, 0.5) == pytest.approx(ridgeless, rel=1e-4)
    assert random_matrix.ridge_risk(gamma, 1e9, 2.0, 0.5) == pytest.approx(2.0)
    best = 0.25 * gamma / 2.0
    around = [random_matrix.ridge_risk(gamma, best * k, 2.0, 0.5) for k in (0.9, 1.0, 1.1)]
    assert around[1] == pytest.approx(random_matrix.optimal_risk(gamma, 2.0, 0.5))
    assert np.argmin(around) == 1


def test_limits_at_the_peak_and_without_noise():
    assert random_matrix.ridgeless_risk(1.0, 1.0, 0.5) == np.inf
    assert random_matrix.ridgeless_risk(1.0, 1.0, 0.0) == 0
    assert random_matrix.optimal_risk(3.0, 1.0, 0.0) == random_matrix.ridgeless_risk(3.0, 1.0, 0.0)


@pytest.mark.parametrize("shape", [(40, 10), (10, 40), (25, 25)])
def test_drawn_spectra_are_those_of_drawn_designs_in_law(shape):
    rng, problem = np.random.default_rng(4), risk.Problem(shape[1], 2.0, 1.0)
    truth = np.zeros(shape[1])
    truth[0] = 2**0.5
    drawn = [problem.draw(shape[0], rng) for _ in range(800)]
    direct = [risk.spectrum(rng.normal(size=shape), truth, 1.0) for _ in range(800)]
    for look in (
        lambda one: one.squares[0],
        lambda one: one.squares[-1],
        lambda one: round(one.outside, 9),
        lambda one: one.risk([3.0])[0],
    ):
        assert ks_2samp([look(one) for one in drawn], [look(one) for one in direct]).pvalue > 1e-3


def test_random_matrix_regret_is_that_of_large_designs():
    problem = risk.Problem(1600, 1.0, 1.0, kernel=2.0)
    alpha = problem.best / 10
    drawn = [problem.draw(800, np.random.default_rng([5, k])).regret(alpha) for k in range(10)]
    assert np.mean(drawn) == pytest.approx(problem.limit_of_regret(alpha, 800), rel=0.03)


def test_random_features_are_split_once_and_leave_one_out_picks_from_the_grid():
    task = features.random_features(datasets.load("diabetes"), 60, 90, np.random.default_rng(6))
    assert task.X.shape == (60, 90)
    assert len(task.X_rest) == 442 - 60
    small, large = task.choose([30, 90])
    assert small in task.grid(30)
    cv = RidgeCV(task.grid(90), fit_intercept=False).fit(task.X, task.y[:, 0])
    assert large == pytest.approx(cv.alpha_)
    models = [Ridge(one, fit_intercept=False).fit(task.X, task.y[:, 0]) for one in task.grid(90)]
    held_out = [((one.predict(task.X_rest) - task.y_rest[:, 0]) ** 2).mean() for one in models]
    (regret,) = task.regrets(90, [large])
    assert regret == pytest.approx(held_out[int(np.argmin(abs(task.grid(90) - large)))] / min(held_out) - 1)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: ridge.decompose(TALL[0]), r"\(12,\)"),
        (lambda: ridge.ridge_path(TALL, targets(WIDE), ALPHAS), r"\(12,\)"),
        (lambda: ridge.ridge_path(TALL, targets(TALL), [-1.0]), r"-1\."),
        (lambda: ridge.ridge_path(TALL, targets(TALL), []), r"\[\]"),
        (lambda: ridge.decompose(TALL).weights(targets(WIDE), ALPHAS), r"\(12,\)"),
        (lambda: ridge.decompose(TALL).leave_one_out(targets(TALL), [0.0]), r"0\."),
        (lambda: risk.spectrum(TALL, np.ones(5), 1.0), r"\(5,\)"),
        (lambda: risk.spectrum(TALL, np.ones(12), -1.0), r"-1\.0"),
        (lambda: risk.spectrum(TALL, np.ones(12), 1.0).risk([-2.0]), r"-2\.0"),
        (lambda: risk.spectrum(TALL, np.ones(12), 1.0).penalty_share(1.0, 3), "samples 3"),
        (lambda: risk.Problem(0, 1.0, 1.0), "features=0"),
        (
            lambda: risk.join([risk.spectrum(TALL, np.ones(12), one) for one in (1.0, 2.0)]),
            r"2\.0",
        ),
        (lambda: random_matrix.stieltjes(0.0, 1.0), r"gamma 0\.0"),
        (lambda: random_matrix.stieltjes(1.0, 0.0), r"0\.0"),
        (lambda: random_matrix.optimal_risk(1.0, -3.0, 1.0), r"signal -3\.0"),
        (lambda: random_matrix.draw_squares(0, 3, RNG), "samples 0"),
        (
            lambda: features.random_features(datasets.load("diabetes"), 442, 5, RNG),
            "samples 442",
        ),
        (
            lambda: features.random_features(datasets.load("diabetes"), 20, 5, RNG).choose([6]),
            "count 6",
        ),
    ],
)
def test_bad_input_is_refused_by_name(call, named):
    with pytest.raises(ValueError, match=named):
        call()
