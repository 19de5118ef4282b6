"""A market with metered accounts in a database, and short ways to ask about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Engine

from wattproof.analytics import service
from wattproof.analytics.models import ReleaseRow
from wattproof.analytics.service import FINAL_AFTER_S, Question
from wattproof.indexer.models import BlockRow
from wattproof.meters.models import DeviceRow, ReadingRow
from wattproof.rounds.models import MarketRow
from wattproof.settings import Settings
from wattproof.store.engine import transaction

SLOTS, SECONDS = 4, 900
PERIOD_S = SLOTS * SECONDS
PERIOD = 400_000
ENDS = (PERIOD + 1) * PERIOD_S
FINAL = ENDS + FINAL_AFTER_S
ACCOUNTS = 10
ANALYST = "0xA000000000000000000000000000000000000000"


def account(number: int) -> str:
    return f"0x{number + 1:040x}"


def device(number: int, market: int = 1) -> str:
    return f"0x{market * 1_000 + number:040x}"


@dataclass
class World:
    """An installation's database, its clock and its settings."""

    engine: Engine
    now: int = FINAL + 1
    settings: Settings = field(default_factory=Settings)

    @property
    def platform(self) -> Any:
        return SimpleNamespace(
            transaction=lambda: transaction(self.engine),
            engine=self.engine,
            clock=SimpleNamespace(now=lambda: self.now),
            settings=self.settings,
        )

    def add(self, *rows: Any) -> None:
        with transaction(self.engine) as session:
            session.add_all(rows)

    def market(self, number: int = 1, accounts: int = ACCOUNTS, **row: Any) -> None:
        """A market with a device of 4 kW (1000 Wh a slot) an account."""
        params = {"carriers": 2, "zones": 2, "slotSeconds": SECONDS, "periodSlots": SLOTS}
        addresses = {"operator": "", "balancing": "", "asset": ""}
        self.add(MarketRow(market=number, name=f"m{number}", params=params, **addresses))
        fields: dict[str, Any] = {"carrier": 0, "capacity_w": 4_000, "key": ""} | row
        self.add(
            *(
                DeviceRow(device=device(i, number), market=number, account=account(i), **fields)
                for i in range(accounts)
            )
        )

    def reading(self, number: int, values: Any, *, market: int = 1, **row: Any) -> None:
        fields: dict[str, Any] = {
            "period": PERIOD,
            "signature": "",
            "received_at": ENDS,
            "chain_status": "Posted",
            "posted_at": ENDS,
        }
        name = device(number, market)
        self.add(ReadingRow(device=name, market=market, values_wh=values, **fields | row))

    def block(self, timestamp: int, number: int = 1) -> None:
        self.add(BlockRow(number=number, hash="", parent_hash="", timestamp=timestamp))

    def ask(self, **changes: Any) -> ReleaseRow:
        question: dict[str, Any] = {
            "market": 1,
            "period": PERIOD,
            "carrier": 0,
            "zone": None,
            "slots_a_value": 1,
            "clamp_w": None,
            "epsilon_milli": 100,
        }
        with self.platform.transaction() as session:
            asked = Question(**question | changes)
            return service.ask(self.platform, session, asked, analyst=ANALYST)
