"""Demand response from the programme to the payment, and attacks on it, in both worlds."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from market.reference import Resolution
from market.reference.baseline import BaselineRule
from market.reference.demand_response import RULING_WINDOW, PartStatus, Ruling
from market.reference.ledger import DEPOSIT_CAP
from market.reference.meters import MISSING, POST_WINDOW, encode_values
from market.reference.programmes import Direction
from tests.evm.credit_world import CAPACITY_W, HOUR, MALLS, RULE, SLOTS, less, usual_day
from tests.evm.demand_world import (
    DISPUTE_WINDOW,
    NOTICE,
    OWNER,
    PASSER_BY,
    REFUSAL_LEAD,
    TERMS,
    DemandWorld,
)
from tests.evm.world import ADMIN, DAY, ISSUER, TRADERS, Person

WINDOW = range(14, 18)
MALL, OTHER_MALL = MALLS[0], MALLS[1]
GRID = TRADERS[4]
TARGET_W = 3_000
TARGET_WH = TARGET_W * len(WINDOW)
INCENTIVE, PENALTY = TERMS.incentive, TERMS.penalty
PUBLISHED_RULE = BaselineRule(kind=1, day_mask=0x7F, adjust_lead=0, adjust_slots=0, adjust_cap_bp=0)
MONEY = 10**6


def micro(rate, energy_wh):
    """Exact money of so much energy."""
    return Fraction(rate * energy_wh, 10**6)


class Afternoon:
    """A programme with one enrolled mall, and one event this afternoon; it is midnight."""

    def __init__(self, *, escrow=100 * MONEY, capacity_w=5_000, since_days=10, **terms):
        self.world = DemandWorld()
        self.period = self.world.today
        self.programme = self.world.programme(escrow, **terms)
        self.world.enrol(self.programme, MALL, capacity_w, self.period - since_days)
        self.event = self.call()

    def call(self, window=WINDOW):
        return self.world.call_event(self.programme, self.period, window.start, len(window))

    def instruct(self, target_w=TARGET_W, mall=MALL, event=0):
        place = (event or self.event, mall.address, target_w)
        return self.world.ask("instruct", *place, sender=OWNER)

    def measure(self, values_wh, mall=MALL):
        """The day passes, and its reading becomes final."""
        self.world.chain.now = max(self.world.now, (self.period + 1) * DAY)
        self.world.must_post(mall, self.period, values_wh)
        self.world.wait(DAY + 1)

    def report(self, values_wh):
        """Instructed before, measured and reported."""
        self.measure(values_wh)
        assert self.world.report(self.event, MALL) is None

    def settle(self):
        self.world.wait(DISPUTE_WINDOW + 1)
        return self.world.ask("settle", self.event, MALL.address, sender=PASSER_BY)

    def act(self, function, sender):
        return self.world.ask(function, self.event, MALL.address, sender=sender)

    @property
    def part(self):
        return self.world.demand.parts[self.event, MALL.address]

    @property
    def escrow(self):
        return self.world.demand.programmes[self.programme - 1].escrow

    @property
    def bond(self):
        return self.world.demand.enrolments[self.programme, MALL.address].bond

    @property
    def paid(self):
        """What the mall has free in the ledger, micro."""
        return self.world.ledger.free[self.world.token.address, MALL.address]

    @property
    def starts_at(self):
        return self.period * DAY + WINDOW.start * HOUR

    def check(self):
        self.world.check_demand()
        self.world.check_demand_invariants()


def mean_wh(hour):
    return Fraction(sum(usual_day(number)[hour] for number in range(10)), 10)


# ---------------------------------------------------------------------- the ordinary course


def test_what_was_asked_for_and_done_is_paid_in_full():
    day = Afternoon()
    bond, escrow = day.bond, day.escrow
    assert day.instruct() is None
    day.check()
    day.report(less(usual_day(5), 4_000, WINDOW))
    assert day.part.performance_wh == TARGET_WH
    day.check()
    assert day.settle() is None
    assert day.paid == micro(INCENTIVE, TARGET_WH) // 1
    assert (day.bond, day.escrow) == (bond, escrow - day.paid)
    day.check()
    day.world.check_invariants()


def test_what_was_not_done_costs_the_penalty_beyond_the_tolerance():
    day = Afternoon()
    bond, escrow = day.bond, day.escrow
    assert day.instruct() is None
    day.report(usual_day(0))
    assert day.part.performance_wh < 1_000
    missing = TARGET_WH * 9 // 10 - day.part.performance_wh
    assert day.settle() is None
    penalty = -(-PENALTY * missing // 10**6)
    assert day.bond == bond - penalty
    assert day.escrow == escrow + penalty - day.paid
    day.check()


def test_within_the_tolerance_nothing_is_fined():
    day = Afternoon(rule=PUBLISHED_RULE)
    assert day.instruct() is None
    baseline = usual_day(0)
    values = (day.event, MALL.address, encode_values(baseline))
    assert day.world.ask("publishBaseline", *values, sender=OWNER) is None
    day.measure(less(baseline, TARGET_W * 9 // 10, WINDOW))
    claim = day.world.claim_for(
        day.event, MALL, baseline_readings=(), published=encode_values(baseline)
    )
    assert day.world.report(day.event, MALL, claim) is None
    assert day.part.performance_wh == TARGET_WH * 9 // 10
    assert day.part.penalty == 0


def test_doing_more_than_asked_earns_no_more():
    day = Afternoon()
    assert day.instruct() is None
    day.report(less(usual_day(5), 8_000, WINDOW))
    assert day.part.performance_wh == TARGET_WH
    assert day.settle() is None
    assert day.paid == micro(INCENTIVE, TARGET_WH) // 1


def test_a_programme_that_asks_for_more_consumption_pays_for_more():
    day = Afternoon(direction=Direction.INCREASE)
    assert day.instruct() is None
    day.report(less(usual_day(5), -4_000, WINDOW))
    assert day.part.performance_wh == TARGET_WH
    _, used = day.world.deviations.used_of(1, MALL.address, 0, day.period, now=day.world.now)
    assert [used[hour] for hour in WINDOW] == [-TARGET_W] * len(WINDOW)
    assert day.settle() is None
    day.check()


def test_consuming_less_does_not_count_as_consuming_more():
    day = Afternoon(direction=Direction.INCREASE)
    assert day.instruct() is None
    day.report(less(usual_day(5), 4_000, WINDOW))
    assert (day.part.performance_wh, day.part.incentive) == (0, 0)
    assert day.part.penalty > 0


def test_the_bond_returns_when_the_account_leaves():
    day = Afternoon()
    bond = day.bond
    assert day.world.ask("leaveProgramme", day.programme, sender=MALL) is None
    assert day.paid == bond
    assert day.instruct() == "NotEnrolled"
    day.check()


@settings(max_examples=15, deadline=None)
@given(
    incentive=st.integers(0, 3 * 10**9),
    penalty=st.integers(0, 3 * 10**9),
    tolerance_bp=st.integers(0, 10_000),
    target_w=st.integers(1, 5_000),
    done=st.lists(st.integers(-5_000, 9_000), min_size=4, max_size=4),
)
def test_payments_are_what_the_terms_say_to_the_last_micro_unit(
    incentive, penalty, tolerance_bp, target_w, done
):
    day = Afternoon(
        incentive=incentive, penalty=penalty, tolerance_bp=tolerance_bp, rule=PUBLISHED_RULE
    )
    bond, escrow = day.bond, day.escrow
    assert day.instruct(target_w) is None
    baseline = usual_day(0)
    values = (day.event, MALL.address, encode_values(baseline))
    assert day.world.ask("publishBaseline", *values, sender=OWNER) is None
    metered = list(baseline)
    for hour, wh in zip(WINDOW, done, strict=True):
        metered[hour] -= wh
    day.measure(metered)
    claim = day.world.claim_for(
        day.event, MALL, baseline_readings=(), published=encode_values(baseline)
    )
    assert day.world.report(day.event, MALL, claim) is None
    performed = sum(min(max(wh, 0), target_w) for wh in done)
    owed = target_w * 4 * (10_000 - tolerance_bp) // 10_000
    fine = -(-penalty * max(0, owed - performed) // 10**6)
    assert day.settle() is None
    assert day.paid == incentive * performed // 10**6
    assert day.bond == bond - fine
    assert day.escrow == escrow - day.paid + fine
    day.check()


# ---------------------------------------------------------------------- the owner cheats


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


# ---------------------------------------------------------------------- the account cheats


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


# ---------------------------------------------------------------------- disputes


@pytest.mark.parametrize(("late", "refusal"), [(0, None), (1, "DisputedTooLate")])
@pytest.mark.parametrize("party", [MALL, OWNER])
def test_both_sides_dispute_to_the_last_second(late, refusal, party):
    day = Afternoon()
    assert day.instruct() is None
    day.report(usual_day(0))
    assert day.act("dispute", PASSER_BY) == "NotParty"
    day.world.wait(DISPUTE_WINDOW + late)
    if refusal is None:
        assert day.act("settle", PASSER_BY) == "NotSettleable"
    assert day.act("dispute", party) == refusal
    if refusal is None:
        assert day.act("dispute", party) == "WrongStatus"
        assert day.act("settle", PASSER_BY) == "NotSettleable"
    day.check()


@pytest.mark.parametrize("ruling", list(Ruling))
def test_a_ruling_keeps_excuses_or_voids(ruling):
    day = Afternoon()
    bond, escrow = day.bond, day.escrow
    assert day.instruct() is None
    day.report(less(usual_day(5), 1_500, WINDOW))
    incentive, penalty = day.part.incentive, day.part.penalty
    assert incentive > 0
    assert penalty > 0
    assert day.act("dispute", MALL) is None
    assert day.world.resolve(day.event, MALL, ruling, OWNER) == "AccessManagedUnauthorized"
    assert day.world.resolve(day.event, MALL, ruling) is None
    assert day.world.resolve(day.event, MALL, ruling) == "WrongStatus"
    assert day.act("settle", PASSER_BY) is None
    paid = 0 if ruling is Ruling.VOID else incentive
    fined = penalty if ruling is Ruling.KEEP else 0
    assert (day.paid, day.bond) == (paid, bond - fined)
    assert day.escrow == escrow + fined - paid
    day.check()


@pytest.mark.parametrize(("late", "refusal"), [(0, None), (1, "ResolvedTooLate")])
def test_a_dispute_that_nobody_rules_on_keeps_the_report(late, refusal):
    day = Afternoon()
    assert day.instruct() is None
    day.report(less(usual_day(5), 1_500, WINDOW))
    incentive = day.part.incentive
    assert day.act("dispute", OWNER) is None
    day.world.wait(RULING_WINDOW + late)
    if refusal is None:
        assert day.act("settle", PASSER_BY) == "NotSettleable"
    assert day.world.resolve(day.event, MALL, Ruling.VOID) == refusal
    assert day.act("settle", PASSER_BY) is None
    assert day.paid == (0 if refusal is None else incentive)
    day.check()


# ---------------------------------------------------------------------- who may, and bad input


def test_a_credential_is_needed_to_enrol_and_to_be_instructed():
    role = keccak(text="wattproof.role.flexible_load")
    world = DemandWorld()
    programme = world.programme(100 * MONEY, role=role)
    world.lend(MALL, 100 * MONEY)
    enrolment = (programme, 5_000, 0)
    assert world.ask("enrol", *enrolment, sender=MALL) == "NotCredentialed"
    world.must("CredentialRegistry", "accredit", ISSUER.address, role, sender=ADMIN)
    grant = (keccak(text="a credential"), MALL.address, role, 2**32 - 1)
    world.must("CredentialRegistry", "grant", *grant, sender=ISSUER)
    assert world.ask("enrol", *enrolment, sender=MALL) is None
    world.must("CredentialRegistry", "revoke", grant[0], sender=ISSUER)
    event = world.call_event(programme, world.today, WINDOW.start, 1)
    instruction = (event, MALL.address, 1_000)
    assert world.ask("instruct", *instruction, sender=OWNER) == "NotCredentialed"


def test_only_accounts_with_a_meter_enrol_and_only_what_it_can_swing():
    world = DemandWorld()
    programme = world.programme()
    world.lend(MALL, 100 * MONEY)
    world.lend(ISSUER, 100 * MONEY)
    assert world.ask("enrol", programme, 1_000, 0, sender=ISSUER) == "NoDevice"
    assert world.ask("enrol", programme, 2 * CAPACITY_W + 1, 0, sender=MALL) == "BeyondMeter"
    assert world.ask("enrol", programme, 0, 0, sender=MALL) == "ZeroAmount"
    assert world.ask("enrol", programme, 1, world.today + 1, sender=MALL) == "SinceInFuture"
    assert world.ask("enrol", programme + 1, 1, 0, sender=MALL) == "UnknownProgramme"
    assert world.ask("enrol", programme, 2 * CAPACITY_W, world.today, sender=MALL) is None
    assert world.ask("enrol", programme, 1, 0, sender=MALL) == "EnrolledBefore"
    world.check_demand()


def test_a_bond_that_is_not_there_enrols_nobody():
    world = DemandWorld()
    programme = world.programme()
    refusal = world.ask("enrol", programme, 1_000, 0, sender=MALL)
    assert refusal == "ERC20InsufficientAllowance"
    world.check_demand()


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"market": 77}, "UnknownMarket"),
        ({"carrier": 1}, "UnknownCarrier"),
        ({"tolerance_bp": 10_001}, "BadTerms"),
        ({"max_event_slots": 0}, "BadTerms"),
        ({"max_event_slots": SLOTS + 1}, "BadTerms"),
        ({"refusal_lead": NOTICE}, "BadTerms"),
        ({"dispute_window": 3 * DAY + 1}, "BadTerms"),
        ({"incentive": 2**62 + 1}, "BadTerms"),
        ({"penalty": 2**62 + 1}, "BadTerms"),
        ({"rule": replace(RULE, adjust_cap_bp=5_001)}, "BadRule"),
        ({"rule": replace(RULE, day_mask=0)}, "BadRule"),
        ({"market": 2}, "BadRule"),
        ({"incentive": 2**62, "penalty": 2**62, "tolerance_bp": 10_000}, None),
        ({"max_event_slots": SLOTS, "dispute_window": 3 * DAY}, None),
        ({"refusal_lead": NOTICE - 1}, None),
    ],
)
def test_terms_that_contradict_themselves_are_refused(changes, refusal):
    world = DemandWorld(0)
    terms = replace(TERMS, **changes)
    if changes.get("market") == 2:
        world.create_market()
        terms = replace(terms, market=world.exchange.market_count, max_event_slots=1)
        terms = replace(terms, rule=replace(RULE, adjust_lead=1, adjust_slots=1))
    assert world.try_create(terms, MALL) == "AccessManagedUnauthorized"
    assert world.try_create(terms) == refusal
    world.check_demand()


@pytest.mark.parametrize(
    ("first_slot", "slots", "refusal"),
    [
        (4, 1, None),
        (3, 1, "BadWindow"),
        (20, 4, None),
        (21, 4, "BadWindow"),
        (14, 5, "BadWindow"),
        (14, 0, "BadWindow"),
    ],
)
def test_a_window_lies_in_its_day_after_the_hours_of_adjustment(first_slot, slots, refusal):
    world = DemandWorld(0)
    programme = world.programme()
    window = (programme, world.today + 1, first_slot, slots)
    assert world.ask("callEvent", *window, sender=OWNER) == refusal
    world.check_demand()


@pytest.mark.parametrize("function", ["fund", "defund", "addBond"])
def test_amounts_of_nothing_are_refused(function):
    day = Afternoon()
    sender = MALL if function == "addBond" else OWNER
    assert day.world.ask(function, day.programme, 0, sender=sender) == "ZeroAmount"


def test_a_target_below_a_watt_hour_a_slot_is_refused():
    day = Afternoon()
    assert day.instruct(0) == "BadTarget"
    assert day.instruct(mall=OTHER_MALL) == "NotEnrolled"
    unknown = (99, MALL.address, 1_000)
    assert day.world.ask("instruct", *unknown, sender=OWNER) == "UnknownEvent"
