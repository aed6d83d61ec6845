"""The order of a chapter's page and what it folds: the finding first, the plumbing last and closed.

The notebook keeps the order in which it runs. Its page shows the figure that is tagged ``FIRST`` right
after the findings, takes parameters, run card and imports to the end, and closes the code that only
serves. Nothing is left out.
"""

import ast
import math
import re
from collections.abc import Sequence

import nbformat

FIRST = "first-screen"
"""The tag of the one figure that shows what a chapter found."""

ELSEWHERE = ("for-other-pages", FIRST)
"""The tags of figures that do not stand where they are drawn."""

LABELS = {
    "parameters": "the parameters and their published values",
    "injected-parameters": "the values of this run",
    "imports": "what is imported",
    "predictions": "the predictions as they are stated to the judge",
    "numbers": "the numbers that the text quotes",
    "records": "how the predictions are judged",
    "figure": "the call that draws the figure",
    "step": "how this is computed",
}
"""What is closed, by its kind, and what its line says."""

SHOWN, WIDEST = 4, 92
"""Lines of code that a page shows where nothing is built from scratch, and letters that a line may have."""

_SCRATCH = "## From scratch"
_PLUMBING = ("parameters", "injected-parameters", "imports")
_PROOF = re.compile(r"(?ms)^```\{prf:proof\}\n(\*Idea\.\*.*?)\n\n(.*?)\n```$")
_SOLUTION = re.compile(r"(?ms)^(`{3,})\{dropdown\}.*?^\1$")


def kind(cell: nbformat.NotebookNode) -> str | None:
    """Return the key of ``LABELS`` for a code cell that only serves, None for one that tells.

    >>> kind(nbformat.v4.new_code_cell("report(size=3)"))
    'numbers'
    >>> kind(nbformat.v4.new_code_cell("slope = fit(x, y)"))
    """
    for tag in cell.metadata.get("tags", []):
        if tag in LABELS:
            return str(tag)
    body = ast.parse(cell.source).body
    calls = [_called(node) for node in body]
    if all(isinstance(node, ast.Import | ast.ImportFrom) for node in body):
        return "imports"
    if re.search(r"\blaw(\.check)?\(", cell.source):
        return "predictions"
    if all(name == "report" for name in calls):
        return "numbers"
    if re.search(r"\blaw\.(judge|evidence)\(", cell.source):
        return "records"
    long = len(cell.source.splitlines()) > 1
    if "figure" in cell.metadata.get("mystnb", {}) and (
        long or set(ELSEWHERE) & set(cell.metadata.get("tags", []))
    ):
        return "figure"
    return None


def _is_long(source: str, heading: str) -> bool:
    lines = source.splitlines()
    wide = max(map(len, lines), default=0) > WIDEST
    return wide or (len(lines) > SHOWN and not heading.startswith(_SCRATCH))


def _called(node: ast.stmt) -> str | None:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return getattr(node.value.func, "id", None)
    return None


def fold(cell: nbformat.NotebookNode, label: str) -> None:
    """Let a page close the code of a cell under one line."""
    cell.metadata["tags"] = [*cell.metadata.get("tags", []), "hide-input"]
    words = {"code_prompt_show": f"Show {label}", "code_prompt_hide": f"Hide {label}"}
    cell.metadata.setdefault("mystnb", {}).update(words)


def folded(text: str) -> str:
    """Let a page close each proof after its first paragraph, which gives the idea.

    >>> print(folded("```{prf:proof}\\n*Idea.* Count.\\n\\nThere are two.\\n```"))
    ````{prf:proof}
    *Idea.* Count.
    <BLANKLINE>
    ```{dropdown} The whole proof
    :open:
    :class-container: fold
    <BLANKLINE>
    There are two.
    ```
    ````
    """
    rest = "```{dropdown} The whole proof\n:open:\n:class-container: fold\n\n"
    return _PROOF.sub(lambda found: f"````{{prf:proof}}\n{found[1]}\n\n{rest}{found[2]}\n```\n````", text)


def reading_time(notebook: nbformat.NotebookNode) -> str:
    """Return how long a chapter takes to read, at 180 words a minute, and how long it took to run.

    Solutions, and proofs beyond their idea, are closed and do not count.
    """
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    words = len(_SOLUTION.sub("", _PROOF.sub(r"\1", text)).split())
    seconds = notebook.metadata["papermill"]["duration"]
    return f"**Time:** about {math.ceil(words / 180)} minutes to read; this run took {math.ceil(seconds)} s."


def arranged(cells: Sequence[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Return the cells of a page in its order, with what only serves folded."""
    kept: list[nbformat.NotebookNode] = []
    last: list[nbformat.NotebookNode] = []
    heading = ""
    for cell in cells:
        tags = cell.metadata.get("tags", [])
        if cell.cell_type == "markdown":
            heading = (re.findall(r"(?m)^## .*", cell.source) or [heading])[-1]
            cell.source = folded(cell.source)
        serves = kind(cell) if cell.cell_type == "code" and cell.source.strip() else None
        if cell.cell_type == "code" and not serves and _is_long(cell.source, heading):
            serves = "step"
        if serves:
            fold(cell, LABELS[serves])
        plumbing = serves in _PLUMBING or "run-card" in tags
        (last if plumbing and kept else kept).append(cell)  # a page begins with its title
    end = nbformat.v4.new_markdown_cell("## How this was run", id="how-this-was-run")
    return [*kept, end, *last] if last else kept
