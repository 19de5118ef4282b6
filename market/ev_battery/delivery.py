"""From positions to what the fleet delivers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twin.ev_fleet.model import Stays, Vehicles
from twin.ev_fleet.physics import battery_step, uncontrolled
from twin.ev_fleet.plan import FleetOutcome
from twin.horizon import Horizon

FloatArray = NDArray[np.float64]


def deliver_positions(
    vehicles: Vehicles,
    stays: Stays,
    horizon: Horizon,
    position_wh: FloatArray,
    price_per_kwh: FloatArray,
    base_load_w: FloatArray,
) -> FleetOutcome:
    """Live through the day: follow what was traded, as far as real stays and batteries allow.

    `position_wh` is shaped (vehicle, slot), positive bought; `price_per_kwh` and `base_load_w`
    (what else the feeder carries) are shaped (slot,). Nothing is known of a vehicle before it
    arrives, nor of its real departure before it leaves. A vehicle that cannot reach its need by
    the declared departure with what it still has coming (it came late, or needs more) draws the
    rest in the cheapest slots left: that deviation is imbalance. The feeder is kept at or below
    the peak of what was traded, and the peak that uncontrolled charging would have reached by then.
    """
    share = stays.connected_share(horizon)
    starts = horizon.slot_seconds * np.arange(horizon.slots, dtype=float)
    told = np.where(np.isnan(stays.declared_departure_s), np.inf, stays.declared_departure_s)
    left = np.clip((told[:, None] - starts) / horizon.slot_seconds, 0.0, 1.0)
    bought, sold = np.maximum(position_wh, 0.0), np.maximum(-position_wh, 0.0)
    change = (
        vehicles.charge_efficiency[:, None] * bought - sold / vehicles.discharge_efficiency[:, None]
    )
    ahead = np.cumsum(np.where(left > 0.0, change, 0.0)[:, ::-1], axis=1)[:, ::-1]
    room = np.maximum((vehicles.charge_power_w * horizon.slot_hours)[:, None] * left - bought, 0.0)
    base_wh = base_load_w * horizon.slot_hours
    shadow_wh = uncontrolled(vehicles, stays, horizon).charge_wh.sum(axis=0)
    traded_feeder_wh = base_wh + position_wh.sum(axis=0)
    limit_wh = np.minimum(np.maximum.accumulate(base_wh + shadow_wh), float(traded_feeder_wh.max()))
    target = np.minimum(stays.target_wh(), vehicles.battery_capacity_wh)
    stored = stays.initial_energy_wh.astype(float).copy()
    charge = np.zeros_like(share)
    discharge = np.zeros_like(share)
    for slot in range(horizon.slots):
        missing = np.maximum(target - stored - ahead[:, slot], 0.0) / vehicles.charge_efficiency
        behind = (missing > 0.0) & (share[:, slot] > 0.0)
        cheaper = price_per_kwh[slot + 1 :] < price_per_kwh[slot]
        wanted_later = np.maximum(room[behind, slot + 1 :].sum(axis=0), 1e-9)
        free_later = np.maximum(limit_wh[slot] - traded_feeder_wh[slot + 1 :], 0.0)
        part = np.where(cheaper, np.minimum(free_later / wanted_later, 1.0), 0.0)
        later = room[:, slot + 1 :] @ part
        hours = share[:, slot] * horizon.slot_hours
        most = vehicles.charge_power_w * hours
        traded = np.minimum(position_wh[:, slot], most)
        extra = np.minimum(np.maximum(missing - later, 0.0), most - np.maximum(traded, 0.0))
        free = float(limit_wh[slot] - base_wh[slot] - traded.sum())
        wanted = _eased(traded + extra, float(extra.sum()) - free)
        charge[:, slot], discharge[:, slot], stored = battery_step(vehicles, stored, wanted, hours)
    return FleetOutcome(charge, discharge, stored)


def _eased(wanted_wh: FloatArray, excess_wh: float) -> FloatArray:
    """Charging scaled back, everybody's by the same share, where it exceeds the feeder's room."""
    charging = np.maximum(wanted_wh, 0.0)
    total = float(charging.sum())
    if excess_wh <= 0.0 or total <= 0.0:
        return wanted_wh
    eased: FloatArray = wanted_wh - charging * min(excess_wh / total, 1.0)
    return eased
