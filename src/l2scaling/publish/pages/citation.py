"""References to the book and to its chapters, made from CITATION.cff and the published runs."""

import codecs
import datetime
import json
import re
from dataclasses import dataclass, replace
from hashlib import sha256
from html import escape
from typing import Any
from unicodedata import category, normalize
from urllib.parse import quote

import latexcodec  # noqa: F401  registers how to write LaTeX

from l2scaling.publish.errors import RequestError
from l2scaling.publish.project import Project, brief, read_yaml, title, unknown
from l2scaling.publish.runs import executed
from l2scaling.publish.runs.provenance import content_hash

FORMATS = ("bibtex", "ris", "csl-json", "text")

SUFFIXES = {"text": "txt", "bibtex": "bib", "ris": "ris", "csl-json": "json"}
"""File endings of the formats, in the order in which a page offers them."""

NAMES = {"text": "Text", "bibtex": "BibTeX", "ris": "RIS", "csl-json": "CSL-JSON"}

_LATEX = {sign: f"\\{sign}" for sign in "&%$#_"} | {
    sign: f"\\text{name}{{}}"
    for sign, name in {
        "\\": "backslash", "{": "braceleft", "}": "braceright", "~": "asciitilde", "^": "asciicircum",
        "`": "asciigrave", "<": "less", ">": "greater", "|": "bar",
    }.items()
}  # fmt: skip
"""What has a meaning of its own in LaTeX, or in BibTeX, which counts braces that LaTeX escapes."""

_IN_URLS = ":/?#[]@!$&'()*+,;=%~"


@dataclass(frozen=True)
class Author:
    """A person, or an entity that has one name and no ``given`` one."""

    family: str
    given: str = ""

    @property
    def name(self) -> str:
        return f"{self.given} {self.family}".strip()

    @property
    def sorted_name(self) -> str:
        return f"{self.family}, {self.given}" if self.given else self.family


@dataclass(frozen=True)
class Reference:
    """What a reference to the book, or to one chapter of it, has to say.

    ``chapter`` is None for the book. ``run`` is the first sixteen digits of the hash over what
    the executed notebook says, of all of them together for the book, so that a reader can tell
    which run is meant; None before any run.
    """

    key: str
    authors: tuple[Author, ...]
    book: str
    chapter: str | None
    date: tuple[int, int, int]
    version: str
    url: str | None
    run: str | None
    keywords: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return self.chapter or self.book

    @property
    def edition(self) -> str:
        return f"version {self.version}"

    @property
    def released(self) -> str:
        return "{:04}-{:02}-{:02}".format(*self.date)


def reference(project: Project, what: str, profile: str = "published") -> Reference:
    """Return the reference to ``"book"`` or to a chapter, or raise ``RequestError`` for another name.

    The address of a chapter is known where CITATION.cff has one for the book.
    """
    chapters = project.chapters()
    if what != "book" and what not in chapters:
        raise unknown("chapter", what, ["book", *chapters])
    book = book_reference(project)
    runs = [_run(project, chapter, profile) for chapter in (chapters if what == "book" else [what])]
    if what == "book":
        return replace(book, run=_joint(runs))
    url = book.url and f"{book.url.rstrip('/')}/notebooks/{what}.html"
    chapter = title(project.source(what))
    return replace(book, key=f"l2scaling-{what}", chapter=chapter, url=url, run=_joint(runs))


def book_reference(project: Project) -> Reference:
    """Return what CITATION.cff says of the book, without a run, or raise ``RequestError``."""
    form = "title, version, date-released, authors with their names, and a url (https://…) if there is one"
    book = read_yaml(project.root / "CITATION.cff", form)
    try:
        year, month, day = (int(part) for part in str(book["date-released"]).split("-"))
        found = Reference(
            key="l2scaling-book",
            authors=tuple(_author(entry) for entry in book["authors"]),
            book=book["title"],
            chapter=None,
            date=datetime.date(year, month, day).timetuple()[:3],
            version=str(book["version"]),
            url=book.get("url"),
            run=None,
            keywords=tuple(book.get("keywords", ())),
        )
        names = [name for author in found.authors for name in (author.family, author.given)]
        if not all(isinstance(text, str) for text in (found.book, found.url or "", *names, *found.keywords)):
            raise TypeError("a field is no text")
        if isinstance(book["version"], bool) or not isinstance(book["version"], str | int | float):
            raise TypeError(f"version {book['version']!r}")
        if found.url and not re.match(r"https?://", found.url):
            raise ValueError(f"url {found.url!r}")
        if not all(map(_line, (found.book, found.version, *(author.family for author in found.authors)))):
            raise ValueError("a field is empty")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RequestError(f"CITATION.cff is broken ({brief(error)}); allowed: {form}") from error
    return found


def _author(entry: dict[str, str]) -> Author:
    """Read an author of CITATION.cff: an entity has a name, a person the parts of one."""
    if "name" in entry:
        return Author(entry["name"])
    family = " ".join(entry[key] for key in ("name-particle", "family-names") if key in entry)
    given = " ".join(entry[key] for key in ("given-names", "name-suffix") if key in entry)
    return Author(family, given) if family else Author(given or entry["alias"])


def written(one: Reference, form: str) -> str:
    """Return a reference in one of ``FORMATS``, or raise ``RequestError`` for another format."""
    if form not in FORMATS:
        raise unknown("format", form, FORMATS)
    writers = {"bibtex": _bibtex, "ris": _ris, "csl-json": _csl, "text": _text}
    return writers[form](in_lines(one))


def in_lines(one: Reference) -> Reference:
    """Make each field one line, and the address one that needs no escape in any format."""
    return replace(
        one,
        authors=tuple(Author(_line(author.family), _line(author.given)) for author in one.authors),
        book=_line(one.book),
        chapter=one.chapter and _line(one.chapter),
        version=_line(one.version),
        url=one.url and quote("".join(_line(one.url).split()), safe=_IN_URLS),
        keywords=tuple(map(_line, one.keywords)),
    )


def _line(text: str) -> str:
    """Put a space for all that breaks lines, controls a terminal, or is half a character."""
    return " ".join("".join(" " if category(sign) in ("Cc", "Cs") else sign for sign in text).split())


def _run(project: Project, chapter: str, profile: str) -> str | None:
    if not project.run_path(chapter, profile).is_file():
        return None
    return content_hash(executed.executed(project, chapter, profile))


def _joint(runs: list[str | None]) -> str | None:
    """One hash for a chapter's run, or for all of them together."""
    known = [run for run in runs if run]
    if len(known) < len(runs):
        return None
    return (known[0] if len(known) == 1 else sha256("".join(known).encode()).hexdigest())[:16]


def _bibtex(one: Reference) -> str:
    # braces keep a name in one piece and the capitals of a title
    fields = {"author": " and ".join(map(_bibtex_name, one.authors)), "title": f"{{{_latex(one.title)}}}"}
    fields |= {"booktitle": f"{{{_latex(one.book)}}}"} if one.chapter else {}
    fields |= {"year": str(one.date[0]), "edition": _latex(one.edition)}
    fields |= {"note": f"run {one.run}"} if one.run else {}
    fields |= {"url": one.url} if one.url else {}
    body = "".join(f"  {key} = {{{value}}},\n" for key, value in fields.items())
    return f"@{'incollection' if one.chapter else 'book'}{{{one.key},\n{body}}}"


def _bibtex_name(author: Author) -> str:
    if not author.given:
        return f"{{{_latex(author.family)}}}"
    parts = (author.family, author.given)
    # a comma or an "and" would divide a name
    return ", ".join(
        f"{{{_latex(part)}}}" if re.search(r",|\band\b", part, re.I) else _latex(part) for part in parts
    )


def _latex(text: str) -> str:
    """Write text for LaTeX, in ASCII where that has a name for the letter or sign."""
    text = re.sub(r"([-',])(?=\1)", "\\1\0", normalize("NFC", text))  # or two would become one sign
    return "".join(_LATEX.get(sign) or _latex_sign(sign) for sign in text).replace("\0", "{}")


def _latex_sign(sign: str) -> str:
    if sign.isascii():
        return sign
    try:
        return f"{{{codecs.encode(sign, 'ulatex+ascii')!s}}}"
    except ValueError:  # only LaTeX of today can set it
        return sign


def _ris(one: Reference) -> str:
    lines = [("TY", "CHAP" if one.chapter else "BOOK")]
    lines += [("AU", author.sorted_name) for author in one.authors]
    lines += [("TI", one.title)] + ([("T2", one.book)] if one.chapter else [])
    lines += [("PY", str(one.date[0])), ("DA", "{:04}/{:02}/{:02}".format(*one.date)), ("ET", one.edition)]
    lines += [("N1", f"run {one.run}")] if one.run else []
    lines += [("UR", one.url)] if one.url else []
    return "\n".join(f"{tag}  - {value}" for tag, value in [*lines, ("ER", "")])


def _csl(one: Reference) -> str:
    item: dict[str, Any] = {
        "id": one.key,
        "type": "chapter" if one.chapter else "book",
        "title": one.title,
        "author": [
            {"family": author.family, "given": author.given} if author.given else {"literal": author.family}
            for author in one.authors
        ],
        "issued": {"date-parts": [list(one.date)]},
        "edition": one.edition,  # a book with a "version" is taken for software
    }
    item |= {"container-title": one.book} if one.chapter else {}
    item |= {"note": f"run {one.run}"} if one.run else {}
    item |= {"URL": one.url} if one.url else {}
    return json.dumps([item], indent=2, ensure_ascii=False)


def _text(one: Reference) -> str:
    return _sentence(one) + (f" {one.url}" if one.url else "")


def _sentence(one: Reference) -> str:
    names = ", ".join(author.name for author in one.authors)
    place = f". In: {one.book}" if one.chapter else ""
    run = f", run {one.run}" if one.run else ""
    return f"{names} ({one.date[0]}). {one.title}{place}, {one.edition}{run}."


def as_markdown(one: Reference) -> str:
    """Return a reference in words as Markdown that shows just these words, its address as a link."""
    one = in_lines(one)
    words = re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", _sentence(one))
    return words + (f" <{one.url}>" if one.url else "")


def boxes(one: Reference, what: str) -> str:
    """Return a reference as Markdown: in words, then each format in a box, to copy or to download.

    ``what`` names the downloads, as the site's build has written them.
    """
    parts = [as_markdown(one)]
    for form, suffix in SUFFIXES.items():
        text = written(one, form)
        fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text)), 0)  # longer than any inside
        link = f"{{download}}`Download {what}.{suffix} </book/_generated/cite/{what}.{suffix}>`"
        box = f"{fence}text\n{text}\n{fence}\n\n{link}"
        parts.append(f"{fence}`{{dropdown}} {NAMES[form]}\n{box}\n{fence}`")
    return "\n\n".join(parts)


def meta_tags(one: Reference) -> str:
    """Return the tags by which scholarly search engines know a page, as HTML."""
    one = in_lines(one)
    tags = [("citation_title", one.title)]
    tags += [("citation_author", author.sorted_name) for author in one.authors]
    tags += [("citation_publication_date", "{}/{:02}/{:02}".format(*one.date))]
    tags += [("citation_inbook_title", one.book)] if one.chapter else []
    tags += [("citation_language", "en")]
    tags += [("citation_keywords", "; ".join(one.keywords))] if one.keywords else []
    tags += [("citation_public_url", one.url)] if one.url else []
    return "\n".join(f'<meta name="{name}" content="{escape(content)}">' for name, content in tags)
