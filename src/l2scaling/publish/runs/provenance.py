"""What a run was made from and with: hashes, commit, versions, machine."""

import hashlib
import json
import platform
import re
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat

from l2scaling.publish.errors import RequestError
from l2scaling.publish.project import PROFILES, Project, parse_yaml
from l2scaling.publish.runs.private import threads
from l2scaling.publish.runs.sources import sources

PACKAGES = ("l2scaling", "numpy", "scipy", "scikit-learn", "torch", "matplotlib", "seaborn", "papermill")


def origin(project: Project, chapter: str, notebook: nbformat.NotebookNode) -> dict[str, Any]:
    """Return what a run of this source notebook is about to be made from and with.

    ``commit`` is None where git knows nothing of the project; ``dirty`` says whether anything
    that the run is made from differs from that commit.
    """
    made_from = sources(project, chapter, notebook)
    parts = _parts(project, notebook, made_from)
    return {
        "source": _hash(parts),
        "hashes": {name: hashlib.sha256(part).hexdigest() for name, part in parts.items()},
        **_commit(project, chapter, made_from),
        "versions": versions(),
        "processor": processor(),
        "threads": threads(),
    }


def source_hash(project: Project, chapter: str, notebook: nbformat.NotebookNode) -> str:
    """Return the SHA-256 over a chapter's cells and all else that ``sources`` says it is made from."""
    return _hash(_parts(project, notebook, sources(project, chapter, notebook)))


def _hash(parts: dict[str, bytes]) -> str:
    return hashlib.sha256(b"".join(parts.values())).hexdigest()


def content_hash(executed: nbformat.NotebookNode) -> str:
    """Return the SHA-256 over what an executed notebook says.

    That is its cells with their outputs, its parameters and the hash of its sources, but not
    when or where it ran: a run repeated to the last digit keeps its hash.
    """
    record = executed.metadata["l2scaling"]
    cells = [[cell.cell_type, cell.source, cell.get("outputs")] for cell in executed.cells]
    said = [record["chapter"], record["parameters"], record["source"], cells]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that make a result."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def processor() -> str:
    """Return the processor's name, or its architecture where the system gives no name."""
    try:
        names = re.findall(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:  # not Linux
        names = []
    return names[0].strip() if names else platform.processor() or platform.machine()


def is_fresh(project: Project, chapter: str, profile: str) -> bool:
    """Say whether the chapter's last run in a profile is whole and made from the sources as they are now."""
    return fault(project, chapter, profile) is None


def fault(project: Project, chapter: str, profile: str) -> str | None:
    """Return what is wrong with the file of a chapter's run in a profile, None if nothing is.

    It has to be a whole run of this chapter, in this profile and with nothing else set, made from the
    sources as they are now.
    """
    run = _read(project.run_path(chapter, profile))
    if run is None:
        return "is no run"
    recorded = run.metadata["l2scaling"]
    for name, wanted in (("chapter", chapter), ("profile", profile)):
        if recorded.get(name) != wanted:
            return f"is one of {name} {recorded.get(name)!r}"
    if incomplete(run):
        return "was not run to its end"
    source = source_hash(project, chapter, project.source(chapter))
    if not _is_made_from(run, source, project.profile_values(chapter, profile)):
        return "is not of the sources as they are"
    return None


def is_made_from(run: Path, source: str, overrides: dict[str, Any]) -> bool:
    """Say whether an executed notebook is there, whole, and made from these sources with these values."""
    found = _read(run)
    return found is not None and _is_made_from(found, source, overrides)


def _is_made_from(run: nbformat.NotebookNode, source: str, overrides: dict[str, Any]) -> bool:
    recorded = run.metadata["l2scaling"]
    return recorded.get("source") == source and recorded.get("overrides") == overrides and not incomplete(run)


def is_ours(path: Path) -> bool:
    """Say whether a file, and no link to one, is a notebook that a run of ours has left."""
    return path.is_file() and not path.is_symlink() and _read(path) is not None


def incomplete(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """Return the code cells that did not run to their end, in order."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and "".join(cell.source).strip()]
    return [
        cell
        for number, cell in enumerate(code, 1)
        if cell.execution_count != number or any(output.output_type == "error" for output in cell.outputs)
    ]


def _read(run: Path) -> nbformat.NotebookNode | None:
    """Return a file that has a run's record, None for any other; to validate it would take far longer."""
    try:
        found = nbformat.from_dict(json.loads(run.read_text()))
        if isinstance(found.metadata.l2scaling, dict) and isinstance(incomplete(found), list):
            return found
    except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError):  # none, or half of one
        pass
    return None


def _parts(
    project: Project, notebook: nbformat.NotebookNode, made_from: dict[str, list[Path]]
) -> dict[str, bytes]:
    cells = [
        f"{cell.cell_type}\0{cell.source}\0{sorted(cell.metadata.get('tags', []))}\0"
        for cell in notebook.cells
    ]
    files = {kind: _bytes(project.root, paths) for kind, paths in made_from.items()}
    return files | {"notebook": "".join(cells).encode()}


def _bytes(root: Path, paths: Sequence[Path]) -> bytes:
    return b"".join(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() for path in paths)


def git(project: Project, *words: str) -> str:
    """Return what git says of a project; ``OSError`` or ``CalledProcessError`` where it says nothing.

    A checkout that another user owns is read all the same; runs side by side take no lock.
    """
    command = ["git", "-c", "safe.directory=*", "--no-optional-locks", "-C", str(project.root), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _commit(project: Project, chapter: str, made_from: dict[str, list[Path]]) -> dict[str, Any]:
    paths = [path.relative_to(project.root).as_posix() for kind in made_from.values() for path in kind]
    try:
        above, commit = git(project, "rev-parse", "--show-cdup", "HEAD").splitlines()
        if above:  # an unpacked copy inside somebody else's repository
            return {"commit": None, "dirty": None}
        changed = git(project, "status", "--porcelain", "--", *paths)
        profiles = git(project, "show", "HEAD:notebooks/profiles.yml")
        committed = parse_yaml(profiles, "profiles.yml", "a mapping")
        values = committed.get(chapter) or {}
        now = {profile: project.profile_values(chapter, profile) for profile in PROFILES}
        other = any((values.get(profile) or {}) != now[profile] for profile in PROFILES)
        return {"commit": commit, "dirty": bool(changed) or other}
    except (OSError, subprocess.CalledProcessError, RequestError, AttributeError):
        return {"commit": None, "dirty": None}
