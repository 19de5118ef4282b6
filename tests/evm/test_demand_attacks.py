"""Owners and accounts who cheat in demand response, in both worlds."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.reference import Resolution
from market.reference.demand_response import PartStatus
from market.reference.ledger import DEPOSIT_CAP
from market.reference.meters import MISSING, POST_WINDOW, encode_values
from tests.evm.credit_world import RULE, SLOTS, less, usual_day
from tests.evm.demand_day import (
    GRID,
    INCENTIVE,
    MALL,
    MONEY,
    PENALTY,
    PUBLISHED_RULE,
    TARGET_W,
    TARGET_WH,
    WINDOW,
    Afternoon,
    mean_wh,
    micro,
)
from tests.evm.demand_world import (
    NOTICE,
    OWNER,
    PASSER_BY,
    REFUSAL_LEAD,
)
from tests.evm.world import ADMIN, DAY, Person


def test_an_owner_cannot_take_out_what_an_event_may_cost():
    day = Afternoon()
    assert day.instruct() is None
    bound = -(-INCENTIVE * TARGET_WH // 10**6)
    free = day.escrow - bound
    assert day.world.ask("defund", day.programme, free + 1, sender=OWNER) == "EscrowBound"
    assert day.world.ask("defund", day.programme, free, sender=OWNER) is None
    assert day.escrow == bound
    day.report(less(usual_day(5), 4_000, WINDOW))
    assert day.settle() is None
    assert day.paid == micro(INCENTIVE, TARGET_WH) // 1
    day.check()


def test_defunded_money_becomes_the_owners_free_balance():
    day = Afternoon(escrow=5 * MONEY)
    assert day.world.ask("defund", day.programme, 2 * MONEY, sender=MALL) == "NotOwner"
    assert day.world.ask("defund", day.programme, 2 * MONEY, sender=OWNER) is None
    assert day.world.ledger.free[day.world.token.address, OWNER.address] == 2 * MONEY
    day.check()


@pytest.mark.parametrize(("late", "refusal"), [(0, None), (1, "NoticeTooShort")])
def test_notice_counts_to_its_last_second(late, refusal):
    day = Afternoon()
    day.world.chain.now = day.starts_at - NOTICE + late
    window = (day.programme, day.period, WINDOW.start, len(WINDOW))
    assert day.world.ask("callEvent", *window, sender=OWNER) == refusal
    assert day.instruct() == refusal


def test_an_owner_cannot_ask_for_more_than_was_enrolled():
    day = Afternoon(capacity_w=2_000)
    assert day.instruct(2_001) == "BeyondCapacity"
    assert day.instruct(2_000) is None
    assert day.instruct(1) == "WrongStatus"


def test_an_owner_without_the_money_cannot_ask():
    day = Afternoon(escrow=1)
    assert day.instruct() == "EscrowBound"


def test_nobody_else_calls_instructs_or_publishes():
    day = Afternoon(rule=PUBLISHED_RULE)
    window = (day.programme, day.period, 1, 1)
    place = (day.event, MALL.address)
    for sender in (MALL, ADMIN):
        assert day.world.ask("callEvent", *window, sender=sender) == "NotOwner"
        assert day.world.ask("instruct", *place, 1, sender=sender) == "NotOwner"
        assert day.world.ask("publishBaseline", *place, b"", sender=sender) == "NotOwner"


def test_a_baseline_is_published_once_and_while_the_account_can_still_refuse():
    day = Afternoon(rule=PUBLISHED_RULE)
    values = encode_values([5_000] * SLOTS)
    place = (day.event, MALL.address)

    def publish(values=values):
        return day.world.ask("publishBaseline", *place, values, sender=OWNER)

    assert publish() == "WrongStatus"
    assert day.instruct() is None
    assert publish(values[:-4]) == "BadLength"
    day.world.chain.now = day.starts_at - NOTICE + 1
    assert publish() == "NoticeTooShort"
    day.world.chain.now = day.starts_at - NOTICE
    assert publish() is None
    assert publish(encode_values([0] * SLOTS)) == "BaselinePublishedBefore"
    day.world.chain.now = day.starts_at - REFUSAL_LEAD
    assert day.world.ask("refuse", day.event, sender=MALL) is None
    day.check()


def test_a_computed_baseline_cannot_be_published():
    day = Afternoon()
    assert day.instruct() is None
    values = (day.event, MALL.address, encode_values([0] * SLOTS))
    assert day.world.ask("publishBaseline", *values, sender=OWNER) == "BaselineIsComputed"


def test_an_owner_that_publishes_no_baseline_neither_pays_nor_fines():
    day = Afternoon(rule=PUBLISHED_RULE)
    bond, escrow = day.bond, day.escrow
    assert day.instruct() is None
    day.world.chain.now = day.starts_at - NOTICE
    assert day.act("lapse", PASSER_BY) == "NotLapsed"
    day.world.wait(1)
    assert day.act("lapse", PASSER_BY) is None
    assert day.part.status is PartStatus.LAPSED
    assert (day.bond, day.escrow) == (bond, escrow)
    assert day.world.ask("leaveProgramme", day.programme, sender=MALL) is None
    day.check()


def test_without_a_published_baseline_nothing_is_reported():
    day = Afternoon(rule=PUBLISHED_RULE)
    assert day.instruct() is None
    day.measure(usual_day(0))
    claim = day.world.claim_for(day.event, MALL, baseline_readings=())
    assert day.world.report(day.event, MALL, claim) == "BaselineNotPublished"


def test_anybody_finishes_an_event_whose_owner_is_gone():
    """From the instruction on the owner does nothing, and the account is paid all the same."""
    day = Afternoon()
    assert day.instruct() is None
    day.report(less(usual_day(5), 4_000, WINDOW))
    assert day.settle() is None
    assert day.world.ask("leaveProgramme", day.programme, sender=MALL) is None
    assert day.paid > 0
    day.check()


def test_an_account_that_owners_keep_instructing_can_still_leave():
    day = Afternoon()
    assert day.instruct() is None
    assert day.world.ask("setAvailable", day.programme, False, sender=MALL) is None
    assert day.world.ask("refuse", day.event, sender=MALL) is None
    again = day.call(range(14, 16))
    assert day.instruct(event=again) == "NotAvailable"
    assert day.world.ask("leaveProgramme", day.programme, sender=MALL) is None
    day.check()


def test_an_account_cannot_leave_an_open_event():
    day = Afternoon()
    assert day.instruct() is None
    assert day.world.ask("leaveProgramme", day.programme, sender=MALL) == "EventsOpen"
    day.report(usual_day(0))
    assert day.world.ask("leaveProgramme", day.programme, sender=MALL) == "EventsOpen"
    assert day.settle() is None
    assert day.world.ask("leaveProgramme", day.programme, sender=MALL) is None


@pytest.mark.parametrize(("late", "refusal"), [(0, None), (1, "RefusedTooLate")])
def test_refusals_count_to_their_last_second(late, refusal):
    day = Afternoon()
    assert day.world.ask("refuse", day.event, sender=MALL) == "WrongStatus"
    assert day.instruct() is None
    day.world.chain.now = day.starts_at - REFUSAL_LEAD + late
    assert day.world.ask("refuse", day.event, sender=MALL) == refusal
    day.check()


def test_a_refusal_owes_nothing_and_frees_the_hours():
    day = Afternoon()
    assert day.instruct() is None
    assert day.world.ask("refuse", day.event, sender=MALL) is None
    enrolment = day.world.demand.enrolments[day.programme, MALL.address]
    assert (enrolment.set_aside, enrolment.open_events) == (0, 0)
    assert day.instruct() == "WrongStatus"
    second = day.call()
    assert day.instruct(event=second) is None
    day.check()


def pushed_up(values_wh, wh):
    """The hours of the same-day adjustment with so much more."""
    return less(values_wh, -wh, range(10, 13))


@settings(max_examples=12, deadline=None)
@given(push_wh=st.integers(0, 30_000), cap_bp=st.integers(0, 5_000))
def test_consuming_more_beforehand_counts_at_most_the_cap(push_wh, cap_bp):
    """Whatever is burnt beforehand, what counts is that of a baseline raised by the cap."""
    rule = replace(RULE, adjust_cap_bp=cap_bp)
    day = Afternoon(rule=rule, capacity_w=20_000, penalty=0, incentive=0)
    assert day.instruct(20_000) is None
    day.report(pushed_up(usual_day(4), push_wh))
    raised = sum(mean_wh(hour) * (1 + Fraction(cap_bp, 10_000)) for hour in WINDOW)
    most = max(Fraction(0), raised - sum(usual_day(4)[hour] for hour in WINDOW))
    assert day.part.performance_wh <= most


def test_a_reading_finally_missing_performs_nothing():
    day = Afternoon()
    assert day.instruct() is None
    day.world.chain.now = (day.period + 1) * DAY + POST_WINDOW
    assert day.world.report(day.event, MALL) == "ReadingNotFinal"
    day.world.wait(1)
    assert day.world.report(day.event, MALL) is None
    assert (day.part.performance_wh, day.part.incentive) == (0, 0)
    assert day.part.penalty == -(-PENALTY * (TARGET_WH * 9 // 10) // 10**6)


def test_hours_without_a_value_perform_nothing():
    day = Afternoon()
    assert day.instruct() is None
    metered = less(usual_day(5), 4_000, WINDOW)
    metered[15] = MISSING
    day.report(metered)
    assert day.part.performance_wh == TARGET_WH - TARGET_W


def test_a_reading_that_was_declared_void_performs_nothing():
    day = Afternoon()
    assert day.instruct() is None
    device = day.world.device_of(MALL).address
    day.world.chain.now = (day.period + 1) * DAY
    day.world.must_post(MALL, day.period, less(usual_day(5), 4_000, WINDOW))
    day.world.must("MeterRegistry", "dispute", device, day.period, sender=ADMIN)
    place = (device, day.period)
    day.world.must(
        "MeterRegistry",
        "resolve",
        *place,
        int(Resolution.VOID),
        b"",
        sender=ADMIN,
        model_arguments=(*place, Resolution.VOID, b""),
    )
    day.world.wait(1)
    assert day.world.report(day.event, MALL) == "WrongReading"
    claim = day.world.claim_for(day.event, MALL, reading=b"")
    assert day.world.report(day.event, MALL, claim) is None
    assert day.part.performance_wh == 0


def test_readings_other_than_the_final_ones_are_refused():
    day = Afternoon()
    assert day.instruct() is None
    day.measure(usual_day(0))
    true = day.world.claim_for(day.event, MALL)
    better = encode_values(less(usual_day(0), 5_000, WINDOW))
    high = encode_values([20_000] * SLOTS)
    for claim in (
        replace(true, reading=better),
        replace(true, baseline_readings=(high, *true.baseline_readings[1:])),
        replace(true, baseline_readings=true.baseline_readings[::-1]),
        replace(true, baseline_readings=true.baseline_readings[:-1]),
    ):
        assert day.world.report(day.event, MALL, claim) == "WrongReading"
    assert day.part.status is PartStatus.INSTRUCTED


@pytest.mark.parametrize("late", [1, 400 * DAY])
def test_too_few_baseline_days_make_no_baseline_and_the_part_lapses(late):
    day = Afternoon(since_days=9)
    bond, escrow = day.bond, day.escrow
    assert day.instruct() is None
    day.measure(less(usual_day(5), 4_000, WINDOW))
    assert day.world.report(day.event, MALL) == "TooFewBaselineDays"
    day.world.chain.now = day.world.deviations.claim_by(day.world.market, day.period)
    assert day.act("lapse", PASSER_BY) == "NotLapsed"
    day.world.wait(late)
    assert day.world.report(day.event, MALL) == "ReportedTooLate"
    assert day.act("lapse", PASSER_BY) is None
    assert (day.paid, day.bond, day.escrow) == (0, bond, escrow)
    day.check()


def test_a_part_is_reported_and_settled_once():
    day = Afternoon()
    assert day.instruct() is None
    day.report(less(usual_day(5), 4_000, WINDOW))
    assert day.world.report(day.event, MALL) == "WrongStatus"
    assert day.act("lapse", PASSER_BY) == "WrongStatus"
    assert day.settle() is None
    assert day.act("settle", PASSER_BY) == "WrongStatus"
    assert day.world.report(day.event, MALL) == "WrongStatus"
    day.check()


def test_hours_sold_as_credits_are_not_sold_as_demand_response():
    day = Afternoon()
    world = day.world
    series = world.open_series((day.period + 20) * DAY, escrow=10 * MONEY)
    window = world.announce(series, day.period, WINDOW.start, len(WINDOW), 20_000)
    world.must("EnergyCredits", "join", window, 10_000, 0, sender=MALL)
    assert day.instruct() == "SlotsTaken"
    elsewhere = day.call(range(10, 14))
    assert day.instruct(event=elsewhere) is None
    assert world.do("EnergyCredits", "join", window, 1, 0, sender=MALL) == "JoinedBefore"
    day.check()


def test_the_bond_covers_events_at_the_same_time():
    """It covers one of the longest; for a second one the account must raise it."""
    day = Afternoon(capacity_w=5_000, tolerance_bp=0)
    second = day.call(range(18, 22))
    assert day.instruct(5_000) is None
    assert day.instruct(5_000, event=second) == "BondBound"
    more = day.world.demand.programmes[0].bond_for(5_000)
    day.world.lend(MALL, more)
    assert day.world.ask("addBond", day.programme, more, sender=MALL) is None
    assert day.instruct(5_000, event=second) is None
    day.check()


def test_a_target_that_no_reading_could_show_is_refused():
    day = Afternoon(penalty=0, incentive=0)
    registered = (Person.named("huge meter").address, day.world.market, GRID.address, 0, 2**40)
    day.world.must("MeterRegistry", "register", *registered, sender=ADMIN)
    day.world.enrol(day.programme, GRID, 2**41)
    assert day.instruct(2**31, mall=GRID) == "BadTarget"
    assert day.instruct(2**31 - 1, mall=GRID) is None


def test_a_ledger_that_is_full_only_delays_a_payment():
    day = Afternoon()
    assert day.instruct() is None
    day.report(less(usual_day(5), 4_000, WINDOW))
    asset = day.world.token.address
    room = DEPOSIT_CAP - day.world.ledger.total_deposited[asset]
    day.world.fund(GRID, room)
    assert day.settle() == "DepositCapExceeded"
    assert day.part.status is PartStatus.REPORTED
    day.check()
    day.world.must("Ledger", "withdraw", asset, room, GRID.address, sender=GRID)
    assert day.act("settle", PASSER_BY) is None
    assert day.paid == micro(INCENTIVE, TARGET_WH) // 1
    day.check()
