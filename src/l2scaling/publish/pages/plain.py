"""Every page once more as Markdown, for programs that read: made of the built page, so that it says the same.

``x.html`` gets an ``x.md`` beside it, with formulas as TeX, figures as their descriptions and what is folded
unfolded; ``llms.txt`` at the root of the site lists them all.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup, Tag
from bs4.element import PageElement
from markdownify import MarkdownConverter

from l2scaling.publish.project import Project

LIST = "llms.txt"

UNREAD = (
    "a.headerlink, script, style, noscript, button, .explorer, .sd-summary-state-marker, "
    "details.hide > summary, .eqno"
)
"""What is no part of a page's words: controls, what computes in a browser, and the numbers of formulas."""


class _Writer(MarkdownConverter):
    """Formulas as Sphinx has them are no words, in which signs would be escaped."""

    def convert_span(self, one: Tag, text: str, parent_tags: set[str]) -> str:
        return f"${_formula(one)}$" if "math" in one.get_attribute_list("class") else text

    def convert_div(self, one: Tag, text: str, parent_tags: set[str]) -> str:
        if "math" in one.get_attribute_list("class"):
            text = f"$$\n{_formula(one)}\n$$"
        return f"\n\n{text.strip()}\n\n"


def _formula(one: Tag) -> str:
    r"""Return the TeX of a formula without its delimiters, ``\( \)`` or ``\[ \]``."""
    return re.sub(r"^\s*\\[(\[]|\\[)\]]\s*$", "", one.get_text()).strip()


def _paragraph(soup: BeautifulSoup, kind: str, *words: PageElement | str) -> Tag:
    """Return a paragraph, all of whose words stand in one element of a kind."""
    inner, outer = soup.new_tag(kind), soup.new_tag("p")
    inner.extend(words)
    outer.append(inner)
    return outer


def _language(one: Tag) -> str:
    """Return the language of a block of code, by the classes of what it stands in."""
    for box in one.parents:
        for name in box.get_attribute_list("class"):
            if name and name.startswith("highlight-"):
                return str(name).removeprefix("highlight-")
    return ""


def markdown(page: BeautifulSoup) -> str:
    """Return the article of a built page as Markdown, with links to the other pages' Markdown.

    What is read is changed by it.

    >>> page = '<article class="bd-article"><h1>On <em>c</em></h1><p>It is <span class="math">'
    >>> page += '\\\\(c\\\\)</span>, see <a href="ridge.html#x">there</a>.</p></article>'
    >>> print(markdown(BeautifulSoup(page, "html.parser")))
    # On *c*
    <BLANKLINE>
    It is $c$, see [there](ridge.md).
    <BLANKLINE>
    """
    article = page.select_one("article.bd-article")
    if article is None:
        return ""
    for one in article.select(UNREAD):
        one.decompose()
    for link in article.select("a[href]"):
        address = str(link["href"])
        if address.startswith("#") or link.img:  # Markdown has no places within a page
            link.unwrap()
        elif not re.match(r"\w+:", address):
            link["href"] = re.sub(r"\.html(#.*)?$", ".md", address)
        link.attrs.pop("title", None)
    for image in article.select("img"):
        image.replace_with(_paragraph(page, "em", f"[Figure: {image.get('alt', '')}]"))
    for title in article.select("p.admonition-title, summary"):
        title.replace_with(_paragraph(page, "strong", *list(title.contents)))
    options: dict[str, Any] = {
        "heading_style": "atx", "bullets": "-", "code_language_callback": _language, "strip": ["section"]
    }  # fmt: skip
    text = _Writer(**options).convert_soup(article)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"(?m)[ \t]+$", "", text)).strip() + "\n"


def write_list(project: Project, site: Path, found: Mapping[str, tuple[str, str]]) -> None:
    """Write the list of all pages of a built site.

    ``found`` has by page the first line of its Markdown, and its description or nothing.
    """
    lines = [f"# {project.config()['title']}"]
    for caption, names in project.pages():
        lines += ["", f"## {caption}", ""] if caption else [""]
        for name in names:
            first, about = found[name]
            lines.append(f"- [{first.removeprefix('# ')}]({name}.md)" + (f": {about}" if about else ""))
    (site / LIST).write_text("\n".join(lines) + "\n")
