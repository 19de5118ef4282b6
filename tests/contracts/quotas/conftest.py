"""A thermal plant and a works that must show certificates; wind and solar farms that have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from eth_utils import keccak
from hourly_meter import CENT, DAY, HOUR, HOURLY_MARKET, NO_NETWORK, Meter, packed

SLOTS = 24
MONEY = 1_000_000  # micro: one unit of money
SCALE = 1_000_000
CAPACITY_W = 50_000
ZONE = 0
SOLAR, WIND = 1, 2
GENERATION, CONSUMPTION = 0, 1
GOVERNMENT_ROLE = 66

LEAD_DAYS = 9
"""Whole days from the world's beginning to the compliance period's."""
PERIODS = 3
PENALTY = 15 * CENT + 7
BANK_LIMIT = 250_000
BANK_SECONDS = 36 * HOUR
PLANT_RATIO, WORKS_RATIO = 300_000, 123_457


def plant_day(number: int) -> list[int | None]:
    """It feeds in, but takes a little in two hours; one hour of the second day has no value."""
    values: list[int | None] = [-5_000 - 10 * hour - number for hour in range(SLOTS)]
    values[3:5] = [400, 700]
    if number == 1:
        values[7] = None
    return values


def works_day(number: int) -> list[int]:
    """It consumes, but its own panels feed in for two hours at noon."""
    return [-300 if hour in (12, 13) else 2_000 + 31 * hour + number for hour in range(SLOTS)]


def windy_day(number: int) -> list[int]:
    return [-3_000 - 100 * hour - number for hour in range(SLOTS)]


@dataclass
class World:
    """Everything deployed, and who acts."""

    token: object
    exchange: object
    ledger: object
    meters: object
    certificates: object
    quotas: object
    manager: object
    clock: object
    chain_id: int
    admin: object
    operator: object
    government: object
    treasury: object
    authority: object
    plant: object
    works: object
    wind: object
    solar: object
    stranger: object
    meter_of: dict[str, Meter] = field(default_factory=dict)
    """The meters of the market in which the quotas are, by account."""

    def create_market(self, **changes) -> int:
        rules = HOURLY_MARKET | changes
        asset = rules.pop("asset", self.token.address)
        parties = (self.operator.address, self.stranger.address)
        params = (*parties, *rules.values(), asset, *NO_NETWORK)
        self.exchange.createMarket(params, sender=self.admin)
        return self.exchange.marketCount()

    def install_meter(self, market: int, account, capacity_w: int = CAPACITY_W) -> Meter:
        meter = Meter(self, market, keccak(text=f"meter {market} {account.address}"))
        self.meters.register(meter.device, market, account, 0, capacity_w, sender=self.admin)
        return meter

    def give(self, account, micro: int, token=None) -> None:
        """Tokens, and leave for the contract to take them."""
        token = token or self.token
        token.mint(account, micro, sender=self.admin)
        token.approve(self.quotas, micro, sender=account)

    def free(self, account) -> int:
        return self.ledger.free(self.token, account)

    def batch(self, owner, period: int, hour: int) -> int:
        """The certificate id of what a farm fed in in that hour."""
        technology = WIND if owner.address == self.wind.address else SOLAR
        device = self.meter_of[owner.address].device
        return self.certificates.certificateId(device, period, hour, technology)

    def hand(self, owner, to, period: int, hours: Sequence[int]) -> tuple[list[int], list[int]]:
        """Sends all of these hours' certificates, with leave to surrender them; ids and Wh."""
        ids = [self.batch(owner, period, hour) for hour in hours]
        amounts = [self.certificates.balanceOf(owner, id_) for id_ in ids]
        self.certificates.safeBatchTransferFrom(owner, to, ids, amounts, b"", sender=owner)
        return ids, amounts

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
    certificates = deploy("GreenCertificates", manager, exchange, meters)
    quotas = deploy("QuotaRegistry", manager, exchange, ledger, meters, certificates)
    give_role(61, admin, token, "mint")
    give_role(62, admin, exchange, "createMarket")
    give_role(63, admin, meters, "register", "rotateKey")
    give_role(64, accounts[3], meters, "dispute", "resolve")
    give_role(65, admin, certificates, "registerProducer")
    give_role(GOVERNMENT_ROLE, accounts[4], quotas, "openQuota", "oblige")
    return World(
        token=token,
        exchange=exchange,
        ledger=ledger,
        meters=meters,
        certificates=certificates,
        quotas=quotas,
        manager=manager,
        clock=clock,
        chain_id=chain.chain_id,
        admin=admin,
        operator=accounts[1],
        treasury=accounts[2],
        authority=accounts[3],
        government=accounts[4],
        plant=accounts[5],
        works=accounts[6],
        wind=accounts[7],
        solar=accounts[10],
        stranger=accounts[8],
    )


@pytest.fixture(scope="session")
def quotas(world):
    return world.quotas


@pytest.fixture(scope="session")
def certificates(world):
    return world.certificates


@pytest.fixture(scope="session")
def government(world):
    """Opens quotas and obliges, without a delay."""
    return world.government


@pytest.fixture(scope="session")
def plant(world):
    """Burns coal; obliged for what it feeds in."""
    return world.plant


@pytest.fixture(scope="session")
def works(world):
    """Obliged for what it consumes."""
    return world.works


@pytest.fixture(scope="session")
def wind(world):
    return world.wind


@pytest.fixture(scope="session")
def solar(world):
    return world.solar


@pytest.fixture(scope="session")
def stranger(world):
    return world.stranger


@pytest.fixture(scope="session")
def market(world, plant, works, wind, solar, hostile, stranger, government):
    """Hours in days; five accounts have a meter, of which three are certified from tomorrow on."""
    market = world.create_market()
    everybody = (plant, works, wind, solar, hostile)
    world.meter_of = {one.address: world.install_meter(market, one) for one in everybody}
    for farm, technology in ((wind, WIND), (solar, SOLAR), (hostile, WIND)):
        device = world.meter_of[farm.address].device
        world.certificates.registerProducer(
            device, technology, ZONE, world.today + 1, sender=world.admin
        )
    return market


@pytest.fixture(scope="session")
def hostile(deploy):
    """An account with code, a producer and obliged as well."""
    return deploy("test/HostileHolder")


@pytest.fixture(scope="session")
def first(world, market):
    """The first period of the compliance period."""
    return world.today + LEAD_DAYS


@pytest.fixture(scope="session")
def terms(world, market, first):
    """`terms(**changes)` of a quota as `openQuota` takes them."""
    standard = {
        "market": market,
        "carrier": 0,
        "firstPeriod": first,
        "periods": PERIODS,
        "penalty": PENALTY,
        "bankLimit": BANK_LIMIT,
        "bankSeconds": BANK_SECONDS,
        "surrenderBy": (first + PERIODS + 7) * DAY,
        "technologies": 1 << WIND | 1 << SOLAR,
        "beneficiary": world.treasury.address,
    }
    return lambda **changes: tuple((standard | changes).values())


@pytest.fixture(scope="session")
def quota(world, quotas, terms, government, hostile):
    """Obliges the plant to 30 % of what it feeds in, the works to 12.3457 % of what it takes."""
    quotas.openQuota(terms(), sender=government)
    quota = quotas.quotaCount()
    quotas.oblige(quota, world.plant, GENERATION, PLANT_RATIO, sender=government)
    quotas.oblige(quota, world.works, CONSUMPTION, WORKS_RATIO, sender=government)
    quotas.oblige(quota, hostile, GENERATION, PLANT_RATIO, sender=government)
    return quota


@pytest.fixture(scope="session")
def other(world, quotas, quota, terms, government, first):
    """Obliges the works again for the same days: wind alone, nothing banked, 600 days' time."""
    late = (first + PERIODS + 600) * DAY
    wanted = terms(bankLimit=0, surrenderBy=late, technologies=1 << WIND)
    quotas.openQuota(wanted, sender=government)
    other = quotas.quotaCount()
    quotas.oblige(other, world.works, CONSUMPTION, WORKS_RATIO, sender=government)
    return other


@pytest.fixture(autouse=True)
def forget(world):
    """What a test's meters posted is gone with its chain."""
    posted = {address: dict(meter.posted) for address, meter in world.meter_of.items()}
    yield
    for address, readings in posted.items():
        world.meter_of[address].posted = readings


def live_through(world, quota, first, hostile) -> None:
    """The compliance period, with a day and a half before it and a day after it: readings are
    final, certificates issued. Of the works' third day there is finally no reading."""
    days = range(first - 2, first + PERIODS + 1)
    farms = (world.wind, world.solar, hostile)
    for day in days:
        world.clock.move_to((day + 1) * DAY)
        for farm in farms:
            world.meter_of[farm.address].post(day, windy_day(day - first))
        if day in range(first, first + PERIODS):
            world.meter_of[world.plant.address].post(day, plant_day(day - first))
        if day in range(first, first + PERIODS - 1):
            world.meter_of[world.works.address].post(day, works_day(day - first))
    world.clock.move_to(world.clock.now + DAY + 1)
    for farm in (world.wind, world.solar):
        meter = world.meter_of[farm.address]
        for day in days:
            world.certificates.issue(
                meter.device, day, 0, SLOTS, meter.posted[day], sender=world.stranger
            )
    for one in (world.plant, world.works):
        world.certificates.setApprovalForAll(world.quotas, True, sender=one)


@pytest.fixture(scope="module")
def lived(world, quota, other, first, hostile):
    """The quota, whose days are over and measured for good."""
    live_through(world, quota, first, hostile)
    yield quota
    for meter in world.meter_of.values():
        meter.posted.clear()


@pytest.fixture
def report(world, quotas, stranger):
    """`report(quota, account, *periods)` with the readings that were posted."""

    def bring(quota: int, account, *periods: int) -> None:
        posted = world.meter_of[account.address].posted
        for period in periods:
            quotas.report(quota, account, period, posted.get(period, b""), sender=stranger)

    return bring


@pytest.fixture
def reported(world, lived, first, report):
    """The quota, with all that the plant and the works measured reported."""
    for one in (world.plant, world.works):
        report(lived, one, *range(first, first + PERIODS))
    return lived


@pytest.fixture
def due(terms):
    """The last second for surrendering."""
    return terms()[7]


@pytest.fixture(scope="session")
def kit():
    """What tests need of this module, which they cannot import."""
    return SimpleNamespace(
        BANK_LIMIT=BANK_LIMIT,
        BANK_SECONDS=BANK_SECONDS,
        CAPACITY_W=CAPACITY_W,
        CONSUMPTION=CONSUMPTION,
        GENERATION=GENERATION,
        GOVERNMENT_ROLE=GOVERNMENT_ROLE,
        PENALTY=PENALTY,
        PERIODS=PERIODS,
        PLANT_RATIO=PLANT_RATIO,
        SOLAR=SOLAR,
        WIND=WIND,
        WORKS_RATIO=WORKS_RATIO,
        live_through=live_through,
        packed=packed,
        plant_day=plant_day,
        works_day=works_day,
        windy_day=windy_day,
    )
