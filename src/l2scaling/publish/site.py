"""From executed notebooks to HTML: lay out the sources, build them, put the site in place."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat
import yaml

from l2scaling.evidence import MIME
from l2scaling.publish import citation, explorer, gather, ledger, reference
from l2scaling.publish.locks import exclusive
from l2scaling.publish.parameters import declared
from l2scaling.publish.project import Project, RunError, title


def build_site(project: Project, profile: str, destination: Path) -> Path:
    """Build the book from a profile's runs and replace ``destination`` with it.

    Returns the path of index.html. Evidence that may not be published, or any warning of
    Jupyter Book, raises ``RunError`` and leaves ``destination`` as it was.
    """
    major = version("jupyter-book").split(".")[0]
    if major != "1":
        raise RunError(f"Jupyter Book {major}.x is installed; allowed: 1.x, which 'make book' installs")
    work = project.build / "work" / profile
    log = project.build / f"site-{profile}.log"
    with exclusive(project, work), exclusive(project, destination):
        _build(project, profile, work, log)
        _replace(work / "output" / "_build" / "html", destination)
    return destination / "index.html"


def _build(project: Project, profile: str, work: Path, log: Path) -> None:
    shutil.rmtree(work, ignore_errors=True)
    assemble(project, profile, work / "source")
    builder = str(Path(sys.executable).with_name("jupyter-book"))
    command = [builder, "build", "source", "--path-output", "output", "-W", "-n", "--keep-going"]
    with log.open("w") as file:
        done = subprocess.run(command, cwd=work, stdout=file, stderr=subprocess.STDOUT)
    if done.returncode:
        raise RunError(f"Jupyter Book failed: {_first_complaint(log)}; whole log: {log}")


def assemble(project: Project, profile: str, source: Path) -> None:
    """Lay the book's words and the executed notebooks over the same relative paths in ``source``.

    Evidence is checked first; tables that the book makes of it are written beside the pages
    that include them, in ``book/_generated``.
    """
    chapters = project.chapters()
    runs = {chapter: gather.executed(project, chapter, profile) for chapter in chapters}
    titles = {chapter: title(notebook) for chapter, notebook in runs.items()}
    records = [record for notebook in runs.values() for record in gather.records_of(notebook)]
    gather.check(project, profile, chapters, records)

    # each reads the runs it refers to, so once
    references = {what: citation.reference(project, what, profile) for what in ["book", *chapters]}

    shutil.copytree(project.root / "book", source / "book")
    shutil.copy(project.root / "_toc.yml", source)
    _write_config(project, source / "_config.yml")
    (source / "notebooks").mkdir()
    for chapter, notebook in runs.items():
        dressed = _dressed(project, chapter, notebook)
        words = citation.section(references[chapter], f"../book/_generated/cite/{chapter}")
        dressed.cells.append(nbformat.v4.new_markdown_cell(words, id="cite-this-chapter"))
        nbformat.write(dressed, source / "notebooks" / f"{chapter}.ipynb")

    claims = gather.claims(project)
    generated = source / "book" / "_generated"
    generated.mkdir()
    _figures_for_other_pages(runs.values(), generated)
    for name, text in {
        "verdicts": ledger.verdicts_page(claims, records, titles),
        "verdict-counts": ledger.verdict_counts(claims, records, chapters),
        "runs": ledger.runs_page(list(runs.values()), titles),
        "reference": reference.reference_page(),
        "cite-book": _quoted(citation.written(references["book"], "bibtex")),
        "cite-chapters": "\n".join(f"- {_cited(references[name], name)}" for name in chapters),
    }.items():
        (generated / f"{name}.md").write_text(text)
    _write_references(references, generated)
    explorer.write_tables(source / "book" / "_extra" / "explorer")


def _cited(one: citation.Reference, chapter: str) -> str:
    return f"{citation.written(one, 'text')} [Formats](../notebooks/{chapter}.ipynb)"


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


def _figures_for_other_pages(runs: Iterable[nbformat.NotebookNode], folder: Path) -> None:
    """Write the figures of cells tagged ``for-other-pages``, each as a drawing and a page to include."""
    for notebook in runs:
        for cell in notebook.cells:
            if "for-other-pages" in cell.metadata.get("tags", []):
                (output,) = cell.outputs
                figure = cell.metadata["mystnb"]["figure"]
                (folder / f"{figure['name']}.svg").write_text(output.data["image/svg+xml"])
                (folder / f"{figure['name']}.md").write_text(
                    f"```{{figure}} _generated/{figure['name']}.svg\n:name: {figure['name']}\n"
                    f":alt: {output.metadata['alt']}\n\n{figure['caption']}\n```\n"
                )


def _quoted(text: str) -> str:
    return f"```bibtex\n{text}\n```"


def _dressed(project: Project, chapter: str, notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Fill the tagged cells and give each figure the alternative text that its code computed."""
    parameters = declared(project.source(chapter), chapter)
    card = ledger.run_card(parameters, notebook)
    fillings = {"reading-time": ledger.reading_time(notebook), "run-card": card}
    for cell in notebook.cells:
        for tag in fillings.keys() & set(cell.metadata.get("tags", [])):
            cell.source += "\n\n" + fillings[tag]
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(MIME, None)  # data for gather, not for a reader
            alt = output.get("metadata", {}).get("alt")
            if alt:
                cell.metadata.setdefault("mystnb", {}).setdefault("image", {})["alt"] = alt
    return notebook


def repository(project: Project) -> str | None:
    """Return the web address of the repository, if a setting or the git remote gives one.

    The environment variable ``L2SCALING_REPOSITORY`` comes first.
    """
    address = os.environ.get("L2SCALING_REPOSITORY", "")
    if not address:
        command = ["git", "-C", str(project.root), "remote", "get-url", "origin"]
        try:
            address = subprocess.run(command, capture_output=True, text=True).stdout.strip()
        except FileNotFoundError:
            return None
    address = re.sub(r"^git@([^:/]+):", r"https://\1/", address).removesuffix(".git").rstrip("/")
    return address if re.fullmatch(r"https?://[^/\s@]+/\S+", address) else None


def _write_config(project: Project, path: Path) -> None:
    config: dict[str, Any] = yaml.safe_load((project.root / "_config.yml").read_text())
    address = repository(project)
    if address:
        config["repository"] = {"url": address, "branch": "main"}
        buttons = ("use_repository_button", "use_edit_page_button", "use_issues_button")
        config["html"] |= dict.fromkeys(buttons, True)
    path.write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True))


def _first_complaint(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    marked = [line for line in lines if re.search(r"WARNING|ERROR|Error:", line)]
    return re.sub(r"\x1b\[[0-9;]*m", "", (marked or lines or ["no output"])[0]).strip()


def _replace(new: Path, place: Path) -> None:
    """Put a finished folder in place; only the instant between two renames shows none."""
    old = place.with_name(f"{place.name}.old")
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        place.rename(old)
    new.rename(place)
    shutil.rmtree(old, ignore_errors=True)
