"""Random numbers that depend on nothing but what they are for, so there is no state to save."""

from __future__ import annotations

import numpy as np
import torch


def generator_for(*numbers: int) -> torch.Generator:
    """Return a generator that depends on all the numbers (seed, purpose, step, process)."""
    state = np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))
