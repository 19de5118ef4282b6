"""Merkle trees with node = keccak(left || right); an odd last node is promoted unchanged.

The root of nothing is 32 zero bytes. Proofs are read with index and count known, so that two leaves
can be shown to be neighbours, or a leaf to be the last.
"""

from __future__ import annotations

from collections.abc import Sequence

from eth_utils.crypto import keccak

EMPTY_ROOT = bytes(32)


def root(leaves: Sequence[bytes]) -> bytes:
    """Root over leaves of 32 bytes, in the order given."""
    if not leaves:
        return EMPTY_ROOT
    level = list(leaves)
    while len(level) > 1:
        level = _parents(level)
    return level[0]


def _parents(level: list[bytes]) -> list[bytes]:
    parents = [keccak(level[i] + level[i + 1]) for i in range(0, len(level) - 1, 2)]
    if len(level) % 2:
        parents.append(level[-1])
    return parents


def proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Siblings of the leaf at `index`, from the bottom. Raises IndexError."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"there are {len(leaves)} leaves, no index {index}")
    siblings: list[bytes] = []
    level = list(leaves)
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            siblings.append(level[sibling])
        level = _parents(level)
        index >>= 1
    return siblings


def verify(root: bytes, count: int, index: int, leaf: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `leaf` stands at `index` of the tree with that root and `count` leaves."""
    if not 0 <= index < count:
        return False
    siblings = iter(proof)
    node, last = leaf, count - 1
    while last > 0:
        if index % 2 or index < last:
            sibling = next(siblings, None)
            if sibling is None:
                return False
            node = keccak(sibling + node) if index % 2 else keccak(node + sibling)
        index >>= 1
        last >>= 1
    return next(siblings, None) is None and node == root


class Frontier:
    """The same tree grown leaf by leaf, holding one node a level."""

    def __init__(self) -> None:
        self._pending: list[bytes | None] = []
        self.count = 0

    def append(self, leaf: bytes) -> None:
        """Adds a leaf of 32 bytes at the end."""
        self.count += 1
        for level, pending in enumerate(self._pending):
            if pending is None:
                self._pending[level] = leaf
                return
            leaf = keccak(pending + leaf)
            self._pending[level] = None
        self._pending.append(leaf)

    @property
    def pending(self) -> tuple[bytes | None, ...]:
        """Root of the complete subtree of 2^i leaves that waits at place i, or None."""
        return tuple(self._pending)

    @property
    def root(self) -> bytes:
        node: bytes | None = None
        for pending in self._pending:
            if pending is not None:
                node = pending if node is None else keccak(pending + node)
        return EMPTY_ROOT if node is None else node
