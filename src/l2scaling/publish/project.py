"""Where the project's files are, which chapters it has, and what a request may get wrong."""

import contextlib
import difflib
import os
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import yaml

from l2scaling.publish.errors import RequestError

PROFILES = ("quick", "published", "full")

MOST_TEXT = 2**18
"""Characters that a YAML file may have, with every alias written out: ten times the longest of ours."""

TOC_FORM = "a table of contents of Jupyter Book"


def unknown(kind: str, name: str, allowed: Iterable[str], cutoff: float = 0.5) -> RequestError:
    """Return the error for a name that is not among the allowed ones, with the nearest.

    ``cutoff`` is how near that has to be, of 1 for the same name.
    """
    allowed = list(allowed)
    near = difflib.get_close_matches(name, allowed, n=1, cutoff=cutoff)
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

    def room(self, chapter: str) -> Path:
        """Return the folder of the code that is a chapter's own."""
        return self.root / "src" / "l2scaling" / "chapters" / chapter.replace("-", "_")

    def chapters(self) -> list[str]:
        """Return the names of the chapters in the book's order, as _toc.yml has them."""
        files = _toc_files(self._toc())
        names = [name.removeprefix("notebooks/") for name in files if name.startswith("notebooks/")]
        for name in names:  # they become parts of paths
            if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
                allowed = "lower-case letters, digits and hyphens, a letter first"
                raise RequestError(f"_toc.yml names a chapter {name!r}; allowed: {allowed}")
        return names

    def pages(self) -> list[tuple[str, list[str]]]:
        """Return each part's caption and pages in the book's order; the root goes first, under no caption."""
        toc = self._toc()
        groups = toc.get("parts") or [{"chapters": toc.get("chapters", [])}]
        return [("", [str(toc["root"])]), *((one.get("caption", ""), _toc_files(one)) for one in groups)]

    def _toc(self) -> dict[str, Any]:
        toc = read_yaml(self.root / "_toc.yml", TOC_FORM)
        if not isinstance(toc, dict) or "root" not in toc:
            raise RequestError(f"_toc.yml is broken (it has no root); allowed: {TOC_FORM}")
        return toc

    def config(self) -> dict[str, Any]:
        """Return the settings of Jupyter Book, as _config.yml has them."""
        form = "settings of Jupyter Book, title and html among them"
        config = read_yaml(self.root / "_config.yml", form)
        for name, kind in {"title": str, "html": dict}.items():
            if not isinstance(config, dict) or not isinstance(config.get(name), kind):
                raise RequestError(f"_config.yml is broken (it has no {name}); allowed: {form}")
        return dict(config)

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
        form = "chapter, then profile, then name: value"
        values = read_yaml(self.notebooks / "profiles.yml", form) or {}
        for name, those in values.items() if isinstance(values, dict) else ():
            if name not in (known := [*self.chapters(), *self.cells()]):
                raise unknown("chapter of profiles.yml", str(name), known)
            for one in those if isinstance(those, dict) else ():
                if one not in PROFILES:
                    raise unknown(f"profile of {name!r} in profiles.yml", str(one), PROFILES)
        for key in (chapter, profile):
            values = (values.get(key) or {}) if isinstance(values, dict) else None
        if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
            where = f"{chapter!r}, profile {profile!r}"
            raise RequestError(f"profiles.yml is broken (at chapter {where}); allowed: {form}")
        return values


def find_project() -> Project:
    """Return the checkout named by L2SCALING_PROJECT, or else the one this package lies in."""
    root = Path(os.environ.get("L2SCALING_PROJECT") or Path(__file__).parents[3]).resolve()
    if not (root / "_toc.yml").is_file():
        raise RequestError(
            f"{str(root)!r} holds no book; allowed: a checkout, installed with 'make book' "
            "or named by L2SCALING_PROJECT"
        )
    return Project(root)


def write_whole(path: Path, text: str) -> Path:
    """Write a file of results in one step, with its folder, and return its path.

    A full disk must not cost what is there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(text)
    return draft.replace(path)


@contextlib.contextmanager
def writing(output: Path, allowed: str = "a folder you may write to") -> Iterator[None]:
    """Turn what the system says against a place into ``RequestError`` naming it and what is allowed."""
    try:
        with contextlib.suppress(FileNotFoundError):
            output.stat()  # fails for links that lead in a circle, which a path's resolve may let pass
        yield
    except OSError as error:
        raise RequestError(
            f"output {str(output)!r} cannot be written ({error.strerror or error}); allowed: {allowed}"
        ) from error


def read_yaml(path: Path, allowed: str) -> Any:
    """Read a YAML file, or raise ``RequestError`` naming it and what it has to hold.

    One that is larger than ``MOST_TEXT``, as it lies there or with its aliases written out, is
    refused before anything is made of it.
    """
    try:
        with path.open(encoding="utf-8") as file:
            return parse_yaml(file.read(MOST_TEXT + 1), path.name, allowed)
    except (OSError, UnicodeError) as error:
        raise RequestError(f"{path.name} is broken ({brief(error)}); allowed: {allowed}") from error


def parse_yaml(text: str, name: str, allowed: str) -> Any:
    """Return what a text in YAML says, as ``read_yaml`` does for the file of that name."""
    try:
        if len(text) > MOST_TEXT:
            raise ValueError(f"it has more than {MOST_TEXT:,} characters")
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _written_out(node, {})
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except Exception as error:  # PyYAML raises half a dozen unrelated types
        cause = "it is nested too deeply" if isinstance(error, RecursionError) else brief(error)
        raise RequestError(f"{name} is broken ({cause}); allowed: {allowed}") from error


def _written_out(node: yaml.Node, sizes: dict[int, int]) -> int:
    """Return the size of what a node stands for, each alias counted where it stands, each node visited once.

    Raises ``ValueError`` for a node beyond ``MOST_TEXT``, one that contains itself or a key twice, or a
    whole number so long that Python would not write it.
    """
    if id(node) in sizes:
        if not sizes[id(node)]:
            raise ValueError("it contains itself")
        return sizes[id(node)]
    sizes[id(node)] = 0  # until it is known
    if isinstance(node, yaml.ScalarNode):
        size = 1 + len(node.value)
        if size > 1000 and node.tag.endswith(":int"):
            raise ValueError("it has a number of more than a thousand digits")
    else:
        mapping = isinstance(node, yaml.MappingNode)
        keys = Counter(str(key.value) for key, _ in node.value if key.id == "scalar") if mapping else {}
        if repeated := next((key for key, count in keys.items() if count > 1), None):
            raise ValueError(f"it has {repeated[:40]!r} twice")
        parts = [one for pair in node.value for one in pair] if mapping else node.value
        size = 1
        for part in parts:
            size += _written_out(part, sizes)
            if size > MOST_TEXT:
                raise ValueError(f"with its aliases written out it has more than {MOST_TEXT:,} characters")
    sizes[id(node)] = size
    return size


def brief(error: Exception) -> str:
    """Return what an exception says as one short line, or its name if it says nothing."""
    said = " ".join(str(error).split()) or type(error).__name__
    return said if len(said) <= 160 else f"{said[:157]}..."


def read_notebook(path: Path, what: str) -> nbformat.NotebookNode:
    """Read and validate a notebook file, or raise ``RequestError`` naming it."""
    try:
        with warnings.catch_warnings(action="error"):  # on what will be an error in its next version
            notebook = nbformat.read(path, as_version=4)
            nbformat.validate(notebook)
    except Exception as error:  # nbformat raises a dozen unrelated types
        raise RequestError(
            f"{what} cannot be read ({brief(error)}); allowed: a notebook of format 4"
        ) from error
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
