"""The same numbers again: chapters run twice agree to the last bit, and what drifts is named."""

import json
import subprocess
from pathlib import Path

import nbformat
import pytest
from conftest import BIN, EVIDENCE, ROOT, complaint, environment, extend, l2scaling

from l2scaling.publish.evidence.reproduce import state


@pytest.fixture
def judged(sample: Path) -> Path:
    """The sample project with one record of evidence, run and accepted."""
    extend(sample, EVIDENCE, "evidence")
    for words in (["run", "sample"], ["accept"]):
        (sample / "results").mkdir(exist_ok=True)
        assert l2scaling(*words, project=sample).returncode == 0
    return sample


def altered(project: Path, **change: object) -> None:
    path = project / "results" / "sample.json"
    (row,) = json.loads(path.read_text())
    path.write_text(json.dumps([row | change]))


def test_a_chapter_run_again_gives_the_published_numbers(judged):
    done = l2scaling("reproduce", "--json", project=judged)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        {"chapter": "sample", "quantity": "a number", "published": 3.0, "now": 3.0, "state": "same"}
    ]
    assert "1 same, 0 within tolerance, 0 drifted" in done.stderr


def test_every_call_runs_the_chapter_anew(judged):
    run = judged / "_build" / "reproduce" / "published" / "points"
    starts = []
    for _ in range(2):
        assert l2scaling("reproduce", project=judged).returncode == 0
        (path,) = run.glob("*.ipynb")
        starts.append(nbformat.read(path, as_version=4).metadata["papermill"]["start_time"])
    assert starts[0] != starts[1]


def test_what_moved_little_is_within_tolerance_and_what_moved_far_has_drifted(judged):
    altered(judged, measured=3.05, low=2.95, high=3.15)
    done = l2scaling("reproduce", project=judged)
    assert (done.returncode, "within tolerance" in done.stdout) == (0, True)
    altered(judged, measured=3.5, low=3.4, high=3.6)
    before = (judged / "results" / "sample.json").read_bytes()
    assert "'a number'" in complaint(l2scaling("reproduce", project=judged), 1)
    assert (judged / "results" / "sample.json").read_bytes() == before


def test_states_of_a_record():
    row = {"quantity": "q", "kind": "equals", "predicted": 1.0, "margin": 0.1, "claim": "A1"}
    row |= {"measured": 1.0, "low": 0.9, "high": 1.1, "n": 5, "holds": True}
    assert state(row, row) == "same"
    assert state(row, row | {"measured": 1.15, "low": 1.05, "high": 1.25}) == "within tolerance"
    assert state(row, row | {"measured": 1.5, "low": 1.4, "high": 1.6}) == "drifted"
    assert state(row, row | {"holds": False}) == "drifted"
    assert state(row, row | {"predicted": 1.1}) == "drifted"
    assert state(row, None) == state(None, row) == "drifted"
    exact = row | {"kind": "exact", "margin": 0.0, "low": 1.0, "high": 1.0}
    assert state(exact, exact | {"measured": 1.0 + 1e-12}) == "drifted"


def test_a_chapter_that_cannot_be_reproduced_is_named(judged):
    notebook = judged / "notebooks" / "sample.ipynb"
    notebook.write_text(notebook.read_text().replace("random.seed(seed)", "random.seed(seed / 0)"))
    line = complaint(l2scaling("reproduce", project=judged), 1)
    assert "ZeroDivisionError" in line


def test_senseless_reproductions_are_refused(judged):
    assert "'nothing'" in complaint(l2scaling("reproduce", "nothing", project=judged), 2)
    assert "'fast'" in complaint(l2scaling("reproduce", "--profile", "fast", project=judged), 2)
    assert "no run" in complaint(l2scaling("reproduce", "--profile", "full", project=judged), 2)
    assert not (judged / "_build" / "reproduce").exists()


# ---------------------------------------------------------------- the real chapters


def test_two_threads_give_the_same_evidence(quick_site, tmp_path):
    command = [BIN / "l2scaling", "reproduce", "stability", "stationary-point", "--profile", "quick"]
    done = subprocess.run(
        [*map(str, command), "--output", str(tmp_path), "--jobs", "1"], cwd=ROOT, text=True,
        capture_output=True, env=environment() | {"OMP_NUM_THREADS": "2"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (run, *_) = (tmp_path / "points").glob("*.ipynb")
    assert nbformat.read(run, as_version=4).metadata["l2scaling"]["threads"] == "2"
