"""What is made of the built pages, each read once: Markdown, previews, and what the search knows."""

from pathlib import Path

from bs4 import BeautifulSoup

from l2scaling.publish.pages import plain, previews, search
from l2scaling.publish.project import Project


def write_derived(project: Project, site: Path) -> None:
    """Write beside the pages of a built site what programs, its search and its links read in their place."""
    found, told, linked = {}, {}, previews.all_linked(site)
    for _, names in project.pages():
        for name in names:
            page = BeautifulSoup((site / f"{name}.html").read_text(), "html.parser")
            found[name] = list(search.places(page))
            if name in linked:
                previews.write_previews(site, name, page, linked[name])
            about = page.select_one('meta[name="description"]')
            text = plain.markdown(page)  # last, since it changes the page
            told[name] = text.partition("\n")[0], str(about["content"]) if about else ""
            (site / f"{name}.md").write_text(text)
    search.write_places(site, found)
    plain.write_list(project, site, told)
