"""A wind farm, a store and a shop under a quota: everything that certificates go through."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount

from devnet import AnvilNode, NodeOptions, accounts
from market.order import Leg, Order, sign_order
from market.rules import MarketRules
from tests.platform.noon import NOON
from wattproof.accounts import service as ledger
from wattproof.audit.certificates_state import BatchId
from wattproof.gateway import outbox
from wattproof.gateway.clock import ChainClock
from wattproof.meters import service as meters
from wattproof.meters.values import pack
from wattproof.orders import service as orders
from wattproof.profiles import open_platform
from wattproof.rounds import service as rounds
from wattproof.rounds.facts import get_round
from wattproof.runtime import Platform
from wattproof.settings import Settings
from wattproof.tasks import flow

DAY = 86_400
SLOTS = 24
VINTAGE = 30 * DAY
LIFETIME_VINTAGES = 18
ENERGY, CERTIFICATES, ELSEWHERE = 1, 2, 3
WIND = 1
EFFICIENCY_BP, STORE_WH = 9_000, 10_000
PRICE = 50_000_000
MONEY = 500_000_000
BOND = 9_000_000
RULES = MarketRules(1, 1, 3_600, SLOTS, 3 * 10**9, 5 * 10**8, 2_000, 2_000, 0, 0)
TOKENS = replace(RULES, slot_seconds=VINTAGE, period_slots=1, imbalance_cap=0, tokenised=True)
REPLACE = 1
GENERATION, CONSUMPTION = 0, 1
QUOTA = 1
Values = Sequence[int | None]


def day(**slots: int | None) -> list[int | None]:
    """Wh of a day's slots, import positive: ``day(s3=-500)``; nothing in the others."""
    return [slots.get(f"s{slot}", 0) for slot in range(SLOTS)]


@dataclass
class Town:
    """Who takes part, and short ways to act for them. Nothing is done that nobody asked for."""

    platform: Platform
    meters: dict[str, LocalAccount]
    people: dict[str, LocalAccount]
    values: dict[tuple[str, int], Values] = field(default_factory=dict)
    sent: int = 0

    @property
    def today(self) -> int:
        return self.platform.clock.now() // DAY

    def address(self, name: str) -> str:
        return str(self.people[name].address)

    def meter(self, name: str) -> str:
        return str(self.meters[name].address)

    def batch(self, name: str, period: int, slot: int) -> int:
        """The id of what a device fed in."""
        return BatchId(self.meter(name), period, slot, WIND).number

    @property
    def authority(self) -> LocalAccount:
        """Who rules on disputes and certifies devices."""
        return accounts.account(accounts.ISSUER)

    def move_to(self, timestamp: int) -> None:
        clock = self.platform.clock
        assert isinstance(clock, ChainClock)
        clock.advance_to(max(timestamp, clock.now()))

    def rest(self) -> None:
        """Send, index and settle rounds until nothing moves."""
        steps: tuple[Callable[[Platform], bool], ...] = (
            flow.pump_outbox,
            flow.index_chain,
            flow.advance_rounds,
        )
        while any(step(self.platform) for step in steps) or flow._in_flight(self.platform):
            pass

    def send(self, signer: LocalAccount, contract: str, function: str, *arguments: Any) -> None:
        self.sent += 1
        key = f"season:{self.sent}"
        with self.platform.transaction() as session:
            outbox.call(
                session,
                self.platform.chain,
                contract,
                function,
                *arguments,
                key=key,
                signer=str(signer.address),
                gas_limit=10_000_000,
            )
        self.rest()
        with self.platform.transaction() as session:
            row = outbox.find(session, key)
            assert row is not None
            assert row.status == outbox.MINED, (function, row.error)

    def certify(self, who: str, function: str, *arguments: Any) -> None:
        """A call of the certificates' contract."""
        self.send(self.people[who], "GreenCertificates", function, *arguments)

    def oblige(self, who: str, function: str, *arguments: Any) -> None:
        """A call of the quotas' contract."""
        self.send(self.people[who], "QuotaRegistry", function, *arguments)

    def post(self, name: str, period: int, values: Values) -> None:
        """Post a day's reading."""
        self.move_to((period + 1) * DAY + 60)
        self.values[name, period] = values
        reading = meters.Readings(self.meter(name), ENERGY, period, tuple(values))
        signature = reading.sign(meters.domain(self.platform), bytes(self.meters[name].key))
        with self.platform.transaction() as session:
            meters.post_readings(self.platform, session, reading, signature)
            meters.queue_due_readings(self.platform, session)
        self.rest()

    def issue(self, name: str, period: int, first: int = 0, slots: int = SLOTS) -> None:
        values = pack(self.values[name, period])
        self.certify("owner", "issue", self.meter(name), period, first, slots, values)

    def order(self, market: int, number: int, who: str, units: int) -> None:
        """Buy units at the price, or sell them where negative."""
        with self.platform.transaction() as session:
            slot = get_round(session, market, number).first_slot
        sign = 1 if units > 0 else -1
        order = Order(
            market=market,
            round=number,
            legs=(Leg(slot, sign * 1_000_000),),
            max_units=abs(units),
            limit=sign * PRICE,
            trader=self.address(who),
            epoch=0,
            salt=1,
        )
        signature = sign_order(self.platform.domain, order, bytes(self.people[who].key))
        with self.platform.transaction() as session:
            orders.submit(self.platform, session, order, signature)

    def trade(self, market: int, slot: int, **units: int) -> None:
        """A round in which everybody bids the same price."""
        gate_at = self.platform.clock.now() + 100
        with self.platform.transaction() as session:
            number = rounds.open_round(
                self.platform, session, market, gate_at=gate_at, first_slot=slot, slots=1
            ).number
        self.rest()
        for who, amount in units.items():
            self.order(market, number, who, amount)
        self.move_to(gate_at)
        self.rest()
        with self.platform.transaction() as session:
            assert get_round(session, market, number).state == "closed"


@dataclass(frozen=True)
class GreenSeason:
    """The town after its season, and the days on which things happened."""

    town: Town
    first: int
    compliance: int
    slot: int


def open_season(folder: Path, chain_id: int) -> Iterator[GreenSeason]:
    """A node, an installation and a season on it."""
    names = ("wind", "store", "shop")
    with (
        AnvilNode(NodeOptions(chain_id=chain_id, genesis_timestamp=NOON)) as node,
        open_platform(Settings(data_dir=folder, rpc_url=node.url)) as platform,
    ):
        people = {"owner": accounts.account(accounts.DEPLOYER)} | {
            name: accounts.account(accounts.FIRST_TRADER + number)
            for number, name in enumerate(names)
        }
        for each in people.values():
            platform.keys.add(each)
        town = Town(platform, {name: Account.create() for name in names}, people)
        yield live(town)


def live(town: Town) -> GreenSeason:
    _found(town)
    first = town.today + 1
    season = GreenSeason(town, first, first + 9, first * DAY // VINTAGE + LIFETIME_VINTAGES)
    _open_quota(season)
    _produce_and_store(season)
    _sell(season)
    _comply(season)
    _expire(season)
    return season


def _found(town: Town) -> None:
    """Markets, money, meters; what is certified, and what may be traded."""
    platform = town.platform
    with platform.transaction() as session:
        ledger.bootstrap(platform, session)
    town.rest()
    source = "GreenCertificates"
    with platform.transaction() as session:
        rounds.create_market(platform, session, "town energy", RULES)
        rounds.create_market(platform, session, "certificates", TOKENS, capacity_source=source)
        rounds.create_market(platform, session, "elsewhere", TOKENS, capacity_source=source)
    town.rest()
    with platform.transaction() as session:
        for name in town.people:
            ledger.faucet(platform, session, town.address(name), MONEY, key="season")
        for name in town.meters:
            meters.register_device(
                platform,
                session,
                device=town.meter(name),
                market=ENERGY,
                account=town.address(name),
                carrier=0,
                capacity_w=5_000,
            )
    town.rest()
    for name, spender in (("owner", "QuotaRegistry"), ("wind", "QuotaRegistry")):
        address = platform.chain.address(spender)
        town.send(town.people[name], "SettlementToken", "approve", address, MONEY)
    for name in ("wind", "store", "shop"):
        address = platform.chain.address("Ledger")
        token = platform.chain.address("SettlementToken")
        town.send(town.people[name], "SettlementToken", "approve", address, MONEY)
        town.send(town.people[name], "Ledger", "deposit", token, 10**7, town.address(name))
        town.send(town.people[name], "Ledger", "addMargin", CERTIFICATES, 10**7)
    tomorrow = town.today + 1
    wind, store = town.meter("wind"), town.meter("store")
    registrar = town.authority
    town.send(registrar, "GreenCertificates", "registerProducer", wind, WIND + 1, 1, tomorrow)
    town.send(registrar, "GreenCertificates", "correct", wind, WIND, 0)
    town.send(
        registrar, "GreenCertificates", "registerStore", store, 0, EFFICIENCY_BP, STORE_WH, tomorrow
    )
    town.send(
        registrar, "GreenCertificates", "registerProducer", town.meter("shop"), WIND, 0, tomorrow
    )
    town.send(registrar, "GreenCertificates", "withdraw", store, tomorrow + 5)
    town.certify("owner", "bindMarket", CERTIFICATES, WIND, 0)
    town.certify("owner", "bindMarket", ELSEWHERE, WIND, 0)


def _open_quota(season: GreenSeason) -> None:
    """The shop owes for half of what it takes out, the wind farm for a part of what it feeds in."""
    town = season.town
    terms = {
        "market": ENERGY,
        "carrier": 0,
        "firstPeriod": season.compliance,
        "periods": 2,
        "penalty": 150_000_000,
        "bankLimit": 400_000,
        "bankSeconds": 10 * DAY,
        "surrenderBy": (season.compliance + 2 + 7) * DAY,
        "technologies": 1 << WIND,
        "beneficiary": town.address("owner"),
    }
    town.oblige("owner", "openQuota", terms)
    town.oblige("owner", "oblige", QUOTA, town.address("shop"), CONSUMPTION, 500_000)
    town.oblige("owner", "oblige", QUOTA, town.address("wind"), GENERATION, 200_000)
    town.oblige("owner", "oblige", QUOTA, town.address("wind"), GENERATION, 100_000)
    town.oblige("owner", "postBond", QUOTA, town.address("shop"), BOND)
    town.oblige("wind", "postBond", QUOTA, town.address("wind"), BOND)
    for name in ("wind", "shop"):
        registry = town.platform.chain.address("QuotaRegistry")
        town.certify(name, "setApprovalForAll", registry, True)


def _produce_and_store(season: GreenSeason) -> None:
    """A disputed reading is replaced before anything exists; a store is filled and emptied."""
    town, first = season.town, season.first
    town.post("wind", first, day(s2=40, s3=-4_500, s4=-3_000, s5=-3_000, s7=None))
    town.send(town.people["wind"], "MeterRegistry", "dispute", town.meter("wind"), first)
    corrected = day(s2=40, s3=-2_500, s4=-3_000, s5=-3_000, s7=None)
    values = pack(corrected)
    town.send(
        town.authority, "MeterRegistry", "resolve", town.meter("wind"), first, REPLACE, values
    )
    town.values["wind", first] = corrected
    town.issue("wind", first, 0, 4)
    town.issue("wind", first, 4, 20)
    town.post("store", first, day(s3=1_600, s4=1_000, s20=-1_500))

    town.post("wind", first + 1, day(s10=-2_000, s11=-1_000))
    town.post("store", first + 1, day(s1=-700, s2=None, s3=-500))
    town.move_to((first + 3) * DAY + 120)
    town.issue("wind", first + 1)

    wind, store = town.address("wind"), town.address("store")
    given = [town.batch("wind", first, 3), town.batch("wind", first, 4)]
    town.certify("wind", "safeBatchTransferFrom", wind, store, given, [1_500, 1_000], b"")
    charges = [
        {"slot": 3, "id": given[0], "amount": 1_500},
        {"slot": 4, "id": given[1], "amount": 1_000},
    ]
    for period, each in ((first, charges), (first + 1, [])):
        values = pack(town.values["store", period])
        town.certify("store", "account", town.meter("store"), period, values, each)
    town.move_to((first + 5) * DAY + 120)
    town.certify("store", "account", town.meter("store"), first + 2, b"", [])


def _sell(season: GreenSeason) -> None:
    """Offered in parts, sold to two in a round in chunks, the rest recalled, all collected."""
    town, first, slot = season.town, season.first, season.slot
    third, fifth = town.batch("wind", first, 3), town.batch("wind", first, 5)
    tenth = town.batch("wind", first + 1, 10)
    town.certify("wind", "offer", CERTIFICATES, slot, [third, fifth], [900, 3_000])
    town.certify("wind", "offer", CERTIFICATES, slot, [tenth], [2_000])
    platform = town.platform
    settings = platform.settings
    small = settings.model_copy(update={"chunk_orders": 2})
    object.__setattr__(platform, "settings", small)
    town.trade(CERTIFICATES, slot, wind=-4_500, store=1_500, shop=2_500)
    object.__setattr__(platform, "settings", settings)
    town.trade(CERTIFICATES, slot, wind=-1_000, shop=400)
    town.certify("wind", "requestRecall", CERTIFICATES, slot, 600)
    town.certify("wind", "completeRecall", CERTIFICATES, slot)
    # The same certificates wait in two markets of one class: only the call says which are fetched.
    eleventh = town.batch("wind", first + 1, 11)
    for market in (CERTIFICATES, ELSEWHERE):
        town.certify("wind", "offer", market, slot, [eleventh], [200])
    town.certify("owner", "collect", CERTIFICATES, slot, town.address("shop"), 1)
    town.certify("shop", "collect", CERTIFICATES, slot, town.address("shop"), 50)
    town.certify("wind", "collect", CERTIFICATES, slot, town.address("wind"), 50)
    town.trade(CERTIFICATES, slot, wind=-900, shop=900)
    for market in (CERTIFICATES, ELSEWHERE):
        town.certify("wind", "requestRecall", market, slot, 200)
        town.certify("wind", "completeRecall", market, slot)
    town.certify("wind", "collect", ELSEWHERE, slot, town.address("wind"), 50)
    town.certify("wind", "requestRecall", CERTIFICATES, slot, 5)
    shop = town.address("shop")
    town.certify("shop", "retire", shop, [fifth], [10], town.address("owner"), "a lunch")


def _comply(season: GreenSeason) -> None:
    """The wind farm meets its quota; the shop hides a day, surrenders some, and is penalised."""
    town, period = season.town, season.compliance
    wind, shop = town.address("wind"), town.address("shop")
    town.post("wind", period, day(s6=-4_000, s7=-1_001))
    town.post("shop", period, day(s8=1_000, s9=3_001, s10=-5))
    town.post("wind", period + 1, day(s6=-10))
    town.move_to((period + 3) * DAY + 120)
    town.issue("wind", period)
    for name, when in (("wind", period), ("wind", period + 1), ("shop", period)):
        values = pack(town.values[name, when])
        town.oblige("owner", "report", QUOTA, town.address(name), when, values)
    fresh = town.batch("wind", period, 6)
    old = town.batch("wind", season.first, 5)
    town.oblige("wind", "surrender", QUOTA, [fresh], [502])
    town.certify("wind", "safeTransferFrom", wind, shop, fresh, 500, b"")
    town.oblige("shop", "surrender", QUOTA, [fresh, old], [400, 700])
    town.oblige("shop", "surrender", QUOTA, [fresh], [100])
    town.move_to((period + 2 + 7) * DAY + 60)


def _expire(season: GreenSeason) -> None:
    town = season.town
    for name in ("wind", "shop"):
        town.oblige("owner", "settle", QUOTA, town.address(name))
    town.move_to((season.slot + 1) * VINTAGE + 60)
    left = town.batch("wind", season.first, 4)
    town.certify("owner", "expire", town.address("wind"), [left])
