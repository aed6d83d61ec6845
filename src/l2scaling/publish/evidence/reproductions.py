"""The table of reproductions: what came out when chapters were run again, where, when and with what."""

import csv
import io
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from l2scaling.publish.errors import RequestError
from l2scaling.publish.locks import exclusive
from l2scaling.publish.project import Project, brief, write_whole, writing
from l2scaling.publish.runs.executed import LIBRARIES

DEPENDENCIES = ("locked", "lowest", "newest")
"""Which versions of the dependencies a reproduction had: those of the lock, or a bound of pyproject.toml."""


@dataclass(frozen=True)
class Reproduction:
    """One chapter, run again once: of its published records, how many came out how, and what ran it.

    ``records`` counts those compared, 0 where the chapter did not run to its end. ``source`` begins the
    hash of what the run was made from, ``commit`` is None where git knows none, and ``changed`` says that
    the sources differed from it.

    >>> row = ["2026-11-30", "ridge", "b4297f1e0fcd", "53f626ffbc62", "no", "yes", "3", "3", "0", "0", "26.7"]
    >>> machine = ["a processor", "2", "Linux x86_64", "1", "locked", "3.11.7", "2.4.6", "1.17.1", "1.9.1"]
    >>> one = Reproduction.parsed(dict(zip(COLUMNS, [*row, *machine, "2.13.0"])))
    >>> one.ran, one.same, one.versions["numpy"]
    (True, 3, '2.4.6')
    """

    date: str
    chapter: str
    source: str
    commit: str | None
    changed: bool
    ran: bool
    records: int
    same: int
    within: int
    drifted: int
    seconds: float | None
    processor: str
    cores: int
    system: str
    threads: int
    dependencies: str
    versions: dict[str, str]

    @classmethod
    def parsed(cls, row: Mapping[str, str]) -> Self:
        """Read a row; ``ValueError`` says what no command of ours can have written."""
        counts = {name: int(row[name]) for name in ("records", "same", "within", "drifted")}
        one = cls(
            date=row["date"],
            chapter=row["chapter"],
            source=row["source"],
            commit=row["commit"] or None,
            changed=_yes(row["changed"]),
            ran=_yes(row["ran"]),
            **counts,
            seconds=float(row["seconds"]) if row["seconds"] else None,
            processor=row["processor"],
            cores=int(row["cores"]),
            system=row["system"],
            threads=int(row["threads"]),
            dependencies=row["dependencies"],
            versions={name: row[name] for name in ("python", *LIBRARIES)},
        )
        datetime.strptime(one.date, "%Y-%m-%d")
        if one.records != one.same + one.within + one.drifted or min(counts.values()) < 0:
            raise ValueError(f"{one.records} records are not {one.same} + {one.within} + {one.drifted}")
        if one.ran != (one.records > 0) or one.ran != (one.seconds is not None):
            raise ValueError("a chapter that ran has records and took seconds, another has neither")
        if one.dependencies not in DEPENDENCIES:
            raise ValueError(f"dependencies {one.dependencies!r}; allowed: {', '.join(DEPENDENCIES)}")
        if not all((one.chapter, one.source, one.processor, one.system, *one.versions.values())):
            raise ValueError("a chapter, source, processor, system or version is empty")
        return one

    def row(self) -> list[str]:
        """Return the cells of its row, in the order of ``COLUMNS``."""
        *plain, versions = astuple(self)
        return [*map(_cell, plain), *(versions[name] for name in ("python", *LIBRARIES))]

    @property
    def environment(self) -> tuple[Any, ...]:
        """What it ran on and with."""
        machine = (self.processor, self.cores, self.system, self.threads, self.dependencies)
        return (*machine, *self.versions.items())

    @property
    def outcome(self) -> tuple[Any, ...]:
        """What was run where and what came of it, but not when, or how long it took."""
        counts = (self.ran, self.records, self.same, self.within, self.drifted)
        return (self.chapter, self.source, self.environment, counts)


COLUMNS = (*(one.name for one in fields(Reproduction) if one.name != "versions"), "python", *LIBRARIES)


def path_of(project: Project) -> Path:
    """Return where the table lies."""
    return project.results / "reproductions.csv"


def read(project: Project) -> list[Reproduction]:
    """Return the rows of the table, none if there is none; ``RequestError`` names a row that is wrong."""
    path = path_of(project)
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        table = csv.DictReader(file)
        if tuple(table.fieldnames or ()) != COLUMNS:
            raise RequestError(f"{path.name} has other columns; allowed: {', '.join(COLUMNS)}")
        found = []
        for number, row in enumerate(table, 2):
            try:
                found.append(Reproduction.parsed(row))
            except (ValueError, TypeError, KeyError) as error:
                raise RequestError(
                    f"{path.name}, line {number}: {brief(error)}; "
                    "allowed: what 'l2scaling reproduce --record' writes"
                ) from error
    return found


def add(project: Project, new: Sequence[Reproduction]) -> Path:
    """Add reproductions to the table and return its path.

    One that repeats an earlier one in all but the date takes its place, so that only what differs counts
    twice: another outcome in the same environment is a row more, and never hides the first.
    """
    path, text = path_of(project), io.StringIO()
    with exclusive(project, path):
        rows = {one.outcome: one for one in (*read(project), *new)}.values()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(one.row() for one in sorted(rows, key=lambda one: (one.date, one.chapter)))
        with writing(path):
            return write_whole(path, text.getvalue())


def made(
    chapter: str, origin: Mapping[str, Any], dependencies: str, states: Sequence[str], seconds: float | None
) -> Reproduction:
    """Return the row of a chapter that was run now, made from ``origin``, whose records came out so.

    ``origin`` is what the run says of itself; ``seconds`` is None where it did not come to its end.
    """
    return Reproduction(
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        chapter=chapter,
        source=origin["source"][:12],
        commit=origin["commit"] and origin["commit"][:12],
        changed=bool(origin["dirty"]),
        ran=seconds is not None,
        records=len(states),
        same=states.count("same"),
        within=states.count("within tolerance"),
        drifted=states.count("drifted"),
        seconds=seconds and round(seconds, 1),
        processor=origin["processor"],
        cores=os.cpu_count() or 1,
        system=f"{platform.system()} {platform.machine()}",
        threads=int(origin["threads"]),
        dependencies=dependencies,
        versions={name: origin["versions"][name] for name in ("python", *LIBRARIES)},
    )


def require(project: Project, dependencies: str, profile: str, versions: Mapping[str, str]) -> None:
    """Refuse to record what is not held against the published numbers, or not with what it says."""
    if dependencies not in DEPENDENCIES:
        raise RequestError(f"--record {dependencies}; allowed: {', '.join(DEPENDENCIES)}")
    if profile != "published":
        raise RequestError(f"--record with profile {profile!r}; allowed: published, the numbers of results/")
    if dependencies == "locked":
        lock = "".join(
            path.read_text()
            for name in ("requirements.lock", "requirements-torch.txt")
            if (path := project.root / name).is_file()
        )
        for name in LIBRARIES:
            locked = re.search(rf"^{name}==([^\s;]+)", lock, re.MULTILINE)
            if locked is None or locked[1] != versions[name].partition("+")[0]:
                raise RequestError(
                    f"--record locked with {name} {versions[name]}; "
                    f"allowed: {locked[1] if locked else 'a version in the lock'}, or lowest or newest"
                )
    read(project)


def _yes(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError(f"{text!r}; allowed: yes, no")
    return text == "yes"


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
