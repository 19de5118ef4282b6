"""What became of an order, in plain sentences: what it was, what happened, why, what would help."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from market.explanation import gate_sentences
from market.explanation.cleared import ClearedRound
from market.explanation.reason import GATE_REASONS, Reason, reason_of
from market.explanation.shape import description
from market.explanation.threshold import is_cleared_alone, limit_that_fills
from market.explanation.tie import tie_of
from market.explanation.wording import energy, energy_of_thousand, money, price, units
from market.order import Leg, Order
from market.payment import payment_micro
from market.units import SCALE, floor_div

_LEGS_SAID = 4


def of_order(cleared: ClearedRound, position: int, *, to_delegate: bool = False) -> tuple[str, ...]:
    """The sentences for the order at this place of the book.

    `to_delegate`: leave out what its trader has.
    """
    reason = reason_of(cleared, position)
    said = [_what(cleared, position), _outcome(cleared, position)]
    why = _UNTOLD.get(reason, _WHY[reason]) if to_delegate else _WHY[reason]
    said += why(cleared, position)
    if reason in GATE_REASONS.values():
        said.append(_had_it_counted(cleared, position))
    return tuple(said)


def gain(order: Order, surplus_scaled: int) -> str:
    """An amount of S as money a unit, without its sign; less than a nano-unit is said as that."""
    nano = floor_div(abs(surplus_scaled), SCALE)
    amount = price(nano) if nano or not surplus_scaled else "less than 0.000000001"
    return f"{amount} a {'thousand units' if order.multi_leg else 'kWh'}"


def _what(cleared: ClearedRound, position: int) -> str:
    signed = cleared.book.orders[position]
    order = signed.order
    if not order.multi_leg:
        name = cleared.names.label(order.legs[0].product)
        verb, side = ("sell", "more") if order.sells else ("buy", "less")
        offered = f"{energy(order.max_units)} of {name}"
        return f"The order was to {verb} up to {offered}, at {_limit(order)} a kWh or {side}."
    said = description(order, cleared.names, cleared.order_names.get(signed.digest))
    bound = (
        f"may cost up to {price(order.limit)}"
        if order.limit >= 0
        else f"must bring at least {price(-order.limit)}"
    )
    return (
        f"The order ({said}) was for up to {units(order.max_units)}; a thousand units "
        f"{_legs(cleared, order)}, and {bound}."
    )


def _legs(cleared: ClearedRound, order: Order) -> str:
    def listed(verb: str, legs: list[Leg]) -> str:
        parts = [
            f"{energy_of_thousand(leg.coefficient)} of {cleared.names.label(leg.product)}"
            for leg in legs[:_LEGS_SAID]
        ]
        if len(legs) > _LEGS_SAID:
            parts.append(f"{len(legs) - _LEGS_SAID} more products")
        return f"{verb} {' and '.join(parts)}"

    taken = [leg for leg in order.legs if leg.coefficient > 0]
    given = [Leg(leg.product, -leg.coefficient) for leg in order.legs if leg.coefficient < 0]
    sides = [("take", taken), ("give", given)]
    return ", ".join(listed(verb, legs) for verb, legs in sides if legs)


def _outcome(cleared: ClearedRound, position: int) -> str:
    order, fill = cleared.book.orders[position].order, cleared.clearing.fills[position]
    if fill == 0:
        return "Nothing of it was filled."
    paid = payment_micro(cleared.prices_of(position), cleared.quantities_wh(position))
    money_said = (
        f"its trader pays {money(paid)}" if paid >= 0 else f"its trader receives {money(-paid)}"
    )
    said = units if order.multi_leg else energy
    all_of_it = fill == order.max_units
    how_much = (
        f"All of it, {said(fill)}, was"
        if all_of_it
        else f"{said(fill)} of {said(order.max_units)} were"
    )
    at = "" if order.multi_leg else f" at {price(cleared.prices_of(position)[0])} a kWh"
    return f"{how_much} filled{at}; {money_said}."


def _limit(order: Order) -> str:
    """A single-leg order's limit in price terms."""
    return price(-order.limit if order.sells else order.limit)


def _filled(cleared: ClearedRound, position: int) -> list[str]:
    order, surplus = cleared.book.orders[position].order, cleared.surpluses[position]
    if surplus == 0:
        where = "its limit" if not order.multi_leg else "what it may cost"
        return [
            f"The price is exactly {where}: it gains nothing and loses nothing, and everything "
            "wanted on these terms was filled."
        ]
    kept = money(floor_div(cleared.realised[position], SCALE))
    said = [f"It gains {gain(order, surplus)} at these prices, so all of it was filled."]
    said.append(f"Against its limit its trader keeps {kept} in all.")
    return said


def _margin_of_the_price(cleared: ClearedRound, position: int) -> list[str]:
    order, tie = cleared.book.orders[position].order, tie_of(cleared, position)
    if tie is None:
        return [
            "At these prices it neither gains nor loses (to a nano-unit a kWh of each leg): it is "
            "at the margin, and was filled only as far as the products it connects needed it."
        ]
    limit, better = _limit(order), "below" if order.sells else "above"
    near = " to a nano-unit" if cleared.surpluses[position] else ""
    said = [f"Its limit of {limit} is the price{near}: it is at the margin."]
    count, wanted, left = len(tie.positions), tie.offered_units, tie.filled_units
    verb = "offered" if order.sells else "wanted"
    if left == 0:
        said.append(_nothing_left(cleared, position))
    elif count == 1:
        said.append(f"It was the last to be served: {energy(left)} were left for it.")
    else:
        share = tie.share_units(cleared.maxima[position])
        said.append(
            f"{count} orders with this limit {verb} {energy(wanted)} together, and {energy(left)} "
            f"were left for them. They are shared in proportion to what each {verb}, what rounding "
            f"leaves over by largest remainder: at least {energy(share)} for this one."
        )
    said.append(f"Whoever's limit is {better} {limit} is served before them.")
    return said


def _nothing_left(cleared: ClearedRound, position: int) -> str:
    needed, order = limit_that_fills(cleared, position), cleared.book.orders[position].order
    if not is_cleared_alone(cleared, position) or needed is None or needed == order.limit:
        untraded = cleared.clearing.indicative[cleared.book.leg_indices[position][0]]
        return (
            "Nobody traded the product."
            if untraded
            else "Nothing was left for orders with this limit."
        )
    other = "best buyer pays" if order.sells else "cheapest seller asks"
    return (
        f"Nobody on the other side agreed to it: the {other} "
        f"{price(-needed if order.sells else needed)} a kWh."
    )


def _no_counterparty(cleared: ClearedRound, position: int) -> list[str]:
    sells = cleared.book.orders[position].order.sells
    return [
        f"Nobody wanted to {'buy' if sells else 'sell'} this product in this round, so no limit "
        "would have filled it."
    ]


def _out_of_the_money(cleared: ClearedRound, position: int) -> list[str]:
    order, surplus = cleared.book.orders[position].order, cleared.surpluses[position]
    needed = limit_that_fills(cleared, position)
    said = [f"It would lose {gain(order, surplus)} at these prices, so it was not filled."]
    if order.multi_leg:
        return [*said, *_break_even(cleared, position)]
    at = price(cleared.prices_of(position)[0])
    indicative = cleared.clearing.indicative[cleared.book.leg_indices[position][0]]
    kind = "indicative price, at which nobody traded," if indicative else "price"
    said = [f"{said[0]} The {kind} is {at} a kWh, its limit {_limit(order)}."]
    if needed is None:
        return said
    terms = f"{price(-needed if order.sells else needed)} a kWh or {_better(order)}"
    if is_cleared_alone(cleared, position):
        said.append(
            f"With a limit of {terms} it would have been filled, at least in part, or have been "
            "among those who share at the margin."
        )
    else:
        said.append(
            f"It needed a limit of {terms} to break even at these prices. With a better one still "
            "it would have been filled, unless the prices of the connected products had moved."
        )
    return said


def _better(order: Order) -> str:
    return "less" if order.sells else "more"


def _break_even(cleared: ClearedRound, position: int) -> list[str]:
    order = cleared.book.orders[position].order
    needed = cleared.break_even_limit(position)
    terms = (
        f"a limit that lets a thousand units cost {price(needed)}"
        if needed >= 0
        else f"a limit that asks no more than {price(-needed)} of a thousand units"
    )
    said = [
        f"To break even it needed {terms}. With a better one still it would have been filled, "
        "unless the prices of the connected products had moved."
    ]
    parts = []
    for place, leg in enumerate(order.legs[:_LEGS_SAID]):
        bound = "at most" if leg.coefficient > 0 else "at least"
        parts.append(
            f"{cleared.names.label(leg.product)}, for {bound} "
            f"{price(cleared.break_even_price(position, place))} a kWh "
            f"(it was {price(cleared.prices_of(position)[place])})"
        )
    return [*said, f"Or, the other prices held: {'; or '.join(parts)}."]


def _left_out(cleared: ClearedRound, position: int) -> list[str]:
    order, surplus = cleared.book.orders[position].order, cleared.surpluses[position]
    fill, maximum = cleared.clearing.fills[position], cleared.maxima[position]
    said = units if order.multi_leg else energy
    part, gap, allowed = (
        money(cleared.part_of_gap_micro(position)),
        money(cleared.gap_micro),
        money(cleared.allowed_gap_micro),
    )
    return [
        f"It gains {gain(order, surplus)} at these prices, and {said(maximum - fill)} of it were "
        "left out all the same: connected products must balance in whole Wh, and no fills were "
        "found that balance with more of it.",
        f"Filled in full it would have gained {part} more. Counting what rounding gave to others, "
        f"the whole round is at most {gap} below the best possible result (proven; {allowed} are "
        "allowed).",
    ]


def _rounded_in(cleared: ClearedRound, position: int) -> list[str]:
    order, surplus = cleared.book.orders[position].order, cleared.surpluses[position]
    return [
        f"To the last fraction it would lose {gain(order, surplus)} at these prices; rounding its "
        "energy to whole Wh is in its favour, so it pays no more than it signed for."
    ]


def _had_it_counted(cleared: ClearedRound, position: int) -> str:
    order, surplus = cleared.book.orders[position].order, cleared.surpluses[position]
    if surplus == 0:
        return "At the round's prices it would have neither gained nor lost."
    verb = "gained" if surplus > 0 else "lost"
    return f"At the round's prices it would have {verb} {gain(order, surplus)}."


_WHY: Mapping[Reason, Callable[[ClearedRound, int], list[str]]] = {
    Reason.PRICE_CAP: gate_sentences.price_cap,
    Reason.EPOCH: gate_sentences.epoch,
    Reason.CREDENTIAL: gate_sentences.credential,
    Reason.MARGIN: gate_sentences.margin_missing,
    Reason.CAPACITY: gate_sentences.capacity,
    Reason.DELEGATION: gate_sentences.delegation,
    Reason.FILLED: _filled,
    Reason.AT_THE_MARGIN: _margin_of_the_price,
    Reason.NO_COUNTERPARTY: _no_counterparty,
    Reason.OUT_OF_THE_MONEY: _out_of_the_money,
    Reason.LEFT_OUT: _left_out,
    Reason.ROUNDED_IN: _rounded_in,
}

# What its trader has is not for a delegate to know.
_UNTOLD: Mapping[Reason, Callable[[ClearedRound, int], list[str]]] = {
    Reason.MARGIN: gate_sentences.margin_untold,
    Reason.CAPACITY: gate_sentences.capacity_untold,
}
