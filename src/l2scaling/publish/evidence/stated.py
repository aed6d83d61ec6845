"""That a prediction came first: a file of predictions, committed before the run that judges them.

``results/predictions/CHAPTER.jsonl`` holds one prediction a line, written by running a chapter no
further than to the cell that shows them. A run records the commit that it was made from; a
prediction that stands in this file at that commit was committed before the run.
"""

import json
import math
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import nbformat

from l2scaling.evidence import PREDICTIONS_MIME, Prediction, Record
from l2scaling.publish.errors import RequestError
from l2scaling.publish.project import Project, write_whole, writing
from l2scaling.publish.runs.executed import outputs_of
from l2scaling.publish.runs.provenance import git
from l2scaling.publish.runs.run import run_chapter

ROUNDING = 1e-9
"""How far, relatively, a prediction or margin may move that is itself computed."""


def predictions_path(project: Project, chapter: str) -> Path:
    """Return where the predictions of a chapter stand that may be committed before a run."""
    return project.results / "predictions" / f"{chapter}.jsonl"


def write_predictions(project: Project, chapter: str, published: Sequence[dict[str, Any]]) -> Path:
    """Run a chapter, in the published profile, up to its predictions and write them to their file.

    Those that have a ``published`` record already are left out, unless they were stated before it: what
    is known cannot be predicted. Raises ``RequestError`` for a chapter that shows no predictions.
    """
    run = nbformat.read(run_chapter(project, chapter, {}, stage="predictions"), as_version=4)
    found = [Prediction(**entry) for entry in outputs_of(run, PREDICTIONS_MIME)]
    if not found:
        raise RequestError(f"chapter {chapter!r} shows no predictions; allowed: one with a cell that does")
    known = {row["quantity"]: row for row in published if not row.get("stated")}
    found = [one for one in found if one.quantity not in known or not _same(one, known[one.quantity])]
    path = predictions_path(project, chapter)
    with writing(path):
        lines = (json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in found)
        return write_whole(path, "".join(lines))


def stated_in(project: Project, run: nbformat.NotebookNode, records: Sequence[Record]) -> dict[str, str]:
    """Return, by quantity, the commit in which each record's prediction was stated before its run.

    Only what stood in the chapter's file of predictions at the commit that the run was made from
    counts, with the same kind, prediction and margin. Others are left out.
    """
    commit, chapter = run.metadata["l2scaling"]["commit"], run.metadata["l2scaling"]["chapter"]
    path = predictions_path(project, chapter).relative_to(project.root).as_posix()
    if not commit:
        return {}
    try:
        blamed = git(project, "blame", "--line-porcelain", commit, "--", path)
    except (OSError, subprocess.CalledProcessError):  # no git, or the file did not exist then
        return {}
    lines: dict[str, tuple[str, Prediction]] = {}
    last = ""
    for line in blamed.splitlines():
        if line.startswith("\t"):
            one = Prediction(**json.loads(line))
            lines[one.quantity] = (last, one)
        elif len(line.split(" ")[0]) == len(commit):
            last = line.split(" ")[0]
    return {
        record.quantity: lines[record.quantity][0]
        for record in records
        if record.quantity in lines and _same(lines[record.quantity][1], asdict(record))
    }


def _same(stated: Prediction, record: dict[str, Any]) -> bool:
    return stated.kind == record["kind"] and all(
        math.isclose(getattr(stated, name), record[name], rel_tol=ROUNDING)
        for name in ("predicted", "margin")
    )
