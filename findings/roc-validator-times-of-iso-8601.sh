#!/usr/bin/env bash
# roc-validator 0.13.0: refuses valid times of ISO 8601: those with Z, of the west, to the microsecond.
#
# A Process Run Crate should give the end of a run "in ISO 8601 format", of which RFC 3339 and schema.org's DateTime
# are profiles. One would expect the validator to take what Python's isoformat or a clock in New York writes. Its
# shape has a pattern of its own, which knows three digits of a second or none, and offsets east of Greenwich alone;
# it takes the 99th of the 99th month instead. Whoever trusts the message cuts times that were right.
#
# Seen with Python 3.11, roc-validator 0.13.0:
#   2026-11-30T05:39:53+00:00         taken
#   2026-11-30T05:39:53.502+00:00     taken
#   2026-11-30T05:39:53.502883+00:00  refused
#   2026-11-30T05:39:53Z              refused
#   2026-11-30T00:39:53-05:00         refused
#   2026-99-99                        taken
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check roc-validator==0.13.0
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.resources import files

from pyshacl import validate
from rdflib import Graph

profile = files("rocrate_validator") / "profiles" / "process-run-crate"
shapes = Graph().parse(data=(profile / "should" / "1_create_action.ttl").read_text(), format="turtle")


def taken(time):
    action = f'<#run> a <http://schema.org/CreateAction> ; <http://schema.org/endTime> "{time}" .'
    _, _, said = validate(Graph().parse(data=action, format="turtle", publicID="http://x.example/"), shacl_graph=shapes)
    return "SHOULD have an endTime in ISO 8601" not in said


expected = {
    "2026-11-30T05:39:53+00:00": True,
    "2026-11-30T05:39:53.502+00:00": True,
    "2026-11-30T05:39:53.502883+00:00": False,
    "2026-11-30T05:39:53Z": False,
    "2026-11-30T00:39:53-05:00": False,
    "2026-99-99": True,
}
seen = {time: taken(time) for time in expected}
for time, one in seen.items():
    print(f"{time:33} {'taken' if one else 'refused'}")
assert seen == expected, "changed"
PYTHON
