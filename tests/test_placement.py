"""Profiles of Snakemake: the one for Slurm can be read, and what cannot be used is refused at once."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT, complaint, environment, l2scaling, link_environment, path_without

from l2scaling.publish.errors import RequestError
from l2scaling.publish.project import Project
from l2scaling.publish.runs.scheduler import SLURM as SLURM_COMMANDS
from l2scaling.publish.runs.scheduler import VARIABLE, placement

SLURM = "profiles/slurm"


def test_without_a_profile_jobs_run_here(monkeypatch):
    for value in ("", "none"):
        monkeypatch.setenv(VARIABLE, value)
        assert placement(Project(ROOT)) == ["--cores", str(os.cpu_count())]
    monkeypatch.delenv(VARIABLE)
    assert placement(Project(ROOT), jobs=3) == ["--cores", "3"]


def pretend(folder, programs, monkeypatch, words="exit 0"):
    """Make a PATH on which these programs are all there is of Slurm."""
    path = path_without(folder / "bin", *SLURM_COMMANDS, "sacct")
    for name in programs:
        program = folder / "bin" / name
        program.write_text(f"#!/bin/sh\n{words}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", path)


def test_the_profile_for_slurm_is_read_from_any_folder(monkeypatch, tmp_path):
    pretend(tmp_path, SLURM_COMMANDS, monkeypatch)
    for cwd, value in ((ROOT, SLURM), (tmp_path, str(ROOT / SLURM))):
        monkeypatch.chdir(cwd)
        monkeypatch.setenv(VARIABLE, value)
        assert placement(Project(ROOT)) == ["--profile", SLURM]
        assert placement(Project(ROOT), jobs=3) == ["--profile", SLURM, "--jobs", "3"]


def test_a_slurm_that_does_not_answer_is_not_asked_to_work(monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, str(ROOT / SLURM))
    pretend(tmp_path, SLURM_COMMANDS, monkeypatch, "echo no controller >&2; exit 1")
    with pytest.raises(RequestError, match=r"Slurm that answers \(no controller\); allowed"):
        placement(Project(ROOT))


@pytest.mark.parametrize("missing", [*([one] for one in SLURM_COMMANDS), SLURM_COMMANDS], ids="+".join)
def test_the_commands_of_slurm_that_are_missing_are_named(missing, monkeypatch, tmp_path):
    pretend(tmp_path, set(SLURM_COMMANDS) - set(missing), monkeypatch)
    command = [sys.executable, "-m", "l2scaling.publish.runs.scheduler"]  # where Snakemake is read afresh
    for value in (ROOT / SLURM, ROOT / SLURM / "config.yaml"):
        monkeypatch.setenv(VARIABLE, str(value))
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 2
        (line,) = done.stderr.splitlines()
        assert f"needs Slurm, of which {', '.join(missing)} is not here; allowed: " in line


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        (None, "names no profile"),
        ("jobs: [", "config.yaml"),
        ("jobs", "key: value"),
        ("jobs: many", "jobs"),
        ("jobs: 2\nnodes: 3", "--nodes=3"),
        ("jobs: 2\nexecutor: slum", "'slum'"),
        ("executor: local", "jobs"),
    ],
)
def test_a_profile_that_cannot_be_used_is_refused(profile, said, sample, tmp_path, monkeypatch):
    folder = tmp_path / "profile"
    if profile:
        folder.mkdir()
        (folder / "config.yaml").write_text(profile)
    monkeypatch.setenv(VARIABLE, str(folder))
    line = complaint(l2scaling("sweep", "sample", "--seeds", "2", project=sample), 2)
    assert repr(str(folder)) in line
    assert said in line
    assert "allowed" in line
    assert not (sample / "_build").exists()


def test_make_refuses_it_too():
    command = ["make", "--no-print-directory", "book", f"{VARIABLE}=/nonexistent"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    refused, *more = [line for line in done.stderr.splitlines() if "***" not in line]
    assert not more
    assert "'/nonexistent'" in refused
    assert "allowed" in refused


def test_under_a_profile_make_tells_how_far_it_is_and_names_what_failed(sample, tmp_path):
    link_environment(sample)
    (tmp_path / "config.yaml").write_text("cores: 2")
    command = ["make", "--no-print-directory", "book", "PROFILE=quick", f"{VARIABLE}={tmp_path}"]
    place = {"cwd": sample, "env": environment(sample), "capture_output": True, "text": True}
    done = subprocess.run(command, **place)
    assert done.returncode == 0, done.stderr
    assert "3 of 3 steps (100%) done" in done.stderr
    (sample / "notebooks" / "profiles.yml").write_text("sample: {quick: {mode: raise}}")
    done = subprocess.run(command, **place)
    assert done.returncode == 2
    assert (
        "l2scaling: chapter 'sample' failed in code cell 4 of 5 ('time.sleep(pause)'): ZeroDivisionError"
        in done.stderr
    )
    assert "is untouched" in done.stderr
