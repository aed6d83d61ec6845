"""Malformed requests and files by the thousand: one line and exit status 2, or success; nothing written.

Commands run in this process, for speed. None of them can start a kernel: a request that might be
right is only resolved, and goes to ``run``, ``sweep`` or ``site`` with an option that is wrong.
"""

import ast
import contextlib
import io
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import papermill.translators
import pytest
import yaml
from conftest import (
    ROOT,
    SAMPLE,
    complaint,
    environment,
    l2scaling,
    lack,
    need,
    sample_notebook,
    write_sample,
)
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from l2scaling import evidence
from l2scaling.publish.cli import main
from l2scaling.publish.errors import RequestError
from l2scaling.publish.evidence import claims, controls, robustness, sweep
from l2scaling.publish.pages import citation, pdf
from l2scaling.publish.project import Project, read_yaml
from l2scaling.publish.runs.parameters import Parameter, declared, resolve

many = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
some = settings(many, max_examples=150)
few = settings(many, max_examples=60)  # each of which calls ten commands

# An argument of a process holds no null byte; bytes that are no UTF-8 come as these surrogates.
letters = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
arguments = st.text(letters | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF), max_size=30)
hostile = st.one_of(
    arguments,
    st.text(st.sampled_from("'\"\\\n\r\t\0 #{}()[]$%`;,=:\u2028\u2029\x85\x0c\ud800\udfff𝔘λ"), max_size=12),
    st.sampled_from(
        ["'''", '"""', "\\", '\\"', '");import os#', "{{x}}", "${x}", "#", "\\N{DIGIT ONE}", "%x"]
    ),
    st.tuples(arguments, st.sampled_from(['"', "\\", '\\"', "\n", '"""', "\u2028"]), arguments).map("".join),
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.dates(),
    st.binary(max_size=4),
)
nested = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Iterator[Path]:
    """A small project without a run; every test leaves it as it was."""
    root = write_sample(tmp_path_factory.mktemp("fuzz") / "project")
    shutil.rmtree(root / "src")  # none of it is read, and it would be looked at thousands of times
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("L2SCALING_PROJECT", str(root))
        patch.chdir(root)
        yield root


def state(root: Path) -> list[tuple[str, int, int]]:
    """Every path below ``root``, with its size and the time of its last change."""
    found = [(path, path.lstat()) for path in root.rglob("*")]
    return sorted((str(path), seen.st_size, seen.st_mtime_ns) for path, seen in found)


def call(root: Path, *words: object) -> int:
    """Run a command in this process; check that it wrote nothing, and is done or says why not in one line."""
    before = state(root)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main([str(word) for word in words])
        except SystemExit as end:
            status = end.code
    assert state(root) == before
    said = err.getvalue()
    if status:
        assert status == 2, (words, said)
        assert out.getvalue() == ""
        assert said.startswith("l2scaling"), said
        assert len(said.splitlines()) == 1, said
    else:
        assert said == ""
    return status


def refused(root: Path, *words: object) -> None:
    assert call(root, *words) == 2


WORDS = (
    "chapters", "parameters", "run", "sweep", "evidence", "cite", "convert", "accept", "site", "pdf",
    "sample", "book", "-p", "seed", "3", "mode", "good", "--profile", "quick", "published", "--json",
    "--output", "x.ipynb", "--grid", "seed=1,2", "--seeds", "--jobs", "2", "--format", "bibtex", "ris",
    "--from", "torch.optim.SGD", "--to", "penalty_coefficient", "0.1", "-1", "nan", "--samples", "--", "-",
    "", "--help", "--version", "--cell-timeout", "--site",
)  # fmt: skip


@many
@given(line=st.lists(st.sampled_from(WORDS) | arguments, max_size=7))
def test_any_command_line_is_one_line_or_success(book, line):
    if {"run", "sweep", "site", "accept", "pdf"} & set(line):
        line = [*line, "--no-such-option"]  # they write, if the rest happens to be right
    call(book, *line)


@many
@given(name=st.sampled_from(["seed", "mode", "pause", "sizes"]) | arguments, value=hostile | scalars.map(str))
def test_a_value_is_of_the_declared_type_and_range_or_refused(book, name, value):
    parameters = declared(sample_notebook(), "sample")
    try:
        resolved = resolve(parameters, {}, {name: value})
    except RequestError:
        if "\0" not in value:
            refused(book, "run", "sample", "-p", name, value)
            refused(book, "sweep", "sample", "--grid", f"{name}={value}")
        return
    (accepted,) = resolved.values()
    assert ast.literal_eval(_injected(resolved)[name]) == accepted
    allowed = {
        "seed": lambda: type(accepted) is int and 0 <= accepted <= 10,
        "mode": lambda: accepted in ("good", "raise", "sleep", "die"),
        "pause": lambda: type(accepted) is float and 0 <= accepted <= 10,
        "sizes": lambda: accepted == sorted(set(accepted)) and set(accepted) <= set(range(1, 10)),
    }
    assert allowed[name]()


@some
@given(
    grid=st.lists(
        arguments | st.sampled_from(["seed=1,2", "seed=", "sizes=[1,[2]", "=,", "pause=1,1"]), max_size=3
    ),
    seeds=st.none() | st.integers() | st.just(10**9),
)
def test_a_grid_is_a_list_of_allowed_points_or_refused(book, grid, seeds):
    words = [part for axis in grid for part in ("--grid", axis)] + (
        ["--seeds", seeds] if seeds is not None else []
    )
    try:
        axes = [sweep.parse_axis(axis) for axis in grid]
        points = sweep.points(Project(book), "sample", axes, seeds, "quick")
    except RequestError:
        refused(book, "sweep", "sample", "--profile", "quick", *words)
    else:
        assert 1 <= len(points) <= sweep.MOST_POINTS


@some
@given(output=arguments)
def test_an_output_that_cannot_be_is_refused(book, output):
    refused(book, "run", "sample", "--output", f"nowhere/{output}.ipynb")
    refused(book, "run", "sample", "--output", f"{output}.html")
    refused(book, "run", "sample", "--cell-timeout", f"{output}x")


@pytest.mark.parametrize(
    "command", ["run sample --output", "sweep sample --seeds 1 --output", "site --output"]
)
def test_links_in_a_circle_names_too_long_and_files_for_folders_are_refused(book, command):
    (book / "circle.ipynb").symlink_to("circle.ipynb")
    for output in ("circle.ipynb", f"{'x' * 300}.ipynb", "Makefile/x.ipynb"):
        refused(book, *command.split(), output)
    (book / "circle.ipynb").unlink()


def test_a_site_never_replaces_a_folder_of_other_things(book):
    for place in (".", "book", "Makefile", "/", ".."):
        refused(book, "site", "--output", place)


APIS = st.sampled_from(
    ["torch.optim.SGD", "torch.optim.AdamW", "sklearn.linear_model.Ridge", "sklearn.svm.LinearSVC",
     "keras.regularizers.L1", "penalty_coefficient", "sklearn.linear_model.ElasticNet (L1 part)"]
)  # fmt: skip
figures = st.one_of(
    st.floats().map(str), st.integers().map(str), arguments, st.just("9" * 400), st.just("1e-320")
)


@many
@given(
    value=figures, source=APIS | arguments, target=APIS | arguments,
    options=st.dictionaries(
        st.sampled_from(["--samples", "--batch-size", "--learning-rate", "--l1-ratio"]), figures, max_size=4
    ),
    as_json=st.booleans(),
)  # fmt: skip
@example(
    value="0.0", source="torch.optim.SGD", target="sklearn.linear_model.Ridge",
    options={"--samples": "9" * 400}, as_json=False,
)  # fmt: skip
def test_a_conversion_is_a_finite_number_or_refused(book, value, source, target, options, as_json):
    words = ["convert", value, "--from", source, "--to", target]
    words += [word for pair in options.items() for word in pair]
    call(book, *words, *(["--json"] if as_json else []))


@few
@given(
    what=arguments | st.sampled_from(["book", "sample"]), form=arguments | st.sampled_from(citation.FORMATS),
    profile=arguments | st.just("quick"),
)  # fmt: skip
def test_names_are_known_or_refused(book, what, form, profile):
    call(book, "cite", what, "--format", form, "--profile", profile)
    call(book, "parameters", what, "--json")
    call(book, "evidence", what, "--profile", profile)
    call(book, "accept", what)  # there is no run that could be accepted
    call(book, "site", "--profile", profile)  # nor one of which to build a site
    refused(book, "run", "sample", "-p", "sede", what)


def commands(root: Path) -> None:
    """Everything that reads a file of the project, none of which can start a run."""
    for words in ("chapters --json", "parameters sample", "evidence", "cite book", "cite sample --format ris",
                  "accept sample", "sweep sample --grid sede=1"):  # fmt: skip
        call(root, *words.split())
    refused(root, "run", "sample", "-p", "sede", "1")
    refused(root, "site")
    with contextlib.suppress(RequestError):
        assert all(isinstance(one, claims.Claim) for one in claims.read_claims(Project(root)))


@contextlib.contextmanager
def holding(path: Path, content: str | bytes) -> Iterator[None]:
    """Let a file hold other content for a while."""
    good = path.read_bytes()
    path.write_bytes(content if isinstance(content, bytes) else content.encode(errors="surrogatepass"))
    try:
        yield
    finally:
        path.write_bytes(good)


def broken(text: str) -> st.SearchStrategy[str]:
    """A text with a piece lost, doubled or replaced, as a slip of an editor leaves it."""
    place = st.integers(0, len(text))
    piece = (
        st.sampled_from(["", ":", "- ", "[", "{", "'", "\t", "&a [*a]", "!!int x", "? ", "\0", "\x1b"])
        | hostile
    )
    return st.builds(
        lambda one, two, new: text[: min(one, two)] + new + text[max(one, two) :], place, place, piece
    )


CLAIMS = """- id: A1
  source: T1
  who: the asker
  claim: All is well
  ruling: fails
  reconsidered: holds
  chapters: [sample]
  because: It is
  condition: in one place
  regime: SGD · 1 layer · one weight
  looked: {size: it was small}
"""
TEXTS = {
    "notebooks/profiles.yml": "sample:\n  quick:\n    pause: 0.25\n    sizes: [1, 2]\n",
    "book/claims.yml": CLAIMS,
    "_toc.yml": "format: jb-book\nroot: book/index\nchapters:\n- file: notebooks/sample\n",
    "CITATION.cff": (ROOT / "CITATION.cff").read_text(),
    "_config.yml": "title: A book\nhtml:\n  favicon: icon.svg\n",
}


@pytest.mark.parametrize("name", TEXTS)
@few
@given(data=st.data())
def test_a_malformed_yaml_file_is_one_line_or_success(book, name, data):
    good = yaml.safe_load(TEXTS[name])
    entry = good[0] if isinstance(good, list) else good
    changed = st.dictionaries(st.sampled_from(list(entry)), nested, max_size=3).map(lambda new: entry | new)
    content = data.draw(
        st.one_of(
            broken(TEXTS[name]),
            st.binary(max_size=30),
            nested.map(yaml.safe_dump),
            changed.map(lambda one: yaml.safe_dump([one] if isinstance(good, list) else one)),
        )
    )
    with holding(book / name, content):
        commands(book)


def doubled(first: str, again: str, levels: int = 40) -> str:
    """Anchors, each of which stands for the one before it twice."""
    return "".join(
        [f"a0: &a0 {first}\n", *(f"a{n}: &a{n} {again.format(f'*a{n - 1}')}\n" for n in range(1, levels))]
    )


BOMBS = {
    "lists": doubled("[x, x]", "[{0}, {0}]"),
    "mappings": doubled("{x: 1}", "{{x: {0}, y: {0}}}"),
    "merged mappings": doubled("{x: 1}", "{{<<: [{0}, {0}]}}"),
    "keys": doubled("[x]", "{{? {0} : {0}}}"),
    "a long text, often": f"a: &a {'x' * 1000}\nb: [{'*a, ' * 1000}]\n",
    "a large file": "a: [" + "x, " * 2**17 + "]\n",
    "itself": "a: &a [x, {b: *a}]\n",
    "its own key": "&a {? *a : x}\n",
    "a number in sixties": f"a: {':'.join(['59'] * 60_000)}\n",
    "a number in hexadecimal": f"a: 0x{'f' * 5000}\n",
    "depth": "[" * 10_000,
}
READERS = {
    "_toc.yml": (Project.chapters, lambda project: pdf.one_document(project, project.root)),
    "notebooks/profiles.yml": (lambda project: project.profile_values("sample", "quick"),),
    "book/claims.yml": (claims.read_claims,),
    "book/controls.yml": (controls.controls,),
    "book/robustness.yml": (robustness.trials,),
    "CITATION.cff": (citation.book_reference,),
    "_config.yml": (Project.config,),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_yaml_file_that_stands_for_a_large_one_is_refused_at_once(sample, bomb):
    for name, readers in READERS.items():
        good = (sample / name).read_text() if (sample / name).is_file() else ""
        (sample / name).write_text(BOMBS[bomb])
        for reader in readers:
            started = time.perf_counter()
            with pytest.raises(
                RequestError, match=rf"^{Path(name).name} is broken \(.*\); allowed: "
            ) as said:
                reader(Project(sample))
            assert time.perf_counter() - started < 5
            assert len(str(said.value)) < 500
        (sample / name).write_text(good)


def test_aliases_may_be_used_and_yaml_has_one_reader(tmp_path):
    path = tmp_path / "x.yml"
    path.write_text("a: &a {x: [1, 2]}\nb: {<<: *a, y: 0x10}\nc: [*a, *a]\n")
    same = {"x": [1, 2]}
    assert read_yaml(path, "x") == {"a": same, "b": same | {"y": 16}, "c": [same, same]}
    path.write_text("")
    assert read_yaml(path, "x") is None
    sources = (ROOT / "src").rglob("*.py")
    readers = {one.name for one in sources if re.search(r"yaml\.\w*(load|Load)", one.read_text())}
    # the others read what the package itself carries
    assert readers == {"project.py", "conventions.py", "recipes.py"}


LITERALS = (
    "3",
    "-1",
    "1.5",
    "'good'",
    "[1, 2]",
    "True",
    "None",
    "1 +",
    "{[]: 1}",
    "(1, 2)",
    "f'{x}'",
    "0777",
    "1e999",
)
TYPES = ("int", "float", "bool", "str", "list[int]", "list[float]", "dict", "int | None", "'int'", "np.int8")
ALLOWED = (
    "0 to 10", "1.2.3 to 4", "true or false", "one of good, bad", "1 to 3 increasing values from 1 to 9",
    "٣ to ٤", ". to .", "0 to", "", "; 0 to 10",
)  # fmt: skip
lines = st.builds(
    "{}: {} = {}  # {}; {}".format,
    st.sampled_from(["seed", "mode", "class", "x y", "1a", "λ"]),
    st.sampled_from(TYPES),
    st.sampled_from(LITERALS) | scalars.map(repr),
    st.sampled_from(["meaning", "", "a = b", "#"]),
    st.sampled_from(ALLOWED),
)
cells = st.lists(lines | hostile | st.just(SAMPLE), max_size=3).map("\n".join)
DEEP = ("(" * 300, "[" * 5000, "x = " + "-" * 50000 + "1", "seed: int = '\\d'  # a; 0 to 1", "x = 1\0")


@many
@given(source=cells | st.sampled_from(DEEP))
def test_a_parameters_cell_is_understood_or_refused(book, source):
    try:
        parameters = declared(sample_notebook(source), "sample")
    except RequestError:
        notebook = json.dumps(sample_notebook(source))
        with holding(book / "notebooks" / "sample.ipynb", notebook):
            refused(book, "parameters", "sample")
            refused(book, "run", "sample")
    else:
        assert all(isinstance(one, Parameter) for one in parameters)


def changed_notebook(good: dict) -> st.SearchStrategy[str]:
    """A notebook with some of its fields replaced by anything."""

    def change(draw: st.DrawFn) -> str:
        notebook = json.loads(json.dumps(good))
        place = notebook
        for _ in range(draw(st.integers(0, 5))):
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            inner = [key for key in keys if isinstance(place[key], dict | list) and place[key]]
            if not inner:
                break
            place = place[draw(st.sampled_from(inner))]
        key = draw(st.sampled_from(list(place) if isinstance(place, dict) else list(range(len(place)))))
        place[key] = draw(jsonable)
        return json.dumps(notebook)

    return st.composite(change)()


jsonable = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@some
@given(
    content=st.one_of(
        changed_notebook(sample_notebook()),
        jsonable.map(json.dumps),
        broken(json.dumps(sample_notebook())),
        st.sampled_from(
            ["[" * 10_000, '{"nbformat": 1e400}', '{"nbformat": 3}', '{"nbformat": 4, "cells": 3}']
        ),
    )
)
def test_a_malformed_notebook_is_one_line_or_success(book, content):
    with holding(book / "notebooks" / "sample.ipynb", content):
        for words in ("chapters", "parameters sample --json", "cite sample"):
            call(book, *words.split())
        refused(book, "run", "sample", "-p", "sede", "1")


def executed_notebook() -> nbformat.NotebookNode:
    """What a run leaves, as far as commands read it."""
    record = {"claim": "A1", "chapter": "sample", "quantity": "size", "kind": "exact", "holds": True}
    record |= {"predicted": 1.0, "measured": 1.0, "low": 1.0, "high": 1.0, "margin": 0.0, "n": 1}
    notebook = sample_notebook()
    notebook.metadata["papermill"] = {"duration": 1.0, "start_time": "2026-01-01T00:00:00"}
    notebook.metadata["l2scaling"] = {"chapter": "sample", "parameters": {}, "source": "0", "overrides": {}}
    notebook.cells[-1].outputs = [nbformat.v4.new_output("display_data", {evidence.MIME: [record]})]
    return notebook


@some
@given(content=changed_notebook(executed_notebook()) | broken(json.dumps(executed_notebook())))
def test_a_malformed_run_is_one_line_or_success(book, content):
    run = Project(book).run_path("sample", "published")
    run.parent.mkdir(parents=True, exist_ok=True)
    run.write_text(content, errors="surrogatepass")
    try:
        for words in ("chapters", "evidence", "evidence sample --json", "cite sample", "cite book"):
            call(book, *words.split())
    finally:
        shutil.rmtree(book / "_build")


def _injected(values: dict) -> dict[str, str]:
    """Return what papermill would write for each value; check that it writes nothing else."""
    source = papermill.translators.translate_parameters("python3", "python", values, "Parameters")
    statements = ast.parse(source).body
    assert all(isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name) for one in statements)
    return {one.targets[0].id: ast.unparse(one.value) for one in statements}


@settings(many, max_examples=2000)
@given(text=hostile)
def test_a_hostile_string_is_injected_as_itself_and_as_nothing_else(text):
    source = papermill.translators.translate_parameters("python3", "python", {"mode": text}, "Parameters")
    assert source.isascii()
    (statement,) = ast.parse(source).body
    assert isinstance(statement, ast.Assign)
    assert isinstance(statement.value, ast.Constant)
    assert ast.literal_eval(statement.value) == text


@some
@given(
    values=st.tuples(
        st.booleans(),
        st.integers(),
        st.floats(-1e300, 1e300),
        st.lists(st.integers()),
        st.lists(st.floats(-9, 9)),
    )
)
def test_values_of_every_declared_type_are_injected_as_themselves(values):
    named = {f"value_{number}": value for number, value in enumerate(values)}
    assert {name: ast.literal_eval(text) for name, text in _injected(named).items()} == named


HOSTILE = r"""it's "quoted" \n {{x}} {x} '''");import os;os._exit(7)# λ"""


def test_a_hostile_choice_reaches_the_notebook_as_it_is(sample, tmp_path):
    """An author may allow any string of one line; here the worst of them is allowed, and run."""
    source = SAMPLE.replace("good, raise", f"good, {HOSTILE}, raise")
    notebook = sample_notebook(source)
    notebook.cells[2].source = "import os, random, time\nprint(ascii(mode))"
    nbformat.write(notebook, sample / "notebooks" / "sample.ipynb")
    output = tmp_path / "out.ipynb"
    done = l2scaling("run", "sample", "-p", "mode", HOSTILE, "--output", output, project=sample)
    assert done.returncode == 0, done.stderr
    executed = nbformat.read(output, as_version=4)
    assert ast.literal_eval(executed.cells[3].outputs[0].text) == HOSTILE
    other = f"{HOSTILE}\nimport os"
    line = complaint(l2scaling("run", "sample", "-p", "mode", other, project=sample), 2)
    assert "'mode'" in line


def test_a_listing_survives_a_terminal_that_knows_only_ascii(sample):
    notebook = sample_notebook()
    notebook.cells[0].source = "# λ, a title"
    nbformat.write(notebook, sample / "notebooks" / "sample.ipynb")
    command = [shutil.which("l2scaling", path=environment()["PATH"]), "chapters"]
    done = subprocess.run(
        command, env=environment(sample) | {"PYTHONIOENCODING": "ascii"}, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_without_network_secrets_or_settings_everything_works(sample):
    """In a network namespace of its own, which has no way out, and with no variable but PATH."""
    apart = ["unshare", "--map-current-user", "--net"]  # who has a home
    need("unshare", otherwise="nothing was run without a network")
    if subprocess.run([*apart, "true"], capture_output=True).returncode:
        lack("unshare cannot cut off the network here: nothing was run without it")
    variables = [f"{name}={environment(sample)[name]}" for name in ("PATH", "L2SCALING_PROJECT")]
    for words in (
        "chapters", "parameters sample", "run sample --profile quick", "evidence --profile quick",
        "cite sample --profile quick", "convert 0.01 --from keras.regularizers.L2 --to torch.optim.SGD",
        "sweep sample --seeds 1 --profile quick", "site --profile quick",
    ):  # fmt: skip
        command = [*apart, "env", "-i", *variables, "l2scaling", *words.split()]
        done = subprocess.run(command, cwd=sample, capture_output=True, text=True)
        assert done.returncode == 0, (words, done.stderr)
    assert (sample / "_build" / "html" / "index.html").is_file()
    for address in ("1.1.1.1", "127.0.0.1"):  # the control: there is no network indeed
        script = f"import socket; socket.create_connection(('{address}', 53), 1)"
        reached = subprocess.run([*apart, "python3", "-c", script], capture_output=True, text=True)
        assert "unreachable" in reached.stderr
