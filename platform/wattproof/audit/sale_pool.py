"""A sale pool: certificates of one class in a row, sold from its head (protocol section 14)."""

from __future__ import annotations

from bisect import bisect_right
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
        lots: ids, end to end from position 0; neighbours are of different ids.
        ends: the position behind each lot.
        parcels: what left the head and was not collected, by holder, oldest first.
    """

    lots: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    head: int = 0
    parcels: defaultdict[str, list[Parcel]] = field(default_factory=lambda: defaultdict(list))

    @property
    def tail(self) -> int:
        return self.ends[-1] if self.ends else 0

    def append(self, identity: int, amount: int) -> int:
        """Put certificates at the end; returns their first position."""
        start = self.tail
        if self.lots and self.lots[-1] == identity:
            self.ends[-1] += amount
        else:
            self.lots.append(identity)
            self.ends.append(start + amount)
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
        """The certificates at some positions: ids with their amounts, lot by lot."""
        position = parcel.start
        for lot in range(bisect_right(self.ends, position), len(self.lots)):
            if position >= parcel.end:
                return
            ends = min(self.ends[lot], parcel.end)
            yield self.lots[lot], ends - position
            position = ends

    def owed(self, holder: str) -> Iterator[tuple[int, int]]:
        """What a holder has not collected: ids with their amounts, in order."""
        for parcel in self.parcels.get(holder, ()):
            yield from self.at(parcel)

    def is_next(self, holder: str, collected: Sequence[tuple[int, int]]) -> bool:
        """Whether these certificates are the next that the holder collects."""
        left, first = sum(amount for _, amount in collected), list[tuple[int, int]]()
        for identity, amount in self.owed(holder):
            if not left:
                break
            first.append((identity, min(amount, left)))
            left -= min(amount, left)
        return bool(first) and _merged(first) == _merged(collected)

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


def _merged(certificates: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbours of one id as one."""
    found: list[tuple[int, int]] = []
    for identity, amount in certificates:
        if found and found[-1][0] == identity:
            found[-1] = identity, found[-1][1] + amount
        else:
            found.append((identity, amount))
    return found
