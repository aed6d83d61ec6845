"""The command ``l2scaling``: list, run, gather, cite and build."""

import argparse
import contextlib
import io
import json
import logging
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from tabulate import tabulate

from l2scaling import __version__
from l2scaling.atlas import conventions
from l2scaling.atlas.convert import LOSSES, convert, sum_behind
from l2scaling.atlas.quantities import QUANTITIES, ConventionError, Usage
from l2scaling.evidence import number
from l2scaling.publish.errors import RequestError, RunError
from l2scaling.publish.evidence import (
    atlas,
    controls,
    reproduce,
    reproductions,
    results,
    robustness,
    stated,
    sweep,
)
from l2scaling.publish.pages import citation, metadata, pdf, release, site, versions
from l2scaling.publish.project import PROFILES, Project, find_project, title
from l2scaling.publish.runs import executed
from l2scaling.publish.runs.parameters import declared, real
from l2scaling.publish.runs.provenance import is_fresh
from l2scaling.publish.runs.run import CELL_TIMEOUT, SWEEP_TIMEOUT, run_chapter
from l2scaling.publish.runs.warm import UNTOUCHED, complain

_SILENCE = logging.NullHandler()


class _Parser(argparse.ArgumentParser):
    """Say what is wrong in one line, without the usage that argparse puts before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {' '.join(message.split())}\n")


class _Once(argparse.Action):
    """Refuse an option that is given twice, of which argparse would take the last."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        if option_string and getattr(namespace, self.dest) is not None:
            parser.error(f"{option_string} is given twice; allowed: once")
        setattr(namespace, self.dest, values)


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
        for line in options.command(project, options):
            print(line)
    except RequestError as error:
        return complain(2, error)
    except RunError as error:
        return complain(1, error)
    except KeyboardInterrupt:
        return complain(130, f"interrupted; {UNTOUCHED}")
    except BrokenPipeError:
        sys.stderr.close()  # the reader of a listing, such as head, has gone
    except OSError as error:  # a full disk, a folder that cannot be written
        return complain(1, f"{_cause(error)}; {UNTOUCHED}")
    return 0


def _cause(error: OSError) -> str:
    if error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    # a folder that could not be copied: one complaint a file, the last part of each being the cause
    several = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return str(several[0][-1]) if several else str(error)


def _parser() -> argparse.ArgumentParser:
    """Return the parser: a command for each function below that does one, named and described as it is."""
    parser = _Parser(prog="l2scaling", description="Run the chapters of the book and build it.")
    parser.add_argument("--version", action="version", version=f"l2scaling {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    within: dict[str, Any] = {"": commands}
    for function, arguments in {
        _chapters: "--json",
        _parameters: "chapter --json",
        _run: "chapter -p/--parameter --profile --output --cell-timeout",
        _sweep: "chapter --grid --seeds --plan --only --profile --output --jobs",
        _gather: "folder",
        _reproduce: "chapters --profile --output --jobs --record --json",
        _controls: "chapters --jobs",
        _robustness: "chapters --jobs",
        _evidence: "chapters --profile --json",
        _cite: "what --format --profile",
        _convert: f"value --from --to {' '.join(_OPTIONS)} --loss --printed-loss --metric --json",
        _atlas_list: "libraries --json",
        _atlas_measure: "libraries --again --newest",
        _predict: "chapters",
        _accept: "chapters",
        _site: "--profile --output",
        _pdf: "--site",
        _release: "--profile --site --output",
        _versions: "archives --output",
    }.items():
        group, _, name = function.__name__.strip("_").rpartition("_")
        summary = function.__doc__
        if group not in within:
            parent = commands.add_parser(group, help=_GROUPS[group], description=_GROUPS[group])
            within[group] = parent.add_subparsers(required=True, metavar="list|measure")
        command = within[group].add_parser(name, help=summary, description=summary, allow_abbrev=False)
        command.set_defaults(command=function)
        if function is _convert:
            command.register("action", None, _Once)
        # So that -1, -inf and -nan are values to be refused by name, not options to be unknown.
        command._negative_number_matcher = re.compile(r"-(\d|\.\d|inf|nan)", re.IGNORECASE)
        for argument in arguments.split():
            command.add_argument(*argument.split("/"), **_ARGUMENTS[argument])
    return parser


def _path(text: str) -> Path:
    if text.startswith("~"):
        raise argparse.ArgumentTypeError(
            f"{text!r} begins with a ~ that no shell has expanded; allowed: a whole path, or ./{text}"
        )
    return Path(text)


_GROUPS = {"atlas": "List what arguments mean, or measure them by real calls into results/atlas.csv."}
"""Words before which several commands stand."""

_OPTIONS = {f"--{name.replace('_', '-')}": name for name in QUANTITIES}

_ARGUMENTS: dict[str, dict[str, Any]] = {
    "chapter": {},
    "chapters": {"nargs": "*", "metavar": "CHAPTER"},
    "archives": {"type": _path, "nargs": "+", "metavar": "ARCHIVE", "help": "of releases, in any order"},
    "folder": {"type": _path, "metavar": "FOLDER", "help": "the --output of the sweep"},
    "what": {"metavar": "CHAPTER|book"},
    "value": {"nargs": "?", "metavar": "VALUE", "help": "the API's default if not given"},
    "libraries": {"nargs": "*", "metavar": "LIBRARY"},
    "--again": {"action": "store_true", "help": "all libraries once more; if interrupted, the rest"},
    "--newest": {"action": "store_true", "help": "newest versions instead of pinned; writes no table"},
    "-p/--parameter": {
        "nargs": 2, "action": "append", "default": [], "metavar": ("NAME", "VALUE"),
        "help": "set a parameter; may be repeated",
    },
    "--profile": {"default": "published", "help": f"one of {', '.join(PROFILES)}"},
    "--output": {
        "type": _path, "metavar": "PATH",
        "help": "where to write; below _build if not given, in a folder of its own",
    },
    "--site": {"type": _path, "metavar": "FOLDER", "help": "_build/html if not given"},
    "--jobs": {"type": int, "metavar": "J", "help": "runs at once; one a core if not given"},
    "--record": {
        "metavar": "DEPENDENCIES",
        "help": f"add the outcome to results/reproductions.csv; {', '.join(reproductions.DEPENDENCIES)}",
    },
    "--json": {"action": "store_true", "help": "print one list of objects"},
    "--cell-timeout": {
        "type": int, "metavar": "SECONDS",
        "help": f"{CELL_TIMEOUT} if not given, and {SWEEP_TIMEOUT} for what a sweep runs",
    },
    "--grid": {
        "action": "append", "default": [], "metavar": "NAME=V1,V2,…",
        "help": "values of a parameter; may be repeated, and then every combination is run",
    },
    "--seeds": {"type": int, "metavar": "K", "help": "K seeds, counted from the chapter's own"},
    "--plan": {"type": _path, "metavar": "FILE", "help": "grids that make results/CHAPTER.csv"},
    "--only": {
        "action": "append", "default": [], "metavar": "NAME=V1,V2,…",
        "help": "the points of the plan that run, the rows of others being kept; may be repeated",
    },
    "--format": {
        "default": "bibtex", "help": f"{', '.join(citation.FORMATS)}; for the book also {metadata.FORMAT}",
    },
    "--from": {"dest": "source", "required": True, "metavar": "API", "help": "such as torch.optim.SGD"},
    "--to": {"dest": "target", "metavar": "API", "help": "or penalty_coefficient"},
    **{option: {"dest": name, "metavar": one.symbol.replace(" ", "-"), "help": one.words}
       for (option, name), one in zip(_OPTIONS.items(), QUANTITIES.values(), strict=True)},
    "--loss": {"metavar": "LOSS", "help": f"the user's data loss: {', '.join(LOSSES)}"},
    "--printed-loss": {"metavar": "L", "help": "a loss as printed: with --metric, asks for Σw² behind it"},
    "--metric": {"metavar": "M", "help": "the data loss alone, beside --printed-loss"},
}  # fmt: skip
"""What commands take, each said once."""


def _asked(project: Project, options: argparse.Namespace) -> list[str]:
    """Return the chapters that were named, each of which there is, or else all."""
    for chapter in options.chapters:
        project.require_chapter(chapter)
    return options.chapters or project.chapters()


def _chapters(project: Project, options: argparse.Namespace) -> Iterable[str]:
    """List the chapters."""
    columns = ["chapter", "title", "minutes", "fresh"]
    rows = []
    for chapter in project.chapters():
        minutes, fresh = None, is_fresh(project, chapter, "published")
        if fresh:
            run = executed.executed(project, chapter, "published")
            minutes = round(run.metadata["papermill"]["duration"] / 60, 2)
        values = (chapter, title(project.source(chapter)), minutes, fresh)
        rows.append(dict(zip(columns, values, strict=True)))
    return _shown(rows, options.json, columns)


def _parameters(project: Project, options: argparse.Namespace) -> Iterable[str]:
    """List the parameters of a chapter."""
    rows = [asdict(one) for one in declared(project.source(options.chapter), options.chapter)]
    columns = ["name", "type", "default", "allowed", "help"]
    return _shown([{key: row[key] for key in columns} for row in rows], options.json, columns)


def _run(project: Project, options: argparse.Namespace) -> Iterable[Path]:
    """Execute a chapter and print where the executed notebook is."""
    if options.cell_timeout is not None and options.cell_timeout < 1:
        raise RequestError(f"--cell-timeout cannot be {options.cell_timeout}; allowed: 1 or more seconds")
    requested: dict[str, str] = {}
    for name, value in options.parameter:
        if name in requested:
            raise RequestError(f"parameter {name!r} is given twice; allowed: once")
        requested[name] = value
    with _timed(options.chapter):
        path = run_chapter(
            project, options.chapter, requested, options.profile, options.output, options.cell_timeout
        )
    return [path]


def _sweep(project: Project, options: argparse.Namespace) -> Iterable[Path]:
    """Run a chapter at every point of a grid and gather the results."""
    if options.plan:
        if options.grid or options.seeds is not None or options.output:
            raise RequestError("--plan says it all; allowed: no --grid, --seeds or --output beside it")
        only = [sweep.parse_axis(text, "only") for text in options.only]
        plan, chapter, profile = options.plan, options.chapter, options.profile
        return [sweep.table_sweep(project, plan, chapter, profile, options.jobs, only)]
    if options.only:
        raise RequestError("--only chooses among the points of a plan; allowed: with --plan")
    axes = [sweep.parse_axis(text) for text in options.grid]
    grid = sweep.points(project, options.chapter, axes, options.seeds, options.profile)
    sweep.sweep(project, grid, options.output, options.jobs)  # whose tables are gathered by name
    return []


def _gather(_: Project, options: argparse.Namespace) -> Iterable[Path]:
    """Put what a sweep has so far into tables, and print where they are."""
    tables, missing = sweep.gather(options.folder)
    if missing:
        print(f"gather: {missing} points are not done, and not in the tables", file=sys.stderr)
    return tables


def _reproduce(project: Project, options: argparse.Namespace) -> Iterable[str]:
    """Run chapters again and compare their numbers with results/."""
    chapters = options.chapters or project.chapters()
    found = reproduce.reproduce(
        project, chapters, options.profile, options.output, options.jobs, options.record
    )
    rows = [asdict(one) for one in found]
    yield from _shown(rows, options.json, ["chapter", "quantity", "published", "now", "state"])
    counts = {state: sum(one.state == state for one in found) for state in reproduce.STATES}
    print(", ".join(f"{count} {state}" for state, count in counts.items()), file=sys.stderr)
    if drifted := [f"{one.chapter}: {one.quantity!r}" for one in found if one.state == "drifted"]:
        raise RunError(f"{len(drifted)} of {len(found)} records drifted: {'; '.join(drifted[:10])}")


def _controls(project: Project, options: argparse.Namespace) -> Iterable[Path]:
    """Break each claim's mechanism; write results/controls.json."""
    return [controls.run_controls(project, _asked(project, options), options.jobs)]


def _robustness(project: Project, options: argparse.Namespace) -> Iterable[Path]:
    """Run chapters beyond their values; write results/robustness.json."""
    return [robustness.run_robustness(project, _asked(project, options), options.jobs)]


def _evidence(project: Project, options: argparse.Namespace) -> Iterable[str]:
    """List the evidence in the executed notebooks."""
    records = executed.gather(project, options.profile, _asked(project, options))
    rows = [asdict(record) | {"profile": options.profile} for record in records]
    columns = ["claim", "chapter", "quantity", "predicted", "measured", "low", "high", "holds"]
    return _shown(rows, options.json, columns)


def _cite(project: Project, options: argparse.Namespace) -> Iterable[str]:
    """Print a reference to a chapter, or to the book."""
    if (options.what, options.format) == ("book", metadata.FORMAT):
        return [metadata.codemeta(project)]
    return [citation.written(citation.reference(project, options.what, options.profile), options.format)]


def _convert(_: Project, options: argparse.Namespace) -> Iterable[str]:
    """Say what a value of one API's λ is in another API, or what Σw² is behind a printed loss."""
    given = {
        name: _parsed(option, text, int if QUANTITIES[name].whole else real)
        for option, name in _OPTIONS.items()
        if (text := getattr(options, name)) is not None
    }
    value = None if options.value is None else _parsed("VALUE", options.value, real)
    try:
        usage = Usage(**given)
        if options.printed_loss is not None or options.metric is not None:
            return _behind(value, options, usage)
        if options.target is None:
            raise RequestError("--to is missing; allowed: an API, or --printed-loss and --metric for it")
        found = convert(value, options.source, options.target, usage, options.loss)
    except ConventionError as error:
        raise RequestError(str(error)) from error
    if options.json:
        return _shown([asdict(found)], True, [])
    values = [(options.target, found.value), ("penalty_coefficient", found.penalty_coefficient)]
    lines = [f"{name}: {one:.12g}" for name, one in values if one is not None]
    return [*(f"warning: {one}" for one in found.warnings), *filter(None, [found.loss]), *lines, found.note]


def _behind(value: float | None, options: argparse.Namespace, usage: Usage) -> list[str]:
    """Say what a printed loss holds beside a metric."""
    both = {"--printed-loss": options.printed_loss, "--metric": options.metric}
    if missing := [option for option, text in both.items() if text is None]:
        raise RequestError(f"{missing[0]} is missing; allowed: --printed-loss and --metric, both")
    if options.target or options.loss:
        raise RequestError("--printed-loss asks for the weights; allowed: no --to or --loss beside it")
    printed, metric = (_parsed(option, text, real) for option, text in both.items())
    found = sum_behind(value, options.source, printed, metric, usage)
    if options.json:
        return _shown([asdict(found)], True, [])
    pairs = zip(("penalty", "Σw²", "Σ|w|", "root mean square"), asdict(found).values(), strict=True)
    return [f"{name}: {one:.6g}" for name, one in pairs if one is not None]


def _parsed(what: str, text: str, kind: Callable[[str], Any]) -> Any:
    try:
        return kind(text)
    except ValueError as error:
        allowed = "a whole number, 1 or more" if kind is int else "a number"
        raise RequestError(f"{what} cannot be {text!r}; allowed: {allowed}") from error
    except OverflowError as error:
        raise RequestError(f"{what} cannot be {text!r}, {error}") from error


def _atlas_measure(project: Project, options: argparse.Namespace) -> Iterable[str]:
    """Measure arguments by real calls; the libraries whose rows changed, if none is named."""
    if options.again and (options.libraries or options.newest):
        raise RequestError("--again takes all libraries, as pinned; allowed: no LIBRARY or --newest with it")
    if options.newest:
        return atlas.newest(project, options.libraries)
    calls = atlas.measure(project, options.libraries, again=options.again)
    return [f"{len(calls)} calls, each as its row says"]


def _atlas_list(_: Project, options: argparse.Namespace) -> Iterable[str]:
    """List what arguments mean, of all libraries if none is named."""
    asked = [atlas.named(name) for name in options.libraries]
    libraries = conventions.libraries()
    rows = [
        {
            "argument": f"{one.path}({one.argument})", "name": one.name, "family": one.family,
            "coefficient": one.meaning, "default": one.default, "library": name,
        }
        for name, library in libraries.items()
        if not asked or library in asked
        for one in library.rows
    ]  # fmt: skip
    return _shown(rows, options.json, ["name", "argument", "family", "coefficient", "default"])


def _predict(project: Project, options: argparse.Namespace) -> Iterable[Path]:
    """Write the predictions of chapters to results/, to commit before a run."""
    for chapter in _asked(project, options):
        yield stated.write_predictions(project, chapter, results.read_results(project, chapter))


def _accept(project: Project, options: argparse.Namespace) -> Iterable[Path]:
    """Copy the published runs' evidence to results/, for review as a diff."""
    return results.accept(project, _asked(project, options))


def _site(project: Project, options: argparse.Namespace) -> Iterable[Path]:
    """Build the HTML book from the runs of a profile."""
    with _timed("pages"):
        return [site.build_site(project, options.profile, options.output or project.build / "html")]


def _pdf(project: Project, options: argparse.Namespace) -> Iterable[Path]:
    """Print a built book into one PDF, which its pages then link."""
    with _timed("pdf"):
        return [pdf.print_book(project, options.site or project.build / "html")]


def _release(project: Project, options: argparse.Namespace) -> Iterable[Path]:
    """Pack a built book, its runs and the results into one archive."""
    book, folder = options.site or project.build / "html", options.output or project.build / "release"
    return [release.release(project, options.profile, book, folder)]


def _versions(project: Project, options: argparse.Namespace) -> Iterable[Path]:
    """Lay out all released versions for a host: the newest at the root, each below v/."""
    return [versions.lay_out(options.archives, options.output or project.build / "versions")]


@contextlib.contextmanager
def _timed(what: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - started:.1f} s", file=sys.stderr)


def _shown(rows: list[dict[str, Any]], as_json: bool, columns: list[str]) -> list[str]:
    if as_json:
        return [json.dumps(rows, indent=2, ensure_ascii=False)]
    cells = [[_cell(row[column]) for column in columns] for row in rows]
    return [tabulate([columns, *cells], tablefmt="plain", disable_numparse=True)]


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value)
    return "-" if value is None else str(value)
