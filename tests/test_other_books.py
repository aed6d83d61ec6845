"""Other books refer to chapters, figures, propositions, equations, terms and functions of this one."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag
from conftest import ROOT, from_npm
from sphinx.util.inventory import InventoryFile
from test_pages import hosted

from l2scaling.publish.pages import citation
from l2scaling.publish.project import Project

PROJECT = Project(ROOT)
ADDRESS = "https://book.example/"

TARGETS = {
    "chapter": "notebooks/ridge.html",
    "figure": "notebooks/ridge.html#fig-ridge-best",
    "proposition": "notebooks/ridge.html#prop-ridge-risk",
    "equation": "notebooks/ridge.html#equation-eq-ridge-risk",
    "claim": "book/verdicts.html#claim-d2",
    "term": "book/glossary.html#term-pull",
    "function": "book/api.html#l2scaling.laws.ridge.ridge_path",
    "record": "notebooks/ridge.html#record-ridge-81022beb",
}

ROLES = """
# By roles

- {doc}`l2scaling:notebooks/ridge`
- {ref}`l2scaling:fig-ridge-best`
- {ref}`l2scaling:prop-ridge-risk`
- {ref}`l2scaling:eq-ridge-risk`
- {ref}`l2scaling:claim-d2`
- {term}`l2scaling:pull`
- {py:func}`l2scaling.laws.ridge.ridge_path`
- {ref}`this test <l2scaling:record-ridge-81022beb>`
"""

LINKS = """
# By links

- [](inv:l2scaling:std:doc#notebooks/ridge)
- [](inv:l2scaling#fig-ridge-best)
- [](inv:l2scaling#prop-ridge-risk)
- [](inv:l2scaling#eq-ridge-risk)
- [](inv:l2scaling#claim-d2)
- [](inv:l2scaling:std:term#pull)
- [](inv:l2scaling#l2scaling.laws.ridge.ridge_path)
- [this test](inv:l2scaling#record-ridge-81022beb)
"""

MYST = """---
exports:
  - format: md
    output: out.md
---
# Another book

- [](xref:l2scaling#notebooks/ridge)
- [](xref:l2scaling#fig-ridge-best)
- <xref:l2scaling#prop-ridge-risk>
- [](xref:l2scaling#eq-ridge-risk)
- [](xref:l2scaling#claim-d2)
- [pull](xref:l2scaling#pull)
- [`ridge_path`](xref:l2scaling#l2scaling.laws.ridge.ridge_path)
- [this test](xref:l2scaling#record-ridge-81022beb)
"""


def page_of(site: Path, name: str) -> BeautifulSoup:
    return BeautifulSoup((site / name).read_text(), "html.parser")


def shown(site: Path, address: str) -> str:
    """What the book calls the place at an address, without its numbers' full stops and marks."""
    name, _, anchor = address.partition("#")
    place = page_of(site, name).find(id=anchor) if anchor else page_of(site, name).h1
    assert isinstance(place, Tag), address
    for mark in place.find_all("a", class_="headerlink"):
        mark.decompose()
    if number := place.select_one(".caption-number"):
        return number.get_text(strip=True)
    if number := place.select_one(".eqno"):
        return f"Equation {number.get_text(strip=True).strip('()')}"
    return (place.find(["h1", "h2"]) or place).get_text(strip=True)


def three_lines(site: Path) -> str:
    """What the page on citing gives other books to configure, with an address and a copy of the index."""
    (lines,) = re.findall(r"(?s)```python\n(.*?)```", (ROOT / "book" / "cite.md").read_text())
    given = f'"{ADDRESS}", {str(site / "objects.inv")!r}'
    assert '"ADDRESS", None' in lines
    return lines.replace('"ADDRESS", None', given)


def test_a_sphinx_book_refers_to_this_one(quick_site, tmp_path):
    (tmp_path / "conf.py").write_text(three_lines(quick_site))
    (tmp_path / "index.md").write_text("# Another book\n\n```{toctree}\nroles\nlinks\n```\n")
    (tmp_path / "roles.md").write_text(ROLES)
    (tmp_path / "links.md").write_text(LINKS)
    command = [sys.executable, "-m", "sphinx", "-W", "-n", "--keep-going", "-q", tmp_path, tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name in ("roles", "links"):
        links = page_of(tmp_path / "out", f"{name}.html").select(".body li a")
        assert [link["href"] for link in links] == [ADDRESS + target for target in TARGETS.values()]
        words = dict(zip(TARGETS, (link.get_text().removesuffix("()") for link in links), strict=True))
        assert words.pop("record") == "this test"
        assert words.pop("function") == "l2scaling.laws.ridge.ridge_path"
        assert words == {kind: shown(quick_site, TARGETS[kind]) for kind in words}
        assert all("Big Penalty, Same Pull" in link["title"] for link in links)


def test_a_book_of_mystmd_refers_to_this_one(quick_site, tmp_path):
    tools = from_npm("mystmd", "mystmd@1.8.3", otherwise="it read no index")
    (tmp_path / "index.md").write_text(MYST)
    with hosted(quick_site) as place:
        project = {"title": "Another book", "references": {"l2scaling": place}}
        (tmp_path / "myst.yml").write_text(json.dumps({"version": 1, "project": project}))
        command = [tools / "node_modules" / ".bin" / "myst", "build", "--md", "--ci", "--strict"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    links = re.findall(r"(?m)^\*\s+\[(.*?)\]\((.*)\)$", (tmp_path / "out.md").read_text())
    assert [target for _, target in links] == [f"{place}/{target}" for target in TARGETS.values()]
    words = dict(zip(TARGETS, (one for one, _ in links), strict=True))
    for kind in ("figure", "proposition", "equation"):
        assert words[kind] == shown(quick_site, TARGETS[kind])


def index_of(site: Path) -> dict[str, tuple[str, str]]:
    """What the index calls a label, and where it is."""
    with (site / "objects.inv").open("rb") as file:
        found = InventoryFile.load(file, "", lambda _, address: address)
    name, version = Project(ROOT).config()["title"], citation.book_reference(PROJECT).version
    assert all(one[:2] == (name, version) for kind in found.values() for one in kind.values())
    return {label: (one[3], one[2]) for label, one in found["std:label"].items()}


@pytest.mark.parametrize("chapter", PROJECT.chapters())
def test_all_that_has_a_number_is_in_the_index_under_its_name(quick_site, chapter):
    name = f"notebooks/{chapter}.html"
    article, labels = page_of(quick_site, name).article, index_of(quick_site)
    numbered = article.select(
        "figure:has(.caption-number), div.proof:has(.caption-number), div.math:has(.eqno)"
    )
    assert len(numbered) > 4
    for one in numbered:
        label = one["id"].removeprefix("equation-")
        assert re.fullmatch(r"(fig|prop|def|rem|eq)-[a-z-]+", label)
        assert labels[label] == (shown(quick_site, f"{name}#{one['id']}"), f"{name}#{one['id']}")


def test_every_address_of_the_index_is_there(quick_site):
    places = [address.partition("#") for _, address in index_of(quick_site).values()]
    for page in {page for page, _, _ in places}:
        there = {one["id"] for one in page_of(quick_site, page).find_all(id=True)}
        assert {anchor for name, _, anchor in places if name == page and anchor} <= there
