"""Reading what `settle` and `verifyChunk` are sent (protocol section 4, "Call data").

Apart from market/settlement.py, which writes it, so that the two check each other.
"""

from __future__ import annotations

from dataclasses import dataclass

from market.reference.errors import MalformedBatch, MalformedResults, Revert

SCALE = 1_000_000
NO_CUT = 2**128 - 1
NO_TIE, BIDS_RATIONED, ASKS_RATIONED = 0, 1, 2
MULTI_LEG, FORCED, SELLS = 1, 2, 4


@dataclass(frozen=True, slots=True)
class Tie:
    """How a product's tied orders are rationed, as the operator states it.

    `offered` = sum m and `filled` = sum u over the rationed side's tied orders. A tied order gets
    one unit more than floor(m filled / offered) iff (remainder, hash) lies before the cut.
    """

    side: int = NO_TIE
    offered: int = 0
    filled: int = 0
    cut_remainder: int = NO_CUT
    cut_hash: bytes = bytes(32)

    def fill(self, maximum: int, digest: bytes) -> int:
        """Units that a tied order of the rationed side gets."""
        share, remainder = divmod(maximum * self.filled, self.offered)
        extra = remainder > self.cut_remainder or (
            remainder == self.cut_remainder and digest <= self.cut_hash
        )
        return share + extra


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One order as it stands in the call data; `legs` are (product index, coefficient)."""

    flags: int
    max_units: int
    limit: int
    salt: int
    epoch: int
    fill: int
    legs: tuple[tuple[int, int], ...]
    signature: bytes

    @property
    def multi_leg(self) -> bool:
        return bool(self.flags & MULTI_LEG)

    @property
    def forced(self) -> bool:
        return bool(self.flags & FORCED)


class Reader:
    """Takes big-endian fields off the front of some bytes; raises `error` past their end."""

    def __init__(self, data: bytes, error: type[Revert]) -> None:
        self._data = data
        self._error = error
        self._at = 0

    @property
    def exhausted(self) -> bool:
        return self._at == len(self._data)

    def take(self, size: int) -> bytes:
        if self._at + size > len(self._data):
            raise self._error(f"{size} bytes wanted at {self._at} of {len(self._data)}")
        self._at += size
        return self._data[self._at - size : self._at]

    def unsigned(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def signed(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big", signed=True)


def read_results(data: bytes, products: int) -> tuple[tuple[int, ...], tuple[Tie, ...]]:
    """Prices (nano-units per kWh) and ties by product index. Raises MalformedResults."""
    reader = Reader(data, MalformedResults)
    prices, ties = [], []
    for index in range(products):
        prices.append(reader.signed(8))
        tie = Tie(reader.unsigned(1))
        if tie.side != NO_TIE:
            offered, filled, cut_remainder = (reader.unsigned(16) for _ in range(3))
            tie = Tie(tie.side, offered, filled, cut_remainder, reader.take(32))
            if tie.side > ASKS_RATIONED or filled >= offered:
                raise MalformedResults(f"product {index}: side {tie.side}, {filled} of {offered}")
        ties.append(tie)
    if not reader.exhausted:
        raise MalformedResults("bytes are left over after the last product")
    return tuple(prices), tuple(ties)


def read_order(reader: Reader, products: int) -> OrderLine:
    """One order. Raises MalformedBatch for what no well-formed order can look like."""
    flags, max_units, limit = reader.unsigned(1), reader.unsigned(8), reader.signed(8)
    salt, epoch, fill = reader.unsigned(8), reader.unsigned(4), reader.unsigned(8)
    if max_units == 0 or flags > 7:
        raise MalformedBatch(f"maximum units {max_units}, flags {flags}")
    if flags & MULTI_LEG:
        count = reader.unsigned(1)
        if count < 2 or flags & SELLS:
            raise MalformedBatch(f"{count} legs in the multi-leg form, flags {flags}")
        legs = tuple((reader.unsigned(2), reader.signed(4)) for _ in range(count))
    else:
        legs = ((reader.unsigned(2), -SCALE if flags & SELLS else SCALE),)
    indices = [index for index, _ in legs]
    if indices != sorted(set(indices)) or indices[-1] >= products or not all(c for _, c in legs):
        raise MalformedBatch(f"legs {legs} of {products} products")
    return OrderLine(flags, max_units, limit, salt, epoch, fill, legs, reader.take(64))
