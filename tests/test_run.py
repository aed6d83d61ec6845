"""The strict run: wrong requests start nothing, failed runs lose nothing, good runs repeat."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from conftest import BIN, SAMPLE, complaint, environment, l2scaling, sample_notebook, wait_for

from l2scaling.publish.errors import RequestError
from l2scaling.publish.project import Project
from l2scaling.publish.runs import kernels, private
from l2scaling.publish.runs.parameters import declared


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


WRONG_REQUESTS = {
    "unknown chapter": (["sampel"], ["'sampel'", "nearest: 'sample'"]),
    "unknown parameter": (["sample", "-p", "sede", "1"], ["'sede'", "nearest: 'seed'", "mode"]),
    "wrong type": (["sample", "-p", "seed", "1.5"], ["'1.5'", "int", "0 to 10"]),
    "not a number": (["sample", "-p", "pause", "nan"], ["nan", "float", "0 to 10"]),
    "infinite": (["sample", "-p", "pause", "inf"], ["inf", "0 to 10"]),
    "beyond floats": (["sample", "-p", "pause", "1e400"], ["'1e400'", "beyond what a float can express"]),
    "nearly nothing": (["sample", "-p", "pause", "1e-400"], ["'1e-400'", "beyond what a float can express"]),
    "out of range": (["sample", "-p", "seed", "11"], ["11", "0 to 10"]),
    "negative": (["sample", "-p", "seed", "-1"], ["-1", "0 to 10"]),
    "not a choice": (["sample", "-p", "mode", "bad"], ["'bad'", "one of good"]),
    "code for a value": (["sample", "-p", "sizes", "__import__('os')"], ["sizes", "list[int]"]),
    "list not rising": (["sample", "-p", "sizes", "[2, 1]"], ["[2, 1]", "increasing"]),
    "list of the wrong type": (["sample", "-p", "sizes", "[1.5]"], ["[1.5]", "list[int]"]),
    "list too long": (["sample", "-p", "sizes", "[1, 2, 3, 4]"], ["1 to 3"]),
    "huge number": (["sample", "-p", "seed", "9" * 5000], ["seed", "0 to 10"]),
    "given twice": (["sample", "-p", "seed", "1", "-p", "seed", "2"], ["'seed'", "once"]),
    "unknown profile": (["sample", "--profile", "fast"], ["'fast'", "quick, published, full"]),
    "no folder": (["sample", "--output", "nowhere/x.ipynb"], ["nowhere/x.ipynb", "cannot be written"]),
    "wrong ending": (["sample", "--output", "x.html"], ["x.html", ".ipynb"]),
    "over the source": (["sample", "--output", "notebooks/sample.ipynb"], ["notebooks/sample.ipynb"]),
    "no time": (["sample", "--cell-timeout", "0"], ["0", "1 or more"]),
    "missing value": (["sample", "-p", "seed"], ["-p", "2 arguments"]),
    "no chapter": ([], ["chapter"]),
    "unknown option": (["sample", "--proflie", "quick"], ["--proflie"]),
}


@pytest.mark.parametrize("case", WRONG_REQUESTS)
def test_a_wrong_request_is_one_line_and_changes_nothing(sample, case):
    words, wanted = WRONG_REQUESTS[case]
    before = files(sample)
    line = complaint(l2scaling("run", *words, project=sample, cwd=sample), 2)
    assert all(part in line for part in wanted), line
    assert files(sample) == before


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notebooks/sample.ipynb", "{"),
        (
            "notebooks/sample.ipynb",
            '{"cells": [{"cell_type": "nonsense"}], "nbformat": 4, "nbformat_minor": 5}',
        ),
        ("notebooks/sample.ipynb", ""),
        ("notebooks/profiles.yml", "sample: [unclosed"),
        ("notebooks/profiles.yml", "sample:\n  published: 3\n"),
        ("notebooks/profiles.yml", "sample:\n  published:\n    seed: 99\n"),
        ("notebooks/profiles.yml", "sample:\n  published:\n    sede: 1\n"),
        ("notebooks/profiles.yml", "sample:\n  quick:\n    seed: 1\n  quick:\n    seed: 2\n"),
        ("notebooks/profiles.yml", "smaple:\n  quick:\n    seed: 1\n"),
        ("notebooks/profiles.yml", "sample:\n  quik:\n    seed: 1\n"),
    ],
)
def test_a_broken_file_is_one_line_and_changes_nothing(sample, name, content):
    (sample / name).write_text(content)
    before = files(sample)
    assert "allowed" in complaint(l2scaling("run", "sample", project=sample), 2)
    assert files(sample) == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("sample: {}\nsample: {}\n", "profiles.yml is broken (it has 'sample' twice)"),
        ("sample: " + "[" * 5000, "profiles.yml is broken (it is nested too deeply)"),
        ("smaple: {}\n", "unknown chapter of profiles.yml 'smaple' (nearest: 'sample')"),
        ("sample: {quik: {}}\n", "unknown profile of 'sample' in profiles.yml 'quik' (nearest: 'quick')"),
    ],
)
def test_profiles_that_nobody_would_read_are_named(sample, content, said):
    (sample / "notebooks" / "profiles.yml").write_text(content)
    with pytest.raises(RequestError, match=rf"^{re.escape(said)}; allowed: "):
        Project(sample).profile_values("sample", "quick")


@pytest.mark.parametrize(
    "parameters",
    [
        "seed: int = 3",  # no help
        "seed: int = 3  # master seed; many",  # no range
        "seed: int = 3  # master seed; 5 to 10",  # default outside it
        "seed: complex = 3  # master seed; 0 to 10",
        "seed: int | None = 3  # invisible to papermill; 0 to 10",
        "seed: int = 1 + 2  # derived; 0 to 10",
        "seed = 3  # no type; 0 to 10",
        "seed: int = (",
    ],
)
def test_a_declaration_outside_the_grammar_is_refused(parameters):
    with pytest.raises(RequestError, match="allowed"):
        declared(sample_notebook(parameters), "sample")


@pytest.mark.parametrize("number", ["1e-400", "1e-320", "1.0e400"])
def test_a_list_with_a_number_that_a_float_cannot_express_is_refused(number):
    line = "rates: list[float] = [1.0]  # rates; 1 to 2 increasing values from 0 to 1e9"
    (one,) = declared(sample_notebook(line), "sample")
    assert one.parse("[0.0e-400]") == [0.0]
    with pytest.raises(RequestError, match=f"'rates'.*{re.escape(number)}.*beyond what a float can express"):
        one.parse(f"[0.0, {number}]")


def test_declared_parameters_are_listed(sample):
    rows = json.loads(l2scaling("parameters", "sample", "--json", project=sample).stdout)
    assert rows[0] == {
        "name": "seed",
        "type": "int",
        "default": 3,
        "allowed": "0 to 10",
        "help": "master seed",
    }
    assert [row["name"] for row in rows] == [line.split(":")[0] for line in SAMPLE.strip().splitlines()]


def outputs(notebook: nbformat.NotebookNode) -> list:
    return [cell.outputs for cell in notebook.cells if cell.cell_type == "code" and cell.outputs]


def test_a_run_repeats_byte_for_byte_times_aside_and_names_no_place(sample, tmp_path):
    texts = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        output = tmp_path / folder / "out.ipynb"
        words = ("run", "sample", "-p", "seed", "7", "--profile", "quick", "--output", output)
        done = l2scaling(*words, project=sample, cwd=tmp_path / folder)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == str(output)
        notebook = nbformat.read(output, as_version=4)
        times = notebook.metadata["papermill"]
        assert times.pop("duration") > 0
        assert times.pop("start_time") < times.pop("end_time")
        texts.append(nbformat.writes(notebook))
    assert texts[0] == texts[1]
    assert not [place for place in (str(tmp_path), str(Path.home()), "/tmp/") if place in texts[0]]
    record = notebook.metadata["l2scaling"]
    assert record["parameters"] == {"seed": 7, "mode": "good", "pause": 0.25, "sizes": [1, 2]}
    assert record["profile"] == "custom"
    assert stat.S_IMODE(output.stat().st_mode) == 0o644


def test_plain_papermill_and_run_all_give_the_same_numbers_from_anywhere(sample, tmp_path):
    strict, plain, run_all = (tmp_path / f"{name}.ipynb" for name in ("strict", "plain", "all"))
    assert l2scaling("run", "sample", "--output", strict, project=sample).returncode == 0
    source = sample / "notebooks" / "sample.ipynb"
    for command in (
        [BIN / "papermill", source, plain],
        [BIN / "jupyter", "execute", source, f"--output={run_all}"],
    ):
        subprocess.run(command, cwd=tmp_path, env=environment(sample), check=True, capture_output=True)
    results = [outputs(nbformat.read(path, as_version=4)) for path in (strict, plain, run_all)]
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize(
    ("mode", "cause"), [("raise", "ZeroDivisionError"), ("sleep", "longer than 2 s"), ("die", "kernel died")]
)
def test_a_failed_run_names_the_cell_and_leaves_the_last_good_one(sample, mode, cause):
    assert l2scaling("run", "sample", project=sample).returncode == 0
    good = sample / "_build" / "runs" / "published" / "sample.ipynb"
    before = good.read_bytes()
    output = ("--output", good, "--cell-timeout", "2")
    line = complaint(l2scaling("run", "sample", "-p", "mode", mode, *output, project=sample), 1)
    assert "'sample'" in line
    assert "code cell 4 of 5" in line
    assert cause in line
    assert good.read_bytes() == before
    partial = good.with_name("sample.failed.ipynb")
    assert str(partial) in line
    assert outputs(nbformat.read(partial, as_version=4))
    assert l2scaling("run", "sample", project=sample).returncode == 0
    assert not partial.exists()


def test_runs_side_by_side_do_not_disturb_each_other(sample, tmp_path):
    command = [str(BIN / "l2scaling"), "run", "sample"]
    started = [
        subprocess.Popen(
            [*command, "-p", "seed", str(seed), "--output", str(tmp_path / f"{seed}.ipynb")],
            env=environment(sample), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )
        for seed in range(6)
    ]  # fmt: skip
    for process in started:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    results = [outputs(nbformat.read(tmp_path / f"{seed}.ipynb", as_version=4)) for seed in range(6)]
    assert len({json.dumps(result) for result in results}) == 6


def test_two_runs_of_one_target_take_turns(sample):
    command = [BIN / "l2scaling", "run", "sample"]
    started = [
        subprocess.Popen(command, env=environment(sample), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    errors = [process.communicate()[1].decode() for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert sum("waiting" in text for text in errors) == 1


def test_listing_says_what_is_fresh(sample):
    def listing() -> dict:
        (row,) = json.loads(l2scaling("chapters", "--json", project=sample).stdout)
        return row

    assert listing() == {"chapter": "sample", "title": "A sample", "minutes": None, "fresh": False}
    assert l2scaling("run", "sample", project=sample).returncode == 0
    assert listing()["fresh"] is True
    assert listing()["minutes"] >= 0
    notebook = sample_notebook()
    notebook.cells[-1].source += "\n# changed"
    nbformat.write(notebook, sample / "notebooks" / "sample.ipynb")
    assert listing()["fresh"] is False


def test_evidence_asked_for_before_a_run_says_how_to_make_one(sample):
    line = complaint(l2scaling("evidence", "sample", "--profile", "quick", project=sample), 2)
    assert "l2scaling run sample --profile quick" in line


def test_outside_a_checkout_the_command_says_so(tmp_path):
    assert "holds no book" in complaint(l2scaling("chapters", project=tmp_path), 2)


def test_a_read_only_folder_is_refused_unless_its_owner_may_write_anyway(sample, tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o500)
    done = l2scaling("run", "sample", "--output", folder / "x.ipynb", project=sample)
    if done.returncode == 0:  # root may write everywhere
        assert (folder / "x.ipynb").exists()
    else:
        assert "cannot be written" in complaint(done, 2)
    folder.chmod(0o700)
    shutil.rmtree(folder)


def test_no_file_of_others_is_touched_and_no_link_is_followed(sample, tmp_path):
    theirs, source = tmp_path / "theirs", sample / "notebooks" / "sample.ipynb"
    theirs.write_text("theirs")
    before = source.read_bytes()
    for name in ("sl.partial", ".sl.partial", ".sl.l2scaling-00000000.partial"):
        (tmp_path / name).symlink_to(source)
    (tmp_path / "other.partial").write_text("theirs")
    output = tmp_path / "sl.ipynb"
    output.symlink_to(theirs)
    assert l2scaling("run", "sample", "--output", output, project=sample).returncode == 0
    assert (theirs.read_text(), source.read_bytes()) == ("theirs", before)
    assert not output.is_symlink()
    assert (tmp_path / "other.partial").read_text() == "theirs"
    assert (tmp_path / "sl.partial").is_symlink()
    into = tmp_path / "into.ipynb"
    into.symlink_to(source)
    assert "among the sources" in complaint(l2scaling("run", "sample", "--output", into, project=sample), 2)


@pytest.mark.parametrize("kind", ["file", "link", "folder", "pipe"])
def test_what_a_failed_run_would_replace_has_to_be_one(sample, tmp_path, kind):
    failed, source = tmp_path / "x.failed.ipynb", sample / "notebooks" / "sample.ipynb"
    {
        "file": lambda: failed.write_text("theirs"),
        "link": lambda: failed.symlink_to(source),
        "folder": failed.mkdir,
        "pipe": lambda: os.mkfifo(failed),
    }[kind]()
    line = complaint(l2scaling("run", "sample", "--output", tmp_path / "x.ipynb", project=sample), 2)
    assert "'x.failed.ipynb'" in line
    assert not (tmp_path / "x.ipynb").exists()


def test_what_a_killed_run_left_of_its_notebook_is_taken_away(sample, tmp_path):
    left = tmp_path / ".x.l2scaling-abcdefgh.partial"
    left.write_text("{")
    assert l2scaling("run", "sample", "--output", tmp_path / "x.ipynb", project=sample).returncode == 0
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["x.ipynb"]


# ---------------------------------------------------------------- the warm parent


def test_a_warm_run_is_a_cold_one_to_the_last_byte(sample, tmp_path):
    texts = []
    for name, before in {"cold": [], "warm": [sys.executable, "-m", "l2scaling.publish.runs.warm"]}.items():
        output = tmp_path / f"{name}.ipynb"
        command = [*before, BIN / "l2scaling", "run", "sample", "-p", "seed", "5", "--output", output]
        done = subprocess.run(command, env=environment(sample), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == str(output)
        notebook = nbformat.read(output, as_version=4)
        del notebook.metadata["papermill"]
        texts.append(nbformat.writes(notebook))
    assert texts[0] == texts[1]


WARM = """
import os, subprocess, sys
from l2scaling.publish.runs import warm
command = [sys.argv[1], "run", "sample", "--profile", "quick"]
with warm.parent(os.environ, warm=True) as address:
    for change in ({}, {"OMP_NUM_THREADS": "2"}):
        given = os.environ | {warm.VARIABLE: address} | change
        subprocess.run(command, env=given, check=True)
        print(open(sys.argv[2]).read().count('"threads": "2"'))
"""


def test_a_warm_parent_declines_what_it_was_not_made_for(sample):
    """A run with another number of threads begins anew, as one of edited sources does."""
    run = sample / "_build" / "runs" / "quick" / "sample.ipynb"
    command = [sys.executable, "-c", WARM, str(BIN / "l2scaling"), str(run)]
    done = subprocess.run(command, env=environment(sample), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.split() if line in "01"] == ["0", "1"]


def test_a_warm_parent_is_one_process_without_threads_until_it_forks():
    code = "from l2scaling.publish.runs import warm; warm._import_all(); "
    code += "import os; print(os.listdir('/proc/self/task'))"
    single = environment() | dict.fromkeys(private.THREADS, "1")
    done = subprocess.run([sys.executable, "-c", code], env=single, capture_output=True, text=True)
    assert done.stdout.count(",") == 0, done.stdout + done.stderr


def test_a_path_that_cannot_be_printed_is_no_success(sample):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [BIN / "l2scaling", "run", "sample"],
            env=environment(sample),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert "No space left on device" in complaint(done, 1)


def test_a_run_needs_no_open_stream(sample):
    script = f"{BIN}/l2scaling run sample <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", script], env=environment(sample)).returncode == 0
    assert (sample / "_build" / "runs" / "published" / "sample.ipynb").is_file()


def test_runs_end_with_whoever_asked_for_them(sample):
    """Killed like this, nothing can be told to anybody: the parent sees the line go dead."""
    (sample / "notebooks" / "profiles.yml").write_text("sample: {quick: {pause: 9}}\n")
    command = [sys.executable, "-m", "l2scaling.publish.runs.warm", str(BIN / "l2scaling"), "run", "sample"]
    asked = subprocess.Popen([*command, "--profile", "quick"], env=environment(sample))
    kernel = wait_for(asked, kernels.NAME)
    wait_for(asked, "l2scaling run").kill()
    assert asked.wait(timeout=30) != 0
    kernel.wait(timeout=10)
