"""Clears a whole round: single products directly, connected ones together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from market.book import Book
from market.clearing.component import build_component, connected_products
from market.clearing.coupled import clear_component, spread_over_orders
from market.clearing.uniform import clear_product, hash_words
from market.outcome import Clearing
from market.payment import leg_energy_wh
from market.rules import MarketRules


class ClearingError(ValueError):
    """A book that cannot be cleared as given."""


def clear(book: Book, maxima: Sequence[int], rules: MarketRules) -> Clearing:
    """Prices and fills of the round, given how much of every order counts (book order).

    Depends on the book alone: neither on order of arrival nor on chance. Raises ClearingError.
    """
    if len(maxima) != book.count:
        raise ClearingError(f"{book.count} orders need a maximum, {len(maxima)} have one")
    if (book.grid.carriers, book.grid.zones) != (rules.carriers, rules.zones):
        raise ClearingError("the book's products are not the market's")
    prices = [0] * len(book.grid)
    fills = [0] * book.count
    components = connected_products(book, maxima)
    component_of = {index: n for n, products in enumerate(components) for index in products}
    members: list[list[int]] = [[] for _ in components]
    single: dict[int, list[int]] = {}
    for position, indices in enumerate(book.leg_indices):
        if maxima[position] == 0:
            continue
        if indices[0] in component_of:
            members[component_of[indices[0]]].append(position)
        else:
            single.setdefault(indices[0], []).append(position)
    for index, positions in single.items():
        prices[index] = _clear_single(book, maxima, positions, fills)
    for products, positions in zip(components, members, strict=True):
        component = build_component(book, maxima, products, positions)
        component_prices, units = clear_component(component)
        for index, price in zip(products, component_prices, strict=True):
            prices[index] = price
        for position, filled in spread_over_orders(book, maxima, component, units).items():
            fills[position] = filled
    return Clearing(tuple(prices), tuple(fills), _untraded(book, fills))


def _clear_single(
    book: Book, maxima: Sequence[int], positions: Sequence[int], fills: list[int]
) -> int:
    orders = [book.orders[i].order for i in positions]
    result = clear_product(
        np.array([order.limit for order in orders], dtype=np.int64),
        np.array([maxima[i] for i in positions], dtype=np.uint64),
        np.array([order.sells for order in orders], dtype=np.bool_),
        hash_words([book.orders[i].digest for i in positions]),
    )
    for position, filled in zip(positions, result.fills.tolist(), strict=True):
        fills[position] = filled
    return result.price


def _untraded(book: Book, fills: Sequence[int]) -> tuple[bool, ...]:
    traded = [False] * len(book.grid)
    for position, indices in enumerate(book.leg_indices):
        if fills[position] > 0:
            legs = book.orders[position].order.legs
            for index, leg in zip(indices, legs, strict=True):
                if leg_energy_wh(leg.coefficient, fills[position]) != 0:
                    traded[index] = True
    return tuple(not t for t in traded)
