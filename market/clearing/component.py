"""Splits a round into what can be cleared on its own.

Products that some multi-leg order connects form a component; every other product stands alone.
Inside a component, single-leg orders of one product, side and limit are one *level*: they have one
column in every programme and share its fill by the tie rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from market.book import Book
from market.units import SCALE


@dataclass(frozen=True, slots=True)
class Column:
    """Something that can be filled up to `maximum` units: a level, or a multi-leg order.

    `products` are places inside the component, `coefficients` in millionths of a Wh per unit,
    `limit` in nano per kWh as signed. `positions` are those of its orders in the book.
    """

    products: tuple[int, ...]
    coefficients: tuple[int, ...]
    limit: int
    maximum: int
    positions: tuple[int, ...]

    @property
    def is_level(self) -> bool:
        return len(self.products) == 1

    @property
    def sells(self) -> bool:
        return self.coefficients[0] < 0

    @property
    def price_term(self) -> int:
        """The price at which a level neither gains nor loses."""
        return -self.limit if self.sells else self.limit

    @property
    def span(self) -> int:
        """The greatest |coefficient|."""
        return max(abs(c) for c in self.coefficients)

    def surplus_scaled(self, prices: Sequence[int]) -> int:
        """S at these prices (by place), exact."""
        return self.limit * SCALE - sum(
            c * prices[k] for k, c in zip(self.products, self.coefficients, strict=True)
        )

    def quantities_wh(self, units: int) -> tuple[int, ...]:
        """Wh of every leg at a fill, toward minus infinity."""
        return tuple(c * units // SCALE for c in self.coefficients)


@dataclass(frozen=True, slots=True)
class Component:
    """`products` are indices in the round, ascending; levels come first, then multi-leg orders."""

    products: tuple[int, ...]
    columns: tuple[Column, ...]


def connected_products(book: Book, maxima: Sequence[int]) -> list[list[int]]:
    """Components of several products, or with multi-leg orders; each ascending, first by first.

    Orders with maximum 0 connect nothing.
    """
    parent = list(range(len(book.grid)))

    def find(k: int) -> int:
        while parent[k] != k:
            parent[k] = parent[parent[k]]
            k = parent[k]
        return k

    touched: set[int] = set()
    for indices, maximum in zip(book.leg_indices, maxima, strict=True):
        if len(indices) > 1 and maximum > 0:
            touched.update(indices)
            for index in indices[1:]:
                a, b = find(indices[0]), find(index)
                parent[max(a, b)] = min(a, b)
    groups: dict[int, list[int]] = {}
    for index in sorted(touched):
        groups.setdefault(find(index), []).append(index)
    return list(groups.values())


def build_component(
    book: Book, maxima: Sequence[int], products: Sequence[int], positions: Sequence[int]
) -> Component:
    """The component of these products; `positions` are its orders, ascending."""
    place = {index: k for k, index in enumerate(products)}
    levels: dict[tuple[int, bool, int], list[int]] = {}
    multis: list[Column] = []
    for position in positions:
        if maxima[position] == 0:
            continue
        order, indices = book.orders[position].order, book.leg_indices[position]
        if order.multi_leg:
            multis.append(
                Column(
                    products=tuple(place[index] for index in indices),
                    coefficients=tuple(leg.coefficient for leg in order.legs),
                    limit=order.limit,
                    maximum=maxima[position],
                    positions=(position,),
                )
            )
        else:
            key = (place[indices[0]], order.sells, order.limit)
            levels.setdefault(key, []).append(position)
    columns = [
        Column(
            products=(k,),
            coefficients=(-SCALE if sells else SCALE,),
            limit=limit,
            maximum=sum(maxima[i] for i in members),
            positions=tuple(members),
        )
        for (k, sells, limit), members in sorted(levels.items())
    ]
    return Component(tuple(products), tuple(columns + multis))
