"""Between which prices a product's price could lie, and whose orders say so.

The rule is that of protocol section 4: the lower bound is the dearest that was needed to give
(filled) or the keenest that was left wanting (not full), the upper bound the other way round.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Offer:
    """What somebody gives (`gives`) or takes of a product at `price` (nano per kWh) or better, and
    how far it was filled; `position` is its order's."""

    position: int
    gives: bool
    price: int
    filled: bool
    full: bool


@dataclass(frozen=True, slots=True)
class PriceBounds:
    """`low` and `high` in nano per kWh, None where nothing bounds the price on that side, and the
    book positions of the orders that set them."""

    low: int | None
    high: int | None
    low_set_by: tuple[int, ...]
    high_set_by: tuple[int, ...]


def price_bounds(offers: Iterable[Offer]) -> PriceBounds:
    """The bounds that a product's offers set."""
    lows: list[tuple[int, int]] = []
    highs: list[tuple[int, int]] = []
    for offer in offers:
        place = (offer.price, offer.position)
        if offer.filled if offer.gives else not offer.full:
            lows.append(place)
        if not offer.full if offer.gives else offer.filled:
            highs.append(place)
    low = max((price for price, _ in lows), default=None)
    high = min((price for price, _ in highs), default=None)
    return PriceBounds(low, high, _at(lows, low), _at(highs, high))


def _at(places: list[tuple[int, int]], wanted: int | None) -> tuple[int, ...]:
    return tuple(position for price, position in places if price == wanted)
