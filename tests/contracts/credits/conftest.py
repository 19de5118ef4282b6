"""A mall with a meter and a history, an issuer of credits, and a market that trades them."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from eth_utils import keccak
from hourly_meter import CENT, DAY, HOURLY_MARKET, NO_NETWORK, Meter, packed

SLOTS = 24
MONEY = 1_000_000  # micro: one unit of money
REDEMPTION = 20 * CENT
CAPACITY_W = 50_000
BASELINE_DAYS = 10

ENERGY_MARKET = HOURLY_MARKET
CREDIT_MARKET = ENERGY_MARKET | {"slotSeconds": DAY, "periodSlots": 1, "imbalanceCap": 0}


@dataclass(frozen=True)
class Rule:
    """How a baseline is computed, in the contracts' order."""

    kind: int = 0
    day_mask: int = 0b1111111
    adjust_lead: int = 4
    adjust_slots: int = 3
    adjust_cap_bp: int = 2_000

    @property
    def as_tuple(self) -> tuple[int, ...]:
        return self.kind, self.day_mask, self.adjust_lead, self.adjust_slots, self.adjust_cap_bp


def usual_day(number: int) -> list[int]:
    """A mall's load, Wh an hour: more in the afternoon, a little more every day."""
    return [8_000 + 500 * min(hour, SLOTS - hour) + 7 * number for hour in range(SLOTS)]


@dataclass
class World:
    """Everything deployed, and who acts."""

    token: object
    exchange: object
    ledger: object
    meters: object
    deviations: object
    credits: object
    clock: object
    chain_id: int
    admin: object
    operator: object
    balancing: object
    authority: object
    issuer: object
    alice: object
    bob: object
    carol: object
    stranger: object
    meter_of: dict[str, Meter] = field(default_factory=dict)
    """The meters of the market that has a history, by account."""

    def create_market(self, rules: dict, **changes) -> int:
        rules = rules | changes
        asset = rules.pop("asset", self.token.address)
        parties = (self.operator.address, self.balancing.address)
        params = (*parties, *rules.values(), asset, *NO_NETWORK)
        self.exchange.createMarket(params, sender=self.admin)
        return self.exchange.marketCount()

    def install_meter(self, market: int, account, capacity_w: int = CAPACITY_W) -> Meter:
        meter = Meter(self, market, keccak(text=f"meter {market} {account.address}"))
        self.meters.register(meter.device, market, account, 0, capacity_w, sender=self.admin)
        return meter

    def give(self, account, micro: int, spender=None) -> None:
        """Tokens, and leave for `spender` (the credits) to take them."""
        self.token.mint(account, micro, sender=self.admin)
        self.token.approve(spender or self.credits, micro, sender=account)

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
    meters = deploy("MeterRegistry", manager, exchange)
    deviations = deploy("Deviations", manager, exchange, meters)
    credits = deploy("EnergyCredits", manager, exchange, ledger, meters, deviations)
    assert exchange.address == exchange_address
    give_role(51, admin, token, "mint")
    give_role(52, admin, exchange, "createMarket")
    give_role(53, admin, meters, "register", "rotateKey")
    give_role(54, accounts[3], meters, "dispute", "resolve")
    give_role(55, credits, deviations, "reserve")
    give_role(56, accounts[4], credits, "openSeries")
    give_role(57, admin, credits, "bindMarket")
    return World(
        token=token,
        exchange=exchange,
        ledger=ledger,
        meters=meters,
        deviations=deviations,
        credits=credits,
        clock=clock,
        chain_id=chain.chain_id,
        admin=admin,
        operator=accounts[1],
        balancing=accounts[2],
        authority=accounts[3],
        issuer=accounts[4],
        alice=accounts[5],
        bob=accounts[6],
        carol=accounts[7],
        stranger=accounts[8],
    )


@pytest.fixture(scope="session")
def credits(world):
    return world.credits


@pytest.fixture(scope="session")
def token(world):
    return world.token


@pytest.fixture(scope="session")
def issuer(world):
    return world.issuer


@pytest.fixture(scope="session")
def alice(world):
    """A mall's manager, with a meter and ten days of readings."""
    return world.alice


@pytest.fixture(scope="session")
def bob(world):
    """Somebody who buys credits."""
    return world.bob


@pytest.fixture(scope="session")
def carol(world):
    """Another mall's manager, with a meter and ten days of readings."""
    return world.carol


@pytest.fixture(scope="session")
def stranger(world):
    return world.stranger


@pytest.fixture(scope="session")
def market(world, alice, carol):
    """Hours in days; today is the day after ten days of readings of both malls."""
    market = world.create_market(ENERGY_MARKET)
    world.meter_of = {mall.address: world.install_meter(market, mall) for mall in (alice, carol)}
    first = world.today + 1
    for number in range(BASELINE_DAYS):
        world.clock.move_to((first + number + 1) * DAY)
        for meter in world.meter_of.values():
            meter.post(first + number, usual_day(number))
    return market


@pytest.fixture(scope="session")
def credit_market(world, credits, issuer):
    """One credit series a day; it trades the issuer's credits."""
    market = world.create_market(CREDIT_MARKET, capacitySource=credits.address)
    credits.bindMarket(market, issuer, sender=world.admin)
    return market


@pytest.fixture(scope="session")
def terms(market):
    """`terms(**changes)` of a series as `openSeries` takes them."""

    def make(
        rule: Rule = Rule(),
        *,
        carrier: int = 0,
        redemption: int = REDEMPTION,
        of_market: int | None = None,
    ) -> tuple:
        return (
            market if of_market is None else of_market,
            carrier,
            redemption,
            rule.as_tuple,
        )

    return make


@pytest.fixture(scope="session")
def expiry(world, market):
    """Midnight thirty days after the history."""
    return (world.today + 30) * DAY


@pytest.fixture(scope="session")
def series(world, credits, terms, expiry, issuer):
    """Redeemed at 0.20 a kWh, with 100 units of money in escrow."""
    credits.openSeries(expiry, terms(), sender=issuer)
    series = credits.seriesId(issuer, expiry)
    world.give(issuer, 100 * MONEY)
    credits.fund(series, 100 * MONEY, sender=issuer)
    return series


@pytest.fixture(autouse=True)
def forget(world):
    """What a test's meters posted is gone with its chain."""
    posted = {address: dict(meter.posted) for address, meter in world.meter_of.items()}
    yield
    for address, readings in posted.items():
        world.meter_of[address].posted = readings


@pytest.fixture
def event_day(world, series):
    """Today, as a period; it has just begun."""
    return world.today


@pytest.fixture
def window(credits, series, issuer, event_day):
    """Today from 14 to 18 o'clock, 40 kWh."""
    credits.announce(series, event_day, 14, 4, 40_000, sender=issuer)
    return credits.windowCount()


@pytest.fixture(scope="session")
def kit():
    """What tests need of this module, which they cannot import."""
    return SimpleNamespace(
        CREDIT_MARKET=CREDIT_MARKET,
        ENERGY_MARKET=ENERGY_MARKET,
        REDEMPTION=REDEMPTION,
        Rule=Rule,
        packed=packed,
        usual_day=usual_day,
    )


@pytest.fixture
def published_window(credits, world, terms, expiry, issuer, kit, event_day):
    """Today from 14 to 18 o'clock, in a series whose baselines the issuer publishes."""
    credits.openSeries(expiry + 1, terms(Rule(kind=1)), sender=issuer)
    series = credits.seriesId(issuer, expiry + 1)
    world.give(issuer, 10 * MONEY)
    credits.fund(series, 10 * MONEY, sender=issuer)
    credits.announce(series, event_day, 14, 4, 40_000, sender=issuer)
    return credits.windowCount()


@pytest.fixture
def claim(world, market):
    """`claim(account, period)`: the readings that show what the account reduced; anything can be
    replaced."""

    def make(account, period: int, *, reading=None, days=None, published: bytes = b"") -> tuple:
        posted = world.meter_of[account.address].posted
        if days is None:
            days = [posted[day] for day in sorted(posted, reverse=True) if day < period]
        return (posted.get(period, b"") if reading is None else reading, days[:10], published)

    return make


@pytest.fixture
def measured(world, event_day):
    """`measured(account, values_wh)`: the account's reading of the event day, posted and final."""

    def post(account, values_wh) -> None:
        world.clock.move_to((event_day + 1) * DAY)
        world.meter_of[account.address].post(event_day, values_wh)
        world.clock.move_to(world.clock.now + DAY + 1)

    return post


@pytest.fixture
def issued(world, credits, series, window, alice, measured, claim, event_day):
    """Credits of alice, who consumed 2 kWh less than usual in each of four hours, and joined with
    a cap of 9 kWh."""
    credits.join(window, 9_000, 0, sender=alice)
    values = usual_day(4)
    for hour in range(14, 18):
        values[hour] -= 2_000
    measured(alice, values)
    credits.issue(window, alice, claim(alice, event_day), sender=world.stranger)
    return SimpleNamespace(
        window=window, holder=alice, amount=credits.balanceOf(alice, series), day=event_day
    )


@pytest.fixture
def earn(world, credits, market, expiry, terms, issuer, alice, event_day):
    """`earn(wh, redemption)`: a series in which alice has earned so many credits; returns its id.

    Its baseline is published; the escrow covers what was announced and nothing more."""

    def make(wh: int, redemption: int, of_market: int | None = None, meter=None, asset=None):
        asset = asset or world.token
        meter = meter or world.meter_of[alice.address]
        of_market = of_market or market
        end = expiry + 2
        credits.openSeries(
            end, terms(Rule(kind=1), redemption=redemption, of_market=of_market), sender=issuer
        )
        series = credits.seriesId(issuer, end)
        escrow = -(-wh * redemption // 1_000_000)
        asset.mint(issuer, escrow, sender=world.admin)
        asset.approve(credits, escrow, sender=issuer)
        credits.fund(series, escrow, sender=issuer)
        credits.announce(series, event_day, 14, 4, wh, sender=issuer)
        window = credits.windowCount()
        baseline = packed([10_000] * SLOTS)
        credits.publishBaseline(window, alice, baseline, sender=issuer)
        credits.join(window, wh, 0, sender=alice)
        world.clock.move_to((event_day + 1) * DAY)
        meter.post(event_day, [10_000 - wh if hour == 15 else 10_000 for hour in range(SLOTS)])
        world.clock.move_to(world.clock.now + DAY + 1)
        credits.issue(window, alice, (meter.posted[event_day], [], baseline), sender=alice)
        assert credits.balanceOf(alice, series) == wh
        return series

    return make


@pytest.fixture(scope="session")
def hostile(deploy):
    """A token that takes fees and calls back."""
    return deploy("test/HostileToken")


@pytest.fixture(scope="session")
def hostile_market(world, market, hostile):
    """A market that settles in the hostile token."""
    return world.create_market(ENERGY_MARKET, asset=hostile.address)


@pytest.fixture
def hostile_series(credits, hostile, hostile_market, terms, expiry, issuer):
    """10,000 of the hostile token in escrow; the issuer has 10,000 more."""
    credits.openSeries(expiry + 3, terms(of_market=hostile_market), sender=issuer)
    series = credits.seriesId(issuer, expiry + 3)
    hostile.mint(issuer, 20_000, sender=issuer)
    hostile.approve(credits, 2**255, sender=issuer)
    credits.fund(series, 10_000, sender=issuer)
    return series


@pytest.fixture
def hostile_credits(world, earn, hostile, hostile_market, alice):
    """100 credits of alice, each worth 200 of the hostile token."""
    meter = world.install_meter(hostile_market, alice)
    return earn(100, REDEMPTION, hostile_market, meter, hostile)
