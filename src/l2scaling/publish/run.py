"""The strict run: papermill, with every request checked first and every result checked after."""

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, TextIO

import nbformat
import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from l2scaling.frameworks import MissingFrameworkError
from l2scaling.publish.locks import exclusive
from l2scaling.publish.parameters import declared, resolve
from l2scaling.publish.project import Project, RequestError, RunError, read_notebook, writing
from l2scaling.publish.provenance import origin, threads

CELL_TIMEOUT = 900
"""Seconds a cell may take before the run is given up."""

_SOCKET_PATH_LIMIT = 60  # a socket's whole path may have 107 bytes; the kernel appends to ours


def run_chapter(
    project: Project,
    chapter: str,
    requested: dict[str, str],
    profile: str = "published",
    output: Path | None = None,
    cell_timeout: int = CELL_TIMEOUT,
) -> Path:
    """Execute a chapter and return the path of the executed notebook.

    Everything that can be wrong with the request is found before a kernel starts
    (``RequestError``), but for a framework that is not installed, which its import cell finds.
    The result replaces the file at ``output`` only when every code cell
    has run without error; otherwise ``RunError`` names chapter, cell and cause, and the
    partial notebook is kept beside it as ``NAME.failed.ipynb``.
    """
    source = project.source(chapter)
    parameters = declared(source, chapter)
    overrides = project.profile_values(chapter, profile)
    values = resolve(parameters, overrides, requested)
    target = _target(project, chapter, profile, requested, output)
    failed = target.with_suffix(".failed.ipynb")
    record = {
        "chapter": chapter,
        "profile": profile if not requested else "custom",
        "overrides": values,
        "parameters": {one.name: values.get(one.name, one.default) for one in parameters},
        **origin(project, chapter, source),
    }
    with exclusive(project, target), _workspace() as (folder, config):
        working = folder / "executed.ipynb"
        cause = None
        try:
            with _kernel_messages_to(folder / "kernel.log") as terminal:
                papermill.execute_notebook(
                    source,
                    str(working),
                    parameters=values,
                    kernel_name="python3",
                    progress_bar={"desc": chapter, "disable": None, "file": terminal},
                    cwd=str(folder),
                    execution_timeout=cell_timeout,
                    config=config,
                )
        except Exception as error:  # whatever stops papermill is a failed run, reported as one
            cause = _cause(error, cell_timeout)
            missing = MissingFrameworkError.__name__
            if isinstance(error, PapermillExecutionError) and error.ename == missing:
                raise RequestError(f"chapter {chapter!r} cannot run: {error.evalue}") from error
        try:
            executed = read_notebook(working, "the executed notebook")
        except RequestError as error:  # papermill wrote nothing, or the disk was full
            place = "while writing its notebook" if working.is_file() else "before its first cell"
            raise RunError(f"chapter {chapter!r} failed {place}: {cause or error}") from error
        place = _place(executed)
        executed = _scrub(executed, source, record)
        # papermill calls a run that was cut short a success: look for ourselves.
        if cause or _incomplete(executed):
            _write(executed, failed)
            cause = cause or "it was not run to its end"
            raise RunError(f"chapter {chapter!r} failed {place}: {cause}; partial notebook: {failed}")
        _write(executed, target)
        failed.unlink(missing_ok=True)
    return target


def _target(
    project: Project, chapter: str, profile: str, requested: dict[str, str], output: Path | None
) -> Path:
    if output is None:
        name = chapter
        if requested:
            profile, name = "custom", f"{chapter}-{sha256(json.dumps(requested).encode()).hexdigest()[:8]}"
        output = project.run_path(name, profile)
        with writing(output):
            output.parent.mkdir(parents=True, exist_ok=True)
    output = Path(output)
    with writing(output):
        if output.suffix != ".ipynb" or output.is_dir():
            raise RequestError(
                f"output {str(output)!r} is no such file; allowed: a file name ending in .ipynb"
            )
        if output.resolve().parent == project.notebooks.resolve():
            raise RequestError(f"output {str(output)!r} lies among the sources; allowed: any other folder")
        with tempfile.TemporaryFile(dir=output.parent):
            pass
    return output


@contextlib.contextmanager
def _workspace() -> Iterator[tuple[Path, Config]]:
    """Give the run a folder of its own for sockets, connection file and working directory.

    Sockets in a private folder cannot be shared by parallel runs, as TCP ports can; a private
    IPYTHONDIR keeps a user's start-up files out of the results.
    """
    base = tempfile.gettempdir()
    base = base if len(base) < _SOCKET_PATH_LIMIT else "/tmp"
    saved = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="l2scaling-", dir=base, ignore_cleanup_errors=True) as name:
        os.environ |= {
            "IPYTHONDIR": f"{name}/ipython",
            "JUPYTER_RUNTIME_DIR": f"{name}/runtime",
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
            "OMP_NUM_THREADS": threads(),
        }
        config = Config()
        config.KernelManager.transport = "ipc"
        config.KernelManager.ip = f"{name}/kernel"
        try:
            yield Path(name), config
        finally:
            os.environ.clear()
            os.environ |= saved


@contextlib.contextmanager
def _kernel_messages_to(log: Path) -> Iterator[TextIO]:
    """Send what child processes write on standard error to a file; yield the real standard error.

    A kernel that is interrupted or killed prints tracebacks of its own there, which would
    drown the one line that names the cause.
    """
    sys.stderr.flush()
    with log.open("w") as file, os.fdopen(os.dup(2), "w") as terminal:
        os.dup2(file.fileno(), 2)
        try:
            yield terminal
        finally:
            sys.stderr.flush()
            os.dup2(terminal.fileno(), 2)


def _cause(error: Exception, cell_timeout: int) -> str:
    if isinstance(error, PapermillExecutionError):
        return f"{error.ename}: {' '.join(str(error.evalue).split())}".removesuffix(": ")
    if isinstance(error, CellTimeoutError):
        return f"the cell ran longer than {cell_timeout} s"
    if isinstance(error, DeadKernelError):
        return "the kernel died, as it does when it is killed or memory runs out"
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _incomplete(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """Return the code cells that did not run to their end, in order."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    return [
        cell
        for number, cell in enumerate(code, 1)
        if cell.execution_count != number or any(output.output_type == "error" for output in cell.outputs)
    ]


def _place(notebook: nbformat.NotebookNode) -> str:
    """Say where a failed run stopped: at the last code cell that papermill began."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    begun = [cell for cell in code if cell.metadata.get("papermill", {}).get("start_time")]
    if not begun or not any(cell.execution_count for cell in code):
        return "before its first cell"
    first_line = begun[-1].source.strip().splitlines()[0]
    return f"in code cell {code.index(begun[-1]) + 1} of {len(code)} ({first_line!r})"


def _scrub(
    executed: nbformat.NotebookNode, source: nbformat.NotebookNode, record: dict[str, Any]
) -> nbformat.NotebookNode:
    """Take out what differs between machines and runs, times aside, and add the run's record."""
    kept = ("start_time", "end_time", "duration", "version")
    summary = executed.metadata.get("papermill", {})
    executed.metadata["papermill"] = {key: summary[key] for key in kept if key in summary}
    executed.metadata["l2scaling"] = record
    executed.metadata["language_info"] = source.metadata.get("language_info", {"name": "python"})
    for cell in executed.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell["id"] = "injected-parameters"
    return executed


def _write(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Put a notebook in place in one step, so that no reader ever sees half of it.

    The half that a killed run may leave has one name, so that the next run takes it away.
    """
    partial = path.with_suffix(".partial")
    try:
        with partial.open("w") as file:
            nbformat.write(notebook, file)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
