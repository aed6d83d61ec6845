"""Robustness: every chapter beyond its published values, one parameter at a time."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from l2scaling.evidence import Record
from l2scaling.publish.errors import RequestError
from l2scaling.publish.evidence.results import read_results, write_results
from l2scaling.publish.evidence.trials import PROFILE, run_beside
from l2scaling.publish.project import Project, brief, read_yaml
from l2scaling.publish.runs.many import Point
from l2scaling.publish.runs.request import Request

EXPECTATIONS = ("keeps", "breaks")
FORM = "chapter, then parameter, then value: keeps or breaks"


@dataclass(frozen=True)
class Trial:
    """One parameter of a chapter set to a value beyond the published ones, and what we expect of it."""

    chapter: str
    parameter: str
    value: str
    expected: str

    @property
    def point(self) -> Point:
        return Point(self.chapter, PROFILE, {self.parameter: self.value})


@dataclass(frozen=True)
class Finding:
    """What a trial showed: of the records ``met`` without it, as many ``kept``, and those that fell.

    ``fallen`` holds quantity and claim, where there is one.
    """

    chapter: str
    parameter: str
    value: str
    expected: str
    met: int
    kept: int
    fallen: list[list[str | None]]

    @property
    def found(self) -> str:
        return "breaks" if self.fallen else "keeps"


def trials(project: Project) -> list[Trial]:
    """Return all trials of book/robustness.yml, every value checked."""
    path = project.root / "book" / "robustness.yml"
    try:
        every = [
            Trial(chapter, parameter, str(value), expected)
            for chapter, parameters in read_yaml(path, FORM).items()
            for parameter, values in parameters.items()
            for value, expected in values.items()
        ]
    except AttributeError as error:
        raise RequestError(f"{path.name} is broken ({brief(error)}); allowed: {FORM}") from error
    for one in every:
        if one.expected not in EXPECTATIONS:
            raise RequestError(f"expectation {one.expected!r}; allowed: {', '.join(EXPECTATIONS)}")
        Request.of(project, one.chapter, PROFILE, {one.parameter: one.value})
    return every


def finding(trial: Trial, before: Sequence[Record], after: Sequence[Record]) -> Finding:
    """Return which records that were met are met still; one that the setting does not have is left out."""
    now = {one.quantity: one for one in after}
    met = [one for one in before if one.holds and one.quantity in now]
    fallen: list[list[str | None]] = [[one.quantity, one.claim] for one in met if not now[one.quantity].holds]
    return Finding(**asdict(trial), met=len(met), kept=len(met) - len(fallen), fallen=fallen)


def run_robustness(project: Project, chapters: Sequence[str], jobs: int | None) -> Path:
    """Run every trial of chapters, and each of these without one; write results/robustness.json.

    What it has of other chapters stays.
    """
    every = trials(project)
    asked = [one for one in every if one.chapter in chapters]
    pairs = run_beside(project, [one.point for one in asked], "robustness", jobs)
    known = {(one.chapter, one.parameter, one.value): one for one in published(project)}
    for one, (before, after) in zip(asked, pairs, strict=True):
        known[one.chapter, one.parameter, one.value] = finding(one, before, after)
    places = [(one.chapter, one.parameter, one.value) for one in every]
    found = [known[place] for place in places if place in known]
    return write_results(project, "robustness", [asdict(one) for one in found])


def published(project: Project) -> list[Finding]:
    """Return the findings that are published, none if there are none."""
    return [Finding(**row) for row in read_results(project, "robustness")]
