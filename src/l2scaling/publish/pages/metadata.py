"""What harvesters read: the book in the words of schema.org and of CodeMeta, as JSON-LD.

All of it stands in CITATION.cff and pyproject.toml; what these do not know is left out.
"""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from l2scaling.publish.errors import RequestError
from l2scaling.publish.pages.citation import Author, Reference, book_reference, in_lines
from l2scaling.publish.project import Project, read_yaml

FORMAT = "codemeta"
"""What ``l2scaling cite book`` calls the description of the whole repository."""

SCHEMA = "https://schema.org"
CODEMETA = "https://w3id.org/codemeta/3.0"
CODE, TEXT = "MIT", "CC-BY-4.0"
"""The licences of the code, and of text, figures and results."""

EVIDENCE = (
    "Every prediction of the book with its margin, what was measured, the interval and whether it was met, "
    "chapter by chapter, and the tables of the sweeps, the atlas, the controls and the robustness runs."
)


def codemeta(project: Project) -> str:
    """Return the description of the repository by CodeMeta, which lies at its root as ``codemeta.json``.

    Raises ``RequestError`` for a CITATION.cff that is broken.
    """
    book, said = in_lines(book_reference(project)), _rest(project)
    data = {
        "@context": CODEMETA,
        **_code(project, book),
        "license": list(map(licence, said.licences)),
        "keywords": list(book.keywords),
        "softwareRequirements": _requirements(project),
        **_known(url=book.url, codeRepository=said.repository),
        # of books CodeMeta knows by schema.org alone
        "isPartOf": {"@type": "schema:Book", "name": book.book, **_known(url=book.url)},
    }
    return json.dumps(data, indent=2, ensure_ascii=False)


def json_ld(project: Project, references: Mapping[str, Reference]) -> dict[str, dict[str, Any]]:
    """Return by page what its head says in the words of schema.org.

    ``references`` holds that of ``"book"`` and of each chapter, in the book's order. A chapter's page
    describes the chapter; the book's describes the book with its chapters, the results, and the code.
    """
    said = _rest(project)
    cited = {what: in_lines(one) for what, one in references.items()}
    book = cited.pop("book")
    chapters = [
        {"@type": "Chapter", "name": one.title, "position": number, **_known(url=one.url)}
        for number, one in enumerate(cited.values(), 1)
    ]
    whole = {
        **_book(book), **_made(book), **_run(book), "license": licence(TEXT), "isAccessibleForFree": True,
        **_known(abstract=said.abstract, keywords=list(book.keywords)), "hasPart": chapters,
    }  # fmt: skip
    evidence = {
        "@type": "Dataset", "name": f"Results of {book.book}", "description": EVIDENCE, **_made(book),
        "version": book.version, "license": licence(TEXT), "encodingFormat": ["application/json", "text/csv"],
        "isPartOf": _book(book),
    }  # fmt: skip
    code = _code(project, book) | _known(codeRepository=said.repository)
    pages: dict[str, dict[str, Any]] = {
        "book/index": {"@context": SCHEMA, "@graph": [whole, evidence, code | {"isPartOf": _book(book)}]}
    }
    for (name, one), chapter in zip(cited.items(), chapters, strict=True):
        parts = _made(one) | _run(one) | {"license": licence(TEXT), "isPartOf": _book(book)}
        pages[f"notebooks/{name}"] = {"@context": SCHEMA} | chapter | parts
    return pages


@dataclass(frozen=True)
class _Rest:
    """What CITATION.cff says beside what references need; a text that it lacks is empty."""

    licences: list[str]
    abstract: str
    repository: str


def _rest(project: Project) -> _Rest:
    form = "text as abstract and as repository-code, a name or a list of names as license"
    found = read_yaml(project.root / "CITATION.cff", form)
    names, others = found.get("license", []), [found.get(key, "") for key in ("abstract", "repository-code")]
    names = names if isinstance(names, list) else [names]
    if not all(isinstance(text, str) for text in (*names, *others)):
        raise RequestError(f"CITATION.cff is broken (a field is no text); allowed: {form}")
    return _Rest(names, *(" ".join(text.split()) for text in others))


def _known(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}


def licence(name: str) -> str:
    """Return the address of a licence, by its name in SPDX."""
    return f"https://spdx.org/licenses/{name}"


def _authors(authors: Sequence[Author]) -> list[dict[str, str]]:
    return [
        {"@type": "Person", "givenName": one.given, "familyName": one.family}
        if one.given
        else {"@type": "Organization", "name": one.family}
        for one in authors
    ]


def _made(one: Reference) -> dict[str, Any]:
    return {
        "author": _authors(one.authors), "datePublished": one.released,
        "inLanguage": "en",
    }  # fmt: skip


def _run(one: Reference) -> dict[str, Any]:
    run = {"@type": "PropertyValue", "propertyID": "run", "value": one.run}
    return {"identifier": run} if one.run else {}


def _book(book: Reference) -> dict[str, Any]:
    """Return as much of the book as its parts say of it."""
    return {"@type": "Book", "name": book.book, "bookEdition": book.edition, **_known(url=book.url)}


def _code(project: Project, book: Reference) -> dict[str, Any]:
    package = _package(project)
    return {
        "@type": "SoftwareSourceCode", "name": package["name"], "description": package["description"],
        "version": package["version"], "license": licence(CODE),
        "programmingLanguage": "Python", "runtimePlatform": f"Python {package['requires-python']}",
        "author": _authors(book.authors), "datePublished": book.released,
    }  # fmt: skip


def _requirements(project: Project) -> list[dict[str, str]]:
    """Return what the package needs, each by its name and the versions that it may have."""
    found = (re.split(r"(?=[<>=!~])", one, maxsplit=1) for one in _package(project)["dependencies"])
    return [
        {"@type": "SoftwareApplication", "name": name.strip()} | _known(version="".join(versions))
        for name, *versions in found
    ]


def _package(project: Project) -> dict[str, Any]:
    with (project.root / "pyproject.toml").open("rb") as file:
        return dict(tomllib.load(file)["project"])


def script(data: Mapping[str, Any]) -> str:
    r"""Return JSON-LD as an element for a page's head, which no word of it can close.

    >>> print(script({"name": "</script>"}))
    <script type="application/ld+json">{"name": "\u003c/script>"}</script>
    """
    text = json.dumps(data).replace("<", "\\u003c")
    return f'<script type="application/ld+json">{text}</script>'
