"""Many runs at once: one strict run a point under Snakemake, resumable, with a line of progress."""

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from hashlib import sha256
from pathlib import Path

import nbformat

from l2scaling.publish.errors import RequestError, RunError
from l2scaling.publish.project import Project, brief, read_notebook, writing
from l2scaling.publish.runs import private, warm
from l2scaling.publish.runs.provenance import is_made_from, source_hash
from l2scaling.publish.runs.request import Request
from l2scaling.publish.runs.scheduler import VARIABLE, placement

PLAN = "plan.json"
"""The file, in a folder of points, that says which these are."""

_GRACE = 30
"""Seconds that Snakemake has to take its jobs back when it is told to end."""


@dataclass(frozen=True)
class Point:
    """One run: a chapter, a profile, and what the request sets, as text.

    ``name`` depends on nothing else, so a point is found again by a later call.
    """

    chapter: str
    profile: str
    values: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        said = [self.chapter, self.profile, sorted(self.values.items())]
        return sha256(json.dumps(said).encode()).hexdigest()[:12]

    @property
    def words(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in self.values.items()) or "as it is"


def run_points(
    project: Project,
    points: Sequence[Point],
    folder: Path,
    where: Sequence[str],
    what: str,
    then: Sequence[str] = (),
) -> None:
    """Run every point that has no result from today's sources in a folder that ``writable`` has made.

    A point that fails costs no other; ``require_all`` names it afterwards. ``where`` comes from
    ``workers``; ``what`` begins the lines of progress; ``then`` is a command line of ``l2scaling``
    that the runs' parent, which has imported everything, executes at the end.
    """
    _forget_stale(project, folder, points)
    plan = folder / PLAN
    wanted = {point.name: asdict(point) for point in points}
    plan.write_text(json.dumps({"points": wanted, "folder": str(folder)}, indent=1) + "\n")
    command = [
        sys.executable, "-m", "snakemake", *where, "--nolock",
        "--rerun-incomplete", "--keep-going", "--quiet", "progress", "rules", "host", "reason",
        "--config", f"points={plan}",
    ]  # fmt: skip
    needed = not all(is_done(folder, point) for point in points)
    given = {name: value for name, value in os.environ.items() if name != VARIABLE}
    given["L2SCALING_PROJECT"] = str(project.root)
    given["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    with (folder / "snakemake.log").open("w") as log, _parent(given, where, now=needed) as address:
        running = subprocess.Popen(
            command, cwd=project.root, stdout=log, stderr=log, env=given | {warm.VARIABLE: address},
            preexec_fn=partial(private.die_with, os.getpid(), signal.SIGTERM),
        )  # fmt: skip
        try:
            _show_progress(running, folder, points, what)
            if then and (status := warm.run(then, address)):
                raise SystemExit(status)  # it has said why
            running.wait()
        except BaseException:
            running.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.wait(_GRACE)
            running.kill()
            running.wait()
            raise


def workers(project: Project, jobs: int | None) -> list[str]:
    """Return the options that tell Snakemake where to run points and how many at once.

    Raises ``RequestError`` if that cannot be done, before anything is written.
    """
    if jobs is not None and jobs < 1:
        raise RequestError(f"--jobs {jobs}: allowed 1 or more")
    if importlib.util.find_spec("snakemake") is None:
        raise RequestError("this needs Snakemake; allowed: an installation with pip install -e '.[book]'")
    return placement(project, jobs)


def writable(folder: Path) -> Path:
    """Make a folder for points and return its full path, or raise ``RequestError``."""
    with writing(folder):
        path = folder.resolve()
        (path / "points").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    return path


def planned(folder: Path) -> list[Point]:
    """Return the points that a folder was made for, or raise ``RequestError``."""
    try:
        plan = json.loads((folder / PLAN).read_text(encoding="utf-8"))
        return [Point(**point) for point in plan["points"].values()]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise RequestError(
            f"{str(folder)!r} is no folder of a sweep ({brief(error)}); allowed: the --output of a sweep"
        ) from error


def is_done(folder: Path, point: Point) -> bool:
    """Say whether a point has a result made from the sources as they were at the last call."""
    return _link(folder, point).is_file()


def forget(folder: Path, point: Point) -> None:
    """Take back that a point is done, so that it runs again."""
    _link(folder, point).unlink(missing_ok=True)


def _link(folder: Path, point: Point) -> Path:
    return folder / "tracked" / f"{point.name}.ipynb"


def _forget_stale(project: Project, folder: Path, points: Sequence[Point]) -> None:
    """Take back that points are done whose results are of other sources.

    Snakemake would run them again. But if it is killed before, they must not pass for done.
    """

    @cache
    def today(chapter: str, profile: str) -> tuple[str, Request]:
        request = Request.of(project, chapter, profile)
        return source_hash(project, chapter, request.source), request

    for point in points:
        if is_done(folder, point):
            source, request = today(point.chapter, point.profile)
            values = request.with_values(point.values).values
            if not is_made_from(folder / "points" / f"{point.name}.ipynb", source, values):
                forget(folder, point)


def executed(folder: Path, point: Point) -> nbformat.NotebookNode:
    """Return the executed notebook of a point that is done."""
    return read_notebook(_link(folder, point), f"the run of {point.words}")


def require_all(folder: Path, points: Sequence[Point]) -> None:
    """Raise ``RunError`` naming the points that have no result, and why."""
    failed = [point for point in points if not is_done(folder, point)]
    if failed:
        causes = "; ".join(f"{one.chapter}, {one.words}: {_cause(folder, one)}" for one in failed[:20])
        raise RunError(f"{len(failed)} of {len(points)} points failed, the others are in {folder}: {causes}")


def run_all(
    project: Project, points: Sequence[Point], folder: Path, where: Sequence[str], what: str
) -> list[nbformat.NotebookNode]:
    """Run points as ``run_points`` does; return their executed notebooks, or raise ``RunError``."""
    run_points(project, points, folder, where, what)
    require_all(folder, points)
    return [executed(folder, point) for point in points]


def _parent(given: dict[str, str], where: Sequence[str], *, now: bool) -> AbstractContextManager[str]:
    """Keep a warm parent for the runs of this machine; on a cluster each begins on its node."""
    on_cores = where[0] == "--cores"
    return warm.parent(given, warm=True, now=now) if on_cores else contextlib.nullcontext("")


def _show_progress(running: subprocess.Popen, folder: Path, points: Sequence[Point], what: str) -> None:
    """Report on standard error: in place on a terminal, a line for each change elsewhere."""
    end = "\r" if sys.stderr.isatty() else "\n"
    before = None
    while True:
        status = running.poll()
        done = sum(is_done(folder, point) for point in points)
        failed = sum((folder / "points" / f"{point.name}.failed.ipynb").is_file() for point in points)
        now = (done, failed)
        if now != before:
            words = f"{what}: {done} of {len(points)} points done" + (f", {failed} failed" if failed else "")
            print(words, end=end, file=sys.stderr, flush=True)
            before = now
        if status is not None or done == len(points):  # Snakemake takes a second to end
            break
        time.sleep(0.1)
    if end == "\r":
        print(file=sys.stderr)


def _cause(folder: Path, point: Point) -> str:
    log = folder / "points" / f"{point.name}.log"
    lines = log.read_text().strip().splitlines() if log.is_file() else []
    said = [line for line in lines if line.startswith("l2scaling:")]
    silent = f"it was not run to its end (log: {folder}/snakemake.log)"
    return said[-1].removeprefix("l2scaling: ") if said else silent
