"""A parent process in the run's own environment, from which runs are forked.

``run`` asks one to execute a command line: the warm one that stands in ``VARIABLE``, which has
imported everything once, or a new one for this run alone. Each run is a process of its own with
a kernel of its own, so one that dies or grows costs no other.

``python -m l2scaling.publish.runs.warm COMMAND…`` executes a command with a warm parent at its side.
"""

import contextlib
import hashlib
import importlib
import json
import os
import pkgutil
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from l2scaling.publish.errors import RequestError
from l2scaling.publish.runs import private

VARIABLE = "L2SCALING_WARM"
"""The environment variable that holds the address of a warm parent."""

NAME = "book-run"
"""How a run is called in a list of processes."""

_PACKAGE = Path(__file__).parents[2]
_LATE = (
    "matplotlib.backends.backend_svg",
    "myst_nb.ext.glue",
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.extensions.storemagic",
)
"""What a kernel, a picture or papermill would import only when it is at work."""

_LOST, _DECLINED = "lost", "declined"

UNTOUCHED = "what was good before is untouched"


# ---------------------------------------------------------------- who asks


def run(words: Sequence[str], address: str | None = None) -> int:
    """Have a command line of ``l2scaling`` executed in an environment of its own; return its status.

    The parent that is asked is the one at ``address``, or that of ``VARIABLE``.
    """
    try:
        given = private.environment(Path(), os.environ)
        status = _ask(os.environ.get(VARIABLE, "") if address is None else address, words, given)
        if status == _DECLINED:
            with parent(os.environ, warm=False) as address:
                status = _ask(address, words, given)
    except RequestError as error:
        return complain(2, error)
    except KeyboardInterrupt:
        return complain(130, f"interrupted; {UNTOUCHED}")
    except OSError as error:  # no room for the run's own folder
        return complain(1, f"{error.strerror}: {error.filename}; nothing was started")
    if status in (_LOST, _DECLINED) or int(status) < 0:
        return complain(1, f"the run was killed; {UNTOUCHED}")
    return int(status)


def complain(status: int, message: object) -> int:
    """Say in one line what is wrong; return the status."""
    print(f"l2scaling: {' '.join(str(message).split())}", file=sys.stderr)
    return status


def _ask(address: str, words: Sequence[str], given: dict[str, str]) -> str:
    """Hand a parent a command line, this process' streams and folder; return how it ended."""
    request = json.dumps({"words": words, "environment": given, "folder": str(Path.cwd())})
    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.connect(address)
            socket.send_fds(line, [b" "], [0, 1, 2])
            line.sendall(f"{request}\n".encode())
        except OSError:  # there is none, or it is about to end
            return _DECLINED
        with contextlib.suppress(OSError):
            return line.recv(16).decode() or _LOST
    return _LOST


@contextlib.contextmanager
def parent(given: Mapping[str, str], *, warm: bool, now: bool = False) -> Iterator[str]:
    """Start a parent, warm or for one run, and yield its address; at the end it and its runs are gone.

    A warm one imports when it is first asked, or ``now``, where it is sure to be.
    """
    with private.folder() as place, socket.socket(socket.AF_UNIX) as listener:
        address = str(place / "parent")
        listener.bind(address)
        listener.listen(128)
        words = [str(listener.fileno()), *(["--warm"] if warm else []), *(["--now"] if now else [])]
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "l2scaling.publish.runs.warm", "--serve", *words],
            cwd=place / "home",  # matplotlib reads a matplotlibrc of the folder it is loaded in
            env=private.environment(place, given),
            stdin=subprocess.PIPE,  # which ends with this process, in whatever way it ends
            pass_fds=[listener.fileno()],
            start_new_session=True,
        )
        listener.close()
        try:
            yield address
        finally:
            assert process.stdin
            process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):  # it may be importing
                process.wait(timeout=2)
            process.kill()  # its runs die with it
            process.wait()


def main() -> int:
    """Execute a command with a warm parent at its side; return its status."""
    if shutil.which(sys.argv[1]) is None:
        return complain(127, f"no program {sys.argv[1]!r}; allowed: one on PATH, or its path")
    with parent(os.environ, warm=True) as address:
        started = subprocess.Popen(sys.argv[1:], env=os.environ | {VARIABLE: address})
        signal.signal(signal.SIGTERM, lambda *_: started.terminate())
        while True:
            with contextlib.suppress(KeyboardInterrupt):  # which the command has received, too
                status = started.wait()
                return 128 - status if status < 0 else status


# ---------------------------------------------------------------- who is asked


def serve(listener: socket.socket, *, warm: bool, now: bool) -> None:
    """Fork a run for every request, until standard input ends."""
    wanted = select.poll()
    wanted.register(0, select.POLLHUP)
    wanted.register(listener, select.POLLIN)
    runs: dict[int, tuple[int, socket.socket]] = {}  # by the file that tells of a run's end
    lines: dict[int, int] = {}  # the run of each line to somebody who asked
    loaded = _import_all() if now else ""
    while True:
        ready, _ = wanted.poll()[0]  # one at a time, as files of those that end are opened again
        if ready == 0:
            for run, _ in runs.values():
                _end(run)
                os.waitpid(run, 0)  # so that nothing writes any more when this process has ended
            return
        if ready == listener.fileno():
            if warm and not loaded:
                loaded = _import_all()
            line, _ = listener.accept()
            parent = os.getpid()
            run = os.fork()
            with contextlib.suppress(OSError):  # by whichever of the two comes first
                os.setpgid(run, run)
            if run == 0:
                private.settle(NAME, parent)
                listener.close()
                os._exit(_answer(line, loaded))
            end = os.pidfd_open(run)
            wanted.register(end, select.POLLIN)
            wanted.register(line, 0)  # so that only its end is told
            runs[end], lines[line.fileno()] = (run, line), run
        elif ready in lines:  # nobody waits for the run any more
            wanted.unregister(ready)
            _end(lines.pop(ready))
        else:
            run, line = runs.pop(ready)
            status = os.waitstatus_to_exitcode(os.waitpid(run, 0)[1])
            with contextlib.suppress(OSError):
                line.sendall((_DECLINED if status == _DECLINING else str(status)).encode())
            _end(run)  # whatever it has left behind
            wanted.unregister(ready)
            if lines.pop(line.fileno(), None):
                wanted.unregister(line)
            line.close()
            os.close(ready)


_DECLINING = 213  # a status that no command has


def _end(run: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(run, signal.SIGKILL)


def _answer(line: socket.socket, loaded: str) -> int:
    """Be the run that was asked for; return its status."""
    _, streams, _, _ = socket.recv_fds(line, 1, 3)
    with line.makefile("rb") as words:
        request = json.loads(words.readline())
    given = request["environment"]
    if any(given.get(name) != os.environ.get(name) for name in private.AT_START):
        return _DECLINING
    if loaded and loaded != _sources():  # what was imported is not what is there now
        return _DECLINING
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    line.close()
    # anew, since those of the parent remember what kind of file they were opened on
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    for name in private.PASSED:
        os.environ.pop(name, None)
    os.environ |= {name: given[name] for name in private.PASSED if name in given}
    # what a run and its libraries leave behind goes with the parent's folder
    tempfile.tempdir = os.environ["TMPDIR"] = str(Path.cwd().parent)
    os.chdir(request["folder"])
    from l2scaling.publish.cli import main as command

    try:
        status = command(request["words"])
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        pass  # the reader has gone
    except OSError as error:
        status = complain(status or 1, f"{error.strerror}; the run itself is done")
    return status


def _sources() -> str:
    """Return the SHA-256 of the package's modules as they lie on the disk."""
    modules = sorted(_PACKAGE.rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in modules)).hexdigest()


def _import_all() -> str:
    """Import what chapters import, other frameworks aside, which start threads; return the sources' hash.

    A probe of the atlas imports its own library, which need not be here.
    """
    loaded = _sources()
    for module in pkgutil.walk_packages([str(_PACKAGE)], "l2scaling."):
        if not module.name.startswith(("l2scaling.publish", "l2scaling.atlas.probes.")):
            importlib.import_module(module.name)
    for name in ("l2scaling.publish.cli", "l2scaling.publish.runs.run", *_LATE):
        importlib.import_module(name)
    return loaded


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("l2scaling: no command; allowed: python -m l2scaling.publish.runs.warm COMMAND…")
    if sys.argv[1] == "--serve":
        serve(socket.socket(fileno=int(sys.argv[2])), warm="--warm" in sys.argv, now="--now" in sys.argv)
        os._exit(0)  # all is flushed, and to take the imports apart again takes a second
    sys.exit(main())
