"""Every page once more as Markdown, for programs that read: made of the built page, so that it says the same.

``x.html`` gets an ``x.md`` beside it, with formulas as TeX, figures as their descriptions and what is folded
unfolded; ``llms.txt`` at the root of the site lists them all.
"""

import re
from html import unescape
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup, Tag
from markdownify import MarkdownConverter

from l2scaling.publish.project import Project

LIST = "llms.txt"

UNREAD = (
    "a.headerlink, script, style, noscript, button, .explorer, .sd-summary-state-marker, "
    "details.hide > summary, .eqno"
)
"""What is no part of a page's words: controls, what computes in a browser, and the numbers of formulas."""


class _Writer(MarkdownConverter):
    """What Sphinx makes of formulas, figures and boxes, as Markdown has it."""

    def convert_span(self, one: Tag, text: str, parent_tags: set[str]) -> str:
        if "math" in one.get_attribute_list("class"):
            return f"${_formula(one)}$"
        return text

    def convert_div(self, one: Tag, text: str, parent_tags: set[str]) -> str:
        if "math" in one.get_attribute_list("class"):
            return f"\n\n$$\n{_formula(one)}\n$$\n\n"
        return str(super().convert_div(one, text, parent_tags))

    def convert_img(self, one: Tag, text: str, parent_tags: set[str]) -> str:
        return f"\n\n*[Figure: {self.escape(str(one.get('alt', '')), parent_tags)}]*\n\n"

    def convert_figcaption(self, one: Tag, text: str, parent_tags: set[str]) -> str:
        return f"\n\n{text.strip()}\n\n"

    def convert_summary(self, one: Tag, text: str, parent_tags: set[str]) -> str:
        return f"\n\n**{text.strip()}**\n\n"

    def convert_p(self, one: Tag, text: str, parent_tags: set[str]) -> str:
        if "admonition-title" in one.get_attribute_list("class"):
            text = f"**{text.strip()}**"
        return str(super().convert_p(one, text, parent_tags))


def _formula(one: Tag) -> str:
    r"""Return the TeX of a formula without its delimiters, ``\( \)`` or ``\[ \]``."""
    return re.sub(r"^\s*\\[(\[]|\\[)\]]\s*$", "", one.get_text()).strip()


def _language(one: Tag) -> str:
    """Return the language of a block of code, by the classes of what it stands in."""
    for box in one.parents:
        for name in box.get_attribute_list("class"):
            if name and name.startswith("highlight-"):
                return str(name).removeprefix("highlight-")
    return ""


def markdown(page: str) -> str:
    """Return the article of a built page as Markdown, with links to the other pages' Markdown.

    >>> page = '<article class="bd-article"><h1>On <em>c</em></h1><p>It is <span class="math">'
    >>> print(markdown(page + '\\\\(c\\\\)</span>, see <a href="ridge.html#x">there</a>.</p></article>'))
    # On *c*
    <BLANKLINE>
    It is $c$, see [there](ridge.md).
    <BLANKLINE>
    """
    article = BeautifulSoup(page, "html.parser").select_one("article.bd-article")
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
    options: dict[str, Any] = {
        "heading_style": "atx", "bullets": "-", "code_language_callback": _language, "strip": ["section"]
    }  # fmt: skip
    text = _Writer(**options).convert_soup(article)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"(?m)[ \t]+$", "", text)).strip() + "\n"


def write_plain(project: Project, site: Path) -> None:
    """Write the Markdown of each page of a built site, and the list of them."""
    lines = [f"# {project.config()['title']}"]
    for caption, names in project.pages():
        lines += ["", f"## {caption}", ""] if caption else [""]
        for name in names:
            page = (site / f"{name}.html").read_text()
            text = markdown(page)
            (site / f"{name}.md").write_text(text)
            heading = text.partition("\n")[0].removeprefix("# ")
            about = re.search(r'<meta name="description" content="([^"]*)"', page)
            lines.append(f"- [{heading}]({name}.md)" + (f": {unescape(about[1])}" if about else ""))
    (site / LIST).write_text("\n".join(lines) + "\n")
