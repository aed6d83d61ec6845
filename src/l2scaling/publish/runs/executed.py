"""What executed notebooks hold: records and rows, read with all that could be wrong with them."""

from collections.abc import Iterable, Mapping
from typing import Any

import nbformat

from l2scaling.evidence import MIME, Record
from l2scaling.publish.errors import RequestError
from l2scaling.publish.project import Project, brief, read_notebook
from l2scaling.publish.runs.provenance import fault

NUMBERS = ("predicted", "measured", "low", "high", "margin")

LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch")
"""Those whose roundings reach a record."""


def executed(project: Project, chapter: str, profile: str) -> nbformat.NotebookNode:
    """Return the executed notebook of a chapter, or raise ``RequestError`` if there is none to trust.

    Whatever reads a run of the book reads it here: it is this chapter's, in this profile with nothing
    else set, whole, and made from the sources as they are.
    """
    require_run(project, chapter, profile)
    what = f"run of chapter {chapter!r} in profile {profile!r}"
    if wrong := fault(project, chapter, profile):
        raise RequestError(f"{what} {wrong}; make one with: l2scaling run {chapter} --profile {profile}")
    notebook = read_notebook(project.run_path(chapter, profile), what)
    record, times = (notebook.metadata.get(name) for name in ("l2scaling", "papermill"))
    if not (
        record.keys() >= {"chapter", "parameters", "source"}
        and isinstance(times, dict)
        and isinstance(times.get("duration"), int | float)
    ):
        raise RequestError(f"{what} does not say how it was made; allowed: what l2scaling run writes")
    return notebook


def require_run(project: Project, chapter: str, profile: str) -> None:
    """Raise ``RequestError`` unless the chapter has a run in this profile."""
    if not project.run_path(chapter, profile).is_file():
        raise RequestError(
            f"chapter {chapter!r} has no run in profile {profile!r}; "
            f"make one with: l2scaling run {chapter} --profile {profile}"
        )


def records_of(notebook: nbformat.NotebookNode) -> list[Record]:
    """Return the records that an executed notebook carries, or raise ``RequestError`` if one is broken.

    What is not finite stands there as text.
    """
    try:
        return [_record(entry) for entry in outputs_of(notebook, MIME)]
    except (TypeError, ValueError) as error:
        raise RequestError(
            f"evidence in a run cannot be read ({brief(error)}); allowed: what l2scaling.evidence writes"
        ) from error


def _record(entry: Any) -> Record:
    record = Record(**(entry | {name: float(entry[name]) for name in NUMBERS}))
    texts = (record.claim or "", record.chapter, record.quantity, record.kind)
    if not all(isinstance(one, str) for one in texts) or not isinstance(record.n, int):
        raise TypeError(f"a field of {record.quantity!r} has the wrong type")
    return record


def setups(runs: Mapping[str, nbformat.NotebookNode]) -> dict[str, str]:
    """Return by chapter on and with what it ran, as far as numbers are rounded by it."""
    return {chapter: setup(run) for chapter, run in runs.items()}


def setup(run: nbformat.NotebookNode) -> str:
    """Return what rounds the numbers of a run: processor, threads, Python and the libraries that compute."""
    record = run.metadata["l2scaling"]
    versions = record["versions"]
    python = ".".join(versions["python"].split(".")[:2])  # a patch release does not compute otherwise
    libraries = (f"{name} {versions[name].partition('+')[0]}" for name in LIBRARIES)
    return ", ".join([machine(record), f"python {python}", *libraries])


def machine(record: Mapping[str, Any]) -> str:
    """Return the processor and the threads that a run says it had."""
    return f"{record['processor']}, {record['threads']} thread{'s' if record['threads'] != '1' else ''}"


def gather(project: Project, profile: str, chapters: Iterable[str]) -> list[Record]:
    """Return the records of the named chapters' runs in a profile."""
    return [record for chapter in chapters for record in records_of(executed(project, chapter, profile))]


def outputs_of(run: nbformat.NotebookNode, kind: str) -> list[dict[str, Any]]:
    """Return all entries of one kind of data that the cells of an executed notebook carry, in order."""
    outputs = (output for cell in run.cells for output in cell.get("outputs", []))
    return [dict(entry) for output in outputs for entry in output.get("data", {}).get(kind, [])]
