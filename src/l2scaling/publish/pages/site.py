"""From executed notebooks to HTML: lay out the sources, build them, put the site in place."""

import contextlib
import ctypes
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from hashlib import sha256
from importlib.metadata import distributions, version
from pathlib import Path

import nbformat
import yaml

from l2scaling.publish.errors import RequestError, RunError
from l2scaling.publish.evidence import atlas, controls, reproductions, results, robustness
from l2scaling.publish.evidence.claims import claim_link, read_claims
from l2scaling.publish.locks import exclusive
from l2scaling.publish.pages import (
    api,
    atlas_page,
    bounds,
    chapter_page,
    citation,
    derived,
    ledger,
    live,
    metadata,
    reproduced,
)
from l2scaling.publish.project import Project, title, writing
from l2scaling.publish.runs import executed, private
from l2scaling.publish.runs.parameters import declared
from l2scaling.publish.runs.provenance import git

_KEPT_PAGES = "l2scaling.publish.pages.kept_pages"  # by name, as it needs Sphinx
_SETUP = ("_toc.yml", "_config.yml", "book/*.bib", "book/_ext/*.py")
"""Of the sources laid out, those that may act on the reading of every page."""
BINDER = "https://mybinder.org"
"""What opens a chapter for a reader who installs nothing, as .binder/ says."""


def build_site(project: Project, profile: str, destination: Path) -> Path:
    """Build the book from a profile's runs and replace ``destination`` with it.

    Returns the path of index.html. A run that is out of date, evidence that may not be
    published, or any warning of Jupyter Book raises ``RunError`` and leaves ``destination`` as
    it was; a destination that holds anything but a built book raises ``RequestError``.
    """
    major = version("jupyter-book").split(".")[0]
    if major != "1":
        raise RunError(f"Jupyter Book {major}.x is installed; allowed: 1.x, which 'make book' installs")
    work = project.build / "work" / profile
    log = project.build / f"site-{profile}.log"
    place = _place(destination)
    # what is wrong with the request is found before anything is written
    citation.book_reference(project)
    read_claims(project)
    project.config()
    if not project.chapters():
        raise RequestError("_toc.yml names no chapter; allowed: one or more files of notebooks/")
    for chapter in project.chapters():
        executed.require_run(project, chapter, profile)
    log.write_text("")  # a folder that cannot be written is named for what it is
    with exclusive(project, work), exclusive(project, place):
        _restore(place)
        for name in ("source", "output/_build/html"):
            shutil.rmtree(work / name, ignore_errors=True)
        started = time.time()
        with contextlib.ExitStack() as runs:  # none of which is replaced while they are read
            for chapter in project.chapters():
                runs.enter_context(exclusive(project, project.run_path(chapter, profile)))
            assemble(project, profile, work / "source")
        with _kept(work):
            _build(work, log)
        derived.write_derived(project, work / "output" / "_build" / "html")
        _require_unchanged(project, started)
        _replace(work / "output" / "_build" / "html", place)
    return destination / "index.html"


@contextlib.contextmanager
def _kept(work: Path) -> Iterator[None]:
    """Let a build find what the last one has read, if that came to its end and was set up as this one is.

    Of sources laid out anew, ``kept_pages`` compares contents, so that no date may matter.
    """
    source, mark = work / "source", work / "made-with"
    files = [path for name in _SETUP for path in sorted(source.glob(name))]
    files.append(Path(__file__).with_name("kept_pages.py"))
    programs = sorted(f"{one.name} {one.version}" for one in distributions())
    key = sha256(repr([sys.version, str(work), programs, [path.read_bytes() for path in files]]).encode())
    if not mark.is_file() or mark.read_text() != key.hexdigest():
        shutil.rmtree(work / "output", ignore_errors=True)
    mark.unlink(missing_ok=True)
    for path in source.rglob("*"):
        os.utime(path, (0, 0))
    yield
    mark.write_text(key.hexdigest())


def _require_unchanged(project: Project, since: float) -> None:
    """Refuse pages of sources that were edited meanwhile, of which Snakemake would know nothing."""
    names = ("_toc.yml", "_config.yml", "CITATION.cff", "pyproject.toml")
    sources = [*(project.root / "book").rglob("*"), *(project.root / name for name in names)]
    for path in sources:
        if path.is_file() and path.stat().st_mtime > since:
            name = path.relative_to(project.root)
            raise RunError(f"{name} was edited while the pages were built from it; build again")


def _place(destination: Path) -> Path:
    """Return the destination's true path; refuse what holds other things, as they would be lost."""
    with writing(destination, "a new folder"):
        place = destination.resolve()
        other = place.is_dir() and any(place.iterdir()) and not (place / "searchindex.js").is_file()
        if other or (place.exists() and not place.is_dir()):
            raise RequestError(
                f"output {str(destination)!r} is no built book; "
                "allowed: a new folder, or one of an earlier build"
            )
    return place


def _build(work: Path, log: Path) -> None:
    builder = str(Path(sys.executable).with_name("jupyter-book"))
    command = [builder, "build", "source", "--path-output", "output", "-W", "-n", "--keep-going"]
    with log.open("w") as file, private.folder() as own:
        settings = private.environment(own, os.environ)
        done = subprocess.run(command, cwd=work, env=settings, stdout=file, stderr=subprocess.STDOUT)
    if done.returncode:
        raise RunError(f"Jupyter Book failed: {_first_complaint(log)}; whole log: {log}")


def assemble(project: Project, profile: str, source: Path) -> None:
    """Lay the book's words and the executed notebooks over the same relative paths in ``source``.

    Evidence is checked first; tables that the book makes of it are written beside the pages
    that include them, in ``book/_generated``.
    """
    from l2scaling.publish.pages import explorer  # brings torch, which no other command needs

    chapters = project.chapters()
    written = {chapter: project.source(chapter) for chapter in chapters}
    runs = {chapter: executed.executed(project, chapter, profile) for chapter in chapters}
    titles = {chapter: title(notebook) for chapter, notebook in runs.items()}
    records = [record for notebook in runs.values() for record in executed.records_of(notebook)]
    moved = results.check(project, profile, chapters, records, executed.setups(runs))
    if moved:
        words = "came out otherwise than in the setup of their review; the page of runs names them"
        print(f"site: {len(moved)} of {len(records)} records {words}", file=sys.stderr)

    # each reads the runs it refers to, so once
    references = {what: citation.reference(project, what, profile) for what in ["book", *chapters]}

    shutil.copytree(project.root / "book", source / "book")
    shutil.copy(project.root / "_toc.yml", source)
    _write_config(project, source / "_config.yml")
    generated = source / "book" / "_generated"
    generated.mkdir()
    chapter_page.write_figures_for_other_places(runs, titles, generated)
    _write_references(references, generated)
    _write_metadata(project, references, generated)
    _copy_notebooks(project, profile, chapters, generated / "notebooks")
    numbers = {chapter: bounds.glued(notebook) for chapter, notebook in runs.items()}
    claims, outcomes = read_claims(project), controls.published(project)
    stated = {name: results.stated(project, name) for name in chapters}
    before = {(name, quantity) for name, quantities in stated.items() for quantity in quantities}
    owed = {name: [claim_link(one.id) for one in claims if name in one.chapters] for name in chapters}
    for name, text in {
        "verdicts": ledger.verdicts_page(claims, records, titles, {one.claim for one in outcomes}),
        "verdict-counts": ledger.verdict_counts(claims, records, chapters),
        "record-counts": ledger.record_counts(records, before),
        "runs": ledger.runs_page(
            list(runs.values()), titles, {name: references[name].run for name in chapters}
        ),
        "reproductions": reproduced.reproductions_page(
            reproductions.read(project),
            titles,
            {name: run.metadata["l2scaling"]["source"] for name, run in runs.items()},
        ),
        "moved": ledger.moved_page(moved, len(records), profile),
        "controls": ledger.controls_page(outcomes),
        "robustness": ledger.robustness_page(robustness.published(project), titles),
        "sizes": ledger.sizes_table(claims, titles, numbers),
        "atlas": atlas_page.atlas_page(atlas.read_calls(project), atlas.read_situations(project)),
        "atlas-symbols": atlas_page.symbols_table(),
        "reference": api.reference_page(project, written, titles, owed),
        "cite-book": citation.boxes(references["book"], "book"),
        "cite-chapters": "\n".join(
            f"- {citation.as_markdown(references[name])} [Formats](#cite-{name})" for name in chapters
        ),
    }.items():
        (generated / f"{name}.md").write_text(text)
    explorer.write_tables(source / "book" / "_extra" / "explorer")
    if (project.root / "book" / live.FORM).is_file():
        there = live.provide(project, source / "book" / "_extra" / "live")
        (generated / "live.md").write_text(live.page(project, there))
    for path in (source / "book").glob("*.md"):  # the generated ones hold no bounds
        path.write_text(bounds.filled(path.read_text(), numbers))

    (source / "notebooks").mkdir()
    address = repository(project)
    for chapter, notebook in runs.items():
        parameters = declared(written[chapter], chapter)
        page = chapter_page.dressed(
            chapter, notebook, parameters, references[chapter], address,
            stated=stated[chapter], room=project.room(chapter).is_dir(),
        )  # fmt: skip
        for cell in page.cells:
            figure = cell.metadata.get("mystnb", {}).get("figure", {"caption": ""})
            figure["caption"] = bounds.filled(figure["caption"], numbers, chapter)
            if cell.cell_type == "markdown":
                cell.source = bounds.filled(cell.source, numbers, chapter)
        nbformat.write(page, source / "notebooks" / f"{chapter}.ipynb")


def _write_references(references: dict[str, citation.Reference], folder: Path) -> None:
    """Write the files that *Cite this chapter* offers, and the tags that go into pages' heads."""
    (folder / "cite").mkdir()
    tags = {}
    for what, one in references.items():
        for form, suffix in citation.SUFFIXES.items():
            (folder / "cite" / f"{what}.{suffix}").write_text(citation.written(one, form) + "\n")
        page = "book/index" if what == "book" else f"notebooks/{what}"
        tags[page] = citation.meta_tags(one)
    (folder / "meta-tags.json").write_text(json.dumps(tags))


def _write_metadata(project: Project, references: dict[str, citation.Reference], folder: Path) -> None:
    """Write what harvesters read, for the heads of pages and to download."""
    (folder / "json-ld.json").write_text(json.dumps(metadata.json_ld(project, references)))
    (folder / "cite" / "codemeta.json").write_text(metadata.codemeta(project) + "\n")


def _copy_notebooks(project: Project, profile: str, chapters: Iterable[str], folder: Path) -> None:
    """Lay out for download, byte by byte, each chapter as it was written and as it was executed."""
    folder.mkdir()
    for chapter in chapters:
        shutil.copyfile(project.notebooks / f"{chapter}.ipynb", folder / f"{chapter}.ipynb")
        shutil.copyfile(project.run_path(chapter, profile), folder / f"{chapter}.executed.ipynb")


def own_git(project: Project, *words: str) -> str:
    """Return what ``git`` does; ``OSError`` too in an unpacked copy inside somebody else's repository."""
    if git(project, "rev-parse", "--show-cdup").strip():
        raise OSError("the repository is another's")
    return git(project, *words)


def repository(project: Project) -> str | None:
    """Return the web address of the repository, if a setting or the git remote gives one.

    The environment variable ``L2SCALING_REPOSITORY`` comes first.
    """
    address = os.environ.get("L2SCALING_REPOSITORY", "")
    if not address:
        try:
            address = own_git(project, "remote", "get-url", "origin").strip()
        except (OSError, subprocess.CalledProcessError):
            return None
    address = re.sub(r"^git@([^:/]+):", r"https://\1/", address).removesuffix(".git").rstrip("/")
    return address if re.fullmatch(r"https?://[^/\s@]+/\S+", address) else None


def address(project: Project) -> str | None:
    """Return the web address of the published book, if a setting or CITATION.cff gives one.

    The environment variable ``L2SCALING_ADDRESS`` comes first.
    """
    found = os.environ.get("L2SCALING_ADDRESS") or citation.book_reference(project).url or ""
    return found.rstrip("/") + "/" if re.fullmatch(r"https?://[^/\s@]+(/\S*)?", found) else None


def _write_config(project: Project, path: Path) -> None:
    config = project.config()
    sphinx = config.get("sphinx") or {}
    sphinx["extra_extensions"] = [*(sphinx.get("extra_extensions") or []), _KEPT_PAGES]
    # by these two the index from which other books refer to this one says whose it is
    named = {"project": config["title"], "version": citation.book_reference(project).version}
    sphinx["config"] = {**(sphinx.get("config") or {}), **named}
    config["sphinx"] = sphinx
    if place := address(project):
        config["html"]["baseurl"] = place
    if origin := repository(project):
        config["repository"] = {"url": origin, "branch": "main"}
        buttons = ("use_repository_button", "use_edit_page_button", "use_issues_button")
        config["html"] |= dict.fromkeys(buttons, True)
        config["launch_buttons"] = (config.get("launch_buttons") or {}) | {"binderhub_url": BINDER}
    path.write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True))


def _first_complaint(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    marked = [line for line in lines if re.search(r"WARNING|ERROR|Error:", line)]
    return re.sub(r"\x1b\[[0-9;]*m", "", (marked or lines or ["no output"])[0]).strip()


def _old(place: Path) -> Path:
    return place.with_name(f".{place.name}.old")


def _restore(place: Path) -> None:
    """Bring back the last good folder, if a build was killed between two renames of ``_replace``."""
    if not place.exists() and _old(place).exists():
        _old(place).rename(place)


def _replace(new: Path, place: Path) -> None:
    """Put a finished folder in place, in one step wherever the file system knows how to.

    So a reader finds the old book or the new one at any moment, and so does whoever looks after
    a kill. What was there before goes away with the folder in which the new one was made.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    near = place.with_name(f".{place.name}.new")  # to be renamed, it has to lie on the same disk
    shutil.rmtree(near, ignore_errors=True)
    shutil.move(new, near)
    if not place.exists():
        near.rename(place)
    elif not _exchanged(near, place):
        shutil.rmtree(_old(place), ignore_errors=True)
        place.rename(_old(place))
        near.rename(place)
        shutil.rmtree(_old(place), ignore_errors=True)
    shutil.rmtree(near, ignore_errors=True)


def _exchanged(one: Path, other: Path) -> bool:
    """Let two folders change places at once, and say whether this system and disk can do that."""
    here, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux, for which Python has no name
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        return False
    return rename(here, bytes(one), here, bytes(other), exchange) == 0
