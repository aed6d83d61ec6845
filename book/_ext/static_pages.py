"""Keep the pages static and still, and mend what the theme and its extensions leave broken in them.

Jupyter Book 1 loads sphinx_thebe twice, whose second script then fails on every page, and
which would fetch its code from another host.
"""

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

# docutils gives the bibliography roles that no browser may give these elements.
ROLES = {
    '<div role="list" class="citation-list">': '<div class="citation-list">',
    ' role="doc-biblioentry"': "",
}
DETAILS = re.compile(r'<details (class="[^"]*\bhide\b)')
# MyST-NB labels a folded cell with paragraphs, which a summary may not hold.
LABEL = re.compile(r'<p (class="(?:collapsed|expanded) admonition-title")>(.*?)</p>')
# Names and punctuation have the colour that all code has; their marks are a tenth of a chapter.
PLAIN = re.compile(r'<span class="[np]">([^<]*)</span>')
REPEATED = (["proof"], ["proof-content"])  # ids that sphinx-proof gives to every proof of a page
PIXELS = 4 / 3  # of a point
# docutils writes a size as a style, which keeps its height where a narrow page takes the width.
SIZE = re.compile(r'style="width: (\d+)px; height: (\d+)px;"')


def drop_thebe(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    for kind in ("script_files", "css_files"):
        context[kind] = [
            file
            for file in context.get(kind, [])
            if "thebe" not in f"{getattr(file, 'filename', file)}{getattr(file, 'attributes', '')}"
        ]


def hold_still(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Let pages with formulas wait for those of the first screens."""
    if any("mathjax" in str(getattr(file, "filename", "")) for file in context.get("script_files", [])):
        app.builder.add_js_file("math.js", priority=501)  # after the options of MathJax, before itself


def mend_elements(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    body = context.get("body", "")
    for broken, mended in ROLES.items():
        body = body.replace(broken, mended)
    body = DETAILS.sub(r"<details open \1", body)  # a script closes them
    body = SIZE.sub(r'width="\1" height="\2"', PLAIN.sub(r"\1", body))
    context["body"] = LABEL.sub(r"<span \1>\2</span>", body)


def drop_repeated_ids(app: Sphinx, doctree: nodes.document, page: str) -> None:
    for node in doctree.findall(lambda one: isinstance(one, nodes.section | nodes.admonition)):
        if node["ids"] in REPEATED:
            node["ids"] = []


def reserve_space(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Give each drawing its size, so that the text below it stays where it is when it arrives."""
    for image in doctree.findall(nodes.image):
        path = Path(app.srcdir, image["uri"])
        if path.suffix == ".svg" and path.is_file() and "width" not in image:
            size = re.search(r'<svg\b[^>]*\bwidth="([\d.]+)pt"[^>]*|$', path.read_text()[:4000])
            height = re.search(r'\bheight="([\d.]+)pt"', size[0])
            if size[1] and height:
                image["width"], image["height"] = (
                    f"{float(one) * PIXELS:.0f}" for one in (size[1], height[1])
                )


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", drop_thebe, priority=900)
    app.connect("html-page-context", hold_still, priority=501)
    app.connect("html-page-context", mend_elements)
    app.connect("doctree-resolved", drop_repeated_ids)
    app.connect("doctree-resolved", reserve_space)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
