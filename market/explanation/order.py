"""Why one order was filled as it was: figures, the reason, and sentences that say it."""

from __future__ import annotations

from dataclasses import dataclass

from market.delegation import SessionBreach
from market.explanation import sentences
from market.explanation.cleared import ClearedRound
from market.explanation.reason import Reason, reason_of
from market.explanation.shape import OrderKind, description, kind_of
from market.explanation.threshold import is_cleared_alone, limit_that_fills
from market.explanation.tie import Tie, tie_of
from market.payment import payment_micro
from market.units import SCALE, floor_div


@dataclass(frozen=True, slots=True)
class LegExplanation:
    """One leg: `quantity_wh` moved (positive to the trader), at `price_nano_per_kwh`.

    `break_even_nano_per_kwh` is the worst price at which the order would not lose, the other
    legs' prices held; `indicative` says that nobody traded the product.
    """

    product: int
    name: str
    path: str
    coefficient: int
    price_nano_per_kwh: int
    indicative: bool
    quantity_wh: int
    break_even_nano_per_kwh: int


@dataclass(frozen=True, slots=True)
class OrderExplanation:
    """Why the order at `position` of the book was filled `fill_units` of `maximum_units`.

    `limit` and `surplus_a_unit_scaled` (S: nano/kWh x millionths of a Wh) as signed and at the
    round's prices; `payment_micro` positive where the trader pays; `surplus_micro` what it kept
    below its limit in all, rounded down. `limit_that_fills` is the lowest limit that would have
    had an unfilled order filled or at the margin (None: it was filled, did not count, or no limit
    would), certain where `limit_is_exact`; else needed, but perhaps not enough.
    `margin_missing_micro` and `capacity_missing_wh` are what the gate missed (0 where that was not
    the reason; None: not told to a delegate). `signer` is the account that signed, the trader or
    its delegate; `breach` is how a delegate's order fell outside its session, where that was the
    reason. `gap_part_micro` is what was left open of the order's gain, `gap_micro` of all orders',
    both rounded up.
    """

    position: int
    order_hash: str
    kind: OrderKind
    description: str
    reason: Reason
    legs: tuple[LegExplanation, ...]
    limit: int
    max_units: int
    maximum_units: int
    fill_units: int
    payment_micro: int
    surplus_a_unit_scaled: int
    surplus_micro: int
    sets_price_of: tuple[int, ...]
    tie: Tie | None
    limit_that_fills: int | None
    limit_is_exact: bool
    margin_need_micro: int
    margin_missing_micro: int | None
    capacity_missing_wh: int | None
    signer: str
    breach: SessionBreach | None
    gap_part_micro: int
    gap_micro: int
    sentences: tuple[str, ...]


def explain_order(
    cleared: ClearedRound, position: int, *, to_delegate: bool = False
) -> OrderExplanation:
    """Explains the order at this place of the book. Raises IndexError where there is none.

    `to_delegate`: leave out what its trader has.
    """
    if not 0 <= position < cleared.book.count:
        raise IndexError(f"the book has {cleared.book.count} orders, no place {position}")
    signed = cleared.book.orders[position]
    order, indices = signed.order, cleared.book.leg_indices[position]
    quantities, prices = cleared.quantities_wh(position), cleared.prices_of(position)
    reason = reason_of(cleared, position)
    judgement = cleared.judgements[position]
    missing_wh = 0
    if reason is Reason.CAPACITY and judgement.capacity_left_wh is not None:
        missing_wh = judgement.sold_wh - judgement.capacity_left_wh
    missing_micro = 0
    if reason is Reason.MARGIN:
        missing_micro = judgement.need_micro - judgement.margin_left_micro
    legs = tuple(
        LegExplanation(
            product=leg.product,
            name=cleared.names.label(leg.product),
            path=cleared.names.path(leg.product),
            coefficient=leg.coefficient,
            price_nano_per_kwh=prices[place],
            indicative=cleared.clearing.indicative[index],
            quantity_wh=quantities[place],
            break_even_nano_per_kwh=cleared.break_even_price(position, place),
        )
        for place, (leg, index) in enumerate(zip(order.legs, indices, strict=True))
    )
    return OrderExplanation(
        position=position,
        order_hash="0x" + signed.digest.hex(),
        kind=kind_of(order),
        description=description(order, cleared.names, cleared.order_names.get(signed.digest)),
        reason=reason,
        legs=legs,
        limit=order.limit,
        max_units=order.max_units,
        maximum_units=cleared.maxima[position],
        fill_units=cleared.clearing.fills[position],
        payment_micro=payment_micro(prices, quantities),
        surplus_a_unit_scaled=cleared.surpluses[position],
        surplus_micro=floor_div(cleared.realised[position], SCALE),
        sets_price_of=_sets_price_of(cleared, position),
        tie=tie_of(cleared, position),
        limit_that_fills=limit_that_fills(cleared, position),
        limit_is_exact=is_cleared_alone(cleared, position),
        margin_need_micro=judgement.need_micro,
        margin_missing_micro=None if to_delegate else missing_micro,
        capacity_missing_wh=None if to_delegate else missing_wh,
        signer=signed.signer,
        breach=judgement.breach,
        gap_part_micro=cleared.part_of_gap_micro(position),
        gap_micro=cleared.gap_micro,
        sentences=sentences.of_order(cleared, position, to_delegate=to_delegate),
    )


def _sets_price_of(cleared: ClearedRound, position: int) -> tuple[int, ...]:
    """Ids of the products of which the order bounds the price."""
    legs = cleared.book.orders[position].order.legs
    found = []
    for leg, index in zip(legs, cleared.book.leg_indices[position], strict=True):
        bounds = cleared.bounds.get(index)
        if bounds and position in (*bounds.low_set_by, *bounds.high_set_by):
            found.append(leg.product)
    return tuple(found)
