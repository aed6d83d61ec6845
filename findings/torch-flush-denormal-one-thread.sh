#!/usr/bin/env bash
# torch 2.13.0's set_flush_denormal reaches the calling thread alone: with two threads, half of a product is flushed.
#
# A function that changes how the library computes would be expected to reach all threads that compute for it.
# Those that existed before go on with denormals, and so with their cost; one vector, and the matrices of one
# batch, then follow two arithmetics, by where they lie. Called before the first computation that is shared
# out, it reaches all, for new threads inherit it. Its documentation says nothing of threads.
#
# Seen with Python 3.11, torch 2.13.0 on a CPU with two cores: products of 1e-30 and 1e-10 that are not zero
#   late, 1 thread: 0.0
#   late, 2 threads: 0.5
#   early, 2 threads: 0.0
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cat > "$folder/share.py" <<'PYTHON'
import sys

import torch

when, threads = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(threads)
if when == "late":
    torch.ones(2**20).mul(2)  # shared out, so that the threads exist
torch.set_flush_denormal(True)
products = torch.full((2**20,), 1e-30) * torch.full((2**20,), 1e-10)
print(f"{products.count_nonzero().item() / 2**20:.1f}")
PYTHON
expected=(0.0 0.5 0.0)
seen=()
for run in 'late 1' 'late 2' 'early 2'; do
  read -r when threads <<< "$run"
  seen+=("$("$folder/venv/bin/python" "$folder/share.py" "$when" "$threads")")
  echo "$when, $threads thread$([ "$threads" = 1 ] || echo s): ${seen[-1]}"
done
[ "${seen[*]}" = "${expected[*]}" ] || { echo changed; exit 1; }
