"""Which scenes a step trains on: a function of the seed and the step alone.

So a run that was killed continues with the batches it would have had.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch.utils.data import Sampler


@dataclass(eq=False)
class ShuffledBatches(Sampler[list[int]]):
    """Batches of positions: one permutation of the data after another, cut across their borders.

    Args:
        length: of the data.
        batch_size: per process.
        batches: how many there are in all.
        first: the batch to begin with.
        rank: this process.
        world_size: processes, which share each permutation out.
        seed: of the permutations.
    """

    length: int
    batch_size: int
    batches: int
    first: int = 0
    rank: int = 0
    world_size: int = 1
    seed: int = 0

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the batches from the first one on."""
        epoch, order = -1, np.empty(0, int)
        for batch in range(self.first, self.batches):
            start = (batch * self.world_size + self.rank) * self.batch_size
            positions = []
            for place in range(start, start + self.batch_size):
                if place // self.length != epoch:
                    epoch = place // self.length
                    order = np.random.default_rng([self.seed, epoch]).permutation(self.length)
                positions.append(int(order[place % self.length]))
            yield positions
