"""Streams of random numbers: one seed, one stream a use."""

import numpy as np
import torch


def generator(seed: int, *stream: int) -> torch.Generator:
    """Return a random generator for one independent stream of ``seed``.

    ``stream`` is any tuple of non-negative integers (experiment, size, repetition, ...).

    >>> a, b = generator(1, 0), generator(1, 1)
    >>> bool(torch.rand(1, generator=a) == torch.rand(1, generator=b))
    False
    """
    state = np.random.SeedSequence([seed, *stream]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0]))
