"""All released versions in one folder, for a host: the newest at its root, each below ``v/``.

What an older page has to say, that it is one, is written into it here and not asked for by a script: a page
cannot look for a list that may be missing without an error in the reader's console.
"""

import json
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from html import escape
from pathlib import Path, PurePosixPath

from l2scaling.publish.errors import RequestError
from l2scaling.publish.project import writing

LIST = "versions.json"
_PAGES = "html/"
_NAME = re.compile(r"l2scaling-(\d+(?:\.\d+)*)/")
_STYLE = "margin:0;padding:.5rem 1rem;text-align:center;background:#fff3cd;color:#4d3800"
_CANONICAL = re.compile(r'\s*<link rel="canonical"[^>]*>')


def lay_out(archives: Sequence[Path], folder: Path) -> Path:
    """Lay out the pages of releases and return the folder, in which versions.json lists them, newest first.

    Every page of an older version says so and links the same page of the newest, or its first page where it
    has none. Raises ``RequestError`` for an archive that is none, a version that is there twice, and a folder
    that holds anything else.
    """
    found: dict[str, Path] = {}
    for archive in archives:
        version = _version(archive)
        if version in found:
            raise RequestError(f"version {version} is there twice, in {str(archive)!r}; allowed: once")
        found[version] = archive
    order = sorted(found, key=lambda version: [int(part) for part in version.split(".")], reverse=True)
    with writing(folder, "a new folder"):
        if folder.exists() and not (folder / LIST).is_file() and (folder.is_file() or any(folder.iterdir())):
            raise RequestError(f"output {str(folder)!r} holds other things; allowed: a new folder")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as draft:
            site = Path(draft) / "site"
            site.mkdir()
            for version in order:
                _unpack(found[version], site / "v" / version)
            newest = site / "v" / order[0]
            for version in order[1:]:
                older = site / "v" / version
                for page in older.rglob("*.html"):
                    name = PurePosixPath(page.relative_to(older))
                    _mark(page, name, newest, site, version)
                    if (plain := page.with_suffix(".md")).is_file():
                        _mark_plain(plain, name.with_suffix(".md"), newest, site, version)
            shutil.copytree(newest, site, dirs_exist_ok=True)
            rows = [{"version": one, "url": f"v/{one}/", "newest": one == order[0]} for one in order]
            (site / LIST).write_text(json.dumps(rows, indent=1) + "\n")
            shutil.rmtree(folder, ignore_errors=True)
            site.rename(folder)
    return folder


def _version(archive: Path) -> str:
    try:
        with zipfile.ZipFile(archive) as opened:
            roots = {_NAME.match(name) for name in opened.namelist()}
            versions = {one[1] if one else "" for one in roots}
            (version,) = versions
            opened.getinfo(f"l2scaling-{version}/{_PAGES}index.html")
    except (OSError, zipfile.BadZipFile, ValueError, KeyError) as error:
        raise RequestError(
            f"{str(archive)!r} is no release; allowed: archives of l2scaling release, in profile published"
        ) from error
    return version


def _unpack(archive: Path, place: Path) -> None:
    with zipfile.ZipFile(archive) as opened, tempfile.TemporaryDirectory(dir=place.parents[2]) as aside:
        (root,) = {name.partition("/")[0] for name in opened.namelist()}
        opened.extractall(aside, [name for name in opened.namelist() if name.startswith(f"{root}/{_PAGES}")])
        place.parent.mkdir(parents=True, exist_ok=True)
        (Path(aside) / root / _PAGES).rename(place)


def _mark(page: Path, name: PurePosixPath, newest: Path, site: Path, version: str) -> None:
    """Let a page of an older version say so, and name the newest as the one to be found."""
    text = page.read_text(encoding="utf-8")
    words, where, target, there = _said(page, name, newest, site, version)
    banner = (
        f'<aside aria-label="Version" style="{_STYLE}">{escape(words)}'
        f' (<a href="{escape(target)}" style="color:inherit;text-decoration:underline">{where}</a>).</aside>'
    )
    if not there:
        text = _CANONICAL.sub("", text)
    page.write_text(re.sub(r"<body\b[^>]*>", lambda body: body[0] + banner, text, count=1), encoding="utf-8")


def _mark_plain(page: Path, name: PurePosixPath, newest: Path, site: Path, version: str) -> None:
    words, where, target, _ = _said(page, name, newest, site, version)
    text = page.read_text(encoding="utf-8")
    page.write_text(f"> {words} ([{where}]({target})).\n\n{text}", encoding="utf-8")


def _said(
    page: Path, name: PurePosixPath, newest: Path, site: Path, version: str
) -> tuple[str, str, str, bool]:
    """Return what an older page says, what its link says and leads to, and whether that is the same page."""
    there = (newest / name).is_file()
    target = os.path.relpath(site / (name if there else "index.html"), page.parent)
    where = "this page there" if there else "which has no such page: its beginning"
    return f"You read version {version}; the newest is {newest.name}", where, target, there
