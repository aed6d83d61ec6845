"""Kill a build in the middle: nothing half-run is published, and the next build completes."""

import shutil
import subprocess
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from conftest import environment, l2scaling, snakemake

from l2scaling.publish.gather import records_of
from l2scaling.publish.project import Project

VICTIMS = {"kernel": "ipykernel_launcher", "papermill": "l2scaling run", "Snakemake": "snakemake --cores"}


def wait_for(process: subprocess.Popen, words: str, seconds: float = 60) -> psutil.Process:
    """Return the process below ``process``, or itself, whose command line contains ``words``."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        for one in reversed(family):
            try:
                if words in " ".join(one.cmdline()) and "bash" not in one.name():
                    return one
            except psutil.Error:
                continue
        time.sleep(0.05)
    raise AssertionError(f"no process {words!r} came up")


@pytest.mark.parametrize("victim", VICTIMS)
def test_a_killed_build_publishes_nothing_and_the_next_one_completes(copy_of_book, victim):
    project = Project(copy_of_book)
    (chapter, *_) = project.chapters()
    killed = subprocess.Popen(
        snakemake(copy_of_book), cwd=copy_of_book, env=environment(copy_of_book), stderr=subprocess.DEVNULL
    )
    wait_for(killed, VICTIMS["kernel"])
    time.sleep(1.0)  # into the cells
    wait_for(killed, VICTIMS[victim]).kill()
    assert killed.wait(timeout=60) != 0
    assert not (project.build / "html").exists()
    run = project.run_path(chapter, "quick")
    assert victim == "Snakemake" or not run.exists()

    status, said = outcome(copy_of_book)
    assert status == 0, said
    assert (project.build / "html" / "index.html").exists()
    assert records_of(nbformat.read(run, as_version=4))
    assert not list(run.parent.glob("*.partial"))

    assert outcome(copy_of_book) == (0, "")  # nothing ran


def outcome(root: Path) -> tuple[int, str]:
    """Build, and return the exit status and what the steps said."""
    place = {"cwd": root, "env": environment(root)}
    done = subprocess.run(snakemake(root), **place, capture_output=True, text=True, timeout=180)
    return done.returncode, done.stderr


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_what_changed_runs_again_and_nothing_else(copy_of_book):
    """And a failed chapter is neither published nor taken for done by the next build."""
    project = Project(copy_of_book)
    (chapter, *_) = project.chapters()
    notebook = project.notebooks / f"{chapter}.ipynb"

    assert outcome(copy_of_book)[0] == 0
    site = project.build / "html" / "notebooks" / f"{chapter}.html"
    first = site.read_bytes()

    for path in copy_of_book.rglob("*.py"):
        path.touch()
    notebook.touch()
    assert outcome(copy_of_book) == (0, "")

    edit(copy_of_book / "book" / "index.md", "The symbols are", "All symbols are")
    status, said = outcome(copy_of_book)
    assert (status, f"{chapter}:" in said, "pages:" in said) == (0, False, True)

    edit(copy_of_book / "src" / "l2scaling" / "scaling.py", '"""Exponents', '"""The exponents')
    status, said = outcome(copy_of_book)
    assert (status, f"{chapter}:" in said) == (0, True)

    good = project.run_path(chapter, "quick").read_bytes()
    edit(notebook, "c = penalty_coefficient", "c = penalty_coefficient / 0")
    for _ in range(2):
        status, said = outcome(copy_of_book)
        assert status == 1
        assert "ZeroDivisionError" in said
        assert project.run_path(chapter, "quick").read_bytes() == good
        assert site.exists()

    edit(notebook, "c = penalty_coefficient / 0", "c = penalty_coefficient")
    assert outcome(copy_of_book)[0] == 0
    assert len(site.read_bytes()) == pytest.approx(len(first), rel=0.01)

    shutil.rmtree(project.build / "html")
    status, said = outcome(copy_of_book)
    assert (status, f"{chapter}:" in said, site.exists()) == (0, False, True)
    assert l2scaling("chapters", project=copy_of_book).returncode == 0
