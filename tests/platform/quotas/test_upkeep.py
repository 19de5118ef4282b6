"""A small compliance period, and what the platform does of it by itself, once."""

from __future__ import annotations

from typing import Any

import pytest
from sqlmodel import col, select

from tests.platform.green_power import DAY, WORKING, Green
from wattproof.gateway import outbox
from wattproof.gateway.models import OutboxRow
from wattproof.meters import service as meters
from wattproof.profiles import open_platform
from wattproof.quotas import service
from wattproof.quotas.models import ObligationRow, ReportRow
from wattproof.quotas.service import Standing
from wattproof.tasks import flow
from wattproof.tasks.flow import run_until_idle, tick

A_DAY_WH = sum(WORKING)
OWED_A_DAY_WH = A_DAY_WH // 5
CAPACITY_A_DAY_WH = 40_000 * 24


@pytest.fixture
def obliged(green: Green) -> tuple[Green, int, int]:
    """A quota of two days, eight days ahead; its number and the first day."""
    first = green.today + 8
    quota = green.open_quota(first)
    green.oblige(quota)
    green.post_bond(quota, 10_000_000)
    return green, quota, first


@pytest.fixture
def lived(obliged: tuple[Green, int, int]) -> tuple[Green, int, int]:
    """The same when the first day is reported, and the second is posted and not final yet."""
    green, _, first = obliged
    green.live_through(first)
    green.make_final(first)
    run_until_idle(green.platform)
    green.live_through(first + 1)
    return obliged


def _stored(green: Green, quota: int) -> ObligationRow:
    with green.platform.transaction() as session:
        return service.get_obligation(session, quota, str(green.works.address))


def _writes(green: Green, prefix: str) -> list[OutboxRow]:
    with green.platform.transaction() as session:
        rows = session.exec(
            select(OutboxRow)
            .where(col(OutboxRow.key).startswith(prefix))
            .order_by(col(OutboxRow.id))
        ).all()
    return list(rows)


def _after(green: Green, quota: int) -> None:
    """Let the last second for surrendering pass."""
    with green.platform.transaction() as session:
        green.move_to(service.get_quota(session, quota).terms.surrender_by + 60)
    run_until_idle(green.platform)


def test_final_readings_are_reported_once_each(lived: tuple[Green, int, int]) -> None:
    green, quota, first = lived
    green.make_final(first + 1)
    for _ in range(8):
        tick(green.platform)
    run_until_idle(green.platform)
    row = _stored(green, quota)
    assert (row.energy_wh, row.owed_wh) == (2 * A_DAY_WH, 2 * OWED_A_DAY_WH)
    assert (row.reported_periods, row.bond_micro) == (2, 10_000_000)
    assert service.standing(row) is Standing.SHORT
    assert len(_writes(green, "report:quota:")) == 2
    with green.platform.transaction() as session:
        reports = service.reports(session, quota, str(green.works.address))
    assert [(r.period, r.energy_wh) for r in reports] == [(first, A_DAY_WH), (first + 1, A_DAY_WH)]


def test_nothing_is_reported_before_it_is_final(obliged: tuple[Green, int, int]) -> None:
    green, quota, first = obliged
    green.live_through(first)
    assert _writes(green, "report:quota:") == []
    assert service.standing(_stored(green, quota)) is Standing.PENDING


def test_who_surrenders_nothing_is_settled_with_a_penalty(lived: tuple[Green, int, int]) -> None:
    green, quota, first = lived
    green.make_final(first + 1)
    run_until_idle(green.platform)
    _after(green, quota)
    row = _stored(green, quota)
    penalty = 2 * OWED_A_DAY_WH * 150  # micro: 0.15 a kWh
    assert (row.settled, row.shortfall_wh) == (True, 2 * OWED_A_DAY_WH)
    assert (row.penalty_paid_micro, row.bond_micro) == (penalty, 0)
    assert service.standing(row) is Standing.IN_DEFAULT
    asset = green.platform.chain.address("SettlementToken")
    place = ("Ledger", "free", (asset, green.works.address))
    assert green.platform.chain.call_many([place]) == [10_000_000 - penalty]
    assert len(_writes(green, "settle:quota:")) == 1


def test_a_day_without_a_reading_is_reported_as_the_meters_full_capacity(
    obliged: tuple[Green, int, int],
) -> None:
    green, quota, first = obliged
    green.live_through(first)
    green.make_final(first)
    run_until_idle(green.platform)
    assert _stored(green, quota).reported_periods == 1
    green.move_to((first + 2) * DAY + meters.POST_WINDOW_S + 60)
    run_until_idle(green.platform)
    row = _stored(green, quota)
    assert (row.reported_periods, row.energy_wh) == (2, A_DAY_WH + CAPACITY_A_DAY_WH)


def test_an_account_is_not_settled_before_all_that_it_measured_is_reported(
    lived: tuple[Green, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    green, quota, first = lived
    green.make_final(first + 1)
    with monkeypatch.context() as patch:
        patch.setattr("wattproof.quotas.upkeep.report_due", lambda *_: 0)
        _after(green, quota)
        assert _writes(green, "settle:quota:") == []
    run_until_idle(green.platform)
    assert _stored(green, quota).shortfall_wh == 2 * OWED_A_DAY_WH


def test_who_is_obliged_to_nothing_gets_its_bond_back_and_costs_nothing_else(
    obliged: tuple[Green, int, int],
) -> None:
    green, quota, first = obliged
    green.oblige(quota, ratio=0)
    green.live_through(first)
    green.make_final(first)
    run_until_idle(green.platform)
    _after(green, quota)
    row = _stored(green, quota)
    assert (row.settled, row.bond_micro, row.shortfall_wh, row.penalty_paid_micro) == (
        True,
        0,
        0,
        0,
    )
    assert _writes(green, "report:quota:") == []
    assert service.standing(row) is Standing.COMPLIANT


def test_a_settlement_that_was_queued_before_a_crash_is_sent_after_it(
    lived: tuple[Green, int, int],
) -> None:
    green, quota, first = lived
    green.make_final(first + 1)
    run_until_idle(green.platform)
    with green.platform.transaction() as session:
        green.move_to(service.get_quota(session, quota).terms.surrender_by + 60)
    assert flow.settle_quotas(green.platform)
    (write,) = _writes(green, "settle:quota:")
    assert write.status == outbox.QUEUED
    with open_platform(green.platform.settings) as restarted:
        run_until_idle(restarted)
    assert green.events("ComplianceSettled") == 1


def test_a_reorganisation_that_takes_reports_back_does_not_lose_them(
    lived: tuple[Green, int, int],
) -> None:
    green, quota, first = lived
    chain = green.platform.chain
    green.make_final(first + 1)
    snapshot = chain.request("evm_snapshot")
    before = green.platform.clock.now()
    run_until_idle(green.platform)
    assert _stored(green, quota).reported_periods == 2
    chain.request("evm_revert", snapshot)
    chain.request("evm_setNextBlockTimestamp", before + 7)
    chain.request("evm_mine")
    assert green.platform.indexer.catch_up().rolled_back > 0
    row = _stored(green, quota)
    assert (row.reported_periods, row.owed_wh) == (1, OWED_A_DAY_WH)
    with green.platform.transaction() as session:
        assert [report.period for report in session.exec(select(ReportRow)).all()] == [first]
    run_until_idle(green.platform)
    assert _stored(green, quota).owed_wh == 2 * OWED_A_DAY_WH


def test_a_settled_quota_costs_a_tick_no_chain_call(
    lived: tuple[Green, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    green, quota, first = lived
    green.make_final(first + 1)
    run_until_idle(green.platform)
    _after(green, quota)

    def ask(*_: Any) -> Any:
        raise AssertionError("the chain was asked")

    monkeypatch.setattr(type(green.platform.chain), "batch", ask)
    monkeypatch.setattr(type(green.platform.chain), "request", ask)
    assert not flow.settle_quotas(green.platform)
