"""Scripts on outside software keep the form that findings/README.md promises; make findings runs them."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT

SCRIPTS = sorted((ROOT / "findings").glob("*.sh"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_finding_stands_alone_and_says_what_was_seen(script):
    text = script.read_text()
    head, _, _ = text.partition("set -euo")
    shebang, title, *_ = head.splitlines()
    assert os.access(script, os.X_OK)
    assert shebang == "#!/usr/bin/env bash"
    assert re.match(r"# .*\d+\.\d+.*\.$", title), "the first line names the version and what happens"
    assert re.search(r"^# Seen with", head, re.M)
    assert "Fails if that changes." in head
    assert "set -euo pipefail\nfolder=$(mktemp -d)\ntrap 'rm -rf \"$folder\"' EXIT\n" in text
    (installed,) = re.findall(r"(?:pip\"|npm) install (.*)", text)
    packages = [word for word in installed.split() if not word.startswith("-")]
    assert packages
    pinned = r"([\w.-]+(\[\w+\])?==|(@[\w-]+/)?[\w-]+@)[\d.]+\w*"
    assert all(re.fullmatch(pinned, one) for one in packages), packages
    assert "l2scaling" not in text


def test_make_findings_names_what_no_longer_holds_and_tries_all(tmp_path: Path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "findings").mkdir()
    for name, body in {"one": "echo fine", "two": "echo changed; exit 1", "three": "echo fine"}.items():
        script = tmp_path / "findings" / f"{name}.sh"
        script.write_text(f"#!/usr/bin/env bash\n{body}\n")
        script.chmod(0o755)
    done = subprocess.run(["make", "findings"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2  # as make says that a target failed
    assert done.stdout.splitlines() == ["holds    one", "holds    three", "changed  two: changed"]
    assert "no longer seen: two" in done.stderr
