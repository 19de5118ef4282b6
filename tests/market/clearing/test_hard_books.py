"""Parks with lossy and lossless lines, and meshed grids of hub and flowgate products."""

from __future__ import annotations

import dataclasses
from random import Random

import pytest

from market.certificate import check
from market.clearing import clear
from market.product import ProductGrid
from market.synthetic import rules_for, trader_keys, unsigned_book
from market.synthetic_park import GRID_CARRIERS, grid_orders, park_orders

KEYS = trader_keys(12)
A_MILLIONTH = {"gap_floor_micro": 0, "gap_cap_micro": 10**15}


def a_park(seed, carriers=7, zones=2, slots=12, sites=15):
    grid = ProductGrid(carriers, zones, 1_000, slots)
    return unsigned_book(grid, park_orders(Random(seed), grid, sites, keys=KEYS))


def a_mesh(seed, nodes=5, slots=3, **kwargs):
    grid = ProductGrid(GRID_CARRIERS, nodes, 1_000, slots)
    return unsigned_book(grid, grid_orders(Random(seed), grid, keys=KEYS, **kwargs))


def certified(book, **tolerance):
    maxima = tuple(signed.order.max_units for signed in book.orders)
    clearing = clear(book, maxima, rules_for(book.grid))
    rules = dataclasses.replace(rules_for(book.grid), **tolerance)
    return clearing, check(book, maxima, clearing, rules)


@pytest.mark.parametrize("carriers", [1, 4, 7])
@pytest.mark.parametrize("zones", [1, 2, 3])
def test_a_park_of_any_carriers_and_zones_clears_within_a_millionth_of_welfare(carriers, zones):
    _, certificate = certified(a_park(carriers + zones, carriers, zones), **A_MILLIONTH)
    assert certificate.welfare_micro > 10**7


@pytest.mark.parametrize("coarse", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_a_meshed_grid_clears_within_a_millionth_of_welfare(seed, coarse):
    book = a_mesh(seed, nodes=4 + seed, stores=seed % 2, coarse=coarse)
    clearing, certificate = certified(book, **A_MILLIONTH)
    assert certificate.welfare_micro > 10**7
    # Some line is full, so that its flowgate has a price and the nodes differ.
    first_slot = clearing.prices[: 3 * book.grid.zones : 3]
    assert max(first_slot) > 1.1 * min(first_slot)


def test_a_flowgate_a_direction_never_has_a_negative_price():
    clearing, _ = certified(a_mesh(3, slots=4), **A_MILLIONTH)
    assert min(clearing.prices) >= 0


def test_two_zones_joined_by_a_lossless_line_have_one_price_unless_it_is_full():
    book = a_park(4, zones=2)
    clearing, _ = certified(book, **A_MILLIONTH)
    grid, hydrogen = book.grid, 3
    lines: dict[int, list[int]] = {}
    for position, signed in enumerate(book.orders):
        legs = signed.order.legs
        coefficients = sorted(leg.coefficient for leg in legs)
        if len(legs) == 2 and coefficients == [-1_000_000, 1_000_000]:
            lines.setdefault(grid.index(legs[0].product), []).append(position)
    assert set(lines) == {hydrogen * 2 * grid.slots + slot for slot in range(grid.slots)}
    for index, positions in lines.items():
        full = any(clearing.fills[i] == book.orders[i].order.max_units for i in positions)
        apart = abs(clearing.prices[index] - clearing.prices[index + grid.slots])
        assert full or apart <= 1


def test_a_single_flowgate_for_both_directions_balances_and_nobody_loses():
    """Its price is negative when the line is full backward: then rounding costs whoever uses it."""
    book = a_mesh(0, nodes=3, slots=1, two_sided=True)
    clearing, _ = certified(book, gap_floor_micro=10**12)
    assert sum(clearing.fills) > 0
