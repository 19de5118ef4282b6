from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings

from market.explanation import Reason, Side, book_levels, curve_of, reason_of
from market.product import ProductError
from tests.market.explanation.books import (
    ALICE,
    BOB,
    CEM,
    FEW,
    ONE,
    a_round,
    order,
    random_rounds,
    several,
)


@settings(max_examples=40, deadline=None)
@given(random_rounds())
def test_levels_hold_everything_that_counted_once_and_best_first(cleared):
    for index in range(len(cleared.book.grid)):
        levels = book_levels(cleared, index)
        for side in Side:
            mine = [level for level in levels if level.side is side]
            prices = [level.price_nano_per_kwh for level in mine]
            assert prices == sorted(prices, reverse=side is Side.BUY)
        held = [position for level in levels for position in level.positions]
        wanted = {
            position
            for position, place in cleared.interested.get(index, ())
            if cleared.offered_wh(position, place)
        }
        assert sorted(held) == sorted(wanted)
        filled = {
            side: sum(level.filled_wh for level in levels if level.side is side) for side in Side
        }
        assert filled[Side.BUY] == filled[Side.SELL] == curve_of(cleared, index).volume_wh


def _no_price_fits(cleared, position):
    reason = reason_of(cleared, position)
    at_the_margin = reason is Reason.AT_THE_MARGIN and cleared.surpluses[position] != 0
    return at_the_margin or reason in (Reason.LEFT_OUT, Reason.ROUNDED_IN)


@settings(max_examples=40, deadline=None)
@given(random_rounds())
def test_the_curves_cross_where_the_product_cleared(cleared):
    for index in range(len(cleared.book.grid)):
        if any(
            _no_price_fits(cleared, position) for position, _ in cleared.interested.get(index, ())
        ):
            continue  # where integrality leaves something over no price fits to the nano
        curve = curve_of(cleared, index)
        price, volume = curve.price_nano_per_kwh, curve.volume_wh
        better = [s.until_wh for s in curve.demand if s.price_nano_per_kwh > price]
        equal = [s.until_wh for s in curve.demand if s.price_nano_per_kwh >= price]
        assert max(better, default=0) <= volume <= max(equal, default=0)
        cheaper = [s.until_wh for s in curve.supply if s.price_nano_per_kwh < price]
        as_cheap = [s.until_wh for s in curve.supply if s.price_nano_per_kwh <= price]
        assert max(cheaper, default=0) <= volume <= max(as_cheap, default=0)
        for steps in (curve.demand, curve.supply):
            assert all(a.until_wh == b.from_wh for a, b in pairwise(steps))
            assert all(step.from_wh < step.until_wh for step in steps)


def test_equal_orders_are_one_level():
    cleared = a_round(
        order(ALICE, 4_000, 0.2), order(BOB, 2_000, 0.2), order(CEM, -3_000, 0.1), grid=ONE
    )
    bid, ask = book_levels(cleared, 0)
    assert (bid.offered_wh, bid.filled_wh, bid.orders) == (6_000, 3_000, 2)
    assert (ask.side, ask.price_nano_per_kwh, ask.implied) == (Side.SELL, 100_000_000, False)


def test_an_order_of_several_legs_stands_in_every_product_at_what_the_others_leave_it():
    store = several(CEM, 1_000, -0.05, (96, 1_000_000), (97, -800_000))
    cleared = a_round(order(ALICE, -3_000, 0.1), order(BOB, 3_000, 0.4, slot=97), store, grid=FEW)
    now, later = cleared.clearing.prices[:2]
    (bid,) = [level for level in book_levels(cleared, 0) if level.implied]
    assert (bid.side, bid.offered_wh) == (Side.BUY, 1_000)
    assert bid.price_nano_per_kwh == (-50_000_000 * 10 + 8 * later) // 10
    (offer,) = [level for level in book_levels(cleared, 1) if level.implied]
    assert (offer.side, offer.offered_wh) == (Side.SELL, 800)
    assert offer.price_nano_per_kwh == -((-50_000_000 - now) * 10 // 8)
    assert [step.implied for step in curve_of(cleared, 0).demand] == [True]


def test_orders_that_did_not_count_are_in_no_book():
    cleared = a_round(order(ALICE, 10, 0.3, epoch=1), order(BOB, -10, 0.2))
    assert [level.side for level in book_levels(cleared, 0)] == [Side.SELL]
    with pytest.raises(ProductError):
        book_levels(cleared, 1)
