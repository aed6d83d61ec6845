"""Answer requests to measure, one JSON object a line, in the environment of one library.

``python driver.py PROBE DISTRIBUTION…`` reads requests with ``row``, ``value`` and ``setting`` from its
input. It first prints the versions of the distributions, then for each request what the probe's ``measure``
returned, or the error. A request with ``situations`` is answered by what its ``situation`` returned in each.
"""

import importlib.util
import json
import os
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

SITUATIONS: dict[str, dict[str, Any]] = {
    "still": {}, "double": {"size": 2.0}, "unused": {"gradient": False}, "frozen": {"frozen": True},
    "clipped": {"clipped": True}, "slower": {"slower": 0.1}, "tied": {"twice": True}, "long": {"steps": 20},
    "bfloat16": {"steps": 20, "narrow": True},
}  # fmt: skip
"""What is asked of the one step, or of twenty, in each."""


def _measured(probe: Any, asked: tuple[Any, ...]) -> dict[str, float | str | None]:
    return {key: None if one is None else float(one) for key, one in probe.measure(*asked).items()}


def _situations(probe: Any, asked: tuple[Any, ...]) -> dict[str, float | str | None]:
    found: dict[str, float | str | None] = {}
    for what, words in SITUATIONS.items():
        still = found.get("still")
        if words.get("steps") and isinstance(still, float) and still:  # as small a share for all
            words = words | {"slower": min(1.0, 1e-3 / abs(still))}
        try:
            found[what] = probe.situation(*asked, **words)
        except Exception as error:  # of any kind, which is what is asked
            found[what] = type(error).__name__
    return found


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
            asked = _situations if request.get("situations") else _measured
            answer = asked(probe, (request["row"], request["value"], request["setting"]))
        except Exception as error:  # of a library: whatever it is, the next request may fare better
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    main()
