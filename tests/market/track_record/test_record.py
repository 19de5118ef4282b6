from __future__ import annotations

import random
from dataclasses import replace

import pytest

from market.track_record import (
    LEAST_PERIODS,
    AccountHistory,
    CarrierFigures,
    ClosedPeriod,
    Delivery,
    DisputedReading,
    Instruction,
    InstructionStatus,
    Obligation,
    Ruling,
    Window,
    record_of,
)

ME = "0x" + "11" * 20


def delivery(
    position: int, metered: int | None, *, slot: int = 0, carrier: int = 0, covered: bool = True
) -> Delivery:
    return Delivery(carrier, slot, position, metered, covered)


def period(
    number: int, *deliveries: Delivery, lock: int = 1_000, charge: int = 0, market: int = 1
) -> ClosedPeriod:
    return ClosedPeriod(market, number, lock, charge, deliveries)


def history(*closed: ClosedPeriod, **others: object) -> AccountHistory:
    latest = {1: max((each.period for each in closed), default=0)}
    return AccountHistory(ME, closed=closed, **({"latest": latest} | others))  # type: ignore[arg-type]


def windows(given: AccountHistory) -> tuple[Window, Window]:
    (market,) = record_of(given).markets
    recent, every = market.windows
    return recent, every


def figures(given: AccountHistory) -> CarrierFigures:
    (found,) = windows(given)[1].carriers
    return found


def test_what_was_sold_and_metered_was_delivered():
    found = figures(history(period(1, delivery(-3_000, -2_000), delivery(2_000, 2_500, slot=1))))
    assert (found.sold_wh, found.delivered_wh, found.shortfall_wh) == (3_000, 2_000, 1_000)
    assert (found.bought_wh, found.consumed_wh) == (2_000, 2_000)


def test_too_much_in_one_slot_makes_up_for_no_other():
    found = figures(history(period(1, delivery(-1_000, -5_000), delivery(-1_000, 0, slot=1))))
    assert (found.delivered_wh, found.shortfall_wh) == (1_000, 1_000)


def test_who_sold_and_drew_instead_delivered_nothing():
    assert figures(history(period(1, delivery(-1_000, 4_000)))).delivered_wh == 0
    assert figures(history(period(1, delivery(1_000, -4_000)))).consumed_wh == 0


def test_a_seller_without_a_value_delivered_nothing_where_others_were_measured():
    found = figures(history(period(1, delivery(-1_000, None))))
    assert (found.sold_wh, found.delivered_wh, found.sold_unmeasured_wh) == (1_000, 0, 0)


def test_what_nobody_measured_counts_neither_way():
    found = figures(history(period(1, delivery(-1_000, None, covered=False))))
    assert (found.sold_wh, found.sold_unmeasured_wh, found.sold_periods) == (0, 1_000, 0)


def test_a_buyer_without_a_value_consumed_neither_all_nor_nothing():
    found = figures(history(period(1, delivery(1_000, None))))
    assert (found.bought_wh, found.consumed_wh, found.bought_unmeasured_wh) == (0, 0, 1_000)


def test_a_ratio_waits_for_enough_periods():
    few = [period(number, delivery(-1_000, -900)) for number in range(LEAST_PERIODS - 1)]
    assert figures(history(*few)).delivered_ppm is None
    assert figures(history(*few, period(90, delivery(-1_000, -900)))).delivered_ppm == 900_000


def test_many_slots_of_one_period_are_one_period():
    slots = [delivery(-1_000, -1_000, slot=slot) for slot in range(96)]
    assert figures(history(period(1, *slots))).delivered_ppm is None


def test_periods_in_which_only_another_carrier_was_sold_do_not_count_for_this_one():
    rest = [period(number, delivery(-1, -1, carrier=1)) for number in range(2, 40)]
    (_, every) = windows(history(period(1, delivery(-1_000, 0)), *rest))
    assert [each.delivered_ppm for each in every.carriers] == [None, 1_000_000]


def test_tiny_sales_that_are_met_do_not_hide_a_large_one_that_was_not():
    padded = [period(number, delivery(-1, -1)) for number in range(2, 40)]
    assert figures(history(period(1, delivery(-1_000_000, 0)), *padded)).delivered_ppm == 37


def test_a_ratio_rounds_down():
    closed = [period(number, delivery(-3, -2)) for number in range(LEAST_PERIODS)]
    assert figures(history(*closed)).delivered_ppm == 666_666


def test_recent_is_counted_in_periods_of_the_market_not_of_the_account():
    old = [period(number, delivery(-1_000, -1_000)) for number in range(1, 21)]
    given = history(*old, period(60, delivery(-1_000, 0)), latest={1: 80})
    recent, every = windows(given)
    assert (recent.closed, every.closed) == (1, 21)
    assert recent.carriers[0].shortfall_wh == 1_000
    assert record_of(given).markets[0].latest_period == 80


def test_the_first_of_the_last_thirty_periods_is_recent_and_the_one_before_is_not():
    given = history(period(51, delivery(-1, -1)), period(50, delivery(-1, -1)), latest={1: 80})
    assert windows(given)[0].closed == 1


def test_imbalance_is_summed_by_direction_and_what_took_all_is_named():
    recent, _ = windows(
        history(
            period(1, delivery(-1, -1), charge=400),
            period(2, delivery(-1, -1), charge=-150),
            period(3, delivery(-1, -1), charge=1_000, lock=1_000),
            period(4, lock=0, charge=0),
        )
    )
    assert (recent.imbalance_paid_micro, recent.imbalance_received_micro) == (1_400, 150)
    assert recent.exhausted == 1


def test_a_period_with_a_carrier_that_was_never_read_is_one_without_reading():
    both = (delivery(-1, -1), delivery(-1, None, carrier=1))
    recent, _ = windows(history(period(1, *both), period(2, delivery(-1, -1)), period(3)))
    assert recent.without_reading == 1


def dispute(ruling: Ruling, *ruled: int | None, own: bool = False, **options: object):
    posted = (-1_000, 500)
    return DisputedReading(1, 0, 3, own, ruling, posted, ruled, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        (dispute(Ruling.KEPT), "kept"),
        (dispute(Ruling.UNDECIDED), "undecided"),
        (dispute(Ruling.VOID), "lost"),
        (dispute(Ruling.REPLACED, -900, 500), "lost"),
        (dispute(Ruling.REPLACED, -1_000, 600), "lost"),
        (dispute(Ruling.REPLACED, None, 500), "lost"),
        (dispute(Ruling.REPLACED, -1_100, 400), "corrected"),
        (dispute(Ruling.REPLACED, -1_000, 500), "corrected"),
        # It had bought 500 Wh in slot 1 and drew less than it had said.
        (dispute(Ruling.REPLACED, -1_000, 400, positions_wh={1: 500}), "lost"),
        # More fed in does not hide that less was fed in in another slot.
        (dispute(Ruling.REPLACED, -900, -5_000), "lost"),
    ],
)
def test_a_dispute_is_kept_lost_or_corrected(given: DisputedReading, outcome: str):
    recent, _ = windows(AccountHistory(ME, disputes=(given,)))
    counted = {name: getattr(recent.disputes, name) for name in ("kept", "lost", "corrected")}
    counted["undecided"] = recent.disputes.undecided
    assert counted == {name: int(name == outcome) for name in counted}


def test_disputing_ones_own_reading_first_does_not_make_the_loss_anothers():
    given = AccountHistory(ME, disputes=(dispute(Ruling.REPLACED, 0, 500, own=True),))
    disputes = windows(given)[0].disputes
    assert (disputes.opened_by_itself, disputes.opened_by_others, disputes.lost) == (1, 0, 1)


def test_demand_response_counts_what_was_asked_and_done():
    def instructed(event: int, status: InstructionStatus, **options: object) -> Instruction:
        return Instruction(1, event, event, status, 1_000, **options)  # type: ignore[arg-type]

    settled = [
        instructed(event, InstructionStatus.SETTLED, performed_wh=800, penalty_micro=7)
        for event in range(LEAST_PERIODS)
    ]
    given = AccountHistory(
        ME,
        instructions=(
            *settled,
            instructed(50, InstructionStatus.SETTLED, performed_wh=0, excused=True),
            instructed(51, InstructionStatus.REFUSED),
            instructed(52, InstructionStatus.LAPSED),
            instructed(53, InstructionStatus.OPEN),
        ),
    )
    found = windows(given)[1].response
    assert (found.instructed, found.settled, found.refused, found.lapsed) == (14, 11, 1, 1)
    assert (found.target_wh, found.performed_wh, found.performed_ppm) == (10_000, 8_000, 800_000)
    assert (found.excused, found.penalty_micro) == (1, 70)


def test_a_bond_that_did_not_cover_a_penalty_is_a_default():
    quotas = record_of(
        AccountHistory(
            ME,
            obligations=(
                Obligation(1, 1, 100, 100, 0, 0, 0),
                Obligation(1, 2, 100, 60, 40, 400, 400),
                Obligation(1, 3, 100, 0, 100, 1_000, 250),
            ),
        )
    ).quotas
    assert (quotas.settled, quotas.short, quotas.defaults) == (3, 2, 1)
    assert (quotas.shortfall_wh, quotas.penalty_micro, quotas.penalty_paid_micro) == (
        140,
        1_400,
        650,
    )


def test_positions_that_nobody_closed_are_not_hidden():
    given = AccountHistory(ME, unclosed=((1, 4), (1, 5), (2, 4)))
    assert [each.unclosed for each in record_of(given).markets] == [2, 1]


def test_an_account_without_history_has_no_figures():
    found = record_of(AccountHistory(ME))
    assert found.markets == ()
    assert found.quotas.settled == 0


def test_the_order_of_facts_changes_nothing():
    dice = random.Random(5)
    closed = [
        period(
            number,
            *(delivery(dice.randint(-9, 9), dice.choice([None, -4, 5]), slot=s) for s in range(4)),
            market=dice.randint(1, 2),
            charge=dice.randint(-9, 9),
        )
        for number in range(40)
    ]
    given = history(*closed, disputes=(dispute(Ruling.VOID), dispute(Ruling.KEPT)))
    shuffled = closed[:]
    dice.shuffle(shuffled)
    other = replace(given, closed=tuple(shuffled), disputes=given.disputes[::-1])
    assert record_of(given) == record_of(other)
