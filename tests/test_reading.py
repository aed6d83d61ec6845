"""Whatever reads a run of the book asks whether it is this chapter's, this profile's, whole and fresh."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import EVIDENCE, complaint, extend, l2scaling

from l2scaling.publish.project import Project
from l2scaling.publish.runs.provenance import is_fresh

READERS = (
    ("accept",), ("accept", "sample"), ("evidence",), ("evidence", "sample"), ("cite", "sample"),
    ("cite", "book"), ("site",), ("release",),
)  # fmt: skip


@pytest.fixture
def judged(sample: Path) -> Path:
    return extend(sample, EVIDENCE, "evidence")


def of_another_profile(root: Path, run: Path) -> None:
    assert l2scaling("run", "sample", "--profile", "quick", project=root).returncode == 0
    shutil.copy(run.parents[1] / "quick" / "sample.ipynb", run)


def of_other_parameters(root: Path, run: Path) -> None:
    words = ("run", "sample", "-p", "seed", "4", "--output", run)
    assert l2scaling(*words, project=root).returncode == 0


def of_another_chapter(root: Path, run: Path) -> None:
    edit(run, lambda notebook: notebook["metadata"]["l2scaling"].update(chapter="other"))


def without_its_end(root: Path, run: Path) -> None:
    edit(run, lambda notebook: notebook["cells"][-1].update(execution_count=None, outputs=[]))


def of_other_sources(root: Path, run: Path) -> None:
    with (root / "requirements.lock").open("a") as file:
        file.write("# another\n")


def that_is_none(root: Path, run: Path) -> None:
    shutil.copy(root / "notebooks" / "sample.ipynb", run)


def edit(run: Path, change: Callable[[dict], object]) -> None:
    notebook = json.loads(run.read_text())
    change(notebook)
    run.write_text(json.dumps(notebook))


WRONG = {
    of_another_profile: "is one of profile 'quick'",
    of_other_parameters: "is one of profile 'custom'",
    of_another_chapter: "is one of chapter 'other'",
    without_its_end: "was not run to its end",
    of_other_sources: "is not of the sources as they are",
    that_is_none: "is no run",
}


@pytest.mark.parametrize("make", WRONG, ids=lambda make: make.__name__)
def test_a_run_that_is_not_the_chapters_own_is_taken_for_none(judged, make):
    assert l2scaling("run", "sample", project=judged).returncode == 0
    project = Project(judged)
    assert is_fresh(project, "sample", "published")
    make(judged, project.run_path("sample", "published"))
    assert not is_fresh(project, "sample", "published")
    for words in READERS:
        line = complaint(l2scaling(*words, project=judged), 2)
        assert WRONG[make] in line, words
        assert "l2scaling run sample --profile published" in line, words
    assert not (judged / "results").exists()
    assert not (judged / "_build" / "html").exists()
    (row,) = json.loads(l2scaling("chapters", "--json", project=judged).stdout)
    assert (row["minutes"], row["fresh"]) == (None, False)
