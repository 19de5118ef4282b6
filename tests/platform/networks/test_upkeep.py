"""Networks whose account the platform has the key of: it hands in their orders by itself."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest
from sqlmodel import select

from market.network import describe
from market.registry import MarketManifest
from tests.platform.networks.conftest import NETWORK, Linked, linked_rules
from wattproof import audit
from wattproof.accounts import service as ledger
from wattproof.cli import schedule
from wattproof.gateway.keys import Role
from wattproof.orders.models import OrderRow
from wattproof.rounds import service as rounds
from wattproof.rounds.facts import get_market
from wattproof.tasks.flow import run_until_idle


def create(desk: Any) -> Linked:
    """A market whose network the platform runs; its account has no margin yet."""
    platform = desk.platform
    with platform.transaction() as session:
        rounds.create_market(
            platform,
            session,
            "own",
            linked_rules(session, desk.market),
            network=platform.keys.address(Role.NETWORK),
            network_description=describe(NETWORK),
        )
    run_until_idle(platform)
    with platform.transaction() as session:
        row = rounds.market_named(session, "own")
        assert row is not None
        number = row.market
        for trader in desk.traders[:2]:
            address = str(trader.address)
            ledger.ledger_call(platform, session, address, "addMargin", number, 10**8, key=address)
    run_until_idle(platform)
    return Linked(desk, number)


def handed_in(linked: Linked) -> int:
    platform = linked.desk.platform
    with platform.transaction() as session:
        mine = select(OrderRow).where(OrderRow.trader == platform.keys.address(Role.NETWORK))
        return len(session.exec(mine).all())


def test_orders_are_handed_in_once_margin_covers_them_all(desk: Any) -> None:
    linked, platform = create(desk), desk.platform
    account = platform.keys.address(Role.NETWORK)
    number = linked.open_round(slots=2)
    assert handed_in(linked) == 0
    for part in ("first", "second"):  # each the margin of one of the two slots
        assert handed_in(linked) == 0
        with platform.transaction() as session:
            ledger.fund_margin(platform, session, linked.market, account, 975_000, key=part)
        run_until_idle(platform)
    assert handed_in(linked) == 2
    linked.trade(number)
    linked.settle(number)
    report = audit.replay(platform.chain.rpc_url, platform.deployment, database=platform.engine)
    assert report.findings == []
    assert report.checked["network"] == 2


def test_what_the_account_has_free_makes_up_its_margin(desk: Any) -> None:
    linked, platform = create(desk), desk.platform
    account = platform.keys.address(Role.NETWORK)
    with platform.transaction() as session:
        ledger.send_gas(platform, session, [account])
        ledger.fund_accounts(platform, session, {account: 3_000_000}, key="revenue")
    run_until_idle(platform)
    linked.open_round(slots=2)
    assert handed_in(linked) == 2
    assert platform.chain.call("Ledger", "account", linked.market, account)["margin"] == 1_950_000
    linked.desk.move_to(linked.desk.now() + 200)
    run_until_idle(platform)
    linked.open_round(slots=3)  # none of it was used: only the third slot's is missing
    assert handed_in(linked) == 5
    token = platform.chain.address("SettlementToken")
    assert platform.chain.call("Ledger", "free", token, account) == 3_000_000 - 3 * 975_000


def test_an_installation_sets_up_a_market_with_its_network(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = desk.platform
    with platform.transaction() as session:
        ledger.bootstrap(platform, session)
        rules = linked_rules(session, desk.market)
    manifest = MarketManifest(
        name="installed",
        title="Two zones and a cable",
        carriers=("electricity",),
        zones=("north", "south"),
        rules=rules,
        role="prosumer",
        network=NETWORK,
    )
    run_until_idle(platform)
    monkeypatch.setattr(schedule, "markets", lambda: MappingProxyType({"installed": manifest}))
    for _ in range(2):  # again changes nothing
        schedule.set_up_markets(platform)
    with platform.transaction() as session:
        row = rounds.market_named(session, "installed")
        assert row is not None
        assert schedule.open_due_round(
            platform, session, get_market(session, row.market), round_seconds=600
        )
    run_until_idle(platform)
    with platform.transaction() as session:
        (opened,) = rounds.list_rounds(session, row.market)
    assert (opened.state, opened.error) == ("open", None)
    assert handed_in(Linked(desk, row.market)) == opened.slots
