"""The whole book as one PDF: the pages of a built site, one after the other, printed by Chromium.

Printed at once, and not page by page, so that tags, outline and links between chapters last.
"""

import importlib.util
import os
import posixpath
import re
import shutil
import tempfile
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup, Tag

from l2scaling.publish.errors import RequestError, RunError
from l2scaling.publish.locks import exclusive
from l2scaling.publish.pages import citation
from l2scaling.publish.project import Project

NAME = "book/book.pdf"
"""Beside the book's first page, as Google Scholar takes a PDF for a page's own only from the same folder."""
PLACE = "<!-- book.pdf -->"
"""What stands in a page, by _config.yml, where the link to the PDF comes."""

DRAFT = ".print-"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PRINT: dict[str, Any] = {
    "prefer_css_page_size": True, "print_background": True, "tagged": True, "outline": True
}  # fmt: skip
OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


def print_book(project: Project, site: Path) -> Path:
    """Print a built site into its ``book/book.pdf``, link to it from every page, and return its path.

    The tag that tells search engines of it comes with it, if CITATION.cff has the book's address.

    A site is never changed once built, so a PDF that is there is of these pages and is kept.
    Raises ``RequestError`` without a site or Chromium, ``RunError`` if Chromium fails.
    """
    if not (site / "index.html").is_file():
        raise RequestError(f"{str(site)!r} holds no built book; allowed: a folder made by l2scaling site")
    with exclusive(project, site):
        for left in site.glob(f"{DRAFT}*"):  # by a printing that was killed
            left.unlink()
        if not (site / NAME).is_file():
            for needed in ("playwright", "pikepdf"):
                if importlib.util.find_spec(needed) is None:
                    raise RequestError(f"a PDF needs {needed}; allowed: the environment of make book")
            draft = site / f"{NAME}.draft"
            _print(project, site, browser(), draft)
            draft.rename(site / NAME)
        _link(project, site)
    return site / NAME


def browser() -> str:
    """Return the path of Chromium, or raise ``RequestError``."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise RequestError("a PDF needs Chromium; allowed: an installation, such as apt install chromium")
    return found


def one_document(project: Project, site: Path) -> str:
    """Return the articles of all pages as one HTML document, to be opened in the site's folder.

    Ids carry their page's name, links between pages become links within the document, and links
    to what a PDF cannot hold lose their target.
    """
    parts = project.pages()
    names = {f"{name}.html": _mark(name) for _, pages in parts for name in pages}
    articles, entries, running = [], [], []
    style = ""
    for caption, pages in parts:
        entries.append(f'<p class="part">{escape(caption)}</p>' if caption else "")
        for name in pages:
            page = site / f"{name}.html"
            if not page.is_file():
                raise RequestError(f"{str(site)!r} has no page {name!r}; allowed: a site of this _toc.yml")
            soup = BeautifulSoup(page.read_text(), "html.parser")
            style = style or _styles(soup, name)
            article = soup.select_one("article.bd-article")
            heading = article.h1 if article else None
            if article is None or heading is None:
                raise RunError(f"page {name!r} has no article with a heading to print")
            _strip(article)
            _rebase(article, name, names)
            title = " ".join(heading.get_text().split())
            mark = _mark(name)
            article["style"] = f"page: {mark}"
            article["id"] = mark
            articles.append(str(article))
            entries.append(f'<p><a href="#{mark}">{heading.decode_contents()}</a><span>000</span></p>')
            short = title if len(title) < 90 else title[:88].rsplit(" ", 1)[0] + " …"
            running.append(f"@page {mark} {{ @top-right {{ content: {_css(short)} }} }}")
    book = citation.book_reference(project)
    return _DOCUMENT.format(
        title=escape(project.config()["title"]), subtitle=escape(book.title.partition(": ")[2]),
        authors=escape(", ".join(author.name for author in book.authors)),
        edition=escape("Version {}, {:04}-{:02}-{:02}".format(book.version, *book.date)),
        style=style, running="\n".join(running), entries="\n".join(entries), articles="\n".join(articles),
    )  # fmt: skip


def _mark(name: str) -> str:
    return re.sub(r"\W", "-", name)


def _css(text: str) -> str:
    return '"' + re.sub(r'["\\<]', lambda found: f"\\{ord(found[0]):x} ", text) + '"'


def _styles(soup: BeautifulSoup, name: str) -> str:
    """Return a page's style sheets and options of MathJax, to be loaded from the site's folder."""
    kept = [*soup.select('link[rel~="stylesheet"]'), *soup.select('link[rel~="icon"]')]
    for link in kept:
        link["href"] = _inside(name, str(link["href"]))
    return "\n".join(map(str, kept))


def _inside(name: str, address: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), address))


def _strip(article: Tag) -> None:
    """Remove what only a screen needs, and open what is folded."""
    for one in article.select("a.headerlink, script, noscript, .sd-summary-state-marker"):
        one.decompose()
    for paragraph in article.select("p:has(> a.download)"):  # of files that lie beside the pages
        links = {link.get_text() for link in paragraph.select("a.download")}
        if sum(len(text) for text in paragraph.stripped_strings if text not in links) < 40:
            item = paragraph.parent
            alone = item is not None and item.name == "li" and len(item.find_all(recursive=False)) == 1
            (item if item is not None and alone else paragraph).decompose()
    for number, one in enumerate(article.select(".explorer")):
        one.replace_with("This page computes in a browser: open it on the website." if number == 0 else "")
    for one in article.select("details"):
        one["open"] = ""


def _rebase(article: Tag, name: str, names: dict[str, str]) -> None:
    mark = _mark(name)
    for one in article.select("[id]"):
        one["id"] = f"{mark}.{one['id']}"
    for key in ("aria-labelledby", "aria-describedby", "aria-controls", "for"):
        for one in article.select(f"[{key}]"):
            one[key] = f"{mark}.{one[key]}"
    for image in article.select("img[src]"):
        image["src"] = _inside(name, str(image["src"]))
    for link in article.select("a[href]"):
        address = str(link["href"])
        if re.match(r"\w+:", address):
            continue
        place, _, anchor = address.partition("#")
        target = _inside(name, place) if place else f"{name}.html"
        if target in names:
            link["href"] = f"#{names[target]}.{anchor}" if anchor else f"#{names[target]}"
        else:
            link.unwrap()


def _print(project: Project, site: Path, program: str, output: Path) -> None:
    from playwright.sync_api import Error, sync_playwright

    source = _draft(site, one_document(project, site))
    try:
        with sync_playwright() as play:
            chromium = play.chromium.launch(executable_path=program, args=list(OPTIONS))
            page = chromium.new_page()
            page.set_default_timeout(600_000)  # ms; a loaded machine sets two thousand formulas
            page.goto(source.as_uri())
            page.evaluate("MathJax.startup.promise.then(() => document.fonts.ready).then(() => true)")
            page.pdf(path=output, **PRINT)
            # Chromium puts no page numbers into contents; those of this printing hold for the next
            page.evaluate(
                "numbers => document.querySelectorAll('.book-contents a + span').forEach("
                "(one, place) => one.textContent = numbers[place])",
                _chapter_pages(output),
            )
            page.pdf(path=output, **PRINT)
            headings = page.evaluate(
                "[...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map(one => one.innerText)"
            )
    except Error as error:
        raise RunError(f"Chromium did not print: {str(error).splitlines()[0]}") from error
    finally:
        source.unlink()
    _finish(output, headings)


def _draft(site: Path, text: str) -> Path:
    with tempfile.NamedTemporaryFile("w", dir=site, prefix=DRAFT, suffix=".html", delete=False) as file:
        file.write(text)
    return Path(file.name).resolve()


def _chapter_pages(path: Path) -> list[int]:
    """Return the page on which each chapter begins, by the outline, whose first entry is Contents."""
    import pikepdf

    with pikepdf.open(path) as pdf:
        numbers = {page.obj.objgen: number for number, page in enumerate(pdf.pages, 1)}
        with pdf.open_outline() as outline:
            places: list[Any] = [one.destination for one in outline.root[1:]]
        return [numbers[page.objgen] for page, *_ in places]


def _finish(path: Path, headings: list[str]) -> None:
    """Give the outline the headings' own words, and pack the file to half its size.

    Chromium repeats a line that begins a page, and drops the spaces where lines end.
    """
    import pikepdf

    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        entries = list(_entries(pdf.Root.Outlines))
        if len(entries) != len(headings):
            raise RunError(f"the outline of the PDF has {len(entries)} entries for {len(headings)} headings")
        for entry, heading in zip(entries, headings, strict=True):
            entry.Title = pikepdf.String(" ".join(heading.split()))
        for date in ("/CreationDate", "/ModDate"):  # so that the same pages give the same file
            del pdf.docinfo[date]
        packed = pikepdf.ObjectStreamMode.generate
        pdf.save(path, object_stream_mode=packed, deterministic_id=True)


def _entries(parent: Any) -> Iterator[Any]:
    """Yield the outline below an entry, in reading order."""
    entry = parent.get("/First")
    while entry is not None:
        yield entry
        yield from _entries(entry)
        entry = entry.get("/Next")


def _link(project: Project, site: Path) -> None:
    book = citation.in_lines(citation.book_reference(project))
    tags = '<meta name="citation_title"'
    place = f"{book.url.rstrip('/')}/{NAME}" if book.url else ""
    size = (site / NAME).stat().st_size / 1e6
    for path in site.rglob("*.html"):
        text = path.read_text()
        if PLACE in text and "_static" not in path.relative_to(site).parts:
            there = os.path.relpath(site / NAME, path.parent)
            words = f'<p><a href="{there}">The whole book in one file</a> (PDF, {size:.1f} MB)</p>'
            fresh = path.with_suffix(".draft")
            text = text.replace(PLACE, words)
            if place and path == site / "book" / "index.html":
                text = text.replace(
                    tags, f'<meta name="citation_pdf_url" content="{escape(place)}">\n{tags}', 1
                )
            fresh.write_text(text)
            fresh.replace(path)


_DOCUMENT = """<!DOCTYPE html>
<html lang="en" data-theme="light">
<head>
<meta charset="utf-8">
<title>{title}</title>
{style}
<link rel="stylesheet" href="_static/print.css">
<style>
{running}
</style>
<script>window.MathJax = {{options: {{processHtmlClass: "math"}}}}</script>
<script defer src="mathjax/tex-chtml.js"></script>
</head>
<body>
<header class="cover">
<p class="title">{title}</p>
<p class="subtitle">{subtitle}</p>
<p>{authors}</p>
<p>{edition}</p>
<p class="small">Printed from the pages of the website. Text and figures CC BY 4.0, code MIT.</p>
</header>
<nav class="book-contents" aria-labelledby="contents">
<h1 id="contents">Contents</h1>
{entries}
</nav>
<main class="bd-content">
{articles}
</main>
</body>
</html>
"""
