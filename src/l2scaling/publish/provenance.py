"""What a run was made from and with: hashes, commit, versions, machine."""

import hashlib
import json
import os
import platform
import re
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat

from l2scaling.publish.project import Project

PACKAGES = ("l2scaling", "numpy", "scipy", "scikit-learn", "torch", "matplotlib", "seaborn", "papermill")


def origin(project: Project, chapter: str, notebook: nbformat.NotebookNode) -> dict[str, Any]:
    """Return what a run of this source notebook is about to be made from and with.

    ``commit`` is None where git knows nothing of the project; ``dirty`` says whether anything
    that the run is made from differs from that commit.
    """
    parts = _parts(project, chapter, notebook)
    return {
        "source": source_hash(project, chapter, notebook),
        "hashes": {name: hashlib.sha256(part).hexdigest() for name, part in parts.items()},
        **_commit(project, chapter),
        "versions": versions(),
        "processor": processor(),
        "threads": threads(),
    }


def source_hash(project: Project, chapter: str, notebook: nbformat.NotebookNode) -> str:
    """Return the SHA-256 over a chapter's cells, the helper package and the locked dependencies.

    Where a sweep's table is named after the chapter, it is part of what the chapter is made from.
    """
    return hashlib.sha256(b"".join(_parts(project, chapter, notebook).values())).hexdigest()


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


def threads() -> str:
    """Return how many threads a run may use, as OpenMP is told: one unless the user says otherwise.

    With one, sums come out in one order, and runs side by side do not fight for the cores, which
    can cost a factor of twenty.
    """
    return os.environ.get("OMP_NUM_THREADS", "1")


def processor() -> str:
    """Return the processor's name, or its architecture where the system gives no name."""
    try:
        names = re.findall(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:  # not Linux
        names = []
    return names[0].strip() if names else platform.processor() or platform.machine()


def is_fresh(project: Project, chapter: str, profile: str) -> bool:
    """Say whether the chapter's last run in a profile was made from the sources as they are now."""
    source = source_hash(project, chapter, project.source(chapter))
    return is_made_from(project.run_path(chapter, profile), source, project.profile_values(chapter, profile))


def is_made_from(run: Path, source: str, overrides: dict[str, Any]) -> bool:
    """Say whether an executed notebook is there, and was made from these sources with these values."""
    try:  # as JSON, since to read it as a notebook takes twenty times as long
        recorded = dict(json.loads(run.read_text())["metadata"]["l2scaling"])
    except (OSError, ValueError, TypeError, KeyError):  # none, or half of one
        return False
    return recorded.get("source") == source and recorded.get("overrides") == overrides


def _parts(project: Project, chapter: str, notebook: nbformat.NotebookNode) -> dict[str, bytes]:
    cells = [
        f"{cell.cell_type}\0{cell.source}\0{sorted(cell.metadata.get('tags', []))}\0"
        for cell in notebook.cells
    ]
    table = sorted(project.results.glob(f"{chapter}.csv"))
    return {
        "notebook": "".join(cells).encode(),
        "package": _bytes(sorted((project.root / "src" / "l2scaling").glob("*.py"))),
        "lock": _bytes(sorted(project.root.glob("requirements*"))),
        **({"table": _bytes(table)} if table else {}),
    }


def _bytes(paths: Sequence[Path]) -> bytes:
    return b"".join(path.name.encode() + b"\0" + path.read_bytes() for path in paths)


def _commit(project: Project, chapter: str) -> dict[str, Any]:
    # what Snakemake reruns a chapter for
    made_from = [f"notebooks/{chapter}.ipynb", "notebooks/profiles.yml", "requirements*"]
    made_from += [":(glob)src/l2scaling/*.py", f"results/{chapter}.csv"]
    made_from += [f"src/l2scaling/publish/{name}.py" for name in ("parameters", "project", "run")]
    # a checkout that another user owns is read all the same; runs side by side take no lock
    git = ["git", "-c", "safe.directory=*", "--no-optional-locks", "-C", str(project.root)]

    def said(*words: str) -> str:
        return subprocess.run([*git, *words], capture_output=True, text=True, check=True).stdout

    try:
        above, commit = said("rev-parse", "--show-cdup", "HEAD").splitlines()
        if above:  # an unpacked copy inside somebody else's repository
            return {"commit": None, "dirty": None}
        return {"commit": commit, "dirty": bool(said("status", "--porcelain", "--", *made_from))}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}
