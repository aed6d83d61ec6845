"""Keep the pages static: take out what Jupyter Book adds for running code in the browser.

Jupyter Book 1 loads sphinx_thebe twice, whose second script then fails on every page, and
which would fetch its code from another host.
"""

from typing import Any

from sphinx.application import Sphinx


def drop_thebe(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    for kind in ("script_files", "css_files"):
        context[kind] = [
            file
            for file in context.get(kind, [])
            if "thebe" not in f"{getattr(file, 'filename', file)}{getattr(file, 'attributes', '')}"
        ]


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", drop_thebe, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
