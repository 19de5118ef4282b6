"""Splits a round into what can be cleared on its own.

Products that some multi-leg order connects form a component; every other product stands alone.
Inside a component, single-leg orders of one product, side and limit are one *level*: they have one
column in every programme and share its fill by the tie rule.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csc_array
from scipy.sparse.csgraph import connected_components

from market.clearing.counted import CountedOrders
from market.clearing.exact import ExactArray, IntArray, greatest, held, narrowed
from market.units import SCALE


@dataclass(frozen=True, slots=True, eq=False)
class Component:
    """Columns that can be filled up to `maxima` units: first `levels` levels, then the multi-leg
    orders.

    `products` are indices in the round, ascending. By column: `limits` (nano per kWh, as signed),
    `maxima` (units), `spans` (greatest |coefficient|). Legs of column j are `starts[j]` to
    `starts[j + 1]` of `places` (in `products`), `coefficients` (millionths of a Wh per unit) and
    `owners` (j itself). Its orders are `member_starts[j]` to `member_starts[j + 1]` of `members`
    (places among the counted orders, ascending).
    """

    products: IntArray
    levels: int
    limits: IntArray
    maxima: ExactArray
    spans: IntArray
    starts: IntArray
    places: IntArray
    coefficients: IntArray
    owners: IntArray
    member_starts: IntArray
    members: IntArray

    @property
    def count(self) -> int:
        """How many columns there are."""
        return len(self.limits)

    @property
    def sells(self) -> NDArray[np.bool_]:
        """Which levels give energy away."""
        return self.coefficients[: self.levels] < 0

    @property
    def price_terms(self) -> IntArray:
        """The price at which each level neither gains nor loses."""
        return np.where(self.sells, -self.limits[: self.levels], self.limits[: self.levels])

    @property
    def ratios(self) -> csc_array:
        """Coefficients in terms of each column's span, places x columns."""
        return csc_array(
            (self.coefficients / self.spans[self.owners], self.places, self.starts),
            shape=(len(self.products), self.count),
        )

    def legs(self, column: int) -> list[tuple[int, int]]:
        """Places and coefficients of a column's legs."""
        first, last = int(self.starts[column]), int(self.starts[column + 1])
        return list(
            zip(
                self.places[first:last].tolist(),
                self.coefficients[first:last].tolist(),
                strict=True,
            )
        )

    def by_column(self, leg_values: ExactArray) -> ExactArray:
        """Sums of what stands at the legs, by column."""
        return np.asarray(np.add.reduceat(leg_values, self.starts[:-1]))

    def quantities_wh(self, units: ExactArray) -> ExactArray:
        """Wh of every leg at these fills, toward minus infinity."""
        bound = greatest(self.coefficients) * greatest(units)
        wh = held(self.coefficients, bound) * held(units, bound)[self.owners] // SCALE
        return narrowed(wh)

    def imbalance_wh(self, units: ExactArray) -> list[int]:
        """What is left over of every product, in Wh; positive: more bought than sold."""
        moved = self.quantities_wh(units)
        moved = held(moved, greatest(moved) * len(moved))
        sums = np.zeros(len(self.products), dtype=moved.dtype)
        np.add.at(sums, self.places, moved)
        return [int(left) for left in sums]

    def surpluses(self, prices: tuple[int, ...]) -> ExactArray:
        """S of every column at these prices (nano per kWh, by place), exact."""
        by_place = np.array(prices, dtype=np.int64)
        longest = int(np.diff(self.starts).max())
        bound = greatest(self.limits) * SCALE
        bound += longest * greatest(self.coefficients) * greatest(by_place)
        cost = held(self.coefficients, bound) * held(by_place, bound)[self.places]
        return held(self.limits, bound) * SCALE - self.by_column(cost)

    def realised(self, prices: tuple[int, ...], units: ExactArray) -> ExactArray:
        """What every column gains at these fills after rounding, in nano/kWh x Wh, exact."""
        moved = self.quantities_wh(units)
        by_place = np.array(prices, dtype=np.int64)
        longest = int(np.diff(self.starts).max())
        bound = greatest(self.limits) * greatest(units)
        bound += longest * greatest(by_place) * greatest(moved)
        cost = held(by_place, bound)[self.places] * held(moved, bound)
        return held(self.limits, bound) * held(units, bound) - self.by_column(cost)


def connected_products(orders: CountedOrders, products: int) -> IntArray:
    """Component of every product of the round, numbered by their first product; -1 for products
    that no multi-leg order touches."""
    multi = np.flatnonzero(orders.lengths > 1)
    legs = orders.leg_places(multi)
    first = np.repeat(orders.products[orders.starts[multi]], orders.lengths[multi])
    ends = (first, orders.products[legs])
    graph = coo_array((np.ones(len(legs), dtype=np.int8), ends), shape=(products, products))
    _, labels = connected_components(graph, directed=False)
    touched = np.unique(ends[1])
    found = np.full(products, -1, dtype=np.int64)
    _, first_seen, names = np.unique(labels[touched], return_index=True, return_inverse=True)
    rank = np.empty(len(first_seen), dtype=np.int64)
    rank[np.argsort(first_seen)] = np.arange(len(first_seen))
    found[touched] = rank[names]
    return found


def build_component(orders: CountedOrders, products: IntArray, chosen: IntArray) -> Component:
    """The component of these products; `chosen` are its orders among the counted, ascending."""
    lengths = orders.lengths[chosen]
    singles, multis = chosen[lengths == 1], chosen[lengths > 1]
    own_leg = orders.starts[singles]
    place = np.searchsorted(products, orders.products[own_leg])
    coefficient, limit = orders.coefficients[own_leg], orders.limits[singles]
    ranked = np.lexsort((limit, coefficient < 0, place))
    singles, place = singles[ranked], place[ranked]
    coefficient, limit = coefficient[ranked], limit[ranked]
    new = np.ones(len(singles), dtype=np.bool_)
    new[1:] = (np.diff(place) != 0) | (np.diff(coefficient) != 0) | (limit[1:] != limit[:-1])
    first = np.flatnonzero(new)
    units = held(orders.maxima, greatest(orders.maxima) * max(1, len(singles)))
    sums = np.add.reduceat(units[singles], first) if len(first) else units[:0]
    legs = orders.leg_places(multis)
    coefficients = np.concatenate((coefficient[first], orders.coefficients[legs]))
    starts = np.concatenate(
        (np.arange(len(first)), len(first) + np.concatenate(([0], np.cumsum(lengths[lengths > 1]))))
    )
    return Component(
        products=products,
        levels=len(first),
        limits=np.concatenate((limit[first], orders.limits[multis])),
        maxima=narrowed(np.concatenate((sums, units[multis]))),
        spans=np.maximum.reduceat(np.abs(coefficients), starts[:-1]),
        starts=starts,
        places=np.concatenate((place[first], np.searchsorted(products, orders.products[legs]))),
        coefficients=coefficients,
        owners=np.repeat(np.arange(len(starts) - 1), np.diff(starts)),
        member_starts=np.concatenate((first, len(singles) + np.arange(len(multis) + 1))),
        members=np.concatenate((singles, multis)),
    )
