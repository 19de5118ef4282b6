"""Demand response from the programme to the payment, in both worlds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from market.reference.demand_response import RULING_WINDOW, Ruling
from market.reference.meters import encode_values
from market.reference.programmes import Direction
from tests.evm.credit_world import CAPACITY_W, RULE, SLOTS, less, usual_day
from tests.evm.demand_day import (
    INCENTIVE,
    MALL,
    MONEY,
    OTHER_MALL,
    PENALTY,
    PUBLISHED_RULE,
    TARGET_W,
    TARGET_WH,
    WINDOW,
    Afternoon,
    micro,
)
from tests.evm.demand_world import (
    DISPUTE_WINDOW,
    NOTICE,
    OWNER,
    PASSER_BY,
    TERMS,
    DemandWorld,
)
from tests.evm.world import ADMIN, DAY, ISSUER


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
