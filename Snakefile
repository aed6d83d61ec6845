"""What depends on what. Called by make, which also sees to it that one build runs at a time."""

import json
import os
import shlex
from functools import cache
from pathlib import Path

from l2scaling.publish.errors import RequestError
from l2scaling.publish.project import find_project
from l2scaling.publish.runs import provenance
from l2scaling.publish.runs.private import threads
from l2scaling.publish.runs.sources import sources

PROFILE = config.get("profile", "published")
SITE = config.get("site", "_build/html")
PLAN = json.loads(Path(config["points"]).read_text()) if "points" in config else {}
POINTS = PLAN.get("points", {})
FOLDER = PLAN.get("folder", "_build/sweeps/none")
THREADS = threads()  # a user may ask for more than the one that Snakemake would set
PROJECT = find_project()
CHAPTERS = PROJECT.chapters()

# Every module is part of the pages, which show the reference of the package.
PACKAGE = sorted(str(path) for path in Path("src/l2scaling").rglob("*.py"))
WORDS = sorted(str(path) for path in Path("book").rglob("*") if path.is_file())

# Snakemake deletes an output before it makes it anew, and a failed run must not cost the last
# good one. So what it tracks are hard links; one that has lost its original is dropped here, once
# and before the plan: every job reads this file again, and may do so while another makes a link.
if workflow.is_main_process:
    for link in [*Path("_build/tracked").rglob("*.*"), *Path(FOLDER, "tracked").glob("*.ipynb")]:
        if link.is_file() and link.stat().st_nlink == 1:
            link.unlink()

    # Dates do not tell that a source was edited while its run was under way, or that a crash of the
    # machine left half a run. What a run says of its own sources does. A run that came from elsewhere, out of
    # a release, is as good as one that was made here.
    for chapter in [] if PLAN else CHAPTERS:
        link = Path(f"_build/tracked/{PROFILE}/{chapter}.ipynb")
        run = PROJECT.run_path(chapter, PROFILE)
        if not link.is_file() and not run.is_file():
            continue
        if not provenance.is_fresh(PROJECT, chapter, PROFILE):
            link.unlink(missing_ok=True)
        elif not link.is_file():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.hardlink_to(run)
            os.utime(link)  # newer than what it is made from


@cache
def made_from(chapter):
    try:
        found = sources(PROJECT, chapter, PROJECT.source(chapter))
    except RequestError:  # the run will say what is wrong
        return [f"notebooks/{chapter}.ipynb"]
    return [os.path.relpath(path) for paths in found.values() for path in paths]


RUNS = [f"_build/tracked/{PROFILE}/{chapter}.ipynb" for chapter in CHAPTERS]
INDEX = f"_build/tracked/{PROFILE}-site/{SITE}/index.html"


# The runs are asked for by name. As mere inputs of the site, one that failed and has no output
# would count as unneeded while an older site is there.
rule all:
    input:
        [f"{FOLDER}/tracked/{point}.ipynb" for point in POINTS] if PLAN else [*RUNS, INDEX],


rule site:
    input:
        runs=RUNS,
        words=WORDS,
        package=PACKAGE,
        results=sorted(str(path) for name in ("*.json", "reproductions.csv") for path in Path("results").glob(name)),
        config=["_config.yml", "_toc.yml", "CITATION.cff", "pyproject.toml"],
    output:
        INDEX,
    params:
        site=SITE,
        # the addresses that the pages state
        stated=[os.environ.get(f"L2SCALING_{name}", "") for name in ("ADDRESS", "REPOSITORY")],
    shell:
        "l2scaling site --profile {PROFILE} --output {params.site:q} && ln -f {params.site:q}/index.html {output:q}"


rule run:
    input:
        lambda wildcards: made_from(wildcards.chapter),
    params:
        # not the file profiles.yml: a change for one chapter would rerun all
        values=lambda wildcards: PROJECT.profile_values(wildcards.chapter, wildcards.profile),
    output:
        "_build/tracked/{profile}/{chapter}.ipynb",
    threads: 1
    shell:
        "OMP_NUM_THREADS={THREADS:q} l2scaling run {wildcards.chapter} --profile {wildcards.profile}"
        " && ln -f _build/runs/{wildcards.profile}/{wildcards.chapter}.ipynb {output:q}"


rule point:
    input:
        lambda wildcards: made_from(POINTS[wildcards.point]["chapter"]),
    params:
        request=lambda wildcards: " ".join(
            [POINTS[wildcards.point]["chapter"], "--profile", POINTS[wildcards.point]["profile"]]
            + [f"-p {name} {shlex.quote(value)}" for name, value in POINTS[wildcards.point]["values"].items()]
        ),
        values=lambda wildcards: PROJECT.profile_values(
            POINTS[wildcards.point]["chapter"], POINTS[wildcards.point]["profile"]
        ),
    output:
        FOLDER + "/tracked/{point}.ipynb",
    threads: 1
    shell:
        "OMP_NUM_THREADS={THREADS:q} l2scaling run {params.request} --output {FOLDER:q}/points/{wildcards.point}.ipynb"
        " > {FOLDER:q}/points/{wildcards.point}.log 2>&1"
        " && ln -f {FOLDER:q}/points/{wildcards.point}.ipynb {output:q}"
