"""Markets, rounds and batches for the suites of Exchange and Ledger.

The encoders here are written from docs/protocol.md on their own, so that the contracts and
`market.settlement` are held to the same text twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from types import SimpleNamespace

import ape
import pytest
from eth_utils import keccak, to_canonical_address, to_checksum_address

from market.book import Book
from market.merkle import proof
from market.messages import Cancellation, Receipt
from market.order import Domain, Leg, Order, SignedOrder
from market.product import ProductGrid
from market.units import SCALE, ceil_div, floor_div

SLOT_SECONDS = 900
PERIOD_SLOTS = 96
ZERO_ADDRESS = "0x" + "00" * 20
NO_CUT = ((1 << 128) - 1, bytes(32))
CENT = 10_000_000  # nano per kWh: one hundredth of a unit of money per kWh
MONEY = 1_000_000  # micro: one unit of money

PARAMS = {
    "operator": ZERO_ADDRESS,
    "balancing": ZERO_ADDRESS,
    "role": bytes(32),
    "capacitySource": ZERO_ADDRESS,
    "capacityUnitWh": 0,
    "carriers": 1,
    "zones": 1,
    "slotSeconds": SLOT_SECONDS,
    "periodSlots": PERIOD_SLOTS,
    "priceCap": 100 * CENT,
    "imbalanceCap": 20 * CENT,
    "shortfallBp": 500,
    "surplusBp": 500,
    "gateGrace": 300,
    "settleWindow": 3_600,
    "exitDelay": 86_400,
    "bondDelay": 604_800,
    "challengeWindow": 86_400,
    "gapFloor": 1_000,
    "gapCap": 1_000_000,
    "asset": ZERO_ADDRESS,
    "network": ZERO_ADDRESS,
    "openCarriers": 0,
    "networkHash": bytes(32),
}


@dataclass(frozen=True)
class Tie:
    """`side` 1: bids are rationed, 2: asks are."""

    side: int
    offered: int
    filled: int
    cut_remainder: int = NO_CUT[0]
    cut_hash: bytes = NO_CUT[1]


def encode_results(prices: Sequence[int], ties: Mapping[int, Tie] | None = None) -> bytes:
    parts = []
    for index, price in enumerate(prices):
        parts.append(price.to_bytes(8, "big", signed=True))
        tie = (ties or {}).get(index)
        if tie is None:
            parts.append(b"\0")
            continue
        parts.append(bytes([tie.side]))
        parts += [n.to_bytes(16, "big") for n in (tie.offered, tie.filled, tie.cut_remainder)]
        parts.append(tie.cut_hash)
    return b"".join(parts)


def encode_order(grid: ProductGrid, signed: SignedOrder, fill: int, forced: bool = False) -> bytes:
    order = signed.order
    single = len(order.legs) == 1
    flags = (not single) | forced << 1 | (single and order.legs[0].coefficient < 0) << 2
    head = (
        bytes([flags])
        + order.max_units.to_bytes(8, "big")
        + order.limit.to_bytes(8, "big", signed=True)
        + order.salt.to_bytes(8, "big")
        + order.epoch.to_bytes(4, "big")
        + fill.to_bytes(8, "big")
    )
    if single:
        legs = grid.index(order.legs[0].product).to_bytes(2, "big")
    else:
        legs = bytes([len(order.legs)]) + b"".join(
            grid.index(leg.product).to_bytes(2, "big")
            + leg.coefficient.to_bytes(4, "big", signed=True)
            for leg in order.legs
        )
    return head + legs + signed.signature


def group_header(trader: str, orders: int) -> bytes:
    return to_canonical_address(trader) + orders.to_bytes(2, "big")


@dataclass(frozen=True)
class Batch:
    """A book with prices and fills; what an operator sends, and what must come of it."""

    book: Book
    prices: tuple[int, ...]
    fills: tuple[int, ...]
    ties: Mapping[int, Tie] = field(default_factory=dict)
    forced: frozenset[bytes] = frozenset()
    imbalance_cap: int = PARAMS["imbalanceCap"]

    @property
    def results(self) -> bytes:
        return encode_results(self.prices, self.ties)

    @property
    def orders(self) -> bytes:
        return self.orders_between(0, self.book.count)

    def orders_between(self, start: int, stop: int) -> bytes:
        """Call data of the orders `start .. stop - 1`, beginning and ending inside groups."""
        parts = []
        for trader, places in self.book.traders():
            here = range(max(places.start, start), min(places.stop, stop))
            if not here:
                continue
            parts.append(group_header(trader, places.stop - here.start))
            for i in here:
                signed = self.book.orders[i]
                parts.append(
                    encode_order(
                        self.book.grid, signed, self.fills[i], signed.digest in self.forced
                    )
                )
        return b"".join(parts)

    def quantities(self, place: int) -> list[tuple[int, int]]:
        """(product, Wh) of every leg of an order that moves anything."""
        legs = self.book.orders[place].order.legs
        moved = [
            (leg.product, floor_div(leg.coefficient * self.fills[place], SCALE)) for leg in legs
        ]
        return [(product, quantity) for product, quantity in moved if quantity]

    def effects(self) -> dict[str, tuple[int, int]]:
        """(debit, lock) of every trader of the book, in book order."""
        effects = {}
        for trader, places in self.book.traders():
            paid = received = collateral = 0
            for place in places:
                legs = self.quantities(place)
                cost = sum(self.prices[self.book.grid.index(p)] * q for p, q in legs)
                payment = ceil_div(cost, SCALE)
                paid += max(0, payment)
                received += max(0, -payment)
                collateral += ceil_div(self.imbalance_cap * sum(abs(q) for _, q in legs), SCALE)
            effects[trader] = (paid + collateral, received + collateral)
        return effects

    @property
    def dust(self) -> int:
        return sum(debit - lock for debit, lock in self.effects().values())

    def encoded_effects(self, traders: Iterable[str] | None = None) -> bytes:
        effects = self.effects()
        return b"".join(
            to_canonical_address(trader)
            + effects[trader][0].to_bytes(8, "big")
            + effects[trader][1].to_bytes(8, "big")
            for trader in (effects if traders is None else traders)
        )

    def encoded_deliveries(self, traders: Iterable[str] | None = None) -> bytes:
        """Effects in a market of tokens: margin falls, free rises, tokens move."""
        effects = self.effects()
        moved = {
            trader: sum(q for place in places for _, q in self.quantities(place))
            for trader, places in self.book.traders()
        }
        return b"".join(
            to_canonical_address(trader)
            + effects[trader][0].to_bytes(8, "big")
            + effects[trader][1].to_bytes(8, "big")
            + moved[trader].to_bytes(16, "big", signed=True)
            for trader in (effects if traders is None else traders)
        )

    @property
    def position_leaves(self) -> list[bytes]:
        leaves = []
        effects = self.effects()
        for trader, places in self.book.traders():
            chain = bytes(32)
            for place in places:
                for product, quantity in self.quantities(place):
                    chain = keccak(
                        chain
                        + product.to_bytes(8, "big")
                        + quantity.to_bytes(16, "big", signed=True)
                    )
            if chain != bytes(32):
                lock = effects[trader][1].to_bytes(8, "big")
                leaves.append(keccak(to_canonical_address(trader) + lock + chain))
        return leaves

    @property
    def packed_prices(self) -> bytes:
        return b"".join(price.to_bytes(8, "big", signed=True) for price in self.prices)

    def changed(self, **changes) -> Batch:
        return replace(self, **changes)

    def refilled(self, changes: Mapping[bytes, int]) -> Batch:
        """The same batch with the fills of some orders, by hash, set otherwise."""
        fills = [
            changes.get(signed.digest, fill)
            for signed, fill in zip(self.book.orders, self.fills, strict=True)
        ]
        return replace(self, fills=tuple(fills))


@dataclass
class Round:
    """An open round of a market, and the orders made for it."""

    world: World
    market: int
    number: int
    gate_at: int
    grid: ProductGrid
    params: dict

    def product(self, index: int = 0) -> int:
        return self.grid.product_id(index)

    def order(
        self,
        trader,
        energy_wh: int,
        limit: int,
        *,
        index: int = 0,
        epoch: int = 0,
        salt: int | None = None,
        domain: Domain | None = None,
        **changes,
    ) -> SignedOrder:
        """Positive energy buys at up to `limit` nano per kWh, negative sells at least at it."""
        sign = 1 if energy_wh > 0 else -1
        return self.sign(
            trader,
            Order(
                market=self.market,
                round=self.number,
                legs=(Leg(self.product(index), sign * SCALE),),
                max_units=abs(energy_wh),
                limit=sign * limit,
                trader=to_checksum_address(trader.address),
                epoch=epoch,
                salt=next(self.world.salts) if salt is None else salt,
            ),
            domain,
            **changes,
        )

    def coupled_order(
        self,
        trader,
        legs: Mapping[int, int],
        units: int,
        limit: int,
        *,
        epoch: int = 0,
        signer=None,
    ) -> SignedOrder:
        """`legs`: coefficient by product index."""
        return self.sign(
            trader,
            Order(
                market=self.market,
                round=self.number,
                legs=tuple(Leg(self.product(i), c) for i, c in sorted(legs.items())),
                max_units=units,
                limit=limit,
                trader=to_checksum_address(trader.address),
                epoch=epoch,
                salt=next(self.world.salts),
            ),
            signer=signer,
        )

    def sign(
        self, trader, order: Order, domain: Domain | None = None, signer=None, **changes
    ) -> SignedOrder:
        """`signer`: who signs it for the trader."""
        order, domain = replace(order, **changes), domain or self.world.domain
        if signer is None:
            return SignedOrder.sign(domain, order, trader.private_key)
        delegate = to_checksum_address(signer.address)
        return SignedOrder.sign(domain, order, signer.private_key, delegate=delegate)

    def receipt(self, signed: SignedOrder, received_at: int | None = None, key=None):
        """The operator's receipt as the contract takes it."""
        received_at = self.gate_at - 10 if received_at is None else received_at
        message = Receipt(self.market, self.number, signed.digest, received_at)
        key = self.world.operator.private_key if key is None else key
        return (received_at, message.sign(self.world.domain, key))

    def cancellation(self, trader, signed: SignedOrder) -> bytes:
        message = Cancellation(self.market, self.number, signed.digest)
        return message.sign(self.world.domain, trader.private_key)

    def batch(
        self,
        orders: Sequence[tuple[SignedOrder, int]],
        prices: Mapping[int, int] | int = 0,
        ties: Mapping[int, Tie] | None = None,
        forced: Iterable[SignedOrder] = (),
    ) -> Batch:
        """A batch of (order, fill); `prices` by product index, or the price of product 0."""
        if isinstance(prices, int):
            prices = {0: prices}
        book = Book.build(self.market, self.number, self.grid, [signed for signed, _ in orders])
        fills = {signed.digest: fill for signed, fill in orders}
        return Batch(
            book=book,
            prices=tuple(prices.get(i, 0) for i in range(len(self.grid))),
            fills=tuple(fills[signed.digest] for signed in book.orders),
            ties=ties or {},
            forced=frozenset(signed.digest for signed in forced),
            imbalance_cap=self.params["imbalanceCap"],
        )

    # ---------------------------------------------------------------- what the operator does

    def close_gate(self, batch: Batch, *, late: int = 0, sender=None):
        world = self.world
        if world.clock.now < self.gate_at + late:
            world.clock.next_at(self.gate_at + late)
        return world.exchange.closeGate(
            self.market,
            self.number,
            batch.book.root,
            batch.book.count,
            sender=sender or world.operator,
        )

    def settle(self, batch: Batch, *, sender=None, orders: bytes | None = None, results=None):
        return self.world.exchange.settle(
            self.market,
            self.number,
            batch.results if results is None else results,
            batch.orders if orders is None else orders,
            sender=sender or self.world.operator,
        )

    def gate_and_settle(self, batch: Batch):
        self.close_gate(batch)
        return self.settle(batch)

    def verify(self, batch: Batch, start: int, stop: int, state: bytes, *, sender=None):
        """One chunk; returns the receipt and the state for the next."""
        receipt = self.world.exchange.verifyChunk(
            self.market,
            self.number,
            batch.results,
            state,
            batch.orders_between(start, stop),
            sender=sender or self.world.operator,
        )
        (event,) = [log for log in receipt.events if log.event_name == "ChunkVerified"]
        return receipt, bytes(event.state)

    @property
    def view(self):
        return self.world.exchange.roundOf(self.market, self.number)

    @property
    def status(self) -> str:
        return ("None", "Open", "Gated", "Verified", "Settled", "Void")[self.view.status]

    # ---------------------------------------------------------------- omissions

    def neighbour(self, batch: Batch, index: int):
        """Leaf `index` of the book with its proof; the end of the book where there is none."""
        if not 0 <= index < batch.book.count:
            return (False, 0, ZERO_ADDRESS, bytes(32), [])
        signed = batch.book.orders[index]
        return (True, index, signed.order.trader, signed.digest, proof(batch.book.leaves, index))

    def neighbours(self, batch: Batch, signed: SignedOrder):
        """What stands left and right of where the order would be."""
        place = (to_canonical_address(signed.order.trader), signed.digest)
        below = sum(
            (to_canonical_address(other.order.trader), other.digest) < place
            for other in batch.book.orders
        )
        return self.neighbour(batch, below - 1), self.neighbour(batch, below)


def as_tuple(order: Order):
    """An order as the contracts take it."""
    return (
        order.market,
        order.round,
        [(leg.product, leg.coefficient) for leg in order.legs],
        order.max_units,
        order.limit,
        order.trader,
        order.epoch,
        order.salt,
    )


@dataclass
class World:
    """Everything deployed, and who acts."""

    exchange: object
    ledger: object
    token: object
    credentials: object
    delegations: object
    clock: object
    chain: object
    admin: object
    operator: object
    balancing: object
    imbalance: object
    traders: Sequence[object]
    impersonate: Callable[[str], object]
    salts: count = field(default_factory=lambda: count(1))

    @property
    def domain(self) -> Domain:
        return Domain(self.chain.chain_id, to_checksum_address(self.exchange.address))

    def create_market(self, **changes) -> int:
        params = PARAMS | {
            "operator": self.operator.address,
            "balancing": self.balancing.address,
            "asset": self.token.address,
        }
        self.params_of_last = params | changes
        self.exchange.createMarket(tuple(self.params_of_last.values()), sender=self.admin)
        return self.exchange.marketCount()

    def open_round(
        self, market: int, *, gate_in: int = 600, slots: int = 2, days: int = 2, sender=None
    ) -> Round:
        now = self.clock.now
        gate_at = now + gate_in
        first_slot = (now // (SLOT_SECONDS * PERIOD_SLOTS) + days) * PERIOD_SLOTS
        self.exchange.openRound(market, gate_at, first_slot, slots, sender=sender or self.operator)
        params = self.exchange.market(market)
        return Round(
            world=self,
            market=market,
            number=self.exchange.lastRound(market),
            gate_at=gate_at,
            grid=ProductGrid(params.carriers, params.zones, first_slot, slots),
            params={"imbalanceCap": params.imbalanceCap},
        )

    def fund(self, account, amount: int) -> None:
        """Tokens into the account's free balance."""
        self.ledger.deposit(self.token, amount, account, sender=self.admin)

    def name(self, market: int, principal, delegate, **changes) -> tuple:
        """The principal's session from now on: a month of wide bounds, but for `changes`."""
        session = {
            "delegate": delegate.address,
            "until": self.clock.now + 30 * 86_400,
            "buyWh": 10**9,
            "sellWh": 10**9,
            "maxPrice": 100 * CENT,
            "minPrice": -100 * CENT,
        }
        values = tuple((session | changes).values())
        self.delegations.authorise(market, values, sender=principal)
        return values

    def back(self, market: int, account, amount: int) -> None:
        """Margin for the account."""
        self.fund(account, amount)
        self.ledger.addMargin(market, amount, sender=account)

    def post_bond(self, market: int, account, amount: int) -> None:
        self.fund(account, amount)
        self.ledger.postBond(market, amount, sender=account)

    def free(self, account) -> int:
        return self.ledger.free(self.token, account)

    def holdings(self, market: int, accounts: Iterable[object]) -> int:
        """All that the ledger owes: free, margin, locked, bonds and dust."""
        total = self.ledger.dust(self.token)
        for account in accounts:
            view = self.ledger.account(market, account)
            total += self.free(account) + view.margin + view.locked
            total += self.ledger.bondOf(market, account)
        return total


@pytest.fixture(scope="session")
def world(accounts, chain, clock, manager, credentials, deploy, give_role):
    admin = accounts[0]
    token = deploy("SettlementToken", manager)
    give_role(1, admin, token, "mint")
    nonce = admin.nonce
    exchange_address = created_address(admin.address, nonce + 1)
    imbalance = accounts[3]
    ledger = deploy("Ledger", exchange_address, imbalance)
    delegations_address = created_address(admin.address, nonce + 2)
    exchange = deploy("Exchange", manager, ledger, credentials, delegations_address)
    assert exchange.address == exchange_address
    delegations = deploy("Delegations", exchange)
    assert delegations.address == delegations_address
    give_role(2, admin, exchange, "createMarket")
    token.mint(admin, 2**62, sender=admin)
    token.approve(ledger, 2**255, sender=admin)

    def impersonate(address: str):
        chain.set_balance(address, 10**20)
        return accounts[address]

    return World(
        exchange=exchange,
        ledger=ledger,
        token=token,
        credentials=credentials,
        delegations=delegations,
        clock=clock,
        chain=chain,
        admin=admin,
        operator=accounts[1],
        balancing=accounts[2],
        imbalance=imbalance,
        traders=tuple(accounts[i] for i in range(4, 12)),
        impersonate=impersonate,
    )


def created_address(deployer: str, nonce: int) -> str:
    """Where a deployer's contract of that nonce will be."""
    encoded = b"\x80" if nonce == 0 else nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    if len(encoded) > 1 or encoded[0] > 0x80:
        encoded = bytes([0x80 + len(encoded)]) + encoded
    body = b"\x94" + to_canonical_address(deployer) + encoded
    return to_checksum_address(keccak(bytes([0xC0 + len(body)]) + body)[12:])


@pytest.fixture(scope="session")
def exchange(world):
    return world.exchange


@pytest.fixture(scope="session")
def ledger(world):
    return world.ledger


@pytest.fixture(scope="session")
def token(world):
    return world.token


@pytest.fixture(scope="session")
def operator(world):
    return world.operator


@pytest.fixture(scope="session")
def alice(world):
    return world.traders[0]


@pytest.fixture(scope="session")
def bob(world):
    return world.traders[1]


@pytest.fixture(scope="session")
def carol(world):
    return world.traders[2]


@pytest.fixture(scope="session")
def market(world):
    """An open market in which alice, bob and carol have 1,000 units of margin each."""
    market = world.create_market()
    for trader in world.traders[:3]:
        world.back(market, trader, 1_000 * MONEY)
    return market


@pytest.fixture
def round(world, market):
    return world.open_round(market)


@pytest.fixture
def refused(world):
    """`with refused(error, **arguments):` it reverts with that error, and no balance changes."""

    @contextmanager
    def context(error: str, *, market: int, contract=None, **arguments):
        contract = contract or world.exchange
        everybody = [*world.traders, world.operator, world.balancing]

        def balances():
            words = world.ledger.words(market, everybody)
            return [*words, *(world.free(who) for who in everybody), world.ledger.dust(world.token)]

        before = balances()
        with ape.reverts(getattr(contract, error), **arguments):
            yield
        assert balances() == before

    return context


@pytest.fixture(scope="session")
def kit():
    """What tests need of this module, which they cannot import."""
    return SimpleNamespace(
        Tie=Tie,
        as_tuple=as_tuple,
        encode_order=encode_order,
        encode_results=encode_results,
        group_header=group_header,
        params=PARAMS,
    )
