"""One writer at a time for each file the project makes."""

import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from l2scaling.publish.errors import RequestError
from l2scaling.publish.project import Project


@contextlib.contextmanager
def exclusive(project: Project, target: Path) -> Iterator[None]:
    """Wait until no other process writes ``target``, and keep others waiting meanwhile.

    The kernel frees the lock when its holder dies, in whatever way. So a run that outlived a
    killed build finishes first, and its result cannot replace a newer one. On a cluster the same
    holds of a job that runs on while its node is taken for dead, where the shared file system
    carries locks from node to node; ``RequestError`` says that it has none at all.
    """
    folder = _folder(project)
    with (folder / sha256(bytes(target.resolve())).hexdigest()[:16]).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"another process is writing {target}; waiting for it", file=sys.stderr, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            raise RequestError(
                f"{str(folder)!r} cannot be locked ({error.strerror}); "
                "allowed: a file system with file locks, such as NFS 4, or Lustre mounted with flock"
            ) from error
        yield


def _folder(project: Project) -> Path:
    """Return where locks lie: among what is built, or, of a checkout that may only be read, elsewhere."""
    folder = project.build / "locks"
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    folder = Path("/tmp") / f"l2scaling-locks-{os.getuid()}"  # one for all, whatever their TMPDIR
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    if not folder.is_dir() or folder.is_symlink() or folder.lstat().st_uid != os.getuid():
        raise RequestError(f"{str(folder)!r} is not a folder of your own; allowed: one, or none")
    return folder
