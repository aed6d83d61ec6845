"""All versions on one host: the newest at the root, older ones below v/, each page of which says so."""

import json
import zipfile
from pathlib import Path

import pytest
from conftest import complaint, l2scaling
from test_pages import hosted

from l2scaling.publish.errors import RequestError
from l2scaling.publish.pages.versions import lay_out

ADDRESS = "https://book.example/"


def page(name: str, version: str) -> str:
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
        f'\n<link rel="icon" href="data:,"><link rel="canonical" href="{ADDRESS}{name}"></head>'
        f'<body data-x="1"><main><h1>{name} in {version}</h1></main></body></html>'
    )


def release(folder: Path, version: str, *pages: str) -> Path:
    archive = folder / f"l2scaling-{version}.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name in ("index.html", *pages):
            file.writestr(f"l2scaling-{version}/html/{name}", page(name, version))
            plain = name.replace(".html", ".md")
            file.writestr(f"l2scaling-{version}/html/{plain}", f"# {plain} in {version}\n")
        file.writestr(f"l2scaling-{version}/html/downloads/notes.md", "no page\n")
        file.writestr(f"l2scaling-{version}/README.txt", "")
    return archive


@pytest.fixture
def host(tmp_path) -> Path:
    archives = [
        release(tmp_path, "0.9", "notebooks/kept.html", "notebooks/lost.html"),
        release(tmp_path, "0.10.0", "notebooks/kept.html"),
        release(tmp_path, "0.2", "notebooks/kept.html"),
    ]
    return lay_out(archives, tmp_path / "host")


def test_the_newest_is_at_the_root_and_every_version_below_v(host):
    names = {path.relative_to(host).as_posix() for path in host.rglob("*") if path.is_file()}
    kept = {"index.html", "index.md", "notebooks/kept.html", "notebooks/kept.md", "downloads/notes.md"}
    assert names == {
        "versions.json", "v/0.9/notebooks/lost.html", "v/0.9/notebooks/lost.md", *kept,
        *(f"v/{version}/{name}" for version in ("0.2", "0.9", "0.10.0") for name in kept),
    }  # fmt: skip
    rows = json.loads((host / "versions.json").read_text())
    assert [(one["version"], one["url"], one["newest"]) for one in rows] == [
        ("0.10.0", "v/0.10.0/", True), ("0.9", "v/0.9/", False), ("0.2", "v/0.2/", False),
    ]  # fmt: skip
    plain = page("notebooks/kept.html", "0.10.0")
    assert (host / "notebooks" / "kept.html").read_text() == plain
    assert (host / "v" / "0.10.0" / "notebooks" / "kept.html").read_text() == plain


def test_search_engines_are_led_to_the_page_of_the_newest_where_there_is_one(host):
    canonical = f'<link rel="canonical" href="{ADDRESS}notebooks/kept.html">'
    assert canonical in (host / "v" / "0.9" / "notebooks" / "kept.html").read_text()
    assert "canonical" not in (host / "v" / "0.9" / "notebooks" / "lost.html").read_text()


def test_an_older_page_for_programs_says_so_in_its_first_line(host):
    older = host / "v" / "0.9"
    for name, target in (("kept", "notebooks/kept.md"), ("lost", "index.html")):
        first, _, *rest = (older / "notebooks" / f"{name}.md").read_text().splitlines()
        assert first.startswith("> You read version 0.9; the newest is 0.10.0 (")
        assert f"](../../../{target})" in first
        assert rest == [f"# notebooks/{name}.md in 0.9"]
    assert (older / "downloads" / "notes.md").read_text() == "no page\n"
    assert (host / "v" / "0.10.0" / "index.md").read_text() == "# index.md in 0.10.0\n"


@pytest.mark.parametrize("served", [True, False])
def test_an_older_page_says_so_and_leads_to_the_same_page_of_the_newest(host, browser, served):
    with hosted(host) as place:
        root = place if served else host.as_uri()
        tab = browser.new_page()
        errors = []
        tab.on("console", lambda said: errors.append(said.text))
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.on("requestfailed", lambda request: errors.append(request.url))
        for name in ("notebooks/kept.html", "v/0.10.0/notebooks/kept.html", "index.html"):
            tab.goto(f"{root}/{name}")
            assert tab.locator("aside").count() == 0
        for name, target in (
            ("notebooks/kept.html", "notebooks/kept.html"),
            ("notebooks/lost.html", "index.html"),
            ("index.html", "index.html"),
        ):
            tab.goto(f"{root}/v/0.9/{name}")
            banner = tab.get_by_role("complementary", name="Version")
            assert banner.is_visible()
            assert banner.inner_text().startswith("You read version 0.9; the newest is 0.10.0")
            banner.get_by_role("link").click()
            tab.wait_for_url(f"{root}/{target}")
            assert f"{target} in 0.10.0" in tab.inner_text("h1")
        tab.close()
    assert errors == []


def test_a_new_version_replaces_the_folder_and_what_is_no_release_is_refused(host, tmp_path):
    newer = release(tmp_path, "1.0")
    assert lay_out([newer, tmp_path / "l2scaling-0.10.0.zip"], host) == host
    assert {path.name for path in (host / "v").iterdir()} == {"1.0", "0.10.0"}
    assert "You read version 0.10.0" in (host / "v" / "0.10.0" / "index.html").read_text()
    assert not list(tmp_path.glob(".host*"))
    (broken := tmp_path / "broken.zip").write_text("no archive")
    quick = release(tmp_path, "1.0-quick")
    for archive in (broken, quick, tmp_path / "missing.zip"):
        with pytest.raises(RequestError, match="is no release; allowed: archives of l2scaling release"):
            lay_out([newer, archive], host)
    with pytest.raises(RequestError, match=r"version 1\.0 is there twice"):
        lay_out([newer, newer], host)
    with pytest.raises(RequestError, match="holds other things; allowed: a new folder"):
        lay_out([newer], tmp_path)
    assert (host / "v" / "1.0").is_dir()
    assert "broken.zip" in complaint(l2scaling("versions", broken), 2)
    assert l2scaling("versions", newer, "--output", tmp_path / "new").returncode == 0
