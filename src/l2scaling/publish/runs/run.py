"""The strict run: papermill, with every request checked first and every result checked after."""

import contextlib
import glob
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
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from l2scaling.frameworks import MissingFrameworkError
from l2scaling.publish.errors import RequestError, RunError
from l2scaling.publish.locks import exclusive
from l2scaling.publish.project import Project, writing
from l2scaling.publish.runs import kernels, private
from l2scaling.publish.runs.provenance import incomplete, is_ours, origin
from l2scaling.publish.runs.request import Request

CELL_TIMEOUT = 900
SWEEP_TIMEOUT = 6 * 3600
"""Seconds a cell may take before the run is given up: of a chapter, and of a notebook that sweeps run."""


def run_chapter(
    project: Project,
    chapter: str,
    requested: dict[str, str],
    profile: str = "published",
    output: Path | None = None,
    cell_timeout: int | None = None,
    stage: str | None = None,
) -> Path:
    """Execute a chapter and return the path of the executed notebook.

    Everything that can be wrong with the request is found before a kernel starts
    (``RequestError``), but for a framework that is not installed, which its import cell finds.
    The result replaces the file at ``output`` only when every code cell
    has run without error; otherwise ``RunError`` names chapter, cell and cause, and the
    partial notebook is kept beside it as ``NAME.failed.ipynb``. With ``stage``, the id of a cell, only
    the cells up to that one are run, and the result lies apart from the runs of whole chapters.
    """
    request = Request.of(project, chapter, profile, requested)
    if cell_timeout is None:
        cell_timeout = SWEEP_TIMEOUT if chapter in project.cells() else CELL_TIMEOUT
    source, values = request.source, request.values
    if stage:
        source.cells = source.cells[: _place_of(source, chapter, stage) + 1]
        output = project.run_path(chapter, stage)
        with writing(output):
            output.parent.mkdir(parents=True, exist_ok=True)
    target = _target(project, chapter, profile, requested, output)
    failed = _failed(target)
    record = {
        "chapter": chapter,
        "profile": stage or (profile if not requested else "custom"),
        "overrides": values,
        "parameters": request.all_values,
        **origin(project, chapter, source),
    }
    with exclusive(project, target), _workspace() as (folder, config):
        cause = None
        try:
            with (
                _kernel_messages_to(folder / "kernel.log") as terminal,
                contextlib.closing(kernels.Kernel(folder)) as kernel,
            ):
                papermill.execute_notebook(
                    source,
                    None,
                    parameters=values,
                    engine_name=_Engine.register(),
                    kernel_name="python3",
                    kernel_manager_class=kernels.manager(kernel),
                    shutdown_kernel="immediate",  # all that it had to say has been said
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
        executed = _Engine.notebook
        if executed is None:
            raise RunError(f"chapter {chapter!r} failed before its first cell: {cause}")
        place = _place(executed)
        record["threads"] = kernels.threads_used(folder) or record["threads"]
        executed = _scrub(executed, source, record)
        # papermill calls a run that was cut short a success: look for ourselves.
        if cause or incomplete(executed):
            _write(executed, failed)
            cause = cause or "it was not run to its end"
            raise RunError(f"chapter {chapter!r} failed {place}: {cause}; partial notebook: {failed}")
        _write(executed, target)
        if is_ours(failed):
            failed.unlink()
    return target


def _place_of(source: nbformat.NotebookNode, chapter: str, cell: str) -> int:
    places = [place for place, one in enumerate(source.cells) if one.id == cell]
    if not places:
        raise RequestError(f"chapter {chapter!r} has no cell {cell!r}; allowed: one that shows them")
    return places[0]


class _Engine(NBClientEngine):  # type: ignore[misc]
    """papermill's own engine, which keeps the notebook in memory, however the run ends.

    To write it before and after every cell, as papermill does, takes half the time of a short run.
    """

    notebook: nbformat.NotebookNode | None = None

    @classmethod
    def register(cls) -> str:
        """Forget the last notebook; return the name by which papermill knows this engine."""
        cls.notebook = None
        papermill_engines.register("keeping", cls)
        return "keeping"

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> None:
        cls.notebook = nb_man.nb
        super().execute_managed_notebook(nb_man, kernel_name, **options)


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
        failed = _failed(output)
        longest = os.pathconf(output.parent, "PC_NAME_MAX")
        if len(os.fsencode(failed.name)) > longest:
            raise RequestError(
                f"output {str(output)!r} has too long a name; allowed: at most {longest} bytes "
                f"together with the ending {''.join(failed.suffixes[-2:])} of a failed run"
            )
        if os.path.lexists(failed) and not is_ours(failed):
            raise RequestError(
                f"output {str(output)!r} would need {failed.name!r} beside it if the run fails, which is "
                "no failed run; allowed: another file name"
            )
    return output


def _failed(target: Path) -> Path:
    return target.with_suffix(".failed.ipynb")


@contextlib.contextmanager
def _workspace() -> Iterator[tuple[Path, Config]]:
    """Give the run a folder of its own for sockets, settings and as working directory.

    Sockets in a private folder cannot be shared by parallel runs, as TCP ports can.
    """
    saved = dict(os.environ)
    with private.folder(private.WITHIN) as name:
        own = private.environment(name, os.environ)
        os.environ.clear()
        os.environ |= own
        config = Config()
        config.KernelManager.transport = "ipc"
        config.KernelManager.ip = f"{name}/kernel"
        try:
            yield name, config
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

    The half is written under a name that nobody else has, and never through a link. What a killed
    run of the same name has left is taken away.
    """
    prefix = f".{path.stem[:80]}.l2scaling-"
    for left in path.parent.glob(f"{glob.escape(prefix)}*.partial"):
        if left.is_file() and not left.is_symlink():
            left.unlink(missing_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=prefix, suffix=".partial", delete=False
    ) as file:
        partial = Path(file.name)
        try:
            nbformat.write(notebook, file)
            file.flush()
            partial.chmod(0o666 & ~_umask())
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


def _umask() -> int:
    """Return what this process takes from the rights of its files, which can be read by setting it only."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
