"""References to the book and to its chapters, made from CITATION.cff."""

import json
from typing import Any

import yaml

from l2scaling.publish.project import Project, title, unknown

FORMATS = ("bibtex", "ris", "csl-json")


def cite(project: Project, what: str, form: str) -> str:
    """Return the reference to ``"book"`` or to a chapter in one of ``FORMATS``.

    Raises ``RequestError`` for another name or format.
    """
    if form not in FORMATS:
        raise unknown("format", form, FORMATS)
    if what != "book" and what not in project.chapters():
        raise unknown("chapter", what, ["book", *project.chapters()])
    book = yaml.safe_load((project.root / "CITATION.cff").read_text())
    chapter = None if what == "book" else title(project.source(what))
    return {"bibtex": _bibtex, "ris": _ris, "csl-json": _csl}[form](book, what, chapter)


def _authors(book: dict[str, Any]) -> list[str]:
    return [author["name"] for author in book["authors"]]


def _date(book: dict[str, Any]) -> list[int]:
    return [int(part) for part in str(book["date-released"]).split("-")]


def _bibtex(book: dict[str, Any], what: str, chapter: str | None) -> str:
    fields = {"author": " and ".join(f"{{{name}}}" for name in _authors(book))}
    fields |= {"title": chapter, "booktitle": book["title"]} if chapter else {"title": book["title"]}
    fields |= {"year": str(_date(book)[0]), "edition": f"version {book['version']}"}
    fields |= {"url": book["url"]} if "url" in book else {}
    body = "".join(f"  {key} = {{{value}}},\n" for key, value in fields.items())
    return f"@{'incollection' if chapter else 'book'}{{l2scaling-{what},\n{body}}}"


def _ris(book: dict[str, Any], what: str, chapter: str | None) -> str:
    lines = [("TY", "CHAP" if chapter else "BOOK"), *(("AU", name) for name in _authors(book))]
    lines += [("TI", chapter), ("T2", book["title"])] if chapter else [("TI", book["title"])]
    lines += [("PY", str(_date(book)[0])), ("ET", book["version"])]
    lines += [("UR", book["url"])] if "url" in book else []
    return "\n".join(f"{tag}  - {value}" for tag, value in [*lines, ("ER", "")])


def _csl(book: dict[str, Any], what: str, chapter: str | None) -> str:
    item: dict[str, Any] = {
        "id": f"l2scaling-{what}",
        "type": "chapter" if chapter else "book",
        "title": chapter or book["title"],
        "author": [{"literal": name} for name in _authors(book)],
        "issued": {"date-parts": [_date(book)]},
        "version": book["version"],
    }
    item |= {"container-title": book["title"]} if chapter else {}
    item |= {"URL": book["url"]} if "url" in book else {}
    return json.dumps([item], indent=2, ensure_ascii=False)
