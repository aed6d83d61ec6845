"""What a link leads to, to be shown beside it: taken from the built pages, a script for each page.

A script, since a page that is opened from a disk may load one and may not read any other file. It is
loaded when a reader first asks, so no page grows by what it links to.
"""

import copy
import json
import posixpath
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup

FOLDER = "previews"

KINDS = ("claim", "prop", "def", "rem", "equation", "fig", "record", "term", "atlas")
"""What addresses begin with that have a preview; the script in the pages has them too."""

LINK = re.compile(rf'href="([^"#:]*)#((?:{"|".join(KINDS)})-[^"]+)"')

UNSHOWN = "a.headerlink, script, button, input, details"


def linked(name: str, page: str) -> set[tuple[str, str]]:
    """Return page and address of everything with a preview that a page links to.

    >>> sorted(linked("notebooks/a", '<a href="../book/b.html#claim-a1"><a href="#fig-x"><a href="#else">'))
    [('book/b', 'claim-a1'), ('notebooks/a', 'fig-x')]
    """
    folder = posixpath.dirname(name)
    return {
        (posixpath.normpath(posixpath.join(folder, there.removesuffix(".html"))) if there else name, anchor)
        for there, anchor in LINK.findall(page)
    }


def preview(page: BeautifulSoup, anchor: str) -> str | None:
    """Return what stands at an address of a page as HTML without links; nothing if it is of no known kind.

    >>> page = '<table><tr><th>quantity</th><th>measured</th></tr>'
    >>> page += '<tr><td id="record-a">x</td><td>2</td></tr></table>'
    >>> preview(BeautifulSoup(page, "html.parser"), "record-a")
    '<p><strong>x</strong></p><p>measured: 2</p>'
    >>> preview(BeautifulSoup('<dl><dt id="term-a">A</dt><dd><p>B</p></dd>', "html.parser"), "term-a")
    '<p><strong>A</strong></p><p>B</p>'
    """
    found: Any = page.find(id=anchor)
    if found is None:
        return None
    if row := found.find_parent("tr"):
        heads = [_inner(one) for one in row.find_parent("table").select("th")]
        first, *others = [_inner(one) for one in row.select("td")]
        said = "; ".join(f"{head}: {told}" for head, told in zip(heads[1:], others, strict=False) if told)
        return f"<p><strong>{first}</strong></p><p>{said}</p>"
    if found.name == "dt":
        return f"<p><strong>{_inner(found)}</strong></p>{_inner(found.find_next_sibling('dd'), whole=True)}"
    if found.name == "section":  # what is said before the first table
        told = list(found.find_all(["p", "div"], recursive=False))
        until = next((at for at, one in enumerate(told) if one.name == "div" or one.em), len(told))
        return "".join([f"<p><strong>{_inner(found.h2)}</strong></p>", *map(_outer, told[:until])])
    if found.name == "figure":
        return _inner(found, whole=True)
    return _outer(found) if {"math", "proof"} & set(found.get_attribute_list("class")) else None


def _bare(node: Any) -> Any:
    """Return a copy without links, controls and addresses."""
    node = copy.copy(node)
    for one in node.select(UNSHOWN):
        one.decompose()
    for one in node.select("a"):
        one.unwrap()
    for one in [node, *node.select("[id]")]:
        one.attrs.pop("id", None)
    return node


def _inner(node: Any, whole: bool = False) -> str:
    """Return what a node holds; of a single paragraph what this holds, unless the whole is wanted."""
    node = _bare(node)
    if not whole and node.p and len(node.find_all(recursive=False)) == 1:
        node = node.p
    return str(node.decode_contents().strip())


def _outer(node: Any) -> str:
    return str(_bare(node))


def write_previews(site: Path, name: str, page: BeautifulSoup, anchors: Iterable[str]) -> None:
    """Write the previews of a page for those of its addresses that any page links to."""
    found = {anchor: preview(page, anchor) for anchor in sorted(anchors)}
    text = json.dumps({anchor: html for anchor, html in found.items() if html}, ensure_ascii=False)
    (site / FOLDER).mkdir(exist_ok=True)
    (site / path(name)).write_text(f"(window.previews ??= {{}})[{json.dumps(name)}] = {text};\n")


def path(name: str) -> str:
    """Return where the previews of a page lie.

    >>> path("book/glossary")
    'previews/book-glossary.js'
    """
    return f"{FOLDER}/{name.replace('/', '-')}.js"


def all_linked(site: Path) -> Mapping[str, set[str]]:
    """Return for each page of a built site the addresses on it that any page links to."""
    found: dict[str, set[str]] = {}
    for file in site.rglob("*.html"):
        for name, anchor in linked(file.relative_to(site).with_suffix("").as_posix(), file.read_text()):
            found.setdefault(name, set()).add(anchor)
    return found
