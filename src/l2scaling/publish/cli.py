"""The command ``l2scaling``: list, run, gather, cite and build."""

import argparse
import io
import json
import logging
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from tabulate import tabulate

from l2scaling import __version__
from l2scaling.evidence import number
from l2scaling.laws import conventions
from l2scaling.publish.errors import RequestError, RunError
from l2scaling.publish.evidence import controls, reproduce, results, robustness, stated, sweep
from l2scaling.publish.pages import citation, pdf, release, site
from l2scaling.publish.project import PROFILES, Project, find_project, title
from l2scaling.publish.runs import executed
from l2scaling.publish.runs.parameters import declared, real
from l2scaling.publish.runs.provenance import is_fresh
from l2scaling.publish.runs.run import CELL_TIMEOUT, run_chapter

_SILENCE = logging.NullHandler()


class _Parser(argparse.ArgumentParser):
    """Say what is wrong in one line, without the usage that argparse puts before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {' '.join(message.split())}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0 done, 1 the computation failed, 2 the request was wrong."""
    # what libraries log would drown the one line that names the cause
    logging.getLogger().addHandler(_SILENCE)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal that cannot show λ is no reason to fail
        sys.stdout.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    try:
        project = find_project()
        if "profile" in options:
            project.profile_values("", options.profile)  # refuses an unknown one
        options.command(project, options)
    except RequestError as error:
        return _complain(2, error)
    except RunError as error:
        return _complain(1, error)
    except KeyboardInterrupt:
        return _complain(130, "interrupted; what was good before is untouched")
    except BrokenPipeError:
        sys.stderr.close()  # the reader of a listing, such as head, has gone
    except OSError as error:  # a full disk, a folder that cannot be written
        return _complain(1, f"{_cause(error)}; what was good before is untouched")
    return 0


def _cause(error: OSError) -> str:
    if error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    # a folder that could not be copied: one complaint a file, the last part of each being the cause
    several = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return str(several[0][-1]) if several else str(error)


def _complain(status: int, message: object) -> int:
    print(f"l2scaling: {' '.join(str(message).split())}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="l2scaling", description="Run the chapters of the book and build it.")
    parser.add_argument("--version", action="version", version=f"l2scaling {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, function: Any, summary: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        command.set_defaults(command=function)
        return command

    listing = add("chapters", _chapters, "List the chapters.")
    listing.add_argument("--json", action="store_true", help="print one list of objects")

    listing = add("parameters", _parameters, "List the parameters of a chapter.")
    listing.add_argument("chapter")
    listing.add_argument("--json", action="store_true", help="print one list of objects")

    run = add("run", _run, "Execute a chapter and print where the executed notebook is.")
    run.add_argument("chapter")
    run.add_argument(
        "-p", "--parameter", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"),
        help="set a parameter; may be repeated",
    )  # fmt: skip
    _profile(run)
    run.add_argument("--output", type=_path, metavar="FILE", help="where to write the executed notebook")
    run.add_argument("--cell-timeout", type=int, default=CELL_TIMEOUT, metavar="SECONDS")

    sweeping = add("sweep", _sweep, "Run a chapter at every point of a grid and gather the results.")
    sweeping.add_argument("chapter")
    sweeping.add_argument(
        "--grid", action="append", default=[], metavar="NAME=V1,V2,…",
        help="values of a parameter; may be repeated, and then every combination is run",
    )  # fmt: skip
    sweeping.add_argument("--seeds", type=int, metavar="K", help="K seeds, counted from the chapter's own")
    sweeping.add_argument("--plan", type=_path, metavar="FILE", help="grids that make results/CHAPTER.csv")
    _profile(sweeping)
    sweeping.add_argument("--output", type=_path, metavar="FOLDER", help="where to keep points and tables")
    _jobs(sweeping)

    tables = add("gather", _gather, "Put what a sweep has so far into tables, and print where they are.")
    tables.add_argument("folder", type=_path, metavar="FOLDER", help="the --output of the sweep")

    again = add("reproduce", _reproduce, "Run chapters again and compare their numbers with results/.")
    again.add_argument("chapters", nargs="*", metavar="CHAPTER")
    _profile(again)
    again.add_argument("--output", type=_path, metavar="FOLDER", help="where to keep the runs")
    _jobs(again)
    again.add_argument("--json", action="store_true", help="print one list of objects")

    breaking = add("controls", _controls, "Break each claim's mechanism; write results/controls.json.")
    _jobs(breaking)
    beyond = add(
        "robustness", _robustness, "Run chapters beyond their values; write results/robustness.json."
    )
    _jobs(beyond)

    evidence = add("evidence", _evidence, "List the evidence in the executed notebooks.")
    evidence.add_argument("chapter", nargs="?")
    _profile(evidence)
    evidence.add_argument("--json", action="store_true", help="print one list of objects")

    cite = add("cite", _cite, "Print a reference to a chapter, or to the book.")
    cite.add_argument("what", metavar="CHAPTER|book")
    cite.add_argument("--format", default="bibtex", help=", ".join(citation.FORMATS))
    _profile(cite)

    convert = add("convert", _convert, "Say what a value of one API's λ is in another API.")
    # So that -1, -inf and -nan are values to be refused by name, not options to be unknown.
    convert._negative_number_matcher = re.compile(r"-(\d|\.\d|inf|nan)", re.IGNORECASE)
    convert.add_argument("value", metavar="VALUE")
    convert.add_argument(
        "--from", dest="source", required=True, metavar="API", help="such as torch.optim.SGD"
    )
    convert.add_argument("--to", dest="target", required=True, metavar="API", help="or penalty_coefficient")
    convert.add_argument("--samples", metavar="N", help="samples in the data loss")
    convert.add_argument("--batch-size", metavar="B", help="samples of one step")
    convert.add_argument("--learning-rate", metavar="H")
    convert.add_argument("--l1-ratio", metavar="R", help="share of L1 in an elastic net")
    convert.add_argument("--json", action="store_true", help="print one list of objects")

    predict = add(
        "predict", _predict, "Write the predictions of chapters to results/, to commit before a run."
    )
    predict.add_argument("chapters", nargs="*", metavar="CHAPTER")

    accept = add("accept", _accept, "Copy the published runs' evidence to results/, for review as a diff.")
    accept.add_argument("chapters", nargs="*", metavar="CHAPTER")

    build = add("site", _site, "Build the HTML book from the runs of a profile.")
    _profile(build)
    build.add_argument("--output", type=_path, metavar="FOLDER", help="_build/html if not given")

    printing = add("pdf", _pdf, "Print a built book into one PDF, which its pages then link.")
    printing.add_argument("--site", type=_path, metavar="FOLDER", help="_build/html if not given")

    packing = add("release", _release, "Pack a built book, its runs and the results into one archive.")
    _profile(packing)
    packing.add_argument("--site", type=_path, metavar="FOLDER", help="_build/html if not given")
    packing.add_argument("--output", type=_path, metavar="FOLDER", help="_build/release if not given")
    return parser


def _path(text: str) -> Path:
    if text.startswith("~"):
        raise argparse.ArgumentTypeError(
            f"{text!r} begins with a ~ that no shell has expanded; allowed: a whole path, or ./{text}"
        )
    return Path(text)


def _profile(command: argparse.ArgumentParser) -> None:
    command.add_argument("--profile", default="published", help=f"one of {', '.join(PROFILES)}")


def _jobs(command: argparse.ArgumentParser) -> None:
    command.add_argument("--jobs", type=int, metavar="J", help="runs at once; one a core if not given")


def _chapters(project: Project, options: argparse.Namespace) -> None:
    rows = []
    for chapter in project.chapters():
        minutes, fresh = None, is_fresh(project, chapter, "published")
        if fresh:
            run = executed.executed(project, chapter, "published")
            minutes = round(run.metadata["papermill"]["duration"] / 60, 2)
        rows.append(
            {
                "chapter": chapter,
                "title": title(project.source(chapter)),
                "minutes": minutes,
                "fresh": fresh,
            }
        )
    _show(rows, options.json, ["chapter", "title", "minutes", "fresh"])


def _parameters(project: Project, options: argparse.Namespace) -> None:
    rows = [asdict(one) for one in declared(project.source(options.chapter), options.chapter)]
    columns = ["name", "type", "default", "allowed", "help"]
    _show([{key: row[key] for key in columns} for row in rows], options.json, columns)


def _run(project: Project, options: argparse.Namespace) -> None:
    if options.cell_timeout < 1:
        raise RequestError(f"--cell-timeout cannot be {options.cell_timeout}; allowed: 1 or more seconds")
    requested: dict[str, str] = {}
    for name, value in options.parameter:
        if name in requested:
            raise RequestError(f"parameter {name!r} is given twice; allowed: once")
        requested[name] = value
    started = time.monotonic()
    path = run_chapter(
        project, options.chapter, requested, options.profile, options.output, options.cell_timeout
    )
    print(f"{options.chapter}: {time.monotonic() - started:.1f} s", file=sys.stderr)
    print(path)


def _sweep(project: Project, options: argparse.Namespace) -> None:
    if options.plan:
        if options.grid or options.seeds is not None or options.output:
            raise RequestError("--plan says it all; allowed: no --grid, --seeds or --output beside it")
        print(sweep.table_sweep(project, options.plan, options.chapter, options.profile, options.jobs))
        return
    axes = [sweep.parse_axis(text) for text in options.grid]
    grid = sweep.points(project, options.chapter, axes, options.seeds, options.profile)
    sweep.sweep(project, grid, options.output, options.jobs)  # whose tables are gathered by name


def _gather(_: Project, options: argparse.Namespace) -> None:
    tables, missing = sweep.gather(options.folder)
    if missing:
        print(f"gather: {missing} points are not done, and not in the tables", file=sys.stderr)
    for path in tables:
        print(path)


def _reproduce(project: Project, options: argparse.Namespace) -> None:
    chapters = options.chapters or project.chapters()
    found = reproduce.reproduce(project, chapters, options.profile, options.output, options.jobs)
    _show([asdict(one) for one in found], options.json, ["chapter", "quantity", "published", "now", "state"])
    counts = {state: sum(one.state == state for one in found) for state in reproduce.STATES}
    print(", ".join(f"{count} {state}" for state, count in counts.items()), file=sys.stderr)
    if drifted := [f"{one.chapter}: {one.quantity!r}" for one in found if one.state == "drifted"]:
        raise RunError(f"{len(drifted)} of {len(found)} records drifted: {'; '.join(drifted[:10])}")


def _controls(project: Project, options: argparse.Namespace) -> None:
    print(controls.run_controls(project, options.jobs))


def _robustness(project: Project, options: argparse.Namespace) -> None:
    print(robustness.run_robustness(project, options.jobs))


def _evidence(project: Project, options: argparse.Namespace) -> None:
    if options.chapter:
        project.require_chapter(options.chapter)
    chapters = [options.chapter] if options.chapter else project.chapters()
    records = executed.gather(project, options.profile, chapters)
    rows = [asdict(record) | {"profile": options.profile} for record in records]
    columns = ["claim", "chapter", "quantity", "predicted", "measured", "low", "high", "holds"]
    _show(rows, options.json, columns)


def _cite(project: Project, options: argparse.Namespace) -> None:
    print(citation.written(citation.reference(project, options.what, options.profile), options.format))


def _convert(project: Project, options: argparse.Namespace) -> None:
    kinds: dict[str, Callable[[str], Any]]
    kinds = {"samples": int, "batch_size": int, "learning_rate": real, "l1_ratio": real}
    given = {
        name: _parsed(f"--{name.replace('_', '-')}", text, kind)
        for name, kind in kinds.items()
        if (text := getattr(options, name)) is not None
    }
    try:
        usage = conventions.Usage(**given)
        value = _parsed("VALUE", options.value, real)
        found = conventions.convert(value, options.source, options.target, usage)
    except conventions.ConventionError as error:
        raise RequestError(str(error)) from error
    if options.json:
        _show([asdict(found)], True, ["value", "penalty_coefficient", "note"])
        return
    print(f"{options.target}: {found.value:.12g}")
    if found.penalty_coefficient is not None:
        print(f"penalty_coefficient: {found.penalty_coefficient:.12g}")
    print(found.note)


def _parsed(what: str, text: str, kind: Callable[[str], Any]) -> Any:
    try:
        return kind(text)
    except ValueError as error:
        allowed = "a whole number, 1 or more" if kind is int else "a number"
        raise RequestError(f"{what} cannot be {text!r}; allowed: {allowed}") from error
    except OverflowError as error:
        raise RequestError(f"{what} cannot be {text!r}, {error}") from error


def _predict(project: Project, options: argparse.Namespace) -> None:
    for chapter in options.chapters:
        project.require_chapter(chapter)
    for chapter in options.chapters or project.chapters():
        print(stated.write_predictions(project, chapter, results.read_results(project, chapter)))


def _accept(project: Project, options: argparse.Namespace) -> None:
    for chapter in options.chapters:
        project.require_chapter(chapter)
    for path in results.accept(project, options.chapters or project.chapters()):
        print(path)


def _site(project: Project, options: argparse.Namespace) -> None:
    started = time.monotonic()
    index = site.build_site(project, options.profile, options.output or project.build / "html")
    print(f"pages: {time.monotonic() - started:.1f} s", file=sys.stderr)
    print(index)


def _pdf(project: Project, options: argparse.Namespace) -> None:
    started = time.monotonic()
    path = pdf.print_book(project, options.site or project.build / "html")
    print(f"pdf: {time.monotonic() - started:.1f} s", file=sys.stderr)
    print(path)


def _release(project: Project, options: argparse.Namespace) -> None:
    book, folder = options.site or project.build / "html", options.output or project.build / "release"
    print(release.release(project, options.profile, book, folder))


def _show(rows: list[dict[str, Any]], as_json: bool, columns: list[str]) -> None:
    if as_json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    cells = [[_cell(row[column]) for column in columns] for row in rows]
    print(tabulate([columns, *cells], tablefmt="plain", disable_numparse=True))


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value)
    return "-" if value is None else str(value)
