"""Read again only the pages whose content has changed, and each page once for all numbers on it.

What is read is kept from one build to the next; what is written is written anew. The sources are laid
out anew for each build, so dates say nothing.
"""

import gc
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment


class _Numbers:
    """The environment, but for a page that is read from the disk once, not for each number on it."""

    def __init__(self, environment: BuildEnvironment) -> None:
        self._environment = environment
        self.get_doctree = cache(environment.get_doctree)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._environment, name)


def changed(app: Sphinx, environment: BuildEnvironment, *_: set[str]) -> Iterable[str]:
    """Return the pages that are, or include, other than when they were read."""
    before = getattr(environment, "contents", {})
    return [page for page, now in contents(environment).items() if before.get(page) != now]


def remember(app: Sphinx, environment: BuildEnvironment) -> None:
    """Note what the pages were read from, and prepare their writing.

    The package's modules lie outside: what the reference shows of them stands in its source, as a hash.
    """
    inside = Path(app.srcdir)
    for files in environment.dependencies.values():
        files -= {name for name in files if not (inside / name).resolve().is_relative_to(inside)}
    environment.contents = contents(environment)  # type: ignore[attr-defined]
    domain: Any = environment.get_domain("std")
    resolve, once = domain._resolve_numref_xref, _Numbers(environment)
    domain._resolve_numref_xref = lambda _, *rest: resolve(once, *rest)


def contents(environment: BuildEnvironment) -> dict[str, str]:
    """Return for each page a hash over its source and all that this includes."""
    found = {}
    for page in environment.all_docs.keys() & environment.found_docs:
        parts = [environment.doc2path(page), *sorted(environment.dependencies[page])]
        paths = [Path(environment.srcdir, part) for part in parts]
        found[page] = sha256(b"\0".join(path.read_bytes() for path in paths if path.is_file())).hexdigest()
    return found


def setup(app: Sphinx) -> dict[str, bool]:
    gc.disable()  # for a process of seconds, it takes a third of the time
    app.connect("env-get-outdated", changed)
    app.connect("env-updated", remember)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
