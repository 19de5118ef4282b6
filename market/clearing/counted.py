"""The orders of a book that count, as arrays: what every later step computes with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from market.book import Book
from market.clearing.exact import IntArray
from market.order import MAX_LEGS
from market.product import ProductGrid
from market.units import SCALE


class ClearingError(ValueError):
    """A book that cannot be cleared as given."""


@dataclass(frozen=True, slots=True, eq=False)
class CountedOrders:
    """Orders with m > 0 in book order.

    By order: `positions` in the book, `limits` (nano per kWh), `maxima` (units). Legs of order i
    are `starts[i]` to `starts[i + 1]` of `products` (index in the round) and `coefficients`
    (millionths of a Wh per unit).
    """

    positions: IntArray
    limits: IntArray
    maxima: NDArray[np.uint64]
    starts: IntArray
    products: IntArray
    coefficients: IntArray

    @classmethod
    def of(cls, book: Book, maxima: Sequence[int]) -> CountedOrders:
        """Raises ClearingError for a maximum beyond what was signed, or for an order that counts
        without being well formed (protocol section 2)."""
        for position, (signed, maximum) in enumerate(zip(book.orders, maxima, strict=True)):
            if not 0 <= maximum <= signed.order.max_units:
                raise ClearingError(
                    f"order {position}: a maximum of {maximum}, signed are 0 to "
                    f"{signed.order.max_units}"
                )
        positions = [position for position, maximum in enumerate(maxima) if maximum > 0]
        orders = [book.orders[position].order for position in positions]
        lengths = np.array([len(order.legs) for order in orders], dtype=np.int64)
        legs = [leg for order in orders for leg in order.legs]
        made = cls(
            positions=np.array(positions, dtype=np.int64),
            limits=np.array([order.limit for order in orders], dtype=np.int64),
            maxima=np.array([maxima[position] for position in positions], dtype=np.uint64),
            starts=np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths))),
            products=_indices(book.grid, np.array([leg.product for leg in legs], dtype=np.uint64)),
            coefficients=np.array([leg.coefficient for leg in legs], dtype=np.int64),
        )
        made._check(lengths)
        return made

    @property
    def lengths(self) -> IntArray:
        """Legs of every order."""
        return np.diff(self.starts)

    def leg_places(self, chosen: IntArray) -> IntArray:
        """Places of the legs of the chosen orders, one order after the other."""
        first, lengths = self.starts[chosen], self.lengths[chosen]
        offsets = np.cumsum(lengths) - lengths
        return np.repeat(first - offsets, lengths) + np.arange(int(lengths.sum()))

    def _check(self, lengths: IntArray) -> None:
        def refuse(wrong: NDArray[np.bool_], why: str) -> None:
            if wrong.any():
                raise ClearingError(f"order {int(self.positions[np.argmax(wrong)])} counts, {why}")

        refuse((lengths < 1) | (lengths > MAX_LEGS), f"but does not have 1 to {MAX_LEGS} legs")
        single = lengths == 1
        alone = self.coefficients[self.starts[:-1]]
        refuse(single & (np.abs(alone) != SCALE), f"but its one coefficient is not +-{SCALE}")
        owners = np.repeat(np.arange(len(lengths)), lengths)
        wrong = self.coefficients == 0
        same_order = owners[1:] == owners[:-1]
        wrong[1:] |= same_order & (self.products[1:] <= self.products[:-1])
        refuse(
            np.isin(np.arange(len(lengths)), owners[wrong]),
            "but has a leg of coefficient 0, or products that are not strictly ascending",
        )


def _indices(grid: ProductGrid, ids: NDArray[np.uint64]) -> IntArray:
    """Indices in the round of products that are in it (`Book` has checked that)."""
    carriers = (ids >> np.uint64(48)).astype(np.int64)
    zones = (ids >> np.uint64(32)).astype(np.int64) & 0xFFFF
    slots = ids.astype(np.int64) & 0xFFFFFFFF
    places: IntArray = (carriers * grid.zones + zones) * grid.slots + slots - grid.first_slot
    return places
