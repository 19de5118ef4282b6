"""From a fleet's plan to orders: one single-leg order an owner and slot.

Charging is bid at what it is worth to the driver, giving back is asked at the reservation price,
which covers buying the energy back through both efficiencies and the wear of the whole cycle.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from market.ev_battery.rules import RULES
from market.order import Leg, Order
from market.product import Product
from market.quantise import energy_wh, price_nano_per_kwh
from market.units import SCALE
from twin.ev_fleet.plan import FleetPlan

_WH_PER_KWH = 1_000.0


@dataclass(frozen=True, slots=True)
class Bid:
    """What somebody wants in one slot, before it is addressed to a round.

    `slot` counts from the start of the delivery day. `energy_wh` is positive to buy, negative to
    sell; `price_nano_per_kwh` is the highest price paid or the lowest taken.
    """

    owner_id: str
    slot: int
    energy_wh: int
    price_nano_per_kwh: int


def make_bid(owner_id: str, slot: int, wh: float, price_per_kwh: float) -> Bid | None:
    """A bid in whole Wh and nano per kWh, its price held within the market's cap.

    None where nothing is left of the energy. Raises ValueError for a price that is not a number.
    """
    energy = energy_wh(wh / _WH_PER_KWH)
    if energy == 0:
        return None
    if math.isnan(price_per_kwh):
        raise ValueError(f"{owner_id}, slot {slot}: the price is not a number")
    cap = RULES.price_cap
    if math.isinf(price_per_kwh):
        price = cap if price_per_kwh > 0 else -cap
    else:
        price = max(-cap, min(cap, price_nano_per_kwh(price_per_kwh)))
    return Bid(owner_id, slot, energy, price)


def fleet_bids(plan: FleetPlan) -> tuple[Bid, ...]:
    """The bids of every owner of a plan, by vehicle and slot.

    A vehicle without willingness to discharge (infinite reservation price) asks nothing.
    """
    bids: list[Bid] = []
    for vehicle, owner in enumerate(plan.owner_ids):
        worth = float(plan.charge_value_per_kwh[vehicle])
        reserve = float(plan.discharge_reservation_per_kwh[vehicle])
        for slot, wh in enumerate(plan.energy_wh[vehicle].tolist()):
            if wh < 0.0 and math.isinf(reserve):
                continue
            bid = make_bid(owner, slot, wh, worth if wh > 0.0 else reserve)
            if bid is not None:
                bids.append(bid)
    return tuple(bids)


def orders(
    bids: Iterable[Bid],
    *,
    market: int,
    round: int,
    first_slot: int,
    traders: Mapping[str, str],
    epochs: Mapping[str, int] | None = None,
) -> tuple[Order, ...]:
    """Bids as orders ready to be signed, of their owners' addresses in `traders`.

    The salt is the place among the bids, so equal bids are different orders. Raises KeyError for an
    owner without address.
    """
    return tuple(
        Order(
            market=market,
            round=round,
            legs=(
                Leg(
                    Product(0, 0, first_slot + bid.slot).id,
                    SCALE if bid.energy_wh > 0 else -SCALE,
                ),
            ),
            max_units=abs(bid.energy_wh),
            limit=bid.price_nano_per_kwh if bid.energy_wh > 0 else -bid.price_nano_per_kwh,
            trader=traders[bid.owner_id],
            epoch=epochs.get(bid.owner_id, 0) if epochs else 0,
            salt=place,
        )
        for place, bid in enumerate(bids)
    )


def kept(bids: Sequence[Bid | None]) -> tuple[Bid, ...]:
    """Without the places where nothing was left to bid."""
    return tuple(bid for bid in bids if bid is not None)
