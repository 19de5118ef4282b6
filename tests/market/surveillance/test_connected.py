"""Rounds with orders of several legs: what is still measured there, and what is left out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from market.order import Leg, Order
from market.surveillance import Costs, Observed, findings_of, survey
from market.surveillance.supply import Supply
from market.surveillance.trading import Trading, Units
from market.surveillance.wash import washes
from tests.market.surveillance.rounds import (
    ADA,
    BOB,
    CEM,
    DEE,
    FEW,
    a_round,
    order,
    random_rounds,
)


def a_store(trader: str, units: int, gain: float) -> Order:
    """Takes in slot 96 and gives nine tenths back in slot 98."""
    legs = (Leg(96, 1_000_000), Leg(98, -900_000))
    return Order(1, 1, legs, units, -round(gain * 10**9), trader, 0, 0)


def a_park():
    """Ada sells in the morning, Bob stores, Cem buys in the evening and Dee at noon."""
    return a_round(
        order(ADA, -2_000, 0.05, slot=96),
        a_store(BOB, 1_000, 0.01),
        order(CEM, 900, 0.40, slot=98),
        order(DEE, 500, 0.30, slot=97),
        order(ADA, -800, 0.10, slot=97),
        grid=FEW,
    )


def test_an_order_of_several_legs_offers_what_it_would_give():
    trading = Trading.of([a_park()])
    rows = {
        (each.lot.product.slot, each.seller): each
        for each in Supply(trading, Units.accounts(trading), Costs())
    }
    bob = rows[98, BOB]
    assert (bob.offered_wh, bob.sold_wh, bob.rsi_ppm) == (900, 900, 0)
    assert bob.pivotal
    assert bob.sets_price  # it cannot be cleared again, and it sold all of it
    # Its price is that of a combination: no ask, no margin, nothing cleared again.
    assert (bob.cost, bob.lerner_ppm, bob.without, bob.at_cost) == (None, None, None, None)
    assert [each.lot.connected for each in rows.values()] == [True, False, True]
    noon = rows[97, ADA]
    assert noon.without is not None


def test_a_store_that_takes_and_gives_washes_nothing():
    report = survey(Observed((a_park(),)))
    assert report.markets[0].connected == 2
    assert report.markets[0].washed == ()


def test_a_networks_account_is_no_supplier():
    report = survey(Observed((a_park(),), networks=frozenset({BOB})))
    assert BOB not in {row.seller for row in report.markets[0].sellers}
    assert BOB not in {account for each in findings_of(report) for account in each.accounts}
    assert report.markets[0].volume_wh == 1_000 + 500 + 900


@given(random_rounds(), st.sets(st.integers(0, 5), min_size=2))
def test_a_group_that_is_never_on_both_sides_of_a_lot_washes_nothing(rounds, chosen):
    trading = Trading.of(rounds)
    members = {name for place, name in enumerate(trading.accounts) if place in chosen}
    sides: dict[int, set[bool]] = {}
    for row in range(len(trading.lot)):
        mine = trading.accounts[trading.account[row]] in members
        if mine and trading.filled_wh[row] > 0 and not trading.several[row]:
            sides.setdefault(int(trading.lot[row]), set()).add(bool(trading.sells[row]))
    both = {lot for lot, each in sides.items() if len(each) == 2}
    found = washes(trading, Units.groups(trading, dict.fromkeys(members, "us")))
    assert {trading.lots.index(each.lot) for each in found if each.who == "us"} == both


@given(random_rounds())
def test_groups_of_one_are_supplied_like_the_accounts_themselves(rounds):
    trading = Trading.of(rounds)
    alone = list(Supply(trading, Units.accounts(trading), None))
    names = {name: f"group of {name}" for name in trading.accounts}
    grouped = list(Supply(trading, Units.groups(trading, names), None))
    assert [(e.lot, e.rsi_ppm, e.without, e.pivotal) for e in alone] == [
        (e.lot, e.rsi_ppm, e.without, e.pivotal) for e in grouped
    ]
