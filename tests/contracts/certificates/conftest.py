"""A wind farm, a solar park and a battery, all certified, and a market that trades wind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from eth_utils import keccak, to_canonical_address, to_checksum_address
from hourly_meter import CENT, DAY, HOUR, HOURLY_MARKET, NO_NETWORK, Meter, packed

from market.book import Book
from market.order import Domain, Leg, Order, SignedOrder
from market.outcome import Clearing
from market.product import ProductGrid
from market.rules import MarketRules
from market.settlement import Settlement

HOURS = 24
MONEY = 1_000_000  # micro: one unit of money
SCALE = 1_000_000
PRICE = 4 * CENT
CAPACITY_W = 50_000
WIND, SOLAR, HYDRO = 1, 2, 3
NORTH, SOUTH = 1, 2
VINTAGE = 30 * DAY
LIFETIME = 540 * DAY
STORE_WH = 10_000
EFFICIENCY_BP = 9_000

CERTIFICATE_MARKET = HOURLY_MARKET | {"slotSeconds": VINTAGE, "periodSlots": 1, "imbalanceCap": 0}


def day_of(values_wh: Mapping[int, int | None], others: int | None = 0) -> list[int | None]:
    """Wh of every hour of a day; `others` where nothing is said."""
    return [values_wh.get(hour, others) for hour in range(HOURS)]


@dataclass
class World:
    """Everything deployed, and who acts."""

    token: object
    exchange: object
    ledger: object
    meters: object
    certificates: object
    clock: object
    chain_id: int
    admin: object
    operator: object
    balancing: object
    authority: object
    registrar: object
    alice: object
    bob: object
    carol: object
    dave: object
    stranger: object
    meter_of: dict[str, Meter] = field(default_factory=dict)

    def create_market(self, rules: dict, operator=None, **changes) -> int:
        parties = ((operator or self.operator).address, self.balancing.address)
        params = (*parties, *(rules | changes).values(), self.token.address, *NO_NETWORK)
        self.exchange.createMarket(params, sender=self.admin)
        return self.exchange.marketCount()

    def install_meter(self, market: int, account, capacity_w: int = CAPACITY_W) -> Meter:
        meter = Meter(self, market, keccak(text=f"meter {market} {account.address}"))
        self.meters.register(meter.device, market, account, 0, capacity_w, sender=self.admin)
        self.meter_of[meter.device] = meter
        return meter

    @property
    def today(self) -> int:
        return self.clock.now // DAY

    def measure(self, day: int, values_of: Mapping[str, Sequence[int | None]]) -> None:
        """The day passes; what the meters of these devices show of it is posted and final."""
        self.clock.move_to(max(self.clock.now, (day + 1) * DAY))
        for device, values_wh in values_of.items():
            self.meter_of[device].post(day, values_wh)
        self.clock.move_to(self.clock.now + DAY + 1)

    def reading(self, device: str, day: int) -> bytes:
        return self.meter_of[device].posted.get(day, b"")


@pytest.fixture(scope="session")
def world(accounts, chain, clock, manager, credentials, deploy, give_role):
    admin = accounts[0]
    token = deploy("SettlementToken", manager)
    address_of = chain.provider.network.ecosystem.get_deployment_address
    exchange_address, delegations_address = (
        address_of(admin.address, admin.nonce + offset) for offset in (1, 2)
    )
    ledger = deploy("Ledger", exchange_address, accounts[9])
    exchange = deploy("Exchange", manager, ledger, credentials, delegations_address)
    deploy("Delegations", exchange)
    meters = deploy("MeterRegistry", manager, exchange)
    certificates = deploy("GreenCertificates", manager, exchange, meters)
    assert exchange.address == exchange_address
    give_role(71, admin, token, "mint")
    give_role(72, admin, exchange, "createMarket")
    give_role(73, admin, meters, "register", "rotateKey")
    give_role(74, accounts[3], meters, "dispute", "resolve")
    registrar_may = ("registerProducer", "registerStore", "correct", "withdraw")
    give_role(75, accounts[4], certificates, *registrar_may)
    give_role(76, admin, certificates, "bindMarket")
    return World(
        token=token,
        exchange=exchange,
        ledger=ledger,
        meters=meters,
        certificates=certificates,
        clock=clock,
        chain_id=chain.chain_id,
        admin=admin,
        operator=accounts[1],
        balancing=accounts[2],
        authority=accounts[3],
        registrar=accounts[4],
        alice=accounts[5],
        bob=accounts[6],
        carol=accounts[7],
        dave=accounts[8],
        stranger=accounts[10],
    )


@pytest.fixture(scope="session")
def certificates(world):
    return world.certificates


@pytest.fixture(scope="session")
def registrar(world):
    return world.registrar


@pytest.fixture(scope="session")
def alice(world):
    """Has a wind farm in the north."""
    return world.alice


@pytest.fixture(scope="session")
def bob(world):
    """Has a solar park in the north."""
    return world.bob


@pytest.fixture(scope="session")
def carol(world):
    """Has a battery in the north."""
    return world.carol


@pytest.fixture(scope="session")
def dave(world):
    """Has nothing and buys."""
    return world.dave


@pytest.fixture(scope="session")
def stranger(world):
    return world.stranger


@pytest.fixture(scope="session")
def market(world):
    """Hours in days; it is noon of the third day of a vintage."""
    market = world.create_market(HOURLY_MARKET)
    world.clock.move_to((world.clock.now // VINTAGE + 1) * VINTAGE + 2 * DAY + 12 * HOUR)
    return market


@pytest.fixture(scope="session")
def day(world, market):
    """The first day that counts, as a period: tomorrow."""
    return world.today + 1


@pytest.fixture(scope="session")
def certify(world, certificates, registrar, day):
    """`certify(device, technology, zone)`, from tomorrow."""

    def make(device: str, technology: int = WIND, zone: int = NORTH, from_period: int = 0):
        return certificates.registerProducer(
            device, technology, zone, from_period or day, sender=registrar
        )

    return make


@pytest.fixture(scope="session")
def wind(world, market, certify, alice):
    device = world.install_meter(market, alice).device
    certify(device)
    return device


@pytest.fixture(scope="session")
def solar(world, market, certify, bob):
    device = world.install_meter(market, bob).device
    certify(device, SOLAR)
    return device


@pytest.fixture(scope="session")
def battery(world, market, certificates, registrar, day, carol):
    """10 kWh, nine tenths of what is charged comes out again."""
    device = world.install_meter(market, carol).device
    certificates.registerStore(device, NORTH, EFFICIENCY_BP, STORE_WH, day, sender=registrar)
    return device


@pytest.fixture(scope="session")
def wind_market(world, certificates, market):
    """Trades wind from the north."""
    number = world.create_market(CERTIFICATE_MARKET, capacitySource=certificates.address)
    certificates.bindMarket(number, WIND, NORTH, sender=world.admin)
    return number


@pytest.fixture(scope="session")
def slot(day):
    """The market's slot whose vintage is the first day's."""
    return day * DAY // VINTAGE + LIFETIME // VINTAGE


@pytest.fixture(scope="session")
def expiry(slot):
    """When certificates of the first day expire."""
    return (slot + 1) * VINTAGE


@pytest.fixture(autouse=True)
def forget(world):
    """What a test's meters posted is gone with its chain."""
    meters = dict(world.meter_of)
    posted = {device: dict(meter.posted) for device, meter in meters.items()}
    yield
    world.meter_of.clear()
    world.meter_of.update(meters)
    for device, readings in posted.items():
        meters[device].posted = readings


def certificate_id(device: str, period: int, hour: int, technology: int = WIND) -> int:
    return int(device, 16) << 56 | period << 24 | hour << 8 | technology


@pytest.fixture
def produced(world, wind, day):
    """Wind fed in 4 kWh at ten o'clock, 6 at eleven and took half a kWh at noon."""
    world.measure(day, {wind: day_of({10: -4_000, 11: -6_000, 12: 500})})
    return SimpleNamespace(device=wind, day=day, values=world.reading(wind, day))


@pytest.fixture
def issued(certificates, produced, alice, stranger):
    """The certificates of that day: alice holds 4,000 and 6,000."""
    certificates.issue(produced.device, produced.day, 0, HOURS, produced.values, sender=stranger)
    ids = [certificate_id(produced.device, produced.day, hour) for hour in (10, 11)]
    return SimpleNamespace(holder=alice, ids=ids, amounts=[4_000, 6_000], **vars(produced))


@pytest.fixture
def issue_day(world, certificates, stranger):
    """`issue_day(day, {device: values})`: measured, final and issued; ids by device."""

    def make(day: int, values_of: Mapping[str, Sequence[int | None]]) -> dict[str, list[int]]:
        world.measure(day, values_of)
        ids = {}
        for device, values in values_of.items():
            reading = world.reading(device, day)
            certificates.issue(device, day, 0, HOURS, reading, sender=stranger)
            technology = certificates.deviceOf(device).technology
            ids[device] = [
                certificate_id(device, day, hour, technology)
                for hour, wh in enumerate(values)
                if wh is not None and wh < 0
            ]
        return ids

    return make


@pytest.fixture
def account_day(world, certificates, battery, carol):
    """`account_day(day, charges)`: the battery's day with certificates `(hour, id, Wh)`."""

    def make(day: int, charges: Sequence[tuple[int, int, int]] = (), sender=None):
        return certificates.account(
            battery, day, world.reading(battery, day), list(charges), sender=sender or carol
        )

    return make


@pytest.fixture
def offered(certificates, wind_market, slot, issued):
    """All of alice's certificates are for sale: 4,000 and 6,000."""
    certificates.offer(wind_market, slot, issued.ids, issued.amounts, sender=issued.holder)
    return issued


def effects(*moves) -> bytes:
    """What the exchange says about traders: `(account, net Wh of tokens)`; money left out."""
    return b"".join(
        to_canonical_address(account.address) + bytes(16) + moved.to_bytes(16, "big", signed=True)
        for account, moved in moves
    )


@pytest.fixture
def deliver(accounts, world, certificates, wind_market, slot):
    """`deliver((account, Wh), ...)`: as the exchange does once a round is verified."""
    exchange = accounts[world.exchange.address]
    exchange.balance = 10**18

    def make(*moves):
        return certificates.deliver(wind_market, 1, slot, effects(*moves), sender=exchange)

    return make


@dataclass
class Sale:
    """A round of the wind market, from its opening on."""

    world: World
    market: int
    slot: int
    number: int
    gate_at: int
    settlement: Settlement | None = None

    def operate(self, function: str, *arguments):
        call = getattr(self.world.exchange, function)
        return call(self.market, self.number, *arguments, sender=self.world.operator)

    def close(self, *trades) -> Settlement:
        """The gate closes over `(account, Wh)` at one price, all of which will be filled."""
        domain = Domain(self.world.chain_id, to_checksum_address(self.world.exchange.address))
        grid = ProductGrid(1, 1, self.slot, 1)
        orders = []
        for account, wh in trades:
            sign = 1 if wh > 0 else -1
            order = Order(
                self.market,
                self.number,
                (Leg(grid.product_id(0), sign * SCALE),),
                abs(wh),
                sign * PRICE,
                to_checksum_address(account.address),
                0,
                salt=1,
            )
            orders.append(SignedOrder.sign(domain, order, account.private_key))
        book = Book.build(self.market, self.number, grid, orders)
        self.world.clock.next_at(self.gate_at)
        self.operate("closeGate", book.root, book.count)
        maxima = tuple(signed.order.max_units for signed in book.orders)
        clearing = Clearing(prices=(PRICE,), fills=maxima, indicative=(False,))
        self.settlement = Settlement.build(book, maxima, clearing, RULES)
        return self.settlement

    def settle(self):
        return self.operate("settle", self.settlement.results(), self.settlement.orders())


RULES = MarketRules(
    carriers=1,
    zones=1,
    slot_seconds=VINTAGE,
    period_slots=1,
    price_cap=CERTIFICATE_MARKET["priceCap"],
    imbalance_cap=0,
    shortfall_bp=CERTIFICATE_MARKET["shortfallBp"],
    surplus_bp=CERTIFICATE_MARKET["surplusBp"],
    gap_floor_micro=0,
    gap_cap_micro=0,
    tokenised=True,
)


@pytest.fixture
def open_round(world, wind_market, slot):
    """`open_round(buyers)`: each with ten units of money in the market; the gate is in 600 s."""

    def make(*buyers, gate_at: int = 0) -> Sale:
        for buyer in buyers:
            world.token.mint(buyer, 10 * MONEY, sender=world.admin)
            world.token.approve(world.ledger, 10 * MONEY, sender=buyer)
            world.ledger.deposit(world.token, 10 * MONEY, buyer, sender=buyer)
            world.ledger.addMargin(wind_market, 10 * MONEY, sender=buyer)
        gate_at = gate_at or world.clock.now + 600
        world.exchange.openRound(wind_market, gate_at, slot, 1, sender=world.operator)
        return Sale(world, wind_market, slot, world.exchange.lastRound(wind_market), gate_at)

    return make


@pytest.fixture
def receiver(deploy):
    """A contract that holds certificates and can misbehave."""
    return deploy("test/HostileReceiver")


@pytest.fixture(scope="session")
def kit():
    """What tests need of this module, which they cannot import."""
    return SimpleNamespace(
        CAPACITY_W=CAPACITY_W,
        Sale=Sale,
        CERTIFICATE_MARKET=CERTIFICATE_MARKET,
        EFFICIENCY_BP=EFFICIENCY_BP,
        HOURLY_MARKET=HOURLY_MARKET,
        HOURS=HOURS,
        HYDRO=HYDRO,
        LIFETIME=LIFETIME,
        NORTH=NORTH,
        SOLAR=SOLAR,
        SOUTH=SOUTH,
        STORE_WH=STORE_WH,
        VINTAGE=VINTAGE,
        WIND=WIND,
        certificate_id=certificate_id,
        day_of=day_of,
        effects=effects,
        packed=packed,
    )
