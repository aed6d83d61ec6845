"""Where the project's files are, which chapters it has, and what a request may get wrong."""

import difflib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import yaml

PROFILES = ("quick", "published", "full")


class RequestError(Exception):
    """A request that cannot be met as worded: one line, exit status 2, nothing done."""


class RunError(Exception):
    """A computation or a build that failed: exit status 1, what was good is untouched."""


def unknown(kind: str, name: str, allowed: Iterable[str]) -> RequestError:
    """Return the error for a name that is not among the allowed ones, with the nearest."""
    allowed = list(allowed)
    near = difflib.get_close_matches(name, allowed, n=1, cutoff=0.5)
    hint = f" (nearest: {near[0]!r})" if near else ""
    return RequestError(f"unknown {kind} {name!r}{hint}; allowed: {', '.join(allowed) or 'none'}")


@dataclass(frozen=True)
class Project:
    """A checkout of the book; every path hangs on ``root``."""

    root: Path

    @property
    def notebooks(self) -> Path:
        return self.root / "notebooks"

    @property
    def build(self) -> Path:
        return self.root / "_build"

    @property
    def results(self) -> Path:
        return self.root / "results"

    def run_path(self, chapter: str, profile: str) -> Path:
        """Return where the executed notebook of a chapter lies."""
        return self.build / "runs" / profile / f"{chapter}.ipynb"

    def chapters(self) -> list[str]:
        """Return the names of the chapters in the book's order, as _toc.yml has them."""
        files = _toc_files(yaml.safe_load((self.root / "_toc.yml").read_text()))
        return [name.removeprefix("notebooks/") for name in files if name.startswith("notebooks/")]

    def require_chapter(self, name: str) -> None:
        """Raise ``RequestError`` unless the book has this chapter."""
        if name not in self.chapters():
            raise unknown("chapter", name, self.chapters())

    def cells(self) -> list[str]:
        """Return the notebooks that are no chapters: those that sweeps run, one result a run."""
        return sorted({path.stem for path in self.notebooks.glob("*.ipynb")} - set(self.chapters()))

    def source(self, chapter: str) -> nbformat.NotebookNode:
        """Return the source notebook of a chapter or cell, or raise ``RequestError`` if it is broken."""
        if chapter not in self.cells():
            self.require_chapter(chapter)
        path = self.notebooks / f"{chapter}.ipynb"
        return read_notebook(path, f"notebook of chapter {chapter!r}")

    def profile_values(self, chapter: str, profile: str) -> dict[str, Any]:
        """Return the parameters that a profile sets differently from the notebook's defaults."""
        if profile not in PROFILES:
            raise unknown("profile", profile, PROFILES)
        path = self.notebooks / "profiles.yml"
        try:
            table = yaml.safe_load(path.read_text()) or {}
            values = (table.get(chapter) or {}).get(profile) or {}
            return dict(values)
        except (yaml.YAMLError, AttributeError, TypeError, ValueError, OSError) as error:
            cause = " ".join(str(error).split())
            raise RequestError(
                f"{path.name} is broken ({cause}); allowed: chapter, then profile, then name: value"
            ) from error


def find_project() -> Project:
    """Return the checkout named by L2SCALING_PROJECT, or else the one this package lies in."""
    root = Path(os.environ.get("L2SCALING_PROJECT") or Path(__file__).parents[3]).resolve()
    if not (root / "_toc.yml").is_file():
        raise RequestError(
            f"{str(root)!r} holds no book; allowed: a checkout, installed with 'make book' "
            "or named by L2SCALING_PROJECT"
        )
    return Project(root)


def read_notebook(path: Path, what: str) -> nbformat.NotebookNode:
    """Read and validate a notebook file, or raise ``RequestError`` naming it."""
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except Exception as error:  # nbformat raises a dozen unrelated types
        cause = str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error).__name__
        raise RequestError(f"{what} cannot be read ({cause}); allowed: a notebook of format 4") from error
    return notebook


def title(notebook: nbformat.NotebookNode) -> str:
    """Return the text of the first heading."""
    for cell in notebook.cells:
        match = re.match(r"#\s+(.+)", cell.source) if cell.cell_type == "markdown" else None
        if match:
            return match[1].strip()
    raise RequestError("a chapter begins with a heading of level 1; this one has none")


def _toc_files(node: Any) -> list[str]:
    if isinstance(node, list):
        return [name for item in node for name in _toc_files(item)]
    if not isinstance(node, dict):
        return []
    own = [str(node["file"])] if "file" in node else []
    return own + [name for value in node.values() if isinstance(value, list) for name in _toc_files(value)]
