"""A cleared round, and the exact figures of its orders that every explanation rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from market.book import Book
from market.certificate import allowed_gap_scaled, surplus_scaled
from market.eligibility import Judgement, TraderFacts, judge
from market.explanation.bounds import Offer, PriceBounds, price_bounds
from market.explanation.names import ProductNames
from market.outcome import Clearing
from market.payment import leg_energy_wh, value_of
from market.rules import MarketRules
from market.units import SCALE, SCALED_PER_MICRO, ceil_div, floor_div


class ExplanationError(ValueError):
    """A round that cannot be explained: its parts do not belong together."""


@dataclass(frozen=True)
class ClearedRound:
    """Book, facts at the gate, result and rules of one round.

    `order_names` holds names of orders by hash where somebody gave them one, such as a network's
    lines. Positions are places in the book; S is an order's surplus a unit times SCALE (nano/kWh x
    millionths of a Wh) at the round's prices, sigma what it gained in all (nano/kWh x Wh).

    Raises ExplanationError when prices, fills or facts do not fit the book.
    """

    book: Book
    facts: Mapping[str, TraderFacts]
    clearing: Clearing
    rules: MarketRules
    names: ProductNames
    order_names: Mapping[bytes, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        products, count = len(self.book.grid), self.book.count
        if not len(self.clearing.prices) == len(self.clearing.indicative) == products:
            raise ExplanationError(f"{products} products need a price each")
        if len(self.clearing.fills) != count:
            raise ExplanationError(f"{count} orders need a fill, {len(self.clearing.fills)} have")
        missing = [trader for trader, _ in self.book.traders() if trader not in self.facts]
        if missing:
            raise ExplanationError(f"no facts about trader {missing[0]}")

    @cached_property
    def judgements(self) -> tuple[Judgement, ...]:
        """How the gate judged every order."""
        return judge(self.book, self.facts, self.rules)

    @cached_property
    def maxima(self) -> tuple[int, ...]:
        """Units that counted of every order."""
        return tuple(
            0 if judgement.broken else signed.order.max_units
            for signed, judgement in zip(self.book.orders, self.judgements, strict=True)
        )

    @cached_property
    def surpluses(self) -> tuple[int, ...]:
        """S of every order."""
        return tuple(
            surplus_scaled(signed, indices, self.clearing.prices)
            for signed, indices in zip(self.book.orders, self.book.leg_indices, strict=True)
        )

    @cached_property
    def realised(self) -> tuple[int, ...]:
        """sigma of every order."""
        return tuple(
            signed.order.limit * fill
            - value_of(self.prices_of(position), self.quantities_wh(position))
            for position, (signed, fill) in enumerate(
                zip(self.book.orders, self.clearing.fills, strict=True)
            )
        )

    @cached_property
    def connected(self) -> frozenset[int]:
        """Indices of products that some counted order of several legs touches."""
        return frozenset(
            index
            for indices, maximum in zip(self.book.leg_indices, self.maxima, strict=True)
            if maximum and len(indices) > 1
            for index in indices
        )

    @cached_property
    def interested(self) -> Mapping[int, tuple[tuple[int, int], ...]]:
        """By product index the counted orders with a leg in it: position and the leg's place."""
        found: dict[int, list[tuple[int, int]]] = {}
        for position, indices in enumerate(self.book.leg_indices):
            if self.maxima[position]:
                for place, index in enumerate(indices):
                    found.setdefault(index, []).append((position, place))
        return {index: tuple(each) for index, each in found.items()}

    @cached_property
    def sides(self) -> Mapping[int, frozenset[bool]]:
        """By product index which sides a counted order is on: True gives energy, False takes it."""
        return {
            index: frozenset(
                self.book.orders[position].order.legs[place].coefficient < 0
                for position, place in each
            )
            for index, each in self.interested.items()
        }

    @cached_property
    def equals(self) -> Mapping[tuple[int, bool, int], tuple[int, ...]]:
        """Counted single-leg orders by product index, whether they sell, and limit."""
        found: dict[tuple[int, bool, int], list[int]] = {}
        for position, indices in enumerate(self.book.leg_indices):
            order = self.book.orders[position].order
            if self.maxima[position] and not order.multi_leg:
                found.setdefault((indices[0], order.sells, order.limit), []).append(position)
        return {key: tuple(each) for key, each in found.items()}

    @cached_property
    def bounds(self) -> Mapping[int, PriceBounds]:
        """By product index between which prices its price could lie, other prices held.

        Legs of orders of several legs stand in at the price at which they break even. Orders that
        no price explains bound nothing.
        """
        return {
            index: price_bounds(
                Offer(
                    position,
                    self.book.orders[position].order.legs[place].coefficient < 0,
                    self.break_even_price(position, place),
                    self.clearing.fills[position] > 0,
                    self.clearing.fills[position] == self.maxima[position],
                )
                for position, place in each
                if not (self.is_left_out(position) or self.is_rounded_in(position))
            )
            for index, each in self.interested.items()
        }

    def grain(self, position: int) -> int:
        """S of an order whose every leg's price is a nano per kWh better than break-even."""
        return sum(abs(leg.coefficient) for leg in self.book.orders[position].order.legs)

    def is_left_out(self, position: int) -> bool:
        """Whether an order gains more than a grain and is not full all the same."""
        not_full = self.clearing.fills[position] < self.maxima[position]
        return not_full and self.surpluses[position] > self.grain(position)

    def is_rounded_in(self, position: int) -> bool:
        """Whether an order is filled only because rounding to whole Wh is in its favour."""
        return self.surpluses[position] < 0 and self.clearing.fills[position] > 0

    @cached_property
    def gap_micro(self) -> int:
        """Proven bound on what the result lacks to the best possible one, rounded up."""
        offered = sum(max(s, 0) * m for s, m in zip(self.surpluses, self.maxima, strict=True))
        return ceil_div(max(0, offered - SCALE * sum(self.realised)), SCALED_PER_MICRO)

    @cached_property
    def allowed_gap_micro(self) -> int:
        """The greatest gap that settles, rounded down; 0 where every result is the best one."""
        if not self.book.coupled:
            return 0
        allowed = allowed_gap_scaled(sum(self.realised), self.rules)
        return floor_div(allowed, SCALED_PER_MICRO)

    def part_of_gap_micro(self, position: int) -> int:
        """What the order would have gained more, filled as far as it gains; rounded up."""
        offered = max(self.surpluses[position], 0) * self.maxima[position]
        missing = offered - SCALE * self.realised[position]
        return ceil_div(max(0, missing), SCALED_PER_MICRO)

    def prices_of(self, position: int) -> tuple[int, ...]:
        """The round's prices of the order's legs."""
        return tuple(self.clearing.prices[index] for index in self.book.leg_indices[position])

    def quantities_wh(self, position: int) -> tuple[int, ...]:
        """Energy that the order's legs moved, positive to the trader."""
        fill = self.clearing.fills[position]
        legs = self.book.orders[position].order.legs
        return tuple(leg_energy_wh(leg.coefficient, fill) for leg in legs)

    def break_even_price(self, position: int, place: int) -> int:
        """The worst price of a leg at which the order does not lose, other prices held.

        The highest a taking leg can bear, the lowest a giving one can; nano per kWh.
        """
        index = self.book.leg_indices[position][place]
        coefficient = self.book.orders[position].order.legs[place].coefficient
        slack = floor_div(self.surpluses[position], abs(coefficient))
        price = self.clearing.prices[index]
        return price + slack if coefficient > 0 else price - slack

    def break_even_limit(self, position: int) -> int:
        """The lowest limit with which the order does not lose at the round's prices."""
        order = self.book.orders[position].order
        return order.limit - floor_div(self.surpluses[position], SCALE)

    def offered_wh(self, position: int, place: int) -> int:
        """Energy of a leg where all that counted is filled, not negative."""
        coefficient = self.book.orders[position].order.legs[place].coefficient
        return abs(leg_energy_wh(coefficient, self.maxima[position]))
