"""What an archive of the book says of itself to programs: an RO-Crate 1.1 and Process Run Crate 0.5.

The metadata are written here and not by a library for crates, which would date each of them anew and
bring a dozen packages for one file of JSON.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import nbformat

from l2scaling.publish.pages import citation, pdf
from l2scaling.publish.pages.metadata import CODE, TEXT, licence
from l2scaling.publish.project import Project, title
from l2scaling.publish.runs.parameters import declared
from l2scaling.publish.runs.provenance import content_hash
from l2scaling.publish.runs.sources import sources

METADATA = "ro-crate-metadata.json"
LICENCES = {CODE: "LICENSE", TEXT: "LICENSE-TEXT"}
"""The licences by their names in SPDX, with the files that hold them."""

_CRATE = "https://w3id.org/ro/crate/1.1"
_PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_FORMATS = {
    ".json": "application/json", ".csv": "text/csv", ".pdf": "application/pdf", ".html": "text/html",
    ".ipynb": "application/x-ipynb+json",
}  # fmt: skip
_PDF, _FRONT = f"html/{pdf.NAME}", "html/index.html"

Entity = dict[str, Any]


def crate(
    project: Project,
    profile: str,
    runs: Mapping[str, nbformat.NotebookNode],
    sizes: Mapping[str, int],
    commit: str | None,
) -> str:
    """Return the metadata of an archive as JSON-LD.

    ``runs`` are the executed notebooks by chapter, ``sizes`` the bytes of each file of the archive by its
    name there, and ``commit`` the one whose files the sources are, None where there is none.
    """
    book = citation.book_reference(project)
    results = [name for name in sizes if name.startswith("results/")]
    parts: list[Entity] = [
        {"@id": "html/", "@type": "Dataset", "name": "The book as pages; begins with index.html"},
        _file(sizes, _FRONT, "The front door of the pages"),
        *([_file(sizes, _PDF, "The book in one file")] if _PDF in sizes else []),
        {
            "@id": "source/",
            "@type": ["Dataset", "SoftwareSourceCode"],
            "name": "l2scaling: all that the book is built from",
            "version": commit or book.version,
            "programmingLanguage": "Python",
        },
        *(_file(sizes, name, f"Reviewed results: {name.removeprefix('results/')}") for name in results),
        *(_file(sizes, name, f"Licence {spdx}") for spdx, name in LICENCES.items() if name in sizes),
        *_locks(project, sizes),
    ]
    actions: list[Entity] = []
    described: dict[str, Entity] = {}
    for chapter, run in runs.items():
        further = _run(project, profile, chapter, run, sizes)
        parts += further[:2]
        actions.append(further[2])
        described |= {one["@id"]: one for one in further[3:]}
    people = [_author(one) for one in book.authors]
    authors = _ids(one["@id"] for one in people)
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": book.book,
        "description": "A book of reproducible analyses: its pages, the executed notebook behind each "
        "chapter, the reviewed results, and the sources from which it builds again. "
        f"Runs of profile {profile!r}.",
        "datePublished": book.released,
        "version": book.version,
        "license": _ids(licence(spdx) for spdx in LICENCES),
        "author": authors[0] if len(authors) == 1 else authors,
        "keywords": list(book.keywords),
        "conformsTo": {"@id": _PROFILE},
        "hasPart": _ids(one["@id"] for one in parts),
        "mentions": _ids(one["@id"] for one in actions),
        **({"url": book.url} if book.url else {}),
    }
    descriptor = {
        "@id": METADATA,
        "@type": "CreativeWork",
        "conformsTo": {"@id": _CRATE},
        "about": {"@id": "./"},
    }
    context = [
        *people,
        {"@id": _PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"},
        *({"@id": licence(spdx), "@type": "CreativeWork", "name": spdx} for spdx in LICENCES),
    ]
    graph = [descriptor, root, *parts, *actions, *described.values(), *context]
    return json.dumps({"@context": f"{_CRATE}/context", "@graph": graph}, indent=1, ensure_ascii=False) + "\n"


def _run(
    project: Project, profile: str, chapter: str, run: nbformat.NotebookNode, sizes: Mapping[str, int]
) -> list[Entity]:
    """Return what describes one run: its result, its source, the run itself, and what these refer to."""
    record, times = run.metadata["l2scaling"], run.metadata["papermill"]
    source = project.source(chapter)
    helps = {one.name: one.help for one in declared(source, chapter)}
    values = [
        _value(f"#{chapter}/{name}", name, value, helps.get(name))
        for name, value in record["parameters"].items()
    ]
    settings = [
        _value(f"#{chapter}/{name}", name, value)
        for name, value in {
            "profile of parameters": record["profile"],
            "processor": record["processor"],
            "threads": record["threads"],
            "run": content_hash(run)[:16],
        }.items()
    ]
    software = [
        _software(name, version) for name, version in record["versions"].items() if name != "l2scaling"
    ]
    locked = _ids(one["@id"] for one in _locks(project, sizes))
    tables = [f"results/{path.name}" for path in sources(project, chapter, source).get("table", [])]
    executed, written = f"notebooks/{chapter}.ipynb", f"source/notebooks/{chapter}.ipynb"
    licences = _ids(licence(spdx) for spdx in LICENCES)
    commit = record["commit"] and record["commit"] + (", changed since" if record["dirty"] else "")
    return [
        _file(sizes, executed, title(source)) | {"license": licences, "isBasedOn": {"@id": written}},
        _file(sizes, written, f"{title(source)} (source)")
        | {
            "@type": ["File", "SoftwareSourceCode"],
            "license": licences,
            "version": commit or f"of sources with SHA-256 {record['source']}",
            "programmingLanguage": "Python",
            "softwareRequirements": [*_ids(one["@id"] for one in software), {"@id": "source/"}, *locked],
        },
        {
            "@id": f"#run-{chapter}",
            "@type": "CreateAction",
            "name": f"Run of chapter {chapter}",
            "description": f"papermill, called by: l2scaling run {chapter} --profile {profile}",
            "instrument": {"@id": written},
            "object": [*_ids(one["@id"] for one in values), *_ids(tables), *locked],
            "result": {"@id": executed},
            "startTime": _seconds(times["start_time"]),
            "endTime": _seconds(times["end_time"]),
            "actionStatus": "http://schema.org/CompletedActionStatus",
            "additionalProperty": _ids(one["@id"] for one in settings),
        },
        *values,
        *settings,
        *software,
    ]


def _locks(project: Project, sizes: Mapping[str, int]) -> list[Entity]:
    names = [f"source/{path.name}" for path in sorted(project.root.glob("requirements*"))]
    return [
        _file(sizes, name, "The environment, pinned") | {"encodingFormat": "text/plain"}
        for name in names
        if name in sizes
    ]


def _file(sizes: Mapping[str, int], name: str, words: str) -> Entity:
    ending = "." + name.rpartition(".")[2]
    return {
        "@id": name,
        "@type": "File",
        "name": words,
        "contentSize": str(sizes[name]),
        "encodingFormat": _FORMATS.get(ending, "text/plain"),
    }


def _software(name: str, version: str) -> Entity:
    """Describe an installed package by its page, which knows nothing of a build such as ``+cpu``."""
    public = version.partition("+")[0]
    page = (
        f"https://www.python.org/downloads/release/python-{public.replace('.', '')}/"
        if name == "python"
        else f"https://pypi.org/project/{name}/{public}/"
    )
    return {
        "@id": page,
        "@type": "SoftwareApplication",
        "name": name,
        "softwareVersion": version,
        "url": page,
    }


def _value(place: str, name: str, value: Any, words: str | None = None) -> Entity:
    """Describe a value; a list goes as text, since JSON-LD knows no order."""
    plain = isinstance(value, str | int | float)
    found = {
        "@id": place.replace(" ", "-"),
        "@type": "PropertyValue",
        "name": name,
        "value": value if plain else json.dumps(value),
    }
    return found | ({"description": words} if words else {})


def _seconds(time: str) -> str:
    return datetime.fromisoformat(time).isoformat(timespec="seconds")


def _author(one: citation.Author) -> Entity:
    names = {"givenName": one.given, "familyName": one.family} if one.given else {}
    place = "#author-" + "".join(sign if sign.isalnum() else "-" for sign in one.name)
    return {"@id": place, "@type": "Person" if names else "Organization", "name": one.name, **names}


def _ids(names: Iterable[str]) -> list[dict[str, str]]:
    return [{"@id": name} for name in names]
