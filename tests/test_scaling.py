"""Exponents: exact power laws, honest intervals, refused input."""

import re

import numpy as np
import pytest
from conftest import ROOT

from l2scaling.measuring.intervals import fit_exponent, mean_interval, ratio_interval, share_interval

SIZES = np.array([10, 100, 1000, 10_000])


@pytest.mark.parametrize("exponent", [-1.0, -0.5, 0.0, 0.5, 1.0])
def test_a_power_law_without_noise_is_recovered(exponent):
    values = 3.0 * SIZES[:, None] ** exponent * np.ones((4, 5))
    fit = fit_exponent(SIZES, values)
    assert (fit.estimate, fit.low, fit.high) == pytest.approx((exponent,) * 3, abs=1e-12)
    assert fit.n == 5


COVERAGE = {
    "normal": {3: 0.95, 5: 0.95, 8: 0.95, 10: 0.95, 20: 0.95},
    "skewed": {3: 0.88, 5: 0.88, 8: 0.89, 10: 0.90, 20: 0.92},
}
"""How often an interval of each number of seeds holds the truth; skewed is exponential."""


@pytest.mark.parametrize("kind", COVERAGE)
@pytest.mark.parametrize("n", [3, 5, 8, 10, 20])
def test_intervals_cover_the_truth_as_often_as_the_page_of_notation_says(kind, n):
    rng = np.random.default_rng(1)
    draws = rng.normal(1, 1, (20_000, n)) if kind == "normal" else rng.exponential(1, (20_000, n))
    _, low, high, _ = mean_interval(draws)
    covered = ((low <= 1) & (high >= 1)).mean()
    assert covered == pytest.approx(COVERAGE[kind][n], abs=0.01)
    (row,) = re.findall(rf"(?m)^\| {kind}.*\|$", (ROOT / "book" / "notation.md").read_text())
    shares = [float(share) / 100 for share in re.findall(r"(\d+)%", row)]
    assert shares[[3, 5, 8, 10, 20].index(n)] == pytest.approx(covered, abs=0.0075)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("n", [3, 5, 20])
def test_an_exponent_is_covered_whether_sizes_share_their_seeds_or_not(n, shared):
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(2000):
        noise = rng.gamma(25.0, 0.04, (1 if shared else 4, n)) * rng.gamma(100.0, 0.01, (4, n))
        fit = fit_exponent(SIZES, SIZES[:, None] ** 0.5 * noise)
        hits += fit.low <= 0.5 <= fit.high
    assert 0.93 <= hits / 2000 <= 0.97


def test_a_ratio_and_a_share_are_covered():
    rng = np.random.default_rng(3)
    ratios = [ratio_interval(rng.gamma(9, 2, 8), rng.gamma(9, 1, 8)) for _ in range(2000)]
    assert 0.92 <= np.mean([one.low <= 2 <= one.high for one in ratios]) <= 0.98
    shares = [share_interval(rng.binomial(8, 0.8), 8) for _ in range(2000)]
    assert np.mean([one.low <= 0.8 <= one.high for one in shares]) >= 0.95


def test_one_value_has_no_interval():
    for wrong in (np.ones(1), np.ones((3, 1)), 1.0):
        with pytest.raises(ValueError, match="allowed"):
            mean_interval(wrong)


@pytest.mark.parametrize(
    ("sizes", "values"),
    [(SIZES, np.ones(4)), (SIZES, np.ones((3, 5))), (SIZES[:1], np.ones((1, 5))), (SIZES, np.zeros((4, 5)))],
)
def test_input_without_a_slope_is_refused(sizes, values):
    with pytest.raises(ValueError, match=r"allowed|positive"):
        fit_exponent(sizes, values)
