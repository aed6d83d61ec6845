"""The evidence of all chapters: read from executed notebooks, compared with what is published."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import nbformat

from l2scaling.evidence import MIME, Record
from l2scaling.publish.project import Project, RequestError, RunError, brief, read_notebook, read_yaml
from l2scaling.publish.provenance import fault

RELATIVE_TOLERANCE = 1e-3
INTERVAL_TOLERANCE = 0.25
"""How far a number may move before it needs review: by the first share of itself, of its prediction or
of its margin, which is room for another processor's rounding, or by the second of its interval."""

_CLAIMS_FORM = "a list of claims, each with id, thread, who, claim, ruling and chapters"

ROUNDING = 1e-9
"""How far, relatively, a prediction or margin may move that is itself computed."""

RESIDUAL = 1e-5
"""An upper bound as small as this bounds residuals of computations; any value within it is as good."""


NUMBERS = ("predicted", "measured", "low", "high", "margin")
THREADS = {
    "T1": ("thread 1", "https://stats.stackexchange.com/questions/316961/l2-regularization-constant"),
    "T2": (
        "thread 2",
        "https://datascience.stackexchange.com/questions/73134/"
        "should-the-lambda-for-l1-norm-regularizer-inversely-be-proportional-to-the-numbe",
    ),
}
"""Where the claims were made: name and address of each thread."""


@dataclass(frozen=True)
class Claim:
    """One claim on trial, as book/claims.yml states it.

    ``ruling`` is the ruling predicted; ``chapters`` are those whose records decide; ``because``
    is the reason, written once there are records. ``answer`` is the ruling argued from the records
    where ``ruling`` does not decide: it predicted nothing, being ``open``, or a record missed.
    """

    id: str
    thread: str
    who: str
    claim: str
    ruling: str
    chapters: tuple[str, ...]
    because: str = ""
    answer: str = ""


def claims(project: Project) -> list[Claim]:
    """Return the claims on trial, in order."""
    entries = read_yaml(project.root / "book" / "claims.yml", _CLAIMS_FORM)
    if not isinstance(entries, list):
        raise RequestError(f"claims.yml is broken (it is no list); allowed: {_CLAIMS_FORM}")
    return [_claim(number, entry) for number, entry in enumerate(entries, 1)]


def _claim(number: int, entry: Any) -> Claim:
    """Read one claim, or raise ``RequestError`` saying which is broken."""
    try:
        claim = Claim(**(entry | {"chapters": tuple(entry["chapters"])}))
        if claim.thread not in THREADS:
            raise TypeError(f"its thread is {claim.thread!r}")
        words = [value for name, value in vars(claim).items() if name != "chapters"]
        if not all(isinstance(one, str) for one in (*words, *entry["chapters"])):
            raise TypeError("a field is no text")
    except (TypeError, KeyError) as error:
        raise RequestError(
            f"claims.yml is broken (claim number {number}: {brief(error)}); allowed: {_CLAIMS_FORM}"
        ) from error
    return claim


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
        return [
            _record(entry)
            for cell in notebook.cells
            if cell.cell_type == "code"
            for output in cell.outputs
            for entry in output.get("data", {}).get(MIME, [])
        ]
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


def gather(project: Project, profile: str, chapters: Iterable[str]) -> list[Record]:
    """Return the records of the named chapters' runs in a profile."""
    return [record for chapter in chapters for record in records_of(executed(project, chapter, profile))]


def accept(project: Project, chapters: Iterable[str]) -> list[Path]:
    """Make the published runs' records the reviewed ones; return the files written."""
    # all are read before the first is written
    found = {chapter: records_of(executed(project, chapter, "published")) for chapter in chapters}
    return [write_results(project, chapter, records) for chapter, records in found.items()]


def write_results(project: Project, name: str, rows: Sequence[Any]) -> Path:
    """Write dataclasses as the file of that name in results/, to be reviewed as a diff."""
    path = results_path(project, name)
    path.parent.mkdir(exist_ok=True)
    draft = path.with_suffix(".draft")  # a full disk must not cost what is there
    draft.write_text(json.dumps([asdict(row) for row in rows], indent=1, ensure_ascii=False) + "\n")
    return draft.replace(path)


def read_results(project: Project, name: str) -> list[dict[str, Any]]:
    """Return the rows of a file in results/, none if there is none."""
    path = results_path(project, name)
    rows: list[dict[str, Any]] = json.loads(path.read_text()) if path.is_file() else []
    return rows


def check(project: Project, profile: str, chapters: Sequence[str], records: Sequence[Record]) -> None:
    """Raise ``RunError`` if the evidence may not be published.

    That is so when an exact identity fails, when a chapter owes a claim a record and has
    none, or when a published run differs from ``results/`` in a way nobody has reviewed.
    A prediction that is not met is no error: it is a finding.
    """
    faults = [
        f"exact identity fails: {record.quantity} ({record.chapter}): {record.measured!r}"
        for record in records
        if record.kind == "exact" and not record.holds
    ]
    given = {(record.claim, record.chapter) for record in records}
    faults += [
        f"claim {claim.id} has no record from {chapter}"
        for claim in claims(project)
        for chapter in claim.chapters
        if chapter in chapters and (claim.id, chapter) not in given
    ]
    if profile == "published":
        for chapter in chapters:
            faults += _differences(project, chapter, [one for one in records if one.chapter == chapter])
    if faults:
        raise RunError("evidence not fit to publish: " + "; ".join(faults))


def results_path(project: Project, name: str) -> Path:
    """Return where results/ keeps what is published under a name, a chapter's or a page's."""
    return project.results / f"{name}.json"


def _differences(project: Project, chapter: str, records: Sequence[Record]) -> list[str]:
    advice = f"review it, then: l2scaling accept {chapter}"
    if not results_path(project, chapter).is_file():
        return [f"{chapter} has no reviewed evidence in results/; {advice}"]
    before = {entry["quantity"]: entry for entry in read_results(project, chapter)}
    now = {record.quantity: asdict(record) for record in records}
    changed = [name for name in before.keys() | now.keys() if not same(before.get(name), now.get(name))]
    return [f"{chapter}: {name!r} differs from results/; {advice}" for name in sorted(changed)]


def same(before: dict[str, Any] | None, now: dict[str, Any] | None) -> bool:
    """Say whether two rows of evidence agree but for what rounding on another processor may move."""
    if before is None or now is None:
        return False
    exact = before["kind"] == "exact"
    scale = max(abs(before["measured"]), abs(before["predicted"]), before["margin"])
    room = 0.0 if exact else RELATIVE_TOLERANCE * scale
    found = max(room, INTERVAL_TOLERANCE * (before["high"] - before["low"]))
    bound = before["predicted"] + before["margin"]
    if before["kind"] == "at-most" and 0 < bound <= RESIDUAL:
        found = max(found, bound)
    rooms = {"measured": found, "low": found, "high": found}
    if not exact:
        rooms |= {name: ROUNDING * abs(before[name]) for name in ("predicted", "margin")}
    return before.keys() == now.keys() and all(
        abs(before[key] - now[key]) <= rooms[key] if key in rooms else before[key] == now[key]
        for key in before
    )
