# make help lists what there is. Everything runs in .venv, which is made on first use.
PYTHON  ?= python3
PROFILE ?= published
SITE    ?= _build/html
SHELL   := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.SILENT:
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONNOUSERSITE := 1
export PYTHONUTF8 := 1
unexport PYTHONPATH PYTHONHOME

CONDA_DOOR := pyproject2conda yaml --pyproject-file pyproject.toml --extra book --extra frameworks --name l2scaling \
  --python-include 'python>=3.11' --channel conda-forge --channel bioconda --reqs '-e .' --overwrite force --custom-command 'make lock'

PROFILES := quick published full
ifneq ($(filter-out $(PROFILES),$(PROFILE))$(words $(PROFILE)),1)
$(error unknown PROFILE '$(PROFILE)'; allowed: $(PROFILES))
endif

.PHONY: help book lab pdf release test slurm fresh kills environments sweep atlas findings bench check accept lock environment clean

help: ## this list
	sed -nE 's/^([a-z]+):.*## (.*)/make \1\t\2/p' Makefile | expand -t 20
	echo "PROFILE=quick|published|full chooses the chapters' parameters (now $(PROFILE))"
	echo "SNAKEMAKE_PROFILE=profiles/slurm sends every job of make book and make sweep to Slurm"

# The kernel frees the lock when its holders are dead, so no build can leave a stale one behind.
# The steps speak for themselves; what Snakemake has to say besides goes to its own log.
book: environment ## run what is out of date, build _build/html/index.html
	where=$$(python -m l2scaling.publish.runs.scheduler)
	mkdir -p _build
	exec 9>_build/lock
	flock --nonblock 9 || { echo "another build is at work here; waiting for it"; flock 9; }
	SECONDS=0
	plan="env -u SNAKEMAKE_PROFILE snakemake $$where --nolock --rerun-incomplete --config profile=$(PROFILE) site=$(SITE)"
	# where a profile sends steps away, they cannot speak here, so Snakemake tells how far it is
	if [[ $$where == --cores* ]]; then python -m l2scaling.publish.runs.warm $$plan --quiet all
	else $$plan --quiet rules host reason 2>&1 | { grep --line-buffered -E ' steps \(|^l2scaling: ' >&2 || true; }
	fi || {
	  # a step names its own failure, on a cluster in its job's log; a plan that cannot be made is
	  # asked again for its reason
	  [ ! -d .snakemake/slurm_logs ] || find .snakemake/slurm_logs -newer _build/lock -name '*.log' \
	    -exec grep -h '^l2scaling: ' {} + | sort -u >&2 || true
	  $$plan --dry-run --quiet rules reason 2>&1 | grep -E -A 4 'Error|Exception' | grep -v '^  File' >&2 || true
	  echo "make: the build stopped; what it had published before is untouched (log: .snakemake/log)" >&2; exit 1; }
	echo "book: $(CURDIR)/$(SITE)/index.html ($${SECONDS} s, profile $(PROFILE))"

# JupyterLab has an environment of its own, whose kernel is that of the book. LAB is what it is told.
LAB ?= lab notebooks/penalty-and-pull.ipynb
lab: environment ## open a chapter in JupyterLab, ready to run
	what() { cat .venv/made-from lab.lock; }
	if ! what | cmp --quiet - _build/lab/made-from; then
	  SECONDS=0
	  echo "lab: installing JupyterLab into _build/lab"
	  rm -f _build/lab/made-from
	  "$(PYTHON)" -m venv --clear _build/lab
	  _build/lab/bin/python -m pip install --disable-pip-version-check --progress-bar off --quiet --require-hashes -r lab.lock
	  python -m ipykernel install --prefix _build/lab --name python3 --display-name l2scaling &>_build/lab/kernel.log
	  what > _build/lab/made-from
	  echo "lab: done in $${SECONDS} s"
	fi
	exec _build/lab/bin/jupyter $(LAB)

pdf: book ## print the book into one file, _build/html/book/book.pdf, and link it from every page
	l2scaling pdf --site $(SITE)

release: book ## pack site, executed notebooks and results, with their sums, into _build/release/
	l2scaling release --profile $(PROFILE) --site $(SITE)

test: environment ## unit tests, every chapter in the quick profile, the built pages
	python -m pytest --numprocesses auto --dist load --maxschedchunk 1

slurm: environment ## the quick book and a sweep on a Slurm of its own, in which a node dies; ten minutes
	python tests/slurm.py

# It needs no environment here, since it makes its own there: Python's standard library, git, the
# Debian package mmdebstrap, and the right to mount. FRESH="--only book --bring" is what CI wants.
fresh: ## both commands of the README, as a user with an empty home on a bare Debian made for it
	exec "$(PYTHON)" tests/fresh.py --profile $(PROFILE) $(FRESH)

# Some four hours on two cores; called again, it runs what is missing.
sweep: environment ## every sweep of book/sweeps.yml; writes their tables in results/
	for chapter in $$(sed -n 's/^\([a-z-]*\):$$/\1/p' book/sweeps.yml); do l2scaling sweep $$chapter --plan book/sweeps.yml; done

# A quarter of an hour for each on two cores, five minutes in the quick profile. A Python whose torch
# is offered as a CUDA build alone gets that one.
environments: environment ## rerun all with the lowest and the newest dependencies, and on PYTHONS="python3.12 ..."
	python tests/environments.py --profile $(PROFILE) lowest newest $(PYTHONS)

kills: environment ## kill builds of a small book at random, and look each time at what is published; ten minutes
	python tests/kills.py

atlas: environment ## measure the libraries whose rows changed, each alone; AGAIN=1: all; NEWEST=1: what newer versions change
	l2scaling atlas measure $(if $(AGAIN),--again) $(if $(NEWEST),--newest)

findings: ## run every script of findings/ again, each with pinned packages; which of them no longer hold
	mkdir -p _build/findings
	changed=
	for script in findings/*.sh; do
	  name=$$(basename "$$script" .sh)
	  if "$$script" > "_build/findings/$$name.log" 2>&1; then echo "holds    $$name"
	  else echo "changed  $$name: $$(tail -n 1 "_build/findings/$$name.log")"; changed+=" $$name"; fi
	done
	[ -z "$$changed" ] || { echo "make: no longer seen:$$changed (logs: _build/findings/)" >&2; exit 1; }

bench: environment ## measure speed and memory against peers; writes _build/benchmarks.json
	python benchmarks/run.py

check: environment ## style, types and the floors of the house
	ruff check . && ruff format --check . && mypy && lint-imports --no-cache

accept: environment ## copy the published runs' evidence to results/, to be reviewed as a diff
	l2scaling accept

lock: environment ## resolve the dependencies again; writes requirements.lock, lab.lock and environment.yml
	uv pip compile --quiet --universal --generate-hashes --no-annotate --python-version 3.11 --all-extras \
	  --excludes requirements-torch.txt pyproject.toml requirements-torch-needs.in \
	  --custom-compile-command "make lock" --output-file requirements.lock --upgrade
	uv pip compile --quiet --universal --generate-hashes --no-annotate --python-version 3.11 --group lab \
	  --custom-compile-command "make lock" --output-file lab.lock --upgrade
	$(CONDA_DOOR) --output environment.yml

clean: ## remove everything built, and the environment
	rm -rf .venv _build .snakemake

environment:
	what() { echo '$(CURDIR)'; cat pyproject.toml requirements.lock requirements-torch.txt; }
	if what | cmp --quiet - .venv/made-from; then exit 0; fi
	"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "make: PYTHON=$(PYTHON) is not Python 3.11 or newer; give one with make PYTHON=..." >&2; exit 2; }
	"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "make: $(PYTHON) cannot make environments; on Debian and Ubuntu: apt install python3-venv" >&2; exit 2; }
	SECONDS=0
	echo "environment: installing into .venv, a few minutes the first time"
	# no record means that an installation was interrupted: begin again
	[ -e .venv/made-from ] || "$(PYTHON)" -m venv --clear .venv
	rm -f .venv/made-from
	python -m pip install --disable-pip-version-check --progress-bar off --quiet --require-hashes -r requirements.lock
	python -m pip install --disable-pip-version-check --progress-bar off --quiet -r requirements-torch.txt
	# in any language and on any path: setuptools writes the path in the locale's encoding, and Python
	# reads it in that of a later call, so it becomes a relative one
	LC_ALL=C.UTF-8 python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	echo ../../../../src | tee .venv/lib/python*/site-packages/__editable__.l2scaling-*.pth >/dev/null
	what > .venv/made-from
	echo "environment: done in $${SECONDS} s"
