"""Replay derives a network account's orders again, and says where it cheated."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import select

from tests.platform.networks.conftest import MARGIN
from wattproof import audit
from wattproof.accounts import service as ledger
from wattproof.meters import service as meters
from wattproof.meters.models import ClosureRow
from wattproof.rounds.facts import get_market, get_round
from wattproof.tasks.flow import run_until_idle

MORE_WH = 2_500
"""10 kW more over a quarter of an hour."""


def replay(linked: Any) -> audit.Report:
    platform = linked.desk.platform
    return audit.replay(platform.chain.rpc_url, platform.deployment, database=platform.engine)


def found(report: audit.Report) -> list[tuple[str, str, str, str]]:
    return [(f.place, f.key, f.what, f.detail) for f in report.findings]


@pytest.fixture
def honest(linked: Any) -> Any:
    """A settled round in which the cable was full."""
    number = linked.open_round()
    linked.hand_in(number)
    linked.trade(number)
    linked.settle(number)
    return linked


def test_an_honest_network_account_leaves_nothing_to_find(honest: Any) -> None:
    report = replay(honest)
    assert report.findings == []
    (done,) = report.rounds
    assert done.coupled
    # 5,000 Wh enter, 4,750 arrive: bought by the cable and by zone 1.
    assert done.traded_wh == 5_000 + 4_750
    assert report.checked["network"] == 2


def test_ten_kilowatts_more_on_a_line_is_located(linked: Any) -> None:
    number = linked.open_round()
    first, second = linked.derived(number)
    linked.submit([replace(first, max_units=first.max_units + MORE_WH), second])
    linked.trade(number)
    linked.settle(number)
    report = replay(linked)
    assert found(report) == [
        (
            "network",
            f"market {linked.market} round {number}",
            f"link cable forward, slot {linked.first_slot}",
            "altered: max_units is 7500, derived is 5000",
        )
    ]
    # It settled: what was bought flowed beyond the limit, and all balances are as the chain says.
    assert report.rounds[0].traded_wh == 7_500 + 7_125


def test_an_order_left_out_and_one_beside_the_description_are_located(linked: Any) -> None:
    number = linked.open_round()
    first, second = linked.derived(number)
    linked.submit([first, replace(second, salt=9)])
    linked.trade(number)
    linked.settle(number)
    what = [(order, detail.split(":")[0]) for _, _, order, detail in found(replay(linked))]
    assert what == [
        ("salt 9", "added"),
        (f"link cable forward, slot {linked.first_slot + 1}", "missing"),
    ]


def test_a_network_account_that_stays_away_is_reported(linked: Any) -> None:
    number = linked.open_round()
    linked.trade(number)
    linked.settle(number)
    assert found(replay(linked)) == [
        (
            "network",
            f"market {linked.market} round {number}",
            "orders",
            f"{linked.owner.address} handed in none",
        )
    ]


def test_margin_taken_back_before_the_gate_is_reported(linked: Any) -> None:
    number = linked.open_round()
    linked.hand_in(number)
    linked.trade(number)
    platform = linked.desk.platform
    with platform.transaction() as session:
        ledger.ledger_call(
            platform,
            session,
            str(linked.owner.address),
            "requestExit",
            linked.market,
            5 * 10**8,
            key="away",
        )
    run_until_idle(platform)
    linked.settle(number)
    details = {detail.split(":")[0] for *_, detail in found(replay(linked))}
    assert details == {"without effect"}


def test_the_account_closes_at_its_positions_and_is_charged_nothing(honest: Any) -> None:
    """What the cable lost stays with its account: bought, and not delivered on."""
    platform = honest.desk.platform
    with platform.transaction() as session:
        end = meters.period_end(
            get_market(session, honest.market), get_round(session, honest.market, 1).period
        )
    honest.desk.move_to(end + meters.POST_WINDOW_S + 10)
    run_until_idle(platform)
    with platform.transaction() as session:
        rows = session.exec(select(ClosureRow)).all()
        (own,) = (row for row in rows if row.account == honest.owner.address)
    assert (own.closed, own.charge_micro) == (True, 0)
    # The congestion revenue: 4,750 Wh at 20 cents less 5,000 Wh at 5 cents.
    word = platform.chain.call(
        "Ledger", "free", platform.chain.address("SettlementToken"), own.account
    )
    assert word == 2 * 10**9 - 10**9 - MARGIN + own.lock_micro
    assert own.lock_micro == 950_000 - 250_000 + 975_000
    assert replay(honest).findings == []


def export(linked: Any) -> dict[str, Any]:
    platform = linked.desk.platform
    bundle = audit.export_round(platform.chain.rpc_url, platform.deployment, (linked.market, 1))
    return dict(json.loads(json.dumps(bundle)))


def test_a_bundle_carries_the_description_and_verifies(honest: Any) -> None:
    url = honest.desk.platform.chain.rpc_url
    bundle = export(honest)
    assert audit.verify_bundle(bundle, url).findings == []
    for altered in (
        bundle | {"networkDescription": bundle["networkDescription"][:-2] + "20"},
        {name: value for name, value in bundle.items() if name != "networkDescription"},
    ):
        assert not audit.verify_bundle(copy.deepcopy(altered), url).ok


def test_a_bundle_of_a_widened_line_says_so(linked: Any) -> None:
    number = linked.open_round()
    first, second = linked.derived(number)
    linked.submit([replace(first, max_units=first.max_units + 1), second])
    linked.trade(number)
    linked.settle(number)
    report = audit.verify_bundle(export(linked), linked.desk.platform.chain.rpc_url)
    assert [f.detail for f in report.findings] == ["altered: max_units is 5001, derived is 5000"]


def test_a_description_altered_in_the_database_is_named(honest: Any) -> None:
    with honest.desk.platform.engine.begin() as connection:
        connection.execute(text("UPDATE network_description SET description = description || '20'"))
    assert [(f.place, f.what) for f in replay(honest).findings] == [
        ("network_description", "description")
    ]
