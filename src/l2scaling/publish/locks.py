"""One writer at a time for each file the project makes."""

import contextlib
import fcntl
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from l2scaling.publish.project import Project, RequestError


@contextlib.contextmanager
def exclusive(project: Project, target: Path) -> Iterator[None]:
    """Wait until no other process writes ``target``, and keep others waiting meanwhile.

    The kernel frees the lock when its holder dies, in whatever way. So a run that outlived a
    killed build finishes first, and its result cannot replace a newer one. On a cluster the same
    holds of a job that runs on while its node is taken for dead, where the shared file system
    carries locks from node to node; ``RequestError`` says that it has none at all.
    """
    folder = project.build / "locks"
    folder.mkdir(parents=True, exist_ok=True)
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
