"""Seeds for scenarios: every block of scenarios has its own, wherever it is computed.

A batch is cut into blocks of :data:`BLOCK` scenarios. Block i draws from
``SeedSequence(seed, spawn_key=(i,))`` (what NumPy's ``spawn`` gives the i-th child), so the numbers
depend on the seed and the place in the batch alone, not on who computes which block.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BLOCK = 64
"""Scenarios drawn from one generator. Part of what a seed means: never change it."""


@dataclass(frozen=True, slots=True)
class Block:
    """``count`` scenarios that begin at ``first`` of the batch."""

    index: int
    first: int
    count: int

    def generator(self, seed: int) -> np.random.Generator:
        """The block's own generator."""
        return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(self.index,)))


def blocks_of(scenarios: int) -> tuple[Block, ...]:
    """Cut a batch into blocks; all but the last hold :data:`BLOCK` scenarios."""
    if scenarios < 1:
        raise ValueError(f"a batch holds at least one scenario, not {scenarios}")
    return tuple(
        Block(index, first, min(BLOCK, scenarios - first))
        for index, first in enumerate(range(0, scenarios, BLOCK))
    )
