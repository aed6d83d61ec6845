"""What the book's search knows: each section, row, term and function with its words, as a script.

A script, since a page that is opened from a disk may load one and may not read any other file.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString, PreformattedString

NAME = "search/places.js"

UNREAD = (
    "a.headerlink, script, style, button, input, select, summary, .eqno, dl.py, .explorer, "
    "pre:not(.highlight-bash pre)"
)
"""What is no word of a place: controls, code, and the numbers of formulas."""

ENDS = frozenset(
    ["p", "li", "td", "th", "dd", "dt", "tr", "figcaption", "div", "section", "pre", "h1", "h2", "h3", "h4"]
)
"""After these a word is at its end."""

SYMBOLS = "table:has(th:first-child:-soup-contains('symbol', 'letter')) tbody tr"
"""The rows that say what one letter means."""

BETWEEN = {
    "cdot": "·", "times": "×", "propto": "∝", "le": "≤", "ge": "≥", "neq": "≠", "approx": "≈", "pm": "±",
    "to": "→", "in": "∈", "mid": "|",
}  # fmt: skip
SIGNS = {
    "sum": "Σ", "nabla": "∇", "partial": "∂", "sqrt": "√", "infty": "∞", "lVert": "‖", "rVert": "‖", "|": "‖",
    "top": "ᵀ", "ldots": "…", "dots": "…", "cdots": "…",
} | {name: f" {sign} " for name, sign in BETWEEN.items()}  # fmt: skip
"""What commands of TeX print that are no letters."""
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def spoken(tex: str) -> str:
    r"""Return a formula as a line of text, as far as text can have it.

    >>> spoken(r"\(\frac{c}{2}\sum_{i=1}^{P} w_i^2\)")
    'c/2 Σw²'
    >>> spoken(r"\kappa = \sum_t \eta_t\lambda/(1-\beta)"), spoken(r"c \lVert w\rVert \le 10^{-4}")
    ('κ = Ση_tλ/(1-β)', 'c ‖w‖ ≤ 10^-4')
    """
    text = re.sub(r"^\s*\\[(\[]|\\[)\]]\s*$", "", tex)
    text = re.sub(r"\\[dt]?frac\s*(\{[^{}]*\}|\w)\s*(\{[^{}]*\}|\w)", r"\1/\2 ", text)
    text = re.sub(r"\\sum(?:[_^](?:\{[^{}]*\}|\w))*", r"\\sum ", text)
    text = re.sub(r"_i(?=\^)", "", text)
    text = re.sub(r"\\([A-Za-z]+|\|)(?: +(?=[\w\\]))?", lambda one: _sign(one[1]), text)
    text = re.sub(r"\^\{?(\d+)\}?", lambda one: one[1].translate(RAISED), text)
    return " ".join(re.sub(r"\\[^{}]|&", " ", re.sub(r"\\?[{}]", "", text)).split())


def _sign(command: str) -> str:
    if command in SIGNS:
        return SIGNS[command]
    case = "SMALL" if command.islower() else "CAPITAL"
    name = {"lambda": "lamda", "varphi": "phi", "varepsilon": "epsilon"}.get(command.lower(), command.lower())
    try:
        return unicodedata.lookup(f"GREEK {case} LETTER {name}")
    except KeyError:
        return " "


def places(page: BeautifulSoup) -> Iterator[tuple[str, str, str]]:
    """Yield the address within a built page, the heading and the words of every place in it.

    >>> page = '<article class="bd-article"><section id="a"><h1>One</h1><p>two</p>'
    >>> page += '<section id="b"><h2>Three</h2>four</section></section></article>'
    >>> list(places(BeautifulSoup(page, "html.parser")))
    [('a', 'One', 'two'), ('b', 'Three', 'four')]
    """
    article = page.select_one("article.bd-article")
    found = list(_found(article)) if article else []
    skip = {id(one) for one in page.select(UNREAD)} | {id(one) for _, *parts in found for one in parts}
    for anchor, heading, *told in found:
        yield anchor, _words(heading, skip), " ".join(_words(one, skip) for one in told)


def _found(article: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the address of every place, what names it, and in what it is told."""
    for one in article.select("section[id]:has(> :is(h1, h2, h3, h4))"):
        yield one["id"], one.select_one(":scope > :is(h1, h2, h3, h4)"), one
    for one in article.select("dl.glossary > dt[id]"):
        yield one["id"], one, one.find_next_sibling("dd")
    for one in article.select("dl.py > dt[id]"):
        name, first = one.select_one(".sig-name"), one.find_next_sibling("dd").find("p", recursive=False)
        yield one["id"], name, first or name
    for one in article.select("table.atlas tbody tr"):
        yield one.select_one("[id]")["id"], one.td, one
    for one in article.select(SYMBOLS):
        yield one.find_parent("section")["id"], one.td, one.find_parent("table").th, one


def _words(node: Tag, skip: set[int]) -> str:
    text = " ".join("".join(_texts(node, skip)).split())
    return re.sub(r"(· )+(?=·)", "", text).strip(" ·")


def _texts(node: Tag, skip: set[int]) -> Iterator[str]:
    for child in node.children:
        if isinstance(child, Tag):
            if id(child) in skip:
                continue
            if "math" in child.get_attribute_list("class"):
                yield f" {spoken(child.get_text())} "
            else:
                yield from _texts(child, skip)
                if child.name in ENDS:
                    yield " · " if child.name in ("td", "th") else " "
        elif isinstance(child, NavigableString) and not isinstance(child, PreformattedString):
            yield str(child)


def write_places(site: Path, found: Mapping[str, Sequence[tuple[str, str, str]]]) -> None:
    """Write the places of all pages, by page, where the search page of a built site loads them."""
    (site / NAME).parent.mkdir(exist_ok=True)
    text = json.dumps(list(found.items()), ensure_ascii=False, separators=(",", ":"))
    (site / NAME).write_text(f"window.places = {text};\n")
