from __future__ import annotations

import pytest
from hypothesis import given, settings

from market.explanation import OrderKind, Reason, Side, explain_product, reason_of
from market.product import ProductError
from tests.market.explanation.books import (
    ALICE,
    BOB,
    CEM,
    FEW,
    NAMES,
    ONE,
    PARK,
    a_round,
    order,
    position_of,
    random_rounds,
    several,
)


@settings(max_examples=60, deadline=None)
@given(random_rounds())
def test_prices_lie_within_the_bounds_that_are_named(cleared):
    for index in range(len(cleared.book.grid)):
        said = explain_product(cleared, index)
        odd = {
            position
            for position, _ in cleared.interested.get(index, ())
            if reason_of(cleared, position) in (Reason.LEFT_OUT, Reason.ROUNDED_IN)
        }
        low, high = said.low, said.high
        if not said.connected and low is not None and high is not None:
            assert said.price_nano_per_kwh == (low + high) // 2
        if said.connected:  # what is not full may gain up to a grain of every leg
            grains = [0] + [
                cleared.grain(position)
                // abs(cleared.book.orders[position].order.legs[k].coefficient)
                for position, k in cleared.interested.get(index, ())
            ]
            assert low is None or low <= said.price_nano_per_kwh + max(grains)
            assert high is None or high >= said.price_nano_per_kwh - max(grains)
        assert {o.position for o in said.marginal}.isdisjoint(odd)
        assert all(line.endswith(".") for line in said.sentences)


@settings(max_examples=60, deadline=None)
@given(random_rounds(grids=(FEW, PARK), share=(0.3, 0.6)))
def test_what_binds_is_full_and_gains_and_what_links_is_filled_in_part(cleared):
    for index in range(len(cleared.book.grid)):
        said = explain_product(cleared, index)
        for limit in said.binding:
            assert cleared.clearing.fills[limit.position] == cleared.maxima[limit.position] > 0
            assert limit.surplus_a_unit_scaled > 0
            assert limit.rent_micro >= 0
        linked = {said.product}
        for link in said.links:
            assert link.product in linked
            linked.update(link.others)
            assert 0 < cleared.clearing.fills[link.position] < cleared.maxima[link.position]
            legs = cleared.book.orders[link.position].order.legs
            assert {leg.product for leg in legs} == {link.product, *link.others}


def test_the_middle_between_a_bid_and_an_offer_names_both():
    bid, ask = order(ALICE, 3_000, 0.3), order(BOB, -3_000, 0.2)
    cleared = a_round(bid, ask)
    said = explain_product(cleared, 0)
    assert (said.low, said.high, said.volume_wh) == (200_000_000, 300_000_000, 3_000)
    by_position = {each.position: each for each in said.marginal}
    assert by_position[position_of(cleared, bid)].sets_high
    assert by_position[position_of(cleared, ask)].sets_low
    assert said.sentences == (
        "electricity in north, 1970-01-02 00:00-00:15 UTC: 3 kWh traded at 0.25 a kWh.",
        "Any price from 0.2 to 0.3 a kWh would fit these fills; the rule takes the middle.",
        "At the margin a buyer's order wants 3 kWh at 0.3 a kWh and got 3 kWh.",
        "At the margin a seller's order offers 3 kWh at 0.2 a kWh and sold 3 kWh.",
    )


def test_a_full_line_binds_between_its_zones():
    north, south = PARK.product_id(0), PARK.product_id(3)
    line = several(CEM, 2_000, 0.0, (north, 1_000_000), (south, -1_000_000))
    cleared = a_round(
        order(ALICE, -9_000, 0.1, slot=north),
        order(BOB, 9_000, 0.3, slot=south),
        order(ALICE, -9_000, 0.28, slot=south),
        order(BOB, 100, 0.2, slot=north),
        line,
        grid=PARK,
    )
    said = explain_product(cleared, 3)
    (limit,) = said.binding
    assert limit.kind is OrderKind.LINE
    assert limit.description == "line from north to south"
    assert limit.energy_wh == limit.units == 2_000
    apart = cleared.clearing.prices[3] - cleared.clearing.prices[0]
    assert limit.surplus_a_unit_scaled == apart * 1_000_000 > 0
    assert limit.rent_micro == apart * 2_000 // 1_000_000
    assert any("At its limit: line from north to south, 2 kWh" in line for line in said.sentences)


def test_a_line_with_room_ties_the_prices_of_its_zones():
    north, south = PARK.product_id(0), PARK.product_id(3)
    cleared = a_round(
        order(ALICE, -9_000, 0.1, slot=north),
        order(BOB, 5_000, 0.3, slot=south),
        several(CEM, 20_000, 0.0, (north, 1_000_000), (south, -1_000_000)),
        grid=PARK,
    )
    said = explain_product(cleared, 3)
    assert said.binding == ()
    (link,) = said.links
    assert (link.product, link.others) == (south, (north,))
    assert abs(cleared.clearing.prices[3] - cleared.clearing.prices[0]) <= 2
    assert any("moves with that of electricity in north" in line for line in said.sentences)
    (implied,) = [each for each in said.marginal if each.implied]
    assert implied.side is Side.SELL


def test_a_named_line_is_called_by_its_name():
    north, south = PARK.product_id(0), PARK.product_id(3)
    line = several(CEM, 2_000, 0.0, (north, 1_000_000), (south, -1_000_000))
    cleared = a_round(
        order(ALICE, -9_000, 0.1, slot=north), order(BOB, 9_000, 0.3, slot=south), line, grid=PARK
    )
    digest = cleared.book.orders[position_of(cleared, line)].digest
    named = type(cleared)(
        cleared.book, cleared.facts, cleared.clearing, cleared.rules, NAMES, {digest: "cable 4"}
    )
    assert [each.description for each in explain_product(named, 0).binding] == ["cable 4"]


def test_products_without_orders_or_without_another_side_say_so():
    empty = explain_product(a_round(order(ALICE, 10, 0.1), grid=FEW), 1)
    assert empty.sentences[0].endswith("nobody wanted to buy or sell it.")
    lonely = explain_product(a_round(order(ALICE, 10, 0.1)), 0)
    assert "nobody traded" in lonely.sentences[0]
    assert "Only one side wanted it" in lonely.sentences[1]
    with pytest.raises(ProductError):
        explain_product(a_round(order(ALICE, 10, 0.1), grid=ONE), 1)
