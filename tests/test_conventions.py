"""What λ means where: known values, round trips, refusals, real calls, and the command convert."""

import json
from fractions import Fraction

import nbformat
import numpy as np
import pytest
from conftest import complaint, l2scaling, sample_notebook
from hypothesis import given, settings
from hypothesis import strategies as st

from l2scaling.atlas.conventions import REGISTRY, find, library_conventions, names, table
from l2scaling.atlas.convert import LOSSES, SMALLEST_SHARES, convert, sum_behind
from l2scaling.atlas.everyday import everyday
from l2scaling.atlas.lookup import MOST_NAMED
from l2scaling.atlas.quantities import QUANTITIES, ConventionError, Usage
from l2scaling.chapters.conventions.measured import Size, measure, measure_lbfgs
from l2scaling.chapters.conventions.solved import group_means, solve, solvers

FULL = Usage(samples=500, batch_size=50, learning_rate=0.1, l1_ratio=0.25)
NAMES = names()


def random_usage(rng, **said):
    """Every quantity at random, but momentum, which joins two families."""
    found = {}
    for name, one in QUANTITIES.items():
        if one.whole:
            found[name] = int(rng.integers(43 if name == "batch_size" else 1, 10**4))
        elif name != "momentum":
            found[name] = rng.uniform(0.01, 0.99) if one.most == 1 else 10 ** rng.uniform(-4, 0)
    return Usage(**found | said)


def reversible(family):
    return [one.name for one in REGISTRY if one.family == family and one.power]


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


@pytest.mark.parametrize("source", [one.name for one in REGISTRY if one.power])
def test_every_row_round_trips_with_rows_of_its_family(source):
    """Random values over twelve decades and random usages, by way of c or of the family's own unit."""
    rng = np.random.default_rng([20260101, *source.encode()])
    targets = reversible(find(source).family)
    for target in [*targets[:20], *rng.choice(targets, 60)]:
        value = 10 ** rng.uniform(-8, 4)
        usage = random_usage(rng, **({"momentum": rng.uniform(0, 0.99)} if rng.random() < 0.5 else {}))
        if "momentum" in find(source).needs + find(target).needs:
            usage = random_usage(rng, momentum=0.9)
        there = convert(value, source, str(target), usage)
        back = convert(there.value, str(target), source, usage)
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
        ("torch.optim.AdamW", "torch.optim.SGD", "under Adam no coefficient makes them equal"),
        ("keras.optimizers.SGD", "torch.optim.AdamW", "under Adam no coefficient makes them equal"),
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
        with pytest.raises(ConventionError, match=f"needs .*{one.needs[0]}.*{option}") as refusal:
            convert(0.01, source, target)
        assert all(name in str(refusal.value) for name in one.needs)  # at once


def _neighbour(one):
    near = {"l2": "penalty_coefficient", "l1": "keras.regularizers.L1", "decoupled": "optax.adamw"}
    return near.get(one.family, one.name)


@pytest.mark.parametrize(
    ("value", "source"),
    [
        *((bad, "keras.regularizers.L2") for bad in (-1.0, float("nan"), float("inf"), -float("inf"))),
        *((bad, "sklearn.linear_model.LogisticRegression") for bad in (-1.0, float("nan"), -float("inf"))),
    ],
)
def test_a_value_that_means_nothing_is_refused(value, source):
    with pytest.raises(ConventionError, match="allowed"):
        convert(value, source, "penalty_coefficient", FULL)


def test_limits_of_a_reciprocal():
    with pytest.raises(ConventionError, match="above 0"):
        convert(0.0, "sklearn.linear_model.LogisticRegression", "penalty_coefficient", FULL)
    off = convert(float("inf"), "sklearn.linear_model.LogisticRegression", "torch.optim.SGD", FULL)
    assert off.value == off.penalty_coefficient == 0
    with pytest.raises(ConventionError, match=r"no finite C.*C=inf, which switches the penalty off"):
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
        (1e-300, MLP, "torch.optim.SGD", {"samples": 10**300, "batch_size": 10**300}),
        (1.0, MLP, "torch.optim.SGD", {"samples": int(1.7e308), "batch_size": int(1.7e308)}),
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
    st.sampled_from([(a.name, b.name) for a in everyday() for b in everyday() if a.family == b.family]),
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
        *({name: -1} for name in QUANTITIES),
    ],
)
def test_a_senseless_usage_is_refused(wrong):
    with pytest.raises(ConventionError, match="allowed"):
        Usage(**wrong)


@pytest.mark.parametrize("one", everyday(), ids=lambda one: one.name)
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
        not {"samples", "batch_size"}.isdisjoint(one.counts)
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
    assert set(found) == {"value", "penalty_coefficient", "note", "loss", "warnings"}
    assert found["value"] == found["penalty_coefficient"] == 0.01
    assert "α/N" in found["note"]
    assert "torch.optim.SGD: 0.01" in l2scaling(*words).stdout


KERAS = ("--from", "keras.regularizers.L2", "--to", "torch.optim.SGD")
RIDGE = ("--from", "sklearn.linear_model.Ridge", "--to", "torch.optim.SGD")

WRONG = {
    "unknown API": (
        ("1", "--from", "keras.optimizers.AdmW", *KERAS[2:]),
        ["'keras.optimizers.AdmW'", "(nearest: 'keras.optimizers.AdamW')", "`l2scaling atlas list`"],
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
    "no target": (("1", "--from", "torch.optim.SGD"), ["--to is missing"]),
    "several APIs": (("1", "--from", "SGD", *KERAS[2:]), ["'SGD' is the name of", "torch.optim.SGD"]),
    "all that is missing": (
        ("1", "--from", "share_per_step", "--to", RIDGE[1], "--momentum", "0"),
        [
            "share_per_step needs learning_rate",
            "needs samples",
            "are missing",
            "--learning-rate",
            "--samples",
        ],
    ),
    "no default": (("--from", "keras.optimizers.SGD", *KERAS[2:]), ["VALUE is missing", "no default"]),
    "no such loss": (("1", *RIDGE, "--samples", "9", "--loss", "huber"), ["'huber'", "mean-squared"]),
    "another loss": (
        ("1", *RIDGE, "--samples", "9", "--loss", "cross-entropy"),
        ["cross-entropy is not what sklearn.linear_model.Ridge has", "half-squared, mean-squared, summed"],
    ),
    "a sum of unknown size": (("1", *RIDGE, "--samples", "9", "--loss", "summed"), ["--batch-size"]),
    "half of a printed loss": (("1", *KERAS[:2], "--metric", "1"), ["--printed-loss is missing"]),
    "a printed loss, and a target": (("1", *KERAS, "--printed-loss", "2", "--metric", "1"), ["no --to"]),
    "a loss below its part": (
        ("1", *KERAS[:2], "--printed-loss", "1", "--metric", "2"),
        ["the loss not below the metric"],
    ),
    "a decay in no loss": (
        ("1", "--from", "torch.optim.SGD", "--printed-loss", "2", "--metric", "1"),
        ["no printed loss holds the decay of torch.optim.SGD"],
    ),
    "no penalty": (("0", *KERAS[:2], "--printed-loss", "2", "--metric", "1"), ["0 makes no penalty"]),
    "momentum for ever": (
        ("1", "--from", "keras.optimizers.SGD", *KERAS[2:], "--momentum", "1"),
        ["momentum 1", "below 1"],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_conversion_is_one_line(case):
    words, wanted = WRONG[case]
    line = complaint(l2scaling("convert", *words), 2)
    assert all(part in line for part in wanted), line


# ---------------------------------------------------------------- which API is meant


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("keras.regularizers.l2", "keras.regularizers.L2"),
        ("tf.keras.regularizers.L2", "keras.regularizers.L2"),
        ("tensorflow.keras.optimizers.AdamW", "keras.optimizers.AdamW"),
        ("tf.keras.regularizers.l1l2:l2", "keras.regularizers.L1L2:l2"),
        ("torch.optim.adamw.AdamW", "torch.optim.AdamW"),
        ("sklearn.linear_model._ridge.Ridge", "sklearn.linear_model.Ridge"),
        ("keras.src.optimizers.adamw.AdamW", "keras.optimizers.AdamW"),
        ("Lasso", None),
        ("linear_model.ElasticNet:l1", "sklearn.linear_model.ElasticNet:l1"),
        ("", None),
        (".", None),
    ],
)
def test_a_name_is_found_by_what_people_call_it(asked, found):
    if found:
        assert find(asked) is find(found)
    else:
        try:
            found = find(asked).path
        except ConventionError as refusal:
            assert "allowed" in str(refusal)
        else:
            assert found.rpartition(".")[2] == asked


def test_a_bare_class_name_is_its_only_row_or_the_list_of_its_rows():
    rows = {}
    for path in {one.path for one in REGISTRY}:
        rows.setdefault(path.rpartition(".")[2], set()).add(path)
    assert any(len(paths) > 1 for paths in rows.values())
    for name, paths in rows.items():
        try:
            assert find(name).path in paths
            assert len(paths) == 1
        except ConventionError as refusal:
            parts = ("penalties at once", "has several forms", "is the name of")
            assert len(paths) > 1 or any(words in str(refusal) for words in parts), (name, refusal)
            assert str(refusal).count(", ") < MOST_NAMED


@pytest.mark.parametrize("one", REGISTRY, ids=lambda one: one.name)
def test_every_alias_leads_to_its_row(one):
    _, sign, part = one.name.partition(":")
    for alias in one.aliases:
        assert find(alias if ":" in alias else alias + sign + part) is one


@pytest.mark.parametrize(
    "asked",
    ["torch.optim.Muun", "slim.l2_regularizer", "tf.nn.l3_loss", "keras.regularizers.L3", "torch.optim.Adm",
     "keras.optimizers.Adan", "numpy.Ridge", "sklearn.linear_model.Rigde", "optax.adamv", "x" * 10**5],
)  # fmt: skip
def test_a_hint_stays_in_the_library_and_family_of_what_it_nearly_is(asked):
    with pytest.raises(ConventionError, match="unknown API") as refusal:
        find(asked)
    words = str(refusal.value)
    assert len(words) < 300 + len(asked)
    if "nearest" in words:
        hint = find(words.split("nearest: '")[1].split("'")[0])
        assert hint.name.split(".")[0] == asked.split(".")[0]
        asked_last, last = asked.rpartition(".")[2], hint.path.rpartition(".")[2]
        assert len(set(asked_last) ^ set(last)) <= 2


# ---------------------------------------------------------------- real cases


def test_half_the_squared_error_is_said_first_and_doubles_for_the_mean_squared_error():
    usage = Usage(samples=100, batch_size=20)
    found = convert(50, "sklearn.linear_model.Ridge", "torch.optim.SGD", usage)
    assert found.value == 0.5
    assert found.loss.startswith("for a data loss that is the mean of half the squared error")
    assert "it is 1, by --loss mean-squared" in found.loss
    wanted = {"half-squared": 0.5, "mean-squared": 1.0, "summed": 20.0}
    for loss, value in wanted.items():
        there = convert(50, "sklearn.linear_model.Ridge", "torch.optim.SGD", usage, loss)
        assert there.value == there.penalty_coefficient == value
        back = convert(value, "torch.optim.SGD", "sklearn.linear_model.Ridge", usage, loss)
        assert (back.value, back.penalty_coefficient) == (pytest.approx(50), value)
    done = l2scaling("convert", 50, *RIDGE, "--samples", 100)
    assert done.stdout.startswith("for a data loss that is the mean of half the squared error")


@pytest.mark.parametrize("loss", LOSSES)
def test_ridge_by_a_network_under_each_loss(loss):
    """The closed form of ½·mean r² + c/2 w² against gradient descent on the loss as torch has it."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(8)
    x = rng.normal(size=40)
    y = (2 * x + rng.normal(size=40) > 0).astype(float) if loss == "cross-entropy" else 2 * x
    usage, estimator = Usage(samples=40, batch_size=40), LOGISTIC if loss == "cross-entropy" else RIDGE[1]
    given = 0.5 if loss == "cross-entropy" else 20.0
    c = convert(given, estimator, "torch.optim.SGD", usage, loss).value
    w = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.005, weight_decay=c)
    X, Y = torch.tensor(x), torch.tensor(y)
    functions = {
        "half-squared": lambda z: ((z - Y) ** 2).mean() / 2,
        "mean-squared": lambda z: torch.nn.functional.mse_loss(z, Y),
        "summed": lambda z: torch.nn.functional.mse_loss(z, Y, reduction="sum"),
        "cross-entropy": lambda z: torch.nn.functional.binary_cross_entropy_with_logits(z, Y),
    }
    for _ in range(4000 if loss != "cross-entropy" else 20000):
        optimizer.zero_grad()
        functions[loss](w * X).backward()
        optimizer.step()
    if loss == "cross-entropy":
        fit = sklearn_linear().LogisticRegression(C=given, fit_intercept=False, tol=1e-10)
        wanted = fit.fit(x[:, None], y).coef_[0, 0]
    else:
        wanted = sklearn_linear().Ridge(given, fit_intercept=False).fit(x[:, None], y).coef_[0]
    assert w.item() == pytest.approx(wanted, rel=1e-5)


def sklearn_linear():
    from sklearn import linear_model

    return linear_model


@pytest.mark.parametrize(
    ("samples", "batch", "mean"), [(1601, 200, 0.11556), (210, 200, 0.0525), (401, 200, 0.3367)]
)
def test_a_short_last_batch_is_divided_by_its_own_size(samples, batch, mean):
    usage = Usage(samples=samples, batch_size=batch)
    found = convert(1, MLP, "torch.optim.SGD", usage)
    assert found.value == pytest.approx(mean, rel=1e-3)
    (warning,) = found.warnings
    last = samples % batch
    assert f"the last mini-batch of an epoch has {last} sample" in warning
    assert f"c is {1 / last:.4g} in that step" in warning
    assert convert(found.value, "torch.optim.SGD", MLP, usage).value == pytest.approx(1)
    even = convert(1, MLP, "torch.optim.SGD", Usage(samples=4 * batch, batch_size=batch))
    assert (even.value, even.warnings) == (1 / batch, ())
    assert convert(1, MLP, "torch.optim.SGD", Usage(samples=9, batch_size=batch)).value == 1 / 9


def test_a_real_epoch_with_a_short_last_batch_decays_by_that_mean():
    from sklearn.neural_network import MLPRegressor

    X = np.zeros((21, 3))
    model = MLPRegressor(hidden_layer_sizes=(4,), solver="sgd", momentum=0, alpha=0.5, batch_size=10,
                         learning_rate_init=1e-4, shuffle=False, random_state=0)  # fmt: skip
    model.partial_fit(X, np.zeros(21))
    before = model.coefs_[0].copy()  # whose data gradient is 0, as all inputs are
    model.partial_fit(X, np.zeros(21))
    lost = 1 - (model.coefs_[0] / before).mean()
    c = convert(0.5, "sklearn.neural_network.MLPRegressor", "torch.optim.SGD", Usage(21, 10)).value
    assert lost == pytest.approx(3 * 1e-4 * c, rel=1e-3)


@pytest.mark.parametrize("momentum", [None, 0.0, 0.9])
def test_a_share_per_step_of_real_sgd(momentum):
    torch = pytest.importorskip("torch")
    usage = Usage(learning_rate=0.1, momentum=momentum)
    found = convert(5e-4, "torch.optim.SGD", "share_per_step", usage)
    assert found.value == pytest.approx(5e-4 if momentum else 5e-5, rel=1e-12)
    assert found.penalty_coefficient == 5e-4
    w = torch.ones((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1, momentum=momentum or 0, weight_decay=5e-4)
    sizes = []
    for _ in range(400):
        w.grad = torch.zeros_like(w)
        optimizer.step()
        sizes.append(w.item())
    assert 1 - sizes[-1] / sizes[-2] == pytest.approx(found.value, rel=0.01)
    back = convert(found.value, "share_per_step", "torch.optim.SGD", usage)
    assert back.value == pytest.approx(5e-4)


def test_decay_beside_sgd_with_momentum_is_a_weaker_penalty():
    usage = Usage(momentum=0.9)
    found = convert(5e-4, "keras.optimizers.SGD", "torch.optim.SGD", usage)
    assert found.value == found.penalty_coefficient == pytest.approx(5e-5)
    back = convert(5e-5, "torch.optim.SGD", "keras.optimizers.SGD", usage)
    assert (back.value, back.penalty_coefficient) == (pytest.approx(5e-4), pytest.approx(5e-5))
    assert convert(5e-4, "keras.optimizers.SGD", "torch.optim.SGD").value == 5e-4
    assert "say --momentum" in convert(5e-4, "keras.optimizers.SGD", "torch.optim.SGD").note
    shared = convert(5e-4, "keras.optimizers.SGD", "share_per_step", Usage(learning_rate=0.1, momentum=0.9))
    assert shared.value == pytest.approx(5e-5)


def test_a_penalty_in_the_loss_has_a_share_once_the_optimiser_is_said():
    usage = Usage(learning_rate=0.1)
    with pytest.raises(ConventionError, match="or --momentum \\(0 for none\\) if the optimiser is SGD"):
        convert(1e-4, "keras.regularizers.L2", "share_per_step", usage)
    said = Usage(learning_rate=0.1, momentum=0)
    assert convert(1e-4, "keras.regularizers.L2", "share_per_step", said).value == pytest.approx(2e-5)


@pytest.mark.parametrize(("name", "dtype"), [("float32", "float32"), ("bfloat16", "bfloat16")])
def test_a_share_below_the_smallest_removes_nothing(name, dtype):
    torch = pytest.importorskip("torch")
    weights = torch.linspace(0.01, 2, 5000).to(getattr(torch, dtype))
    smallest = SMALLEST_SHARES[name]
    for factor, moved in ((0.5, False), (1.0, False), (1.1, True)):
        w = weights.clone().requires_grad_()
        optimizer = torch.optim.AdamW([w], lr=1.0, weight_decay=smallest * factor)
        w.grad = torch.zeros_like(w)
        optimizer.step()
        assert bool((w != weights).any()) == moved, factor


def test_a_share_that_no_weight_feels_is_a_warning():
    said = {1e-4: "no float32 weight", 1.0: "no bfloat16 weight"}
    for rate, words in said.items():
        found = convert(1e-4, "torch.optim.AdamW", "share_per_step", Usage(learning_rate=rate))
        assert found.value == pytest.approx(1e-4 * rate)
        (warning,) = found.warnings
        assert words in warning
        assert "above 2.98e-08 in float32 and above 0.00195 in bfloat16" in warning
    assert convert(0.1, "torch.optim.AdamW", "share_per_step", Usage(learning_rate=0.1)).warnings == ()


def test_the_default_is_taken_and_said():
    found = convert(None, "torch.optim.AdamW", "optax.adamw")
    assert found.value == 0.01
    assert found.note.startswith("0.01 is the default of torch.optim.AdamW")
    done = l2scaling("convert", "--from", "torch.optim.AdamW", "--to", "optax.adamw")
    assert "optax.adamw: 0.01" in done.stdout


def test_samples_count_by_their_weights_beside_a_sum_and_beside_a_mean():
    """Every c is against Σωℓ/N, whether a library divides by N, by Σω, or by nothing."""
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(30, 1)), rng.normal(size=30)
    usage = Usage(samples=30, mean_weight=5.0)
    value = convert(0.2, "penalty_coefficient", "sklearn.linear_model.Ridge", usage).value
    heavy = Ridge(value, fit_intercept=False).fit(x, y, sample_weight=np.full(30, 5.0)).coef_
    assert heavy == pytest.approx(5 * x[:, 0] @ y / 30 / (5 * x[:, 0] @ x[:, 0] / 30 + 0.2))
    boosted = ("catboost.CatBoostRegressor", "xgboost.XGBRegressor", Usage(samples=100, mean_weight=4))
    assert convert(3, *boosted).value == pytest.approx(12, rel=1e-12)
    glum, usage = "glum.GeneralizedLinearRegressor:normal_l2", Usage(samples=60, mean_weight=4, l1_ratio=0)
    found = convert(0.5, glum, "sklearn.linear_model.Ridge", usage)
    assert (found.value, found.warnings) == (pytest.approx(120, rel=1e-12), ())
    (warning,) = convert(0.5, "celer.ElasticNet:l2", glum, usage).warnings
    assert "if it divides by Σω, as scikit-learn's Lasso does, its coefficient there is 4 times" in warning


def test_a_library_that_divides_by_the_sum_of_weights_converts_exactly():
    """Lasso's α is c over the mean weight; lifelines divides by rows, whatever they weigh."""
    from sklearn.linear_model import Lasso

    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(30, 1)), rng.normal(size=30) + 3
    usage = Usage(mean_weight=5.0)
    found = convert(0.2, "keras.regularizers.L1", "sklearn.linear_model.Lasso", usage, "half-squared")
    assert (found.value, found.warnings) == (pytest.approx(0.04, rel=1e-12), ())
    assert "has the mean weight 5 as a factor" in found.note
    heavy = Lasso(found.value, fit_intercept=False).fit(x, y, sample_weight=np.full(30, 5.0)).coef_
    slope, curve = 5 * x[:, 0] @ y / 30, 5 * x[:, 0] @ x[:, 0] / 30
    assert abs(slope) > 0.2
    assert heavy == pytest.approx((slope - 0.2 * np.sign(slope)) / curve)
    net, usage = "sklearn.linear_model.ElasticNet:l2", Usage(l1_ratio=0, mean_weight=4, feature_variance=1)
    assert convert(0.5, net, "lifelines.CoxPHFitter", usage).value == pytest.approx(2, rel=1e-12)


def test_what_subtracts_a_constant_says_for_which_weights_it_is_an_l1_pull():
    found = convert(0.01, "keras.regularizers.L1", "torch_optimizer.SGDW")
    assert "an l1 pull only where w is above 0: weights below 0 it drives away from 0" in found.note


def test_a_printed_loss_beside_a_metric_gives_the_weights():
    found = sum_behind(1e-4, "keras.regularizers.L2", 1.5326, 0.9875, Usage(weights=5451))
    assert found.sum_squares == pytest.approx(5451)
    assert found.weight_rms == pytest.approx(1)
    assert sum_behind(0.1, "keras.regularizers.L1", 2, 1).sum_absolute == pytest.approx(10)
    done = l2scaling("convert", "1e-4", *KERAS[:2], "--printed-loss", "1.5326", "--metric", "0.9875")
    assert "Σw²: 5451" in done.stdout
    (read,) = json.loads(
        l2scaling("convert", *KERAS[:2], "--printed-loss", "2", "--metric", "1", "--json").stdout
    )
    assert read["sum_squares"] == pytest.approx(100)  # at the default, 0.01


def test_every_quantity_is_an_option_of_the_command():
    words = l2scaling("convert", "--help").stdout
    assert all(f"--{name.replace('_', '-')}" in words for name in QUANTITIES)


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


# ---------------------------------------------------------------- what a newcomer fell over


def test_a_formula_that_holds_from_a_batch_on_is_refused_below_it():
    pair = ("ultralytics.YOLO.train", "torch.optim.SGD")
    assert convert(0.0005, *pair, Usage(batch_size=43)).value == pytest.approx(0.0005 * 43 / 64)
    for ends in (pair, pair[::-1]):
        with pytest.raises(ConventionError, match=r"batch_size 43 on, not at 42; allowed: --batch-size 43"):
            convert(0.0005, *ends, Usage(batch_size=42))


def test_an_estimator_is_not_said_to_print_no_penalty():
    with pytest.raises(ConventionError, match="is not known here") as refusal:
        sum_behind(1.0, MLP, 2, 1, Usage(batch_size=10))
    assert "no printed loss" not in str(refusal.value)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("keras.regularizers.L1", "keras.regularizers.L2"),
        ("sklearn.linear_model.Lasso", "optax.adamw"),
        ("sklearn.linear_model.Ridge", "optax.adamw"),
    ],
)
def test_momentum_is_no_advice_where_it_joins_nothing(source, target):
    with pytest.raises(ConventionError) as refusal:
        convert(0.1, source, target, Usage(samples=10))
    assert "--momentum" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sklearn.linear_model.ElasticNet", "sets two penalties at once"),
        ("keras.regularizers.L1L2", "sets two penalties at once"),
        ("pygam.LinearGAM", "has several forms"),
        ("transformers.Adafactor", "has several forms"),
        ("snapml.LinearRegression", "has several forms"),
    ],
)
def test_parts_that_are_alternatives_are_forms(name, words):
    with pytest.raises(ConventionError, match=f"{words}; allowed: {name}:"):
        find(name)


@pytest.mark.parametrize(
    "asked",
    [
        "torch.foo.bar.optim.baz.SGD", "torch.optim..SGD", "torch.optim.SGD:", "torch.optim.SGD:momentum",
        "torch.distributed.optim.AdamW", "keras.optimizers.legacy.Adam", "sklearn.linear_model._x.Ridge",
    ],
)  # fmt: skip
def test_a_name_with_parts_that_are_not_there_is_unknown(asked):
    with pytest.raises(ConventionError, match="unknown API"):
        find(asked)


def test_a_sum_that_overflows_is_refused():
    for source in ("keras.regularizers.L2", "keras.regularizers.L1"):
        with pytest.raises(ConventionError, match="beyond a float; allowed"):
            sum_behind(1e-300, source, 1e20, 1)
    assert sum_behind(1, "keras.regularizers.L2", 1, 1).sum_squares == 0


@pytest.mark.parametrize("option", ["--from", "--to", "--samples", "--loss"])
def test_an_option_given_twice_is_refused(option):
    line = complaint(l2scaling("convert", "1", *KERAS, *([option, "5"] * 2)), 2)
    assert f"{option} is given twice; allowed: once" in line


def test_a_share_of_all_of_a_weight_is_a_warning():
    for share, warned in ((0.99, False), (1.0, True), (5.0, True)):
        found = convert(share, "share_per_step", "optax.adamw", Usage(learning_rate=0.1))
        assert any("leaves nothing of a weight" in one for one in found.warnings) == warned


def test_a_penalty_that_is_off_stays_no_number_between_reciprocals():
    with pytest.raises(ConventionError, match=r"allowed: a finite number$"):
        convert(float("inf"), LOGISTIC, LOGISTIC, Usage(samples=10))


@pytest.mark.parametrize("other", ["torch.optim.SGD", "keras.regularizers.L2", "sklearn.linear_model.Ridge"])
def test_a_pull_that_the_optimiser_rescales_is_said_first(other):
    for ends in (("torch.optim.Adam", other), (other, "torch.optim.Adam")):
        (warning,) = convert(0.1, *ends, Usage(samples=10)).warnings
        assert "the optimiser of torch.optim.Adam rescales this pull" in warning
    done = l2scaling("convert", "0.1", "--from", "torch.optim.Adam", "--to", other, "--samples", 10)
    assert done.stdout.startswith("warning: the optimiser of torch.optim.Adam rescales")
    assert convert(0.1, "torch.optim.Adam", "torch.optim.NAdam").warnings == ()
