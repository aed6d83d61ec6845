"""Exponents: exact power laws, honest intervals, refused input."""

import numpy as np
import pytest

from l2scaling.measuring.intervals import fit_exponent

SIZES = np.array([10, 100, 1000, 10_000])


@pytest.mark.parametrize("exponent", [-1.0, -0.5, 0.0, 0.5, 1.0])
def test_a_power_law_without_noise_is_recovered(exponent):
    values = 3.0 * SIZES[:, None] ** exponent * np.ones((4, 5))
    fit = fit_exponent(SIZES, values, seed=0)
    assert (fit.estimate, fit.low, fit.high) == pytest.approx((exponent,) * 3, abs=1e-12)
    assert fit.n == 5


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    hits = 0
    for trial in range(200):
        values = SIZES[:, None] ** 0.5 * rng.gamma(10.0, 0.1, (4, 20))
        fit = fit_exponent(SIZES, values, seed=trial)
        hits += fit.low <= 0.5 <= fit.high
    assert 0.88 <= hits / 200 <= 0.99


@pytest.mark.parametrize(
    ("sizes", "values"),
    [(SIZES, np.ones(4)), (SIZES, np.ones((3, 5))), (SIZES[:1], np.ones((1, 5))), (SIZES, np.zeros((4, 5)))],
)
def test_input_without_a_slope_is_refused(sizes, values):
    with pytest.raises(ValueError, match=r"allowed|positive"):
        fit_exponent(sizes, values, seed=0)
