"""Controls: each claim's mechanism broken on purpose, and what then becomes of its verdict."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from l2scaling.evidence import Record, number
from l2scaling.publish.gather import claims, records_of
from l2scaling.publish.ledger import claim_anchor, verdict
from l2scaling.publish.points import Point, check_jobs, executed, require_all, run_points, writable
from l2scaling.publish.project import Project, RunError

PROFILE = "quick"
"""A sabotage that shows in the shortest runs needs no longer ones."""


@dataclass(frozen=True)
class Control:
    """A sabotage of one chapter, as book/controls.yml states it, and the claims it must overturn."""

    chapter: str
    claims: tuple[str, ...]
    sabotage: str
    parameters: dict[str, str]


@dataclass(frozen=True)
class Outcome:
    """What a sabotage did to one claim: the verdict on this chapter's records, and the one that fell most.

    ``honest`` and ``sabotaged`` are what was measured of ``quantity``, for which ``predicted`` stands.
    """

    claim: str
    chapter: str
    sabotage: str
    parameters: dict[str, str]
    verdict: str
    under_sabotage: str
    fell: int
    quantity: str
    predicted: float
    honest: float
    sabotaged: float


def controls(project: Project) -> list[Control]:
    """Return all controls, in order."""
    entries = yaml.safe_load((project.root / "book" / "controls.yml").read_text())
    return [Control(**(entry | {"claims": tuple(entry["claims"])})) for entry in entries]


def outcomes(
    project: Project, control: Control, honest: Sequence[Record], sabotaged: Sequence[Record]
) -> list[Outcome]:
    """Return what a sabotage did to each of its claims; raise ``RunError`` for one that survives.

    A claim survives if no record of it that was met is missed now, or if the verdict is the same.
    """
    found = []
    for claim in claims(project):
        if claim.id not in control.claims:
            continue
        before = [one for one in honest if one.claim == claim.id]
        after = {one.quantity: one for one in sabotaged if one.claim == claim.id}
        fallen = [
            (one, after[one.quantity])
            for one in before
            if one.holds and one.quantity in after and not after[one.quantity].holds
        ]
        rulings = [verdict(claim, own, project.chapters()) for own in (before, list(after.values()))]
        if not fallen or rulings[0] == rulings[1]:
            said = f"{control.chapter} under {control.parameters}: {rulings[1]}"
            raise RunError(f"claim {claim.id} survives its control ({said})")
        one, now = max(fallen, key=lambda pair: _moved(*pair))
        outcome = Outcome(
            claim=claim.id, chapter=control.chapter, sabotage=control.sabotage,
            parameters=control.parameters, verdict=rulings[0], under_sabotage=rulings[1], fell=len(fallen),
            quantity=one.quantity, predicted=one.predicted, honest=one.measured, sabotaged=now.measured,
        )  # fmt: skip
        found.append(outcome)
    return found


def _moved(before: Record, after: Record) -> float:
    """Return how far a measurement moved, in margins, or in predictions where there is no margin."""
    return abs(after.measured - before.measured) / (before.margin or abs(before.predicted) or 1.0)


def run_controls(project: Project, jobs: int | None) -> Path:
    """Run every chapter honestly and under each sabotage, and write results/controls.json."""
    check_jobs(jobs)
    every = controls(project)
    honest = {one.chapter: Point(one.chapter, PROFILE) for one in every}
    broken = [Point(one.chapter, PROFILE, one.parameters) for one in every]
    folder = writable(project.build / "controls")
    points = [*honest.values(), *broken]
    run_points(project, points, folder, jobs, "controls")
    require_all(folder, points)

    def records(point: Point) -> list[Record]:
        return records_of(executed(folder, point))

    found = [
        outcome
        for one, point in zip(every, broken, strict=True)
        for outcome in outcomes(project, one, records(honest[one.chapter]), records(point))
    ]
    path = _published(project)
    rows = [asdict(outcome) for outcome in sorted(found, key=lambda one: one.claim)]
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    return path


def published(project: Project) -> list[Outcome]:
    """Return the outcomes that are published, none if there are none."""
    path = _published(project)
    return [Outcome(**row) for row in json.loads(path.read_text())] if path.is_file() else []


def controls_page(outcomes: Sequence[Outcome]) -> str:
    """Return the table of claims, what was broken, and what became of the verdict."""
    lines = [
        "| claim | what was broken | verdict before | verdict under it | a record that fell | predicted "
        "| before | under it |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for one in outcomes:
        given = " ".join(f"`-p {name} {value}`" for name, value in one.parameters.items())
        claim = f"[{one.claim}](verdicts.md#{claim_anchor(one.claim)})"
        values = " | ".join(number(value) for value in (one.predicted, one.honest, one.sabotaged))
        lines.append(
            f"| {claim} | [{one.chapter}](../notebooks/{one.chapter}.ipynb): {one.sabotage} ({given}) "
            f"| {one.verdict} | {one.under_sabotage} | {one.quantity} | {values} |"
        )
    return "\n".join(lines) + "\n"


def _published(project: Project) -> Path:
    return project.results / "controls.json"
