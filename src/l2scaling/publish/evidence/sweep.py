"""Sweeps: one strict run a point of a grid, under Snakemake, gathered into tidy tables."""

import csv
import io
import itertools
import json
import math
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import nbformat

from l2scaling.evidence import ROWS_MIME, Record
from l2scaling.publish.errors import RequestError
from l2scaling.publish.project import Project, brief, read_yaml, unknown
from l2scaling.publish.runs import many
from l2scaling.publish.runs.executed import outputs_of, records_of
from l2scaling.publish.runs.request import Request

MOST_POINTS = 10_000
PLAN_FORM = "chapter, then its notebook and its parts, a list with values for each parameter"
Axis = tuple[str, list[str]]


def points(
    project: Project, chapter: str, grid: Sequence[Axis], seeds: int | None, profile: str
) -> list[many.Point]:
    """Return the points of a grid, every one of them checked, in the grid's order.

    ``seeds`` counts up from the seed that the chapter has without a sweep. Raises
    ``RequestError`` for a name or value that the chapter does not allow.
    """
    without = Request.of(project, chapter, profile)
    axes = dict(grid)
    if len(axes) < len(grid):
        repeated = next(name for name, _ in grid if [one for one, _ in grid].count(name) > 1)
        raise RequestError(f"--grid {repeated!r} is given twice; allowed: once")
    if seeds is not None:
        if not 1 <= seeds <= MOST_POINTS or "seed" in axes:
            raise RequestError(
                f"--seeds {seeds}: allowed 1 to {MOST_POINTS}, and no --grid seed=... beside it"
            )
        if ("seed", "int") not in {(one.name, one.type) for one in without.declared}:
            raise RequestError(
                f"--seeds {seeds}: chapter {chapter!r} has no seed; allowed: one with seed: int"
            )
        first = without.all_values["seed"]
        axes["seed"] = [str(first + offset) for offset in range(seeds)]
    for name, values in axes.items():
        for value in values:
            without.with_values({name: value})
    if not axes:
        raise RequestError("a sweep needs --grid or --seeds; allowed: --grid NAME=value,value,… or --seeds K")
    size = math.prod(len(set(values)) for values in axes.values())
    if size > MOST_POINTS:
        raise RequestError(f"the grid has {size} points; allowed: at most {MOST_POINTS}")
    product = itertools.product(*(dict.fromkeys(values) for values in axes.values()))
    return [many.Point(chapter, profile, dict(zip(axes, values, strict=True))) for values in product]


def parse_axis(text: str, option: str = "grid") -> Axis:
    """Read the ``NAME=v1,v2`` of an option; a value that is a list keeps the commas inside its brackets.

    >>> parse_axis("widths=[8, 16],[32]")
    ('widths', ['[8, 16]', '[32]'])
    """
    name, equals, values = text.partition("=")
    parts: list[str] = [""]
    depth = 0
    for letter in values:
        depth += (letter == "[") - (letter == "]")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    parts = [part.strip() for part in parts]
    if not name or not equals or not all(parts):
        raise RequestError(f"--{option} {text!r} cannot be read; allowed: NAME=value,value,…")
    return name, parts


def sweep(project: Project, grid: Sequence[many.Point], output: Path | None, jobs: int | None) -> Path:
    """Run every point that has no result yet, gather the results, and return their folder.

    A point that fails costs no other; at the end ``RunError`` names those that failed. Called
    again with the same folder, it runs what is missing or out of date.
    """
    where = many.workers(project, jobs)
    if output is None:
        names = json.dumps(sorted(point.name for point in grid))
        output = project.build / "sweeps" / f"{grid[0].chapter}-{sha256(names.encode()).hexdigest()[:8]}"
    folder = many.writable(output)
    many.run_points(project, grid, folder, where, "sweep", ["gather", str(folder)])
    many.require_all(folder, grid)
    return folder


def table_sweep(
    project: Project, plan: Path, chapter: str, profile: str, jobs: int | None, only: Sequence[Axis] = ()
) -> Path:
    """Run the sweep that a plan has for a chapter, write ``results/CHAPTER.csv`` and return its path.

    ``only`` names values of parameters: points of the plan with others do not run, and their published rows
    are kept. So are those of a data set that cannot be loaded here, and standard error says so. Rows stand
    in the plan's order. Raises ``RequestError`` for a plan that cannot be read, if no point has the values
    of ``only``, and where rows that are kept have other columns, ``RunError`` if a point fails; the table is
    replaced by a whole one only.
    """
    path = project.results / f"{chapter}.csv"
    grid = planned_grid(project, plan, chapter, profile)
    chosen = [one for one in grid if all(one.values.get(name) in values for name, values in only)]
    missing = _missing({one.values.get("data", "") for one in chosen} - {""})
    for cause in missing.values():
        print(f"sweep: {cause}; its rows in results/{path.name} are kept", file=sys.stderr)
    here = [one for one in chosen if one.values.get("data") not in missing]
    if not here:
        said = " ".join(f"{name}={','.join(values)}" for name, values in only)
        raise RequestError(
            f"--only {said}: no point of {plan.name} that can run here is that; allowed: values of its parts"
        )
    kept = [
        row
        for row in (_read_table(path) if only or missing else [])
        if row.get("data") in missing or (only and _place(row, here) == len(here))
    ]
    rows = _read_table(sweep(project, here, project.build / "sweeps" / chapter, jobs) / "rows.csv")
    if other := [row for row in kept if list(row) != list(rows[0])]:
        raise RequestError(
            f"results/{path.name} has columns {', '.join(map(str, other[0]))}, "
            f"this sweep {', '.join(rows[0])}; allowed: the same, where rows are kept; it is untouched"
        )
    _write(path, _table(sorted([*rows, *kept], key=lambda row: _place(row, grid))))
    return path


def _place(row: Mapping[str, str], grid: Sequence[many.Point]) -> int:
    """Return where the point of a row stands in a grid, by its values, or the grid's length if nowhere."""
    fits = (all(row.get(name) == value for name, value in one.values.items()) for one in grid)
    return next((place for place, fit in enumerate(fits) if fit), len(grid))


def planned_grid(project: Project, plan: Path, chapter: str, profile: str) -> list[many.Point]:
    """Return the points of a plan's sweep for a chapter, every one checked, or raise ``RequestError``."""
    every = read_yaml(plan, PLAN_FORM)
    if isinstance(every, dict) and chapter not in every:
        raise unknown("sweep", chapter, map(str, every))
    try:
        notebook, parts = every[chapter]["notebook"], every[chapter]["parts"]
        grids = [[(str(name), list(map(str, values))) for name, values in part.items()] for part in parts]
    except (AttributeError, KeyError, TypeError) as error:
        raise RequestError(f"{plan.name} is broken ({brief(error)}); allowed: {PLAN_FORM}") from error
    if not grids:
        raise RequestError(f"{plan.name} has no points for {chapter!r}; allowed: {PLAN_FORM}")
    return [point for grid in grids for point in points(project, notebook, grid, None, profile)]


def _missing(names: Iterable[str]) -> dict[str, str]:
    """Return the data sets that cannot be loaded here, and why."""
    from l2scaling import datasets  # brings torch, which no other command needs

    causes = {}
    for name in sorted(names):
        try:
            datasets.load(name)
        except ValueError as error:
            causes[name] = str(error)
    return causes


def gather(folder: Path) -> tuple[list[Path], int]:
    """Put the results that a sweep has so far into tables and a picture; return their paths.

    The second value is the number of points that are not done. ``evidence.csv`` and ``evidence.svg``
    hold the records, ``rows.csv`` the rows, if there are any; tables of which there would be nothing now
    are taken away. Raises ``RequestError`` if the folder is not a sweep's.
    """
    every = many.planned(folder)
    done = [point for point in every if many.is_done(folder, point)]
    runs = [(point, many.executed(folder, point)) for point in done]
    records = [(point, record) for point, run in runs for record in records_of(run)]
    evidence = [{"point": point.name, **point.values, **asdict(one)} for point, one in records]
    rows = [
        {"point": point.name, **point.values, **row, **_provenance(run)}
        for point, run in runs
        for row in outputs_of(run, ROWS_MIME)
    ]
    picture = _picture(done, records) if records else ""
    texts = {"evidence.csv": _table(evidence), "evidence.svg": picture, "rows.csv": _table(rows)}
    for name, text in texts.items():
        if text:
            _write(folder / name, text)
        else:
            (folder / name).unlink(missing_ok=True)
    return [folder / name for name, text in texts.items() if text], len(every) - len(done)


def _provenance(run: nbformat.NotebookNode) -> dict[str, Any]:
    record, times = run.metadata["l2scaling"], run.metadata["papermill"]
    return {
        "source": record["source"][:12],
        "torch": record["versions"]["torch"],
        "started": times["start_time"][:19],
        "seconds": round(times["duration"], 1),
    }


def _picture(done: Sequence[many.Point], records: Sequence[tuple[many.Point, Record]]) -> str:
    quantities = list(dict.fromkeys(record.quantity for _, record in records))
    holds = {(point.name, record.quantity): record.holds for point, record in records}
    table = [[holds.get((point.name, quantity)) for point in done] for quantity in quantities]
    from l2scaling.publish.evidence import sweep_figure  # brings seaborn, which no other command needs

    return sweep_figure.met_and_missed([point.words for point in done], quantities, table).svg()


def _read_table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _table(rows: Sequence[dict[str, Any]]) -> str:
    """Return rows as CSV with the names of all; nothing for no rows."""
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(dict.fromkeys(itertools.chain(*rows))), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()


def _write(path: Path, text: str) -> None:
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, newline="") as file:
        file.write(text)
    Path(file.name).chmod(0o644)
    Path(file.name).replace(path)
