#!/usr/bin/env bash
# The Trainer of transformers 5.24.0 decays the gain of an RMSNorm, unless the module is called norm.
#
# With weight_decay above 0 a Trainer leaves out biases and gains of normalisations, so one reads. It goes by two
# rules: the class, which is LayerNorm alone, and the name of the parameter, in which it looks for bias,
# layernorm, rmsnorm, or norm as a word. Models that come with the library have such names. In a model of one's
# own the same layer is decayed or not by what the attribute is called: the gain of torch.nn.RMSNorm in "norm" is
# left alone, and the one in "rms" or "ln_1" shrinks by the learning rate times the decay in every step, like a
# weight. BatchNorm and GroupNorm of torch fare the same; LayerNorm is left alone under any name.
#
# Seen with Python 3.11, transformers 5.24.0, torch 2.13.0; decay 0.1 of each gain:
#   LayerNorm  as ln_1: not decayed
#   RMSNorm    as norm: not decayed
#   RMSNorm    as ln_1: decayed
#   RMSNorm    as rms : decayed
#   BatchNorm1d as ln_1: decayed
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 transformers==5.24.0 accelerate==1.15.0
cd "$folder"
HF_HUB_OFFLINE=1 "$folder/venv/bin/python" - <<'PYTHON'
import torch
from transformers import Trainer, TrainingArguments


def decayed(kind, name):
    """Whether the optimiser that a Trainer builds decays the gain of a normalisation in an attribute."""
    model = torch.nn.Module()
    setattr(model, name, getattr(torch.nn, kind)(4))
    told = TrainingArguments("out", weight_decay=0.1, use_cpu=True, report_to=[])
    optimizer = Trainer(model, told).create_optimizer()
    gain = getattr(model, name).weight
    group = next(one for one in optimizer.param_groups if any(gain is other for other in one["params"]))
    print(f"{kind:10} as {name:4}: {'decayed' if group['weight_decay'] else 'not decayed'}")
    return group["weight_decay"] > 0


assert not decayed("LayerNorm", "ln_1"), "changed"
assert not decayed("RMSNorm", "norm"), "changed"
assert decayed("RMSNorm", "ln_1") and decayed("RMSNorm", "rms") and decayed("BatchNorm1d", "ln_1"), "changed"
PYTHON
