"""Chapters run once more with something set: what controls and robustness have in common."""

from collections.abc import Sequence

from l2scaling.evidence import Record
from l2scaling.publish.project import Project
from l2scaling.publish.runs.executed import records_of
from l2scaling.publish.runs.many import Point, run_all, workers, writable

PROFILE = "quick"
"""What shows in the shortest runs needs no longer ones."""


def run_beside(
    project: Project, points: Sequence[Point], what: str, jobs: int | None
) -> list[tuple[list[Record], list[Record]]]:
    """Run every point, and its chapter as it is; return for each the records of the latter and its own."""
    where = workers(project, jobs)
    plain = {one.chapter: Point(one.chapter, one.profile) for one in points}
    runs = run_all(project, [*plain.values(), *points], writable(project.build / what), where, what)
    records = list(map(records_of, runs))
    before = dict(zip(plain, records, strict=False))  # the first of the runs
    own = zip(points, records[len(plain) :], strict=True)
    return [(before[one.chapter], after) for one, after in own]
