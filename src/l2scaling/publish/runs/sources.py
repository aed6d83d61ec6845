"""What a run is made from, said once: for the workflow, for the hash and for the word on commits.

A chapter is made from its notebook, from the modules that the notebook and the strict run import, and
those that these import in turn; from its table, if it reads one; and from the locked dependencies. So an
edit in what one chapter alone uses makes that chapter stale and no other.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

import nbformat

from l2scaling.publish.project import Project

_PACKAGE = "l2scaling"
_RUNNING = f"{_PACKAGE}.publish.runs.run"
"""The module that runs notebooks, by which every run is made."""
_TABLE = re.compile(r"""published_table\(["']([\w-]+)["']\)""")


def sources(project: Project, chapter: str, notebook: nbformat.NotebookNode) -> dict[str, list[Path]]:
    """Return the files that a chapter is made from, by kind; ``notebook`` is its source.

    The kinds are ``notebook``, ``package`` and ``lock``, and ``table`` for a chapter that has one of its own
    or reads one by its name.
    """
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    names = dict.fromkeys([chapter, *_TABLE.findall(code)])
    tables = [path for name in names if (path := project.results / f"{name}.csv").is_file()]
    return {
        "notebook": [project.notebooks / f"{chapter}.ipynb"],
        "package": package(project.root / "src", notebook),
        "lock": sorted(project.root.glob("requirements*")),
        **({"table": tables} if tables else {}),
    }


def package(root: Path, notebook: nbformat.NotebookNode) -> list[Path]:
    """Return the modules below ``root`` that a notebook's run imports, wherever in them it is said."""
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    found: set[Path] = set()
    wanted = [_RUNNING, *(name for source in code for name in _imports(source))]
    while wanted:
        for path in _files(root, wanted.pop()):
            if path not in found:
                found.add(path)
                wanted += _imports_of(path, path.stat().st_mtime_ns)
    return sorted(found)


def _files(root: Path, name: str) -> Iterator[Path]:
    """Yield the files that the import of a dotted name reads: its packages' own, and the module itself."""
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        place = root.joinpath(*parts[:depth])
        yield from (one for one in (place / "__init__.py", place.with_suffix(".py")) if one.is_file())
        if (data := place / "rows").is_dir():  # what a package knows as data
            yield from sorted(data.glob("*.yml"))


@lru_cache(4096)
def _imports_of(path: Path, _: int) -> tuple[str, ...]:
    return tuple(_imports(path.read_text(encoding="utf-8"))) if path.suffix == ".py" else ()


def _imports(code: str) -> Iterable[str]:
    """Return the dotted names of this package that code imports, those of ``from`` as far as they go."""
    try:
        tree = ast.parse(code)
    except SyntaxError:  # the run will say so
        return []
    nodes = list(ast.walk(tree))
    names = [one.name for node in nodes if isinstance(node, ast.Import) for one in node.names]
    whole = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 0]
    names += [f"{node.module}.{one.name}" for node in whole for one in node.names]
    return [name for name in names if name.split(".")[0] == _PACKAGE]
