"""A wind farm, a works that must show certificates for what it consumes, and a government."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount

from devnet import AnvilNode, NodeOptions, accounts
from market.order import Leg, Order, sign_order
from market.rules import MarketRules
from tests.platform.noon import NOON
from tests.platform.people import Installation, People, copy_of
from wattproof.accounts import service as ledger
from wattproof.certificates.ids import VINTAGE_S, BatchId, slot_of
from wattproof.gateway.keys import Role
from wattproof.meters import service as meters
from wattproof.orders import service as orders
from wattproof.profiles import open_platform
from wattproof.rounds import service as rounds
from wattproof.rounds.facts import get_round
from wattproof.runtime import Platform
from wattproof.settings import Settings
from wattproof.tasks.flow import run_until_idle

DAY = 86_400
SLOTS = 4
ENERGY, CERTIFICATES = 1, 2
WIND, ZONE = 2, 0
CAPACITY_W = 40_000
RULES = MarketRules(1, 1, DAY // SLOTS, SLOTS, 3 * 10**9, 5 * 10**8, 2_000, 2_000, 0, 0)
TOKENS = replace(
    RULES,
    slot_seconds=VINTAGE_S,
    period_slots=1,
    imbalance_cap=0,
    tokenised=True,
    settle_window=3_600,
)
MONEY = 900_000_000
MARGIN = 200_000_000
PRICE = 80_000_000
WINDY = (-9_000, -12_000, 0, -6_000)
"""A day of the wind farm, Wh a slot."""
WORKING = (10_000, 20_000, 30_000, 0)
"""A day of the works."""


@dataclass(kw_only=True)
class Green(People):
    """Everybody, and short ways to act for them."""

    wind: LocalAccount
    works: LocalAccount
    wind_meter: LocalAccount
    works_meter: LocalAccount
    salt: int = 0

    @property
    def today(self) -> int:
        return self.platform.clock.now() // DAY

    # -- meters --------------------------------------------------------------------------------

    def post(self, meter: LocalAccount, period: int, values: Sequence[int | None]) -> None:
        reading = meters.Readings(str(meter.address), ENERGY, period, tuple(values))
        signature = reading.sign(meters.domain(self.platform), bytes(meter.key))
        with self.platform.transaction() as session:
            meters.post_readings(self.platform, session, reading, signature)
        run_until_idle(self.platform)

    def live_through(
        self,
        period: int,
        wind: Sequence[int | None] = WINDY,
        works: Sequence[int | None] = WORKING,
    ) -> None:
        """Let a day pass and both meters post it; the readings can still be disputed."""
        self.move_to(max((period + 1) * DAY + 60, self.platform.clock.now()))
        self.post(self.wind_meter, period, wind)
        self.post(self.works_meter, period, works)

    def make_final(self, period: int) -> None:
        """Let the time for disputes of what was posted of a day pass."""
        posted = self.platform.chain.call_many(
            ("MeterRegistry", "reading", (meter.address, period))
            for meter in (self.wind_meter, self.works_meter)
        )
        latest = max(posted_at for _, posted_at, _, _ in posted)
        self.move_to(latest + meters.DISPUTE_WINDOW_S + 60)

    # -- certificates --------------------------------------------------------------------------

    def certify(self, from_period: int | None = None) -> int:
        """Certify the wind farm from tomorrow on; returns that period."""
        period = from_period or self.today + 1
        place = self.wind_meter.address, WIND, ZONE, period
        self.send(self.authority, "GreenCertificates", "registerProducer", *place)
        return period

    def batch(self, period: int, slot: int) -> int:
        """Id of the wind farm's certificates of an interval."""
        return BatchId(str(self.wind_meter.address), period, slot, WIND).number

    def held(self, who: LocalAccount, *batches: int) -> list[int]:
        calls = [("GreenCertificates", "balanceOf", (who.address, batch)) for batch in batches]
        return [int(each) for each in self.platform.chain.call_many(calls)]

    def slot(self, period: int) -> int:
        """Of the certificates' market: where certificates of a day are traded."""
        return slot_of(period * DAY // VINTAGE_S)

    def offer(self, period: int, amounts: Mapping[int, int]) -> None:
        """The wind farm offers certificates of a day, Wh by slot of the day."""
        batches = [self.batch(period, slot) for slot in amounts]
        place = CERTIFICATES, self.slot(period)
        self.send(self.wind, "GreenCertificates", "offer", *place, batches, list(amounts.values()))

    def open_round(self, slot: int) -> int:
        with self.platform.transaction() as session:
            number = rounds.open_round(
                self.platform,
                session,
                CERTIFICATES,
                gate_at=self.platform.clock.now() + 600,
                first_slot=slot,
                slots=1,
            ).number
        run_until_idle(self.platform)
        return number

    def order(self, who: LocalAccount, number: int, units: int, price: int = PRICE) -> None:
        """Buy so many Wh of certificates, or sell them where negative."""
        self.salt += 1
        with self.platform.transaction() as session:
            product = get_round(session, CERTIFICATES, number).first_slot
            order = Order(
                market=CERTIFICATES,
                round=number,
                legs=(Leg(product, 1_000_000 if units > 0 else -1_000_000),),
                max_units=abs(units),
                limit=price if units > 0 else -price,
                trader=str(who.address),
                epoch=0,
                salt=self.salt,
            )
            signature = sign_order(self.platform.domain, order, bytes(who.key))
            orders.submit(self.platform, session, order, signature)

    def close_gate(self, number: int) -> None:
        with self.platform.transaction() as session:
            gate_at = get_round(session, CERTIFICATES, number).gate_at
        self.move_to(gate_at)
        run_until_idle(self.platform)

    def trade(self, period: int, wh: int) -> None:
        """The wind farm sells the works so many certificates of a day, which it has offered."""
        number = self.open_round(self.slot(period))
        self.order(self.wind, number, -wh)
        self.order(self.works, number, wh)
        self.close_gate(number)

    # -- quotas --------------------------------------------------------------------------------

    def open_quota(self, first_period: int, **changes: Any) -> int:
        """Two days in which the works owes a fifth of what it consumes; returns the number."""
        terms = quota_terms(first_period, str(self.owner.address)) | changes
        self.send(self.owner, "QuotaRegistry", "openQuota", terms)
        return int(self.platform.chain.call("QuotaRegistry", "quotaCount"))

    def oblige(self, quota: int, ratio: int = 200_000) -> None:
        place = quota, self.works.address, 1, ratio
        self.send(self.owner, "QuotaRegistry", "oblige", *place)

    def post_bond(self, quota: int, micro: int) -> None:
        self.send(self.works, "QuotaRegistry", "postBond", quota, self.works.address, micro)

    def obligation(self, quota: int) -> Mapping[str, Any]:
        view = self.platform.chain.call("QuotaRegistry", "obligationOf", quota, self.works.address)
        assert isinstance(view, Mapping)
        return view


def quota_terms(first_period: int, beneficiary: str) -> dict[str, Any]:
    """Two days, a fifth may be banked, as the contract takes them."""
    return {
        "market": ENERGY,
        "carrier": 0,
        "firstPeriod": first_period,
        "periods": 2,
        "penalty": 150_000_000,
        "bankLimit": 500_000,
        "bankSeconds": 20 * DAY,
        "surrenderBy": (first_period + 2) * DAY + 10 * DAY,
        "technologies": 1 << WIND,
        "beneficiary": beneficiary,
    }


@dataclass
class GreenTemplate(Installation):
    """An installation with a wind farm and a works on it that every test gets a copy of."""

    meters: tuple[LocalAccount, LocalAccount]


def make_template(folder: Path, chain_id: int) -> Iterator[GreenTemplate]:
    """Markets of energy and of wind's certificates, funded people and their meters."""
    keys: tuple[LocalAccount, LocalAccount] = Account.create(), Account.create()
    with AnvilNode(NodeOptions(chain_id=chain_id, genesis_timestamp=NOON)) as node:
        with open_platform(Settings(data_dir=folder, rpc_url=node.url)) as platform:
            set_up(green_on(platform, keys))
        yield GreenTemplate(folder, node, node.rpc("evm_snapshot"), keys)


def open_copy(template: GreenTemplate, folder: Path) -> Iterator[Green]:
    """A copy of the template's people."""
    with copy_of(template, folder) as platform:
        yield green_on(platform, template.meters)


def green_on(platform: Platform, keys: tuple[LocalAccount, LocalAccount]) -> Green:
    """The people on a platform, with the keys of their meters."""
    owner = accounts.account(accounts.DEPLOYER)
    wind, works = (accounts.account(accounts.FIRST_TRADER + number) for number in range(2))
    for each in (owner, wind, works):
        platform.keys.add(each)
    return Green(platform, owner, wind=wind, works=works, wind_meter=keys[0], works_meter=keys[1])


def set_up(green: Green) -> None:
    """Create the markets, fund the people, register the meters."""
    platform = green.platform
    with platform.transaction() as session:
        ledger.bootstrap(platform, session)
    run_until_idle(platform)
    source = "GreenCertificates"
    with platform.transaction() as session:
        rounds.create_market(platform, session, "energy", RULES)
        rounds.create_market(platform, session, "wind", TOKENS, capacity_source=source)
    run_until_idle(platform)
    with platform.transaction() as session:
        for each in (green.owner, green.wind, green.works):
            ledger.faucet(platform, session, str(each.address), MONEY, key="template")
        for meter, who in ((green.wind_meter, green.wind), (green.works_meter, green.works)):
            meters.register_device(
                platform,
                session,
                device=str(meter.address),
                market=ENERGY,
                account=str(who.address),
                carrier=0,
                capacity_w=CAPACITY_W,
            )
        for who in (green.wind, green.works):
            address = str(who.address)
            ledger.fund_margin(platform, session, CERTIFICATES, address, MARGIN, key="template")
        ledger.post_bond(platform, session, Role.OPERATOR, CERTIFICATES, MARGIN)
    run_until_idle(platform)
    green.send(green.owner, source, "bindMarket", CERTIFICATES, WIND, ZONE)
    registry = platform.chain.address("QuotaRegistry")
    green.send(green.works, "SettlementToken", "approve", registry, MONEY)
