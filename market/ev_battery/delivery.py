"""From positions to what is delivered, and from what was metered to readings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from market.quantise import energy_wh
from twin.ev_fleet.model import Stays, Vehicles
from twin.ev_fleet.physics import battery_step
from twin.ev_fleet.plan import FleetOutcome
from twin.horizon import Horizon

FloatArray = NDArray[np.float64]

_WH_PER_KWH = 1_000.0


def deliver_positions(
    vehicles: Vehicles, stays: Stays, horizon: Horizon, position_wh: FloatArray
) -> FleetOutcome:
    """Live through the day: follow what was traded, as far as real stays and batteries allow.

    `position_wh` is shaped (vehicle, slot), positive bought. Nothing is known of a vehicle before
    it arrives, nor of its real departure before it leaves. A vehicle that cannot reach its need by
    the declared departure with what it still has coming (it came late, or needs more) draws the
    rest at once: that deviation is imbalance, and the driver's comfort comes first.
    """
    share = stays.connected_share(horizon)
    starts = horizon.slot_seconds * np.arange(horizon.slots, dtype=float)
    told = np.where(np.isnan(stays.declared_departure_s), np.inf, stays.declared_departure_s)
    stored = stays.initial_energy_wh.astype(float).copy()
    target = np.minimum(stays.target_wh(), vehicles.battery_capacity_wh)
    gain = vehicles.charge_efficiency[:, None] * np.maximum(position_wh, 0.0)
    drain = np.maximum(-position_wh, 0.0) / vehicles.discharge_efficiency[:, None]
    coming = np.where(starts < told[:, None], gain - drain, 0.0)
    ahead = np.cumsum(coming[:, ::-1], axis=1)[:, ::-1]
    charge = np.zeros_like(share)
    discharge = np.zeros_like(share)
    for slot in range(horizon.slots):
        missing = np.maximum(target - stored - ahead[:, slot], 0.0)
        wanted = position_wh[:, slot] + missing / vehicles.charge_efficiency
        charge[:, slot], discharge[:, slot], stored = battery_step(
            vehicles, stored, wanted, share[:, slot] * horizon.slot_hours
        )
    return FleetOutcome(charge, discharge, stored)


def readings(
    owner_ids: Sequence[str], metered_wh: FloatArray, period_slots: int, offset: int = 0
) -> Mapping[str, tuple[int | None, ...]]:
    """What each owner's device signs for the period: whole Wh a slot, import positive.

    `metered_wh` is shaped (asset, slot) and begins `offset` slots into the period; assets of the
    same owner add up, slots that nobody measured are None. Raises ValueError where the slots do not
    fit the period.
    """
    count, slots = metered_wh.shape
    if count != len(owner_ids) or offset < 0 or offset + slots > period_slots:
        raise ValueError(
            f"{slots} slots of {count} assets from slot {offset} on do not fit {len(owner_ids)} "
            f"owners and a period of {period_slots} slots"
        )
    totals: dict[str, FloatArray] = {}
    for owner, row in zip(owner_ids, metered_wh, strict=True):
        totals[owner] = totals[owner] + row if owner in totals else row.astype(float)
    before: list[int | None] = [None] * offset
    after: list[int | None] = [None] * (period_slots - offset - slots)
    return {
        owner: (*before, *(energy_wh(wh / _WH_PER_KWH) for wh in row.tolist()), *after)
        for owner, row in totals.items()
    }
