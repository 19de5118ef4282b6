"""A sale pool: certificates of one class in a row, sold from its head (protocol section 14)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Parcel:
    """Positions ``[start, start + length)``; a position is one Wh."""

    start: int
    length: int

    @property
    def end(self) -> int:
        return self.start + self.length


@dataclass(slots=True)
class SalePool:
    """What was offered, in the order in which it came; ``[head, tail)`` is for sale.

    Attributes:
        segments: ids with their amounts, end to end from position 0.
        parcels: what left the head and was not collected, by holder, oldest first.
    """

    segments: list[tuple[int, int]] = field(default_factory=list)
    head: int = 0
    tail: int = 0
    parcels: defaultdict[str, list[Parcel]] = field(default_factory=lambda: defaultdict(list))

    def append(self, identity: int, amount: int) -> int:
        """Put certificates at the end; returns their first position."""
        start = self.tail
        self.segments.append((identity, amount))
        self.tail += amount
        return start

    def assign(self, holder: str, length: int) -> int:
        """Give the next positions to a holder; returns the first.

        Where they follow its last parcel they become part of it.

        Raises:
            ValueError: there are fewer in the pool.
        """
        start = self.head
        if start + length > self.tail:
            raise ValueError(f"{length} of {self.tail - start} positions left")
        self.head += length
        parcels = self.parcels[holder]
        follows = parcels and parcels[-1].end == start
        first = parcels.pop().start if follows else start
        parcels.append(Parcel(first, self.head - first))
        return start

    def at(self, parcel: Parcel) -> Iterator[tuple[int, int]]:
        """The certificates at some positions: ids with their amounts, batch by batch."""
        begins = 0
        for identity, amount in self.segments:
            ends = begins + amount
            there = min(ends, parcel.end) - max(begins, parcel.start)
            if there > 0:
                yield identity, there
            begins = ends

    def owed(self, holder: str) -> Iterator[tuple[int, int]]:
        """What a holder has not collected: ids with their amounts, in order."""
        for parcel in self.parcels.get(holder, ()):
            yield from self.at(parcel)

    def is_next(self, holder: str, collected: Sequence[tuple[int, int]]) -> bool:
        """Whether these certificates are the next that the holder collects."""
        wanted = merged(collected)
        owed = merged(self.owed(holder))
        if not wanted or len(wanted) > len(owed):
            return False
        *whole, (identity, amount) = wanted
        after, left = owed[len(whole)]
        return owed[: len(whole)] == whole and after == identity and amount <= left

    def collect(self, holder: str, amount: int) -> None:
        """Take as many positions from the front of the holder's parcels as it is owed."""
        parcels = self.parcels[holder]
        while amount:
            front = parcels.pop(0)
            taken = min(amount, front.length)
            if taken < front.length:
                parcels.insert(0, Parcel(front.start + taken, front.length - taken))
            amount -= taken

    def uncollected(self) -> dict[int, int]:
        """What the pool's contract still holds, by id: what is for sale and what is in parcels."""
        found: defaultdict[int, int] = defaultdict(int)
        parcels = [Parcel(self.head, self.tail - self.head)]
        parcels += [parcel for each in self.parcels.values() for parcel in each]
        for parcel in parcels:
            for identity, amount in self.at(parcel):
                found[identity] += amount
        return dict(found)


def merged(
    certificates: Sequence[tuple[int, int]] | Iterator[tuple[int, int]],
) -> list[tuple[int, int]]:
    """Neighbours of one id as one."""
    found: list[tuple[int, int]] = []
    for identity, amount in certificates:
        if found and found[-1][0] == identity:
            found[-1] = identity, found[-1][1] + amount
        else:
            found.append((identity, amount))
    return found
