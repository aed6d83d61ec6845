"""What a run sees of its user's machine: an environment and folders of its own.

A list of what may pass, not of what may not: whatever else stands in a user's environment or
home could move a number, a figure or an exit status.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from l2scaling.publish.errors import RequestError

PASSED = (
    "PATH", "TMPDIR", "LD_LIBRARY_PATH", "L2SCALING_PROJECT", "FASHION_MNIST",
    "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES",
)  # fmt: skip
"""Where programs, libraries, data and devices are found; nothing that says how to compute."""

THREADS = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS",
    "BLIS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
)  # fmt: skip
"""What the libraries read, each its own; all of them are told the same number."""

AT_START = (*THREADS, "LD_LIBRARY_PATH")
"""What acts when a process begins or a library is loaded, and not later."""

FIXED = {
    "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC",
    "PYTHONUTF8": "1", "PYTHONHASHSEED": "0", "PYTHONNOUSERSITE": "1",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    "OMP_WAIT_POLICY": "PASSIVE",  # or threads that wait take the cores from those that work
    "KERAS_BACKEND": "torch", "JAX_PLATFORMS": "cpu",
    "GIT_CONFIG_NOSYSTEM": "1",
}  # fmt: skip

_SOCKET_PATH_LIMIT = 60  # a socket's whole path may have 107 bytes
WITHIN = 80
"""``longest`` for a folder within such a folder, to which a kernel appends no more than nine bytes."""


def threads(given: Mapping[str, str] = os.environ) -> str:
    """Return how many threads a run may use, as OpenMP is told: one unless the user says otherwise.

    With one, sums come out in one order, and runs side by side do not fight for the cores, which
    can cost a factor of twenty. Raises ``RequestError`` for what is no such number.
    """
    said = given.get("OMP_NUM_THREADS", "1")
    if not (said.isascii() and said.isdigit() and 1 <= int(said[:9]) <= 4096):
        raise RequestError(f"OMP_NUM_THREADS={said!r}; allowed: a whole number from 1 to 4096")
    return said


def environment(folder: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a run whose own folder, for all that libraries keep, is ``folder``."""
    home = str(folder / "home")
    passed = {name: given[name] for name in PASSED if name in given}
    return {
        **passed,
        **FIXED,
        **dict.fromkeys(THREADS, threads(given)),
        "HOME": home,
        "KERAS_HOME": f"{home}/keras",
        "IPYTHONDIR": f"{home}/ipython",
        "JUPYTER_RUNTIME_DIR": f"{home}/runtime",
        "MPLCONFIGDIR": str(_cache(folder, given)),
    }


def _cache(folder: Path, given: Mapping[str, str]) -> Path:
    """Return where the list of fonts is kept, which takes a second to make: with all that is built."""
    root = Path(given.get("L2SCALING_PROJECT") or Path(__file__).parents[4])
    kept = root / "_build" / "private"
    there = next(one for one in (kept, kept.parent, root) if one.is_dir() or one == root)
    return kept if os.access(there, os.W_OK) else folder / "home"


@contextlib.contextmanager
def folder(longest: int = _SOCKET_PATH_LIMIT) -> Iterator[Path]:
    """Give a folder that nobody else can enter, with a home in it, and take it away.

    It lies among the temporary files unless their path has more bytes than ``longest``.
    """
    base = tempfile.gettempdir()
    base = base if len(os.fsencode(base)) < longest else "/tmp"
    place = Path(tempfile.mkdtemp(prefix="l2scaling-", dir=base))
    try:
        (place / "home").mkdir()  # or libraries leave folders of their own among the temporary files
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def settle(name: str, parent: int) -> None:
    """Show this process under a name of at most fifteen letters, and let it die with its parent."""
    with contextlib.suppress(AttributeError):  # where there is no such call
        ctypes.CDLL(None).prctl(15, name.encode())  # PR_SET_NAME
    die_with(parent)


def die_with(parent: int, by: int = signal.SIGKILL) -> None:
    """Let this process, and what it becomes, be sent a signal when its parent dies."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).prctl(1, by)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:  # it has died before that
        os._exit(1)
