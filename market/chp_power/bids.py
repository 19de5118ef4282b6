"""From an approved plan to bids, and what the other stations offer.

A plant's power has two parts. What it must feed in to give the planned heat (back pressure, minimum
load) it offers at the lowest price there is room for; what the plan generates beyond at what it
costs. So the plan is traded in full wherever the price covers that cost, and never below it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from market.bid import Bid, kept, make_bid
from market.chp_power.rules import RULES
from market.dispatch import DispatchPlan, energy_of
from twin.chp.plant import ChpPlant
from twin.chp.region import marginal_fuel, power_limits

FloatArray = NDArray[np.float64]

ELECTRICITY = "electricity"
"""The line of a plan that the meter reads: consumption positive, so generation is negative, W."""
HEAT = "heat_output"
"""The line of heat out of the unit, W, never negative."""


@dataclass(frozen=True, slots=True)
class StationTerms:
    """What stations ask for power that they cannot easily leave out, currency per kWh.

    ``must_run_per_kwh`` a plant for power that its heat forces out, ``wind_per_kwh`` a wind farm,
    ``minimum_load_per_kwh`` a thermal station for its minimum: each would rather pay than stop.
    """

    must_run_per_kwh: float = -0.02
    wind_per_kwh: float = 0.0
    minimum_load_per_kwh: float = -0.03


TERMS = StationTerms()


def plant_bids(
    owner_id: str, plan: DispatchPlan, plant: ChpPlant, terms: StationTerms = TERMS
) -> tuple[Bid, ...]:
    """Asks for every slot of the approved plan, in one or two steps."""
    power_w = -np.array(plan.lines[ELECTRICITY], dtype=float)
    heat_w = np.clip(np.array(plan.lines[HEAT], dtype=float), 0.0, plant.unit.heat_max_w)
    least_w, _ = power_limits(plant.unit, heat_w)
    cost_per_kwh = plant.fuel_per_kwh * marginal_fuel(plant.unit, power_w, heat_w)
    bids: list[Bid | None] = []
    for slot, planned_w in enumerate(plan.lines[ELECTRICITY]):
        generated = max(-energy_of(planned_w, plan.slot_seconds), 0)
        forced = min(generated, energy_of(int(least_w[slot]), plan.slot_seconds))
        cost = float(cost_per_kwh[slot])
        bids += [
            make_bid(owner_id, slot, -float(forced), terms.must_run_per_kwh, RULES.price_cap),
            make_bid(owner_id, slot, -float(generated - forced), cost, RULES.price_cap),
        ]
    return kept(bids)


def wind_bids(
    owner_id: str, forecast_wh: FloatArray, terms: StationTerms = TERMS
) -> tuple[Bid, ...]:
    """Asks for all the wind that is forecast, shape (slot,), Wh."""
    return kept(
        [
            make_bid(owner_id, slot, -wh, terms.wind_per_kwh, RULES.price_cap)
            for slot, wh in enumerate(forecast_wh.tolist())
        ]
    )


def thermal_bids(
    owner_id: str,
    price_per_kwh: FloatArray,
    least_wh: float,
    most_wh: float,
    terms: StationTerms = TERMS,
) -> tuple[Bid, ...]:
    """Asks of the other thermal stations.

    Their minimum ``least_wh`` a slot they sell at almost any price, the rest up to ``most_wh`` at
    the day-ahead price, shape (slot,): they are the margin that the price is read from.
    """
    bids: list[Bid | None] = []
    for slot, price in enumerate(price_per_kwh.tolist()):
        bids += [
            make_bid(owner_id, slot, -least_wh, terms.minimum_load_per_kwh, RULES.price_cap),
            make_bid(owner_id, slot, least_wh - most_wh, price, RULES.price_cap),
        ]
    return kept(bids)
