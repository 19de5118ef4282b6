"""What a real station does of what it is told: as much as power, ramp and store allow."""

from __future__ import annotations

import numpy as np

from twin.storage_station.plan import StationOutcome
from twin.storage_station.station import (
    FloatArray,
    StationState,
    StorageStation,
    run_slots,
)


def follow(
    station: StorageStation, state: StationState, energy_wh: FloatArray, slot_hours: float
) -> StationOutcome:
    """Carry out net energies (slot,), Wh, positive charges, slot by slot.

    What the ramp, the rated power, a longest run, a full or an empty store forbid is left undone in
    its slot; nothing is made up for later. No ramp keeps a full or an empty store from stopping.
    """
    kept = station.kept(slot_hours)
    gain, drain = station.charge_efficiency, 1.0 / station.discharge_efficiency
    most_in = station.charge_power_w * slot_hours
    most_out = station.discharge_power_w * slot_hours
    step = np.inf if station.ramp_w_per_h is None else station.ramp_w_per_h * slot_hours**2
    longest = tuple(
        run_slots(limit, slot_hours)
        for limit in (station.longest_charge_h, station.longest_discharge_h)
    )
    stored = state.stored_wh
    before = None if state.power_w is None else state.power_w * slot_hours
    run, way = round(state.run_hours / slot_hours), np.sign(state.power_w or 0.0)
    done = np.zeros(energy_wh.size)
    level = np.zeros(energy_wh.size)
    for slot, wanted in enumerate(energy_wh.tolist()):
        move = min(max(wanted, -most_out), most_in)
        if before is not None:
            move = min(max(move, before - step), before + step)
        limit = longest[0] if move > 0.0 else longest[1]
        if limit is not None and np.sign(move) == way and run >= limit:
            move = 0.0
        stored *= kept
        room_in = max(station.most_wh - stored, 0.0) / gain
        room_out = max(stored - station.least_wh, 0.0) / drain
        move = min(max(move, -room_out), room_in)
        stored += gain * max(move, 0.0) - drain * max(-move, 0.0)
        run = run + 1 if np.sign(move) == way else 1
        way = np.sign(move)
        done[slot], level[slot], before = move, stored, move
    return StationOutcome(
        charge_w=np.maximum(done, 0.0) / slot_hours,
        discharge_w=np.maximum(-done, 0.0) / slot_hours,
        state_of_charge=level / station.capacity_wh,
        first_state_of_charge=state.stored_wh / station.capacity_wh,
    )
