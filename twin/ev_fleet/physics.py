"""The battery at the pile, stepped for whole batches at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.ev_fleet.model import FleetSamples, FloatArray, Stays, Vehicles
from twin.ev_fleet.plan import FleetOutcome
from twin.horizon import Horizon

Single = NDArray[np.float32]


def deliver(
    vehicles: Vehicles,
    stays: Stays,
    horizon: Horizon,
    wanted_wh: FloatArray,
) -> FleetOutcome:
    """What the batteries make of wanted net energies, slot by slot.

    ``wanted_wh`` is shaped (vehicle, slot), at the grid, positive consumes. What the power limit,
    the time plugged in, the battery's size or its reserve forbid is not delivered.
    """
    share = stays.connected_share(horizon)
    stored = stays.initial_energy_wh.astype(float).copy()
    charge = np.zeros_like(share)
    discharge = np.zeros_like(share)
    for slot in range(horizon.slots):
        charge[:, slot], discharge[:, slot], stored = battery_step(
            vehicles, stored, wanted_wh[:, slot], share[:, slot] * horizon.slot_hours
        )
    return FleetOutcome(charge, discharge, stored)


def battery_step(
    vehicles: Vehicles, stored_wh: FloatArray, wanted_wh: FloatArray, hours: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """One step of every battery: charged and discharged Wh at the grid, and what is stored after.

    ``hours`` is the time plugged in within the step, shape (vehicle,).
    """
    room = np.maximum(vehicles.battery_capacity_wh - stored_wh, 0.0)
    charge = np.minimum(np.maximum(wanted_wh, 0.0), vehicles.charge_power_w * hours)
    charge = np.minimum(charge, room / vehicles.charge_efficiency)
    above = np.maximum(stored_wh - vehicles.reserve_wh, 0.0)
    discharge = np.minimum(np.maximum(-wanted_wh, 0.0), vehicles.discharge_power_w * hours)
    discharge = np.minimum(discharge, above * vehicles.discharge_efficiency)
    stored = (
        stored_wh + vehicles.charge_efficiency * charge - discharge / vehicles.discharge_efficiency
    )
    return charge, discharge, stored


def uncontrolled(vehicles: Vehicles, stays: Stays, horizon: Horizon) -> FleetOutcome:
    """Plug in and draw full power until the need is met: the baseline of every comparison."""
    share = stays.connected_share(horizon)
    most = share * (vehicles.charge_power_w * horizon.slot_hours)[:, None]
    need_grid = (
        np.minimum(
            np.maximum(stays.need_wh, 0.0),
            np.maximum(vehicles.battery_capacity_wh - stays.initial_energy_wh, 0.0),
        )
        / vehicles.charge_efficiency
    )
    reached = np.minimum(np.cumsum(most, axis=1), need_grid[:, None])
    charge = np.diff(reached, axis=1, prepend=0.0)
    stored = stays.initial_energy_wh + vehicles.charge_efficiency * charge.sum(axis=1)
    return FleetOutcome(charge, np.zeros_like(charge), stored)


def deliverable_need_wh(vehicles: Vehicles, stays: Stays, horizon: Horizon) -> FloatArray:
    """The need as far as pile and stay can deliver it, shape (vehicle,), stored Wh."""
    outcome = uncontrolled(vehicles, stays, horizon)
    need: FloatArray = outcome.final_energy_wh - stays.initial_energy_wh
    return need


@dataclass(frozen=True, slots=True)
class BatchResult:
    """Stored results of a batch in single precision.

    ``stored_wh`` (after each slot) and ``power_w`` (net at the grid, positive consumes) are
    shaped (slot, scenario, vehicle), so that a step writes one contiguous block; ``feeder_w`` is
    shaped (scenario, slot), without base load.
    """

    stored_wh: Single
    power_w: Single
    feeder_w: Single


Policy = Callable[[int, Single, Single, Single], Single]
"""(slot, stored Wh, target Wh, hours to the declared departure) to the wanted change of stored
energy in Wh; all but the slot are shaped (scenario, vehicle). The array returned is used up."""


def charge_at_once(slot: int, stored_wh: Single, target_wh: Single, left_hours: Single) -> Single:
    """Uncontrolled: all that is missing, at once; the step limits power."""
    wanted: Single = np.maximum(target_wh - stored_wh, np.float32(0.0))
    return wanted


def simulate_batch(
    vehicles: Vehicles, samples: FleetSamples, horizon: Horizon, policy: Policy
) -> BatchResult:
    """Step every vehicle of every scenario through the horizon under a causal policy.

    The policy sees the stored energy and the declared departure, never what is still to come. A
    vehicle declared to stay for ever is one whose driver declared nothing.
    """
    shape = samples.arrival_s.shape
    single = np.float32
    stored = samples.initial_energy_wh.astype(single)
    target = (samples.initial_energy_wh + samples.need_wh).astype(single)
    arrival, departure, declared = (
        (values / 3600.0).astype(single)
        for values in (samples.arrival_s, samples.departure_s, samples.declared_departure_s)
    )
    declared[np.isnan(declared)] = np.inf
    gain = vehicles.charge_efficiency.astype(single)
    drain = (1.0 / vehicles.discharge_efficiency).astype(single)
    fill_w = vehicles.charge_power_w.astype(single) * gain
    empty_w = -vehicles.discharge_power_w.astype(single) * drain
    capacity = vehicles.battery_capacity_wh.astype(single)
    reserve = vehicles.reserve_wh.astype(single)
    to_watts_in = (1.0 / (horizon.slot_hours * gain)).astype(single)
    to_watts_out = (1.0 / (horizon.slot_hours * drain)).astype(single)
    one_way = not vehicles.discharge_power_w.any()
    stored_wh = np.empty((horizon.slots, *shape), dtype=single)
    power_w = np.empty((horizon.slots, *shape), dtype=single)
    hours = np.empty(shape, dtype=single)
    other = np.empty(shape, dtype=single)
    for slot in range(horizon.slots):
        start = single(slot * horizon.slot_hours)
        np.subtract(declared, start, out=other)
        change = policy(slot, stored, target, other)
        np.minimum(departure, start + single(horizon.slot_hours), out=hours)
        np.maximum(arrival, start, out=other)
        hours -= other
        np.maximum(hours, single(0.0), out=hours)
        np.multiply(hours, fill_w, out=other)
        np.minimum(change, other, out=change)
        np.subtract(capacity, stored, out=other)
        np.minimum(change, other, out=change)
        if one_way:
            np.maximum(change, single(0.0), out=change)
        else:
            hours *= empty_w
            np.maximum(change, hours, out=change)
            np.subtract(reserve, stored, out=other)
            np.minimum(other, single(0.0), out=other)
            np.maximum(change, other, out=change)
        np.add(stored, change, out=stored_wh[slot])
        stored = stored_wh[slot]
        power = power_w[slot]
        np.multiply(change, to_watts_in, out=power)
        if not one_way:
            np.minimum(change, single(0.0), out=change)
            change *= to_watts_out - to_watts_in
            power += change
    return BatchResult(stored_wh, power_w, np.ascontiguousarray(power_w.sum(axis=2).T))
