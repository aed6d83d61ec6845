"""The survey of best coefficients: on tables whose answers are known, estimates and intervals are those."""

import csv
import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from l2scaling import datasets
from l2scaling.chapters.scaling_rules import search, summaries, sweep_table


def make_table(path: Path, exponent: float, *, spread: float = 0.0, repetitions: int = 6) -> Path:
    """Write a table whose best c is (P/1000)**exponent / 50, with bowls in log c around it."""
    rng = np.random.default_rng(0)
    rows = []
    for hidden, widths in ((1, [16, 64, 256]), (2, [16, 64])):
        base = search.default_subject("digits", "sgd")
        for subject in (replace(base, hidden=hidden, width=width) for width in widths):
            best = exponent * np.log10(subject.count / 1000) - np.log10(50)
            shifts = spread * rng.normal(size=repetitions)
            x = np.log10(search.lattice("sgd"))[:, None]
            losses = 1 + (x - best - shifts) ** 2
            tried = np.ones(losses.shape, bool)
            tried[::2, 2:] = abs(x[::2] - best) < 1.5  # the coarse grid, far away, has two repetitions
            curve = search.Curve(np.where(tried, losses, np.nan), np.where(tried, 1 / losses, np.nan))
            rows += search.rows(subject, "width" if hidden == 1 else "width-2", curve, 0, 1.0)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def weights() -> np.ndarray:
    return sweep_table.resamples(6, seed=1)


@pytest.mark.parametrize("exponent", [-1.0, -0.3, 0.0, 0.5])
@pytest.mark.parametrize("metric", sweep_table.METRICS)
def test_a_known_exponent_is_found(tmp_path, weights, exponent, metric):
    series = sweep_table.families(sweep_table.read_table(path=make_table(tmp_path / "table.csv", exponent)))
    assert list(series) == [("digits", 0.0, "sgd", 1), ("digits", 0.0, "sgd", 2)]
    for row in series.values():
        best = np.array([sweep_table.best(one, metric, weights) for one in row])
        slope = sweep_table.slope([one.count for one in row], best)
        assert slope[0] == pytest.approx(exponent, abs=0.02)


def test_estimate_and_interval_are_those_of_the_repetitions_own_optima(tmp_path, weights):
    rng = np.random.default_rng(0)  # as make_table draws them
    for one in sweep_table.read_table(path=make_table(tmp_path / "table.csv", 0.0, spread=0.3)):
        optima = 0.3 * rng.normal(size=6) - np.log10(50)
        estimate, low, high = sweep_table.interval(sweep_table.best(one, "loss", weights))
        assert estimate == pytest.approx(optima.mean(), abs=1e-3)
        assert high - low == pytest.approx(2 * 1.96 * optima.std() / 6**0.5, rel=0.15)


def test_another_name_of_the_penalty_moves_the_exponent_by_one(tmp_path, weights):
    path = make_table(tmp_path / "table.csv", -0.25)
    row = sweep_table.families(sweep_table.read_table("times-P", "mean", path))["digits", 0.0, "sgd", 1]
    best = np.array([sweep_table.best(one, "loss", weights) for one in row])
    assert sweep_table.slope([one.count for one in row], best)[0] == pytest.approx(-1.25, abs=0.02)
    own = sweep_table.families(sweep_table.read_table("units-of-best", "mean", path))["digits", 0.0, "sgd", 1]
    assert np.ptp([sweep_table.best(one, "loss", weights)[0] for one in own]) <= search.HALF_STEP
    one, other = sweep_table.read_table("sum", "sum", path)[0], sweep_table.read_table(path=path)[0]
    assert np.allclose(one.coefficients, 128 * other.coefficients)


def test_the_rule_that_is_true_costs_nothing_and_others_what_the_bowl_says(tmp_path, weights):
    row = sweep_table.families(sweep_table.read_table(path=make_table(tmp_path / "t.csv", -0.5)))[
        "digits", 0.0, "sgd", 1
    ]
    source, target = row[0], row[-1]
    growth = np.log10(target.count / source.count)
    for exponent in (-1.0, -0.5, 0.0):
        regret = sweep_table.carried(source, target, "loss", exponent, weights)[0]
        assert regret == pytest.approx((growth * (exponent + 0.5)) ** 2, abs=0.05)


def test_regret_beyond_what_was_tried_is_that_of_the_last_place(tmp_path, weights):
    one = sweep_table.read_table(path=make_table(tmp_path / "t.csv", 0.0))[0]
    ends = [sweep_table.regret(one, "loss", np.full(len(weights), x), weights)[0] for x in (-5.0, -9.0)]
    assert ends[0] == pytest.approx(ends[1])


def test_a_network_that_diverged_is_as_bad_as_can_be(tmp_path, weights):
    path = make_table(tmp_path / "t.csv", 0.0)
    lines = path.read_text().splitlines()
    place = next(k for k, line in enumerate(lines) if line.split(",")[14] == "0.01412538")
    parts = lines[place].split(",")
    parts[15] = ";".join(["nan", *parts[15].split(";")[1:]])
    path.write_text("\n".join([*lines[:place], ",".join(parts), *lines[place + 1 :]]) + "\n")
    one = sweep_table.read_table(path=path)[0]
    assert np.nanmax(one.losses) == 1e9
    assert np.nanmin(one.accuracies) == 0
    assert abs(sweep_table.best(one, "loss", weights)[0] - np.log10(0.01412538)) > 0.17


def test_the_table_is_read_without_the_data_behind_it_and_counts_the_weights_that_are_trained(
    monkeypatch, tmp_path
):
    monkeypatch.setenv("FASHION_MNIST", str(tmp_path))
    networks = sweep_table.read_table("times-P")
    always, further, missing = sweep_table.trainable(networks)
    assert {one.subject.data for one in always} <= set(datasets.NAMES)
    assert {one.subject.data for one in missing} == {"fashion-mnist"}  # as the page says
    assert further == []
    assert all(one.count == one.subject.count for one in always)
    assert {what: len(sweep_table.study(networks, what)) for what in ("P", "N")} == {"P": 10, "N": 8}


def test_the_slope_in_width_is_that_in_weights_times_their_exponent(tmp_path, weights):
    series = sweep_table.families(sweep_table.read_table(path=make_table(tmp_path / "table.csv", 0.5)))
    by = {size: summaries.slopes(series, size, "loss", weights) for size in summaries.SIZES}
    for family, row in series.items():
        counts, widths = (
            [read(one) for one in row] for read in (lambda o: o.count, lambda o: o.subject.width)
        )
        grown = sweep_table.slope(widths, np.log10(counts)[:, None])[0]  # of log P in log width
        assert by["P"][family][0] == pytest.approx(0.5, abs=0.02)
        assert by["width"][family][0] == pytest.approx(0.5 * grown, abs=0.03)


def test_data_sets_count_once_each_and_noisy_ones_and_optimisers_apart():
    found = {
        (data, noise, kind, hidden): np.full(3, slope + (noise > 0) + (kind == "adamw"))
        for data, depths, slope in (("digits", (1, 2, 3), 0.1), ("diabetes", (1,), 0.3), ("iris", (1,), 0.5))
        for hidden in depths
        for noise in (0.0, 0.2)
        for kind in ("sgd", "adamw")
    }
    reach = 4.303 * 0.2 / 3**0.5  # of Student's t with two degrees of freedom
    for kind, noise, expected in (("sgd", "clean", 0.3), ("adamw", "noisy", 2.3), ("sgd", "both", 0.8)):
        over_starts, over_data = summaries.mean(found, kind, noise, repetitions=10)
        assert over_starts == pytest.approx((expected, expected, expected, 10))
        assert over_data == pytest.approx((expected, expected - reach, expected + reach, 3), abs=1e-3)
    rows = summaries.mean_rows({"P": found, "width": found}, 10)
    assert [(row["optimiser"], row["slope in"], row["targets"]) for row in rows[:3]] == [
        ("sgd", "P", "clean"), ("sgd", "P", "noisy"), ("sgd", "P", "both"),
    ]  # fmt: skip
    assert len(rows) == 2 * 2 * 3
    with pytest.raises(ValueError, match="'loud'"):
        summaries.mean(found, "sgd", "loud", 10)


def test_what_explodes_without_a_penalty_has_no_best_one_and_enters_no_slope():
    networks = sweep_table.read_table()
    voids = sweep_table.select(networks, void=True)
    assert {(one.subject.data, one.subject.recipe.optimizer) for one in voids} == {
        ("digits", "sgd"), ("mnist-5k", "sgd"),
    }  # fmt: skip
    assert {(one.vary, one.subject.recipe.batch_size) for one in voids} == {("batch-size", 8)}
    studies = sweep_table.study(networks, "B")
    assert [len(studies["digits", kind][0]) for kind in ("sgd", "adamw")] == [2, 3]
    half = replace(voids[0], losses=np.array([[1e9, 0.5]]), places=np.zeros(1, int))
    assert not half.void


def test_a_search_that_missed_what_its_neighbours_found_is_named(tmp_path):
    row = sweep_table.read_table(path=make_table(tmp_path / "table.csv", 0.0))
    family = ("digits", 0.0, "sgd", 1)
    assert set(sweep_table.regions(row).values()) == {"held"}
    one = next(one for one in row if one.subject.hidden == 1 and one.subject.width == 256)
    whole = abs(one.places - 1) <= 1  # far left of the bowl
    losses = np.where(whole[:, None] | (np.arange(6) < 2), one.losses, np.nan)
    reasons = []
    for crushed in ([0.0, 0.0], [9.0, 0.0], [9.0, 9.0]):
        luck = np.where(whole[:, None], 0, np.array([*crushed, 0, 0, 0, 0]))
        table = [two if two is not one else replace(one, losses=losses + luck) for two in row]
        reasons.append(sweep_table.regions(table)[family, 256])
    assert reasons == ["open", "open", "worse"]


def test_no_search_of_the_table_left_a_place_that_may_be_the_best():
    networks = sweep_table.read_table()
    reasons = list(sweep_table.regions(networks).values())
    assert len(reasons) == sum(map(len, sweep_table.families(networks).values()))
    assert set(reasons) <= {"held", "worse"}
    assert [one.subject for one in networks if search.open_places(one.losses).any()] == []


def pretend_fashion(folder: Path) -> None:
    """Write 300 images, which are none, as the files of Fashion-MNIST."""
    pixels = (np.arange(300 * 784, dtype=np.uint64) ** 2 % 251).astype(np.uint8).tobytes()
    for name, body in (
        ("images-idx3", bytes(16) + pixels),
        ("labels-idx1", bytes(8) + bytes(range(10)) * 30),
    ):
        (folder / f"t10k-{name}-ubyte.gz").write_bytes(gzip.compress(body))


def test_optional_data_adds_networks_and_changes_none_of_the_others(monkeypatch, tmp_path):
    networks = sweep_table.read_table()
    monkeypatch.setenv("FASHION_MNIST", str(tmp_path))
    without = sweep_table.trainable(networks)
    pretend_fashion(tmp_path)
    always, further, missing = sweep_table.trainable(networks)
    assert (always, further, missing) == (without[0], without[2], [])
    one = further[0]
    ((drawn, _, live),) = sweep_table.audit([replace(one, subject=one.subject.trained(steps=1))], 1, 0, "cpu")
    assert drawn.count == one.subject.count
    assert np.isfinite(live).all()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: sweep_table.read_table("mean"), "'mean'"),
        (lambda: sweep_table.read_table("sum", "median"), "'median'"),
        (lambda: sweep_table.study([], "width"), "'width'"),
    ],
)
def test_unknown_words_are_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()
