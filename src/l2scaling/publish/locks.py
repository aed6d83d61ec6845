"""One writer at a time for each file the project makes."""

import contextlib
import fcntl
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from l2scaling.publish.project import Project


@contextlib.contextmanager
def exclusive(project: Project, target: Path) -> Iterator[None]:
    """Wait until no other process writes ``target``, and keep others waiting meanwhile.

    The kernel frees the lock when its holder dies, in whatever way. So a run that outlived a
    killed build finishes first, and its result cannot replace a newer one.
    """
    folder = project.build / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / sha256(bytes(target.resolve())).hexdigest()[:16]).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"another process is writing {target}; waiting for it", file=sys.stderr, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
