"""An honest operator for tests, and the ways in which a dishonest one departs from it.

Written from docs/protocol.md alone, so that the production clearing and encoders have something to
be compared with. Only one-product books are cleared here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from eth_utils.crypto import keccak

from market import merkle
from market.order import SignedOrder
from market.product import ProductGrid
from market.reference.call_data import (
    ASKS_RATIONED,
    BIDS_RATIONED,
    FORCED,
    MULTI_LEG,
    NO_TIE,
    SELLS,
    Tie,
)
from market.reference.exchange import Exchange
from market.reference.imbalance import PositionLeaf, RoundProof
from market.reference.ledger import Effect
from market.reference.verification import (
    ceil_div,
    margin_need,
    pack_prices,
    position_leaf,
    sold_wh,
)

SCALE = 1_000_000


def address_bytes(address: str) -> bytes:
    return bytes.fromhex(address[2:])


@dataclass(frozen=True, slots=True)
class Filled:
    """An order of the book with what the operator says of it."""

    signed: SignedOrder
    maximum: int
    fill: int = 0
    forced: bool = False

    @property
    def place(self) -> tuple[int, bytes]:
        return int(self.signed.order.trader, 16), self.signed.digest

    @property
    def leaf(self) -> bytes:
        return keccak(address_bytes(self.signed.order.trader) + self.signed.digest)

    @property
    def quantities(self) -> list[tuple[int, int]]:
        """(product, Wh) of every leg."""
        legs = self.signed.order.legs
        return [(leg.product, leg.coefficient * self.fill // SCALE) for leg in legs]


@dataclass(frozen=True, slots=True)
class Batch:
    """What a settlement says: prices and ties by product index, the book with its fills."""

    grid: ProductGrid
    prices: tuple[int, ...]
    ties: tuple[Tie, ...]
    orders: tuple[Filled, ...]

    @property
    def leaves(self) -> list[bytes]:
        return [order.leaf for order in self.orders]

    @property
    def root(self) -> bytes:
        return merkle.root(self.leaves)

    @property
    def results(self) -> bytes:
        return b"".join(
            price.to_bytes(8, "big", signed=True) + encode_tie(tie)
            for price, tie in zip(self.prices, self.ties, strict=True)
        )

    @property
    def call_data(self) -> bytes:
        return self.chunk(0, len(self.orders))

    def chunk(self, start: int, stop: int) -> bytes:
        """The orders from `start` to `stop`; a group cut in two says how many are left of it."""
        data = b""
        previous = None
        for at in range(start, stop):
            trader = self.orders[at].signed.order.trader
            if trader != previous:
                left = sum(o.signed.order.trader == trader for o in self.orders[at:])
                data += address_bytes(trader) + left.to_bytes(2, "big")
                previous = trader
            data += encode_order(self.grid, self.orders[at])
        return data


def encode_tie(tie: Tie) -> bytes:
    if tie.side == NO_TIE:
        return bytes([NO_TIE])
    sums = (tie.offered, tie.filled, tie.cut_remainder)
    return bytes([tie.side]) + b"".join(n.to_bytes(16, "big") for n in sums) + tie.cut_hash


def encode_order(grid: ProductGrid, filled: Filled) -> bytes:
    order = filled.signed.order
    multi = len(order.legs) > 1
    flags = (
        (MULTI_LEG if multi else 0)
        | (FORCED if filled.forced else 0)
        | (SELLS if not multi and order.legs[0].coefficient < 0 else 0)
    )
    indices = [grid.index(leg.product).to_bytes(2, "big") for leg in order.legs]
    if multi:
        legs = bytes([len(indices)]) + b"".join(
            index + leg.coefficient.to_bytes(4, "big", signed=True)
            for index, leg in zip(indices, order.legs, strict=True)
        )
    else:
        legs = indices[0]
    return (
        bytes([flags])
        + order.max_units.to_bytes(8, "big")
        + order.limit.to_bytes(8, "big", signed=True)
        + order.salt.to_bytes(8, "big")
        + order.epoch.to_bytes(4, "big")
        + filled.fill.to_bytes(8, "big")
        + legs
        + filled.signed.signature
    )


def judge(
    exchange: Exchange, market: int, number: int, orders: Iterable[SignedOrder]
) -> list[Filled]:
    """The sorted book with the effective maxima that the facts at the gate give."""
    record, params = exchange.round(market, number), exchange.market(market)
    by_trader: defaultdict[str, list[SignedOrder]] = defaultdict(list)
    for each in orders:
        by_trader[each.order.trader].append(each)
    book = []
    for trader in sorted(by_trader, key=lambda t: int(t, 16)):
        word = exchange.ledger.account(market, trader)
        margin = exchange.ledger.available(market, number, trader)
        capacity = (
            exchange.tokenised[params.capacity_source].sellable(
                market, number, record.first_slot, trader
            )
            if params.tokenised
            else word.capacity * params.capacity_unit_wh
        )
        stands = not any(params.role) or exchange.credentials.standing(
            trader, params.role, record.gate_at
        )
        session = exchange.delegations.session_of(market, trader, number)
        # What the delegate may still buy and sell, in Wh.
        left = [session.buy_wh, session.sell_wh]
        for signed in sorted(by_trader[trader], key=lambda s: s.digest):
            order = signed.order
            coefficients = [leg.coefficient for leg in order.legs]
            need = margin_need(order.limit, order.max_units, coefficients, params.imbalance_cap)
            sold = sold_wh(order.max_units, coefficients) if params.bounds_capacity else 0
            counts = (
                stands
                and order.epoch == word.epoch_for(number)
                and abs(order.limit) * SCALE <= params.price_cap * sum(map(abs, coefficients))
                and need <= margin
                and sold <= capacity
            )
            if signed.delegate is not None:
                amounts = [
                    sum(ceil_div(abs(c) * order.max_units, SCALE) for c in coefficients if c > 0),
                    sum(ceil_div(abs(c) * order.max_units, SCALE) for c in coefficients if c < 0),
                ]
                counts = (
                    counts
                    and signed.delegate == session.delegate
                    and session.until > record.gate_at
                    and all(amount <= rest for amount, rest in zip(amounts, left, strict=True))
                    and order.limit * order.max_units
                    <= session.max_price * amounts[0] - session.min_price * amounts[1]
                )
                if counts:
                    left = [rest - amount for amount, rest in zip(amounts, left, strict=True)]
            if counts:
                margin, capacity = margin - need, capacity - sold
            maximum = order.max_units if counts else 0
            book.append(Filled(signed, maximum, forced=signed.digest in record.forced))
    return book


def clear(grid: ProductGrid, book: Sequence[Filled]) -> Batch:
    """The one right result of a one-product book."""
    prices: list[int] = []
    ties: list[Tie] = []
    fills = [0] * len(book)
    for index in range(len(grid)):
        product = grid.product_id(index)
        mine = [
            at
            for at, filled in enumerate(book)
            if filled.signed.order.legs[0].product == product and filled.maximum > 0
        ]
        auction = Auction(book, fills, mine)
        auction.fill()
        price = auction.price()
        prices.append(price)
        ties.append(auction.tie(price))
    orders = tuple(
        Filled(f.signed, f.maximum, fill, f.forced) for f, fill in zip(book, fills, strict=True)
    )
    return Batch(grid, tuple(prices), tuple(ties), orders)


@dataclass(slots=True)
class Auction:
    """One product's bids and asks; `mine` are their places in the book."""

    book: Sequence[Filled]
    fills: list[int]
    mine: Sequence[int]

    def buys(self, at: int) -> bool:
        return self.book[at].signed.order.legs[0].coefficient > 0

    def offer(self, at: int) -> int:
        """Price of a bid or an ask, nano per kWh."""
        limit = self.book[at].signed.order.limit
        return limit if self.buys(at) else -limit

    def fill(self) -> None:
        """Best offers first, up to the most that can change hands with no bid below its ask."""
        volume = 0
        for price in {self.offer(at) for at in self.mine}:
            demand = [at for at in self.mine if self.buys(at) and self.offer(at) >= price]
            supply = [at for at in self.mine if not self.buys(at) and self.offer(at) <= price]
            volume = max(volume, min(self._offered(demand), self._offered(supply)))
        for buys in (True, False):
            left = volume
            levels: defaultdict[int, list[int]] = defaultdict(list)
            for at in self.mine:
                if self.buys(at) == buys:
                    levels[self.offer(at)].append(at)
            for price in sorted(levels, reverse=buys):
                offered = self._offered(levels[price])
                self._share(levels[price], offered, min(offered, left))
                left -= min(offered, left)

    def price(self) -> int:
        lows, highs = [], []
        for at in self.mine:
            filled, not_full = self.fills[at] > 0, self.fills[at] < self.book[at].maximum
            if not_full if self.buys(at) else filled:
                lows.append(self.offer(at))
            if filled if self.buys(at) else not_full:
                highs.append(self.offer(at))
        bounds = ([max(lows)] if lows else []) + ([min(highs)] if highs else [])
        return sum(bounds) // len(bounds) if bounds else 0

    def tie(self, price: int) -> Tie:
        """How the orders at the price are rationed, if they are."""
        for side, buys in ((BIDS_RATIONED, True), (ASKS_RATIONED, False)):
            tied = [at for at in self.mine if self.buys(at) == buys and self.offer(at) == price]
            offered, filled = self._offered(tied), sum(self.fills[at] for at in tied)
            if filled == offered:
                continue
            cut = [
                (self.book[at].maximum * filled % offered, self.book[at].signed.digest)
                for at in tied
                if self.fills[at] > self.book[at].maximum * filled // offered
            ]
            if not cut:
                return Tie(side, offered, filled)
            least = min(remainder for remainder, _ in cut)
            return Tie(side, offered, filled, least, max(d for r, d in cut if r == least))
        return Tie()

    def _offered(self, places: Iterable[int]) -> int:
        return sum(self.book[at].maximum for at in places)

    def _share(self, level: Sequence[int], offered: int, filled: int) -> None:
        """Pro rata, then the largest remainders, then ascending hash."""
        remainders = {}
        for at in level:
            self.fills[at], remainders[at] = divmod(self.book[at].maximum * filled, offered)
        ranked = sorted(level, key=lambda at: (-remainders[at], self.book[at].signed.digest))
        for at in ranked[: filled - sum(self.fills[at] for at in level)]:
            self.fills[at] += 1


@dataclass(slots=True)
class Position:
    """One trader's position in a settled round."""

    trader: str
    debit: int = 0
    lock: int = 0
    entries: bytes = b""
    quantities: list[tuple[int, int]] = field(default_factory=list)

    @property
    def chain(self) -> bytes:
        chain = bytes(32)
        for at in range(0, len(self.entries), 24):
            chain = keccak(chain + self.entries[at : at + 24])
        return chain

    @property
    def leaf(self) -> bytes:
        return position_leaf(self.trader, self.lock, self.chain)


def positions(batch: Batch, imbalance_cap: int) -> list[Position]:
    """Every trader of the book, in book order."""
    found: dict[str, Position] = {}
    for filled in batch.orders:
        position = found.setdefault(
            filled.signed.order.trader, Position(filled.signed.order.trader)
        )
        cost = energy = 0
        for product, wh in filled.quantities:
            cost += batch.prices[batch.grid.index(product)] * wh
            energy += abs(wh)
            if wh:
                position.entries += product.to_bytes(8, "big") + wh.to_bytes(16, "big", signed=True)
                position.quantities.append((product, wh))
        payment = ceil_div(cost, SCALE)
        collateral = ceil_div(imbalance_cap * energy, SCALE)
        position.debit += max(payment, 0) + collateral
        position.lock += max(-payment, 0) + collateral
    return list(found.values())


def effects(positions: Iterable[Position]) -> list[Effect]:
    return [Effect(p.trader, p.debit, p.lock) for p in positions]


def round_proof(positions: Sequence[Position], account: str) -> RoundProof:
    """What the round holds for the account, or that it holds nothing."""
    leaves = [p for p in positions if p.entries]
    hashes = [p.leaf for p in leaves]

    def leaf(at: int) -> PositionLeaf:
        p = leaves[at]
        return PositionLeaf(at, p.trader, p.lock, p.chain, tuple(merkle.proof(hashes, at)))

    traders = [int(p.trader, 16) for p in leaves]
    here = int(account, 16)
    if here in traders:
        at = traders.index(here)
        return RoundProof((leaf(at),), leaves[at].entries)
    after = sum(trader < here for trader in traders)
    around = [at for at in (after - 1, after) if 0 <= at < len(leaves)]
    return RoundProof(tuple(leaf(at) for at in around))


def packed_prices(batch: Batch) -> bytes:
    return pack_prices(batch.prices)
