"""What the world outside sees of the book: descriptions, a map of the pages, a page for the lost."""

import json
import textwrap
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape as escape_xml

from docutils import nodes
from sphinx.application import Sphinx

from l2scaling.publish.pages.metadata import script

MAP = '<?xml version="1.0" encoding="utf-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'


def describe(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Add the tags by which links to a page are previewed, and scholars and programs find what they read.

    Those that hold an address need one: without ``html_baseurl`` they are left out.
    """
    if doctree is None:
        return
    title, words = app.env.titles[page].astext(), description(doctree)
    tags = {"og:title": title, "og:site_name": app.config.html_title}
    tags["og:type"] = "website" if page == app.config.root_doc else "article"
    tags |= {"og:description": words} if words else {}
    if app.config.html_baseurl:
        tags["og:url"] = address(app, page)
        tags["og:image"] = app.config.html_baseurl + "_static/card.png"
        tags["og:image:alt"] = app.config.html_title
    lines = [f'<meta name="description" content="{escape(words)}">'] if words else []
    lines += [f'<meta property="{name}" content="{escape(value)}">' for name, value in tags.items()]
    lines.append(f'<link rel="alternate" type="text/markdown" href="{page.rpartition("/")[2]}.md">')
    generated = Path(app.srcdir, "book", "_generated")
    scholars = json.loads((generated / "meta-tags.json").read_text())
    if page in scholars:
        lines += [scholars[page], f'<meta name="citation_abstract" content="{escape(abstract(doctree))}">']
        data = json.loads((generated / "json-ld.json").read_text())[page]
        lines.append(
            script(data | ({"abstract": abstract(doctree)} if data.get("@type") == "Chapter" else {}))
        )
    context["metatags"] = "\n".join([context.get("metatags", ""), *lines])


def description(doctree: nodes.document) -> str:
    """Return the beginning of a page's first words, up to a line; empty where formulas begin it."""
    for paragraph in doctree.findall(nodes.paragraph):
        words = " ".join(paragraph.astext().split())
        if len(words) > 40 and "\\" not in words:
            return textwrap.shorten(words, 200, placeholder=" …")
    return ""


def abstract(doctree: nodes.document) -> str:
    """Return what a page found: its first list, or the paragraphs before its first heading if it has none."""
    section = next(doctree.findall(nodes.section))
    first = [one for one in section.children if isinstance(one, nodes.paragraph | nodes.bullet_list)]
    lists = [one for one in first if isinstance(one, nodes.bullet_list)]
    return " ".join(" ".join(one.astext() for one in lists[:1] or first).split())


def address(app: Sphinx, page: str) -> str:
    return app.config.html_baseurl + app.builder.get_target_uri(page)


def find_root(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Tell the page for the lost where the book begins on its host."""
    context["root_path"] = urlsplit(app.config.html_baseurl or "").path


def draw_map(app: Sphinx, failure: Exception | None) -> None:
    """Write sitemap.xml, which has to hold whole addresses, where the book's own is known."""
    if failure is None and app.config.html_baseurl:
        places = [address(app, page) for page in sorted(app.env.found_docs)]
        lines = "".join(f"  <url><loc>{escape_xml(place)}</loc></url>\n" for place in places)
        Path(app.outdir, "sitemap.xml").write_text(f"{MAP}{lines}</urlset>\n")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", describe)
    app.connect("html-page-context", find_root)
    app.connect("build-finished", draw_map)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
