"""From an executed notebook to the source of its page: run card, addresses, references."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import nbformat

from l2scaling.evidence import MIME, PREDICTIONS_MIME, ROWS_MIME, Record
from l2scaling.publish.pages import citation, layout, ledger
from l2scaling.publish.pages.api import room_anchor
from l2scaling.publish.runs.parameters import Parameter


def write_figures_for_other_places(
    runs: dict[str, nbformat.NotebookNode], titles: dict[str, str], folder: Path
) -> None:
    """Write the figures that do not stand where they are drawn, each as a drawing.

    One for another page comes with a page to include there, which says in what chapter it was drawn.
    """
    for chapter, notebook in runs.items():
        for cell in notebook.cells:
            if set(layout.ELSEWHERE) & set(cell.metadata.get("tags", [])):
                (output,) = cell.outputs
                name = _name(cell)
                (folder / f"{name}.svg").write_text(output.data["image/svg+xml"])
                if layout.FIRST not in cell.metadata["tags"]:
                    origin = f"[Drawn in: {titles[chapter]}](#{_code_anchor(name)})."
                    (folder / f"{name}.md").write_text(_figure(cell, "_generated", origin) + "\n")


def _figure(cell: nbformat.NotebookNode, folder: str, origin: str) -> str:
    """Return a figure as Markdown, with the drawing that lies in a folder."""
    figure, (output,) = cell.metadata["mystnb"]["figure"], cell.outputs
    return (
        f"```{{figure}} {folder}/{figure['name']}.svg\n:name: {figure['name']}\n"
        f":alt: {output.metadata['alt']}\n\n{figure['caption']} {origin}\n```"
    )


def dressed(
    chapter: str,
    notebook: nbformat.NotebookNode,
    parameters: Sequence[Parameter],
    cited: citation.Reference,
    repository: str | None,
    *,
    stated: Mapping[str, str],
    room: bool = False,
) -> nbformat.NotebookNode:
    """Add to an executed notebook what its page shows besides; return the same notebook.

    That is reading time, run card, an address for each record and for each cell that drew a
    figure, the alternative text that the figure's code computed, and how to cite the chapter.
    ``repository`` is its web address, where one is known; ``stated`` names by quantity the commit of a
    prediction that was stated before its run; ``room`` says whether the chapter has code of its own.
    """
    card = ledger.run_card(parameters, notebook, cited.run, _files(chapter, notebook, repository, room))
    fillings = {"reading-time": layout.reading_time(notebook), "run-card": card}
    cells: list[nbformat.NotebookNode] = []
    for cell in notebook.cells:
        for tag in fillings.keys() & set(cell.metadata.get("tags", [])):
            cell.source += "\n\n" + fillings[tag]
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            for kind in (PREDICTIONS_MIME, ROWS_MIME):  # the table stands beside it as Markdown
                data.pop(kind, None)
            if records := data.pop(MIME, None):  # data for gather, not for a reader
                data["text/markdown"] = ledger.evidence_table((Record(**one) for one in records), stated)
            if alt := output.get("metadata", {}).get("alt"):
                cell.metadata.setdefault("mystnb", {}).setdefault("image", {})["alt"] = alt
        if layout.FIRST in cell.metadata.get("tags", []):
            first = _figure(cell, "/book/_generated", _DRAWN.format(_code_anchor(_name(cell))))
            cells.insert(1, nbformat.v4.new_markdown_cell(first, id=layout.FIRST))
        if "figure" in cell.metadata.get("mystnb", {}):
            cells.append(_before_figure(cell))
        cells.append(cell)
    last = _cite_section(chapter, notebook, cited)
    notebook.cells = layout.arranged(cells)
    notebook.cells.append(nbformat.v4.new_markdown_cell(last, id="cite-this-chapter"))
    return notebook


def _before_figure(cell: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Let a figure's caption lead to the cell that drew it; return what gives that cell an address.

    A figure that stands elsewhere is not shown again, but the cell that drew it is.
    """
    name, anchor = _name(cell), _code_anchor(_name(cell))
    words = f"({anchor})="
    elsewhere = set(layout.ELSEWHERE) & set(cell.metadata.get("tags", []))
    if elsewhere:
        cell.metadata["tags"] = [*elsewhere, "remove-output"]
        words = f"This cell draws {{numref}}`{name}`.\n\n{words}"
    else:
        cell.metadata["mystnb"]["figure"]["caption"] += f" {_DRAWN.format(anchor)}"
    return nbformat.v4.new_markdown_cell(words, id=anchor)


_DRAWN = "[Drawn by this cell](#{})."


def _name(cell: nbformat.NotebookNode) -> str:
    return str(cell.metadata["mystnb"]["figure"]["name"])


def _code_anchor(figure: str) -> str:
    return f"code-{figure}"


def _cite_section(chapter: str, notebook: nbformat.NotebookNode, cited: citation.Reference) -> str:
    words = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    results = re.findall(r"^:label: (\S+)$", words, re.MULTILINE)
    figures = [_name(cell) for cell in notebook.cells if "figure" in cell.metadata.get("mystnb", {})]
    addresses = [f"{{prf:ref}}`{name}` `#{name}`" for name in results]
    addresses += [f"{{numref}}`{name}` `#{name}`" for name in figures]
    lines = [f"(cite-{chapter})=\n## Cite this chapter", citation.boxes(cited, chapter)]
    if addresses:
        lines.append(f"Numbers may change, addresses do not: {', '.join(addresses)}.")
    return "\n\n".join(lines)


def _files(chapter: str, notebook: nbformat.NotebookNode, repository: str | None, room: bool) -> list[str]:
    """Return links to a chapter's notebook as it was executed, as it was written, and in its repository."""
    folder = "/book/_generated/notebooks"
    links = [
        f"{{download}}`executed notebook <{folder}/{chapter}.executed.ipynb>`",
        f"{{download}}`source notebook <{folder}/{chapter}.ipynb>`",
        *([f"[the chapter's own code](#{room_anchor(chapter)})"] if room else []),
    ]
    record = notebook.metadata["l2scaling"]
    if repository:
        version = record["commit"] if record["commit"] and not record["dirty"] else "main"
        links.append(f"[source in the repository]({repository}/blob/{version}/notebooks/{chapter}.ipynb)")
    return links
