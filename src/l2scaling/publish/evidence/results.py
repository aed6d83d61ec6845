"""The evidence of all chapters: read from executed notebooks, compared with what is published."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from l2scaling.evidence import Record
from l2scaling.publish.errors import RunError
from l2scaling.publish.evidence.claims import read_claims
from l2scaling.publish.evidence.stated import ROUNDING, stated_in
from l2scaling.publish.project import Project, write_whole
from l2scaling.publish.runs.executed import executed, records_of, setup

BESIDE = ("stated", "setup")
"""What results/ says beside a record: the commit of its prediction, and what it was measured on and with."""

RELATIVE_TOLERANCE = 1e-3
INTERVAL_TOLERANCE = 0.25
"""How far a number may move before it needs review: by the first share of itself, of its prediction or
of its margin, which is room for another setup's rounding, or by the second of its interval."""


RESIDUAL = 1e-5
"""An upper bound as small as this bounds residuals of computations; any value within it is as good."""


def accept(project: Project, chapters: Iterable[str]) -> list[Path]:
    """Make the published runs' records the reviewed ones; return the files written.

    With each stands the commit in which its prediction was stated before the run, or null, and the setup.
    """
    found = {}
    for chapter in chapters:  # all are read before the first is written
        run = executed(project, chapter, "published")
        records = records_of(run)
        commits = stated_in(project, run, records)
        here = setup(run)
        found[chapter] = [
            asdict(one) | {"stated": commits.get(one.quantity), "setup": here} for one in records
        ]
    return [write_results(project, chapter, rows) for chapter, rows in found.items()]


def write_results(project: Project, name: str, rows: Sequence[dict[str, Any]]) -> Path:
    """Write rows as the file of that name in results/, to be reviewed as a diff."""
    return write_whole(results_path(project, name), json.dumps(rows, indent=1, ensure_ascii=False) + "\n")


def read_results(project: Project, name: str) -> list[dict[str, Any]]:
    """Return the rows of a file in results/, none if there is none."""
    path = results_path(project, name)
    rows: list[dict[str, Any]] = json.loads(path.read_text()) if path.is_file() else []
    return rows


def stated(project: Project, chapter: str) -> dict[str, str]:
    """Return, by quantity, the commits in which predictions were stated before their published run."""
    rows = read_results(project, chapter)
    return {row["quantity"]: row["stated"] for row in rows if row.get("stated")}


@dataclass(frozen=True)
class Moved:
    """A record that came out otherwise than where it was reviewed, and the setups there and here."""

    before: dict[str, Any]
    now: dict[str, Any]
    there: str
    here: str


def check(
    project: Project,
    profile: str,
    chapters: Sequence[str],
    records: Sequence[Record],
    setups: Mapping[str, str] | None = None,
) -> list[Moved]:
    """Raise ``RunError`` if the evidence may not be published; return what moved with the setup.

    It may not when an exact identity fails, when a chapter owes a claim a record and has
    none, or when a published run differs from ``results/`` in a way nobody has reviewed.
    A prediction that is not met is no error: it is a finding. Neither is a number that training carried
    elsewhere from the roundings of another processor or library: ``setups`` says by chapter where it ran,
    and where that is not the setup of ``results/``, a record that is declared alike has moved. Without
    it all ran where they were reviewed.
    """
    faults = [
        f"exact identity fails: {record.quantity} ({record.chapter}): {record.measured!r}"
        for record in records
        if record.kind == "exact" and not record.holds
    ]
    given = {(record.claim, record.chapter) for record in records}
    faults += [
        f"claim {claim.id} has no record from {chapter}"
        for claim in read_claims(project)
        for chapter in claim.chapters
        if chapter in chapters and (claim.id, chapter) not in given
    ]
    moved: list[Moved] = []
    if profile == "published":
        for chapter in chapters:
            own = [one for one in records if one.chapter == chapter]
            further, elsewhere = _differences(project, chapter, own, (setups or {}).get(chapter))
            faults += further
            moved += elsewhere
    if faults:
        raise RunError("evidence not fit to publish: " + "; ".join(faults))
    return moved


def results_path(project: Project, name: str) -> Path:
    """Return where results/ keeps what is published under a name, a chapter's or a page's."""
    return project.results / f"{name}.json"


def _differences(
    project: Project, chapter: str, records: Sequence[Record], here: str | None
) -> tuple[list[str], list[Moved]]:
    advice = f"review it, then: l2scaling accept {chapter}"
    if not results_path(project, chapter).is_file():
        return [f"{chapter} has no reviewed evidence in results/; {advice}"], []
    before = {entry["quantity"]: entry for entry in read_results(project, chapter)}
    now = {record.quantity: asdict(record) for record in records}
    faults, moved = [], []
    for name in sorted(before.keys() | now.keys()):
        old, new = before.get(name), now.get(name)
        if same(old, new):
            continue
        there = old.get("setup") if old else None
        if old and new and here and there and here != there and _declared(old) == _declared(new):
            moved.append(Moved(old, new, there, here))
        else:
            faults.append(f"{chapter}: {name!r} differs from results/; {advice}")
    return faults, moved


def _declared(row: dict[str, Any]) -> tuple[Any, ...]:
    """Return what a record is before anything is computed."""
    return tuple(row[name] for name in ("claim", "chapter", "quantity", "kind", "n", "check"))


def same(before: dict[str, Any] | None, now: dict[str, Any] | None) -> bool:
    """Say whether two rows of evidence agree but for what rounding in another setup may move."""
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
    return all(
        abs(before[key] - now[key]) <= rooms[key] if key in rooms else before.get(key) == now.get(key)
        for key in (before.keys() | now.keys()).difference(BESIDE)
    )
