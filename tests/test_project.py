"""The files around the code: generated ones are current, references parse, nothing names a place."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from conftest import BIN, ROOT, need

from l2scaling.publish.project import Project

CHAPTERS = Project(ROOT).chapters()


def test_environment_yml_is_what_pyproject_says(tmp_path):
    (command,) = re.findall(r"^CONDA_DOOR := (.+?\\\n.+)$", (ROOT / "Makefile").read_text(), re.M)
    line = f"{command} --output {tmp_path / 'environment.yml'}".replace("\\\n", " ")
    subprocess.run(
        ["bash", "-c", line], cwd=ROOT, check=True, env=os.environ | {"PATH": f"{BIN}:/usr/bin:/bin"}
    )
    assert (tmp_path / "environment.yml").read_text() == (ROOT / "environment.yml").read_text()


def test_the_lock_pins_every_direct_dependency_but_torch():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [project["dependencies"], *project["optional-dependencies"].values()]
    names = {re.split(r"[<>=\[]", one)[0].lower() for group in wanted for one in group}
    lock = (ROOT / "requirements.lock").read_text()
    pinned = set(re.findall(r"(?m)^([\w.-]+)==", lock))
    assert names - pinned == {"torch"}
    assert (ROOT / "requirements-torch.txt").read_text() == "torch==2.13.0\n"
    assert all("--hash=sha256:" in block for block in re.split(r"(?m)^(?=[\w.-]+==)", lock)[1:])


def test_versions_agree():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == version
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()


def test_every_page_is_in_the_contents_and_every_chapter_has_its_profiles():
    toc = (ROOT / "_toc.yml").read_text()
    assert {f"book/{path.stem}" for path in (ROOT / "book").glob("*.md")} <= set(
        re.findall(r"book/[\w-]+", toc)
    )
    notebooks = {*CHAPTERS, *Project(ROOT).cells()}
    cells = {"scaling-cell", "widening-cell", "transformer-cell"}  # of sweeps, no chapters
    assert notebooks - set(CHAPTERS) == cells
    profiles = yaml.safe_load((ROOT / "notebooks" / "profiles.yml").read_text())
    assert set(profiles) == notebooks
    assert all("quick" in values for values in profiles.values())


def test_every_setting_of_sphinx_has_its_reason_beside_it():
    """A comment on the line, or on the line above it."""
    lines = (ROOT / "_config.yml").read_text().split("  config:\n")[1].splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        if re.match(r"    \w", line):
            assert "# " in line or before.strip().startswith("#"), line


def test_no_tracked_file_is_large_or_names_a_place_of_this_machine():
    need("git", otherwise="nobody knows which files are tracked")
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout: nobody knows which files are tracked")
    for name in listed.stdout.split("\0")[:-1]:
        path = ROOT / name
        if path.is_file():
            assert path.stat().st_size < 2**21, name
            assert str(ROOT).encode() not in path.read_bytes(), name


@pytest.mark.parametrize("name", ["src", "tests", "benchmarks"])
def test_style(name):
    for check in (["check"], ["format", "--check"]):
        done = subprocess.run([BIN / "ruff", *check, name], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_types():
    done = subprocess.run([sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_help_names_every_target():
    makefile = (ROOT / "Makefile").read_text()
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    targets = re.search(r"^\.PHONY: (.+)$", makefile, re.M)[1].split()
    assert {name for name in targets if f"make {name} " not in done.stdout} == {"environment"}


@pytest.mark.parametrize(
    ("setting", "said"), [("PROFILE=fast", "'fast'"), ("PYTHON=/nonexistent", "/nonexistent")]
)
def test_make_refuses_what_it_cannot_use(setting, said, sample):
    done = subprocess.run(["make", "book", setting], cwd=sample, capture_output=True, text=True)
    assert done.returncode == 2
    assert said in done.stderr
    assert not Path(sample / "_build").exists()
