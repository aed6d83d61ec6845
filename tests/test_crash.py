"""Kill a build in the middle: nothing half-run is published, and the next build completes."""

import shutil
import subprocess
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from conftest import environment, snakemake

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


def outcome(root: Path) -> tuple[int, str]:
    """Build, and return the exit status and what the steps said."""
    place = {"cwd": root, "env": environment(root)}
    done = subprocess.run(snakemake(root), **place, capture_output=True, text=True, timeout=180)
    return done.returncode, done.stderr


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("victim", VICTIMS)
def test_a_killed_build_publishes_nothing_and_the_next_one_completes(sample, victim):
    project = Project(sample)
    # the run that outlives Snakemake must still be at work when the next build has started
    pause = 9 if victim == "Snakemake" else 4
    edit(project.notebooks / "profiles.yml", "pause: 0.25", f"pause: {pause}")
    killed = subprocess.Popen(
        snakemake(sample), cwd=sample, env=environment(sample), stderr=subprocess.DEVNULL
    )
    wait_for(killed, VICTIMS["kernel"])
    time.sleep(1.5)  # into the cells
    wait_for(killed, VICTIMS[victim]).kill()
    assert killed.wait(timeout=60) != 0
    assert not (project.build / "html").exists()
    run = project.run_path("sample", "quick")
    assert not run.exists()

    status, said = outcome(sample)
    assert status == 0, said
    assert ("waiting" in said) == (victim == "Snakemake")  # for the run that it left behind
    assert (project.build / "html" / "index.html").exists()
    last = nbformat.read(run, as_version=4).cells[-1]
    assert last.outputs
    assert not list(run.parent.glob("*.partial"))
    assert outcome(sample) == (0, "")  # nothing ran


def test_what_changed_runs_again_and_nothing_else(sample):
    project = Project(sample)
    notebook, index = project.notebooks / "sample.ipynb", project.build / "html" / "book" / "index.html"
    assert outcome(sample)[0] == 0

    for path in (*sample.rglob("*.py"), notebook):
        path.touch()
    assert outcome(sample) == (0, "")

    edit(sample / "book" / "index.md", "The symbols are", "All symbols are")
    status, said = outcome(sample)
    assert (status, "sample:" in said, "pages:" in said) == (0, False, True)
    assert "All symbols are" in index.read_text()

    edit(sample / "src" / "l2scaling" / "scaling.py", '"""Exponents', '"""The exponents')
    status, said = outcome(sample)
    assert (status, "sample:" in said) == (0, True)

    edit(project.notebooks / "profiles.yml", "0.25", "0.5")
    status, said = outcome(sample)
    assert (status, "sample:" in said) == (0, True)

    shutil.rmtree(project.build / "html")
    status, said = outcome(sample)
    assert (status, "sample:" in said, index.exists()) == (0, False, True)


def test_a_failed_chapter_costs_nothing_and_is_not_taken_for_done(sample):
    project = Project(sample)
    assert outcome(sample)[0] == 0
    run, index = project.run_path("sample", "quick"), project.build / "html" / "book" / "index.html"
    good_run, good_index = run.read_bytes(), index.read_bytes()
    edit(project.notebooks / "sample.ipynb", "random.seed(seed)", "random.seed(seed / 0)")
    for _ in range(2):
        status, said = outcome(sample)
        assert status == 1
        assert "ZeroDivisionError" in said
        assert (run.read_bytes(), index.read_bytes()) == (good_run, good_index)
    edit(project.notebooks / "sample.ipynb", "seed / 0", "seed")
    assert outcome(sample)[0] == 0


def test_a_failed_page_leaves_the_site_as_it_was(sample):
    assert outcome(sample)[0] == 0
    index = Project(sample).build / "html" / "book" / "index.html"
    before = index.read_bytes()
    edit(sample / "book" / "index.md", "few.", "few. See [nothing](nowhere.md).")
    status, said = outcome(sample)
    assert status == 1
    assert "nowhere.md" in said
    assert index.read_bytes() == before
