from __future__ import annotations

import dataclasses
from random import Random

import numpy as np
import pytest

from market.clearing import ClearingError, ClearingScenarios
from market.clearing.component import build_component
from market.clearing.counted import CountedOrders
from market.clearing.relaxation import solve_relaxation
from market.order import SignedOrder
from market.product import ProductGrid
from market.synthetic import trader_keys, unsigned_book
from market.synthetic_park import park_orders

GRID = ProductGrid(carriers=4, zones=2, first_slot=1_000, slots=8)


@pytest.fixture(scope="module")
def book():
    return unsigned_book(GRID, park_orders(Random(5), GRID, 12, keys=trader_keys(12)))


@pytest.fixture(scope="module")
def scenarios(book):
    return ClearingScenarios(book)


def changed(book, random):
    """Maxima from nothing to what was signed, limits up to a tenth off."""
    maxima = [int(s.order.max_units * random.choice((0, 0.3, 1.0))) for s in book.orders]
    limits = [s.order.limit + int(s.order.limit * random.uniform(-0.1, 0.1)) for s in book.orders]
    return maxima, limits


def optimum_of_a_fresh_build(book, maxima, limits):
    """Welfare (micro-units) of the relaxation of a book whose orders have these limits."""
    orders = [
        SignedOrder(dataclasses.replace(s.order, limit=limit), s.signature, s.digest)
        for s, limit in zip(book.orders, limits, strict=True)
    ]
    counted = CountedOrders.of(dataclasses.replace(book, orders=tuple(orders)), maxima)
    every = np.arange(len(book.grid)), np.arange(len(counted.positions))
    return solve_relaxation(build_component(counted, *every)).welfare / 1e6


def test_every_scenario_reaches_the_optimum_of_a_fresh_build(book, scenarios):
    random = Random(1)
    drawn = [changed(book, random) for _ in range(6)]
    outcomes = scenarios.solve(maxima=[m for m, _ in drawn], limits=[b for _, b in drawn])
    for welfare, (maxima, limits) in zip(outcomes.welfare_micro, drawn, strict=True):
        assert welfare == pytest.approx(optimum_of_a_fresh_build(book, maxima, limits), rel=1e-9)


def test_fills_balance_and_prices_support_them(book, scenarios):
    maxima, limits = changed(book, Random(2))
    outcomes = scenarios.solve(maxima=maxima, limits=limits)
    left, traded = np.zeros(len(GRID)), np.zeros(GRID.carriers)
    dual = 0.0
    for position, signed in enumerate(book.orders):
        cost = 0.0
        for leg, index in zip(signed.order.legs, book.leg_indices[position], strict=True):
            moved = leg.coefficient * outcomes.fills[0, position] / 1e6
            left[index] += moved
            traded[index // (GRID.zones * GRID.slots)] += max(0.0, moved)
            cost += leg.coefficient / 1e6 * outcomes.prices[0, index]
        dual += max(0.0, limits[position] - cost) * maxima[position] / 1e6
        assert -1e-6 <= outcomes.fills[0, position] <= maxima[position] * (1 + 1e-9) + 1e-6
    assert np.abs(left).max() < 0.01
    assert outcomes.traded_wh[0] == pytest.approx(traded)
    assert dual == pytest.approx(outcomes.welfare_micro[0], rel=1e-7)


def test_a_scenario_does_not_depend_on_the_others(book, scenarios):
    drawn = [changed(book, Random(seed))[0] for seed in (3, 4)]
    together = scenarios.solve(maxima=drawn)
    alone = scenarios.solve(maxima=drawn[1])
    assert (together.fills[1] == alone.fills[0]).all()
    assert (together.prices[1] == alone.prices[0]).all()


def test_nothing_given_means_as_signed_and_a_row_holds_for_all(book, scenarios):
    signed = scenarios.solve()
    limits = [s.order.limit for s in book.orders]
    assert signed.welfare_micro.shape == (1,)
    repeated = scenarios.solve(limits=[limits] * 3)
    assert repeated.welfare_micro == pytest.approx([signed.welfare_micro[0]] * 3, rel=1e-12)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"maxima": [[1.0, 2.0]]}, "orders, not"),
        ({"limits": [float("nan")]}, "finite"),
        ({"maxima": [-1.0]}, "negative"),
    ],
)
def test_what_no_order_can_have_is_refused(book, scenarios, given, why):
    given = {
        name: values * book.count if len(np.shape(values)) == 1 else values
        for name, values in given.items()
    }
    with pytest.raises(ValueError, match=why):
        scenarios.solve(**given)


def test_different_numbers_of_scenarios_are_refused(book, scenarios):
    with pytest.raises(ValueError, match="2 scenarios of maxima, 3 of limits"):
        scenarios.solve(maxima=np.ones((2, book.count)), limits=np.ones((3, book.count)))


def test_a_study_needs_orders():
    with pytest.raises(ClearingError, match="needs a book"):
        ClearingScenarios(unsigned_book(GRID, []))
