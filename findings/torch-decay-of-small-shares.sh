#!/usr/bin/env bash
# torch 2.13.0's AdamW decays float32 weights faster or slower than told where rate times decay is small.
#
# A step multiplies a weight by 1 - lr * weight_decay, rounded to float32, and rounds the product. Both
# roundings are of the order of 6e-8 of the weight. With the default weight_decay of 0.01 and a rate of 1e-5,
# as in fine-tuning, weights that get no gradient decay about a sixth too fast; with 5e-6, nearly two thirds too
# fast; with 1e-6 not at all. foreach and fused steps do the same. A rate of 3e-4 with 0.1 is fine.
#
# Seen with Python 3.11, torch 2.13.0 on a CPU: decay over what was told
#   1e-05 x 0.01 -> 1.17
#   5e-06 x 0.01 -> 1.66
#   1e-06 x 0.01 -> 0.00
#   0.0003 x 0.1 -> 1.00
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import torch


def pace(rate, decay, steps=4000):
    """How fast weights without a gradient decay, over how fast they should."""
    torch.manual_seed(0)
    weights = torch.nn.Parameter(torch.rand(4000) / 2 + 0.5)
    weights.grad = torch.zeros_like(weights)
    start = weights.detach().double()
    optimizer = torch.optim.AdamW([weights], lr=rate, weight_decay=decay)
    for _ in range(steps):
        optimizer.step()
    return -(weights.detach().double() / start).mean().log().item() / (steps * rate * decay)


seen = {told: pace(*told) for told in ((1e-5, 0.01), (5e-6, 0.01), (1e-6, 0.01), (3e-4, 0.1))}
for (rate, decay), found in seen.items():
    print(f"{rate:g} x {decay:g} -> {abs(found):.2f}")
expected = (1.17, 1.66, 0.0, 1.0)
assert all(abs(found - value) < 0.03 for found, value in zip(seen.values(), expected)), "changed"
PYTHON
