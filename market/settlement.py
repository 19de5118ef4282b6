"""What a clearing does to accounts, and the bytes that tell the exchange.

Protocol section 4; section 9 for markets of tokens.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from market import merkle
from market.book import Book
from market.order import Leg, Order, address_bytes
from market.outcome import Clearing
from market.payment import leg_energy_wh, payment_micro
from market.product import ProductGrid
from market.rules import MarketRules
from market.units import SCALE, ceil_div

MULTI_LEG, FORCED, SELLS = 1, 2, 4
NO_TIE, BIDS_RATIONED, ASKS_RATIONED = 0, 1, 2
NO_CUT = (1 << 128) - 1
_NO_HASH = bytes(32)


class CallDataError(ValueError):
    """Bytes that are not what the exchange takes."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a settlement does to a trader's account.

    In micro-units: margin falls by `debit_micro`, locked rises by `lock_micro`. In a market of
    tokens nothing is locked: free rises by `proceeds_micro`, and `moved_wh` tokens of one Wh come
    (negative: go).
    """

    trader: str
    debit_micro: int
    lock_micro: int
    proceeds_micro: int = 0
    moved_wh: int = 0


@dataclass(frozen=True, slots=True)
class PositionEntry:
    """Energy of one leg of one order, in Wh, positive to the trader; `product` is its id."""

    product: int
    quantity_wh: int


@dataclass(frozen=True, slots=True)
class PositionLeaf:
    """What a trader must deliver and what is locked for it."""

    trader: str
    lock_micro: int
    entries: tuple[PositionEntry, ...]

    @property
    def chain(self) -> bytes:
        """Hash chain over the entries; zero for none."""
        link = bytes(32)
        for entry in self.entries:
            link = keccak(link + encode_entry(entry))
        return link

    @property
    def leaf(self) -> bytes:
        return keccak(address_bytes(self.trader) + self.lock_micro.to_bytes(8, "big") + self.chain)


@dataclass(frozen=True, slots=True)
class Tie:
    """How a product's tied orders are rationed.

    `offered` = M and `filled` = F over the tied orders of the rationed side; an order gets one unit
    more than floor(m F / M) iff its remainder lies above `cut_remainder`, or at it with a hash of
    at most `cut_hash`.
    """

    side: int = NO_TIE
    offered: int = 0
    filled: int = 0
    cut_remainder: int = NO_CUT
    cut_hash: bytes = _NO_HASH


@dataclass(frozen=True, slots=True)
class SubmittedOrder:
    """An order as it was submitted with a settlement."""

    order: Order
    signature: bytes
    fill: int
    forced: bool


@dataclass(frozen=True, slots=True)
class Settlement:
    """A clearing's effects, for every trader of the book in book order.

    Money in micro-units. Debits minus locks and proceeds equal the dust: nothing else is left over.
    A market of tokens leaves no positions.
    """

    book: Book
    maxima: tuple[int, ...]
    clearing: Clearing
    payments_micro: tuple[int, ...]
    effects: tuple[Effect, ...]
    dust_micro: int
    positions: tuple[PositionLeaf, ...]
    tokenised: bool = False

    @classmethod
    def build(
        cls, book: Book, maxima: tuple[int, ...], clearing: Clearing, rules: MarketRules
    ) -> Settlement:
        payments: list[int] = []
        effects: list[Effect] = []
        positions: list[PositionLeaf] = []
        for trader, group in book.traders():
            paid = received = collateral = 0
            entries: list[PositionEntry] = []
            for position in group:
                quantities = order_quantities_wh(book, clearing, position)
                prices = [clearing.prices[index] for index in book.leg_indices[position]]
                payment = payment_micro(prices, quantities)
                payments.append(payment)
                paid += max(payment, 0)
                received += max(-payment, 0)
                collateral += ceil_div(rules.imbalance_cap * sum(abs(q) for q in quantities), SCALE)
                legs = book.orders[position].order.legs
                entries += [
                    PositionEntry(leg.product, q)
                    for leg, q in zip(legs, quantities, strict=True)
                    if q != 0
                ]
            if rules.tokenised:
                moved = sum(entry.quantity_wh for entry in entries)
                effects.append(Effect(trader, paid, 0, received, moved))
                continue
            effects.append(Effect(trader, paid + collateral, received + collateral))
            if entries:
                positions.append(PositionLeaf(trader, received + collateral, tuple(entries)))
        return cls(
            book=book,
            maxima=maxima,
            clearing=clearing,
            payments_micro=tuple(payments),
            effects=tuple(effects),
            dust_micro=sum(payments),
            positions=tuple(positions),
            tokenised=rules.tokenised,
        )

    @property
    def position_leaves(self) -> tuple[bytes, ...]:
        return tuple(position.leaf for position in self.positions)

    @property
    def positions_root(self) -> bytes:
        return merkle.root(self.position_leaves)

    @property
    def prices_hash(self) -> bytes:
        return keccak(pack_prices(self.clearing.prices))

    def results(self) -> bytes:
        """The `results` argument of settle and verifyChunk."""
        return encode_results(
            self.clearing.prices, product_ties(self.book, self.maxima, self.clearing)
        )

    def orders(
        self, forced: Collection[bytes] = (), start: int = 0, stop: int | None = None
    ) -> bytes:
        """The `orders` argument, for the orders at positions start .. stop - 1 of the book."""
        return encode_orders(self.book, self.clearing.fills, forced, start, stop)

    def chunks(
        self, orders_per_chunk: int, forced: Collection[bytes] = ()
    ) -> Iterator[tuple[bytes, bytes]]:
        """For every verifyChunk its `orders`, and the `effects` that applyChunk takes for it."""
        if orders_per_chunk < 1:
            raise ValueError("a chunk holds at least one order")
        for start in range(0, self.book.count, orders_per_chunk):
            stop = min(start + orders_per_chunk, self.book.count)
            effects = encode_effects(self.effects_of(start, stop), tokenised=self.tokenised)
            yield self.orders(forced, start, stop), effects

    def effects_of(self, start: int, stop: int) -> tuple[Effect, ...]:
        """Effects on the traders whose last order lies at start .. stop - 1."""
        return tuple(
            effect
            for effect, (_, group) in zip(self.effects, self.book.traders(), strict=True)
            if start <= group[-1] < stop
        )


def order_quantities_wh(book: Book, clearing: Clearing, position: int) -> tuple[int, ...]:
    """Energy of every leg of an order at its fill, in Wh, positive to the trader."""
    fill = clearing.fills[position]
    return tuple(leg_energy_wh(leg.coefficient, fill) for leg in book.orders[position].order.legs)


def pack_prices(prices: Iterable[int]) -> bytes:
    """int64 prices by product index, 8 bytes each: the preimage of `pricesHash`."""
    return b"".join(price.to_bytes(8, "big", signed=True) for price in prices)


def unpack_prices(data: bytes) -> tuple[int, ...]:
    """Raises CallDataError unless the bytes are whole prices."""
    if len(data) % 8:
        raise CallDataError(f"{len(data)} bytes are not whole prices")
    return tuple(
        int.from_bytes(data[at : at + 8], "big", signed=True) for at in range(0, len(data), 8)
    )


def encode_entry(entry: PositionEntry) -> bytes:
    """product (8) || q (int128, 16)."""
    return entry.product.to_bytes(8, "big") + entry.quantity_wh.to_bytes(16, "big", signed=True)


def encode_entries(entries: Iterable[PositionEntry]) -> bytes:
    """The entries of a position, as closing it takes them."""
    return b"".join(encode_entry(entry) for entry in entries)


def product_ties(book: Book, maxima: Sequence[int], clearing: Clearing) -> tuple[Tie, ...]:
    """How every product's tied orders are rationed; no tie anywhere in a coupled round."""
    ties = [Tie()] * len(book.grid)
    if book.coupled:
        return tuple(ties)
    tied: dict[tuple[int, bool], list[int]] = {}
    for position, (index,) in enumerate(book.leg_indices):
        order = book.orders[position].order
        price_term = -order.limit if order.sells else order.limit
        if maxima[position] > 0 and price_term == clearing.prices[index]:
            tied.setdefault((index, order.sells), []).append(position)
    for (index, sells), positions in tied.items():
        if any(clearing.fills[i] != maxima[i] for i in positions):
            ties[index] = _tie(book, maxima, clearing.fills, positions, sells)
    return tuple(ties)


def _tie(
    book: Book, maxima: Sequence[int], fills: Sequence[int], positions: list[int], sells: bool
) -> Tie:
    offered = sum(maxima[i] for i in positions)
    filled = sum(fills[i] for i in positions)
    raised = [
        (maxima[i] * filled % offered, book.orders[i].digest)
        for i in positions
        if fills[i] > maxima[i] * filled // offered
    ]
    side = ASKS_RATIONED if sells else BIDS_RATIONED
    if not raised:
        return Tie(side, offered, filled)
    cut_remainder = min(remainder for remainder, _ in raised)
    cut_hash = max(digest for remainder, digest in raised if remainder == cut_remainder)
    return Tie(side, offered, filled, cut_remainder, cut_hash)


def encode_results(prices: Iterable[int], ties: Iterable[Tie]) -> bytes:
    """Prices and ties by product index."""
    parts: list[bytes] = []
    for price, tie in zip(prices, ties, strict=True):
        parts.append(price.to_bytes(8, "big", signed=True) + bytes([tie.side]))
        if tie.side != NO_TIE:
            parts.append(tie.offered.to_bytes(16, "big"))
            parts.append(tie.filled.to_bytes(16, "big"))
            parts.append(tie.cut_remainder.to_bytes(16, "big"))
            parts.append(tie.cut_hash)
    return b"".join(parts)


def encode_orders(
    book: Book,
    fills: Sequence[int],
    forced: Collection[bytes] = (),
    start: int = 0,
    stop: int | None = None,
) -> bytes:
    """Trader groups of the orders at start .. stop - 1; the count of a group that is cut off at
    either end is what remained of it at its first order here."""
    stop = book.count if stop is None else stop
    parts: list[bytes] = []
    for trader, group in book.traders():
        here = range(max(group.start, start), min(group.stop, stop))
        if len(here) == 0:
            continue
        parts.append(address_bytes(trader) + (group.stop - here.start).to_bytes(2, "big"))
        parts.extend(_encode_order(book, position, fills[position], forced) for position in here)
    return b"".join(parts)


def _encode_order(book: Book, position: int, fill: int, forced: Collection[bytes]) -> bytes:
    signed, indices = book.orders[position], book.leg_indices[position]
    order = signed.order
    flags = FORCED if signed.digest in forced else 0
    if order.multi_leg:
        flags |= MULTI_LEG
        legs = bytes([len(order.legs)]) + b"".join(
            index.to_bytes(2, "big") + leg.coefficient.to_bytes(4, "big", signed=True)
            for index, leg in zip(indices, order.legs, strict=True)
        )
    else:
        flags |= SELLS if order.sells else 0
        legs = indices[0].to_bytes(2, "big")
    return b"".join(
        (
            bytes([flags]),
            order.max_units.to_bytes(8, "big"),
            order.limit.to_bytes(8, "big", signed=True),
            order.salt.to_bytes(8, "big"),
            order.epoch.to_bytes(4, "big"),
            fill.to_bytes(8, "big"),
            legs,
            signed.signature,
        )
    )


def encode_effects(effects: Iterable[Effect], *, tokenised: bool = False) -> bytes:
    """Effects as applyChunk takes them: trader (20), debit (8), lock (8) each; in a market of
    tokens trader (20), debit (8), proceeds (8), moved (16)."""
    if tokenised:
        return b"".join(
            address_bytes(effect.trader)
            + effect.debit_micro.to_bytes(8, "big")
            + effect.proceeds_micro.to_bytes(8, "big")
            + effect.moved_wh.to_bytes(16, "big", signed=True)
            for effect in effects
        )
    return b"".join(
        address_bytes(effect.trader)
        + effect.debit_micro.to_bytes(8, "big")
        + effect.lock_micro.to_bytes(8, "big")
        for effect in effects
    )


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def exhausted(self) -> bool:
        return self._at >= len(self._data)

    def take(self, size: int) -> bytes:
        if self._at + size > len(self._data):
            raise CallDataError(f"{size} bytes wanted at {self._at} of {len(self._data)}")
        self._at += size
        return self._data[self._at - size : self._at]

    def unsigned(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def signed(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big", signed=True)


def decode_results(data: bytes, products: int) -> tuple[tuple[int, ...], tuple[Tie, ...]]:
    """Prices and ties by product index. Raises CallDataError."""
    reader = _Reader(data)
    prices: list[int] = []
    ties: list[Tie] = []
    for index in range(products):
        prices.append(reader.signed(8))
        side = reader.unsigned(1)
        if side > ASKS_RATIONED:
            raise CallDataError(f"product {index}: {side} is no side")
        if side == NO_TIE:
            ties.append(Tie())
        else:
            offered, filled, cut = (reader.unsigned(16) for _ in range(3))
            ties.append(Tie(side, offered, filled, cut, reader.take(32)))
    if not reader.exhausted:
        raise CallDataError("bytes are left over after the last product")
    return tuple(prices), tuple(ties)


def decode_orders(
    data: bytes, market: int, round: int, grid: ProductGrid
) -> tuple[SubmittedOrder, ...]:
    """Orders of one call (a whole round, or a chunk). Raises CallDataError."""
    reader = _Reader(data)
    decoded: list[SubmittedOrder] = []
    while not reader.exhausted:
        trader = str(to_checksum_address(reader.take(20)))
        remaining = reader.unsigned(2)
        while remaining and not reader.exhausted:
            decoded.append(_decode_order(reader, trader, market, round, grid))
            remaining -= 1
    return tuple(decoded)


def _decode_order(
    reader: _Reader, trader: str, market: int, round: int, grid: ProductGrid
) -> SubmittedOrder:
    flags, max_units, limit = reader.unsigned(1), reader.unsigned(8), reader.signed(8)
    salt, epoch, fill = reader.unsigned(8), reader.unsigned(4), reader.unsigned(8)
    if flags & MULTI_LEG:
        pairs = [(reader.unsigned(2), reader.signed(4)) for _ in range(reader.unsigned(1))]
    else:
        pairs = [(reader.unsigned(2), -SCALE if flags & SELLS else SCALE)]
    if any(index >= len(grid) for index, _ in pairs):
        raise CallDataError(f"a leg lies beyond the round's {len(grid)} products")
    order = Order(
        market=market,
        round=round,
        legs=tuple(Leg(grid.product_id(index), coefficient) for index, coefficient in pairs),
        max_units=max_units,
        limit=limit,
        trader=trader,
        epoch=epoch,
        salt=salt,
    )
    return SubmittedOrder(order, reader.take(64), fill, bool(flags & FORCED))


def decode_effects(data: bytes, *, tokenised: bool = False) -> tuple[Effect, ...]:
    """Raises CallDataError unless the bytes are whole effects."""
    reader = _Reader(data)
    effects: list[Effect] = []
    while not reader.exhausted:
        trader = str(to_checksum_address(reader.take(20)))
        debit, credit = reader.unsigned(8), reader.unsigned(8)
        if tokenised:
            effects.append(Effect(trader, debit, 0, credit, reader.signed(16)))
        else:
            effects.append(Effect(trader, debit, credit))
    return tuple(effects)
