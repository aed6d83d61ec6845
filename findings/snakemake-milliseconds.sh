#!/usr/bin/env bash
# Snakemake 9.27.1 reads a limit of jobs per milliseconds as one per minutes.
#
# --max-jobs-per-timespan takes COUNT/TIMESPAN, and its own message for a malformed value lists the units
# "h, m, s ms, w, d". The pattern tries "m" before "ms" and does not ask for the end of the text, so that
# "100/250ms" is 100 jobs in 250 minutes, 60,000 times as long as written.
# A workflow that gives more jobs than the limit then stands still for hours, and one that gives fewer
# ends that much later, because a timer of that length is not a daemon thread.
#
# Seen with Python 3.11, snakemake 9.27.1:
#   100/1s    -> 1.0 s
#   100/250ms -> 15000.0 s
#   100/2m    -> 120.0 s
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check snakemake==9.27.1
"$folder/venv/bin/python" - <<'PYTHON'
from snakemake.settings.types import MaxJobsPerTimespan

seen = {text: float(MaxJobsPerTimespan.parse_choice(text).timespan) for text in ("100/1s", "100/250ms", "100/2m")}
for text, seconds in seen.items():
    print(f"{text:9} -> {seconds} s")
assert seen == {"100/1s": 1.0, "100/250ms": 15000.0, "100/2m": 120.0}, "changed"
PYTHON
