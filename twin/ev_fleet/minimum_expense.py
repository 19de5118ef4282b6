"""Strategy 1, minimum expense: buy off-peak, sell battery capacity at the peak.

Prices are known a day ahead; stays are not. A receding horizon: whenever a vehicle is plugged in
or leaves, the plan for the vehicles at the piles is made anew from what is known at that moment
and from the forecast of their departures. What others do in the running slot is not changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from twin.ev_fleet.dispatch import DispatchProblem, DispatchSolution, solve_dispatch
from twin.ev_fleet.model import FloatArray, PriceSignal, Stays, Vehicles
from twin.ev_fleet.physics import battery_step, uncontrolled
from twin.ev_fleet.plan import FleetOutcome
from twin.horizon import Horizon

_BINDING = 1e-7
_GONE = 2e-3
_BELOW = 1.0 - 1e-12


@dataclass(frozen=True, slots=True)
class DepartureOutlook:
    """Forecast made when each vehicle was plugged in.

    ``survival`` is shaped (vehicle, edge): the probability of still being plugged in at the end of
    the arrival's slot (edge 0) and at each slot edge after it.
    """

    survival: FloatArray

    @staticmethod
    def edges_after_arrival(arrival_s: float, horizon: Horizon, edges: int) -> FloatArray:
        """Seconds from plug-in to the slot edges a forecast is wanted for, shape (edge,)."""
        into = arrival_s % horizon.slot_seconds
        seconds: FloatArray = horizon.slot_seconds * (1.0 + np.arange(edges, dtype=float)) - into
        return seconds

    @classmethod
    def known(cls, stays: Stays, horizon: Horizon, edges: int) -> DepartureOutlook:
        """The outlook of someone who knows every departure."""
        offsets = np.stack(
            [cls.edges_after_arrival(float(a), horizon, edges) for a in stays.arrival_s]
        )
        return cls((offsets <= (stays.departure_s - stays.arrival_s)[:, None]).astype(float))


@dataclass(slots=True)
class _State:
    stored: FloatArray
    shadow: FloatArray
    plan: dict[int, FloatArray]
    peak_wh: float


def run_minimum_expense(
    vehicles: Vehicles,
    stays: Stays,
    horizon: Horizon,
    signal: PriceSignal,
    outlook: DepartureOutlook,
    peak_so_far_w: float = 0.0,
) -> FleetOutcome:
    """Live through the horizon without knowing what is to come.

    A stay becomes known at its arrival, its departure when it happens. The feeder is kept below
    the peak that uncontrolled charging of the same vehicles has reached so far (base load is
    forecast a day ahead and counts in full), and below ``signal.feeder_limit_w``.
    ``peak_so_far_w`` is the uncontrolled peak reached before the horizon began.
    Arrivals to come are not anticipated: under a limit far below the uncontrolled peak, energy
    sold at the peak and bought back at night can leave late arrivals short.
    """
    seconds = horizon.slot_seconds
    first_slot = np.floor(stays.arrival_s / seconds).astype(int)
    last_slot = np.ceil(stays.departure_s / seconds).astype(int)
    share = stays.connected_share(horizon)
    base_wh = signal.base_load_w * horizon.slot_hours
    state = _State(
        stored=stays.initial_energy_wh.astype(float).copy(),
        shadow=_shadow_need(vehicles, stays),
        plan={},
        peak_wh=max(float(base_wh.max()), peak_so_far_w * horizon.slot_hours),
    )
    charge = np.zeros(share.shape)
    discharge = np.zeros(share.shape)
    arrivals: dict[int, list[int]] = {}
    for vehicle, slot in enumerate(first_slot):
        arrivals.setdefault(int(slot), []).append(vehicle)
    present: list[int] = []
    crowded = False
    room_when_planned = 0.0
    for slot in range(horizon.slots):
        staying = [vehicle for vehicle in present if last_slot[vehicle] > slot]
        someone_left = len(staying) < len(present)
        come = arrivals.get(slot, [])
        present = staying + come
        if not present:
            continue
        here = np.array(present)
        usable = np.ones(here.size)
        usable[len(staying) :] = 1.0 - (stays.arrival_s[come] % seconds) / seconds
        full = vehicles.charge_power_w[here] * horizon.slot_hours
        expected_shadow = np.minimum(full * usable, state.shadow[here]).sum()
        limit_wh = min(
            _BELOW * max(state.peak_wh, base_wh[slot] + float(expected_shadow)),
            signal.feeder_limit_w * horizon.slot_hours,
        )
        scene = _Scene(vehicles, stays, horizon, signal, outlook, first_slot, base_wh, limit_wh)
        more_room = someone_left or limit_wh > room_when_planned
        if crowded and more_room and staying:
            crowded = _plan(scene, state, slot, staying, [], fixed=False)
            room_when_planned = limit_wh
        if come:
            crowded = _plan(scene, state, slot, staying, come, fixed=True)
            room_when_planned = limit_wh

        actual = share[here, slot]
        wanted = np.array([_setpoint(state, vehicle, slot) for vehicle in present])
        # A set energy is drawn at full power from the slot's start, given back evenly over it.
        part = np.minimum(actual / np.maximum(usable, 1e-9), 1.0)
        wanted = np.where(wanted > 0.0, np.minimum(wanted, full * actual), wanted * part)
        shadow = np.minimum(full * actual, state.shadow[here])
        state.shadow[here] -= shadow
        state.peak_wh = max(state.peak_wh, base_wh[slot] + float(shadow.sum()))
        guard = min(_BELOW * state.peak_wh, signal.feeder_limit_w * horizon.slot_hours)
        wanted = _guarded(wanted, float(guard - base_wh[slot]))
        taken = vehicles.take(here)
        charge[here, slot], discharge[here, slot], state.stored[here] = battery_step(
            taken, state.stored[here], wanted, actual * horizon.slot_hours
        )
    return FleetOutcome(charge, discharge, state.stored)


def plan_ahead(
    vehicles: Vehicles,
    stays: Stays,
    horizon: Horizon,
    signal: PriceSignal,
    outlook: DepartureOutlook,
) -> FloatArray:
    """A plan made before the day for announced arrivals and needs, shape (vehicle, slot), Wh.

    Arrivals and needs are taken from ``stays``, departures from ``outlook`` alone. The feeder is
    kept below the peak of uncontrolled charging, for which everybody is taken to stay long enough.
    """
    slots = horizon.slots
    for_long = replace(
        stays, departure_s=np.maximum(stays.departure_s, float(horizon.duration_seconds))
    )
    share = for_long.connected_share(horizon)
    first = np.minimum(np.floor(stays.arrival_s / horizon.slot_seconds).astype(int), slots - 1)
    place = np.arange(slots)[None, :] - first[:, None]
    edges = outlook.survival.shape[1]
    found = outlook.survival[np.arange(stays.count)[:, None], np.clip(place, 0, edges - 1)]
    after = np.where(place < 0, 1.0, np.where(place < edges, found, 0.0))
    after = np.where(after < _GONE, 0.0, after)
    start = np.concatenate([np.ones((stays.count, 1)), after[:, :-1]], axis=1)
    gone = start - after
    leave = np.zeros((stays.count, slots + 1))
    leave[:, :-1] += 0.5 * gone
    leave[:, 1:] += 0.5 * gone
    leave[:, -1] += after[:, -1]
    weight = 0.5 * (start + after)
    baseline = uncontrolled(vehicles, for_long, horizon)
    peak_w = float(baseline.feeder_w(horizon, signal.base_load_w).max())
    limit_wh = min(peak_w, signal.feeder_limit_w) * horizon.slot_hours
    base_wh = signal.base_load_w * horizon.slot_hours
    return solve_dispatch(
        DispatchProblem(
            vehicles=vehicles,
            stored_wh=stays.initial_energy_wh,
            target_wh=np.minimum(stays.target_wh(), vehicles.battery_capacity_wh),
            usable_share=np.where(weight > 0.0, share, 0.0),
            stay_weight=weight,
            leave_weight=leave,
            price_per_kwh=signal.price_per_kwh,
            import_wh=limit_wh - base_wh,
            export_wh=limit_wh + base_wh,
            slot_hours=horizon.slot_hours,
        )
    ).energy_wh


@dataclass(frozen=True, slots=True)
class _Scene:
    vehicles: Vehicles
    stays: Stays
    horizon: Horizon
    signal: PriceSignal
    outlook: DepartureOutlook
    first_slot: NDArray[np.int64]
    base_wh: FloatArray
    limit_wh: float


def _shadow_need(vehicles: Vehicles, stays: Stays) -> FloatArray:
    """What uncontrolled charging still has to draw, Wh at the grid, shape (vehicle,)."""
    room = np.maximum(vehicles.battery_capacity_wh - stays.initial_energy_wh, 0.0)
    need: FloatArray = np.clip(stays.need_wh, 0.0, room) / vehicles.charge_efficiency
    return need


def _setpoint(state: _State, vehicle: int, slot: int) -> float:
    plan = state.plan.get(vehicle)
    return float(plan[slot]) if plan is not None and slot < plan.size else 0.0


def _guarded(wanted: FloatArray, room_wh: float) -> FloatArray:
    """Charging scaled back where it would exceed the room on the feeder."""
    excess = float(wanted.sum()) - room_wh
    charging = float(np.maximum(wanted, 0.0).sum())
    if excess <= 0.0 or charging <= 0.0:
        return wanted
    scale = max(1.0 - excess / charging, 0.0)
    return np.where(wanted > 0.0, wanted * scale, wanted)


def _plan(
    scene: _Scene, state: _State, slot: int, staying: list[int], come: list[int], fixed: bool
) -> bool:
    """Plan the newcomers beside the others; if the feeder is short of room, plan all together.

    Returns whether the feeder was short of room.
    """
    if come:
        others = [state.plan[vehicle] for vehicle in staying if vehicle in state.plan]
        alone = _solve(scene, state, slot, come, others, hold=0)
        if not staying or not (np.abs(alone.feeder_price_per_kwh) > _BINDING).any():
            _keep(scene, state, slot, come, alone)
            return bool((np.abs(alone.feeder_price_per_kwh) > _BINDING).any())
    everyone = staying + come
    together = _solve(scene, state, slot, everyone, [], hold=len(staying) if fixed else 0)
    _keep(scene, state, slot, everyone, together)
    return bool((np.abs(together.feeder_price_per_kwh) > _BINDING).any())


def _keep(
    scene: _Scene, state: _State, slot: int, who: list[int], solution: DispatchSolution
) -> None:
    energy = solution.energy_wh
    for row, vehicle in enumerate(who):
        plan = np.zeros(slot + energy.shape[1])
        plan[slot:] = energy[row]
        state.plan[vehicle] = plan


def _solve(
    scene: _Scene,
    state: _State,
    slot: int,
    who: list[int],
    others: list[FloatArray],
    hold: int,
) -> DispatchSolution:
    """Optimise the vehicles in ``who``; the first ``hold`` keep their energy of this slot."""
    index = np.array(who)
    vehicles = scene.vehicles.take(index)
    here, edges = _survival_from(scene, index, slot)
    slots = here.shape[1]
    window = slice(slot, slot + slots)
    usable = (here > 0.0).astype(float)
    newly = scene.first_slot[index] == slot
    into = (scene.stays.arrival_s[index] % scene.horizon.slot_seconds) / scene.horizon.slot_seconds
    usable[:, 0] = np.where(newly, 1.0 - into, 1.0)
    taken_wh = scene.base_wh[window].copy()
    for plan in others:
        part = plan[window]
        taken_wh[: part.size] += part
    fixed = None
    if hold:
        fixed = np.full(here.shape, np.nan)
        fixed[:hold, 0] = [_setpoint(state, vehicle, slot) for vehicle in who[:hold]]
    return solve_dispatch(
        DispatchProblem(
            vehicles=vehicles,
            stored_wh=state.stored[index],
            target_wh=np.minimum(scene.stays.target_wh()[index], vehicles.battery_capacity_wh),
            usable_share=usable,
            stay_weight=here,
            leave_weight=edges,
            price_per_kwh=scene.signal.price_per_kwh[window],
            import_wh=scene.limit_wh - taken_wh,
            export_wh=scene.limit_wh + taken_wh,
            slot_hours=scene.horizon.slot_hours,
            fixed_energy_wh=fixed,
        )
    )


def _survival_from(
    scene: _Scene, index: NDArray[np.int64], slot: int
) -> tuple[FloatArray, FloatArray]:
    """Weights of being there (vehicle, slot) and of leaving (vehicle, slot + 1) from now on.

    A departure within a slot is placed half at its beginning, half at its end. The few hundredths
    of a per cent beyond the last edge count as leaving there.
    """
    survival = scene.outlook.survival
    edges = survival.shape[1]
    ahead = min(edges, scene.horizon.slots - slot)
    age = slot - scene.first_slot[index]
    place = age[:, None] + np.arange(ahead)[None, :]
    after = np.where(place < edges, survival[index[:, None], np.minimum(place, edges - 1)], 0.0)
    before = np.where(
        age > 0, survival[index, np.clip(age - 1, 0, edges - 1)] * (age <= edges), 1.0
    )
    known = before > 1e-9
    after = np.where(known[:, None], after / np.where(known, before, 1.0)[:, None], 0.0)
    after = np.where(after < _GONE, 0.0, np.minimum(after, 1.0))
    start = np.concatenate([np.ones((index.size, 1)), after[:, :-1]], axis=1)
    stay = 0.5 * (start + after)
    leaving = np.zeros((index.size, ahead + 1))
    gone = start - after
    leaving[:, :-1] += 0.5 * gone
    leaving[:, 1:] += 0.5 * gone
    leaving[:, -1] += after[:, -1]
    last = max(int(np.flatnonzero(stay.max(axis=0) > 0.0).max()) + 1, 1)
    return stay[:, :last], leaving[:, : last + 1]
