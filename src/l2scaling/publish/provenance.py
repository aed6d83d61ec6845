"""What a run was made from: one hash of its sources, and the versions it used."""

import hashlib
import platform
from importlib.metadata import version
from typing import Any

import nbformat

from l2scaling.publish.project import Project

PACKAGES = ("l2scaling", "numpy", "torch", "matplotlib", "seaborn", "papermill")


def source_hash(project: Project, notebook: nbformat.NotebookNode) -> str:
    """Return the SHA-256 over a chapter's cells, the helper package and the locked dependencies."""
    digest = hashlib.sha256()
    for cell in notebook.cells:
        digest.update(f"{cell.cell_type}\0{cell.source}\0{sorted(cell.metadata.get('tags', []))}\0".encode())
    package = sorted((project.root / "src" / "l2scaling").glob("*.py"))
    for path in (*package, *sorted(project.root.glob("requirements*"))):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that make a result."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def is_fresh(project: Project, chapter: str, profile: str) -> bool:
    """Say whether the chapter's last run in a profile was made from the sources as they are now."""
    path = project.run_path(chapter, profile)
    if not path.is_file():
        return False
    recorded: dict[str, Any] = nbformat.read(path, as_version=4).metadata.get("l2scaling", {})
    same_source = recorded.get("source") == source_hash(project, project.source(chapter))
    return same_source and recorded.get("overrides") == project.profile_values(chapter, profile)
