"""The atlas: every formula against recorded calls, what the lock has against live ones, and the command."""

import json
import math
import re
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import ROOT, complaint, l2scaling, lack

from l2scaling import frameworks
from l2scaling.atlas import calls as recorded
from l2scaling.atlas import situations
from l2scaling.atlas.conventions import REGISTRY, ConventionError, find, libraries
from l2scaling.atlas.quantities import Usage
from l2scaling.publish.errors import RequestError, RunError
from l2scaling.publish.evidence import atlas
from l2scaling.publish.pages import atlas_page
from l2scaling.publish.project import Project

PROJECT = Project(ROOT)
MEASURED = [one for one in libraries().values() if one.measurable]
LOCKED = [one for one in MEASURED if one.locked]
CALLS = atlas.read_calls(PROJECT)


@pytest.mark.parametrize("library", MEASURED, ids=lambda one: one.name)
def test_every_row_agrees_with_all_calls_that_it_asks_for(library):
    for row in library.rows:
        own = [one for one in CALLS if one.row == row.name]
        kept = {recorded.asked(row, one.value, one.setting) for one in own}
        assert kept == {recorded.asked(row, *one) for one in recorded.trials(row)}, row.name
        assert recorded.departures(own) == []


def test_every_trial_has_two_values_and_some_drawn_at_random():
    for library in MEASURED:
        for row in library.rows:
            values = [value for value, _ in recorded.trials(row)]
            assert len(set(values[: -recorded.DRAWS])) >= 2, row.name
            assert len({repr(one) for one in recorded.trials(row)}) >= 4, row.name


def test_a_wrong_formula_is_found_in_the_table(monkeypatch):
    broken = {row.name: replace(row, factor=1.01 * row.factor) for row in REGISTRY}
    monkeypatch.setattr(recorded, "find", broken.get)
    loose = {row.name for row in REGISTRY if row.tolerance >= 0.01}
    assert all(not one.fits for one in CALLS if one.row not in loose and one.coefficient)


@pytest.mark.parametrize("library", LOCKED, ids=lambda one: one.name)
def test_what_the_lock_has_is_measured_live(library):
    try:
        calls = atlas.measure_library(PROJECT, library, newest=False)
    except RunError as error:
        if "libgomp.so.1: cannot open" in str(error):
            lack(f"libgomp.so.1: not installed, so that {library.name} was not measured")
        raise
    assert recorded.departures(calls) == []
    kept = {(one.row, one.value, repr(one.setting)) for one in CALLS}
    tabled = {row for row, *_ in kept}
    assert {one.row for one in calls} <= tabled


@pytest.mark.parametrize("kind", ["Adam", "NAdam", "RAdam", "RMSprop", "Adadelta"])
def test_shares_that_depend_on_the_weight_are_those_of_a_weight_of_one(kind):
    """And a weight of two loses half the share, since the step has one size."""

    def shares(size, rates):
        weight = torch.nn.Parameter(torch.tensor([size], dtype=torch.float64))
        optimizer, found = getattr(torch.optim, kind)([weight], weight_decay=0.1), []
        for rate in rates:
            optimizer.param_groups[0]["lr"] = rate
            before, weight.grad = float(weight.detach()), torch.zeros_like(weight)
            optimizer.step()
            found.append(1 - float(weight.detach()) / before)
        return found

    told = find(f"torch.optim.{kind}").behaviour
    words = told["first step" if kind == "RAdam" else "zero gradient"]
    steps, first = {"NAdam": 3, "RMSprop": 3, "RAdam": 6}.get(kind, 1), 5 if kind == "RAdam" else 0
    seen = [shares(size, [0.01] * steps)[first:] for size in (1.0, 2.0)]
    assert all(f"{one:.3g}" in words for one in seen[0])
    assert seen[1][0] == pytest.approx(seen[0][0] / 2, rel=0.02)
    if kind == "Adam":
        scheduled = shares(1.0, [0.1, 0.01, 0.001])
        assert all(f"{one:.3g}" in told["schedule"] for one in scheduled)


def test_names_aliases_and_addresses_are_unique():
    """Parts of one call share its aliases, and no two rows a name."""
    paths: dict[str, set[str]] = {}
    for row in REGISTRY:
        for name in {row.path, *row.aliases}:
            paths.setdefault(name, set()).add(row.path)
    assert {name: found for name, found in paths.items() if len(found) > 1} == {}
    assert len({row.name for row in REGISTRY}) == len(REGISTRY)
    anchors = [atlas_page.row_anchor(row.name) for row in REGISTRY]
    assert len(set(anchors)) == len(anchors)


def test_names_are_import_paths_with_at_most_one_part():
    for row in REGISTRY:
        assert re.fullmatch(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*(:[A-Za-z0-9_]+)?", row.name), row.name


def test_the_page_has_every_row_with_its_address():
    page = atlas_page.atlas_page(CALLS)
    for library in libraries().values():
        for row in library.rows if library.requires else ():
            assert page.count(f"{{#{atlas_page.row_anchor(row.name)}}}") == 1
    for line in page.splitlines():
        if line.startswith("| [`"):
            assert len(re.split(r"(?<!\\) \| ", line)) == atlas_page.HEAD.count(" | ") + 1, line


def test_requests_that_cannot_be_met_are_refused_in_one_line():
    assert "unknown library 'torhc' (nearest: 'torch')" in complaint(
        l2scaling("atlas", "measure", "torhc"), 2
    )
    assert "unknown library 'torhc'" in complaint(l2scaling("atlas", "list", "torhc"), 2)
    for library in libraries().values():
        if library.absent:
            assert library.absent.split(",")[0] in complaint(l2scaling("atlas", "measure", library.name), 2)


def test_a_library_that_fails_is_named_and_the_others_are_kept(tmp_path, monkeypatch):
    """Its calls of before stay in the table, and what comes after it is still measured."""
    locked = libraries()["torch"]
    broken = replace(libraries()["keras"], probe="there_is_none")
    monkeypatch.setattr(atlas, "require_library", {"keras": broken, "torch": locked}.get)
    project = Project(tmp_path)
    before = [one for one in CALLS if one.library == "keras"]
    (tmp_path / "results").mkdir()
    atlas.write_calls(project, before)
    with pytest.raises(RunError, match="keras: its probe ended after 0 calls"):
        atlas.measure(project, ["keras", "torch"])
    after = atlas.read_calls(project)
    assert [one for one in after if one.library == "keras"] == before
    assert {one.row for one in after if one.library == "torch"} == {row.name for row in locked.rows}


def test_what_is_measured_already_is_not_measured_again(tmp_path):
    project = Project(tmp_path)
    (tmp_path / "results").mkdir()
    assert atlas.stale(project) == [one.name for one in MEASURED]
    atlas.write_calls(project, CALLS)
    atlas.write_situations(project, TRIED)
    assert atlas.stale(project) == []


@pytest.mark.parametrize(
    ("row", "quantity", "asks_again"),
    [
        ("torch.optim.SGD", "learning_rate", ["torch"]),
        ("lifelines.CoxPHFitter", "samples", ["lifelines"]),
        ("lifelines.CoxPHFitter", "feature_variance", []),  # which the call shows
    ],
)
def test_a_call_under_other_quantities_than_its_row_asks_for_is_stale(tmp_path, row, quantity, asks_again):
    project = Project(tmp_path)
    (tmp_path / "results").mkdir()
    moved = {quantity: 77.0}
    calls = [replace(one, setting=one.setting | moved) if one.row == row else one for one in CALLS]
    atlas.write_situations(project, TRIED)
    atlas.write_calls(project, calls)
    assert atlas.stale(project) == asks_again


def test_a_probe_answers_no_other_quantity_than_was_asked_unless_the_row_says_so(monkeypatch):
    library = libraries()["lightgbm"]
    answer = '{"coefficient": 1.0, "samples": 7}'

    def run(_, input, **__):
        lines = ['{"lightgbm": "4"}', *[answer] * len(input.splitlines())]
        return SimpleNamespace(stdout="\n".join(lines), stderr="")

    monkeypatch.setattr(atlas.subprocess, "run", run)
    with pytest.raises(RunError, match=r"its probe answers .*7.* where .* was asked"):
        atlas.measure_library(PROJECT, library, newest=False)
    trial = {"value": (0.5, 0.05), "samples": (40, 120)}
    shown = tuple(replace(row, trial=trial, shows=("samples",)) for row in library.rows)
    assert atlas.measure_library(PROJECT, replace(library, rows=shown), newest=False)


def test_a_full_measurement_goes_on_after_an_interruption_and_begins_anew_when_all_are_done(
    tmp_path, monkeypatch, capsys
):
    """A library that fails is measured once more, and those that are done are not, until all are."""
    project, names, broken = Project(tmp_path), ["lightgbm", "optax", "torch"], {"optax"}
    measured = []

    def measure_library(_, library, *, newest):
        measured.append(library.name)
        if library.name in broken:
            raise RunError(f"{library.name} is broken")
        return [one for one in CALLS if one.library == library.name]

    monkeypatch.setattr(atlas, "measure_library", measure_library)
    monkeypatch.setattr(atlas, "measurable", lambda: names)
    (tmp_path / "results").mkdir()
    atlas.write_calls(project, CALLS)
    with pytest.raises(RunError, match="optax is broken"):
        atlas.measure(project, [], again=True)
    broken.clear()
    assert {one.library for one in atlas.measure(project, [], again=True)} == {"optax"}
    assert "2 libraries are done" in capsys.readouterr().err
    assert measured == [*names, "optax"]
    assert len(atlas.measure(project, [], again=True)) > len(names)
    assert measured == [*names, "optax", *names]
    assert sorted(map(repr, atlas.read_calls(project))) == sorted(map(repr, CALLS))


def test_newest_says_which_rows_a_newer_version_changed_and_leaves_the_table(monkeypatch):
    """A line a library with both versions, a line for each row that was left, and status 1."""
    before = PROJECT.results.joinpath("atlas.csv").read_bytes()

    def measure_library(_, library, *, newest):
        assert newest
        if library.name == "optax":
            raise RunError("optax cannot be installed (no wheel)")
        calls = [replace(one, version="99.1") for one in CALLS if one.library == library.name]
        gone = "lion_pytorch.Lion"
        return [replace(one, coefficient=7.0) if one.row == gone else one for one in calls]

    monkeypatch.setattr(atlas, "measure_library", measure_library)
    lines = []
    with pytest.raises(RunError, match="1 rows changed, and 1 libraries could not be measured"):
        for line in atlas.newest(PROJECT, ["lion-pytorch", "optax", "came-pytorch"]):
            lines.append(line)
    pin = libraries()["lion-pytorch"].requires[0].partition("==")[2]
    assert lines[0] == f"lion-pytorch {pin} -> 99.1: 2 rows, 1 changed"
    assert "9 of 9 calls: lion_pytorch.Lion at 0.1" in lines[1]
    assert re.fullmatch(r"optax [\d.]+ -> newest: optax cannot be installed \(no wheel\)", lines[2])
    assert re.fullmatch(r"came-pytorch [\d.]+ -> 99.1: 1 rows, each as it was", lines[3])
    assert PROJECT.results.joinpath("atlas.csv").read_bytes() == before


TRIED = atlas.read_situations(PROJECT)
TRYING = [one for one in MEASURED if atlas.tries_situations(one)]


def test_what_becomes_of_decay_is_tried_for_every_row_of_a_probe_that_can_and_starts_as_the_formula_says():
    tried = {one.row: one for one in TRIED}
    assert list(tried) == [row.name for library in TRYING for row in library.rows]
    compared = 0
    for one in TRIED:
        row, (value, setting) = find(one.row), recorded.trials(find(one.row))[0]
        still = one.shares["still"]
        alone = row.family == "decoupled" and row.stage == "beside the step" and isinstance(still, float)
        alone = alone and "zero gradient" not in row.behaviour  # where a rule by angle holds decay back
        if alone and not row.counts and setting.get("steps", 1) == 1 and not math.isnan(still) and still:
            expected = setting["learning_rate"] * row.coefficient(value, Usage())
            if "/" not in row.formula:
                compared += 1
                assert still == pytest.approx(expected, rel=2e-3), one.row
    assert compared > 100


def test_a_table_of_situations_is_read_as_it_was_written_and_what_lacks_one_is_stale(tmp_path):
    project = Project(tmp_path)
    (tmp_path / "results").mkdir()
    atlas.write_calls(project, CALLS)
    assert atlas.stale(project) == [one.name for one in TRYING]
    atlas.write_situations(project, TRIED)
    assert atlas.stale(project) == []
    assert [repr(one) for one in atlas.read_situations(project)] == [repr(one) for one in TRIED]


def test_a_probe_is_asked_for_each_situation_and_its_errors_are_answers(tmp_path):
    """The long ones at the share of 0.001, whatever the first step takes."""
    probe = tmp_path / "one.py"
    probe.write_text(
        "def situation(name, value, setting, *, slower=1.0, frozen=False, twice=False, **words):\n"
        "    if frozen:\n"
        "        raise KeyError(name)\n"
        "    return None if twice else slower * value * setting['learning_rate']\n"
    )
    request = {"row": "a", "value": 0.5, "setting": {"learning_rate": 0.1}, "situations": True}
    driver = ROOT / "src" / "l2scaling" / "atlas" / "probes" / "driver.py"
    command = [sys.executable, str(driver), str(probe), "numpy"]
    done = subprocess.run(command, input=json.dumps(request), capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[1])
    assert list(found) == list(situations.SITUATIONS)
    assert (found["still"], found["slower"], found["tied"]) == (0.05, pytest.approx(0.005), None)
    assert (found["frozen"], found["bfloat16"]) == ("KeyError", pytest.approx(0.001))


def test_sentences_name_the_rows_that_do_otherwise():
    one = next(one for one in TRIED if one.row == "lion_pytorch.Lion")
    other = replace(one, row="another.Lion", shares=one.shares | {"unused": one.shares["still"]})
    lines = situations.summary([one, one, other])
    assert "a parameter whose gradient is None is left alone; is decayed: `Lion`" in lines
    assert "a frozen parameter with a gradient that was left is decayed" in lines
    assert "at a share of 0.001 a step a weight in bfloat16 loses nothing" in lines
    page = atlas_page.atlas_page(CALLS, TRIED)
    assert "  - a tensor that is listed twice is decayed more than once" in page


@pytest.mark.parametrize("mode", ["rows", "columns"])
def test_what_has_no_coefficient_pulls_at_no_length_and_says_so(mode):
    """The gradient of OrthogonalRegularizer is at right angles to each row, as its words say."""
    rule = frameworks.keras().regularizers.OrthogonalRegularizer(0.1, mode=mode)
    weights = torch.nn.Parameter(torch.tensor(np.random.default_rng(0).normal(size=(3, 4))))
    rule(weights).backward()
    along = (weights.grad * weights.detach()).sum(dim=1 if mode == "rows" else 0)
    assert along.abs().max() < 1e-6 < 1e-3 < weights.grad.abs().max()
    with pytest.raises(ConventionError, match=r"OrthogonalRegularizer has no coefficient: .*no length"):
        find("tf.keras.regularizers.OrthogonalRegularizer")
    assert "`keras.regularizers.OrthogonalRegularizer`" in atlas_page.atlas_page(CALLS)


def test_a_library_is_found_by_the_name_that_it_is_imported_by_and_no_far_name_is_called_near():
    for name, meant in {"sklearn": "scikit-learn", "pytorch": "torch", "paddle": "paddlepaddle"}.items():
        assert atlas.named(name).name == meant
    for far in ("x", "slim", "tf_slim"):
        with pytest.raises(RequestError, match=f"unknown library '{far}'; allowed"):
            atlas.named(far)
    with pytest.raises(ConventionError, match=r"\(nearest: 'xgboost.XGBClassifier'\)"):
        find("xgboost.XGBClasifier")


def test_options_may_stand_before_the_libraries_and_a_library_twice_is_one():
    for words in (["--json", "lion-pytorch"], ["lion-pytorch", "--json"], ["--json", *["lion-pytorch"] * 2]):
        found = json.loads(l2scaling("atlas", "list", *words).stdout)
        assert [one["library"] for one in found] == ["lion-pytorch"] * 2
    assert "--again takes all libraries" in complaint(l2scaling("atlas", "measure", "--again", "torch"), 2)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 390)])
def test_the_table_is_searched_filtered_and_linked_into(quick_site, context, scheme, width):
    page = context(scheme, width).new_page()
    address = (quick_site / "book/atlas.html").as_uri()
    page.goto(address)
    rows = page.locator("table.atlas tbody tr")
    shown = page.locator("table.atlas tbody tr:not([hidden])")
    assert shown.count() == rows.count() == sum(len(one.rows) for one in libraries().values() if one.requires)
    page.locator(".atlas-filters input[type=search]").fill("xgboost gblinear")
    assert 1 <= shown.count() <= 10
    assert "gblinear" in shown.first.inner_text()
    assert f"{shown.count()} of {rows.count()} arguments" in page.get_by_role("status").inner_text()
    page.locator(".atlas-filters input[type=search]").fill("")
    page.get_by_label("Family").select_option("group")
    assert {row.split("\n")[0] for row in shown.locator("td:nth-child(2)").all_inner_texts()} == {"group"}
    page.get_by_label("On by default").check()
    assert shown.count() < rows.count() / 4
    page.goto(f"{address}#{atlas_page.row_anchor('torch.optim.AdamW')}")  # a link shows its row all the same
    target = page.locator("tr:has(:target)")
    assert target.is_visible()
    assert "torch.optim.AdamW" in target.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_without_scripts_the_table_is_whole(quick_site, browser):
    page = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844}).new_page()
    page.goto((quick_site / "book/atlas.html").as_uri())
    assert page.locator("table.atlas tbody tr").last.is_visible()
    assert page.locator(".atlas-filters").count() == 0
    page.close()
