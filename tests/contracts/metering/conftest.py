"""A market with real settled rounds, meters, and proofs of what the rounds hold for whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count

import pytest
from eth_account import Account
from eth_utils import keccak, to_canonical_address, to_checksum_address

from market.book import Book
from market.merkle import proof
from market.order import Domain, Leg, Order, SignedOrder
from market.product import Product, ProductGrid
from market.units import SCALE, ceil_div, floor_div

CENT = 10_000_000  # nano per kWh: a hundredth of a unit of money per kWh
MONEY = 1_000_000  # micro: one unit of money
MISSING = -(2**31)
NO_ADDRESS = "0x" + "00" * 20

RULES = {
    "role": bytes(32),
    "capacitySource": NO_ADDRESS,
    "capacityUnitWh": 0,
    "carriers": 1,
    "zones": 1,
    "slotSeconds": 900,
    "periodSlots": 4,
    "priceCap": 1_000 * CENT,
    "imbalanceCap": 100 * CENT,
    "shortfallBp": 2_000,
    "surplusBp": 1_000,
    "gateGrace": 60,
    "settleWindow": 600,
    "exitDelay": 86_400,
    "bondDelay": 86_400,
    "challengeWindow": 3_600,
    "gapFloor": 0,
    "gapCap": 0,
}
# No network account, so no open carriers and no description's hash.
NO_NETWORK = (NO_ADDRESS, 0, bytes(32))


@dataclass(frozen=True)
class Trade:
    """`energy_wh` of a product from one trader to another at `price`, nano per kWh."""

    seller: object
    buyer: object
    energy_wh: int
    price: int
    slot: int = 0
    carrier: int = 0
    zone: int = 0


@dataclass(frozen=True)
class SettledRound:
    """What a settled round holds, as everybody can compute it."""

    number: int
    book: Book
    prices: tuple[int, ...]
    fills: tuple[int, ...]
    imbalance_cap: int

    @cached_property
    def _closed_book(self) -> dict[str, tuple[int, int, bytes, bytes]]:
        """Debit, lock, packed entries and their chain of every trader, in the book's order."""
        held = {}
        for trader, places in self.book.traders():
            debit, lock, entries, chain = 0, 0, b"", bytes(32)
            for place in places:
                cost = moved = 0
                for leg in self.book.orders[place].order.legs:
                    quantity = floor_div(leg.coefficient * self.fills[place], SCALE)
                    if not quantity:
                        continue
                    entry = leg.product.to_bytes(8, "big")
                    entry += quantity.to_bytes(16, "big", signed=True)
                    entries += entry
                    chain = keccak(chain + entry)
                    cost += self.prices[self.book.grid.index(leg.product)] * quantity
                    moved += abs(quantity)
                payment = ceil_div(cost, SCALE)
                collateral = ceil_div(self.imbalance_cap * moved, SCALE)
                debit += max(0, payment) + collateral
                lock += max(0, -payment) + collateral
            held[trader] = (debit, lock, entries, chain)
        return held

    @property
    def effects(self) -> bytes:
        return b"".join(
            to_canonical_address(trader) + debit.to_bytes(8, "big") + lock.to_bytes(8, "big")
            for trader, (debit, lock, _, _) in self._closed_book.items()
        )

    @cached_property
    def positions(self) -> dict[str, tuple[int, bytes, bytes]]:
        """Lock, packed entries and their chain by trader, in the order of the leaves."""
        return {
            trader: (lock, entries, chain)
            for trader, (_, lock, entries, chain) in self._closed_book.items()
            if entries
        }

    @cached_property
    def leaves(self) -> list[bytes]:
        return [
            keccak(to_canonical_address(trader) + lock.to_bytes(8, "big") + chain)
            for trader, (lock, _, chain) in self.positions.items()
        ]

    def leaf(self, index: int) -> tuple:
        """The leaf with its proof, as the contract takes it."""
        trader = list(self.positions)[index]
        lock, _, chain = self.positions[trader]
        return (index, trader, lock, chain, proof(self.leaves, index))

    def proof_of(self, account) -> tuple:
        """What shows the account's position in this round, or that it has none."""
        traders = list(self.positions)
        address = to_checksum_address(account.address)
        if address in self.positions:
            return ([self.leaf(traders.index(address))], self.positions[address][1])
        place = sum(int(trader, 16) < int(address, 16) for trader in traders)
        around = [index for index in (place - 1, place) if 0 <= index < len(traders)]
        return ([self.leaf(index) for index in around], b"")

    @property
    def packed_prices(self) -> bytes:
        return b"".join(price.to_bytes(8, "big", signed=True) for price in self.prices)


@dataclass
class World:
    """Everything deployed, and who acts."""

    exchange: object
    ledger: object
    token: object
    meters: object
    deviations: object
    imbalance: object
    clock: object
    chain_id: int
    admin: object
    operator: object
    balancing: object
    authority: object
    stranger: object
    claimant: object
    other_claimant: object
    traders: Sequence[object]
    salts: count = field(default_factory=lambda: count(1))

    def create_market(self, **changes) -> Market:
        rules = RULES | changes
        params = (
            self.operator.address,
            self.balancing.address,
            *rules.values(),
            self.token.address,
            *NO_NETWORK,
        )
        self.exchange.createMarket(params, sender=self.admin)
        return Market(self, self.exchange.marketCount(), rules)

    def fund(self, account, micro: int) -> None:
        self.token.mint(self.admin, micro, sender=self.admin)
        self.token.approve(self.ledger, micro, sender=self.admin)
        self.ledger.deposit(self.token, micro, account, sender=self.admin)


@dataclass
class Market:
    """A market with its trading day; `period` is the one that rounds are made for."""

    world: World
    id: int
    rules: dict
    period: int = 0
    rounds: list[SettledRound] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.period = self.world.clock.now // self.period_seconds + 3

    @property
    def slots(self) -> int:
        """Slots of a period."""
        return self.rules["periodSlots"]

    @property
    def period_seconds(self) -> int:
        return self.slots * self.rules["slotSeconds"]

    @property
    def ends_at(self) -> int:
        return (self.period + 1) * self.period_seconds

    def back(self, account, micro: int) -> None:
        self.world.fund(account, micro)
        self.world.ledger.addMargin(self.id, micro, sender=account)

    def post_bond(self, micro: int) -> None:
        self.world.fund(self.world.balancing, micro)
        self.world.ledger.postBond(self.id, micro, sender=self.world.balancing)

    def open_round(self, first_slot: int = 0, slots: int = 0) -> ProductGrid:
        """Opens a round and moves to its gate. `first_slot` counts in the period; 0 slots: all."""
        first = self.period * self.slots + first_slot
        slots = slots or self.slots
        gate_at = self.world.clock.now + 100
        self.world.exchange.openRound(self.id, gate_at, first, slots, sender=self.world.operator)
        self.world.clock.move_to(gate_at)
        return ProductGrid(self.rules["carriers"], self.rules["zones"], first, slots)

    def settle(
        self,
        *trades: Trade,
        first_slot: int = 0,
        slots: int = 0,
        applied: bool = True,
    ) -> SettledRound:
        """A round in which exactly these trades happen, each product at one price; verified only
        if not `applied`."""
        grid = self.open_round(first_slot, slots)
        number = self.world.exchange.lastRound(self.id)
        orders, prices = [], [0] * len(grid)
        for trade in trades:
            slot = self.period * self.slots + trade.slot
            product = Product(trade.carrier, trade.zone, slot).id
            prices[grid.index(product)] = trade.price
            for trader, sign in ((trade.seller, -1), (trade.buyer, 1)):
                orders.append(self._order(number, trader, sign, product, trade))
        book = Book.build(self.id, number, grid, orders)
        fills = tuple(signed.order.max_units for signed in book.orders)
        settled = SettledRound(number, book, tuple(prices), fills, self.rules["imbalanceCap"])
        self._send(settled, applied)
        self.rounds.append(settled)
        return settled

    def _order(self, number, trader, sign, product, trade) -> SignedOrder:
        order = Order(
            market=self.id,
            round=number,
            legs=(Leg(product, sign * SCALE),),
            max_units=trade.energy_wh,
            limit=sign * trade.price,
            trader=to_checksum_address(trader.address),
            epoch=0,
            salt=next(self.world.salts),
        )
        domain = Domain(self.world.chain_id, to_checksum_address(self.world.exchange.address))
        return SignedOrder.sign(domain, order, trader.private_key)

    def _send(self, settled: SettledRound, applied: bool) -> None:
        """Closes the gate and settles; layouts as in docs/protocol.md section 4."""
        world, book = self.world, settled.book
        world.exchange.closeGate(
            self.id, settled.number, book.root, book.count, sender=world.operator
        )
        results = b"".join(
            price.to_bytes(8, "big", signed=True) + b"\0" for price in settled.prices
        )
        orders = b""
        for trader, places in book.traders():
            orders += to_canonical_address(trader) + len(places).to_bytes(2, "big")
            for place in places:
                signed = book.orders[place]
                order = signed.order
                orders += bytes([4 if order.sells else 0])
                orders += order.max_units.to_bytes(8, "big")
                orders += order.limit.to_bytes(8, "big", signed=True)
                orders += order.salt.to_bytes(8, "big") + order.epoch.to_bytes(4, "big")
                orders += settled.fills[place].to_bytes(8, "big")
                orders += book.grid.index(order.legs[0].product).to_bytes(2, "big")
                orders += signed.signature
        if applied:
            world.exchange.settle(self.id, settled.number, results, orders, sender=world.operator)
        else:
            world.exchange.verifyChunk(
                self.id, settled.number, results, b"", orders, sender=world.operator
            )

    def void_round(self) -> None:
        """A round whose gate nobody closes in time."""
        self.open_round()
        self.world.clock.move_to(self.world.clock.now + self.rules["gateGrace"] + 1)

    # ------------------------------------------------------------------ meters

    def meter(self, account, carrier: int = 0, capacity_w: int = 100_000) -> Meter:
        meter = Meter(self, Account.create().key)
        self.world.meters.register(
            meter.device, self.id, account, carrier, capacity_w, sender=self.world.admin
        )
        return meter

    def after_period(self) -> None:
        self.world.clock.move_to(self.ends_at)

    def after_posting(self) -> None:
        """Nobody can post for the period any more."""
        self.world.clock.move_to(self.ends_at + self.world.meters.POST_WINDOW() + 1)

    def after_disputes(self) -> None:
        """Readings posted by now can no longer be disputed."""
        self.world.clock.move_to(self.world.clock.now + self.world.meters.DISPUTE_WINDOW() + 1)

    # ------------------------------------------------------------------ deviations

    def reserve(self, account, slots: int, **changes) -> int:
        """Reserves slots (a bitmap) of the account; returns the reservation's number."""
        arguments = {
            "market": self.id,
            "account": account,
            "carrier": 0,
            "period": self.period,
            "slots": slots,
        } | changes
        sender = arguments.pop("sender", self.world.claimant)
        self.world.deviations.reserve(*arguments.values(), sender=sender)
        return self.world.deviations.reservationCount()

    def use(self, reservation: int, *values_wh: int, sender=None):
        sender = sender or self.world.claimant
        return self.world.deviations.use(reservation, values_wh, sender=sender)

    def release(self, reservation: int, sender=None):
        sender = sender or self.world.claimant
        return self.world.deviations.release(reservation, sender=sender)

    def taken(self, account, carrier: int = 0) -> int:
        return self.world.deviations.taken(self.id, account, carrier, self.period)

    def used_of(self, account, carrier: int = 0) -> tuple[bool, list[int]]:
        """Whether something may still be used, and what was, Wh a slot."""
        found = self.world.deviations.usedOf(self.id, account, carrier, self.period)
        return found[0], list(found[1])

    @property
    def claim_by(self) -> int:
        return self.world.deviations.claimBy(self.id, self.period)

    # ------------------------------------------------------------------ closing

    def close(self, account, measured: Mapping[int, bytes] | None = None, **changes):
        """Closes the account's period; anything about the call can be changed."""
        arguments = {
            "market": self.id,
            "period": self.period,
            "account": account,
            "proofs": [settled.proof_of(account) for settled in self.rounds],
            "readings": [
                (measured or {}).get(carrier, b"") for carrier in range(self.rules["carriers"])
            ],
            "prices": [settled.packed_prices for settled in self.rounds],
        } | changes
        return self.world.imbalance.close(*arguments.values(), sender=self.world.stranger)

    def charge_of(self, receipt) -> int:
        (event,) = [log for log in receipt.events if log.event_name == "PeriodClosed"]
        return event.charge

    def free(self, account) -> int:
        return self.world.ledger.free(self.world.token, account)

    def locked(self, account) -> int:
        return self.world.ledger.account(self.id, account).locked

    def bond(self) -> int:
        return self.world.ledger.bondOf(self.id, self.world.balancing)


@dataclass
class Meter:
    """A device and the key it signs with now."""

    market: Market
    key: bytes
    device: str = ""

    def __post_init__(self) -> None:
        self.device = Account.from_key(self.key).address

    def sign(self, values: bytes, *, key=None, **changes) -> bytes:
        """64 bytes over the readings; what is signed can differ from what is posted."""
        world = self.market.world
        message = {
            "device": self.device,
            "market": self.market.id,
            "period": self.market.period,
            "values": keccak(values),
        }
        domain = {
            "name": "Wattproof",
            "version": "1",
            "chainId": world.chain_id,
            "verifyingContract": world.meters.address,
        }
        signed = Account.sign_typed_data(
            self.key if key is None else key,
            domain | {name: value for name, value in changes.items() if name in domain},
            {
                "Readings": [
                    {"name": "device", "type": "address"},
                    {"name": "market", "type": "uint32"},
                    {"name": "period", "type": "uint32"},
                    {"name": "values", "type": "bytes32"},
                ]
            },
            message | {name: value for name, value in changes.items() if name in message},
        )
        half = signed.s | (signed.v - 27) << 255
        return signed.r.to_bytes(32, "big") + half.to_bytes(32, "big")

    def post(self, values: bytes, signature: bytes | None = None, **changes):
        arguments = {
            "device": self.device,
            "market": self.market.id,
            "period": self.market.period,
            "values": values,
            "signature": self.sign(values) if signature is None else signature,
        } | changes
        world = self.market.world
        return world.meters.post(*arguments.values(), sender=world.stranger)


@pytest.fixture(scope="session")
def world(accounts, chain, clock, manager, credentials, deploy, give_role):
    admin = accounts[0]
    token = deploy("SettlementToken", manager)
    create_address = chain.provider.network.ecosystem.get_deployment_address
    exchange_address, delegations_address, meters_address, imbalance_address = (
        create_address(admin.address, admin.nonce + offset) for offset in (1, 2, 3, 5)
    )
    ledger = deploy("Ledger", exchange_address, imbalance_address)
    exchange = deploy("Exchange", manager, ledger, credentials, delegations_address)
    deploy("Delegations", exchange)
    meters = deploy("MeterRegistry", manager, exchange)
    deviations = deploy("Deviations", manager, exchange, meters)
    imbalance = deploy("Imbalance", exchange, ledger, meters, deviations)
    assert (exchange.address, meters.address, imbalance.address) == (
        exchange_address,
        meters_address,
        imbalance_address,
    )
    give_role(41, admin, token, "mint")
    give_role(42, admin, exchange, "createMarket")
    give_role(43, admin, meters, "register", "rotateKey")
    give_role(44, accounts[3], meters, "dispute", "resolve")
    for claimant in (accounts[12], accounts[13]):
        give_role(45, claimant, deviations, "reserve")
    return World(
        exchange=exchange,
        ledger=ledger,
        token=token,
        meters=meters,
        deviations=deviations,
        imbalance=imbalance,
        clock=clock,
        chain_id=chain.chain_id,
        admin=admin,
        operator=accounts[1],
        balancing=accounts[2],
        authority=accounts[3],
        stranger=accounts[4],
        claimant=accounts[12],
        other_claimant=accounts[13],
        traders=sorted(
            (accounts[i] for i in range(5, 12)), key=lambda account: int(account.address, 16)
        ),
    )


@pytest.fixture(scope="session")
def meters(world):
    return world.meters


@pytest.fixture(scope="session")
def deviations(world):
    return world.deviations


@pytest.fixture(scope="session")
def imbalance(world):
    return world.imbalance


@pytest.fixture(scope="session")
def traders(world):
    """In the order of their addresses, which is the order of books and positions."""
    return world.traders


@pytest.fixture(scope="session")
def seller(traders):
    return traders[2]


@pytest.fixture(scope="session")
def buyer(traders):
    return traders[4]


@pytest.fixture(scope="session")
def backed_market(world, traders):
    market = world.create_market()
    for trader in traders:
        market.back(trader, 1_000 * MONEY)
    market.post_bond(1_000 * MONEY)
    return market


@pytest.fixture
def market(backed_market):
    """Four quarter-hours a period; its traders are backed and its balancing bond is posted."""
    return Market(backed_market.world, backed_market.id, backed_market.rules)


@pytest.fixture(scope="session")
def make_trade():
    return Trade


@pytest.fixture(scope="session")
def pack():
    """`pack(wh, ...)`: the values of a reading; None for a slot without one."""
    return lambda *values: b"".join(
        (MISSING if value is None else value).to_bytes(4, "big", signed=True) for value in values
    )
