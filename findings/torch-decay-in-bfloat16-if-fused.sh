#!/usr/bin/env bash
# torch 2.13.0's AdamW decays bfloat16 weights when its step is fused, and not otherwise.
#
# The usual steps, in a loop or foreach, first multiply a weight by 1 - lr * weight_decay and round. A share up
# to 2^-9, which is far above what recipes have, rounds away there, however long one trains: weights end bit for
# bit as without decay. The fused step takes decay and update together and rounds once, so that the update's size
# carries the decay across: on average it acts as in float32. Which step runs is not a question of speed alone,
# then: on a CPU the usual one is the default. Weights that get no gradient decay under none of them.
#
# Seen with Python 3.11, torch 2.13.0 on a CPU: of the start, along itself, after 2000 steps of noise with
# lr = 1e-3 and weight_decay = 0.2
#   loop: 1.02, without decay 1.02
#   foreach: 1.02, without decay 1.02
#   fused: 0.70, without decay 1.02
#   float32: 0.70, without decay 1.04
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import torch


def left(decay, dtype, **way):
    """What is left of the start, as a projection, of weights that get noise for gradients."""
    torch.manual_seed(0)
    weights = torch.nn.Parameter((0.02 * torch.randn(5000)).to(dtype))
    start = weights.detach().double()
    optimizer = torch.optim.AdamW([weights], lr=1e-3, weight_decay=decay, **way)
    for _ in range(2000):
        weights.grad = torch.randn(len(weights)).to(dtype)
        optimizer.step()
    return ((weights.detach().double() @ start) / (start @ start)).item()


ways = {"loop": {"foreach": False}, "foreach": {"foreach": True}, "fused": {"fused": True}}
seen = {name: (left(0.2, torch.bfloat16, **way), left(0.0, torch.bfloat16, **way)) for name, way in ways.items()}
seen["float32"] = (left(0.2, torch.float32), left(0.0, torch.float32))
for name, (decayed, kept) in seen.items():
    print(f"{name}: {decayed:.2f}, without decay {kept:.2f}")
assert seen["loop"][0] == seen["loop"][1] and seen["foreach"][0] == seen["foreach"][1], "changed"
assert abs(seen["fused"][0] - seen["float32"][0]) < 0.05 and seen["fused"][1] - seen["fused"][0] > 0.2, "changed"
PYTHON
