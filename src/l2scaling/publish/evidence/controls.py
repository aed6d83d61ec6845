"""Controls: each claim's mechanism broken on purpose, and what then becomes of its verdict."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from l2scaling.evidence import Record
from l2scaling.publish.errors import RequestError, RunError
from l2scaling.publish.evidence.claims import read_claims, verdict
from l2scaling.publish.evidence.results import read_results, write_results
from l2scaling.publish.evidence.trials import PROFILE, run_beside
from l2scaling.publish.project import Project, brief, read_yaml
from l2scaling.publish.runs.many import Point

FORM = "a list of chapter, claims, sabotage and parameters"


@dataclass(frozen=True)
class Control:
    """A sabotage of one chapter, as book/controls.yml states it, and the claims it must overturn."""

    chapter: str
    claims: tuple[str, ...]
    sabotage: str
    parameters: dict[str, str]

    @property
    def point(self) -> Point:
        return Point(self.chapter, PROFILE, self.parameters)


@dataclass(frozen=True)
class Outcome:
    """What a sabotage did to one claim: how many of its records in a chapter were met before and under it.

    ``verdict`` is the one before, from this chapter alone. Of the records that fell, ``quantity`` moved
    farthest: ``predicted`` stands for it, ``before`` and ``under`` were measured; None says that under
    sabotage there was nothing to measure.
    """

    claim: str
    chapter: str
    sabotage: str
    parameters: dict[str, str]
    verdict: str
    records: int
    met: int
    met_under: int
    quantity: str
    predicted: float
    before: float
    under: float | None


def controls(project: Project) -> list[Control]:
    """Return all controls, in order."""
    path = project.root / "book" / "controls.yml"
    try:
        return [Control(**(entry | {"claims": tuple(entry["claims"])})) for entry in read_yaml(path, FORM)]
    except (TypeError, KeyError) as error:
        raise RequestError(f"{path.name} is broken ({brief(error)}); allowed: {FORM}") from error


def outcomes(
    project: Project, control: Control, honest: Sequence[Record], sabotaged: Sequence[Record]
) -> list[Outcome]:
    """Return what a sabotage did to each of its claims.

    ``RunError`` names a claim that survives: one without a record that was met before and is missed now.
    """
    found = []
    for claim in read_claims(project):
        if claim.id not in control.claims:
            continue
        before = [one for one in honest if one.claim == claim.id]
        after = {one.quantity: one for one in sabotaged if one.claim == claim.id}
        met = [(one, after[one.quantity]) for one in before if one.holds and one.quantity in after]
        fallen = [pair for pair in met if not pair[1].holds]
        if not fallen:
            raise RunError(f"claim {claim.id} survives {control.parameters} in {control.chapter}")
        one, now = max(fallen, key=lambda pair: _moved(*pair))
        outcome = Outcome(
            claim=claim.id, chapter=control.chapter, sabotage=control.sabotage,
            parameters=control.parameters, verdict=verdict(claim, before, project.chapters()),
            records=len(before), met=len(met), met_under=len(met) - len(fallen), quantity=one.quantity,
            predicted=one.predicted, before=one.measured,
            under=now.measured if math.isfinite(now.measured) else None,
        )  # fmt: skip
        found.append(outcome)
    return found


def _moved(before: Record, after: Record) -> float:
    """Return how far a measurement moved, in margins, or in predictions where there is no margin.

    One that can no longer be made comes last, for there is nothing to show of it.
    """
    if not math.isfinite(after.measured):
        return -1.0
    return abs(after.measured - before.measured) / (before.margin or abs(before.predicted) or 1.0)


def run_controls(project: Project, chapters: Sequence[str], jobs: int | None) -> Path:
    """Run chapters honestly and under each of their sabotages, and write results/controls.json.

    What it has of other chapters stays.
    """
    every = controls(project)
    asked = [one for one in every if one.chapter in chapters]
    pairs = run_beside(project, [one.point for one in asked], "controls", jobs)
    places = {(one.chapter, one.sabotage): place for place, one in enumerate(every)}
    others = [one for one in published(project) if one.chapter not in chapters]
    found = [one for one in others if (one.chapter, one.sabotage) in places]
    for one, (before, under) in zip(asked, pairs, strict=True):
        found += outcomes(project, one, before, under)
    found.sort(key=lambda one: (one.claim, places[one.chapter, one.sabotage]))
    return write_results(project, "controls", [asdict(one) for one in found])


def published(project: Project) -> list[Outcome]:
    """Return the outcomes that are published, none if there are none."""
    return [Outcome(**row) for row in read_results(project, "controls")]
