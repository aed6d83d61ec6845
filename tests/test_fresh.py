"""What make fresh takes into its bare root and what it refuses; nothing here needs the right to mount."""

import os
import subprocess
from pathlib import Path

import fresh
import pytest


def test_pip_is_told_where_packages_come_from_and_nothing_else(tmp_path):
    for name in ("wheels", "own wheels/simple", "index/simple", "home/mine"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "cap.txt").write_text("torch<3\n")
    system, user = tmp_path / "system.conf", tmp_path / "user.conf"
    system.write_text(
        f"[global]\ntimeout = 9\nconstraint = {tmp_path}/cap.txt\ncache-dir = {tmp_path}/cache\n"
        f"[install]\nuser = yes\nfind_links = {tmp_path}/gone\n"
    )
    user.write_text(
        f"[global]\ntimeout = 60\nextra-index-url =\n  https://a.example/simple\n  file://{tmp_path}/index/simple\n"
        "[install]\nfind-links = ~/mine\n"
    )
    home = str(tmp_path / "home")
    variables = {
        "HOME": home,
        "PIP_INDEX_URL": f"file://{tmp_path}/own%20wheels/simple",
        "PIP_FIND_LINKS": f"{tmp_path}/wheels {tmp_path}/wheels",
        "PIP_TARGET": "/elsewhere",
        "PIP_CACHE_DIR": "/elsewhere",
        "PYTHONPATH": "/elsewhere",
        "https_proxy": "http://proxy.example:3128",
        "SSL_CERT_FILE": str(tmp_path / "cap.txt"),
    }
    found = fresh.index(variables, [system, tmp_path / "missing.conf", user])
    assert found.configuration.split("\n") == [
        "[global]",
        "timeout = 60",
        f"constraint = {tmp_path}/cap.txt",
        "extra-index-url = https://a.example/simple",
        f"\tfile://{tmp_path}/index/simple",
        "",
        "[install]",
        f"find-links = {home}/mine",
        "",
        "",
    ]
    assert {*found.variables} == {"PIP_INDEX_URL", "PIP_FIND_LINKS", "https_proxy", "SSL_CERT_FILE"}
    # of an index also what lies beside its pages
    assert {str(path.relative_to(tmp_path)) for path in found.paths} == {
        "wheels", "own wheels", "index", "home/mine", "cap.txt",
    }  # fmt: skip


def test_the_files_of_pip_are_read_in_its_order():
    def names(**variables: str) -> list[str]:
        return [str(path) for path in fresh.pip_files({"HOME": "/home/me", **variables})]

    usual = [
        "/etc/xdg/pip/pip.conf",
        "/etc/pip.conf",
        "/home/me/.pip/pip.conf",
        "/home/me/.config/pip/pip.conf",
    ]
    assert names() == usual
    assert names(PIP_CONFIG_FILE="/my.conf") == [*usual, "/my.conf"]
    assert names(PIP_CONFIG_FILE=os.devnull) == []
    assert names(XDG_CONFIG_HOME="/x", XDG_CONFIG_DIRS="/a:/b")[:2] == ["/a/pip/pip.conf", "/b/pip/pip.conf"]


def test_the_sources_of_apt_are_debian_s_own_and_of_the_release():
    debian = [
        f"deb http://mirror.example/debian/ {release} main" for release in ("bookworm-updates", "bookworm")
    ]
    others = [
        "Debian deb http://mirror.example/debian/ trixie main",
        "Other deb http://x.example/ bookworm main",
    ]
    both = [*others, *(f"Debian {one}" for one in debian)]
    assert fresh.apt_sources(both, "bookworm") == debian[::-1]
    assert fresh.apt_sources(both, "trixie") == ["deb http://mirror.example/debian/ trixie main"]
    assert fresh.apt_sources([*others, f"Debian {debian[0]}"], "bookworm") == []


def refusal(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    monkeypatch.setattr("sys.argv", ["fresh", *words])
    assert fresh.main() == 2
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    return line


def test_a_machine_without_the_means_is_told_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))  # which the script changes
    with monkeypatch.context() as without:
        without.setattr(fresh.shutil, "which", lambda name: None)
        assert "apt install mmdebstrap" in refusal(capsys, without, "--ask")
    monkeypatch.setattr(fresh.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert "right to mount" in refusal(capsys, monkeypatch, "--ask")  # no unshare is there to be called
    (tmp_path / "unshare").write_text("#!/bin/sh\necho 'unshare: Operation not permitted' >&2; exit 1\n")
    (tmp_path / "unshare").chmod(0o755)
    assert "(unshare: Operation not permitted)" in refusal(capsys, monkeypatch, "--ask")
    assert "make fresh" in refusal(capsys, monkeypatch, "--inside")


def test_only_what_is_committed_is_tried(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fresh, "ROOT", tmp_path)
    monkeypatch.setattr(fresh, "FOLDER", tmp_path / "_build" / "fresh")
    with pytest.raises(fresh.UnusableError, match="a git checkout"):
        fresh.refuse_unrecorded()
    (tmp_path / ".gitignore").write_text("_build/\n")
    (tmp_path / "kept").write_text("before")
    who = ("-c", "user.name=x", "-c", "user.email=x")
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "x"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    (tmp_path / "new").touch()
    fresh.refuse_unrecorded()
    assert capsys.readouterr().out.endswith("does not know them: new\n")
    (tmp_path / "kept").write_text("after")
    with pytest.raises(fresh.UnusableError, match="'kept' differs"):
        fresh.refuse_unrecorded()


def test_what_a_bare_machine_lacks_is_named_by_the_tests_or_they_prove_nothing(capsys):
    lines = ["Chromium is not installed", "java or vnu.jar is missing", "node is missing"]
    said = "".join(
        f"SKIPPED [{count}] tests/test_x.py:{count}: {line}\n" for count, line in enumerate(lines, 1)
    )
    fresh.tell_skips(said)
    assert "   2  java or vnu.jar is missing\n" in capsys.readouterr().out
    with pytest.raises(fresh.FailedStepError, match="java"):
        fresh.tell_skips(said.replace("java", "coffee"))


def test_mounts_below_a_folder_are_seen(tmp_path):
    assert Path("/proc") in fresh.mounted_in(Path("/proc"))
    assert fresh.mounted_in(tmp_path) == []
