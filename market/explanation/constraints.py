"""What makes a product's price what it is: orders at the margin, limits that bind, connections."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from market.explanation.bounds import PriceBounds
from market.explanation.cleared import ClearedRound
from market.explanation.curve import Side
from market.explanation.reason import Reason, reason_of
from market.explanation.shape import OrderKind, description, kind_of
from market.explanation.wording import energy, money, price
from market.units import SCALE, floor_div

_LINKS_SAID = 6
_NO_BOUNDS = PriceBounds(None, None, (), ())


@dataclass(frozen=True, slots=True)
class MarginalOrder:
    """An order that bounds the price, or whose limit is the price.

    `price_nano_per_kwh` is the worst it accepts for the product, `implied` where that depends on
    other products' prices. Energies in Wh, not negative.
    """

    position: int
    kind: OrderKind
    description: str
    side: Side
    price_nano_per_kwh: int
    implied: bool
    offered_wh: int
    filled_wh: int
    sets_low: bool
    sets_high: bool


@dataclass(frozen=True, slots=True)
class BindingOrder:
    """An order of several legs, or one with a name, that is full and would gain from more.

    The limit of a line, a store or a converter: a unit more of it would be worth
    `surplus_a_unit_scaled` (S); at its maximum it gained `rent_micro`, rounded down. It moves
    `energy_wh` of `product`: the product that is explained, or one whose price moves with it.
    """

    product: int
    position: int
    kind: OrderKind
    description: str
    units: int
    energy_wh: int
    surplus_a_unit_scaled: int
    rent_micro: int


@dataclass(frozen=True, slots=True)
class PriceLink:
    """An order at the margin between `product` and `others` (product ids) that is filled in part:
    their prices, each times the leg's coefficient, add up to its limit, to a nano-unit a leg."""

    position: int
    kind: OrderKind
    description: str
    product: int
    others: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ProductExplanation:
    """Why a product's price is `price_nano_per_kwh`, with `volume_wh` traded.

    `low` and `high` bound the price with the others held (None: nothing does). `links` lead from
    the product, through orders filled in part, to all products whose prices move with it.
    """

    product: int
    name: str
    path: str
    price_nano_per_kwh: int
    indicative: bool
    volume_wh: int
    connected: bool
    low: int | None
    high: int | None
    marginal: tuple[MarginalOrder, ...]
    binding: tuple[BindingOrder, ...]
    links: tuple[PriceLink, ...]
    sentences: tuple[str, ...]


def explain_product(cleared: ClearedRound, index: int) -> ProductExplanation:
    """Explains the price of the product with this index. Raises ProductError for a wrong index."""
    product = cleared.book.grid.product_id(index)
    bounds = cleared.bounds.get(index, _NO_BOUNDS)
    marginal = tuple(_marginal(cleared, index, bounds))
    links = tuple(_links(cleared, index))
    binding = tuple(_binding(cleared, index, links))
    volume = sum(
        abs(cleared.quantities_wh(position)[place])
        for position, place in cleared.interested.get(index, ())
        if cleared.book.orders[position].order.legs[place].coefficient > 0
    )
    return ProductExplanation(
        product=product,
        name=cleared.names.label(product),
        path=cleared.names.path(product),
        price_nano_per_kwh=cleared.clearing.prices[index],
        indicative=cleared.clearing.indicative[index],
        volume_wh=volume,
        connected=index in cleared.connected,
        low=bounds.low,
        high=bounds.high,
        marginal=marginal,
        binding=binding,
        links=links,
        sentences=tuple(_sentences(cleared, index, volume, marginal, binding, links)),
    )


def _marginal(cleared: ClearedRound, index: int, bounds: PriceBounds) -> Iterator[MarginalOrder]:
    for position, place in cleared.interested.get(index, ()):
        sets_low, sets_high = position in bounds.low_set_by, position in bounds.high_set_by
        if not (sets_low or sets_high or reason_of(cleared, position) is Reason.AT_THE_MARGIN):
            continue
        order = cleared.book.orders[position].order
        yield MarginalOrder(
            position=position,
            kind=kind_of(order),
            description=_described(cleared, position),
            side=Side.SELL if order.legs[place].coefficient < 0 else Side.BUY,
            price_nano_per_kwh=cleared.break_even_price(position, place),
            implied=order.multi_leg,
            offered_wh=cleared.offered_wh(position, place),
            filled_wh=abs(cleared.quantities_wh(position)[place]),
            sets_low=sets_low,
            sets_high=sets_high,
        )


def _binding(
    cleared: ClearedRound, index: int, links: tuple[PriceLink, ...]
) -> Iterator[BindingOrder]:
    grid = cleared.book.grid
    linked = [grid.index(other) for link in links for other in link.others]
    told: set[int] = set()
    for here in dict.fromkeys([index, *linked]):
        for position, place in cleared.interested.get(here, ()):
            signed = cleared.book.orders[position]
            named = signed.digest in cleared.order_names
            limits = named or (here == index and signed.order.multi_leg)
            if position in told or not limits or not _is_at_its_limit(cleared, position):
                continue
            told.add(position)
            yield BindingOrder(
                product=grid.product_id(here),
                position=position,
                kind=kind_of(signed.order),
                description=_described(cleared, position),
                units=cleared.clearing.fills[position],
                energy_wh=abs(cleared.quantities_wh(position)[place]),
                surplus_a_unit_scaled=cleared.surpluses[position],
                rent_micro=floor_div(cleared.realised[position], SCALE),
            )


def _is_at_its_limit(cleared: ClearedRound, position: int) -> bool:
    full = cleared.clearing.fills[position] == cleared.maxima[position]
    return full and cleared.surpluses[position] > cleared.grain(position)


def _links(cleared: ClearedRound, index: int) -> Iterator[PriceLink]:
    """Nearest first; every product but the first is reached once."""
    seen, waiting, used = {index}, deque([index]), set[int]()
    while waiting:
        here = waiting.popleft()
        for position, _ in cleared.interested.get(here, ()):
            if position in used or not _ties_prices(cleared, position):
                continue
            used.add(position)
            others = [i for i in cleared.book.leg_indices[position] if i != here]
            waiting.extend(i for i in others if i not in seen)
            seen.update(others)
            yield PriceLink(
                position=position,
                kind=kind_of(cleared.book.orders[position].order),
                description=_described(cleared, position),
                product=cleared.book.grid.product_id(here),
                others=tuple(cleared.book.grid.product_id(i) for i in others),
            )


def _ties_prices(cleared: ClearedRound, position: int) -> bool:
    return (
        cleared.book.orders[position].order.multi_leg
        and 0 < cleared.clearing.fills[position] < cleared.maxima[position]
        and reason_of(cleared, position) is Reason.AT_THE_MARGIN
    )


def _described(cleared: ClearedRound, position: int) -> str:
    signed = cleared.book.orders[position]
    return description(signed.order, cleared.names, cleared.order_names.get(signed.digest))


def _sentences(
    cleared: ClearedRound,
    index: int,
    volume: int,
    marginal: tuple[MarginalOrder, ...],
    binding: tuple[BindingOrder, ...],
    links: tuple[PriceLink, ...],
) -> Iterator[str]:
    name = cleared.names.label(cleared.book.grid.product_id(index))
    at = price(cleared.clearing.prices[index])
    if index not in cleared.interested:
        yield f"{name}: nobody wanted to buy or sell it."
        return
    if cleared.clearing.indicative[index]:
        yield f"{name}: nobody traded; the indicative price is {at} a kWh."
    else:
        yield f"{name}: {energy(volume)} traded at {at} a kWh."
    bounds = cleared.bounds.get(index, _NO_BOUNDS)
    yield _said_bounds(bounds, connected=index in cleared.connected)
    for side in Side:
        plain = [each for each in marginal if each.side is side and not each.implied]
        if plain:
            yield _said_marginal(side, plain)
    for order in marginal:
        if order.implied and order.filled_wh:
            yield (
                f"At the margin too: {order.description}, worth {price(order.price_nano_per_kwh)} "
                f"a kWh here at the other prices; {energy(order.filled_wh)} of "
                f"{energy(order.offered_wh)} filled."
            )
    for limit in binding:
        where = "here"
        if limit.product != cleared.book.grid.product_id(index):
            where = f"of {cleared.names.label(limit.product)}, whose price moves with this one"
        yield (
            f"At its limit: {limit.description}, {energy(limit.energy_wh)} {where}. A thousand "
            f"units more would be worth {price(floor_div(limit.surplus_a_unit_scaled, SCALE))}; it "
            f"gained {money(limit.rent_micro)}."
        )
    for link in links[:_LINKS_SAID]:
        others = " and ".join(cleared.names.label(other) for other in link.others)
        yield (
            f"The price of {cleared.names.label(link.product)} moves with that of {others}, through"
            f" {link.description}, which is filled in part."
        )
    if len(links) > _LINKS_SAID:
        yield f"{len(links) - _LINKS_SAID} more connections tie further prices to it."


def _said_bounds(bounds: PriceBounds, *, connected: bool) -> str:
    held = " with the other prices as they are" if connected else ""
    low, high = bounds.low, bounds.high
    if low is None and high is None:
        return "No order bounds its price."
    if low is None or high is None:
        only = low if high is None else high
        assert only is not None
        if connected:
            return f"Only one limit bounds it{held}: {price(only)} a kWh."
        return f"Only one side wanted it; the best limit there is {price(only)} a kWh."
    if low >= high:
        return f"No other price fits{held}: orders on both sides meet at it."
    between = f"Any price from {price(low)} to {price(high)} a kWh would fit these fills{held}"
    if connected:
        return f"{between}; the rule of docs/clearing.md chooses one for all connected products."
    return f"{between}; the rule takes the middle."


def _said_marginal(side: Side, orders: list[MarginalOrder]) -> str:
    offered = sum(order.offered_wh for order in orders)
    filled = sum(order.filled_wh for order in orders)
    who = "buyer" if side is Side.BUY else "seller"
    verb, got = ("want", "got") if side is Side.BUY else ("offer", "sold")
    count = len(orders)
    several = f"{count} {who}s' orders {verb}" if count > 1 else f"a {who}'s order {verb}s"
    prices = sorted({order.price_nano_per_kwh for order in orders})
    at = " and ".join(price(each) for each in prices)
    moved = energy(filled) if filled else "nothing"
    return f"At the margin {several} {energy(offered)} at {at} a kWh and {got} {moved}."
