"""What λ means where: known values, round trips, refusals, real calls, and the command convert."""

import json
from fractions import Fraction

import nbformat
import numpy as np
import pytest
from conftest import complaint, l2scaling, sample_notebook
from hypothesis import given, settings
from hypothesis import strategies as st

from l2scaling.chapters.conventions.measured import Size, measure, measure_lbfgs
from l2scaling.chapters.conventions.solved import group_means, solve, solvers
from l2scaling.atlas.conventions import (
    REGISTRY,
    ConventionError,
    Usage,
    convert,
    find,
    library_conventions,
    names,
    table,
)

FULL = Usage(samples=500, batch_size=50, learning_rate=0.1, l1_ratio=0.25)

KNOWN = [
    # value, from, to, expected
    (0.01, "keras.regularizers.L2", "torch.optim.SGD", 0.02),
    (0.02, "torch.optim.SGD", "keras.regularizers.L2", 0.01),
    (0.01, "keras.regularizers.L1L2:l2", "optax.add_decayed_weights", 0.02),
    (0.01, "torch.optim.Adam", "keras.optimizers.SGD", 0.01),
    (1.0, "sklearn.linear_model.Ridge", "penalty_coefficient", 0.002),
    (2.0, "sklearn.linear_model.LogisticRegression", "penalty_coefficient", 0.001),
    (0.001, "penalty_coefficient", "sklearn.linear_model.LogisticRegression", 2.0),
    (10.0, "sklearn.neural_network.MLPClassifier", "penalty_coefficient", 0.2),
    (1.0, "lambda_over_2m", "penalty_coefficient", 0.002),
    (1.0, "xgboost.XGBRegressor", "sklearn.linear_model.Ridge", 1.0),
    (0.4, "sklearn.linear_model.ElasticNet:l2", "sklearn.linear_model.SGDClassifier", 0.3),
    (0.4, "sklearn.linear_model.ElasticNet:l1", "sklearn.linear_model.Lasso", 0.1),
    (0.1, "keras.regularizers.L1", "sklearn.linear_model.Lasso", 0.1),
    (0.01, "torch.optim.AdamW", "optax.adamw", 0.01),
    (0.05, "share_per_step", "keras.optimizers.AdamW", 0.5),
]


@pytest.mark.parametrize(("value", "source", "target", "expected"), KNOWN)
def test_known_conversions(value, source, target, expected):
    assert convert(value, source, target, FULL).value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("source", names())
def test_every_row_round_trips_with_every_row_of_its_family(source):
    """Random values over twelve decades and random usages, by way of c or of the family's own unit."""
    rng = np.random.default_rng([20260101, names().index(source)])
    targets = [one.name for one in REGISTRY if one.family == find(source).family]
    for _ in range(50):
        value = 10 ** rng.uniform(-8, 4)
        usage = Usage(
            samples=int(rng.integers(1, 10**6)),
            batch_size=int(rng.integers(1, 10**4)),
            learning_rate=10 ** rng.uniform(-6, 0),
            l1_ratio=rng.uniform(0.01, 0.99),
        )
        for target in targets:
            there = convert(value, source, target, usage)
            back = convert(there.value, target, source, usage)
            assert back.value == pytest.approx(value, rel=1e-12)
            if find(source).family == "l2":
                assert back.penalty_coefficient == pytest.approx(there.penalty_coefficient, rel=1e-12)


def test_c_is_given_in_the_family_of_c_only_and_zero_stays_zero():
    assert convert(1, "keras.regularizers.L2", "torch.optim.SGD").penalty_coefficient == 2
    assert convert(1, "torch.optim.AdamW", "optax.adamw").penalty_coefficient is None
    assert convert(1, "keras.regularizers.L1", "sklearn.linear_model.Lasso").penalty_coefficient is None
    assert convert(0, "keras.regularizers.L2", "torch.optim.SGD").value == 0
    assert str(convert(-0.0, "keras.regularizers.L2", "torch.optim.SGD").value) == "0.0"


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        ("torch.optim.AdamW", "penalty_coefficient", "beside the optimiser's step"),
        ("keras.regularizers.L2", "keras.optimizers.AdamW", "under plain SGD without momentum they agree"),
        ("keras.regularizers.L1", "keras.regularizers.L2", "one size of weight"),
        ("sklearn.linear_model.Lasso", "optax.adamw", "one size for every weight"),
    ],
)
def test_two_families_are_refused_with_the_reason(source, target, reason):
    with pytest.raises(ConventionError, match=reason) as refusal:
        convert(0.01, source, target, FULL)
    assert "0.01" in str(refusal.value)
    assert "allowed" in str(refusal.value)


@pytest.mark.parametrize("one", [one for one in REGISTRY if one.needs], ids=lambda one: one.name)
def test_a_missing_quantity_is_named(one):
    option = "--" + one.needs[0].replace("_", "-")
    for source, target in ((one.name, one.name), (_neighbour(one), one.name)):
        with pytest.raises(ConventionError, match=f"needs {one.needs[0]}.*{option}"):
            convert(0.01, source, target)


def _neighbour(one):
    return {"l2": "penalty_coefficient", "l1": "keras.regularizers.L1", "decoupled": "optax.adamw"}[
        one.family
    ]


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("source", ["keras.regularizers.L2", "sklearn.linear_model.LogisticRegression"])
def test_a_value_that_means_nothing_is_refused(value, source):
    with pytest.raises(ConventionError, match="allowed"):
        convert(value, source, "penalty_coefficient", FULL)


def test_limits_of_a_reciprocal():
    with pytest.raises(ConventionError, match="above 0"):
        convert(0.0, "sklearn.linear_model.LogisticRegression", "penalty_coefficient", FULL)
    with pytest.raises(ConventionError, match="no finite C"):
        convert(0.0, "penalty_coefficient", "sklearn.linear_model.LogisticRegression", FULL)
    with pytest.raises(ConventionError, match="beyond"):
        convert(1e308, "keras.regularizers.L2", "penalty_coefficient")


LOGISTIC = "sklearn.linear_model.LogisticRegression"
MLP = "sklearn.neural_network.MLPClassifier"


@pytest.mark.parametrize(
    ("value", "source", "target", "usage"),
    [
        (1e-320, LOGISTIC, "penalty_coefficient", {}),  # 1/C overflows
        (1e308, LOGISTIC, "penalty_coefficient", {}),  # 1/C loses digits
        (5e-324, "torch.optim.SGD", "torch.optim.Adam", {}),
        (3e-308, "penalty_coefficient", "keras.regularizers.L2", {}),  # half of it loses digits
        (1e300, "penalty_coefficient", LOGISTIC, {"samples": 10**20}),
        (1e-300, "sklearn.linear_model.Ridge", "torch.optim.SGD", {"samples": 10**100}),  # comes to 0
        (1e-300, "sklearn.linear_model.Ridge", "lambda_over_2m", {"samples": 10**10}),  # on its way
        (1e300, "torch.optim.SGD", "sklearn.linear_model.Ridge", {"samples": 10**10}),
        (1e-300, MLP, "torch.optim.SGD", {"batch_size": 10**300}),
        (1.0, MLP, "torch.optim.SGD", {"batch_size": int(1.7e308)}),
        (1e300, "share_per_step", "optax.adamw", {"learning_rate": 1e-300}),
        (1e-300, "optax.adamw", "share_per_step", {"learning_rate": 1e-300}),
        (1e-300, "sklearn.linear_model.ElasticNet:l1", "keras.regularizers.L1", {"l1_ratio": 1e-300}),
        (1e300, "keras.regularizers.L1", "sklearn.linear_model.ElasticNet:l1", {"l1_ratio": 1e-300}),
    ],
)
def test_what_a_float_cannot_express_is_refused_and_never_rounded_to_nothing(value, source, target, usage):
    full = {"samples": 500, "batch_size": 50, "learning_rate": 0.1, "l1_ratio": 0.25} | usage
    with pytest.raises(ConventionError, match=r"beyond what .* can express") as refusal:
        convert(value, source, target, Usage(**full))
    assert "allowed" in str(refusal.value)


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from([(a.name, b.name) for a in REGISTRY for b in REGISTRY if a.family == b.family]),
    st.floats(5e-324, 1.7e308), st.integers(1, 10**308), st.floats(5e-324, 1.7e308), st.floats(5e-324, 1),
)  # fmt: skip
def test_at_any_size_a_conversion_is_exact_or_refused(pair, value, count, rate, share):
    try:
        usage = Usage(samples=count, batch_size=count, learning_rate=rate, l1_ratio=share)
        there = convert(value, *pair, usage)
    except ConventionError:
        return
    source, target = map(find, pair)
    exact = Fraction(source.scale(usage)) * Fraction(value) ** source.power / Fraction(target.scale(usage))
    assert abs(Fraction(there.value) / exact**target.power - 1) < 1e-15


@pytest.mark.parametrize(
    "wrong",
    [
        {"learning_rate": 1e-320},
        {"l1_ratio": 5e-324},
        {"samples": 0},
        {"batch_size": -3},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"l1_ratio": 2},
    ],
)
def test_a_senseless_usage_is_refused(wrong):
    with pytest.raises(ConventionError, match="allowed"):
        Usage(**wrong)


@pytest.mark.parametrize("one", library_conventions(), ids=lambda one: one.name)
def test_a_real_call_uses_the_coefficient_of_the_registry(one):
    size = Size(weights=16, samples=60, batch_size=15)
    reading = measure(one.name, 0.05, size, seed=3, l1_ratio=0.3)
    expected = one.coefficient(0.05, Usage(samples=60, batch_size=15, l1_ratio=0.3))
    assert reading.weights == pytest.approx(expected, rel=one.tolerance)
    for part in (reading.bias, reading.scale):
        if not np.isnan(part):
            assert part / expected == pytest.approx(float(one.decays_biases), abs=1e-5)
    wrong = one.coefficient(0.05, Usage(samples=61, batch_size=16, l1_ratio=0.3))
    assert (reading.weights != pytest.approx(wrong, rel=one.tolerance)) == (
        one.per in ("samples", "batch_size")
    )


def test_lbfgs_divides_by_all_samples():
    assert measure_lbfgs(10.0, 200, seed=1) == pytest.approx(10.0 / 200, rel=1e-3)


def test_one_ridge_problem_has_one_solution_once_converted():
    rng = np.random.default_rng(5)
    groups = np.arange(60) % 3
    y = np.array([-0.7, 0.9, 0.3])[groups] + rng.normal(0, 0.1, 60)
    exact = group_means(groups, y, 0.05)
    usage = Usage(samples=60, l1_ratio=0.0)
    for name in solvers():
        if find(name).family == "l2" and name != "sklearn.linear_model.SGDRegressor":
            value = convert(0.05, "penalty_coefficient", name, usage).value
            assert solve(name, value, groups, y) == pytest.approx(exact, rel=1e-6), name
            if value != 0.05:  # the bare number solves another problem
                assert solve(name, 0.05, groups, y) != pytest.approx(exact, rel=1e-2), name


def test_the_table_has_every_library_row_and_whatever_was_measured():
    lines = table({"torch.optim.SGD": 0.25}).splitlines()
    assert len(lines) == 2 + len(library_conventions())
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1
    assert lines[2].endswith("| 0.25 |")


def test_the_command_prints_one_object():
    words = (
        "convert",
        "1",
        "--from",
        "sklearn.linear_model.Ridge",
        "--to",
        "torch.optim.SGD",
        "--samples",
        "100",
    )
    done = l2scaling(*words, "--json")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)
    assert set(found) == {"value", "penalty_coefficient", "note"}
    assert found["value"] == found["penalty_coefficient"] == 0.01
    assert "α/N" in found["note"]
    assert "torch.optim.SGD: 0.01" in l2scaling(*words).stdout


KERAS = ("--from", "keras.regularizers.L2", "--to", "torch.optim.SGD")
RIDGE = ("--from", "sklearn.linear_model.Ridge", "--to", "torch.optim.SGD")

WRONG = {
    "unknown API": (
        ("1", "--from", "keras.regularizers.L3", *KERAS[2:]),
        ["'keras.regularizers.L3'", "nearest"],
    ),
    "two penalties": (
        ("1", "--from", "sklearn.linear_model.ElasticNet", *KERAS[2:]),
        ["two penalties", "sklearn.linear_model.ElasticNet:l2"],
    ),
    "no number": (("abc", *KERAS), ["'abc'", "a number"]),
    "negative": (("-1", *KERAS), ["-1", "0 or more"]),
    "negative power": (("-1e-3", *KERAS), ["-0.001", "0 or more"]),
    "infinite": (("inf", *KERAS), ["inf", "finite"]),
    "minus infinity": (("-inf", *KERAS), ["-inf", "finite"]),
    "not a number": (("nan", *KERAS), ["nan", "finite"]),
    "no samples": (("1", *RIDGE), ["samples", "--samples"]),
    "samples not positive": (("1", *RIDGE, "--samples", "0"), ["0", "1 or more"]),
    "samples negative": (("1", *RIDGE, "--samples", "-5"), ["-5", "1 or more"]),
    "samples not whole": (("1", *RIDGE, "--samples", "1.5"), ["'1.5'", "whole number"]),
    "no batch": (
        ("1", "--from", "sklearn.neural_network.MLPClassifier", *KERAS[2:]),
        ["batch_size", "--batch-size", "lbfgs"],
    ),
    "no rate": (("1", "--from", "share_per_step", "--to", "optax.adamw"), ["--learning-rate"]),
    "two families": (("1", "--from", "torch.optim.AdamW", *KERAS[2:]), ["no equivalent", "Adam"]),
    **{
        f"beyond: {text}": ((text, *KERAS), [repr(text), "beyond what a float can express", "2.2e-308"])
        for text in ("1e-400", "1_0e-4_00", "１e-400", "0.0001E-320", "1e-320", "1e400", "9" * 400)
    },
    "an inverse beyond": (
        ("1e-320", "--from", "sklearn.linear_model.LogisticRegression", *KERAS[2:], "--samples", "10"),
        ["'1e-320'", "beyond what a float can express"],
    ),
    **{
        f"{option} beyond": (("1", *KERAS, option, "1e-400"), [option, "'1e-400'", "beyond"])
        for option in ("--learning-rate", "--l1-ratio")
    },
    "no target": (("1", "--from", "torch.optim.SGD"), ["--to"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_conversion_is_one_line(case):
    words, wanted = WRONG[case]
    line = complaint(l2scaling("convert", *words), 2)
    assert all(part in line for part in wanted), line


WITHOUT_LIGHTGBM = """
import sys
sys.modules["lightgbm"] = None  # as Python says that a module is not there
import numpy as np
from l2scaling.chapters.conventions.measured import one_tree
one_tree("lightgbm", np.array([0, 1]), np.array([1.0, -1.0]), reg_lambda=1.0)
"""


def test_a_missing_framework_stops_the_chapter_with_the_way_to_get_it(sample, tmp_path):
    notebook = sample_notebook()
    notebook.cells.append(nbformat.v4.new_code_cell(WITHOUT_LIGHTGBM.strip(), id="asking"))
    nbformat.write(notebook, sample / "notebooks" / "sample.ipynb")
    line = complaint(l2scaling("run", "sample", "--output", tmp_path / "out.ipynb", project=sample), 2)
    assert "LightGBM is not installed" in line
    assert "pip install -e '.[frameworks]'" in line
    assert not list(tmp_path.glob("*.ipynb"))
