"""From an approved plan to orders: what is taken and given back later is one order of two legs.

A pair is filled by one share, so nothing is sold that was not bought, and the station is
indifferent to the level of prices: its limit is the wear of the move, and it trades wherever the
two slots' prices are further apart than losses and wear cost. What the plan leaves in the store is
bought, what it takes from stock is sold, at what stored energy is worth.
"""

from __future__ import annotations

import math

import numpy as np

from market.bid import OrderTerms, make_bid
from market.dispatch import DispatchPlan
from market.storage_station.pairs import Move, moves
from market.storage_station.rules import RULES
from market.units import SCALE
from market.vector_bid import bundle_bid, storage_pair_bid
from twin.storage_station.operation import follow
from twin.storage_station.station import StationState, StorageStation

ELECTRICITY = "electricity"
"""The line of a plan that the meter reads: the station's net power, W, charging positive."""

_WH_PER_KWH = 1_000.0
_SECONDS_PER_HOUR = 3_600.0


def station_bids(
    owner_id: str,
    plan: DispatchPlan,
    station: StorageStation,
    state: StationState,
    stock_per_kwh: float,
) -> tuple[OrderTerms, ...]:
    """The orders of an approved plan.

    What the station could not do (more than its power, beyond full or empty) is not bid. However
    the orders are filled, power, capacity and what is stored are kept, the last two to within the
    few Wh an order by which its legs are rounded.

    Args:
        state: how the station stands where the plan begins.
        stock_per_kwh: what a kWh in the store is worth beyond the plan, currency: what is left in
            it is bought up to that, what was in it is sold from that on, losses and wear included.
    """
    hours = plan.slot_seconds / _SECONDS_PER_HOUR
    wanted_wh = np.array(plan.lines[ELECTRICITY], dtype=float) * hours
    done = follow(station, state, wanted_wh, hours)
    energy_wh = ((done.charge_w - done.discharge_w) * hours).tolist()
    found = [
        _order(owner_id, move, station, stock_per_kwh) for move in moves(station, energy_wh, hours)
    ]
    return tuple(order for order in found if order is not None)


def _order(
    owner_id: str, move: Move, station: StorageStation, stock_per_kwh: float
) -> OrderTerms | None:
    cap = RULES.price_cap
    gain, mu, wear = station.charge_efficiency, station.discharge_efficiency, station.wear_per_kwh
    if move.discharge_slot is None:
        assert move.charge_slot is not None
        worth = gain * (stock_per_kwh - wear)
        return make_bid(owner_id, move.charge_slot, float(math.floor(move.charge_wh)), worth, cap)
    if move.charge_slot is None:
        worth = (stock_per_kwh + wear) / mu
        sold = float(math.floor(move.discharge_wh))
        return make_bid(owner_id, move.discharge_slot, -sold, worth, cap)
    wear_total = wear * (gain * move.charge_wh + move.discharge_wh / mu)
    if move.charge_slot < move.discharge_slot:
        # Rounded down: what is given back is never more than what was taken allows.
        back = math.floor(move.discharge_wh / move.charge_wh * SCALE) / SCALE
        if back <= 0.0:
            return None
        # A leg's rounding gives up to a Wh more: leave it room within the slot's power.
        charge_wh = math.floor(min(move.charge_wh, (move.discharge_wh - 1.0) / back))
        if charge_wh < 1:
            return None
        return storage_pair_bid(
            owner_id,
            move.charge_slot,
            move.discharge_slot,
            float(charge_wh),
            back,
            wear_total / move.charge_wh,
            cap,
        )
    energy_wh = {
        (0, 0, move.discharge_slot): -float(math.floor(move.discharge_wh)),
        (0, 0, move.charge_slot): float(math.floor(move.charge_wh)),
    }
    if 0.0 in energy_wh.values():
        return None
    return bundle_bid(owner_id, energy_wh, -wear_total / _WH_PER_KWH, cap)
