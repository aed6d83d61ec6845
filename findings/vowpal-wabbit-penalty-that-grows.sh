#!/usr/bin/env bash
# Vowpal Wabbit 9.11.9: the more examples, the stronger --l2, until it has taken the weight away.
#
# --l2 is the lambda of an L2 term, applied with each example. One would expect a weight that settles near the
# optimum for that lambda, whatever the number of examples. In the default mode the steps of the data get smaller
# with every example, for the rates are adaptive; those of the penalty do not, and stay at the bare learning rate
# times lambda. Their ratio, which is the penalty in effect, grows without end. On a stream of y = 2x + noise the
# weight is right after a hundred examples and all but gone after a hundred thousand. A lambda chosen on a part of
# the data is too strong for all of it. Plain descent at a constant rate (--sgd --power_t 0) keeps both in step.
#
# Seen with Python 3.11, vowpalwabbit 9.11.9, the weight after so many examples:
#                                               100    1000   10000  100000
#   --l2 0                                    1.967   1.917   2.061   1.979
#   --l2 0.01                                 1.667   1.273   0.585   0.170
#   --l2 0.01 --sgd --power_t 0 -l 0.01       1.648   1.892   2.145   1.951
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check vowpalwabbit==9.11.9
"$folder/venv/bin/python" - <<'PYTHON'
import random

from vowpalwabbit import Workspace

COUNTS = (100, 1000, 10000, 100000)


def weights(options):
    """The only weight, after each of the counts."""
    rng = random.Random(0)
    space = Workspace(f"--quiet --noconstant {options}")
    found = []
    for count in range(1, COUNTS[-1] + 1):
        x = rng.gauss(0, 1)
        space.learn(f"{2 * x + rng.gauss(0, 1)} | f:{x}")
        if count in COUNTS:
            found.append(space.predict("| f:1"))
    print(f"{options:38}" + "".join(f"{weight:8.3f}" for weight in found))
    return found


print(" " * 38 + "".join(f"{count:8}" for count in COUNTS))
free = weights("--l2 0")
default = weights("--l2 0.01")
plain = weights("--l2 0.01 --sgd --power_t 0 -l 0.01")
assert default == sorted(default, reverse=True) and default[0] > 1.5 and default[-1] < 0.3, "changed"
assert min(free[1:] + plain[1:]) > 1.7, "changed"
PYTHON
