"""Certificates for sale by class: pools that number them, parcels of positions (section 14)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Parcel:
    """Positions `[start, start + length)` that belong to somebody who has not collected them."""

    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Lot:
    """Certificates of one batch as they came in: their positions end before `end`."""

    token_id: int
    end: int


@dataclass(slots=True)
class Pool:
    """Positions from 0 in the order in which certificates came; from `head` on for sale."""

    lots: list[Lot] = field(default_factory=list)
    head: int = 0
    parcels: dict[str, list[Parcel]] = field(default_factory=dict)

    @property
    def tail(self) -> int:
        return self.lots[-1].end if self.lots else 0

    def append(self, token_id: int, amount: int) -> None:
        self.lots.append(Lot(token_id, self.tail + amount))

    def assign(self, to: str, amount: int) -> None:
        """The next positions become a parcel."""
        self.parcels.setdefault(to, []).append(Parcel(self.head, amount))
        self.head += amount

    def at(self, start: int, length: int) -> Iterator[tuple[int, int]]:
        """What stands at the positions: id and Wh, lot by lot."""
        begins = 0
        for lot in self.lots:
            amount = min(lot.end, start + length) - max(begins, start)
            if amount > 0:
                yield lot.token_id, amount
            begins = lot.end

    def collect(self, holder: str, most: int) -> list[tuple[int, int]]:
        """Take up to `most` lots, or parts of lots, out of the holder's first parcels."""
        mine, out = self.parcels.get(holder, []), list[tuple[int, int]]()
        while mine and len(out) < most:
            first = mine[0]
            token_id, amount = next(self.at(first.start, first.length))
            out.append((token_id, amount))
            if amount == first.length:
                mine.pop(0)
            else:
                mine[0] = Parcel(first.start + amount, first.length - amount)
        return out
