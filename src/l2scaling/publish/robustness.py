"""Robustness: every chapter beyond its published values, one parameter at a time."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from l2scaling.evidence import Record
from l2scaling.publish.gather import read_results, records_of, write_results
from l2scaling.publish.ledger import claim_anchor
from l2scaling.publish.parameters import declared, resolve
from l2scaling.publish.points import Point, run_all, workers, writable
from l2scaling.publish.project import Project, RequestError, brief, read_yaml

PROFILE = "quick"
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
        parameters = declared(project.source(one.chapter), one.chapter)
        resolve(parameters, project.profile_values(one.chapter, PROFILE), {one.parameter: one.value})
    return every


def finding(trial: Trial, before: Sequence[Record], after: Sequence[Record]) -> Finding:
    """Return which records that were met are met still; one that the setting does not have is left out."""
    now = {one.quantity: one for one in after}
    met = [one for one in before if one.holds and one.quantity in now]
    fallen: list[list[str | None]] = [[one.quantity, one.claim] for one in met if not now[one.quantity].holds]
    return Finding(**asdict(trial), met=len(met), kept=len(met) - len(fallen), fallen=fallen)


def run_robustness(project: Project, jobs: int | None) -> Path:
    """Run every trial, and every chapter without one; write results/robustness.json."""
    where = workers(project, jobs)
    every = trials(project)
    plain = {one.chapter: Point(one.chapter, PROFILE) for one in every}
    folder = writable(project.build / "robustness")
    runs = run_all(project, [*plain.values(), *(one.point for one in every)], folder, where, "robustness")
    records = list(map(records_of, runs))
    before = dict(zip(plain, records, strict=False))  # the first of the runs
    found = [
        finding(one, before[one.chapter], after)
        for one, after in zip(every, records[len(plain) :], strict=True)
    ]
    return write_results(project, "robustness", found)


def published(project: Project) -> list[Finding]:
    """Return the findings that are published, none if there are none."""
    return [Finding(**row) for row in read_results(project, "robustness")]


def robustness_page(findings: Sequence[Finding], titles: dict[str, str]) -> str:
    """Return, a chapter at a time, what each value kept and broke, and whether that was expected."""
    right = sum(one.found == one.expected for one in findings)
    kept = sum(one.found == "keeps" for one in findings)
    surprises = [one for one in findings if one.found == "breaks" != one.expected]
    sections = [
        f"Of {len(findings)} settings beyond the published ones, {kept} keep every record and "
        f"{len(findings) - kept} break at least one. In {right} it went as expected beforehand; "
        f"{len(surprises)} broke something where we had expected nothing to break, and "
        f"{len(findings) - right - len(surprises)} held where we had expected a break."
    ]
    for chapter in dict.fromkeys(one.chapter for one in findings):
        lines = [
            f"## {titles[chapter]}",
            "",
            f"[To the chapter](../notebooks/{chapter}.ipynb).",
            "",
            "| parameter | value | records kept | what fell | expected |",
            "| --- | --- | --- | --- | --- |",
        ]
        for one in findings:
            if one.chapter == chapter:
                fell = "; ".join(_named(quantity, claim) for quantity, claim in one.fallen) or "nothing"
                expected = one.expected if one.found == one.expected else f"**{one.expected}**"
                lines.append(
                    f"| `{one.parameter}` | `{one.value}` | {one.kept} of {one.met} | {fell} | {expected} |"
                )
        sections.append("\n".join(lines))
    return "\n\n".join(sections) + "\n"


def _named(quantity: str | None, claim: str | None) -> str:
    return f"{quantity} ([{claim}](#{claim_anchor(claim)}))" if claim else str(quantity)
