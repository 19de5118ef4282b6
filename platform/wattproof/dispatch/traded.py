"""How far the orders made from a plan may go: in every slot as far as the plan, and no further."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from market.dispatch import DispatchPlan, energy_of
from market.order import Order
from market.product import Product

_ROUNDING_WH = 1


def beyond_plan(
    plan: DispatchPlan, meters: Mapping[str, tuple[str, int]], orders: Iterable[Order]
) -> list[str]:
    """What orders would trade beyond the plan, in words; empty where they keep to it.

    A trader buys in a slot at most what its metered line draws there, and sells at most what that
    line feeds in, to the Wh. Orders of several legs are alternatives that nobody can fill all at
    once, and traders without a metered line have nothing to compare with: both are left out.
    """
    line_of = {meter: line for line, meter in meters.items()}
    traded: defaultdict[tuple[str, int, int, int], int] = defaultdict(int)
    for order in orders:
        if len(order.legs) != 1:
            continue
        leg = order.legs[0]
        product = Product.from_id(leg.product)
        line = line_of.get((order.trader, product.carrier))
        if line is not None:
            side = 1 if leg.coefficient > 0 else -1
            traded[line, product.carrier, product.slot, side] += order.max_units
    found = []
    for (line, _, slot, side), wh in sorted(traded.items()):
        place = slot - plan.first_slot
        inside = 0 <= place < plan.slots
        planned = energy_of(plan.lines[line][place], plan.slot_seconds) if inside else 0
        if wh > max(side * planned, 0) + _ROUNDING_WH:
            what = "buy" if side > 0 else "sell"
            found.append(f"{line}[{place}]: orders {what} {wh} Wh, planned are {planned} Wh")
    return found
