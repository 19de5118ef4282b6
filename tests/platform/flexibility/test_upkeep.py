"""What the platform does by itself, does once: through crashes, disputes and reorganisations."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import event as listening
from sqlmodel import col, select

from market.reference.meters import ReadingStatus
from tests.platform.flexible_mall import DAY, ENERGY, Mall
from wattproof.claims import service as claims
from wattproof.gateway import outbox
from wattproof.gateway.models import OutboxRow
from wattproof.indexer.models import EventRow
from wattproof.meters import service as meters
from wattproof.meters.models import ReadingRow
from wattproof.profiles import open_platform
from wattproof.tasks import flow
from wattproof.tasks.flow import run_until_idle, tick


@pytest.fixture
def joined(mall: Mall) -> tuple[Mall, int, int]:
    """A mall whose window is over and whose reading is posted but not final yet."""
    series = mall.open_series((mall.today + 40) * DAY)
    period = mall.today + 1
    mall.join(mall.announce(series, period))
    mall.live_through(period, -3_000)
    return mall, series, period


@pytest.fixture
def instructed(mall: Mall) -> tuple[Mall, int, int]:
    """A mall that did what an event asked for; its reading is posted but not final yet."""
    programme = mall.create_programme()
    period = mall.today + 1
    number = mall.call_event(programme, period)
    mall.live_through(period, -1_000)
    return mall, number, period


def _writes(mall: Mall, prefix: str) -> list[OutboxRow]:
    with mall.platform.transaction() as session:
        rows = session.exec(
            select(OutboxRow)
            .where(col(OutboxRow.key).startswith(prefix))
            .order_by(col(OutboxRow.id))
        ).all()
    return list(rows)


def _make_final(mall: Mall, period: int) -> None:
    mall.move_to((period + 1) * DAY + DAY + 120)


def test_ticking_many_times_issues_once(joined: tuple[Mall, int, int]) -> None:
    mall, series, period = joined
    _make_final(mall, period)
    for _ in range(10):
        tick(mall.platform)
    run_until_idle(mall.platform)  # the chain takes what was sent in its own time
    assert mall.held(series) == 24_000
    assert len(_writes(mall, "issue:")) == 1


def test_nothing_is_issued_before_the_reading_is_final(joined: tuple[Mall, int, int]) -> None:
    mall, series, _ = joined
    run_until_idle(mall.platform)
    assert _writes(mall, "issue:") == []
    assert mall.held(series) == 0


def test_a_step_that_was_queued_before_a_crash_is_sent_after_it(
    joined: tuple[Mall, int, int],
) -> None:
    mall, series, period = joined
    _make_final(mall, period)
    assert flow.issue_credits(mall.platform)
    (write,) = _writes(mall, "issue:")
    assert write.status == outbox.QUEUED
    with open_platform(mall.platform.settings) as restarted:
        run_until_idle(restarted)
    assert mall.held(series) == 24_000
    assert mall.events("CreditsIssued") == 1


def test_a_reorganisation_that_takes_the_report_back_does_not_lose_it(
    instructed: tuple[Mall, int, int],
) -> None:
    mall, number, period = instructed
    chain = mall.platform.chain
    _make_final(mall, period)
    snapshot = chain.request("evm_snapshot")
    before = mall.platform.clock.now()
    run_until_idle(mall.platform)
    assert mall.events("Reported") == 1
    chain.request("evm_revert", snapshot)
    chain.request("evm_setNextBlockTimestamp", before + 7)
    chain.request("evm_mine")
    assert mall.platform.indexer.catch_up().rolled_back > 0
    assert mall.events("Reported") == 0
    run_until_idle(mall.platform)
    assert mall.events("Reported") == 1
    assert mall.part(number)["performanceWh"] == 8_000
    assert len(_writes(mall, "report:")) == 1


def test_a_report_overtaken_by_a_dispute_of_the_reading_is_brought_when_that_is_decided(
    instructed: tuple[Mall, int, int], caplog: pytest.LogCaptureFixture
) -> None:
    mall, number, period = instructed
    with mall.platform.transaction() as session:
        reading = session.get(ReadingRow, (mall.meter.address, ENERGY, period))
        assert reading is not None
        posted_at = reading.posted_at
    mall.move_to(posted_at + meters.DISPUTE_WINDOW_S - 60)
    # The dispute is mined, and the platform, which has not seen it, takes the reading as final.
    mall.queue(mall.account, "MeterRegistry", "dispute", mall.meter.address, period)
    while mall.reading_status(period) != ReadingStatus.DISPUTED:
        mall.platform.writer.pump()
    mall.move_to(posted_at + meters.DISPUTE_WINDOW_S + 120)
    assert flow.finish_events(mall.platform)
    run_until_idle(mall.platform)
    (failed,) = _writes(mall, "report:")
    assert (failed.status, mall.events("Reported")) == (outbox.REVERTED, 0)
    assert "ReadingNotFinal" in (failed.error or "")
    said = [r for r in caplog.records if "report:" in r.getMessage()]
    assert len(said) == 1

    mall.move_to(posted_at + meters.DISPUTE_WINDOW_S + meters.RESOLVE_WINDOW_S + 120)
    run_until_idle(mall.platform)
    assert [row.status for row in _writes(mall, "report:")] == [outbox.REVERTED, outbox.MINED]
    assert mall.part(number)["performanceWh"] == 8_000


def test_a_part_with_too_few_baseline_days_is_said_once_and_its_budget_released(
    mall: Mall, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = mall.open_series((mall.today + 40) * DAY)
    period = mall.today + 1
    mall.join(mall.announce(series, period), since=period - 5)
    mall.live_through(period, -3_000)
    _make_final(mall, period)
    looked = 0
    history = claims._history

    def count(*args: Any) -> Any:
        nonlocal looked
        looked += 1
        return history(*args)

    monkeypatch.setattr(claims, "_history", count)
    with caplog.at_level(logging.WARNING):
        for _ in range(10):
            tick(mall.platform)
    assert (looked, [r.levelname for r in caplog.records]) == (1, ["WARNING"])
    assert "needs 10 days and 5 of the 45 before it count" in caplog.text

    mall.move_to((period + 1) * DAY + claims.CLAIM_WINDOW_S + 1)
    run_until_idle(mall.platform)
    assert mall.events("WindowClosed") == 1
    assert looked == 1
    assert mall.platform.chain.call("EnergyCredits", "seriesOf", series)["budgetWh"] == 0


def test_one_part_that_cannot_be_claimed_keeps_no_other_waiting(mall: Mall) -> None:
    series = mall.open_series((mall.today + 40) * DAY)
    hopeless = mall.create_programme()
    period = mall.today + 1
    mall.join(mall.announce(series, period), since=period - 5)
    mall.live_through(period, -3_000)
    period = mall.today + 1
    mall.call_event(hopeless, period)
    mall.live_through(period, -1_000)
    mall.let_readings_become_final(period)
    assert mall.events("Reported") == 1


@pytest.mark.parametrize(("seconds_left", "issued_wh", "closed"), [(60, 24_000, 0), (-1, 0, 1)])
def test_credits_are_issued_up_to_the_deadline_and_the_budget_released_after_it(
    joined: tuple[Mall, int, int], seconds_left: int, issued_wh: int, closed: int
) -> None:
    mall, series, period = joined
    deadline = (period + 1) * DAY + claims.CLAIM_WINDOW_S
    mall.platform.chain.request("evm_setNextBlockTimestamp", deadline - seconds_left)
    mall.platform.chain.request("evm_mine")
    run_until_idle(mall.platform)
    assert mall.held(series) == issued_wh
    assert mall.events("WindowClosed") == closed
    assert len(_writes(mall, "issue:")) == 1 - closed


def test_two_processes_at_once_issue_once(
    joined: tuple[Mall, int, int], shared_engine: Any
) -> None:
    mall, _, period = joined
    _make_final(mall, period)
    flow.index_chain(mall.platform)
    engine = shared_engine(mall.platform)
    start = Barrier(4)

    def issue(platform: Any) -> bool:
        start.wait()
        return flow.issue_credits(platform)

    with ThreadPoolExecutor(4) as pool:
        platforms = [replace(mall.platform, engine=engine) for _ in range(4)]
        assert any(pool.map(issue, platforms))
    with platforms[0].transaction() as session:
        keys = session.exec(
            select(OutboxRow.key).where(col(OutboxRow.key).startswith("issue:"))
        ).all()
    assert len(keys) == 1


def test_what_is_finished_costs_a_tick_no_chain_call_and_no_row(
    joined: tuple[Mall, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    mall, _, period = joined
    mall.let_readings_become_final(period)
    programme = mall.create_programme()
    period = mall.today + 1
    mall.call_event(programme, period)
    mall.live_through(period, -1_000)
    mall.let_readings_become_final(period)
    mall.move_to(mall.platform.clock.now() + DAY + 60)
    run_until_idle(mall.platform)
    mall.move_to(mall.platform.clock.now() + 10 * DAY)
    run_until_idle(mall.platform)
    assert (mall.events("Settled"), mall.events("WindowClosed")) == (1, 1)
    few = _cost(mall, monkeypatch)
    _copy_finished(mall, 300)
    assert _cost(mall, monkeypatch) == few == (0, 0)


def _cost(mall: Mall, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Requests to the chain, and events loaded, of one look at what is due."""
    asked, loaded = 0, 0

    def ask(*_: Any) -> Any:
        nonlocal asked
        asked += 1
        raise AssertionError("the chain was asked")

    def load(*_: Any) -> None:
        nonlocal loaded
        loaded += 1

    listening.listen(EventRow, "load", load)
    with monkeypatch.context() as patch:
        patch.setattr(type(mall.platform.chain), "batch", ask)
        patch.setattr(type(mall.platform.chain), "request", ask)
        assert not flow.issue_credits(mall.platform)
        assert not flow.finish_events(mall.platform)
    listening.remove(EventRow, "load", load)
    return asked, loaded


def _copy_finished(mall: Mall, copies: int) -> None:
    """As if what happened once had happened many times."""
    names = ("WindowAnnounced", "WindowJoined", "CreditsIssued", "WindowClosed")
    events = ("EventCalled", "Instructed", "Reported", "Settled")
    with mall.platform.transaction() as session:
        rows = session.exec(select(EventRow).where(col(EventRow.name).in_(names + events))).all()
        for number in range(2, copies + 2):
            for row in rows:
                key = "window" if row.name in names else "eventId"
                values = row.model_dump(exclude={"id"})
                values["args"] = {**row.args, key: number}
                values["log_index"] = row.log_index + 1_000 * number
                session.add(EventRow(**values))
