"""A real platform for a test: own folder, own node, own database; and a small market on it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount

from devnet import AnvilNode, NodeOptions, accounts
from market.order import Leg, Order, sign_order
from market.product import Product
from market.rules import MarketRules
from tests.platform.flexible_mall import Mall, MallTemplate, make_template, open_copy
from tests.platform.green_power import Green, GreenTemplate
from tests.platform.green_power import make_template as make_green_template
from tests.platform.green_power import open_copy as open_green_copy
from tests.platform.noon import NOON
from tests.platform.shared_databases import engine, postgres, shared_engine
from wattproof.accounts import service as ledger
from wattproof.gateway.clock import ChainClock
from wattproof.gateway.keys import Role
from wattproof.orders import service as orders
from wattproof.orders.service import SignedReceipt
from wattproof.profiles import open_platform
from wattproof.rounds import service as rounds
from wattproof.runtime import Platform
from wattproof.settings import Settings
from wattproof.tasks.flow import run_until_idle

__all__ = ["engine", "postgres", "shared_engine"]  # fixtures for all that is below

MARGIN = 1_000_000_000
SLOT_SECONDS = 900
RULES = MarketRules(
    carriers=1,
    zones=1,
    slot_seconds=SLOT_SECONDS,
    period_slots=8,
    price_cap=4_000_000_000,
    imbalance_cap=1_000_000_000,
    shortfall_bp=2_000,
    surplus_bp=2_000,
    gap_floor_micro=10,
    gap_cap_micro=1_000_000,
)
ONE = 1_000_000
TRADERS = 4
FLEET = ("ada", "bob", "cem")


@pytest.fixture
def node() -> Iterator[AnvilNode]:
    """A node of the test's own, its chain in memory."""
    with AnvilNode(NodeOptions(chain_id=31_338, genesis_timestamp=NOON)) as running:
        yield running


@dataclass
class Template:
    """An installation with a market that every test gets a copy of."""

    folder: Path
    node: AnvilNode
    snapshot: str


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Template]:
    """Made once: contracts deployed, a market created, its traders funded."""
    folder = tmp_path_factory.mktemp("template")
    with AnvilNode(NodeOptions(chain_id=31_337, genesis_timestamp=NOON)) as running:
        with open_platform(Settings(data_dir=folder, rpc_url=running.url)) as opened:
            set_up_desk(opened)
        yield Template(folder, running, running.rpc("evm_snapshot"))


@pytest.fixture
def settings(tmp_path: Path, template: Template) -> Settings:
    """The embedded profile in a folder of the test's own, on the chain as the template left it."""
    template.node.rpc("evm_setAutomine", True)
    assert template.node.rpc("evm_revert", template.snapshot)
    template.snapshot = template.node.rpc("evm_snapshot")
    shutil.copytree(template.folder, tmp_path / "data")
    return Settings(data_dir=tmp_path / "data", rpc_url=template.node.url)


@pytest.fixture
def platform(settings: Settings) -> Iterator[Platform]:
    """A platform with the template's market on it."""
    with open_platform(settings) as opened:
        yield opened


@dataclass
class Desk:
    """A market with funded traders, and short ways to trade on it."""

    platform: Platform
    market: int
    traders: list[LocalAccount]
    salt: int = 0
    digests: list[str] = field(default_factory=list)

    def now(self) -> int:
        return self.platform.clock.now()

    def open_round(self, *, gate_in: int = 100, slots: int = 4) -> int:
        """Open a round of the next whole period; returns its number."""
        period_seconds = RULES.period_slots * SLOT_SECONDS
        period = (self.now() + gate_in) // period_seconds + 1
        with self.platform.transaction() as session:
            row = rounds.open_round(
                self.platform,
                session,
                self.market,
                gate_at=self.now() + gate_in,
                first_slot=period * RULES.period_slots,
                slots=slots,
            )
            number = row.number
        run_until_idle(self.platform)
        return number

    def order(
        self,
        trader: int,
        round: int,
        units: int,
        limit: int,
        *legs: tuple[int, int],
        epoch: int = 0,
    ) -> tuple[Order, bytes]:
        """A signed order; legs are (slot of the round, coefficient)."""
        with self.platform.transaction() as session:
            first = next(
                r.first_slot for r in rounds.list_rounds(session, self.market) if r.number == round
            )
        self.salt += 1
        order = Order(
            market=self.market,
            round=round,
            legs=tuple(
                Leg(Product(0, 0, first + slot).id, coefficient) for slot, coefficient in legs
            ),
            max_units=units,
            limit=limit,
            trader=str(self.traders[trader].address),
            epoch=epoch,
            salt=self.salt,
        )
        return order, sign_order(self.platform.domain, order, bytes(self.traders[trader].key))

    def submit(self, *signed: tuple[Order, bytes]) -> list[SignedReceipt]:
        """Send orders to the platform."""
        with self.platform.transaction() as session:
            receipts = orders.submit_many(self.platform, session, list(signed))
        self.digests += ["0x" + receipt.order_hash.hex() for receipt in receipts]
        return receipts

    def buy(self, trader: int, round: int, slot: int, wh: int, limit: int) -> SignedReceipt:
        return self.submit(self.order(trader, round, wh, limit, (slot, ONE)))[0]

    def sell(self, trader: int, round: int, slot: int, wh: int, ask: int) -> SignedReceipt:
        return self.submit(self.order(trader, round, wh, -ask, (slot, -ONE)))[0]

    def mined(self, digest: str) -> Any:
        """The receipt of a transaction that was sent past the platform."""
        give_up = time.monotonic() + 30
        while (receipt := self.platform.chain.request("eth_getTransactionReceipt", digest)) is None:
            assert time.monotonic() < give_up, f"{digest} was not mined"
            time.sleep(0.01)
        return receipt

    def move_to(self, timestamp: int) -> None:
        """Let the chain's time pass."""
        clock = self.platform.clock
        assert isinstance(clock, ChainClock)
        clock.advance_to(timestamp)

    def close_gate(self, round: int) -> None:
        """Let the gate's time pass; the platform does the rest."""
        with self.platform.transaction() as session:
            row = next(r for r in rounds.list_rounds(session, self.market) if r.number == round)
        self.move_to(row.gate_at)


def _traders(platform: Platform, count: int) -> list[LocalAccount]:
    traders = [accounts.account(accounts.FIRST_TRADER + i) for i in range(count)]
    for trader in traders:
        platform.keys.add(trader)
    return traders


def set_up_desk(platform: Platform, count: int = TRADERS, rules: MarketRules = RULES) -> Desk:
    """Create a market, fund its traders and the balancing bond."""
    with platform.transaction() as session:
        rounds.create_market(platform, session, "test", rules)
    run_until_idle(platform)
    traders = _traders(platform, count)
    with platform.transaction() as session:
        market = rounds.market_named(session, "test")
        assert market is not None
        number = market.market
        funded = ledger.fund_accounts(
            platform, session, {str(t.address): MARGIN * 2 for t in traders}, key="traders"
        )
        for trader in traders:
            ledger.ledger_call(
                platform,
                session,
                str(trader.address),
                "addMargin",
                number,
                MARGIN,
                key="first",
                after=funded,
            )
        ledger.post_bond(platform, session, Role.BALANCING, number, MARGIN)
        ledger.post_bond(platform, session, Role.OPERATOR, number, MARGIN)
    run_until_idle(platform)
    return Desk(platform, number, traders)


@pytest.fixture(scope="session")
def new_desk() -> Callable[[Platform], Desk]:
    """Sets up a market on a platform of the test's own making."""
    return set_up_desk


@pytest.fixture
def desk(platform: Platform) -> Desk:
    """The template's market with its four funded traders."""
    traders = _traders(platform, TRADERS)
    return Desk(platform, 1, traders)


def _fleet_inputs(day: int, **changes: Any) -> dict[str, Any]:
    """Three vehicles with known stays on a day (days since 1970)."""
    per_vehicle = {
        "battery_capacity_wh": 60_000.0,
        "reserve_wh": 6_000.0,
        "charge_power_w": 11_000.0,
        "discharge_power_w": 0.0,
        "charge_efficiency": 0.92,
        "discharge_efficiency": 0.92,
        "degradation_cost_per_kwh": 0.02,
        "value_of_energy_per_kwh": 2.0,
    }
    habits = {
        "arrival_s": 30_000.0,
        "departure_s": 70_000.0,
        "need_wh": 12_000.0,
        "arrival_scatter_s": 1_800.0,
        "declaration_scatter_s": 1_200.0,
        "departure_scatter_s": 900.0,
        "days_seen": 5.0,
    }
    stays = {
        "arrival_s": 28_800.0,
        "departure_s": 72_000.0,
        "declared_departure_s": 72_000.0,
        "initial_energy_wh": 20_000.0,
        "need_wh": 15_000.0,
    }

    def many(fields: Mapping[str, float]) -> dict[str, list[float]]:
        return {name: [value] * len(FLEET) for name, value in fields.items()}

    hours = (8, 9, 10, 11, 18, 19)
    price = [0.20 if slot // 4 in hours else 0.10 + 0.0005 * slot for slot in range(96)]
    return {
        "horizon": {"start": datetime.fromtimestamp(day * 86_400, UTC).isoformat()},
        "vehicles": {"owner_ids": list(FLEET), **many(per_vehicle)},
        "habits": many(habits),
        "stays": many(stays),
        "signal": {
            "price_per_kwh": price,
            "base_load_w": [20_000.0] * 96,
            "feeder_limit_w": 60_000.0,
        },
    } | changes


@pytest.fixture(scope="session")
def fleet_inputs() -> Callable[..., dict[str, Any]]:
    """Makes a dispatch plan's inputs: three vehicles with known stays on a day."""
    return _fleet_inputs


@pytest.fixture(scope="session")
def mall_template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MallTemplate]:
    """Made once: a mall with a meter and eleven ordinary days behind it."""
    yield from make_template(tmp_path_factory.mktemp("mall"))


@pytest.fixture
def mall(tmp_path: Path, mall_template: MallTemplate) -> Iterator[Mall]:
    """The template's mall on a chain and a database of the test's own."""
    yield from open_copy(mall_template, tmp_path / "mall")


@pytest.fixture(scope="session")
def green_template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GreenTemplate]:
    """Made once: a wind farm, a works and the markets they trade in."""
    yield from make_green_template(tmp_path_factory.mktemp("green"), 31_352)


@pytest.fixture
def green(tmp_path: Path, green_template: GreenTemplate) -> Iterator[Green]:
    """The template's wind farm and works on a chain and a database of the test's own."""
    yield from open_green_copy(green_template, tmp_path / "green")
