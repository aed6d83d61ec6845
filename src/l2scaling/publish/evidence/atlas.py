"""The atlas measured: each library's arguments by real calls, in an environment of its own, into a table.

``results/atlas.csv`` has a row a call: which argument, at which version, under which value and quantities,
and the coefficient that the call turned out to have. What a formula says of a call is computed, never kept.
"""

import contextlib
import csv
import io
import json
import math
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from l2scaling import atlas
from l2scaling.atlas import calls as table
from l2scaling.atlas import situations
from l2scaling.atlas.calls import COLUMNS, Asked, Call, asked, departures, trials
from l2scaling.atlas.conventions import Convention, Library, libraries, library_named
from l2scaling.atlas.quantities import QUANTITIES
from l2scaling.atlas.situations import Situations
from l2scaling.publish import locks
from l2scaling.publish.errors import RequestError, RunError
from l2scaling.publish.project import Project, unknown, write_whole, writing
from l2scaling.publish.runs import private


def table_path(project: Project) -> Path:
    """Return where the measured calls are kept."""
    return project.results / "atlas.csv"


def read_calls(project: Project) -> list[Call]:
    """Return the measured calls of the table."""
    return table.read_calls(table_path(project))


def read_situations(project: Project) -> list[Situations]:
    """Return what becomes of decay in situations, as the table has it."""
    return situations.read(situations_path(project))


def write_calls(project: Project, found: Sequence[Call]) -> Path:
    """Write the table, in the order of the atlas."""
    order = {row.name: number for number, row in enumerate(_rows())}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in sorted(found, key=lambda one: order.get(one.row, len(order))):  # new rows may come meanwhile
        setting = ";".join(f"{key}={number:.12g}" for key, number in one.setting.items())
        seen = (one.coefficient, one.bias, one.gain)
        numbers = ("" if number is None else f"{number:.10g}" for number in seen)
        writer.writerow([one.row, one.library, one.version, one.date, f"{one.value:.12g}", setting, *numbers])
    path = table_path(project)
    with writing(path):
        return write_whole(path, text.getvalue())


def stale(project: Project) -> list[str]:
    """Return the libraries whose calls in the table are not those that their rows ask for."""
    by_library: dict[str, list[Call]] = {}
    for one in read_calls(project):
        by_library.setdefault(one.library, []).append(one)
    tried = {one.row for one in read_situations(project)}

    def lacks(library: Library) -> bool:
        if _kept(library, by_library.get(library.name, [])) != _wanted(library):
            return True
        return tries_situations(library) and not {row.name for row in library.rows} <= tried

    return [name for name, library in libraries().items() if library.measurable and lacks(library)]


def _wanted(library: Library) -> set[Asked]:
    return {asked(row, value, setting) for row in library.rows for value, setting in trials(row)}


def _kept(library: Library, calls: Sequence[Call]) -> set[Asked]:
    """Return what calls were asked for; one of a row that is no more is asked for by nobody."""
    rows = {row.name: row for row in library.rows}
    return {
        asked(rows[one.row], one.value, one.setting) if one.row in rows else (one.row, one.value, ())
        for one in calls
    }


def require_library(name: str) -> Library:
    """Return a library of the atlas that can be measured, or raise ``RequestError``."""
    found = named(name)
    if not found.measurable:
        why = found.absent or "its rows are of nobody's code"
        raise RequestError(f"{name} cannot be measured: {why}; allowed: {', '.join(measurable())}")
    return found


def named(name: str) -> Library:
    """Return a library of the atlas by its name or by that of its import, or raise ``RequestError``."""
    if found := library_named(name):
        return found
    raise unknown("library", name, libraries(), cutoff=0.75)


def measurable() -> list[str]:
    """Return the names of the libraries that a probe can measure here."""
    return [name for name, one in libraries().items() if one.measurable]


def _chosen(names: Sequence[str], otherwise: Sequence[str]) -> Iterator[Library]:
    """Give each library that is named, or else those of ``otherwise``, and say how far that is."""
    chosen = [require_library(name) for name in dict.fromkeys(names or otherwise)]
    for number, library in enumerate(chosen, 1):
        print(f"atlas: {library.name}, {number} of {len(chosen)}", file=sys.stderr)
        yield library


def measure(project: Project, names: Sequence[str], *, again: bool = False) -> list[Call]:
    """Measure libraries, one after another, and write what each showed to the table as it comes.

    With no ``names`` those that are ``stale``, so that a call after an interrupted one goes on; ``again``
    takes all, and goes on too: a file below ``_build`` has those that are done, until all are. Raises
    ``RunError`` naming the libraries that failed, and the calls that left their rows; what the others
    showed is kept.
    """
    log = project.build / "atlas" / "again.txt"
    done = log.read_text("utf-8").split() if again and log.is_file() else []
    if done:
        what = f"{len(done)} libraries are done since the last full measurement began"
        print(f"atlas: {what}; without {log} it begins anew", file=sys.stderr)
    rest = [name for name in measurable() if name not in done] if again else stale(project)
    found: list[Call] = []
    failed: list[str] = []
    for library in _chosen(names, rest):
        try:
            calls = measure_library(project, library, newest=False)
            tried = measure_situations(project, library) if tries_situations(library) else None
        except RunError as error:
            failed.append(str(error))
            continue
        found += calls
        with locks.exclusive(project, table_path(project)):
            others = [one for one in read_calls(project) if one.library != library.name]
            write_calls(project, others + calls)
            if tried is not None:
                rest_of = [one for one in read_situations(project) if one.library != library.name]
                write_situations(project, rest_of + tried)
        gone = departures(calls)
        failed += gone
        if again and not gone:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("a", encoding="utf-8") as file:
                file.write(f"{library.name}\n")
    if failed:
        raise RunError(f"{len(failed)} measurements failed or left their row: " + "; ".join(failed))
    if again:
        log.unlink(missing_ok=True)
    return found


def newest(project: Project, names: Sequence[str]) -> Iterator[str]:
    """Measure the newest versions of libraries, of all if none is named, and say which rows they left.

    Gives a line a library, with the pinned version and the newest, and one for each row that has calls which
    are not as its formula says. The table is left as it is. Raises ``RunError`` at the end if a row was left
    or a library could not be measured.
    """
    left, failed = 0, 0
    for library in _chosen(names, measurable()):
        versions = f"{library.name} {pinned(library)} -> "
        try:
            calls = measure_library(project, library, newest=True)
        except RunError as error:
            failed += 1
            yield f"{versions}newest: {error}"
            continue
        by_row: dict[str, list[Call]] = {}
        for one in calls:
            by_row.setdefault(one.row, []).append(one)
        changed = {name: (its, gone) for name, its in by_row.items() if (gone := departures(its))}
        words = f"{len(changed)} changed" if changed else "each as it was"
        yield f"{versions}{calls[0].version}: {len(by_row)} rows, {words}"
        for its, gone in changed.values():
            yield f"  {len(gone)} of {len(its)} calls: {gone[0]}"
        left += len(changed)
    if left or failed:
        raise RunError(f"{left} rows changed, and {failed} libraries could not be measured")


def pinned(library: Library) -> str:
    """Return the version that a library's rows are measured at."""
    first = library.requires[0]
    return metadata.version(_distribution(first)) if library.locked else first.partition("==")[2]


Request = tuple[Convention, float, dict[str, float]]


def measure_library(project: Project, library: Library, *, newest: bool) -> list[Call]:
    """Return the calls of one library, or raise ``RunError`` if it cannot be had or a call fails."""
    requests = [(row, value, setting) for row in library.rows for value, setting in trials(row)]
    version, today, answers = _asked(project, library, requests, newest=newest)
    calls = []
    for (row, value, setting), answer in zip(requests, answers, strict=True):
        if answer.get("coefficient") is None:
            raise RunError(f"{row.name} at {value:g}, {setting}: no coefficient")
        shown = {key: number for key, number in answer.items() if key in QUANTITIES}
        if asked(row, value, setting | shown) != asked(row, value, setting):
            raise RunError(
                f"{row.name} at {value:g}: its probe answers {shown} where {setting} was asked, which its "
                "row does not say"
            )
        rest = (answer["coefficient"], answer.get("bias"), answer.get("gain"))
        calls.append(Call(row.name, library.name, version, today, value, setting | shown, *rest))
    return calls


def situations_path(project: Project) -> Path:
    """Return where is kept what becomes of decay in situations."""
    return project.results / "atlas-situations.csv"


def tries_situations(library: Library) -> bool:
    """Whether a library's probe can try situations."""
    return library.measurable and "\ndef situation(" in _probe(library.probe).read_text("utf-8")


def measure_situations(project: Project, library: Library) -> list[Situations]:
    """Return what becomes of decay in situations, a row an argument; ``RunError`` if that fails."""
    requests = [(row, *trials(row)[0]) for row in library.rows]
    version, today, answers = _asked(project, library, requests, newest=False, in_situations=True)
    return [
        Situations(row.name, library.name, version, today, _tried(answer))
        for (row, _, _), answer in zip(requests, answers, strict=True)
    ]


def _tried(answer: Mapping[str, Any]) -> dict[str, float | str]:
    return {what: math.nan if share is None else share for what, share in answer.items()}


def write_situations(project: Project, found: Sequence[Situations]) -> Path:
    """Write their table, in the order of the atlas."""
    order = {row.name: number for number, row in enumerate(_rows())}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(situations.COLUMNS)
    for one in sorted(found, key=lambda one: order.get(one.row, len(order))):
        shares = (one.shares.get(what, math.nan) for what in situations.SITUATIONS)
        cells = (
            share if isinstance(share, str) else "" if math.isnan(share) else f"{share:.6g}"
            for share in shares
        )
        writer.writerow([one.row, one.library, one.version, one.date, *cells])
    path = situations_path(project)
    with writing(path):
        return write_whole(path, text.getvalue())


def _rows() -> Iterator[Convention]:
    return (row for one in libraries().values() for row in one.rows)


def _probe(name: str) -> Path:
    return Path(atlas.__file__).parent / "probes" / f"{name}.py"


def _asked(
    project: Project,
    library: Library,
    requests: Sequence[Request],
    *,
    newest: bool,
    in_situations: bool = False,
) -> tuple[str, str, list[dict[str, Any]]]:
    """Return version, date, and the answers of a library's probe; ``RunError`` where one is missing."""
    python = _python(project, library, newest=newest)
    lines = [
        json.dumps({"row": row.name, "value": value, "setting": setting, "situations": in_situations})
        for row, value, setting in requests
    ]
    distribution = _distribution(library.requires[0])
    command = [str(python), str(_probe("driver")), str(_probe(library.probe)), distribution]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            command, input="\n".join(lines) + "\n", capture_output=True, text=True, encoding="utf-8",
            env=private.environment(Path(folder), os.environ), cwd=folder,
        )  # fmt: skip
    answers = done.stdout.splitlines()
    if len(answers) != len(requests) + 1:
        last = (done.stderr.strip().splitlines() or ["no word of it"])[-1]
        raise RunError(f"{library.name}: its probe ended after {max(0, len(answers) - 1)} calls ({last})")
    found = [json.loads(line) for line in answers[1:]]
    for (row, value, setting), answer in zip(requests, found, strict=True):
        if "error" in answer:
            raise RunError(f"{row.name} at {value:g}, {setting}: {answer['error']}")
    return json.loads(answers[0])[distribution], datetime.now(UTC).date().isoformat(), found


def _distribution(requirement: str) -> str:
    """Return the name in a requirement.

    >>> _distribution("jax[cpu]==0.4.30")
    'jax'
    """
    return re.split(r"[\[=<>~!; ]", requirement)[0]


def _python(project: Project, library: Library, *, newest: bool) -> Path:
    """Return the interpreter of a library's environment, which is made if it is not there yet."""
    if library.locked and not newest:
        return Path(sys.executable)
    beside = library.torch or library.locked  # the book's own environment has what it stands on
    wanted = [_distribution(one) if newest else one for one in library.requires]
    folder = project.build / "atlas" / (library.name + ("-newest" if newest else ""))
    stamp, said = folder / "requires.txt", "\n".join(wanted)
    if newest or not (stamp.is_file() and stamp.read_text() == said):
        alone = ["numpy", *wanted] if not beside else ["--no-deps", *wanted]
        with _fresh(folder):
            for arguments in (["venv", "--seed", str(folder)], ["pip", "install", "-p", str(folder), *alone]):
                done = subprocess.run([_uv(), *arguments], capture_output=True, text=True)
                if done.returncode:
                    last = (done.stderr.strip().splitlines() or ["no word of it"])[-1]
                    raise RunError(f"{library.name} cannot be installed ({last})")
            if beside:
                (packages,) = folder.glob("lib/python*/site-packages")
                (packages / "book.pth").write_text(sysconfig.get_path("purelib") + "\n")
            stamp.write_text(said)
    return folder / "bin" / "python"


@contextlib.contextmanager
def _fresh(folder: Path) -> Iterator[None]:
    """Make a folder anew, and leave none where that fails."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    if found := str(beside) if beside.is_file() else shutil.which("uv"):
        return found
    raise RequestError(
        "environments of the atlas are made by uv, which is not installed; allowed: pip install uv"
    )
