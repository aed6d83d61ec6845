"""What harvesters read: valid in the vocabularies that it uses, and the same that the references say."""

import json
import re
import subprocess
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from conftest import ROOT, complaint, from_npm, l2scaling, lack, tool
from hypothesis import given
from hypothesis import strategies as st

from l2scaling.publish.pages import citation, metadata, pdf
from l2scaling.publish.project import Project

PROJECT = Project(ROOT)
CHAPTERS = PROJECT.chapters()
PERSON = "authors:\n  - family-names: Berg\n    given-names: Ann\n  - name: A Society\n"


def references(project: Project) -> dict[str, citation.Reference]:
    return {what: citation.reference(project, what, "quick") for what in ["book", *project.chapters()]}


@pytest.fixture
def addressed(sample: Path) -> Project:
    """A project with all that CITATION.cff may know: an address, a repository, a person."""
    file = sample / "CITATION.cff"
    text = re.sub(r"authors:\n  - name: .+\n", PERSON, file.read_text())
    file.write_text(f"{text}url: https://book.example\nrepository-code: https://code.example/book\n")
    return Project(sample)


def typed(data: object) -> Iterator[dict]:
    """Yield all that has a type, at any depth."""
    for one in data if isinstance(data, list) else data.values() if isinstance(data, dict) else ():
        yield from typed(one)
    if isinstance(data, dict) and "@type" in data:
        yield data


def leaves(data: object) -> set[str]:
    if isinstance(data, dict | list):
        inner = data if isinstance(data, list) else [one for key, one in data.items() if key[0] != "@"]
        return set().union(*map(leaves, inner))
    return {str(data)}


# ---------------------------------------------------------------- CodeMeta

READ = """
import csv, json, sys
from pathlib import Path
import codemeta, rdflib
folder = Path(codemeta.__file__).parent / "schema"
context = json.loads((folder / "codemeta.jsonld").read_text())["@context"]
graphs = [
    rdflib.Graph().parse(data=json.dumps(one | {"@context": context}), format="json-ld")
    for one in json.load(sys.stdin)
]
domains = [row[:2] for row in csv.reader((folder / "crosswalk.csv").open())]
said = [sorted(map(str, graph.objects())) for graph in graphs]
json.dump({"context": context, "domains": domains, "said": said}, sys.stdout)
"""
ANCESTORS = {
    "SoftwareSourceCode": {"SoftwareSourceCode", "SoftwareApplication", "CreativeWork", "Thing"},
    "SoftwareApplication": {"SoftwareApplication", "CreativeWork", "Thing"},
    "Person": {"Person", "Thing"},
    "Organization": {"Thing"},
    "schema:Book": {"CreativeWork", "Thing"},
}
"""CodeMeta describes code by what schema.org has for applications too."""


def read_as_codemeta(data: list[dict]) -> dict:
    """Read descriptions with the vocabulary that codemetapy carries, in an environment of its own."""
    done = tool("--from", "codemetapy==3.0.4", "python", "-c", READ, given=json.dumps(data))
    if done.returncode and "Traceback" not in done.stderr:
        lack(f"codemetapy could not be fetched: {done.stderr.strip().splitlines()[-1:]}")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_codemeta_knows_every_word_and_loses_none(addressed):
    ours = [json.loads(metadata.codemeta(project)) for project in (PROJECT, addressed)]
    wrong = ours[0] | {"inLanguage": "a word of schema.org's that CodeMeta lacks"}
    known = read_as_codemeta([*ours, wrong])
    domains = {(parent.partition(":")[2], name) for parent, name in known["domains"]}
    for data, said in zip(ours, known["said"], strict=False):
        assert data["@context"] == "https://w3id.org/codemeta/3.0"
        assert leaves(data) <= set(said)
        for one in typed(data):
            kind = one["@type"]
            assert kind.startswith("schema:") or kind in known["context"]
            for name in one.keys() - {"@type", "@context"}:
                assert any((parent, name) in domains for parent in ANCESTORS[kind]), (kind, name)
    assert wrong["inLanguage"] not in known["said"][2]


def test_codemeta_json_is_what_the_citation_file_says():
    """To make it so: l2scaling cite book --format codemeta > codemeta.json"""
    assert (ROOT / "codemeta.json").read_text() == metadata.codemeta(PROJECT) + "\n"


def test_the_page_on_citing_offers_codemeta_json(quick_site):
    page = BeautifulSoup((quick_site / "book" / "cite.html").read_text(), "html.parser")
    (link,) = (link for link in page.find_all("a", download=True) if link.get_text() == "codemeta.json")
    assert (quick_site / "book" / link["href"]).read_text() == (ROOT / "codemeta.json").read_text()


@pytest.mark.parametrize(("field", "value"), [("license", "3"), ("license", "[[a]]"), ("abstract", "[a]")])
def test_a_field_that_is_no_text_is_refused(sample, field, value):
    file = sample / "CITATION.cff"
    text = re.sub(rf"(?m)^{field}:.*\n(  .*\n|  - .*\n)*", "", file.read_text() + "\n")
    file.write_text(f"{text}{field}: {value}\n")
    said = complaint(l2scaling("cite", "book", "--format", "codemeta", project=sample), 2)
    assert "CITATION.cff is broken" in said


# ---------------------------------------------------------------- schema.org


@pytest.fixture(scope="session")
def schema_dts() -> Path:
    """Install the types of schema.org, and TypeScript, which checks them."""
    return from_npm("schema-dts", "schema-dts@2.1.0", "typescript@5.9.3", otherwise="no JSON-LD was checked")


def complaints(folder: Path, data: list[dict]) -> list[int]:
    """Where in a list of descriptions those are that break schema.org's rules for words, domains, ranges."""
    kinds = ("Graph" if "@graph" in one else f"WithContext<{one['@type']}>" for one in data)
    lines = [f"const x: {kind} = {json.dumps(one)};" for kind, one in zip(kinds, data, strict=True)]
    for number, line in enumerate(lines):
        text = f'import type {{Graph, WithContext, Chapter}} from "schema-dts";\n{line}\n'
        (folder / f"x{number}.ts").write_text(text)
    command = [folder / "node_modules" / ".bin" / "tsc", "--noEmit", "--strict"]
    names = [f"x{number}.ts" for number in range(len(lines))]
    done = subprocess.run([*command, *names], cwd=folder, capture_output=True, text=True)
    found = re.findall(r"(?m)^x(\d+)\.ts\(2,", done.stdout)
    assert len(found) == len(re.findall(r"(?m)^\S.*error TS|^error", done.stdout)), done.stdout
    return sorted({int(number) for number in found})


def test_schema_org_knows_every_word_where_it_stands(schema_dts, addressed):
    ours = [
        one
        for project in (PROJECT, addressed)
        for one in metadata.json_ld(project, references(project)).values()
    ]
    chapter = ours[1]
    wrong = [chapter | {"runtimePlatform": "of no chapter"}, chapter | {"author": {"@type": "Author"}}]
    assert complaints(schema_dts, [*ours, *wrong]) == [len(ours), len(ours) + 1]


def test_what_is_not_known_is_left_out_and_what_is_known_is_there(addressed):
    without = json.dumps(metadata.json_ld(PROJECT, references(PROJECT)))
    assert set(re.findall(r'https?://[^/"]+', without)) == {"https://schema.org", "https://spdx.org"}
    data = metadata.json_ld(addressed, references(addressed))
    book, evidence, code = data["book/index"]["@graph"]
    assert [one["@type"] for one in (book, evidence, code)] == ["Book", "Dataset", "SoftwareSourceCode"]
    assert all(one["license"].startswith("https://spdx.org/licenses/") for one in (book, evidence, code))
    assert book["url"] == code["isPartOf"]["url"] == evidence["isPartOf"]["url"] == "https://book.example"
    assert book["hasPart"][0]["url"] == data["notebooks/sample"]["url"]
    assert data["notebooks/sample"]["url"] == "https://book.example/notebooks/sample.html"
    assert code["codeRepository"] == "https://code.example/book"
    assert book["author"] == [
        {"@type": "Person", "givenName": "Ann", "familyName": "Berg"},
        {"@type": "Organization", "name": "A Society"},
    ]


@given(st.dictionaries(st.text(), st.text() | st.sampled_from(["</script>", "<!--<script>", "]]>", "&lt;"])))
def test_no_word_leaves_the_script(data):
    page = BeautifulSoup(f"<head>{metadata.script(data)}<title>x</title></head>", "html.parser")
    assert [one.name for one in page.head.find_all()] == ["script", "title"]
    assert json.loads(page.script.string) == data
    assert metadata.script(data).count("<") == 2


def test_the_index_and_the_chapters_say_what_their_references_say(quick_site):
    cited = {f"notebooks/{name}.html": one for name, one in references(PROJECT).items()}
    book = cited.pop("notebooks/book.html")
    for path in quick_site.rglob("*.html"):
        if "_static" in path.parts:
            continue
        text = path.read_text()
        found = re.findall(r'(?s)<script type="application/ld\+json">(.*?)</script>', text)
        name = str(path.relative_to(quick_site))
        if name == "book/index.html":
            whole, _, code = json.loads(found[0])["@graph"]
            assert (whole["name"], whole["bookEdition"]) == (book.title, book.edition)
            assert [one["name"] for one in whole["hasPart"]] == [one.title for one in cited.values()]
            assert (code["name"], code["version"]) == ("l2scaling", book.version)
        elif name in cited:
            data, one = json.loads(found[0]), cited[name]
            assert (data["@type"], data["name"], data["isPartOf"]["name"]) == ("Chapter", one.title, one.book)
            assert data["identifier"]["value"] == one.run
            said = re.search(r'<meta name="citation_abstract" content="([^"]*)">', text)[1]
            assert data["abstract"] == unescape(said)
        assert len(found) == (name in {"book/index.html", *cited})


# ---------------------------------------------------------------- where the PDF is


def test_search_engines_are_told_of_the_pdf_once_it_is_there_and_has_an_address(built_sample):
    site = built_sample / "_build" / "html"
    tag = '<meta name="citation_pdf_url" content="https://book.example/book/book.pdf">'
    for url, wanted in (("", []), ("url: https://book.example/\n", ["book/index.html"])):
        with (built_sample / "CITATION.cff").open("a") as file:
            file.write(url)
        pages = {path: path.read_text() for path in site.rglob("*.html")}
        assert not any("citation_pdf_url" in text for text in pages.values())
        (site / pdf.NAME).write_bytes(b"%PDF")
        pdf.print_book(Project(built_sample), site)
        pdf.print_book(Project(built_sample), site)
        told = {path: path.read_text().count("citation_pdf_url") for path in pages}
        assert [str(path.relative_to(site)) for path in told if told[path]] == wanted
        assert all(path.read_text().count(tag) == 1 for path in told if told[path])
        for path, text in pages.items():
            path.write_text(text)
