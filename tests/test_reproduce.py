"""The same numbers again: chapters run twice agree to the last bit, and what drifts is named."""

import json
import subprocess
from pathlib import Path

import nbformat
import pytest
from conftest import BIN, EVIDENCE, ROOT, complaint, environment, extend, l2scaling

from l2scaling.publish.errors import RequestError
from l2scaling.publish.evidence import reproductions
from l2scaling.publish.evidence.reproduce import state
from l2scaling.publish.pages.reproduced import reproductions_page
from l2scaling.publish.project import Project


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


# ---------------------------------------------------------------- the table of reproductions


def recorded(project: Path) -> list[tuple]:
    rows = reproductions.read(Project(project))
    return [(one.chapter, one.ran, one.records, one.same, one.within, one.drifted) for one in rows]


def test_an_outcome_is_recorded_once_and_another_beside_it(judged):
    for _ in range(2):
        assert l2scaling("reproduce", "--record", "newest", project=judged).returncode == 0
        assert recorded(judged) == [("sample", True, 1, 1, 0, 0)]
    (row,) = reproductions.read(Project(judged))
    made = nbformat.read(next((judged / "_build/reproduce/published/points").glob("*.ipynb")), 4)
    said = made.metadata["l2scaling"]
    assert row.versions.items() <= said["versions"].items()
    assert (row.processor, str(row.threads)) == (said["processor"], said["threads"])
    assert said["source"].startswith(row.source)
    altered(judged, measured=3.5, low=3.4, high=3.6)
    complaint(l2scaling("reproduce", "--record", "newest", project=judged), 1)
    assert recorded(judged) == [("sample", True, 1, 1, 0, 0), ("sample", True, 1, 0, 0, 1)]


def test_a_chapter_that_fails_is_recorded_as_such(judged):
    notebook = judged / "notebooks" / "sample.ipynb"
    notebook.write_text(notebook.read_text().replace("random.seed(seed)", "random.seed(seed / 0)"))
    complaint(l2scaling("reproduce", "--record", "lowest", project=judged), 1)
    assert recorded(judged) == [("sample", False, 0, 0, 0, 0)]


@pytest.mark.parametrize(
    "words", [("fastest",), ("newest", "--profile", "quick"), ("locked",)], ids=["word", "profile", "lock"]
)
def test_what_cannot_be_recorded_is_refused_before_it_runs(judged, words):
    for name in ("requirements.lock", "requirements-torch.txt"):
        (judged / name).write_text("numpy==1.0.0\n")
    line = complaint(l2scaling("reproduce", "--record", *words, project=judged), 2)
    assert words[-1] in line and "allowed" in line
    assert recorded(judged) == []
    assert not (judged / "_build" / "reproduce").exists()


@pytest.mark.parametrize(
    ("old", "new"),
    [(",yes,1,1,", ",yes,2,1,"), (",no,yes,", ",maybe,yes,"), (",newest,", ",own,"), ("date,", "day,")],
)
def test_a_row_that_no_command_can_have_written_is_named(judged, old, new):
    assert l2scaling("reproduce", "--record", "newest", project=judged).returncode == 0
    path = judged / "results" / "reproductions.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(RequestError, match=r"reproductions\.csv"):
        reproductions.read(Project(judged))


def test_the_page_counts_what_came_back_and_says_what_is_not_shown():
    project = Project(ROOT)
    rows = reproductions.read(project)
    assert rows
    titles = {chapter: chapter.upper() for chapter in project.chapters()}
    present = {row.chapter: row.source for row in rows}
    page = reproductions_page(rows, titles, present)
    assert f"{sum(row.same for row in rows):,} were the same to the last digit" in page
    assert all(row.processor in page and row.versions["numpy"] in page for row in rows)
    assert "any processor but " in page
    of_present = [row for row in rows if row.source == present[row.chapter]]
    assert "All of the runs were of the sources" in reproductions_page(of_present, titles, present)
    assert "0 of the runs were of the sources" in reproductions_page(rows, titles, dict.fromkeys(titles, ""))
    one = rows[:1]
    assert "the chapters" in reproductions_page(one, titles, {row.chapter: row.source for row in one})
    assert "No reproduction is on file" in reproductions_page([], titles, {})


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
