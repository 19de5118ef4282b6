"""What is released, what it costs, and what is refused; on both kinds of database."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import func, select, update

from tests.platform.analytics.world import (
    ACCOUNTS,
    ANALYST,
    ENDS,
    FINAL,
    PERIOD,
    PERIOD_S,
    SLOTS,
    World,
    account,
    device,
)
from wattproof.analytics import budget, service
from wattproof.analytics.models import ChargeRow, ReleaseRow
from wattproof.analytics.noise import Mechanism
from wattproof.certificates.models import CertifiedDeviceRow
from wattproof.errors import InvalidError, NotFoundError, RefusedError
from wattproof.meters.models import DeviceRow, ReadingRow
from wattproof.privacy.models import ErasureRow
from wattproof.settings import Settings
from wattproof.store.engine import transaction

DAY = 86_400
EXACT = [4_500, -500, 10_000, 0]


def count(world, model):
    with transaction(world.engine) as session:
        return session.execute(select(func.count()).select_from(model)).scalar_one()


def refused(world, code, **question):
    before = count(world, ReleaseRow), count(world, ChargeRow)
    with pytest.raises(RefusedError) as caught:
        world.ask(**question)
    assert caught.value.code == code
    assert (count(world, ReleaseRow), count(world, ChargeRow)) == before
    return caught.value.message


@pytest.fixture
def exact(monkeypatch):
    """What went into the noise, question by question."""
    seen: list[list[int]] = []
    drawn = Mechanism.__call__

    def watched(self, sums):
        seen.append(list(sums))
        return drawn(self, sums)

    monkeypatch.setattr(Mechanism, "__call__", watched)
    return seen


def test_sums_are_released_with_noise_and_every_account_is_charged(world, exact):
    release = world.ask()
    assert exact == [EXACT]
    assert len(release.sums_wh) == SLOTS
    assert release.sums_wh != EXACT
    assert release.accounts == ACCOUNTS
    assert release.scale_wh == pytest.approx(2 * 1_000 * SLOTS / 0.1)
    assert release.asked_by == ANALYST
    with transaction(world.engine) as session:
        charges = session.execute(select(ChargeRow)).scalars().all()
        assert {charge.account for charge in charges} == {account(i) for i in range(ACCOUNTS)}
        assert {(c.epsilon_milli, c.starts_at) for c in charges} == {(100, PERIOD * PERIOD_S)}


def test_a_question_asked_again_gets_the_same_answer_and_costs_nothing(world, exact):
    first = world.ask()
    with transaction(world.engine) as session:
        session.execute(update(ReadingRow).values(values_wh=[9, 9, 9, 9]))
    again = world.ask()
    assert (again.id, again.sums_wh) == (first.id, first.sums_wh)
    assert len(exact) == 1
    assert count(world, ChargeRow) == ACCOUNTS


def test_it_is_answered_again_when_there_is_no_budget_left(world):
    first = world.ask(epsilon_milli=1_000)
    assert world.ask(epsilon_milli=1_000).sums_wh == first.sums_wh
    refused(world, "budget_spent", epsilon_milli=1)


def test_a_failure_after_the_noise_was_drawn_shows_and_costs_nothing(world, monkeypatch):
    def lost(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(service, "insert", lost)
    with pytest.raises(KeyboardInterrupt):
        world.ask()
    monkeypatch.undo()
    assert (count(world, ReleaseRow), count(world, ChargeRow)) == (0, 0)
    assert world.ask().sums_wh == world.ask().sums_wh


# -- what counts -----------------------------------------------------------------------------------


def test_a_value_beyond_the_capacity_counts_as_the_capacity(world, exact):
    with transaction(world.engine) as session:
        session.execute(update(ReadingRow).values(values_wh=[10**9, -(10**9), 999, -1_001]))
    world.ask()
    assert exact == [[10_000, -10_000, 9_990, -10_000]]


def test_a_smaller_clamp_cuts_more_and_needs_less_noise(world, exact):
    release = world.ask(clamp_w=1_000)
    assert exact == [[sum(min(250, 100 * i) for i in range(10)), -500, 2_500, 0]]
    assert release.scale_wh == pytest.approx(2 * 250 * SLOTS / 0.1)


@pytest.mark.parametrize(("slots", "sums"), [(2, [4_000, 10_000]), (4, [14_000])])
def test_longer_sums_have_the_noise_of_short_ones(world, exact, slots, sums):
    release = world.ask(slots_a_value=slots)
    assert exact == [sums]
    assert len(release.sums_wh) == len(sums)
    assert release.scale_wh == world.ask().scale_wh


def test_a_clamp_beyond_the_capacity_does_not_lift_it(world):
    assert world.ask(clamp_w=10**9).scale_wh == world.ask().scale_wh


@pytest.mark.parametrize("status", ["None", "Void"])
def test_a_reading_that_does_not_stand_counts_as_nothing(world, exact, status):
    with transaction(world.engine) as session:
        session.execute(update(ReadingRow).values(chain_status=status))
    release = world.ask()
    assert exact == [[0] * SLOTS]
    assert release.accounts == ACCOUNTS


@pytest.mark.parametrize("status", ["Posted", "Kept", "Replaced", "Disputed"])
def test_a_reading_that_stands_counts(world, exact, status):
    with transaction(world.engine) as session:
        session.execute(update(ReadingRow).values(chain_status=status))
    world.ask()
    assert exact == [EXACT]


def test_another_periods_or_markets_readings_do_not_count(world, exact):
    world.market(2)
    world.reading(0, [7_000] * SLOTS, period=PERIOD + 1)
    world.reading(0, [700] * SLOTS, market=2)
    world.ask()
    assert exact == [EXACT]


def test_whoever_had_its_data_erased_counts_as_nothing_and_is_not_told_apart(world, exact):
    world.add(ErasureRow(address=account(9), requested_at=ENDS, until=ENDS, erased={}))
    release = world.ask()
    assert exact == [[4_500 - 900, -450, 9_000, 0]]
    assert release.accounts == ACCOUNTS


def test_what_was_measured_after_an_erasure_counts(world, exact):
    world.add(ErasureRow(address=account(9), requested_at=0, until=ENDS - 1, erased={}))
    world.ask()
    assert exact == [EXACT]


def test_a_zone_is_that_of_certified_devices(engine, exact):
    world = World(engine, settings=Settings(analytics_accounts_min=2))
    world.market()
    world.block(FINAL + 1)
    certified: dict[str, Any] = {
        "market": 1,
        "technology": 1,
        "efficiency_bp": 0,
        "from_period": 0,
        "until_period": 0,
        "slot_seconds": 900,
        "period_slots": SLOTS,
        "next_period": 0,
    }
    for number in range(4):
        world.reading(number, [10**number] * SLOTS)
        row: dict[str, Any] = {"device": device(number), "zone": 1 if number < 2 else 0} | certified
        world.add(CertifiedDeviceRow(**row))
    assert world.ask(zone=1).accounts == 2
    assert exact == [[11] * SLOTS]


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "error"),
    [
        ({"market": 2}, NotFoundError),
        ({"carrier": 2}, InvalidError),
        ({"zone": 2}, InvalidError),
        ({"clamp_w": 3}, InvalidError),
        ({"slots_a_value": 3}, InvalidError),
        ({"slots_a_value": 8}, InvalidError),
    ],
)
def test_what_cannot_be_asked_is_refused(world, question, error):
    with pytest.raises(error):
        world.ask(**question)
    assert count(world, ReleaseRow) == 0


@pytest.mark.parametrize(("now", "block"), [(FINAL, FINAL + 1), (FINAL + 1, FINAL), (ENDS, ENDS)])
def test_nothing_is_released_before_every_reading_is_final(engine, now, block):
    world = World(engine, now=now)
    world.market()
    world.block(block)
    refused(world, "not_final")


def test_whether_a_reading_is_there_or_disputed_makes_no_difference_to_when(engine):
    world = World(engine, now=FINAL)
    world.market()
    world.block(FINAL)
    said = refused(world, "not_final")
    for number in range(ACCOUNTS):
        world.reading(number, [0] * SLOTS, chain_status="Kept")
    assert refused(world, "not_final") == said


def test_too_few_accounts_are_refused_by_what_is_registered_alone(engine):
    world = World(engine)
    world.market(accounts=ACCOUNTS - 1)
    world.block(FINAL + 1)
    said = refused(world, "too_few_accounts")
    for number in range(3):
        world.reading(number, [1] * SLOTS)
    assert refused(world, "too_few_accounts") == said
    refused(world, "too_few_accounts", carrier=1)
    refused(world, "too_few_accounts", zone=0)


def test_an_account_with_many_devices_is_one(engine):
    world = World(engine)
    world.market(accounts=ACCOUNTS - 1)
    world.block(FINAL + 1)
    row: dict[str, Any] = {
        "market": 1,
        "account": account(0),
        "carrier": 0,
        "capacity_w": 4_000,
        "key": "",
    }
    world.add(*(DeviceRow(device=device(100 + i), **row) for i in range(5)))
    refused(world, "too_few_accounts")


def test_the_periods_budget_is_never_overdrawn(world):
    world.ask(epsilon_milli=600)
    assert "400 left" in refused(world, "budget_spent", epsilon_milli=401)
    world.ask(epsilon_milli=400)
    refused(world, "budget_spent", epsilon_milli=1)
    refused(world, "budget_spent", epsilon_milli=1, clamp_w=1_000)
    with transaction(world.engine) as session:
        assert service.left_milli(world.platform, session, 1, PERIOD) == 0


def test_budgets_of_periods_are_apart_and_an_accounts_spans_them(world):
    world.settings = Settings(analytics_account_milli=2_500)
    world.now += 60 * DAY
    world.block(world.now, 2)
    for period in (PERIOD - 1, PERIOD):
        world.ask(period=period, epsilon_milli=1_000)
    said = refused(world, "budget_spent", period=PERIOD + 1, epsilon_milli=501)
    assert account(0) not in said
    world.ask(period=PERIOD + 1, epsilon_milli=500)
    refused(world, "budget_spent", period=PERIOD + 24 * 29, epsilon_milli=1)
    world.ask(period=PERIOD + 24 * 31, epsilon_milli=1_000)


def test_an_accounts_budget_spans_markets_and_another_accounts_is_its_own(world):
    world.settings = Settings(analytics_account_milli=1_000)
    world.market(2, accounts=ACCOUNTS)
    world.ask(epsilon_milli=600)
    refused(world, "budget_spent", market=2, epsilon_milli=500)
    world.ask(market=2, epsilon_milli=400)
    world.market(3)
    with transaction(world.engine) as session:
        for number in range(ACCOUNTS):
            row = session.get_one(DeviceRow, device(number, 3))
            row.account = account(500 + number)
            session.add(row)
    world.ask(market=3, epsilon_milli=1_000)


def test_a_period_before_is_charged_as_one_after(world):
    world.settings = Settings(analytics_account_milli=1_000)
    world.ask(epsilon_milli=1_000)
    refused(world, "budget_spent", period=PERIOD - 24, epsilon_milli=1)


@pytest.mark.parametrize(
    ("charges", "worst"),
    [
        ([], 0),
        ([(100, 5)], 5),
        ([(91, 1), (109, 2)], 2),  # no window of ten holds both and 100? each with 100 alone
        ([(95, 1), (104, 2)], 3),
        ([(90, 7), (110, 7)], 0),
        ([(92, 4), (99, 1), (101, 1), (108, 3)], 6),
        ([(99, 1), (100, 1), (101, 1), (108, 3)], 6),
    ],
)
def test_the_worst_window_is_the_worst_that_holds_the_period(charges, worst):
    assert budget.worst_window(charges, 100, 10) == worst


# -- at once ---------------------------------------------------------------------------------------


def at_once(world, questions):
    start = threading.Barrier(len(questions))
    answers: list[Any] = [None] * len(questions)

    def run(place, question):
        start.wait()
        try:
            answers[place] = world.ask(**question)
        except Exception as error:
            answers[place] = error

    threads = [
        threading.Thread(target=run, args=(place, question))
        for place, question in enumerate(questions)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_two_questions_at_once_do_not_both_take_the_last_of_the_budget(world):
    answers = at_once(world, [{"epsilon_milli": 600}, {"epsilon_milli": 601}] * 2)
    released = {answer.id for answer in answers if isinstance(answer, ReleaseRow)}
    errors = [answer for answer in answers if isinstance(answer, RefusedError)]
    assert len(released) == 1
    assert [error.code for error in errors] == ["budget_spent"] * 2
    assert count(world, ReleaseRow) == 1


def test_questions_about_different_markets_share_an_accounts_last_budget_once(world):
    world.settings = Settings(analytics_account_milli=1_000)
    for market in (2, 3, 4):
        world.market(market)
    answers = at_once(world, [{"market": m, "epsilon_milli": 600} for m in (1, 2, 3, 4)])
    assert sum(isinstance(answer, ReleaseRow) for answer in answers) == 1


def test_the_same_question_at_once_is_answered_once(world, exact):
    answers = at_once(world, [{}] * 4)
    assert len({tuple(answer.sums_wh) for answer in answers}) == 1
    assert len(exact) == 1
