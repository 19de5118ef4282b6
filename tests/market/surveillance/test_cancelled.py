from __future__ import annotations

from market.surveillance.cancelled import cancellations
from tests.market.surveillance.rounds import ADA, BOB, CEM, a_round, order


def a_layer(number):
    """Ada shows 9 kWh for sale, takes them back, and buys a kWh of Bob's."""
    return a_round(
        order(ADA, 1_000, 0.3, number=number),
        order(BOB, -1_000, 0.1, number=number),
        stale=(order(ADA, -9_000, 0.2, number=number),),
    )


def quiet(number):
    return a_round(order(ADA, 1_000, 0.3, number=number), order(BOB, -1_000, 0.1, number=number))


def test_orders_that_fell_to_a_new_epoch_are_counted_by_side():
    (found,) = cancellations([a_layer(1), a_layer(2), a_layer(3)])
    assert (found.account, found.orders, found.all_orders) == (ADA, 3, 6)
    assert (found.sell_wh, found.buy_wh) == (27_000, 0)
    assert found.rounds == found.opposite_rounds == (1, 2, 3)
    assert found.repeated


def test_once_or_seldom_is_no_pattern():
    (found,) = cancellations([a_layer(1), a_layer(2), quiet(3)])
    assert not found.repeated
    (found,) = cancellations([*map(a_layer, (1, 2, 3)), *map(quiet, (4, 5, 6, 7))])
    assert not found.repeated


def test_who_only_cancels_trades_on_no_other_side():
    (found,) = cancellations([a_round(order(BOB, -1_000, 0.1), stale=(order(CEM, 5_000, 0.2),))])
    assert (found.account, found.buy_wh, found.opposite_rounds) == (CEM, 5_000, ())
