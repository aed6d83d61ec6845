"""One click: a chapter opens in JupyterLab, here or on a host, with the environment of the lock as kernel."""

import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, environment, from_npm, lack, link_environment, tool
from nbclient import NotebookClient

from l2scaling.publish.pages import site
from l2scaling.publish.project import Project
from l2scaling.publish.runs import executed
from l2scaling.publish.runs.provenance import incomplete

PROJECT = Project(ROOT)
CHEAP = "penalty-and-pull"
PYTHON = "3.11"


# ---------------------------------------------------------------- run all, as JupyterLab does


@pytest.mark.parametrize("name", [*PROJECT.chapters(), *PROJECT.cells()])
def test_the_first_code_cell_of_a_notebook_holds_its_parameters(name):
    notebook = PROJECT.source(name)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    assert first.metadata["tags"] == ["parameters"]
    assert notebook.metadata["kernelspec"]["name"] == "python3"


def test_run_all_with_a_plain_kernel_gives_the_numbers_of_the_strict_run(quick_site):
    notebook = PROJECT.source(CHEAP)
    place = next(number for number, cell in enumerate(notebook.cells) if cell.cell_type == "code")
    values = PROJECT.profile_values(CHEAP, "quick")
    edit = "\n".join(f"{name} = {value!r}" for name, value in values.items())
    notebook.cells[place].source += f"\n{edit}"  # as a reader edits them
    before = {path.name for path in PROJECT.notebooks.iterdir()}
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(PROJECT.notebooks)}}
    )
    client.execute(env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert incomplete(notebook) == []
    strict = executed.executed(PROJECT, CHEAP, "quick")
    assert executed.records_of(notebook) == executed.records_of(strict)
    assert {path.name for path in PROJECT.notebooks.iterdir()} == before


# ---------------------------------------------------------------- where it opens


def test_the_lock_of_jupyterlab_is_apart_and_whole():
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    lock = (ROOT / "lab.lock").read_text()
    assert [re.match(r"[\w-]+", one)[0] for one in groups["lab"]] == ["jupyterlab"]
    pinned = re.findall(r"^([\w.-]+)==\S+.*\n    --hash=sha256:[0-9a-f]{64}", lock, re.M)
    assert "jupyterlab" in pinned
    assert len(pinned) == len(re.findall(r"^\S+==", lock, re.M))
    assert not re.search(r"^jupyterlab==", (ROOT / "requirements.lock").read_text(), re.M)


def planned(folder: Path, *words: str) -> str:
    command = ["make", "--dry-run", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_binder_registers_the_books_own_kernel(sample, tmp_path):
    binder = ROOT / ".binder"
    lock = re.search(r"--python-version (\S+)", (ROOT / "Makefile").read_text())
    assert (binder / "runtime.txt").read_text() == f"python-{lock[1]}\n" == f"python-{PYTHON}\n"
    assert os.access(binder / "postBuild", os.X_OK)
    link_environment(sample)
    there = environment(sample) | {"NB_PYTHON_PREFIX": str(tmp_path / "given")}
    done = subprocess.run([binder / "postBuild"], cwd=sample, env=there, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    spec = json.loads((tmp_path / "given/share/jupyter/kernels/python3/kernel.json").read_text())
    assert spec["argv"][0] == str(sample / ".venv" / "bin" / "python")
    assert spec["display_name"] == "l2scaling"
    shutil.rmtree(tmp_path / "given")
    (sample / "requirements.lock").write_text("no such package")
    assert subprocess.run([binder / "postBuild"], cwd=sample, env=there, capture_output=True).returncode != 0
    assert not (tmp_path / "given").exists()


def test_binders_own_tool_finds_what_to_do(tmp_path):
    shutil.copytree(ROOT / ".binder", tmp_path / ".binder")
    for name in ("environment.yml", "pyproject.toml", "requirements.lock"):  # which it would take else
        shutil.copy(ROOT / name, tmp_path)
    command = ["--from", "jupyter-repo2docker==2026.4.0", "repo2docker", "--no-build", "--debug", tmp_path]
    done = tool(*command, cwd=tmp_path)
    if "FROM " not in (said := done.stdout + done.stderr):
        lack(f"repo2docker could not be fetched: {said.splitlines()[-2:]}")
    assert f"python={PYTHON}\n" in said
    assert "RUN ./.binder/postBuild\n" in said
    assert "environment.yml" not in said


@pytest.fixture(scope="session")
def devcontainers() -> Path:
    """Install the reference implementation of development containers, once, beside what is built."""
    folder = from_npm(
        "devcontainers", "@devcontainers/cli@0.89.0", otherwise="no tool read devcontainer.json"
    )
    return folder / "node_modules" / "@devcontainers" / "cli" / "devcontainer.js"


def test_the_development_container_is_read_by_its_own_tool_and_calls_what_there_is(devcontainers, tmp_path):
    (docker := tmp_path / "docker").write_text("#!/bin/sh\n")  # of which nothing is asked but whether it runs
    docker.chmod(0o755)
    command = [
        "node",
        devcontainers,
        "read-configuration",
        "--workspace-folder",
        ROOT,
        "--docker-path",
        docker,
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])["configuration"]
    known = {"name", "image", "containerEnv", "postCreateCommand", "postAttachCommand", "forwardPorts"}
    assert found.keys() - {"configFilePath"} <= known | {"portsAttributes", "customizations"}
    assert re.fullmatch(rf"mcr\.microsoft\.com/devcontainers/python:{PYTHON}-\w+", found["image"])
    assert planned(ROOT, *found["postAttachCommand"].split()[1:]).endswith(
        "_build/lab/bin/jupyter lab notebooks/penalty-and-pull.ipynb\n"
    )
    assert "_build/lab/bin/jupyter --version" in planned(ROOT, *found["postCreateCommand"].split()[1:])
    custom = found["customizations"]
    assert all((ROOT / name).is_file() for name in custom["codespaces"]["openFiles"])
    assert custom["vscode"]["settings"]["python.defaultInterpreterPath"].endswith("/.venv/bin/python")
    (wheels,) = found["containerEnv"].values()
    assert f"PIP_EXTRA_INDEX_URL={wheels}\n" in (ROOT / ".binder" / "postBuild").read_text()


def test_chapters_lead_to_binder_where_the_repository_is_known_and_nowhere_else(sample, monkeypatch):
    config = sample / "config.yml"
    monkeypatch.setenv("L2SCALING_REPOSITORY", "https://forge.example/group/book")
    site._write_config(Project(sample), config)
    buttons = yaml.safe_load(config.read_text())["launch_buttons"]
    assert buttons == {"notebook_interface": "jupyterlab", "binderhub_url": site.BINDER, "thebe": False}
    monkeypatch.delenv("L2SCALING_REPOSITORY")
    site._write_config(Project(sample), config)
    assert yaml.safe_load(config.read_text())["launch_buttons"]["binderhub_url"] == ""
