"""A mall with a meter, eleven ordinary days behind it, and somebody who pays it for flexibility."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from sqlalchemy import func
from sqlmodel import select

from devnet import AnvilNode, NodeOptions, accounts
from market.rules import MarketRules
from tests.platform.noon import NOON
from tests.platform.people import Installation, People, copy_of
from wattproof.accounts import service as ledger
from wattproof.meters import service as meters
from wattproof.meters.models import ReadingRow
from wattproof.profiles import open_platform
from wattproof.rounds import service as rounds
from wattproof.runtime import Platform
from wattproof.settings import Settings
from wattproof.tasks.flow import run_until_idle

DAY = 86_400
SLOTS = 96
USUAL_WH = 10_000
WINDOW = range(60, 68)
ENERGY, CREDITS = 1, 2
RULES = MarketRules(1, 1, 900, SLOTS, 3 * 10**9, 5 * 10**8, 2_000, 2_000, 0, 0)
TOKENS = replace(
    RULES, slot_seconds=DAY, period_slots=1, imbalance_cap=0, tokenised=True, settle_window=3_600
)
TEN_OF_TEN = {"kind": 0, "dayMask": 127, "adjustLead": 12, "adjustSlots": 8, "adjustCapBp": 2_000}
PUBLISHED = TEN_OF_TEN | {"kind": 1}
REDEMPTION = 200_000_000
PROGRAMME = {
    "market": ENERGY,
    "carrier": 0,
    "direction": 0,
    "toleranceBp": 1_000,
    "maxEventSlots": 16,
    "notice": 7_200,
    "refusalLead": 3_600,
    "disputeWindow": DAY,
    "incentive": 500_000_000,
    "penalty": 300_000_000,
    "role": bytes(32),
    "rule": TEN_OF_TEN,
}
MONEY = 500_000_000


@dataclass(kw_only=True)
class Mall(People):
    """The mall, the owner of every role, and short ways to act for them."""

    account: LocalAccount
    other: LocalAccount
    meter: LocalAccount

    @property
    def address(self) -> str:
        return str(self.account.address)

    @property
    def today(self) -> int:
        return self.platform.clock.now() // DAY

    def post(self, period: int, values: Sequence[int | None]) -> None:
        """Post a day's reading and leave it to be mined."""
        reading = meters.Readings(str(self.meter.address), ENERGY, period, tuple(values))
        signature = reading.sign(meters.domain(self.platform), bytes(self.meter.key))
        with self.platform.transaction() as session:
            meters.post_readings(self.platform, session, reading, signature)
        run_until_idle(self.platform)

    def live_through(self, period: int, changed_wh: int) -> None:
        """Ordinary days, and one whose window differs by `changed_wh`; readings are posted."""
        with self.platform.transaction() as session:
            posted = session.exec(select(func.max(ReadingRow.period))).one()
        for day in range(posted + 1, period + 1):
            self.move_to(max((day + 1) * DAY + 60, self.platform.clock.now()))
            values = [USUAL_WH] * SLOTS
            if day == period:
                values[WINDOW.start : WINDOW.stop] = [USUAL_WH + changed_wh] * len(WINDOW)
            self.post(day, values)

    def let_readings_become_final(self, period: int) -> None:
        """The platform then does what is due."""
        self.move_to((period + 1) * DAY + DAY + 120)
        run_until_idle(self.platform)

    def open_series(self, expiry: int, rule: Mapping[str, int] = TEN_OF_TEN) -> int:
        """A funded series; returns its number."""
        chain = self.platform.chain
        terms = {"market": ENERGY, "carrier": 0, "redemption": REDEMPTION, "rule": rule}
        self.send(self.owner, "EnergyCredits", "openSeries", expiry, terms)
        series = int(chain.call("EnergyCredits", "seriesId", self.owner.address, expiry))
        self.send(self.owner, "EnergyCredits", "fund", series, 20_000_000)
        return series

    def announce(self, series: int, period: int, budget_wh: int = 50_000) -> int:
        self.send(
            self.owner,
            "EnergyCredits",
            "announce",
            series,
            period,
            WINDOW.start,
            len(WINDOW),
            budget_wh,
        )
        return int(self.platform.chain.call("EnergyCredits", "windowCount"))

    def join(self, window: int, cap_wh: int = 30_000, since: int = 0) -> None:
        self.send(self.account, "EnergyCredits", "join", window, cap_wh, since)

    def create_programme(self, **changes: Any) -> int:
        """A funded programme in which the mall is enrolled; returns its number."""
        chain = self.platform.chain
        self.send(self.owner, "DemandResponse", "createProgramme", PROGRAMME | changes)
        number = int(chain.call("DemandResponse", "programmeCount"))
        self.send(self.owner, "DemandResponse", "fund", number, 20_000_000)
        self.send(self.account, "DemandResponse", "enrol", number, 20_000, self.today - 20)
        return number

    def call_event(self, programme: int, period: int, target_w: int = 8_000) -> int:
        """Call an event and instruct the mall; returns the event's number."""
        window = programme, period, WINDOW.start, len(WINDOW)
        self.send(self.owner, "DemandResponse", "callEvent", *window)
        number = int(self.platform.chain.call("DemandResponse", "eventCount"))
        self.send(self.owner, "DemandResponse", "instruct", number, self.address, target_w)
        return number

    def part(self, event: int) -> Mapping[str, Any]:
        view = self.platform.chain.call("DemandResponse", "participationOf", event, self.address)
        assert isinstance(view, Mapping)
        return view

    def reading_status(self, period: int) -> int:
        """What the chain says of a day's reading."""
        place = (self.meter.address, period)
        _, _, status, _ = self.platform.chain.call("MeterRegistry", "reading", *place)
        return int(status)

    def held(self, series: int, account: LocalAccount | None = None) -> int:
        holder = account or self.account
        return int(self.platform.chain.call("EnergyCredits", "balanceOf", holder.address, series))


@dataclass
class MallTemplate(Installation):
    """An installation with a mall on it that every test gets a copy of."""

    meter: LocalAccount


def mall_on(platform: Platform, meter: LocalAccount) -> Mall:
    """The people of the template on a platform opened on a copy of it."""
    owner = accounts.account(accounts.DEPLOYER)
    mall, other = (accounts.account(accounts.FIRST_TRADER + number) for number in range(2))
    for each in (owner, mall, other):
        platform.keys.add(each)
    return Mall(platform, owner, account=mall, other=other, meter=meter)


def make_template(folder: Path) -> Iterator[MallTemplate]:
    """Markets of energy and of credits, funded people, a meter and eleven posted days."""
    meter: LocalAccount = Account.create()
    with AnvilNode(NodeOptions(chain_id=31_351, genesis_timestamp=NOON)) as node:
        with open_platform(Settings(data_dir=folder, rpc_url=node.url)) as platform:
            _set_up(mall_on(platform, meter))
        yield MallTemplate(folder, node, node.rpc("evm_snapshot"), meter)


def open_copy(template: MallTemplate, folder: Path) -> Iterator[Mall]:
    """A copy of the template's mall."""
    with copy_of(template, folder) as platform:
        yield mall_on(platform, template.meter)


def _set_up(mall: Mall) -> None:
    platform = mall.platform
    with platform.transaction() as session:
        ledger.bootstrap(platform, session)
    run_until_idle(platform)
    with platform.transaction() as session:
        rounds.create_market(platform, session, "mall energy", RULES)
        rounds.create_market(platform, session, "credits", TOKENS, capacity_source="EnergyCredits")
    run_until_idle(platform)
    people = (mall.owner, mall.account, mall.other)
    with platform.transaction() as session:
        for each in people:
            ledger.faucet(platform, session, str(each.address), MONEY, key="template")
        meters.register_device(
            platform,
            session,
            device=str(mall.meter.address),
            market=ENERGY,
            account=mall.address,
            carrier=0,
            capacity_w=80_000,
        )
    run_until_idle(platform)
    for each in people:
        for spender in ("EnergyCredits", "DemandResponse", "Ledger"):
            address = platform.chain.address(spender)
            mall.send(each, "SettlementToken", "approve", address, MONEY)
    first = mall.today
    for period in range(first, first + 11):
        mall.move_to((period + 1) * DAY + 60)
        mall.post(period, [USUAL_WH] * SLOTS)
