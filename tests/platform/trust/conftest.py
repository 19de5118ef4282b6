"""A season of eleven periods on a real node: kept and broken promises, disputes, and a stranger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount

from devnet import AnvilNode, NodeOptions, accounts
from tests.platform.noon import NOON
from wattproof.gateway import outbox
from wattproof.meters import service as meters
from wattproof.meters.service import Readings
from wattproof.meters.values import pack
from wattproof.profiles import open_platform
from wattproof.rounds.facts import get_market, get_round
from wattproof.settings import Settings
from wattproof.tasks.flow import run_until_idle

PRICE = 100_000_000
SLOTS = 8
PERIODS = 11
DAY = 86_400
BUYER, SELLER, HIDER, UNMETERED = range(4)
KEEP, REPLACE, VOID = range(3)
URL = "http://testserver"


@dataclass
class Season:
    """The desk after its rounds."""

    desk: Any
    periods: tuple[int, ...]

    @property
    def platform(self) -> Any:
        return self.desk.platform

    def address(self, trader: int) -> str:
        return str(self.desk.traders[trader].address)


def device(trader: int) -> LocalAccount:
    return accounts.account(20 + trader)


def send(desk: Any, signer: LocalAccount, contract: str, function: str, *arguments: Any) -> None:
    platform = desk.platform
    desk.salt += 1
    key = f"{contract}.{function}:{desk.salt}"
    with platform.transaction() as session:
        outbox.call(
            session,
            platform.chain,
            contract,
            function,
            *arguments,
            key=key,
            signer=str(signer.address),
        )
    run_until_idle(platform)
    with platform.transaction() as session:
        row = outbox.find(session, key)
        assert row is not None
        assert row.status == outbox.MINED, row.error


def authority() -> LocalAccount:
    return accounts.account(accounts.ISSUER)


def post(desk: Any, trader: int, period: int, values: dict[int, int | None]) -> None:
    readings = Readings(
        device=str(device(trader).address),
        market=desk.market,
        period=period,
        values_wh=tuple(values.get(slot, 0) for slot in range(SLOTS)),
    )
    signature = readings.sign(meters.domain(desk.platform), bytes(device(trader).key))
    with desk.platform.transaction() as session:
        meters.post_readings(desk.platform, session, readings, signature)
    run_until_idle(desk.platform)


def end_of(desk: Any, period: int) -> int:
    with desk.platform.transaction() as session:
        return meters.period_end(get_market(session, desk.market), period)


def register(desk: Any, *traders: int) -> None:
    with desk.platform.transaction() as session:
        for trader in traders:
            meters.register_device(
                desk.platform,
                session,
                device=str(device(trader).address),
                market=desk.market,
                account=str(desk.traders[trader].address),
                carrier=0,
                capacity_w=50_000,
            )
    run_until_idle(desk.platform)


def trade(desk: Any) -> int:
    """The seller sells 3 kWh, the hider and the unmetered one buy and sell 1; returns the period.

    In slot 2 the seller buys from itself what it sells: that is no sale.
    """
    number = desk.open_round()
    desk.buy(BUYER, number, 0, 3_000, 3 * PRICE)
    desk.sell(SELLER, number, 0, 3_000, PRICE)
    desk.buy(UNMETERED, number, 1, 1_000, 3 * PRICE)
    desk.sell(HIDER, number, 1, 1_000, PRICE)
    desk.buy(SELLER, number, 2, 4_000, 3 * PRICE)
    desk.sell(SELLER, number, 2, 4_000, PRICE)
    desk.close_gate(number)
    run_until_idle(desk.platform)
    with desk.platform.transaction() as session:
        row = get_round(session, desk.market, number)
    assert row.state == "confirmed"
    return int(row.period)


def dispute(desk: Any, trader: int, period: int, by: LocalAccount) -> None:
    send(desk, by, "MeterRegistry", "dispute", str(device(trader).address), period)


def rule(desk: Any, trader: int, period: int, ruling: int, values: bytes = b"") -> None:
    place = str(device(trader).address), period
    send(desk, authority(), "MeterRegistry", "resolve", *place, ruling, values)


def live(desk: Any) -> tuple[int, ...]:
    register(desk, BUYER, SELLER, HIDER)
    periods = []
    for number in range(PERIODS):
        period = trade(desk)
        periods.append(period)
        desk.move_to(end_of(desk, period) + 1)
        post(desk, BUYER, period, {0: 3_000})
        post(desk, SELLER, period, {0: -2_000})
        if number != 7:  # once the hider posts nothing at all
            post(desk, HIDER, period, {1: -1_000})
        ruler, seller = authority(), desk.traders[SELLER]
        if number == 2:
            dispute(desk, SELLER, period, ruler)
            rule(desk, SELLER, period, REPLACE, pack([-500, 0, 0, 0, 0, 0, 0, 0]))
        if number == 3:
            dispute(desk, SELLER, period, seller)
            rule(desk, SELLER, period, KEEP)
        if number == 4:
            dispute(desk, HIDER, period, ruler)
            rule(desk, HIDER, period, VOID)
        if number == 5:
            dispute(desk, HIDER, period, ruler)
    desk.move_to(end_of(desk, periods[-1]) + 5 * DAY)
    with desk.platform.transaction() as session:
        for period in periods:  # whatever was tried in the very second in which it became final
            meters.close_imbalance(desk.platform, session, desk.market, period)
    run_until_idle(desk.platform)
    # One more trade whose period is over and that nobody has closed yet.
    periods.append(trade(desk))
    desk.move_to(end_of(desk, periods[-1]) + 1)
    run_until_idle(desk.platform)
    return tuple(periods)


@pytest.fixture(scope="package")
def season(new_desk: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Season]:
    with AnvilNode(NodeOptions(chain_id=31_345, genesis_timestamp=NOON)) as node:
        settings = Settings(
            data_dir=tmp_path_factory.mktemp("data"), rpc_url=node.url, public_url=URL
        )
        with open_platform(settings) as opened:
            desk = new_desk(opened)
            yield Season(desk, live(desk))
