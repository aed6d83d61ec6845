"""The search of one cell: it brackets the optimum it is given, and its table can be trained again."""

import csv

import numpy as np
import pytest
from conftest import l2scaling

from l2scaling.chapters.scaling_rules import search, sweep_table


@pytest.fixture
def bowl(monkeypatch):
    """Put a known curve in the place of training: its optimum, as a place of the lattice, and its noise."""

    def use(optimum: float, accurate: float, spread: float = 0.0) -> None:
        def train(subject, coefficients, seed, repetition, device):
            place = (np.log10(coefficients) - search.LOWEST["sgd"]) / search.HALF_STEP
            shift = spread * np.random.default_rng(repetition).normal()
            losses = (place - optimum - shift) ** 2
            losses[place > 14] = np.nan  # diverged
            return losses, -((place - accurate) ** 2)

        monkeypatch.setattr(search, "train_subject", train)

    return use


@pytest.mark.parametrize("optimum", [0.0, 1.2, 6.0, 7.4, 13.0])
@pytest.mark.parametrize("accurate", [2.0, 9.0])
def test_every_optimum_is_bracketed_by_all_repetitions(bowl, optimum, accurate):
    bowl(optimum, accurate)
    curve = search.search(search.default_subject("digits", "sgd"), 0, 10, 2, widely=False, device="cpu")
    whole = curve.tried.all(axis=1)
    for best, reach in ((round(optimum), search.LOSS_REACH), (round(accurate), search.ACCURACY_REACH)):
        assert whole[max(best - reach, 0) : best + reach + 1].all()
    assert curve.tried[::2, :2].all()
    assert not curve.tried[1::2, 2:][~whole[1::2]].any()


def crushed_losses(rng) -> np.ndarray:
    """Make up what ten starts lose at every place: a bowl, far right of a plateau that is nearly level.

    One start in five is crushed from place 10 on, which costs it more than the bowl is deep. What starts
    have in common, and what is their own at each place, is drawn besides.
    """
    place = np.arange(search.PLACES)[:, None]
    bowl = 0.8 - 0.25 * np.exp(-(((place - 12.3) / 2.5) ** 2))
    crushed = (rng.random(10) < 0.2) & (place >= 10)
    return bowl + 0.6 * crushed + 0.1 * rng.normal(size=10) + 0.02 * rng.normal(size=(search.PLACES, 10))


def window_of_two_starts(losses: np.ndarray) -> np.ndarray:
    """Return what a search tried with all starts that looked for the least mean of two, and stayed there."""
    coarse = losses[:, :2].mean(axis=1)
    best = 2 * coarse[::2].argmin()
    near = np.abs(np.arange(search.PLACES) - best)
    best = np.where((near <= search.FINE_REACH) | (near % 2 == 0), coarse, np.inf).argmin()
    while True:
        near = np.abs(np.arange(search.PLACES) - best) <= search.LOSS_REACH
        before, best = best, np.where(near, losses.mean(axis=1), np.inf).argmin()
        if best == before:
            return near


def test_crushed_starts_do_not_hide_the_place_of_the_least_mean(monkeypatch):
    subject = search.default_subject("diabetes", "adamw")
    found, found_by_two, cost = [], [], []
    for draw in range(200):
        losses = crushed_losses(np.random.default_rng(draw))
        places = {one: place for place, one in enumerate(search.lattice("adamw"))}

        def train(subject, coefficients, seed, repetition, device, losses=losses, places=places):
            one = losses[[places[c] for c in coefficients], repetition]
            return one, np.full(len(one), np.nan)

        monkeypatch.setattr(search, "train_subject", train)
        curve = search.search(subject, 0, 10, 5, widely=False, device="cpu")
        best = losses.mean(axis=1).argmin()  # of all places, by all starts
        found.append(curve.tried[best].all())
        found_by_two.append(window_of_two_starts(losses)[best])
        cost.append(curve.tried.mean())
    assert np.mean(found) >= 0.95
    assert np.mean(found_by_two) < 0.9
    assert np.mean(cost) < 0.8  # of trying every place with every start


def test_two_unlucky_repetitions_do_not_fix_the_window(bowl):
    bowl(8.0, 8.0, spread=3.0)
    curve = search.search(search.default_subject("digits", "sgd"), 0, 10, 1, widely=False, device="cpu")
    whole = np.flatnonzero(curve.tried.all(axis=1))
    best = whole[curve.losses[whole].mean(axis=1).argmin()]
    assert {best - 2, best - 1, best + 1, best + 2} <= set(whole)


def test_at_least_thirteen_values_where_the_optimum_is_inside_and_more_far_away_when_asked(bowl):
    bowl(7.4, 7.4)
    subject = search.default_subject("digits", "sgd")
    narrowly, widely = (search.search(subject, 0, 10, 2, widely=one, device="cpu") for one in (False, True))
    assert narrowly.tried.any(axis=1).sum() >= 13
    assert widely.tried.all(axis=1)[[2, 4, 10, 12]].all()
    assert not narrowly.tried.all(axis=1)[[2, 12]].any()


def test_a_table_that_a_sweep_wrote_is_what_training_gives_again(tmp_path):
    done = l2scaling(
        "sweep", "scaling-cell", "--profile", "quick", "--grid", "data=breast-cancer",
        "--grid", "vary=width-2,batch-size", "--output", tmp_path / "out",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    path = tmp_path / "out" / "rows.csv"
    networks = sweep_table.read_table(path=path)
    assert [(one.vary, one.subject.width, one.subject.recipe.batch_size) for one in networks] == [
        ("width-2", 16, 32), ("width-2", 32, 32), ("batch-size", 64, 128),
    ]  # fmt: skip
    for _, tabled, live in sweep_table.audit(networks, 3, seed=0, device="cpu"):
        assert np.allclose(tabled, live, rtol=0.02)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(row["source"] and row["started"] and row["torch"] and row["point"] for row in rows)


def test_an_audit_notices_a_table_that_is_stale(tmp_path):
    subject = search.default_subject("diabetes", "sgd")
    losses = np.full((2, 1), 0.5)
    one = sweep_table.Network(
        subject, "width", 704, 0, 1.0, np.array([8, 12]), np.ones(2), losses, np.nan * losses
    )
    ((_, tabled, live),) = sweep_table.audit([one], 1, seed=0, device="cpu")
    assert not np.allclose(tabled, live, rtol=0.02)
