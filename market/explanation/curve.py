"""The order book of a product after clearing, and its demand and supply as steps.

An order of several legs stands in a product's book at its *implied price*: what this leg may cost
(or must bring) a kWh for the order to break even with its other legs at the round's prices,
rounded to the order's disadvantage. Such levels are marked `implied`: they hold while the other
prices do, and the order's energy stands in the books of all its products at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from market.explanation.cleared import ClearedRound


class Side(StrEnum):
    """Who takes energy of the product, and who gives it."""

    BUY = "buy"
    SELL = "sell"


@dataclass(frozen=True, slots=True)
class Level:
    """All that counted at one price: `offered_wh` of `orders` orders, `filled_wh` of it traded.

    Price in nano per kWh, energies in Wh, not negative; `positions` are those in the book.
    """

    side: Side
    price_nano_per_kwh: int
    implied: bool
    offered_wh: int
    filled_wh: int
    positions: tuple[int, ...]

    @property
    def orders(self) -> int:
        return len(self.positions)


@dataclass(frozen=True, slots=True)
class Step:
    """`until_wh - from_wh` more is wanted (offered) at this price, nano per kWh."""

    price_nano_per_kwh: int
    from_wh: int
    until_wh: int
    implied: bool


@dataclass(frozen=True, slots=True)
class Curve:
    """Demand from the dearest bid down, supply from the cheapest offer up, and where they met.

    `volume_wh` was traded at `price_nano_per_kwh`; `indicative`: nobody traded, the price only
    says where it would lie.
    """

    product: int
    demand: tuple[Step, ...]
    supply: tuple[Step, ...]
    price_nano_per_kwh: int
    volume_wh: int
    indicative: bool


def book_levels(cleared: ClearedRound, index: int) -> tuple[Level, ...]:
    """The levels of the product with this index: bids, best first, then offers, best first.

    At one price plain orders come before implied ones. Raises ProductError for a wrong index.
    """
    cleared.book.grid.product_id(index)
    found: dict[tuple[bool, int, bool], list[tuple[int, int]]] = {}
    for position, place in cleared.interested.get(index, ()):
        order = cleared.book.orders[position].order
        gives = order.legs[place].coefficient < 0
        price = cleared.break_even_price(position, place)
        found.setdefault((gives, price, order.multi_leg), []).append((position, place))
    levels = [
        Level(
            side=Side.SELL if gives else Side.BUY,
            price_nano_per_kwh=price,
            implied=implied,
            offered_wh=sum(cleared.offered_wh(*each) for each in members),
            filled_wh=sum(abs(cleared.quantities_wh(each)[place]) for each, place in members),
            positions=tuple(position for position, _ in members),
        )
        for (gives, price, implied), members in found.items()
    ]

    def merit(level: Level) -> tuple[bool, int, bool]:
        price, sells = level.price_nano_per_kwh, level.side is Side.SELL
        return sells, price if sells else -price, level.implied

    return tuple(sorted((level for level in levels if level.offered_wh), key=merit))


def curve_of(cleared: ClearedRound, index: int) -> Curve:
    """Demand and supply of the product with this index. Raises ProductError for a wrong index."""
    levels = book_levels(cleared, index)
    return Curve(
        product=cleared.book.grid.product_id(index),
        demand=_steps(levels, Side.BUY),
        supply=_steps(levels, Side.SELL),
        price_nano_per_kwh=cleared.clearing.prices[index],
        volume_wh=sum(level.filled_wh for level in levels if level.side is Side.BUY),
        indicative=cleared.clearing.indicative[index],
    )


def _steps(levels: tuple[Level, ...], side: Side) -> tuple[Step, ...]:
    steps: list[Step] = []
    reached = 0
    for level in levels:
        if level.side is side:
            until = reached + level.offered_wh
            steps.append(Step(level.price_nano_per_kwh, reached, until, level.implied))
            reached = until
    return tuple(steps)
