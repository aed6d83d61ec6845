"""That a prediction came first is read from git: what was committed before the run that judges it."""

import json
import subprocess
from pathlib import Path

import nbformat
import pytest
from conftest import complaint, l2scaling, sample_notebook

STATED = """
from l2scaling.evidence import Predictions
law = Predictions("sample")
law("number", None, "a number", "equivalent", {predicted}, 1.1)
law.check("seed", None, "a seed", "exact", 3)
"""
JUDGED = """
law.judge({"number": (seed, seed - 0.1, seed + 0.1, 5), "seed": seed})
law.evidence()
"""


def write(project: Path, predicted: float = 3.0) -> None:
    notebook = sample_notebook()
    for name, code in {
        "state": STATED.format(predicted=predicted),
        "predictions": "law",
        "slow": "import pathlib; pathlib.Path.home().joinpath('ran').touch()",
        "judge": JUDGED,
    }.items():
        notebook.cells.append(nbformat.v4.new_code_cell(code.strip(), id=name))
    nbformat.write(notebook, project / "notebooks" / "sample.ipynb")


def commit(project: Path) -> str:
    git = ["git", "-C", str(project), "-c", "user.name=A", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "so far"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()


def accepted(project: Path) -> dict[str, str | None]:
    for words in (["run", "sample"], ["accept"]):
        done = l2scaling(*words, project=project)
        assert done.returncode == 0, done.stderr
    rows = json.loads((project / "results" / "sample.json").read_text())
    return {row["quantity"]: row["stated"] for row in rows}


@pytest.fixture
def project(sample: Path) -> Path:
    write(sample)
    (sample / ".gitignore").write_text("_build\n")
    return sample


def test_a_record_names_the_commit_in_which_its_prediction_was_stated_before_the_run(project):
    done = l2scaling("predict", project=project)
    assert done.returncode == 0, done.stderr
    lines = (project / "results" / "predictions" / "sample.jsonl").read_text().splitlines()
    assert [json.loads(line)["quantity"] for line in lines] == ["a number", "a seed"]
    assert not list((project / "_build").rglob("ran"))  # nothing after the predictions was run
    first = commit(project)
    assert accepted(project) == {"a number": first, "a seed": first}
    write(project, predicted=3.1)
    commit(project)
    assert accepted(project) == {"a number": None, "a seed": first}
    write(project, predicted=3.05)  # a prediction that moved has to be stated anew
    assert l2scaling("predict", "sample", project=project).returncode == 0
    second = commit(project)
    assert accepted(project) == {"a number": second, "a seed": first}


def test_what_has_been_measured_can_no_longer_be_predicted(project):
    commit(project)
    assert accepted(project) == {"a number": None, "a seed": None}
    assert l2scaling("predict", project=project).returncode == 0
    assert (project / "results" / "predictions" / "sample.jsonl").read_text() == ""


def test_a_run_of_an_earlier_commit_has_nothing_stated(project):
    commit(project)
    assert l2scaling("run", "sample", project=project).returncode == 0
    assert l2scaling("predict", project=project).returncode == 0
    commit(project)
    assert l2scaling("accept", project=project).returncode == 0
    (row, _) = json.loads((project / "results" / "sample.json").read_text())
    assert row["stated"] is None


def test_a_chapter_without_predictions_has_none_to_state(sample):
    said = complaint(l2scaling("predict", "sample", project=sample), 2)
    assert "has no cell 'predictions'" in said
    assert not (sample / "results").exists() or not list((sample / "results").rglob("*.jsonl"))
    assert "unknown chapter" in complaint(l2scaling("predict", "sampel", project=sample), 2)
