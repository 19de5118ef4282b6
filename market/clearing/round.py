"""Clears a whole round: single products directly, connected ones together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from market.book import Book
from market.clearing.component import Component, build_component, connected_products
from market.clearing.counted import ClearingError, CountedOrders
from market.clearing.coupled import clear_component
from market.clearing.exact import ExactArray, IntArray, greatest, held
from market.clearing.programme import ProgrammeError
from market.clearing.uniform import UnitArray, clear_product, hash_words, ration
from market.outcome import Clearing
from market.rules import MarketRules
from market.units import SCALE


def clear(book: Book, maxima: Sequence[int], rules: MarketRules) -> Clearing:
    """Prices and fills of the round, given how much of every order counts (book order).

    Depends on the book alone: neither on order of arrival nor on chance. Raises ClearingError.
    """
    if len(maxima) != book.count:
        raise ClearingError(f"{book.count} orders need a maximum, {len(maxima)} have one")
    if (book.grid.carriers, book.grid.zones) != (rules.carriers, rules.zones):
        raise ClearingError("the book's products are not the market's")
    orders = CountedOrders.of(book, maxima)
    prices = np.zeros(len(book.grid), dtype=np.int64)
    fills = np.zeros(len(orders.positions), dtype=np.uint64)
    component_of = connected_products(orders, len(book.grid))
    own = orders.products[orders.starts[:-1]]
    for product, chosen in _groups(own, component_of[own] < 0):
        prices[product] = _clear_single(book, orders, chosen, fills)
    for number, chosen in _groups(component_of[own], component_of[own] >= 0):
        component = build_component(orders, np.flatnonzero(component_of == number), chosen)
        try:
            prices[component.products], units = clear_component(component)
        except ProgrammeError:
            _clear_alone(book, orders, chosen, prices, fills)
        else:
            _spread_over_orders(book, orders, component, units, fills)
    filled = np.zeros(book.count, dtype=np.uint64)
    filled[orders.positions] = fills
    return Clearing(
        tuple(prices.tolist()), tuple(filled.tolist()), _untraded(len(book.grid), orders, fills)
    )


def _groups(keys: IntArray, wanted: NDArray[np.bool_]) -> list[tuple[int, IntArray]]:
    """Places of every key, ascending, for those wanted."""
    places = np.flatnonzero(wanted)
    places = places[np.argsort(keys[places], kind="stable")]
    names, first = np.unique(keys[places], return_index=True)
    return list(zip(names.tolist(), np.split(places, first)[1:], strict=True))


def _hash_words(book: Book, orders: CountedOrders, chosen: IntArray) -> UnitArray:
    return hash_words([book.orders[i].digest for i in orders.positions[chosen].tolist()])


def _clear_single(book: Book, orders: CountedOrders, chosen: IntArray, fills: UnitArray) -> int:
    result = clear_product(
        orders.limits[chosen],
        orders.maxima[chosen],
        orders.coefficients[orders.starts[chosen]] < 0,
        _hash_words(book, orders, chosen),
    )
    fills[chosen] = result.fills
    return result.price


def _clear_alone(
    book: Book, orders: CountedOrders, chosen: IntArray, prices: IntArray, fills: UnitArray
) -> None:
    """Each product by its single-leg orders, for numbers so far apart that no solver copes."""
    own = orders.products[orders.starts[:-1]]
    singles = np.zeros(len(own), dtype=np.bool_)
    singles[chosen] = orders.lengths[chosen] == 1
    for product, members in _groups(own, singles):
        prices[product] = _clear_single(book, orders, members, fills)


def _spread_over_orders(
    book: Book, orders: CountedOrders, component: Component, units: ExactArray, fills: UnitArray
) -> None:
    """Fills of the component's orders; a level's orders share by the tie rule."""
    column = np.repeat(np.arange(component.count), np.diff(component.member_starts))
    full = np.asarray(units == component.maxima, dtype=np.bool_)
    fills[component.members] = np.where(full[column], orders.maxima[component.members], 0)
    for j in np.flatnonzero(~full & (units > 0)).tolist():
        first, last = component.member_starts[j : j + 2].tolist()
        members = component.members[first:last]
        fills[members] = (
            int(units[j])
            if len(members) == 1
            else ration(orders.maxima[members], int(units[j]), _hash_words(book, orders, members))
        )


def _untraded(products: int, orders: CountedOrders, fills: UnitArray) -> tuple[bool, ...]:
    bound = greatest(orders.coefficients) * greatest(fills)
    units = held(np.repeat(fills, orders.lengths), bound)
    moved = held(orders.coefficients, bound) * units // SCALE
    untraded = np.ones(products, dtype=np.bool_)
    untraded[orders.products[np.asarray(moved != 0, dtype=np.bool_)]] = False
    return tuple(untraded.tolist())
