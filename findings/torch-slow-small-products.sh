#!/usr/bin/env bash
# torch 2.13.0: batched products of small matrices take two to three times as long as in NumPy, on AMD processors.
#
# One would expect the same product of the same arrays, on one thread, to take about as long in both. torch.bmm
# calls MKL, NumPy calls OpenBLAS. It looks as if MKL used no AVX-512 here: one large product of torch runs at 111
# GFLOP/s, and at 244 by torch's own oneDNN. Not tried on processors of other makers.
#
# Run it where the project's environment is active. The time is the processor's; OPENBLAS_CORETYPE is unset, or
# OpenBLAS would use the kernels that it names.
#
# Seen with Python 3.11, numpy 2.4.6, torch 2.13.0 (CPU), an AMD processor of family 26:
#   32 products 128x64 by 64x16:  torch 99 us, NumPy 46 us
#   32 products 128x64 by 64x64:  torch 338 us, NumPy 133 us
#   32 products 128x64 by 64x256: torch 1331 us, NumPy 649 us
set -euo pipefail
unset OPENBLAS_CORETYPE
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
python3 - <<'END'
import time

import numpy as np
import torch


def microseconds(work):
    times = []
    for _ in range(300):
        start = time.thread_time()
        work()
        times.append(time.thread_time() - start)
    return 1e6 * min(times)


slower = []
for width in (16, 64, 256):
    a, b, out = (torch.randn(32, *shape) for shape in ((128, 64), (64, width), (128, width)))
    x, y, z = a.numpy(), b.numpy(), out.numpy()
    theirs = microseconds(lambda: torch.bmm(a, b, out=out))
    ours = microseconds(lambda: np.matmul(x, y, out=z))
    slower.append(theirs / ours)
    print(f"32 products 128x64 by 64x{width}: torch {theirs:.0f} us, NumPy {ours:.0f} us")
assert min(slower) > 1.5, "changed"
END
