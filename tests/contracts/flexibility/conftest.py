"""A programme of demand response, and accounts with meters and ten days of readings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from eth_utils import keccak
from hourly_meter import (
    CENT,
    DAY,
    HOUR,
    HOURLY_MARKET,
    NO_NETWORK,
    Meter,
    packed,
)

SLOTS = 24
MONEY = 1_000_000  # micro: one unit of money
INCENTIVE, PENALTY = 35 * CENT, 15 * CENT
CAPACITY_W = 50_000
BASELINE_DAYS = 10
WINDOW = range(14, 18)

MARKET = HOURLY_MARKET
# A programme's terms in the contract's order; `market` is put in front.
TERMS = {
    "carrier": 0,
    "direction": 0,
    "toleranceBp": 1_000,
    "maxEventSlots": 4,
    "notice": 2 * HOUR,
    "refusalLead": HOUR,
    "disputeWindow": DAY,
    "incentive": INCENTIVE,
    "penalty": PENALTY,
    "role": bytes(32),
    "rule": (0, 0b1111111, 4, 3, 2_000),
}
PUBLISHED_RULE = (1, 0b1111111, 0, 0, 0)


def usual_day(number: int) -> list[int]:
    """A load, Wh an hour: more in the afternoon, a little more every day."""
    return [8_000 + 500 * min(hour, SLOTS - hour) + 7 * number for hour in range(SLOTS)]


def less(values_wh: Sequence[int], wh: int) -> list[int]:
    """The same day with so much less in every hour of the event."""
    return [value - wh if hour in WINDOW else value for hour, value in enumerate(values_wh)]


@dataclass
class World:
    """Everything deployed, and who acts."""

    token: object
    exchange: object
    ledger: object
    meters: object
    deviations: object
    credentials: object
    response: object
    clock: object
    chain_id: int
    admin: object
    operator: object
    authority: object
    owner: object
    alice: object
    bob: object
    stranger: object
    meter_of: dict[str, Meter] = field(default_factory=dict)
    """The meters of the market that has a history, by account."""

    def create_market(self, **changes) -> int:
        rules = MARKET | changes
        asset = rules.pop("asset", self.token.address)
        parties = (self.operator.address, self.stranger.address)
        params = (*parties, *rules.values(), asset, *NO_NETWORK)
        self.exchange.createMarket(params, sender=self.admin)
        return self.exchange.marketCount()

    def install_meter(self, market: int, account) -> Meter:
        meter = Meter(self, market, keccak(text=f"meter {market} {account.address}"))
        self.meters.register(meter.device, market, account, 0, CAPACITY_W, sender=self.admin)
        return meter

    def give(self, account, micro: int, token=None) -> None:
        """Tokens, and leave for the contract to take them."""
        token = token or self.token
        token.mint(account, micro, sender=self.admin)
        token.approve(self.response, micro, sender=account)

    def free(self, account) -> int:
        return self.ledger.free(self.token, account)

    @property
    def today(self) -> int:
        return self.clock.now // DAY


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
    assert exchange.address == exchange_address
    meters = deploy("MeterRegistry", manager, exchange)
    deviations = deploy("Deviations", manager, exchange, meters)
    response = deploy("DemandResponse", manager, exchange, ledger, meters, deviations, credentials)
    give_role(61, admin, token, "mint")
    give_role(62, admin, exchange, "createMarket")
    give_role(63, admin, meters, "register", "rotateKey")
    give_role(64, accounts[3], meters, "dispute", "resolve")
    give_role(64, accounts[3], response, "resolve")
    give_role(65, response, deviations, "reserve")
    give_role(66, accounts[4], response, "createProgramme")
    return World(
        token=token,
        exchange=exchange,
        ledger=ledger,
        meters=meters,
        deviations=deviations,
        credentials=credentials,
        response=response,
        clock=clock,
        chain_id=chain.chain_id,
        admin=admin,
        operator=accounts[1],
        authority=accounts[3],
        owner=accounts[4],
        alice=accounts[5],
        bob=accounts[6],
        stranger=accounts[8],
    )


@pytest.fixture(scope="session")
def response(world):
    return world.response


@pytest.fixture(scope="session")
def token(world):
    return world.token


@pytest.fixture(scope="session")
def owner(world):
    """Of programmes."""
    return world.owner


@pytest.fixture(scope="session")
def alice(world):
    """Has a meter and ten days of readings."""
    return world.alice


@pytest.fixture(scope="session")
def bob(world):
    """Has a meter and ten days of readings too."""
    return world.bob


@pytest.fixture(scope="session")
def stranger(world):
    return world.stranger


@pytest.fixture(scope="session")
def authority(world):
    """Rules on disputes."""
    return world.authority


@pytest.fixture(scope="session")
def market(world, alice, bob):
    """Hours in days; today is the day after ten days of readings."""
    market = world.create_market()
    world.meter_of = {one.address: world.install_meter(market, one) for one in (alice, bob)}
    first = world.today + 1
    for number in range(BASELINE_DAYS):
        world.clock.move_to((first + number + 1) * DAY)
        for meter in world.meter_of.values():
            meter.post(first + number, usual_day(number))
    return market


@pytest.fixture(scope="session")
def terms(market):
    """`terms(**changes)` of a programme as `createProgramme` takes them."""
    return lambda of_market=None, **changes: (of_market or market, *(TERMS | changes).values())


@pytest.fixture(scope="session")
def programme(world, response, terms, owner):
    """Pays 0.35 a kWh and fines 0.15, with 100 units of money in escrow."""
    response.createProgramme(terms(), sender=owner)
    programme = response.programmeCount()
    world.give(owner, 100 * MONEY)
    response.fund(programme, 100 * MONEY, sender=owner)
    return programme


@pytest.fixture(scope="session")
def enrolled(world, response, programme, alice):
    """The programme, in which alice is enrolled with 5 kW."""
    world.give(alice, response.bondFor(programme, 5_000))
    response.enrol(programme, 5_000, 0, sender=alice)
    return programme


@pytest.fixture(autouse=True)
def forget(world):
    """What a test's meters posted is gone with its chain."""
    posted = {address: dict(meter.posted) for address, meter in world.meter_of.items()}
    yield
    for address, readings in posted.items():
        world.meter_of[address].posted = readings


@pytest.fixture
def today(world, enrolled):
    """As a period; it has just begun."""
    return world.today


@pytest.fixture
def event(response, enrolled, owner, today):
    """Today from 14 to 18 o'clock."""
    response.callEvent(enrolled, today, WINDOW.start, len(WINDOW), sender=owner)
    return response.eventCount()


@pytest.fixture
def instructed(response, event, owner, alice):
    """The event, for which alice is asked to consume 3 kW less."""
    response.instruct(event, alice, 3_000, sender=owner)
    return event


@pytest.fixture
def claim(world):
    """`claim(account, period)`: the readings that show what it did; any can be replaced."""

    def make(account, period: int, *, reading=None, days=None, published: bytes = b"") -> tuple:
        posted = world.meter_of[account.address].posted
        if days is None:
            days = [posted[day] for day in sorted(posted, reverse=True) if day < period]
        return (posted.get(period, b"") if reading is None else reading, days[:10], published)

    return make


@pytest.fixture
def measured(world, today):
    """`measured(account, values_wh)`: the account's reading of today, posted and final."""

    def post(account, values_wh) -> None:
        world.clock.move_to((today + 1) * DAY)
        world.meter_of[account.address].post(today, values_wh)
        world.clock.move_to(world.clock.now + DAY + 1)

    return post


@pytest.fixture
def reported(response, instructed, alice, measured, claim, today, stranger):
    """The event, for which alice has performed part of what was asked."""
    measured(alice, less(usual_day(5), 1_500))
    response.report(instructed, alice, claim(alice, today), sender=stranger)
    return instructed


@pytest.fixture
def published(world, response, terms, owner, alice, today):
    """Today from 14 to 18 o'clock, in a programme whose baselines its owner publishes; alice is
    asked to consume 3 kW less."""
    response.createProgramme(terms(rule=PUBLISHED_RULE), sender=owner)
    programme = response.programmeCount()
    world.give(owner, 10 * MONEY)
    response.fund(programme, 10 * MONEY, sender=owner)
    world.give(alice, response.bondFor(programme, 5_000))
    response.enrol(programme, 5_000, 0, sender=alice)
    response.callEvent(programme, today, WINDOW.start, len(WINDOW), sender=owner)
    response.instruct(response.eventCount(), alice, 3_000, sender=owner)
    return response.eventCount()


@pytest.fixture(scope="session")
def starts_at():
    """`starts_at(period)`: when the event of that day begins, seconds."""
    return lambda period: period * DAY + WINDOW.start * HOUR


@pytest.fixture(scope="session")
def kit():
    """What tests need of this module, which they cannot import."""
    return SimpleNamespace(
        INCENTIVE=INCENTIVE,
        PENALTY=PENALTY,
        TARGET_WH=3_000 * len(WINDOW),
        CAPACITY_W=CAPACITY_W,
        MONEY=MONEY,
        less=less,
        packed=packed,
        usual_day=usual_day,
    )
