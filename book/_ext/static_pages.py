"""Keep the pages static, and tell search engines for scholars what each of them is.

Jupyter Book 1 loads sphinx_thebe twice, whose second script then fails on every page, and
which would fetch its code from another host.
"""

import json
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx


def drop_thebe(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    for kind in ("script_files", "css_files"):
        context[kind] = [
            file
            for file in context.get(kind, [])
            if "thebe" not in f"{getattr(file, 'filename', file)}{getattr(file, 'attributes', '')}"
        ]


def add_meta_tags(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    file = Path(app.srcdir, "book", "_generated", "meta-tags.json")
    tags = json.loads(file.read_text()).get(page, "")
    context["metatags"] = context.get("metatags", "") + tags


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", drop_thebe, priority=900)
    app.connect("html-page-context", add_meta_tags)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
