"""What a run is made from: all that it imports and nothing else, for each chapter its own."""

import ast
import functools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import BIN, ROOT, extend

from l2scaling.publish.evidence.claims import read_claims
from l2scaling.publish.pages import api
from l2scaling.publish.project import Project
from l2scaling.publish.runs.provenance import source_hash
from l2scaling.publish.runs.sources import sources

PROJECT = Project(ROOT)
USERS = ("audit/", "atlas/probes/", "atlas/lookup.py", "atlas/situations.py")
"""What users call, not chapters."""


@functools.cache
def made_from(project: Project, chapter: str) -> set[str]:
    """Return the modules of a chapter's run, as paths below src/l2scaling."""
    root = project.root / "src" / "l2scaling"
    paths = sources(project, chapter, project.source(chapter))["package"]
    return {path.relative_to(root).as_posix() for path in paths}


def modules(project: Project) -> set[str]:
    """Return all modules but the publisher's and the atlas' probes, which other environments run."""
    root = project.root / "src" / "l2scaling"
    found = {path.relative_to(root).as_posix() for path in root.rglob("*.py")}
    probes = {name for name in found if name.startswith("atlas/probes/") and not name.endswith("__init__.py")}
    return {name for name in found if not name.startswith("publish/")} - probes


def homeless(project: Project) -> set[str]:
    """Return the modules that no notebook's run is made from, and neither publisher nor users need."""
    homes = [made_from(project, name) for name in [*project.chapters(), *project.cells()]]
    called = {name for name in modules(project) if name.startswith(USERS)}
    return modules(project) - called - set().union(*homes)


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
        trees = [ast.parse(cell.source) for cell in PROJECT.source(chapter).cells if cell.cell_type == "code"]
        whole = [node for tree in trees for node in tree.body if isinstance(node, ast.ImportFrom)]
        return "\n".join(ast.unparse(node) for node in whole if str(node.module).startswith("l2scaling"))

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
    assert homeless(PROJECT) == set()
    for name in ("src", "notebooks"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "_toc.yml", tmp_path)
    (tmp_path / "src" / "l2scaling" / "laws" / "forgotten.py").touch()
    assert homeless(Project(tmp_path)) == {"laws/forgotten.py"}


def test_no_module_is_missing_from_the_reference_of_the_package():
    root = ROOT / "src" / "l2scaling"
    shown = {Path(one.__file__).relative_to(root).as_posix() for one in api.modules()}
    assert shown == modules(PROJECT) - {"__init__.py"}


@pytest.mark.parametrize("chapter", PROJECT.chapters())
def test_the_room_of_a_chapter_is_a_source_of_no_other(chapter):
    room = f"chapters/{chapter.replace('-', '_')}/"
    swept = {"scaling-rules": "scaling-cell", "widening": "widening-cell", "transformer": "transformer-cell"}
    cells = {swept[chapter]} if chapter in swept else set()
    for name in {*PROJECT.chapters(), *PROJECT.cells()} - {chapter} - cells:
        assert not {one for one in made_from(PROJECT, name) if one.startswith(room)}, name
    assert f"{room}figures.py" in made_from(PROJECT, chapter)


def doors(root: Path) -> dict[str, list[str]]:
    """Return what each room hands out, by its path."""
    found = {}
    for path in root.rglob("__init__.py"):
        if path.parent not in (root, root / "publish"):
            module = ast.parse(path.read_text())
            assert ast.get_docstring(module), path
            names = [node.value for node in module.body if isinstance(node, ast.Assign)]
            found[path.parent.relative_to(root).as_posix()] = ast.literal_eval(names[0]) if names else []
    return found


def test_every_room_says_why_it_exists_and_hands_out_what_is_in_it():
    root = ROOT / "src" / "l2scaling"
    assert {path.parent for path in root.rglob("*.py")} == {
        root,
        root / "publish",
        *map(root.joinpath, doors(root)),
    }
    for room, names in doors(root).items():
        if room in ("audit", "atlas/probes"):  # the one hands out what users call, the other nothing
            continue
        there = {path.stem for path in (root / room).glob("*.py")} - {"__init__"}
        rooms = {path.parent.name for path in (root / room).glob("*/__init__.py")}
        assert names == sorted(there | rooms), room


def test_the_floors_stand_and_chapters_know_nothing_of_each_other():
    done = subprocess.run([BIN / "lint-imports", "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_readme_leads_from_each_chapter_to_its_notebook_room_claims_and_results():
    rows = re.findall(r"(?m)^\| \[(.+?)\]\((.+?)\) \| \[(.+?)\]\((.+?)\) \| (.+?) \| \[(.+?)\]\((.+?)\) \|$",
                      (ROOT / "README.md").read_text())  # fmt: skip
    owed = {
        name: [one.id for one in read_claims(PROJECT) if name in one.chapters] for name in PROJECT.chapters()
    }
    assert rows == [
        (
            name, f"notebooks/{name}.ipynb",
            f"chapters/{name.replace('-', '_')}", f"src/l2scaling/chapters/{name.replace('-', '_')}/",
            " ".join(ids),
            f"{name}.json", f"results/{name}.json",
        )
        for name, ids in owed.items()
    ]  # fmt: skip
    assert all((ROOT / address).exists() for row in rows for address in (row[1], row[3], row[6]))


def test_a_run_depends_on_what_it_imports_wherever_that_is_said_and_on_nothing_else(sample):
    package = sample / "src" / "l2scaling"
    (package / "near.py").write_text("def inside():\n    from l2scaling import far\n")
    for name in ("far", "other"):
        (package / f"{name}.py").touch()
    project = Project(extend(sample, "if False:\n    from l2scaling.near import inside", "import"))
    assert {"near.py", "far.py", "publish/runs/run.py", "__init__.py"} <= made_from(project, "sample")
    assert "other.py" not in made_from(project, "sample")
    # what runs a notebook knows no law and no chapter, or an edit there would make all chapters stale
    assert {name.partition("/")[0] for name in made_from(project, "sample") if "/" in name} == {"publish"}

    def now() -> str:
        return source_hash(project, "sample", project.source("sample"))

    before = now()
    (package / "other.py").write_text("x = 1\n")
    assert now() == before
    (package / "far.py").write_text("x = 1\n")
    assert now() != before
