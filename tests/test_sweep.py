"""Sweeps: every point runs once, failures are named and cost nothing, and a second call resumes."""

import csv
import shutil
import subprocess
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from conftest import BIN, SAMPLE, complaint, environment, l2scaling, sample_notebook, wait_for

from l2scaling.publish.errors import RequestError
from l2scaling.publish.evidence.sweep import parse_axis, points
from l2scaling.publish.project import Project
from l2scaling.publish.runs.run import run_chapter

ROWS = "from l2scaling.evidence import Rows\nRows([{'size': n, 'square': n * seed} for n in sizes])"


@pytest.fixture
def swept(sample: Path) -> Path:
    """The sample project, whose chapter ends in a table of rows."""
    notebook = sample_notebook()
    notebook.cells.append(nbformat.v4.new_code_cell(ROWS, id="rows"))
    nbformat.write(notebook, sample / "notebooks" / "sample.ipynb")
    return sample


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_point_runs_and_its_rows_are_gathered(swept, tmp_path):
    words = ["sweep", "sample", "--grid", "pause=0.0,0.25", "--grid", "sizes=[1],[2, 3]", "--seeds", "2"]
    done = l2scaling(*words, "--output", tmp_path / "out", project=swept)
    assert done.returncode == 0, done.stderr
    assert "8 of 8 points done" in done.stderr
    rows = table(tmp_path / "out" / "rows.csv")
    assert len(rows) == 2 * (1 + 2) * 2
    assert all(int(row["square"]) == int(row["size"]) * int(row["seed"]) for row in rows)
    assert {row["seed"] for row in rows} == {"3", "4"}
    assert all(row["source"] and row["torch"] and row["started"] for row in rows)


def test_a_failing_point_is_named_and_costs_no_other_and_a_second_call_resumes(swept, tmp_path):
    words = ["sweep", "sample", "--grid", "mode=good,raise", "--seeds", "2", "--output", tmp_path / "out"]
    line = complaint(l2scaling(*words, project=swept), 1)
    assert "2 of 4 points failed" in line
    assert "mode=raise, seed=3" in line
    assert "ZeroDivisionError" in line
    assert {row["mode"] for row in table(tmp_path / "out" / "rows.csv")} == {"good"}
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "points").glob("*.ipynb")}

    notebook = swept / "notebooks" / "sample.ipynb"
    notebook.touch()  # no change, so nothing that succeeded runs again
    complaint(l2scaling(*words, project=swept), 1)
    succeeded = [path for path in before if not path.name.endswith(".failed.ipynb")]
    assert len(succeeded) == 2
    assert all(path.stat().st_mtime_ns == before[path] for path in succeeded)


def test_a_killed_sweep_goes_on_where_it_stopped(swept, tmp_path):
    words = ["sweep", "sample", "--grid", "pause=4.0,4.5", "--output", tmp_path / "out", "--jobs", "1"]
    command = [str(BIN / "l2scaling"), *map(str, words)]
    killed = subprocess.Popen(command, env=environment(swept), stderr=subprocess.DEVNULL)
    tracked, points = tmp_path / "out" / "tracked", tmp_path / "out" / "points"
    end = time.monotonic() + 60
    while time.monotonic() < end and len(list(points.glob("*.log"))) < 2:  # the second has begun
        time.sleep(0.1)
    begun = psutil.Process(killed.pid).children(recursive=True)
    killed.kill()  # and nothing else, so that the others have to notice
    killed.wait()
    assert psutil.wait_procs(begun, timeout=30)[1] == []
    made = {path: path.stat().st_mtime_ns for path in tracked.glob("*.ipynb")}
    assert made
    done = l2scaling(*words, project=swept)
    assert done.returncode == 0, done.stderr
    assert all(path.stat().st_mtime_ns == made[path] for path in made)
    assert len(table(tmp_path / "out" / "rows.csv")) == 4


def test_a_sweep_that_is_told_to_end_says_so(swept, tmp_path):
    words = ["sweep", "sample", "--grid", "pause=9.0", "--output", str(tmp_path / "out")]
    command = [str(BIN / "l2scaling"), *words]
    sweeping = subprocess.Popen(command, env=environment(swept), stderr=subprocess.PIPE, text=True)
    wait_for(sweeping, "snakemake --cores")
    sweeping.terminate()
    said = sweeping.communicate(timeout=60)[1]
    assert sweeping.returncode == 143
    assert said.splitlines()[-1] == "l2scaling: ended by SIGTERM; what was good before is untouched"


def test_results_of_other_sources_do_not_pass_for_done_when_snakemake_is_killed(swept, tmp_path):
    words = ["sweep", "sample", "--seeds", "2", "--output", tmp_path / "out"]
    assert l2scaling(*words, project=swept).returncode == 0
    path = swept / "notebooks" / "sample.ipynb"
    path.write_text(path.read_text().replace("n * seed", "n * seed + 1"))
    command = [str(BIN / "l2scaling"), *map(str, words)]
    sweeping = subprocess.Popen(command, env=environment(swept), stderr=subprocess.PIPE, text=True)
    wait_for(sweeping, "snakemake --cores").kill()
    said = sweeping.communicate(timeout=60)[1]
    assert sweeping.returncode == 1
    assert "2 of 2 points failed" in said
    assert l2scaling(*words, project=swept).returncode == 0
    rows = table(tmp_path / "out" / "rows.csv")
    assert all(int(row["square"]) == int(row["size"]) * int(row["seed"]) + 1 for row in rows)


def test_what_a_sweep_has_so_far_can_be_gathered_and_another_folder_is_refused(swept, tmp_path):
    out = tmp_path / "out"
    complaint(l2scaling("sweep", "sample", "--grid", "mode=good,raise", "--output", out, project=swept), 1)
    rows = (out / "rows.csv").read_bytes()
    (out / "rows.csv").unlink()
    done = l2scaling("gather", out, project=swept)
    assert (done.returncode, done.stdout) == (0, f"{out / 'rows.csv'}\n")
    assert done.stderr == "gather: 1 points are not done, and not in the tables\n"
    assert (out / "rows.csv").read_bytes() == rows
    shutil.rmtree(out / "tracked")  # as a sweep of other sources does
    done = l2scaling("gather", out, project=swept)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "gather: 2 points are not done, and not in the tables\n"
    assert not (out / "rows.csv").exists()
    for plan in ("", "[]", "{}", '{"points": 3}', '{"points": {"a": {"chapter": 1}}}'):
        (out / "plan.json").write_text(plan)
        assert f"'{out}' is no folder of a sweep" in complaint(l2scaling("gather", out, project=swept), 2)
    assert f"'{tmp_path}'" in complaint(l2scaling("gather", tmp_path, project=swept), 2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sample"], "--grid"),
        (["sample", "--grid", "pause"], "'pause'"),
        (["sample", "--grid", "pause=1.0,,2.0"], "'pause=1.0,,2.0'"),
        (["sample", "--grid", "pausse=1.0"], "'pausse'"),
        (["sample", "--grid", "pause=1.0,eleven"], "eleven"),
        (["sample", "--grid", "pause=1.0,11"], "11"),
        (["sample", "--grid", "pause=1.0", "--grid", "pause=2.0"], "twice"),
        (["sample", "--grid", "seed=1,2", "--seeds", "2"], "--seeds"),
        (["sample", "--seeds", "0"], "--seeds 0"),
        (["sample", "--seeds", "9"], "11"),  # beyond the largest seed allowed
        (["nothing", "--seeds", "2"], "'nothing'"),
        (["sample", "--seeds", "2", "--jobs", "0"], "--jobs 0"),
        (["sample", "--seeds", "2", "--only", "seed=3"], "--plan"),
        (["sample", "--seeds", "2", "--profile", "fast"], "'fast'"),
        (["sample", "--seeds", "2", "--output", "/proc/none"], "/proc/none"),
    ],
)
def test_senseless_sweeps_are_refused_before_any_run(swept, words, said):
    line = complaint(l2scaling("sweep", *words, project=swept), 2)
    assert said in line
    assert "allowed" in line
    assert not (swept / "_build" / "sweeps").exists()


PLAN = (
    "other: {notebook: sample, parts: [{data: [digits], seed: [1, 2]}, {data: [fashion-mnist], seed: [3]}]}"
)


@pytest.fixture
def planned(swept: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project with a plan, and with a data set that cannot be loaded here."""
    monkeypatch.setenv("FASHION_MNIST", "/nowhere")
    notebook = sample_notebook(f"{SAMPLE}data: str = 'digits'  # data set; one of digits, fashion-mnist")
    notebook.cells.append(nbformat.v4.new_code_cell(ROWS, id="rows"))
    nbformat.write(notebook, swept / "notebooks" / "sample.ipynb")
    (swept / "book" / "sweeps.yml").write_text(PLAN)
    (swept / "results").mkdir()
    return swept


def test_a_plan_makes_a_table_and_keeps_the_rows_that_cannot_be_made_here(planned):
    words = ["sweep", "other", "--plan", planned / "book" / "sweeps.yml"]
    path = planned / "results" / "other.csv"
    path.write_text("point,data,square\n0,digits,0\n0,fashion-mnist,0\n")
    before = path.read_bytes()
    line = complaint(l2scaling(*words, project=planned), 2)
    assert "results/other.csv has columns point, data, square, this sweep point, data, seed, size" in line
    assert path.read_bytes() == before
    made = table(planned / "_build" / "sweeps" / "other" / "rows.csv")
    empty = "," * (len(made[0]) - 2)
    path.write_text(f"{','.join(made[0])}\n0,digits{empty}\n0,fashion-mnist{empty}\n")
    done = l2scaling(*words, project=planned)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"{path}\n")
    assert "'fashion-mnist' is not installed" in done.stderr
    assert "its rows in results/other.csv are kept" in done.stderr
    rows = table(path)
    assert rows[:-1] == made
    assert [row["seed"] for row in rows] == ["1", "1", "2", "2", ""]
    assert (rows[-1]["point"], rows[-1]["data"]) == ("0", "fashion-mnist")


def test_a_part_of_a_plan_runs_again_and_the_other_rows_are_kept_in_their_places(planned):
    plan = planned / "book" / "sweeps.yml"
    plan.write_text("other: {notebook: sample, parts: [{data: [digits], seed: [1, 2, 4]}]}")
    words = ["sweep", "other", "--plan", plan]
    path = planned / "results" / "other.csv"
    assert l2scaling(*words, project=planned).returncode == 0
    for name in {row["point"] for row in table(path)}:  # as when points had other names
        path.write_text(path.read_text().replace(name, name[::-1]))
    before = table(path)
    notebook = planned / "notebooks" / "sample.ipynb"
    notebook.write_text(notebook.read_text().replace("n * seed", "n * seed + 1"))
    done = l2scaling(*words, "--only", "seed=2,3", "--only", "data=digits", project=planned)
    assert done.returncode == 0, done.stderr
    assert "1 of 1 points done" in done.stderr
    rows = table(path)
    assert [row["seed"] for row in rows] == [row["seed"] for row in before]
    again = [row for row in rows if row["seed"] == "2"]
    assert all(int(row["square"]) == 2 * int(row["size"]) + 1 for row in again)
    assert [row for row in rows if row not in again] == [row for row in before if row["seed"] != "2"]
    assert {row["source"] for row in again}.isdisjoint(row["source"] for row in before)


@pytest.mark.parametrize(
    ("plan", "words", "said"),
    [
        (PLAN, ["sample"], "unknown sweep 'sample'; allowed: other"),
        (PLAN, ["other", "--seeds", "2"], "--seeds"),
        (PLAN, ["other", "--only", "seed"], "--only 'seed'"),
        (PLAN, ["other", "--only", "seed=1", "--only", "data=iris"], "--only seed=1 data=iris"),
        ("[]", ["other"], "sweeps.yml is broken"),
        ("other: {notebook: sample}", ["other"], "sweeps.yml is broken ('parts')"),
        ("other: {notebook: sample, parts: [{seed: 3}]}", ["other"], "sweeps.yml is broken"),
        ("other: {notebook: sample, parts: [{sead: [3]}]}", ["other"], "'sead'"),
        ("other: {notebook: sample, parts: [{seed: [11]}]}", ["other"], "11"),
        ("other: {notebook: sample, parts: []}", ["other"], "no points"),
    ],
)
def test_a_senseless_plan_is_refused_before_any_run(planned, plan, words, said):
    (planned / "book" / "sweeps.yml").write_text(plan)
    line = complaint(l2scaling("sweep", *words, "--plan", planned / "book/sweeps.yml", project=planned), 2)
    assert said in line
    assert "allowed" in line
    assert not (planned / "_build" / "sweeps").exists()


def test_lists_keep_their_commas():
    assert parse_axis("sizes=[1, 2],[3]") == ("sizes", ["[1, 2]", "[3]"])


@pytest.mark.parametrize(
    "value",
    ["abc", "true", "1.5", "[1]", "{a: 1}", "11", "-1", "!!python/none x", "2026-01-01", "'3'", "null"],
)
@pytest.mark.parametrize("words", [("--seeds", "2"), ("--grid", "pause=0.0,0.5"), ("--grid", "seed=1,2")])
def test_a_sweep_refuses_the_profile_that_a_run_refuses(sample, value, words):
    (sample / "notebooks" / "profiles.yml").write_text(f"sample: {{quick: {{seed: {value}}}}}\n")
    project = Project(sample)
    with pytest.raises(RequestError, match="allowed") as ours:
        run_chapter(project, "sample", {}, "quick")
    grid, seeds = ([], 2) if words[0] == "--seeds" else ([parse_axis(words[1])], None)
    with pytest.raises(RequestError) as theirs:
        points(project, "sample", grid, seeds, "quick")
    assert str(theirs.value) == str(ours.value)
    assert not (sample / "_build").exists()


@pytest.mark.parametrize(
    "seed", ["", "seed: float = 3.0  # seed; 0 to 10", 'seed: str = "a"  # seed; one of a, b']
)
def test_seeds_are_counted_only_where_there_is_a_whole_number_to_count_from(sample, seed):
    notebook = sample_notebook(f"{seed}\npause: float = 0.0  # time [s]; 0 to 10")
    nbformat.write(notebook, sample / "notebooks" / "sample.ipynb")
    line = complaint(l2scaling("sweep", "sample", "--seeds", "2", project=sample), 2)
    assert "--seeds 2: chapter 'sample' has no seed; allowed: one with seed: int" in line
