"""Answer requests to measure, one JSON object a line, in the environment of one library.

``python driver.py PROBE DISTRIBUTION…`` reads requests with ``row``, ``value`` and ``setting`` from its
input. It first prints the versions of the distributions, then for each request what the probe's ``measure``
returned, or the error.
"""

import importlib.util
import json
import os
import sys
from importlib import metadata
from pathlib import Path


def main() -> None:
    """Serve requests until the input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # what libraries print is no answer
    path, *distributions = sys.argv[1:]
    here = Path(__file__).resolve().parent
    sys.path[:] = [one for one in sys.path if Path(one or ".").resolve() != here]
    spec = importlib.util.spec_from_file_location("probe", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} is no probe")
    probe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(probe)
    print(json.dumps({name: metadata.version(name) for name in distributions}), file=answers)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            found = probe.measure(request["row"], request["value"], request["setting"])
            answer: dict[str, float | str | None] = {
                key: None if one is None else float(one) for key, one in found.items()
            }
        except Exception as error:  # of a library: whatever it is, the next request may fare better
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    main()
