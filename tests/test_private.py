"""Nothing of the user's machine reaches a run: the same cells, outputs and hash in any environment."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from conftest import (
    BIN,
    ROOT,
    complaint,
    ended,
    environment,
    extend,
    l2scaling,
    lack,
    need,
    sample_notebook,
    wait_for,
)

from l2scaling.publish.errors import RequestError
from l2scaling.publish.runs import kernels, private
from l2scaling.publish.runs.provenance import content_hash

LOOK = """
import locale, sys, matplotlib
seen = {name: value for name, value in os.environ.items() if '/' not in value}
print(sorted(seen.items()))
print(sorted(os.environ))
print(sys.executable.rpartition('/')[2], sys.flags.utf8_mode, locale.getencoding(), sys.stdout.encoding)
print(sorted(matplotlib.rcParams.items()))
print(hash('a'), os.listdir('.') and open('λ.txt', 'w').write('λ'))
"""

KERNEL = {"argv": ["/nonexistent/python", "{connection_file}"], "display_name": "x", "language": "python"}
ASCII = {
    "LC_ALL": "C",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
}  # as good as ISO-8859-1 to be in the way


@pytest.fixture
def looking(sample: Path) -> Path:
    """The sample project, whose chapter shows the environment that it sees."""
    return extend(sample, LOOK, "look")


def run(project: Path, output: Path, **variables: str) -> nbformat.NotebookNode:
    command = [BIN / "l2scaling", "run", "sample", "--output", output]
    given = environment(project) | variables
    done = subprocess.run(command, cwd=output.parent, env=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return nbformat.read(output, as_version=4)


def situations(folder: Path) -> dict[str, dict[str, str]]:
    """What was tried and had reached a run, and more of its kind."""
    specs, home = folder / "data" / "kernels" / "python3", folder / "home"
    specs.mkdir(parents=True)
    (specs / "kernel.json").write_text(json.dumps(KERNEL))
    for name in (".config/matplotlib", ".keras", ".ipython/profile_default/startup", ".jupyter"):
        (home / name).mkdir(parents=True)
    (home / ".config" / "matplotlib" / "matplotlibrc").write_text("text.usetex: True\nfont.size: 30\n")
    (folder / "matplotlibrc").write_text("text.usetex: True\n")  # where the command is called
    (folder / "nbformat.py").write_text("1 / 0\n")
    (home / ".keras" / "keras.json").write_text('{"floatx": "float16", "epsilon": 1e-3}')
    (home / ".ipython" / "profile_default" / "startup" / "x.py").write_text("print('started')\n")
    (home / ".gitconfig").write_text("[core\n")
    return {
        "another kernel": {"JUPYTER_PATH": str(folder / "data"), "JUPYTER_DATA_DIR": str(folder / "data")},
        "threads": {"MKL_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "NUMEXPR_NUM_THREADS": "2"},
        "home": {"HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config")},
        "no home": {"HOME": "/proc/none"},
        "settings": {"MPLCONFIGDIR": str(home), "MATPLOTLIBRC": str(folder), "MPLBACKEND": "module://nothing"},
        "frameworks": {"KERAS_BACKEND": "tensorflow", "KERAS_HOME": str(home), "JAX_ENABLE_X64": "1"},
        "python": {"PYTHONPATH": str(folder), "PYTHONHASHSEED": "7", "PYTHONOPTIMIZE": "2"},
        "kernels of libraries": {"OPENBLAS_CORETYPE": "Prescott", "MKL_CBWR": "COMPATIBLE"},
        "language": ASCII | {"TZ": "Asia/Tokyo"},
        "git": {"GIT_DIR": str(folder)},
    }  # fmt: skip


def test_a_run_is_the_same_in_every_environment_hash_included(looking, tmp_path):
    plain = run(looking, tmp_path / "plain.ipynb")
    every = situations(tmp_path)
    everything = {name: value for one in every.values() for name, value in one.items()}
    for name, variables in {"all at once": everything, "no home": every["no home"]}.items():
        other = run(looking, tmp_path / "other.ipynb", **variables)
        cells = [[cell.get("outputs") for cell in one.cells] for one in (plain, other)]
        assert cells[0] == cells[1], name
        assert content_hash(plain) == content_hash(other), name
        records = [one.metadata["l2scaling"] for one in (plain, other)]
        assert records[0] == records[1], name


def test_only_what_says_where_things_are_passes():
    given = {name: "x" for one in situations.__code__.co_consts for name in [one] if isinstance(one, str)}
    given |= {"CUDA_VISIBLE_DEVICES": "0", "PATH": "/bin", "NVIDIA_TF32_OVERRIDE": "1", "LD_PRELOAD": "x.so"}
    seen = private.environment(Path("/own"), given)
    assert seen["CUDA_VISIBLE_DEVICES"] == "0"
    assert {name for name in seen if seen[name] == "x"} == set()
    assert not {"NVIDIA_TF32_OVERRIDE", "LD_PRELOAD", "GIT_DIR", "JUPYTER_PATH"} & set(seen)


def test_all_libraries_are_told_the_same_number_of_threads_and_what_they_used_is_recorded(sample, tmp_path):
    code = "import torch\ntorch.set_num_threads(torch.get_num_threads() + mode.count('o'))"
    extend(sample, code, "threads")
    for asked, used in (("1", "3"), ("2", "4")):  # the cell takes two more than it may
        found = run(sample, tmp_path / "out.ipynb", OMP_NUM_THREADS=asked, MKL_NUM_THREADS="7")
        assert found.metadata["l2scaling"]["threads"] == used


@pytest.mark.parametrize("wrong", ["", "0", "-1", "two", "4,2", "1.5", "99999", "²"])
def test_a_senseless_number_of_threads_is_refused(sample, monkeypatch, wrong):
    monkeypatch.setenv("OMP_NUM_THREADS", wrong)
    assert f"OMP_NUM_THREADS={wrong!r}; allowed" in complaint(l2scaling("run", "sample", project=sample), 2)
    with pytest.raises(RequestError):
        private.threads()


def test_the_listing_and_a_failed_run_speak_in_utf8_wherever_they_are(sample, tmp_path):
    notebook = sample_notebook()
    notebook.cells[0].source = "# A sämple of λ"
    notebook.cells[-1].source += "\nprint('λ')\nif mode == 'raise': raise ValueError('λ')"
    nbformat.write(notebook, sample / "notebooks" / "sample.ipynb")
    given = environment(sample) | ASCII
    listed = subprocess.run([BIN / "l2scaling", "chapters"], env=given, capture_output=True)
    assert "A sämple of λ" in listed.stdout.decode()
    found = run(sample, tmp_path / "λ.ipynb", **ASCII)
    assert found.cells[-1].outputs[0].text == "λ\n"


# ---------------------------------------------------------------- folders and names


@pytest.mark.parametrize(
    "words",
    [["run", "sample", "--output=~/x.ipynb"], ["sweep", "sample", "--seeds", "2", "--output", "~/x"],
     ["site", "--output=~"], ["pdf", "--site=~x/y"]],
)  # fmt: skip
def test_a_tilde_that_no_shell_expanded_is_no_folder(sample, tmp_path, words):
    line = complaint(l2scaling(*words, project=sample, cwd=tmp_path), 2)
    assert "'~" in line
    assert "allowed" in line
    assert not list(tmp_path.glob("~*"))


def test_a_working_folder_that_is_gone_is_named(sample, tmp_path):
    place = tmp_path / "gone"
    command = f"mkdir {place}; cd {place}; rmdir {place}; {BIN}/l2scaling run sample"
    done = subprocess.run(["sh", "-c", command], env=environment(sample), capture_output=True, text=True)
    assert complaint(done, 2) == "l2scaling: the working folder is gone; allowed: one that is there"


def test_a_folder_for_temporary_files_with_a_long_name_of_many_bytes_will_do(sample, tmp_path):
    place = tmp_path / ("é" * 40)
    place.mkdir()
    run(sample, tmp_path / "out.ipynb", TMPDIR=str(place))


@pytest.mark.parametrize("end", ["its end", signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_nothing_is_left_among_the_temporary_files(sample, tmp_path, end):
    place = tmp_path / "temporary"
    place.mkdir()
    (sample / "notebooks" / "profiles.yml").write_text("sample: {published: {pause: 2}}\n")
    given = environment(sample) | {"TMPDIR": str(place)}
    asked = subprocess.Popen([BIN / "l2scaling", "run", "sample"], env=given, stderr=subprocess.DEVNULL)
    if end != "its end":
        kernel = wait_for(asked, kernels.NAME)
        asked.send_signal(end)
    status = {"its end": 0, signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}[end]
    assert asked.wait(timeout=30) == status
    assert list(place.iterdir()) == []
    assert end == "its end" or ended(kernel)


def test_a_run_whose_asker_is_interrupted_at_once_does_not_go_on(sample, tmp_path):
    output = tmp_path / "out.ipynb"
    for pause in (0.0, 0.02, 0.05):
        command = [BIN / "l2scaling", "run", "sample", "--output", output]
        asked = subprocess.Popen(command, env=environment(sample), stderr=subprocess.DEVNULL)
        wait_for(asked, "runs.warm --serve")
        time.sleep(pause)
        asked.send_signal(signal.SIGINT)
        assert asked.wait(timeout=30) == 130
    time.sleep(2)
    assert not output.exists()


def test_a_name_that_a_failed_run_could_not_have_is_refused_before_anything_starts(sample, tmp_path):
    longest = os.pathconf(tmp_path, "PC_NAME_MAX")
    fits = longest - len(".failed.ipynb")
    run(sample, tmp_path / f"{'x' * fits}.ipynb")
    name = f"{'x' * (fits + 1)}.ipynb"
    line = complaint(l2scaling("run", "sample", "--output", tmp_path / name, project=sample), 2)
    assert "too long a name; allowed: at most 255 bytes" in line
    name = f"{'λ' * 124}x.ipynb"
    complaint(l2scaling("run", "sample", "--output", tmp_path / name, project=sample), 2)
    assert len(list(tmp_path.glob("*.ipynb"))) == 1


def test_a_checkout_that_may_only_be_read_runs_into_another_folder(sample, tmp_path):
    need("unshare", "mount", otherwise="no checkout was write-protected")
    output, place = tmp_path / "out.ipynb", sample.resolve()
    read_only = f"mount --bind '{place}' '{place}' && mount -o remount,ro,bind '{place}'"
    script = f"{read_only} && exec {BIN}/l2scaling run sample --output '{output}'"
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", script]
    done = subprocess.run(command, env=environment(sample), capture_output=True, text=True)
    if re.match("unshare|mount", done.stderr):
        lack(f"no mounts here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert nbformat.read(output, as_version=4).cells[-1].outputs
    assert not (sample / "_build").exists()


def test_the_environment_finds_the_checkout_on_a_path_in_any_letters():
    """A whole path would be written in one encoding and read in another."""
    if not (ROOT / ".venv" / "made-from").is_file():
        pytest.skip("no environment of make: how it finds the checkout was not looked at")
    (found,) = (ROOT / ".venv").glob("lib/python*/site-packages/__editable__.l2scaling-*.pth")
    assert found.read_bytes() == b"../../../../src\n"


def test_the_tests_themselves_see_an_environment_of_their_own(tmp_path):
    theirs = {
        "HOME": str(tmp_path), "KERAS_BACKEND": "tensorflow", "MPLBACKEND": "module://nothing", "LC_ALL": "C",
        "SNAKEMAKE_PROFILE": "profiles/slurm", "OMP_NUM_THREADS": "many", "L2SCALING_ADDRESS": "nowhere",
    }  # fmt: skip
    given = {name: value for name, value in os.environ.items() if name != "PYTEST_XDIST_WORKER"} | theirs
    look = "import conftest, json, os; print(json.dumps(dict(os.environ)))"
    done = subprocess.run(
        [sys.executable, "-c", look], cwd=Path(__file__).parent, env=given | {"PIP_TIMEOUT": "7"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    seen = json.loads(done.stdout)
    assert not theirs.items() & seen.items()
    assert seen.keys() & theirs.keys() == {"HOME", "KERAS_BACKEND", "LC_ALL", "OMP_NUM_THREADS"}
    assert seen["PIP_TIMEOUT"] == "7"
    assert not Path(seen["HOME"]).exists()
