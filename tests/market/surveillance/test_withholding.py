from __future__ import annotations

from dataclasses import replace

import pytest

from market.surveillance import (
    CertificateClass,
    CostCurve,
    Costs,
    NeedChange,
    Stock,
    StockChange,
)
from market.surveillance.supply import Supply
from market.surveillance.trading import Trading, Units
from market.surveillance.withholding import certificates_withheld, outputs_idle
from tests.market.surveillance.rounds import ADA, BOB, CEM, DEE, a_round, order

CENT = 10_000_000
WIND = CertificateClass(technology=1, vintage=96, zone=0)
DAY = 86_400


def stock(*changes, needs=()):
    return Stock(tuple(changes), tuple(needs), {1: (1, 0)}, vintage_seconds=DAY)


def held(account, wallet=0, offered=0, uncollected=0, time=10):
    return StockChange(time, account, WIND, wallet, offered, uncollected)


def need(account, wh, *, until=0, by=10**9, technologies=0b10):
    return NeedChange(10, 1, account, wh, technologies, 0, 97 * DAY if until == 0 else until, by)


def rows(rounds, held_by, costs=None):
    found = certificates_withheld(rounds, held_by, Costs() if costs is None else costs)
    return {(row.round, row.account): row for row in found}


def a_sale(number, *extra):
    """Bob sells 2 kWh at 0.10 to Cem, who wants 5 at 0.20: 3 kWh stay unserved at 0.20."""
    return a_round(
        order(BOB, -2_000, 0.10, number=number), order(CEM, 5_000, 0.20, number=number), *extra
    )


def test_stock_is_what_lies_in_the_wallet_on_offer_and_uncollected():
    have = stock(held(ADA, 500), held(ADA, -200, 200, time=20), held(ADA, 0, -200, 30, time=40))
    assert have.held(ADA, WIND, 9).total_wh == 0
    assert have.held(ADA, WIND, 10).total_wh == 500
    assert (have.held(ADA, WIND, 39).wallet_wh, have.held(ADA, WIND, 39).offered_wh) == (300, 200)
    assert have.held(ADA, WIND, 40).total_wh == 330
    assert have.held(BOB, WIND, 40).total_wh == 0


def test_what_lies_idle_while_bids_go_unserved_is_withheld():
    found = rows([a_sale(1)], stock(held(ADA, 8_000), held(BOB, 0, 2_000)))
    ada, bob = found[1, ADA], found[1, BOB]
    assert (ada.physical_wh, ada.economic_wh, ada.shortage_wh) == (8_000, 0, 3_000)
    assert (ada.held_wh, ada.share_ppm) == (8_000, 800_000)
    assert ada.against_shortage
    assert (bob.withheld_wh, bob.sold_wh) == (0, 2_000)
    assert not bob.against_shortage


def test_what_is_asked_far_above_the_last_price_is_withheld_economically():
    have = stock(held(ADA, 8_000), held(BOB, 0, 2_000))
    dear = a_sale(2, order(ADA, -8_000, 0.90, number=2))
    found = rows([a_sale(1), dear], have)
    ada = found[2, ADA]
    assert ada.reference == 20 * CENT
    assert (ada.physical_wh, ada.economic_wh, ada.offered_low_wh) == (0, 8_000, 0)
    assert ada.against_shortage
    # A quarter above the reference is still low.
    fair = a_sale(2, order(ADA, -8_000, 0.25, number=2))
    assert rows([a_sale(1), fair], have)[2, ADA].withheld_wh == 0


def test_in_the_first_round_nothing_offered_is_too_dear():
    dear = a_sale(1, order(ADA, -8_000, 0.90))
    assert rows([dear], stock(held(ADA, 8_000)))[1, ADA].withheld_wh == 0


def test_a_declared_cost_is_the_reference_of_its_account():
    costs = Costs((CostCurve(ADA, "", "", 80 * CENT, market=1),))
    dear = a_sale(1, order(ADA, -8_000, 0.90))
    assert rows([dear], stock(held(ADA, 8_000)), costs)[1, ADA].withheld_wh == 0
    costs = Costs((CostCurve(ADA, "", "", 5 * CENT, market=1),))
    assert rows([dear], stock(held(ADA, 8_000)), costs)[1, ADA].economic_wh == 8_000


def test_what_a_holder_owes_itself_is_not_withheld():
    have = stock(held(ADA, 8_000), needs=[need(ADA, 6_000)])
    ada = rows([a_sale(1)], have)[1, ADA]
    assert (ada.own_need_wh, ada.withheld_wh) == (6_000, 2_000)
    have = stock(held(ADA, 8_000), needs=[need(ADA, 9_000)])
    assert rows([a_sale(1)], have)[1, ADA].withheld_wh == 0


def test_a_need_for_another_technology_or_one_that_is_over_excuses_nobody():
    other = stock(held(ADA, 8_000), needs=[need(ADA, 8_000, technologies=0b100)])
    assert rows([a_sale(1)], other)[1, ADA].withheld_wh == 8_000
    over = stock(held(ADA, 8_000), needs=[need(ADA, 8_000, by=999)])
    assert rows([a_sale(1)], over)[1, ADA].withheld_wh == 8_000


def test_what_arrived_after_the_round_had_opened_is_not_withheld():
    have = stock(held(ADA, 8_000, time=700))
    assert (1, ADA) not in rows([a_sale(1)], have)


def test_without_a_shortage_nobody_withholds():
    enough = a_round(order(BOB, -2_000, 0.1), order(CEM, 1_000, 0.2))
    ada = rows([enough], stock(held(ADA, 8_000)))[1, ADA]
    assert (ada.withheld_wh, ada.shortage_wh) == (8_000, 0)
    assert not ada.against_shortage


def test_what_others_owe_for_a_period_that_is_over_is_a_shortage():
    enough = a_round(order(BOB, -2_000, 0.1), order(CEM, 1_000, 0.2))
    due = stock(held(ADA, 8_000), needs=[need(DEE, 5_000, until=96 * DAY + 1)])
    late = replace(enough, opened_at=97 * DAY, gate_at=97 * DAY + 1)
    assert rows([late], due)[1, ADA].shortage_wh == 5_000
    assert rows([enough], due)[1, ADA].shortage_wh == 0  # not due yet
    covered = stock(
        held(ADA, 8_000), held(DEE, 4_000), needs=[need(DEE, 5_000, until=96 * DAY + 1)]
    )
    assert rows([late], covered)[1, ADA].shortage_wh == 1_000


def test_who_holds_little_moves_no_price():
    have = stock(held(ADA, 900), held(BOB, 0, 9_100))
    assert not rows([a_sale(1)], have)[1, ADA].against_shortage
    have = stock(held(ADA, 1_100), held(BOB, 0, 8_900))
    assert rows([a_sale(1)], have)[1, ADA].against_shortage


def test_who_sells_more_than_half_of_what_it_can_spare_is_not_named():
    some = a_sale(1, order(ADA, -4_001, 0.10))
    assert not rows([some], stock(held(ADA, 8_000)))[1, ADA].against_shortage


def test_a_meter_that_could_have_measured_more_is_idle():
    # 40 kW are 10 kWh a quarter-hour; Ada offers 6, then, in a later round of the slot, nothing.
    rounds = [
        a_round(order(ADA, -6_000, 0.10), order(CEM, 4_000, 0.30)),
        a_round(
            order(ADA, -1_000, 0.10, number=2),
            order(BOB, -500, 0.20, number=2),
            order(CEM, 9_000, 0.30, number=2),
        ),
    ]
    trading = Trading.of(rounds)
    costs = Costs((CostCurve(ADA, "", "", 12 * CENT),))
    supplied = list(Supply(trading, Units.accounts(trading), costs))
    (idle,) = outputs_idle(supplied, costs, {(1, ADA, 0): 40_000})
    # First round: 4 kWh idle, but the price, 0.10, is below the cost. Second: 4 sold before, 1
    # offered, 5 idle at a price of 0.30.
    assert (idle.lots, idle.available_wh, idle.offered_wh) == (2, 20_000, 7_000)
    assert (idle.idle_wh, idle.idle_at_profit_wh) == (9_000, 5_000)
    assert outputs_idle(supplied, Costs(), {(1, ADA, 0): 40_000})[0].idle_at_profit_wh == 0


@pytest.mark.parametrize("time", [10, 20])
def test_changes_in_the_same_second_all_count(time):
    have = stock(held(ADA, 5, time=time), held(ADA, 6, time=time))
    assert have.held(ADA, WIND, time).total_wh == 11
