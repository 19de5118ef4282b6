"""From a fleet's plan to bids: one single-leg bid an owner and slot.

Charging is bid at what it is worth to the driver, giving back is asked at the reservation price,
which covers buying the energy back through both efficiencies and the wear of the whole cycle.
"""

from __future__ import annotations

import math

from market.bid import Bid, make_bid
from market.ev_battery.rules import RULES
from twin.ev_fleet.plan import FleetPlan


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
            bid = make_bid(owner, slot, wh, worth if wh > 0.0 else reserve, RULES.price_cap)
            if bid is not None:
                bids.append(bid)
    return tuple(bids)
