"""Reproduction: run chapters again and hold every number against the published one."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from l2scaling.publish.errors import RequestError
from l2scaling.publish.evidence import reproductions, results
from l2scaling.publish.project import Project
from l2scaling.publish.runs import executed, many, provenance
from l2scaling.publish.runs.many import Point

STATES = ("same", "within tolerance", "drifted")


@dataclass(frozen=True)
class Comparison:
    """One record: what was published, what came out now, and how the two compare."""

    chapter: str
    quantity: str
    published: float | None
    now: float | None
    state: str


def reproduce(
    project: Project,
    chapters: Sequence[str],
    profile: str,
    output: Path | None,
    jobs: int | None,
    record: str | None = None,
) -> list[Comparison]:
    """Run chapters again, away from the book's own runs, and compare their records.

    In profile ``published`` the records of ``results/`` are the reference, in others those of the
    last run in that profile. ``RunError`` names chapters that failed, after all have run. ``record``
    says with which dependencies, and adds each chapter's outcome to the table of reproductions.
    """
    where = many.workers(project, jobs)
    for chapter in chapters:
        project.require_chapter(chapter)
    if record is not None:
        reproductions.require(project, record, profile, provenance.versions())
    references = {chapter: _reference(project, chapter, profile) for chapter in chapters}
    folder = many.writable(output or project.build / "reproduce" / profile)
    points = {chapter: Point(chapter, profile) for chapter in chapters}
    for point in points.values():  # a result of an earlier call proves nothing now
        many.forget(folder, point)
    many.run_points(project, list(points.values()), folder, where, "reproduce")
    runs = {
        chapter: many.executed(folder, point)
        for chapter, point in points.items()
        if many.is_done(folder, point)
    }
    found = {chapter: compare(chapter, references[chapter], _rows(run)) for chapter, run in runs.items()}
    if record is not None:
        rows = [_outcome(project, chapter, runs.get(chapter), found, record) for chapter in points]
        reproductions.add(project, rows)
    many.require_all(folder, list(points.values()))
    return [one for chapter in points for one in found[chapter]]


def _outcome(
    project: Project, chapter: str, run: Any, found: dict[str, list[Comparison]], record: str
) -> reproductions.Reproduction:
    """Return a chapter's row, of what its run says of itself or, if it failed, of what it was made from."""
    if run is None:
        origin = provenance.origin(project, chapter, project.source(chapter))
        return reproductions.made(chapter, origin, record, [], None)
    states = [one.state for one in found[chapter]]
    seconds = run.metadata["papermill"]["duration"]
    return reproductions.made(chapter, run.metadata["l2scaling"], record, states, seconds)


def compare(
    chapter: str, before: Sequence[dict[str, Any]], now: Sequence[dict[str, Any]]
) -> list[Comparison]:
    """Compare the records of two runs by their quantities.

    ``same``: every number is, to the last bit. ``within tolerance``: the prediction is the same, met
    or missed as before, and the numbers moved less than ``gather`` allows or the intervals overlap.
    """
    old, new = ({one["quantity"]: one for one in rows} for rows in (before, now))
    nothing: dict[str, Any] = {"measured": None}
    pairs = {name: (old.get(name), new.get(name)) for name in [*old, *new]}
    return [
        Comparison(chapter, name, (one or nothing)["measured"], (two or nothing)["measured"], state(one, two))
        for name, (one, two) in pairs.items()
    ]


def state(before: dict[str, Any] | None, now: dict[str, Any] | None) -> str:
    """Return the state of one record, of which either may be missing."""
    if before is None or now is None:
        return "drifted"
    if before == now:
        return "same"
    if results.same(before, now):
        return "within tolerance"
    unmoved = results.same(before, now | {key: before[key] for key in ("measured", "low", "high")})
    overlap = before["low"] <= now["high"] and now["low"] <= before["high"]
    return "within tolerance" if unmoved and overlap and before["kind"] != "exact" else "drifted"


def _reference(project: Project, chapter: str, profile: str) -> list[dict[str, Any]]:
    if profile != "published":
        return _rows(executed.executed(project, chapter, profile))
    if not results.results_path(project, chapter).is_file():
        raise RequestError(f"chapter {chapter!r} has no published evidence; allowed: one that has")
    rows = results.read_results(project, chapter)
    return [{name: value for name, value in row.items() if name not in results.BESIDE} for row in rows]


def _rows(notebook: Any) -> list[dict[str, Any]]:
    return [asdict(record) for record in executed.records_of(notebook)]
