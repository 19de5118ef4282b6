"""The battery at the pile, stepped for whole batches at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.ev_fleet.model import FleetSamples, FloatArray, Stays, Vehicles, connected_share
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
        stored_wh
        + vehicles.charge_efficiency * charge
        - discharge / vehicles.discharge_efficiency
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
"""(slot, stored Wh, target Wh, time left in hours) to wanted net power in W, all but the slot
shaped (scenario, vehicle)."""


def charge_at_once(slot: int, stored_wh: Single, target_wh: Single, left_hours: Single) -> Single:
    """Full power until the target is stored; the step itself limits power and energy."""
    wanted: Single = (target_wh - stored_wh) * np.float32(1e6)
    return wanted


def simulate_batch(
    vehicles: Vehicles, samples: FleetSamples, horizon: Horizon, policy: Policy
) -> BatchResult:
    """Step every vehicle of every scenario through the horizon under a causal policy.

    The policy sees the stored energy and the declared departure, never what is still to come.
    """
    shape = samples.arrival_s.shape
    stored = samples.initial_energy_wh.astype(np.float32)
    target = (samples.initial_energy_wh + samples.need_wh).astype(np.float32)
    arrival = samples.arrival_s.astype(np.float32)
    departure = samples.departure_s.astype(np.float32)
    declared = np.where(
        np.isnan(samples.declared_departure_s), np.inf, samples.declared_departure_s
    ).astype(np.float32)
    charge_w, discharge_w, gain, drain, capacity, reserve = (
        values.astype(np.float32)
        for values in (
            vehicles.charge_power_w,
            -vehicles.discharge_power_w,
            vehicles.charge_efficiency,
            1.0 / vehicles.discharge_efficiency,
            vehicles.battery_capacity_wh,
            vehicles.reserve_wh,
        )
    )
    seconds = np.float32(horizon.slot_seconds)
    hour = np.float32(1.0 / 3600.0)
    stored_wh = np.empty((horizon.slots, *shape), dtype=np.float32)
    power_w = np.empty((horizon.slots, *shape), dtype=np.float32)
    plugged = np.empty(shape, dtype=np.float32)
    scratch = np.empty(shape, dtype=np.float32)
    for slot in range(horizon.slots):
        start = np.float32(slot) * seconds
        np.minimum(departure, start + seconds, out=plugged)
        np.maximum(arrival, start, out=scratch)
        plugged -= scratch
        np.maximum(plugged, np.float32(0), out=plugged)
        plugged *= hour
        np.subtract(declared, start, out=scratch)
        scratch *= hour
        wanted = policy(slot, stored, target, scratch)
        np.clip(wanted, discharge_w, charge_w, out=wanted)
        # stored change at most to the target's side of the limits
        wanted *= plugged
        inside = np.where(wanted > 0, gain, drain)
        wanted *= inside
        np.clip(wanted, np.minimum(reserve - stored, 0), capacity - stored, out=wanted)
        stored += wanted
        stored_wh[slot] = stored
        np.divide(wanted, inside, out=wanted)
        np.multiply(wanted, np.float32(3600.0) / seconds, out=power_w[slot])
    feeder_w = power_w.sum(axis=2).T
    return BatchResult(stored_wh, power_w, np.ascontiguousarray(feeder_w))


__all__ = [
    "BatchResult",
    "Policy",
    "battery_step",
    "charge_at_once",
    "connected_share",
    "deliver",
    "deliverable_need_wh",
    "simulate_batch",
    "uncontrolled",
]
