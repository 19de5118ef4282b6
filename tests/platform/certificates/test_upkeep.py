"""What the platform does by itself for certificates, and does once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest
from sqlmodel import Session, col, select

from tests.platform.green_power import CERTIFICATES, DAY, WINDY, Green
from wattproof.certificates import service
from wattproof.certificates.ids import expiry_of
from wattproof.certificates.models import BatchRow, CertifiedDeviceRow, HoldingRow, PlaceRow
from wattproof.gateway import outbox
from wattproof.gateway.models import OutboxRow
from wattproof.meters import service as meters
from wattproof.meters.values import pack
from wattproof.profiles import open_platform
from wattproof.tasks import flow
from wattproof.tasks.flow import run_until_idle, tick


@pytest.fixture
def measured(green: Green) -> tuple[Green, int]:
    """A certified wind farm and a day of it that is posted and not final yet."""
    period = green.certify()
    green.live_through(period)
    return green, period


@pytest.fixture
def issued(measured: tuple[Green, int]) -> tuple[Green, int]:
    """The same once the day is final and the platform did what is due."""
    green, period = measured
    green.make_final(period)
    run_until_idle(green.platform)
    return measured


def _writes(green: Green, prefix: str) -> list[OutboxRow]:
    with green.platform.transaction() as session:
        rows = session.exec(
            select(OutboxRow)
            .where(col(OutboxRow.key).startswith(prefix))
            .order_by(col(OutboxRow.id))
        ).all()
    return list(rows)


def _mark(green: Green) -> int:
    with green.platform.transaction() as session:
        return session.get_one(CertifiedDeviceRow, green.wind_meter.address).next_period


def _held(session: Session, account: str) -> dict[int, int]:
    rows = session.exec(select(HoldingRow).where(HoldingRow.account == account)).all()
    return {row.batch: row.held_wh for row in rows}


def test_ticking_many_times_issues_once(measured: tuple[Green, int]) -> None:
    green, period = measured
    green.make_final(period)
    for _ in range(10):
        tick(green.platform)
    run_until_idle(green.platform)
    batches = [green.batch(period, slot) for slot in range(4)]
    assert green.held(green.wind, *batches) == [9_000, 12_000, 0, 6_000]
    assert len(_writes(green, "certificates:")) == 1
    assert _mark(green) == period + 1


def test_nothing_is_issued_before_the_reading_is_final(measured: tuple[Green, int]) -> None:
    green, period = measured
    run_until_idle(green.platform)
    assert _writes(green, "certificates:") == []
    assert _mark(green) == period


def test_the_index_says_what_the_chain_says(issued: tuple[Green, int]) -> None:
    green, period = issued
    platform, account = green.platform, str(green.wind.address)
    with platform.transaction() as session:
        held = _held(session, account)
        (row, *_) = service.batches(session)
        (total,) = service.totals(session, account)
    assert held == {green.batch(period, slot): -WINDY[slot] for slot in (0, 1, 3)}
    view = platform.chain.call("GreenCertificates", "batchOf", row.batch)
    assert (row.starts_at, row.ends_at) == (view["startsAt"], view["endsAt"])
    assert (row.technology, row.zone) == (view["technology"], view["zone"])
    assert (row.vintage, row.issued_wh) == (view["vintage"], view["issuedWh"])
    assert total.held_wh == 27_000
    chain_expiry = platform.chain.call("GreenCertificates", "expiryOf", row.batch)
    assert total.expires_at == expiry_of(row.vintage) == chain_expiry


def test_what_was_queued_before_a_crash_is_sent_after_it(measured: tuple[Green, int]) -> None:
    green, period = measured
    green.make_final(period)
    assert flow.issue_certificates(green.platform)
    (write,) = _writes(green, "certificates:")
    assert write.status == outbox.QUEUED
    with open_platform(green.platform.settings) as restarted:
        run_until_idle(restarted)
    assert green.events("BatchIssued") == 3


def test_what_somebody_else_issued_in_part_is_completed(measured: tuple[Green, int]) -> None:
    green, period = measured
    green.make_final(period)
    place = green.wind_meter.address, period, 0, 1
    values = pack(WINDY)
    key = green.queue(green.works, "GreenCertificates", "issue", *place, values)
    while not green.events("BatchIssued"):
        green.platform.writer.pump()
    run_until_idle(green.platform)
    assert green.events("BatchIssued") == 3
    assert green.held(green.wind, green.batch(period, 0)) == [9_000]
    with green.platform.transaction() as session:
        first = session.get_one(BatchRow, green.batch(period, 0))
        other = outbox.find(session, key)
    assert other is not None
    assert first.issued_in == other.transaction_hash


def test_a_reorganisation_that_takes_the_issue_back_does_not_lose_it(
    measured: tuple[Green, int],
) -> None:
    green, period = measured
    chain = green.platform.chain
    green.make_final(period)
    snapshot = chain.request("evm_snapshot")
    before = green.platform.clock.now()
    run_until_idle(green.platform)
    assert _mark(green) == period + 1
    chain.request("evm_revert", snapshot)
    chain.request("evm_setNextBlockTimestamp", before + 7)
    chain.request("evm_mine")
    assert green.platform.indexer.catch_up().rolled_back > 0
    with green.platform.transaction() as session:
        assert session.exec(select(BatchRow)).all() == []
        assert _held(session, str(green.wind.address)) == {}
    assert _mark(green) == period
    run_until_idle(green.platform)
    assert green.events("BatchIssued") == 3
    assert _mark(green) == period + 1


def test_a_disputed_day_is_issued_as_it_was_decided(measured: tuple[Green, int]) -> None:
    green, period = measured
    device = green.wind_meter.address
    green.send(green.wind, "MeterRegistry", "dispute", device, period)
    green.make_final(period)
    run_until_idle(green.platform)
    assert green.events("BatchIssued") == 0
    corrected = pack((-1_000, None, 0, 500))
    green.send(green.authority, "MeterRegistry", "resolve", device, period, 1, corrected)
    run_until_idle(green.platform)
    assert green.held(green.wind, *(green.batch(period, s) for s in range(4))) == [1_000, 0, 0, 0]


def test_days_without_a_reading_keep_no_later_day_waiting(measured: tuple[Green, int]) -> None:
    green, period = measured
    later, device = period + 2, green.wind_meter.address
    green.live_through(later)
    green.send(green.wind, "MeterRegistry", "dispute", device, later)
    green.send(green.authority, "MeterRegistry", "resolve", device, later, 0, b"")
    assert green.held(green.wind, green.batch(later, 0)) == [9_000]
    assert _mark(green) == period + 1  # the day between may still be posted
    green.move_to((period + 2) * DAY + meters.POST_WINDOW_S + 60)
    run_until_idle(green.platform)
    assert _mark(green) == later + 1


def test_a_withdrawn_device_gets_nothing_from_that_period_on(measured: tuple[Green, int]) -> None:
    green, period = measured
    device = green.wind_meter.address
    green.send(green.authority, "GreenCertificates", "withdraw", device, green.today + 1)
    last = green.today
    green.live_through(last)
    green.live_through(last + 1)
    green.make_final(last + 1)
    run_until_idle(green.platform)
    days = [green.batch(each, 0) for each in (period, last, last + 1)]
    assert green.held(green.wind, *days) == [9_000, 9_000, 0]


def test_what_is_bought_is_collected_for_its_owner(issued: tuple[Green, int]) -> None:
    green, period = issued
    green.offer(period, {0: 9_000, 1: 12_000})
    green.trade(period, 15_000)
    batches = green.batch(period, 0), green.batch(period, 1)
    assert green.held(green.works, *batches) == [9_000, 6_000]
    assert len(_writes(green, "collect:")) == 1
    with green.platform.transaction() as session:
        places = {row.account: row for row in session.exec(select(PlaceRow)).all()}
        pool = service.get_pool(session, CERTIFICATES, green.slot(period))
    assert places.keys() == {green.wind.address}
    assert places[green.wind.address].offered_wh == 6_000
    assert (pool.head, pool.tail) == (15_000, 21_000)


def test_an_installation_may_leave_collecting_to_the_owners(issued: tuple[Green, int]) -> None:
    green, period = issued
    settings = green.platform.settings.model_copy(update={"collect_certificates": False})
    object.__setattr__(green.platform, "settings", settings)
    green.offer(period, {0: 9_000})
    green.trade(period, 5_000)
    run_until_idle(green.platform)
    assert _writes(green, "collect:") == []
    with green.platform.transaction() as session:
        (place,) = service.places(session, str(green.works.address))
    assert (place.uncollected_wh, place.next_position) == (5_000, 0)
    where = CERTIFICATES, green.slot(period), green.works.address
    green.send(green.works, "GreenCertificates", "collect", *where, 10)
    assert green.held(green.works, green.batch(period, 0)) == [5_000]
    with green.platform.transaction() as session:
        assert service.places(session, str(green.works.address)) == []


def test_many_batches_are_collected_in_several_transactions(
    issued: tuple[Green, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    green, period = issued
    monkeypatch.setattr("wattproof.certificates.upkeep.BATCHES_AT_ONCE", 1)
    green.offer(period, {0: 9_000, 1: 12_000, 3: 6_000})
    green.trade(period, 25_000)
    run_until_idle(green.platform)
    batches = [green.batch(period, slot) for slot in (0, 1, 3)]
    assert green.held(green.works, *batches) == [9_000, 12_000, 4_000]
    assert [write.status for write in _writes(green, "collect:")] == [outbox.MINED] * 3


def test_expired_certificates_are_left_alone(issued: tuple[Green, int]) -> None:
    green, period = issued
    with green.platform.transaction() as session:
        row = session.get_one(BatchRow, green.batch(period, 0))
    before = len(_writes(green, ""))
    green.move_to(expiry_of(row.vintage) + 60)
    run_until_idle(green.platform)
    assert len(_writes(green, "")) == before
    green.send(green.works, "GreenCertificates", "expire", green.wind.address, [row.batch])
    with green.platform.transaction() as session:
        assert session.get_one(BatchRow, row.batch).expired_wh == 9_000
        assert row.batch not in _held(session, str(green.wind.address))


def test_a_day_that_came_too_late_to_issue_is_not_tried(
    measured: tuple[Green, int],
) -> None:
    green, period = measured
    green.move_to(expiry_of(period * DAY // (30 * DAY)) + 60)
    run_until_idle(green.platform)
    assert _writes(green, "certificates:") == []
    assert _mark(green) == period + 1


def test_two_processes_at_once_issue_once(measured: tuple[Green, int], shared_engine: Any) -> None:
    green, period = measured
    green.make_final(period)
    flow.index_chain(green.platform)
    engine = shared_engine(green.platform)
    start = Barrier(4)

    def issue(platform: Any) -> bool:
        start.wait()
        return flow.issue_certificates(platform)

    with ThreadPoolExecutor(4) as pool:
        platforms = [replace(green.platform, engine=engine) for _ in range(4)]
        assert any(pool.map(issue, platforms))
    with platforms[0].transaction() as session:
        keys = session.exec(
            select(OutboxRow.key).where(col(OutboxRow.key).startswith("certificates:"))
        ).all()
    assert len(keys) == 1


def test_what_is_finished_costs_a_tick_no_chain_call(
    issued: tuple[Green, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    green, _ = issued

    def ask(*_: Any) -> Any:
        raise AssertionError("the chain was asked")

    monkeypatch.setattr(type(green.platform.chain), "batch", ask)
    monkeypatch.setattr(type(green.platform.chain), "request", ask)
    assert not flow.issue_certificates(green.platform)
    assert not flow.settle_quotas(green.platform)
