"""What a run is made from: all that it imports and nothing else, for each chapter its own."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, extend

from l2scaling.publish.pages import api
from l2scaling.publish.project import Project
from l2scaling.publish.runs.provenance import source_hash
from l2scaling.publish.runs.sources import sources

PROJECT = Project(ROOT)


def made_from(project: Project, chapter: str) -> set[str]:
    """Return the modules of a chapter's run, as paths below src/l2scaling."""
    root = project.root / "src" / "l2scaling"
    paths = sources(project, chapter, project.source(chapter))["package"]
    return {path.relative_to(root).as_posix() for path in paths}


def modules(project: Project) -> set[str]:
    """Return all modules that no publisher is."""
    root = project.root / "src" / "l2scaling"
    found = {path.relative_to(root).as_posix() for path in root.rglob("*.py")}
    return {name for name in found if not name.startswith("publish/")}


def homeless(project: Project) -> set[str]:
    """Return the modules that no notebook's run is made from, and the publisher does not need either."""
    homes = [made_from(project, name) for name in [*project.chapters(), *project.cells()]]
    return modules(project) - set().union(*homes)


LOOK = """
import json, os, sys
import matplotlib.figure, myst_nb, numpy, scipy.stats, seaborn, sklearn.datasets, torch
assert not any(name.startswith("l2scaling.") for name in sys.modules)
for name, code in json.load(sys.stdin).items():
    if os.fork() == 0:
        exec(code, {})
        files = [getattr(one, "__file__", None) or "" for one in list(sys.modules.values())]
        print(json.dumps([name, files]), flush=True)
        os._exit(0)
    os.wait()
"""


def test_a_run_is_made_from_every_module_that_its_imports_load():
    def imports(chapter: str) -> str:
        lines = [line for cell in PROJECT.source(chapter).cells if cell.cell_type == "code"
                 for line in cell.source.splitlines()]  # fmt: skip
        return "\n".join(line for line in lines if line.startswith(("from l2scaling", "import l2scaling")))

    names = [*PROJECT.chapters(), *PROJECT.cells()]
    done = subprocess.run(
        [sys.executable, "-c", LOOK], input=json.dumps({name: imports(name) for name in names}),
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    root = f"{ROOT / 'src' / 'l2scaling'}/"
    loaded = dict(map(json.loads, done.stdout.splitlines()))
    assert [*loaded] == names, done.stderr
    for name, files in loaded.items():
        ours = {file.removeprefix(root) for file in files if file.startswith(root)}
        assert len(ours) > 2
        assert ours <= made_from(PROJECT, name), name


def test_no_module_belongs_to_no_run(tmp_path):
    assert homeless(PROJECT) <= {"figures_sweeps.py"}  # the publisher's own
    for name in ("src", "notebooks"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "_toc.yml", tmp_path)
    (tmp_path / "src" / "l2scaling" / "forgotten.py").touch()
    assert "forgotten.py" in homeless(Project(tmp_path))


def test_no_module_is_missing_from_the_reference_of_the_package():
    shown = {Path(one.__file__).relative_to(ROOT / "src" / "l2scaling").as_posix() for one in api.modules()}
    assert shown == {name for name in modules(PROJECT) if not name.endswith("__init__.py")}


@pytest.mark.parametrize("chapter", PROJECT.chapters())
def test_the_figures_of_a_chapter_are_no_source_of_another(chapter):
    drawn = {name for name in made_from(PROJECT, chapter) if name.startswith("figures_")}
    others = [made_from(PROJECT, name) for name in PROJECT.chapters() if name != chapter]
    assert not drawn & set().union(*others)


def test_a_run_depends_on_what_it_imports_wherever_that_is_said_and_on_nothing_else(sample):
    package = sample / "src" / "l2scaling"
    (package / "near.py").write_text("def inside():\n    from l2scaling import far\n")
    for name in ("far", "other"):
        (package / f"{name}.py").touch()
    project = Project(extend(sample, "if False:\n    from l2scaling.near import inside", "import"))
    assert {"near.py", "far.py", "publish/runs/run.py", "__init__.py"} <= made_from(project, "sample")
    assert "other.py" not in made_from(project, "sample")

    def now() -> str:
        return source_hash(project, "sample", project.source("sample"))

    before = now()
    (package / "other.py").write_text("x = 1\n")
    assert now() == before
    (package / "far.py").write_text("x = 1\n")
    assert now() != before
