"""Sweeps: one strict run a point of a grid, under Snakemake, gathered into tidy tables."""

import csv
import importlib.util
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import nbformat

from l2scaling import figures_sweeps
from l2scaling.evidence import ROWS_MIME, Record
from l2scaling.publish.gather import records_of
from l2scaling.publish.parameters import declared, resolve
from l2scaling.publish.placement import VARIABLE, placement
from l2scaling.publish.project import Project, RequestError, RunError, read_notebook

MOST_POINTS = 10_000


@dataclass(frozen=True)
class Point:
    """One run of a sweep: what the request sets, as text, and a name that depends on nothing else."""

    values: dict[str, str]

    @property
    def name(self) -> str:
        return sha256(json.dumps(sorted(self.values.items())).encode()).hexdigest()[:12]


def points(
    project: Project, chapter: str, grid: Sequence[tuple[str, list[str]]], seeds: int | None, profile: str
) -> list[Point]:
    """Return the points of a grid, every one of them checked, in the grid's order.

    ``seeds`` counts up from the seed that the chapter has without a sweep. Raises
    ``RequestError`` for a name or value that the chapter does not allow.
    """
    parameters = declared(project.source(chapter), chapter)
    overrides = project.profile_values(chapter, profile)
    axes = dict(grid)
    if len(axes) < len(grid):
        repeated = next(name for name, _ in grid if [one for one, _ in grid].count(name) > 1)
        raise RequestError(f"--grid {repeated!r} is given twice; allowed: once")
    for name, values in grid:
        for value in values:
            resolve(parameters, overrides, {name: value})
    if seeds is not None:
        if seeds < 1 or "seed" in axes:
            raise RequestError(f"--seeds {seeds}: allowed 1 or more, and no --grid seed=... beside it")
        first = overrides.get("seed", next(one.default for one in parameters if one.name == "seed"))
        axes["seed"] = [str(first + offset) for offset in range(seeds)]
        for value in axes["seed"]:
            resolve(parameters, overrides, {"seed": value})
    if not axes:
        raise RequestError("a sweep needs --grid or --seeds; allowed: --grid NAME=value,value,… or --seeds K")
    size = 1
    for values in axes.values():
        size *= len(set(values))
    if size > MOST_POINTS:
        raise RequestError(f"the grid has {size} points; allowed: at most {MOST_POINTS}")
    product = itertools.product(*(dict.fromkeys(values) for values in axes.values()))
    return [Point(dict(zip(axes, values, strict=True))) for values in product]


def parse_axis(text: str) -> tuple[str, list[str]]:
    """Read ``NAME=v1,v2``; a value that is a list keeps the commas inside its brackets.

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
        raise RequestError(f"--grid {text!r} cannot be read; allowed: NAME=value,value,…")
    return name, parts


def sweep(
    project: Project, chapter: str, grid: Sequence[Point], profile: str, output: Path | None, jobs: int | None
) -> Path:
    """Run every point that has no result yet, gather the results, and return their folder.

    A point that fails costs no other; at the end ``RunError`` names those that failed. Called
    again with the same folder, it runs what is missing or out of date.
    """
    if jobs is not None and jobs < 1:
        raise RequestError(f"--jobs {jobs}: allowed 1 or more")
    if importlib.util.find_spec("snakemake") is None:
        raise RequestError("a sweep needs Snakemake; allowed: an installation with pip install -e '.[book]'")
    where = placement(project, jobs)
    folder = _folder(project, chapter, grid, profile, output)
    plan = folder / "plan.json"
    commands = {point.name: point.values for point in grid}
    wanted = {"chapter": chapter, "profile": profile, "points": commands, "folder": str(folder)}
    plan.write_text(json.dumps(wanted, indent=1) + "\n")
    command = [
        sys.executable, "-m", "snakemake", *where, "--nolock",
        "--rerun-incomplete", "--keep-going", "--quiet", "all", "--config", f"sweep={plan}",
    ]  # fmt: skip
    with (folder / "snakemake.log").open("w") as log:
        running = subprocess.Popen(
            command, cwd=project.root, stdout=log, stderr=log, env=_environment(project)
        )
        try:
            _show_progress(running, folder, grid)
        except BaseException:
            running.terminate()
            running.wait()
            raise
    done = [point for point in grid if (folder / "tracked" / f"{point.name}.ipynb").is_file()]
    if done:
        _gather(folder, chapter, done)
    failed = [point for point in grid if point not in done]
    if failed:
        causes = "; ".join(f"{_words(point)}: {_cause(folder, point)}" for point in failed[:20])
        raise RunError(f"{len(failed)} of {len(grid)} points failed, the others are in {folder}: {causes}")
    return folder


def _folder(project: Project, chapter: str, grid: Sequence[Point], profile: str, output: Path | None) -> Path:
    if output is None:
        names = json.dumps([chapter, profile, sorted(point.name for point in grid)])
        output = project.build / "sweeps" / f"{chapter}-{sha256(names.encode()).hexdigest()[:8]}"
    folder = output.resolve()
    try:
        (folder / "points").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise RequestError(
            f"output {str(output)!r} cannot be written ({error.strerror}); allowed: a folder you may write to"
        ) from error
    return folder


def _environment(project: Project) -> dict[str, str]:
    here = str(Path(sys.executable).parent)
    kept = {name: value for name, value in os.environ.items() if name != VARIABLE}
    return kept | {
        "L2SCALING_PROJECT": str(project.root), "PATH": f"{here}{os.pathsep}{os.environ['PATH']}"
    }  # fmt: skip


def _show_progress(running: subprocess.Popen, folder: Path, grid: Sequence[Point]) -> None:
    """Report on standard error: in place on a terminal, a line for each change elsewhere."""
    end = "\r" if sys.stderr.isatty() else "\n"
    before = None
    while True:
        status = running.poll()
        done = sum((folder / "tracked" / f"{point.name}.ipynb").is_file() for point in grid)
        failed = sum((folder / "points" / f"{point.name}.failed.ipynb").is_file() for point in grid)
        now = (done, failed)
        if now != before:
            words = f"sweep: {done} of {len(grid)} points done" + (f", {failed} failed" if failed else "")
            print(words, end=end, file=sys.stderr, flush=True)
            before = now
        if status is not None:
            break
        time.sleep(0.5)
    if end == "\r":
        print(file=sys.stderr)


def _gather(folder: Path, chapter: str, done: Sequence[Point]) -> None:
    """Write evidence.csv, and rows.csv and a picture where there is something to put there."""
    runs = [
        (point, read_notebook(folder / "points" / f"{point.name}.ipynb", _words(point))) for point in done
    ]
    records = [(point, record) for point, run in runs for record in records_of(run)]
    if records:
        _write_table(
            folder / "evidence.csv",
            [{"point": point.name, **point.values, **asdict(one)} for point, one in records],
        )
        (folder / "evidence.svg").write_text(_picture(done, records))
    rows = [
        {"point": point.name, **point.values, **row, **_provenance(run)}
        for point, run in runs
        for row in rows_of(run)
    ]
    if rows:
        _write_table(folder / "rows.csv", rows)


def rows_of(run: nbformat.NotebookNode) -> list[dict[str, Any]]:
    """Return the result rows that an executed notebook carries."""
    outputs = (output for cell in run.cells for output in cell.get("outputs", []))
    return [dict(row) for output in outputs for row in output.get("data", {}).get(ROWS_MIME, [])]


def _provenance(run: nbformat.NotebookNode) -> dict[str, Any]:
    record, times = run.metadata["l2scaling"], run.metadata["papermill"]
    return {
        "source": record["source"][:12],
        "torch": record["versions"]["torch"],
        "started": times["start_time"][:19],
        "seconds": round(times["duration"], 1),
    }


def _picture(done: Sequence[Point], records: Iterable[tuple[Point, Record]]) -> str:
    pairs = list(records)
    quantities = list(dict.fromkeys(record.quantity for _, record in pairs))
    holds = {(point.name, record.quantity): record.holds for point, record in pairs}
    table = [[holds.get((point.name, quantity)) for point in done] for quantity in quantities]
    return figures_sweeps.outcomes([_words(point) for point in done], quantities, table).svg()


def _write_table(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    Path(file.name).chmod(0o644)
    Path(file.name).replace(path)


def _words(point: Point) -> str:
    return ", ".join(f"{name}={value}" for name, value in point.values.items())


def _cause(folder: Path, point: Point) -> str:
    log = folder / "points" / f"{point.name}.log"
    lines = log.read_text().strip().splitlines() if log.is_file() else []
    said = [line for line in lines if line.startswith("l2scaling:")]
    return said[-1].removeprefix("l2scaling: ") if said else "it was not run to its end"
