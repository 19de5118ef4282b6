from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account
from sqlalchemy import text
from sqlmodel import select

from wattproof import audit
from wattproof.meters import service as meters
from wattproof.meters.models import ClosureRow
from wattproof.rounds.facts import get_market, get_round
from wattproof.tasks.flow import run_until_idle

PRICE = 100_000_000


@pytest.fixture
def settled(desk: Any) -> Any:
    """Two settled rounds: one product by product, one coupled, and an open one with an order."""
    first = desk.open_round()
    desk.buy(0, first, 0, 5_000, 3 * PRICE)
    desk.sell(1, first, 0, 3_000, PRICE)
    desk.buy(2, first, 0, 2_000, 3 * PRICE)
    desk.sell(3, first, 1, 700, 2 * PRICE)
    desk.close_gate(first)
    run_until_idle(desk.platform)
    second = desk.open_round()
    desk.submit(desk.order(0, second, 1_000, PRICE, (0, 1_000_000), (3, -900_000)))
    desk.sell(1, second, 0, 5_000, PRICE)
    desk.buy(2, second, 3, 5_000, 4 * PRICE)
    desk.close_gate(second)
    run_until_idle(desk.platform)
    third = desk.open_round()
    desk.buy(3, third, 2, 900, PRICE)
    run_until_idle(desk.platform)
    return desk


def _replay(desk: Any) -> audit.Report:
    platform = desk.platform
    return audit.replay(platform.chain.rpc_url, platform.deployment, database=platform.engine)


def test_the_replay_of_an_untouched_installation_is_equal(settled: Any) -> None:
    report = _replay(settled)
    assert report.findings == []
    assert [(done.orders, done.coupled) for done in report.rounds] == [(4, False), (3, True)]
    assert report.checked["signed_order"] > 40
    assert report.checked["events"] > 20


def test_a_deployment_from_before_certificates_and_quotas_replays_equal(settled: Any) -> None:
    platform = settled.platform
    names = ("GreenCertificates", "QuotaRegistry")
    known = {n: a for n, a in platform.deployment.addresses.items() if n not in names}
    older = replace(platform.deployment, addresses=known)
    assert audit.replay(platform.chain.rpc_url, older).findings == []


def test_the_replay_covers_chunks_forced_orders_meters_and_closings(desk: Any) -> None:
    platform = desk.platform
    object.__setattr__(
        platform, "settings", platform.settings.model_copy(update={"chunk_orders": 3})
    )
    device = Account.create()
    with platform.transaction() as session:
        meters.register_device(
            platform,
            session,
            device=device.address,
            market=desk.market,
            account=str(desk.traders[0].address),
            carrier=0,
            capacity_w=20_000,
        )
    number = desk.open_round()
    for slot in range(4):
        desk.buy(0, number, slot, 2_000, 3 * PRICE)
        desk.sell(1, number, slot, 2_500, PRICE)
        desk.sell(2, number, slot, 2_500, PRICE)
    desk.close_gate(number)
    run_until_idle(platform)
    with platform.transaction() as session:
        row = get_round(session, desk.market, number)
        market = get_market(session, desk.market)
    desk.move_to(meters.period_end(market, row.period) + 10)
    readings = meters.Readings(
        str(device.address), desk.market, row.period, (2_000, 1_500, 2_600, None, 0, 0, 0, 0)
    )
    with platform.transaction() as session:
        meters.post_readings(
            platform, session, readings, readings.sign(meters.domain(platform), device.key)
        )
    run_until_idle(platform)
    desk.move_to(meters.period_end(market, row.period) + meters.POST_WINDOW_S + 10)
    run_until_idle(platform)
    report = _replay(desk)
    assert report.findings == []
    assert report.rounds[0].orders == 12
    with platform.transaction() as session:
        closures = session.exec(select(ClosureRow)).all()
    assert [closure.closed for closure in closures] == [True] * 3
    assert sum(closure.charge_micro or 0 for closure in closures) != 0


# Every stored column that the chain or a signature decides.
COLUMNS = {
    "signed_order": "digest market round trader legs max_units limit_nano_per_kwh epoch salt "
    "signature received_at receipt_signature book_index maximum fill payment_micro",
    "price": "product price_nano_per_kwh indicative",
    "round": "state gate_at first_slot slots period book_root book_count coupled gap_micro "
    "welfare_micro dust_micro positions_root positions_count prices_hash",
    "trader_facts": "margin_micro epoch eligible",
    "balance_market": "margin_micro locked_micro epoch capacity bond_micro",
    "balance_free": "free_micro",
    "balance_asset": "dust_micro total_deposited_micro",
    "market": "operator params",
    "block": "hash",
    "chain_event": "args transaction_hash",
}
# SQLite reads anything but 0 as true: such a byte changes nothing that is stored.
BOOLEANS = ("indicative", "coupled", "eligible")


def _altered(value: Any) -> Any:
    """The value with one byte changed."""
    if isinstance(value, int | float):
        return int(value) ^ 1
    written = str(value)
    place = max(i for i, letter in enumerate(written) if letter.isalnum())
    other = {"0": "1", "a": "b", "A": "B"}.get(written[place], "0")
    return written[:place] + other + written[place + 1 :]


def _unreadable(value: Any) -> str:
    """The value with one byte that has no business there."""
    return str(value)[:-1] + "%"


@pytest.mark.parametrize("alter", [_altered, _unreadable])
def test_one_altered_byte_anywhere_is_named(settled: Any, alter: Callable[[Any], Any]) -> None:
    engine = settled.platform.engine
    missed = []
    for table, column in [(t, c) for t, columns in COLUMNS.items() for c in columns.split()]:
        if alter is _unreadable and column in BOOLEANS:
            continue
        with engine.begin() as connection:
            rowid, value = connection.execute(
                text(f"SELECT rowid, {column} FROM {table} WHERE {column} IS NOT NULL LIMIT 1")
            ).one()
            connection.execute(text("PRAGMA defer_foreign_keys=ON"))
            connection.execute(
                text(f"UPDATE {table} SET {column} = :value WHERE rowid = :rowid"),
                {"value": alter(value), "rowid": rowid},
            )
        report = _replay(settled)
        if not any(finding.place == table for finding in report.findings):
            missed.append((table, column, [str(f) for f in report.findings]))
        with engine.begin() as connection:
            connection.execute(
                text(f"UPDATE {table} SET {column} = :value WHERE rowid = :rowid"),
                {"value": value, "rowid": rowid},
            )
    assert missed == []
    assert _replay(settled).findings == []


def test_a_deleted_order_is_named(settled: Any) -> None:
    with settled.platform.engine.begin() as connection:
        connection.execute(
            text("DELETE FROM signed_order WHERE digest = :d"), {"d": settled.digests[0]}
        )
    report = _replay(settled)
    assert [(f.place, f.key, f.what) for f in report.findings] == [
        ("signed_order", settled.digests[0], "row")
    ]


def test_an_altered_fill_is_named_with_both_values(settled: Any) -> None:
    with settled.platform.engine.begin() as connection:
        connection.execute(
            text("UPDATE signed_order SET fill = fill + 1 WHERE digest = :d"),
            {"d": settled.digests[1]},
        )
    (finding,) = _replay(settled).findings
    assert (finding.place, finding.key, finding.what) == (
        "signed_order",
        settled.digests[1],
        "fill",
    )
    assert "3001" in finding.detail
    assert "3000" in finding.detail
