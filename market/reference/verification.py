"""What the exchange demands of a settlement, order by order (protocol section 4).

A `Verification` reads the committed book's orders in book order, in one piece or in chunks, and is
asked at the end whether everything adds up. Nothing is searched for: every rule is a comparison
with what the orders themselves add up to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from market.merkle import Frontier
from market.order import Domain, Leg, Order, SignatureError, order_hash, order_id, recover
from market.product import ProductGrid
from market.reference.call_data import (
    ASKS_RATIONED,
    BIDS_RATIONED,
    NO_TIE,
    SCALE,
    OrderLine,
    Reader,
    Tie,
    read_order,
    read_results,
)
from market.reference.delegations import NOBODY, Session
from market.reference.errors import (
    BadSignature,
    CostAboveLimit,
    FillAboveMaximum,
    ForcedOrderMissing,
    GapTooLarge,
    MalformedBatch,
    MalformedResults,
    NotBalanced,
    NotForced,
    NotOptimal,
    OrdersNotSorted,
    TieInCoupledRound,
    WrongBook,
    WrongPrice,
    WrongTie,
)
from market.reference.ledger import Effect
from market.reference.token import ZERO_ADDRESS

SCALED_PER_MICRO = 10**12
"""One micro-unit in the unit of a scaled surplus (millionths x nano per kWh x Wh)."""
NO_LOW, NO_HIGH = -(2**63), 2**63 - 1
FRONTIER_WORDS = 32


def ceil_div(a: int, b: int) -> int:
    """a / b toward plus infinity."""
    return -(-a // b)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the chain knew of a trader at the gate; capacity None: the market bounds none."""

    epoch: int
    eligible: bool
    margin: int
    capacity_wh: int | None
    session: Session
    """Its delegate's; the session of nobody where it has none."""


@dataclass(frozen=True, slots=True)
class RoundRules:
    """What a round's orders are judged by."""

    domain: Domain
    market: int
    round: int
    gate_at: int
    grid: ProductGrid
    price_cap: int
    imbalance_cap: int
    gap_floor: int
    gap_cap: int
    tokenised: bool
    facts_of: Callable[[str], Facts]
    is_named: Callable[[str, str], bool]
    """Whether the trader ever named the signer as its delegate."""
    forced: frozenset[bytes]
    network: str = ZERO_ADDRESS
    """The account that alone trades carriers from `open_carriers` on; the zero address: none."""
    open_carriers: int = 0

    def tradable(self, trader: str) -> int:
        """Products that the trader may trade: the first ones, since they ascend by carrier."""
        if self.network in (ZERO_ADDRESS, trader):
            return len(self.grid)
        return self.open_carriers * self.grid.zones * self.grid.slots


@dataclass(slots=True)
class ProductSums:
    """What accumulates for one product. Prices in nano-units per kWh."""

    energy_wh: int = 0
    offered: int = 0
    filled: int = 0
    low: int = NO_LOW
    high: int = NO_HIGH

    def canonical_price(self) -> int:
        """Midway between the bounds, toward minus infinity; the only bound; or 0."""
        bounds = [b for b in (self.low, self.high) if b not in (NO_LOW, NO_HIGH)]
        return sum(bounds) // len(bounds) if bounds else 0


@dataclass(slots=True)
class TraderGroup:
    """The trader whose orders are being read: what is left of its facts, and what it comes to."""

    trader: str
    remaining: int
    epoch: int
    eligible: bool
    margin_left: int
    capacity_left: int | None
    session: Session
    last_hash: bytes = bytes(32)
    paid: int = 0
    received: int = 0
    collateral: int = 0
    moved: int = 0
    """Net tokens to the trader, in a market of tokens."""
    chain: bytes = bytes(32)
    delegate_buys: int = 0
    """Wh that the delegate's counting orders buy."""
    delegate_sells: int = 0

    def effect(self, *, tokenised: bool) -> Effect:
        if tokenised:
            return Effect(self.trader, self.paid, 0, self.received, self.moved)
        return Effect(self.trader, self.paid + self.collateral, self.received + self.collateral)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a settled round leaves behind. Money in micro-units."""

    positions_root: bytes
    positions_count: int
    prices_hash: bytes
    gap: int
    welfare: int
    dust: int


@dataclass(slots=True)
class Verification:
    """A round's verification in progress."""

    results_hash: bytes
    prices: tuple[int, ...]
    ties: tuple[Tie, ...]
    sums: list[ProductSums] = field(init=False)
    orders_read: int = 0
    forced_seen: int = 0
    coupled: bool = False
    violation: int | None = None
    """The first order that breaks a rule of one-product rounds, if any does."""
    offered_scaled: int = 0
    """Sum of max(S, 0) m."""
    realised: int = 0
    """Sum of sigma, in nano per kWh x Wh."""
    dust: int = 0
    group: TraderGroup | None = None
    book: Frontier = field(default_factory=Frontier)
    positions: Frontier = field(default_factory=Frontier)

    def __post_init__(self) -> None:
        self.sums = [ProductSums() for _ in self.prices]

    @classmethod
    def begin(cls, results: bytes, rules: RoundRules) -> Verification:
        """Raises MalformedResults."""
        prices, ties = read_results(results, len(rules.grid))
        return cls(keccak(results), prices, ties)

    def require_results(self, results: bytes, rules: RoundRules) -> None:
        """Raises MalformedResults unless these are the results that verification began with."""
        read_results(results, len(rules.grid))
        if keccak(results) != self.results_hash:
            raise MalformedResults("other results than in the chunks before")

    # Reading the book

    def read(self, rules: RoundRules, orders: bytes) -> list[Effect]:
        """Read the next part of the book. Returns the effects on the traders it finishes."""
        reader = Reader(orders, MalformedBatch)
        effects = []
        continued = self.group is not None and self.group.remaining > 0
        while not reader.exhausted:
            trader, count = _address(reader.take(20)), reader.unsigned(2)
            if continued and self.group is not None:
                if (trader, count) != (self.group.trader, self.group.remaining):
                    raise MalformedBatch(f"{self.group.trader}'s orders are not continued")
                continued = False
            else:
                self._start_group(rules, trader, count)
            group = self.group
            assert group is not None
            tradable = rules.tradable(trader)
            while group.remaining and not reader.exhausted:
                self._read_order(rules, group, read_order(reader, tradable))
                group.remaining -= 1
            if group.remaining == 0:
                effects.append(self._finish_group(rules, group))
        return effects

    def _start_group(self, rules: RoundRules, trader: str, count: int) -> None:
        if count == 0:
            raise MalformedBatch(f"no order of {trader}")
        if int(trader, 16) <= (int(self.group.trader, 16) if self.group else 0):
            raise OrdersNotSorted(trader)
        facts = rules.facts_of(trader)
        self.group = TraderGroup(
            trader,
            count,
            facts.epoch,
            facts.eligible,
            facts.margin,
            facts.capacity_wh,
            facts.session,
        )

    def _read_order(self, rules: RoundRules, group: TraderGroup, line: OrderLine) -> None:
        if line.multi_leg and not (rules.gap_floor or rules.gap_cap):
            raise MalformedBatch("this market takes orders of one leg only")
        known_as, signer = self._enter_book(rules, group, line)
        maximum = self._maximum(rules, group, line, signer)
        if line.fill > maximum:
            raise FillAboveMaximum(f"{line.fill} of at most {maximum}")
        surplus = line.limit * SCALE - sum(c * self.prices[index] for index, c in line.legs)
        self.offered_scaled += max(surplus, 0) * maximum
        if line.multi_leg:
            self.coupled = True
        elif maximum > 0:
            self._bound_price(line, maximum)
            if line.fill != self._canonical_fill(line, maximum, surplus, known_as):
                self.violation = self.orders_read if self.violation is None else self.violation
        self._account(rules, group, line)
        self.orders_read += 1

    def _enter_book(
        self, rules: RoundRules, group: TraderGroup, line: OrderLine
    ) -> tuple[bytes, str]:
        """Signature, sort order, leaf, forced mark. Returns the order's id and who signed it."""
        order = Order(
            market=rules.market,
            round=rules.round,
            legs=tuple(Leg(rules.grid.product_id(index), c) for index, c in line.legs),
            max_units=line.max_units,
            limit=line.limit,
            trader=group.trader,
            epoch=line.epoch,
            salt=line.salt,
        )
        digest = order_hash(rules.domain, order)
        try:
            signer = recover(digest, line.signature)
        except SignatureError as error:
            raise BadSignature(digest.hex()) from error
        if signer != group.trader and not rules.is_named(group.trader, signer):
            raise BadSignature(f"{digest.hex()} was signed by {signer}")
        known_as = order_id(digest, order, signer)
        if known_as <= group.last_hash:
            raise OrdersNotSorted(known_as.hex())
        group.last_hash = known_as
        self.book.append(keccak(_address_bytes(group.trader) + known_as))
        if line.forced:
            if known_as not in rules.forced:
                raise NotForced(known_as.hex())
            self.forced_seen += 1
        return known_as, signer

    @staticmethod
    def _maximum(rules: RoundRules, group: TraderGroup, line: OrderLine, signer: str) -> int:
        """The effective maximum m: `max_units` of an order that counts, else 0."""
        coefficients = [c for _, c in line.legs]
        need = margin_need(line.limit, line.max_units, coefficients, rules.imbalance_cap)
        sold = sold_wh(line.max_units, coefficients)
        delegated = signer != group.trader
        bought = sold_wh(line.max_units, [-c for c in coefficients])
        counts = (
            group.eligible
            and line.epoch == group.epoch
            and abs(line.limit) * SCALE <= rules.price_cap * sum(map(abs, coefficients))
            and need <= group.margin_left
            and (group.capacity_left is None or sold <= group.capacity_left)
            and (not delegated or _in_session(rules, group, line, signer, bought, sold))
        )
        if not counts:
            return 0
        group.margin_left -= need
        if group.capacity_left is not None:
            group.capacity_left -= sold
        if delegated:
            group.delegate_buys += bought
            group.delegate_sells += sold
        return line.max_units

    def _bound_price(self, line: OrderLine, maximum: int) -> None:
        ((index, coefficient),) = line.legs
        sums, buys = self.sums[index], coefficient > 0
        price = line.limit if buys else -line.limit
        filled, not_full = line.fill > 0, line.fill < maximum
        if not_full if buys else filled:
            sums.low = max(sums.low, price)
        if filled if buys else not_full:
            sums.high = min(sums.high, price)

    def _canonical_fill(self, line: OrderLine, maximum: int, surplus: int, digest: bytes) -> int:
        ((index, coefficient),) = line.legs
        if surplus != 0:
            return maximum if surplus > 0 else 0
        tie = self.ties[index]
        if tie.side != (BIDS_RATIONED if coefficient > 0 else ASKS_RATIONED):
            return maximum
        self.sums[index].offered += maximum
        self.sums[index].filled += line.fill
        return tie.fill(maximum, digest)

    def _account(self, rules: RoundRules, group: TraderGroup, line: OrderLine) -> None:
        """Energy, cost and payment of the filled part."""
        cost = energy_wh = 0
        for index, quantity in leg_quantities(line):
            cost += self.prices[index] * quantity
            energy_wh += abs(quantity)
            self.sums[index].energy_wh += quantity
            if rules.tokenised:
                group.moved += quantity
            elif quantity != 0:
                entry = rules.grid.product_id(index).to_bytes(8, "big")
                entry += quantity.to_bytes(16, "big", signed=True)
                group.chain = keccak(group.chain + entry)
        sigma = line.limit * line.fill - cost
        if sigma < 0:
            raise CostAboveLimit(f"costs {cost}, limit {line.limit * line.fill}")
        self.realised += sigma
        payment = ceil_div(cost, SCALE)
        group.paid += max(payment, 0)
        group.received += max(-payment, 0)
        group.collateral += ceil_div(rules.imbalance_cap * energy_wh, SCALE)

    def _finish_group(self, rules: RoundRules, group: TraderGroup) -> Effect:
        self.dust += group.paid - group.received
        effect = group.effect(tokenised=rules.tokenised)
        if any(group.chain):
            self.positions.append(position_leaf(group.trader, effect.lock, group.chain))
        return effect

    # The end of the book

    def finish(self, rules: RoundRules, book_root: bytes, count: int) -> Outcome:
        """Check what can only be known once every order has been read."""
        open_group = self.group is not None and self.group.remaining > 0
        if self.orders_read != count or open_group or self.book.root != book_root:
            raise WrongBook(f"{self.orders_read} orders of {count}")
        if self.forced_seen != len(rules.forced):
            raise ForcedOrderMissing(f"{self.forced_seen} of {len(rules.forced)}")
        if not self.coupled and self.violation is not None:
            raise NotOptimal(f"order {self.violation}")
        for index, sums in enumerate(self.sums):
            self._check_product(index, sums)
        gap_scaled = max(0, self.offered_scaled - SCALE * self.realised)
        allowed = max(
            rules.gap_floor * SCALED_PER_MICRO, min(self.realised, rules.gap_cap * SCALED_PER_MICRO)
        )
        if gap_scaled > allowed:
            raise GapTooLarge(f"{gap_scaled} of {allowed}")
        return Outcome(
            positions_root=self.positions.root,
            positions_count=self.positions.count,
            prices_hash=keccak(pack_prices(self.prices)),
            gap=ceil_div(gap_scaled, SCALED_PER_MICRO),
            welfare=self.realised // SCALE,
            dust=self.dust,
        )

    def to_bytes(self) -> bytes:
        """The state that the next chunk continues from, as the contract emits it: 32-byte words."""
        group = self.group or TraderGroup("0x" + "00" * 20, 0, 0, False, 0, 0, NOBODY)
        words = [
            int.from_bytes(self.results_hash, "big"),
            self.orders_read,
            self.forced_seen,
            self.coupled,
            0 if self.violation is None else self.violation + 1,
            self.offered_scaled,
            self.realised,
            self.dust,
            self.positions.count,
            int(group.trader, 16),
            group.remaining,
            int.from_bytes(group.last_hash, "big"),
            group.epoch,
            group.eligible,
            group.margin_left,
            -1 if group.capacity_left is None else group.capacity_left,
            group.paid,
            group.received,
            group.collateral + group.moved,
            int.from_bytes(group.chain, "big"),
            group.delegate_buys,
            group.delegate_sells,
        ]
        for frontier in (self.book, self.positions):
            nodes = [int.from_bytes(node or b"", "big") for node in frontier.pending]
            words += nodes + [0] * (FRONTIER_WORDS - len(nodes))
        for sums in self.sums:
            low, high = sums.low % 2**64, sums.high % 2**64
            words += [
                sums.energy_wh % 2**128 << 128 | low << 64 | high,
                sums.offered << 128 | sums.filled,
            ]
        return b"".join((word % 2**256).to_bytes(32, "big") for word in words)

    def _check_product(self, index: int, sums: ProductSums) -> None:
        tie = self.ties[index]
        if sums.energy_wh != 0:
            raise NotBalanced(f"product {index}: {sums.energy_wh} Wh")
        if self.coupled:
            if tie.side != NO_TIE:
                raise TieInCoupledRound(f"product {index}")
            return
        if self.prices[index] != sums.canonical_price():
            raise WrongPrice(f"product {index}: not {sums.canonical_price()}")
        if tie.side != NO_TIE and (tie.offered, tie.filled) != (sums.offered, sums.filled):
            raise WrongTie(f"product {index}: {sums.filled} of {sums.offered}")


def _in_session(
    rules: RoundRules, group: TraderGroup, line: OrderLine, signer: str, bought: int, sold: int
) -> bool:
    """Whether the trader's session covers an order of its delegate, after those that counted."""
    session = group.session
    return (
        signer == session.delegate
        and rules.gate_at < session.until
        and session.covers(line.limit * line.max_units, bought, sold)
        and group.delegate_buys + bought <= session.buy_wh
        and group.delegate_sells + sold <= session.sell_wh
    )


def leg_quantities(line: OrderLine) -> Iterator[tuple[int, int]]:
    """(product index, Wh to the trader) of every leg at the order's fill."""
    for index, coefficient in line.legs:
        yield index, coefficient * line.fill // SCALE


def margin_need(limit: int, units: int, coefficients: Iterable[int], imbalance_cap: int) -> int:
    """Micro-units of margin that an order sets aside at the gate."""
    energy_wh = sum(ceil_div(abs(c) * units, SCALE) for c in coefficients)
    return max(0, ceil_div(limit * units, SCALE)) + ceil_div(imbalance_cap * energy_wh, SCALE)


def sold_wh(units: int, coefficients: Iterable[int]) -> int:
    """Wh that an order may sell."""
    return sum(ceil_div(-c * units, SCALE) for c in coefficients if c < 0)


def position_leaf(trader: str, lock: int, chain: bytes) -> bytes:
    """Leaf of the positions' tree: trader (20), lock (8), chain.

    As in the contract a lock beyond 64 bits spills into the trader. Only a round whose products do
    not balance gets there (what traders receive is bounded by what others' margins pay), and such a
    round is refused at its end.
    """
    head = (int(trader, 16) << 64 | lock) % 2**224
    return keccak(head.to_bytes(28, "big") + chain)


def pack_prices(prices: Iterable[int]) -> bytes:
    return b"".join(price.to_bytes(8, "big", signed=True) for price in prices)


def encode_effects(effects: Iterable[Effect], *, tokenised: bool = False) -> bytes:
    """Effects as `applyChunk` takes them: trader (20), debit (8), lock (8) each; in a market of
    tokens trader (20), debit (8), proceeds (8), moved (16)."""
    if tokenised:
        return b"".join(
            _address_bytes(e.trader)
            + e.debit.to_bytes(8, "big")
            + e.proceeds.to_bytes(8, "big")
            + e.moved.to_bytes(16, "big", signed=True)
            for e in effects
        )
    return b"".join(
        _address_bytes(e.trader) + ((e.debit << 64 | e.lock) % 2**128).to_bytes(16, "big")
        for e in effects
    )


def _address(data: bytes) -> str:
    return str(to_checksum_address(data))


def _address_bytes(address: str) -> bytes:
    return bytes.fromhex(address.removeprefix("0x"))
