"""The fleet twin: the four steps of :class:`twin.protocol.Twin` put together."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from twin.ev_fleet.dispatch import DispatchProblem, solve_dispatch
from twin.ev_fleet.habits import Habits, draw_stays
from twin.ev_fleet.model import (
    FleetSamples,
    FleetShapeError,
    FloatArray,
    PriceSignal,
    Stays,
    Vehicles,
)
from twin.ev_fleet.physics import uncontrolled
from twin.ev_fleet.plan import FleetOutcome, FleetPlan
from twin.ev_fleet.windows import TimeWindow, plan_windows
from twin.horizon import Horizon

_LATE_ARRIVAL = 0.9
_METER_GAIN = 0.1
_LEAST_METERED_WH = 500.0


@dataclass(frozen=True, slots=True)
class FleetSite:
    """What a fleet twin is built from: the vehicles, first guesses of habits, and the horizon."""

    horizon: Horizon
    vehicles: Vehicles
    habits: Habits


@dataclass(frozen=True, slots=True)
class FleetModel:
    """The twin's present belief."""

    horizon: Horizon
    vehicles: Vehicles
    habits: Habits
    days_closed: int = 0


@dataclass(frozen=True, slots=True)
class MeteredDay:
    """What was metered over one horizon.

    ``stays`` are the real ones, ``outcome`` the metered energies. ``came`` (vehicle,) tells who
    plugged in at all.
    """

    stays: Stays
    outcome: FleetOutcome
    came: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class MinimumExpense:
    """Strategy 1 for a day ahead: the programme of :mod:`twin.ev_fleet.dispatch`.

    The feeder is kept at or below the uncontrolled peak of the same samples (the least of the
    scenarios), or below the signal's limit.
    """

    def energy_wh(
        self, model: FleetModel, samples: FleetSamples, signal: PriceSignal
    ) -> FloatArray:
        problem = sampled_problem(model, samples, signal)
        return solve_dispatch(problem).energy_wh


@dataclass(frozen=True, slots=True)
class CostAndComfort:
    """Strategy 2 for a day ahead: the window rule of :mod:`twin.ev_fleet.windows`."""

    off_peak: TimeWindow
    peak: TimeWindow

    def energy_wh(
        self, model: FleetModel, samples: FleetSamples, signal: PriceSignal
    ) -> FloatArray:
        stays = expected_stays(samples)
        return plan_windows(model.vehicles, stays, model.horizon, signal, self.off_peak, self.peak)


@dataclass(frozen=True, slots=True)
class EvFleetTwin:
    """Implements the protocol from :class:`FleetSite` to :class:`MeteredDay`."""

    strategy: MinimumExpense | CostAndComfort = MinimumExpense()

    def construct(self, site: FleetSite) -> FleetModel:
        """Build the model. Raises FleetShapeError if habits and vehicles do not fit."""
        if site.habits.arrival_s.shape != (site.vehicles.count,):
            raise FleetShapeError("habits and vehicles differ in number")
        return FleetModel(site.horizon, site.vehicles, site.habits)

    def sample(self, model: FleetModel, rng: np.random.Generator, n: int) -> FleetSamples:
        """Draw ``n`` days, arrays (scenario, vehicle)."""
        return draw_stays(model.vehicles, model.habits, model.horizon, rng, n)

    def decide(self, model: FleetModel, samples: FleetSamples, signal: PriceSignal) -> FleetPlan:
        """Plan the day for what the scenarios have in common; one scenario counts as known."""
        energy = self.strategy.energy_wh(model, samples, signal)
        return fleet_plan(model, expected_stays(samples), signal, energy)

    def close_loop(self, model: FleetModel, outcome: MeteredDay) -> FleetModel:
        """Correct habits by the real stays and charge efficiencies by the metered energies.

        Only vehicles that were charged and never discharged tell their charge efficiency; each
        such day moves it by a tenth of the error.
        """
        energies = outcome.outcome
        drawn = energies.charge_wh.sum(axis=1)
        gained = energies.final_energy_wh - outcome.stays.initial_energy_wh
        tells = (
            outcome.came & (drawn > _LEAST_METERED_WH) & ~(energies.discharge_wh > 0.0).any(axis=1)
        )
        seen = np.clip(gained / np.where(tells, drawn, 1.0), 0.5, 1.0)
        believed = model.vehicles.charge_efficiency
        efficiency = np.where(tells, believed + _METER_GAIN * (seen - believed), believed)
        return replace(
            model,
            vehicles=replace(model.vehicles, charge_efficiency=efficiency),
            habits=model.habits.learn(outcome.stays, outcome.came),
            days_closed=model.days_closed + 1,
        )


def expected_stays(samples: FleetSamples) -> Stays:
    """The stay to plan with: late arrival, median declared departure, mean energies.

    A single scenario is returned as it is, with its declared departure as the departure.
    """
    told = np.where(
        np.isnan(samples.declared_departure_s), samples.departure_s, samples.declared_departure_s
    )
    if samples.scenarios == 1:
        stays = samples.stays(0)
        return replace(stays, departure_s=np.maximum(told[0], stays.arrival_s))
    arrival = np.quantile(samples.arrival_s, _LATE_ARRIVAL, axis=0)
    departure = np.maximum(np.median(told, axis=0), arrival)
    return Stays(
        arrival_s=arrival,
        departure_s=departure,
        declared_departure_s=departure,
        initial_energy_wh=samples.initial_energy_wh.mean(axis=0),
        need_wh=samples.need_wh.mean(axis=0),
    )


def sampled_problem(
    model: FleetModel, samples: FleetSamples, signal: PriceSignal
) -> DispatchProblem:
    """The programme with departures as sampled: weights are frequencies among the scenarios."""
    horizon = model.horizon
    stays = expected_stays(samples)
    if samples.scenarios == 1:
        departures = stays.departure_s[None, :]
    else:
        departures = np.maximum(samples.departure_s, stays.arrival_s)
    slots = horizon.slots
    latest = replace(stays, departure_s=departures.max(axis=0))
    usable = latest.connected_share(horizon)
    edges = horizon.slot_seconds * np.arange(slots + 1, dtype=float)
    there = (departures[:, :, None] >= edges).mean(axis=0)
    if samples.scenarios == 1:
        stay_weight = (usable > 0.0).astype(float)
        leave = np.zeros((model.vehicles.count, slots + 1))
        last = np.ceil(stays.departure_s / horizon.slot_seconds).astype(int)
        leave[np.arange(model.vehicles.count), np.clip(last, 0, slots)] = 1.0
    else:
        stay_weight = 0.5 * (there[:, :-1] + there[:, 1:])
        gone = there[:, :-1] - there[:, 1:]
        leave = np.zeros((model.vehicles.count, slots + 1))
        leave[:, :-1] += 0.5 * gone
        leave[:, 1:] += 0.5 * gone
        leave[:, -1] += there[:, -1]
    base_wh = signal.base_load_w * horizon.slot_hours
    limit_wh = horizon.slot_hours * min(
        signal.feeder_limit_w,
        min(
            float(
                uncontrolled(model.vehicles, samples.stays(scenario), horizon)
                .feeder_w(horizon, signal.base_load_w)
                .max()
            )
            for scenario in range(samples.scenarios)
        ),
    )
    return DispatchProblem(
        vehicles=model.vehicles,
        stored_wh=stays.initial_energy_wh,
        target_wh=np.minimum(stays.target_wh(), model.vehicles.battery_capacity_wh),
        usable_share=usable,
        stay_weight=stay_weight,
        leave_weight=leave,
        price_per_kwh=signal.price_per_kwh,
        import_wh=limit_wh - base_wh,
        export_wh=limit_wh + base_wh,
        slot_hours=horizon.slot_hours,
    )


def fleet_plan(
    model: FleetModel, stays: Stays, signal: PriceSignal, energy_wh: FloatArray
) -> FleetPlan:
    """Put a plan together with flexibility, baseline and reservation values.

    Charging is worth what a missing kWh would cost the driver, per kWh at the grid, less wear.
    Discharging is worth the least price at which the energy is surely bought back: the dearest
    slot the plan itself buys in (the cheapest of the stay where it buys nothing), over both
    efficiencies, plus the wear of giving and taking. A vehicle that may not discharge asks
    infinity.
    """
    vehicles = model.vehicles
    horizon = model.horizon
    share = stays.connected_share(horizon)
    hours = share * horizon.slot_hours
    buys = energy_wh > 1e-6
    price = np.broadcast_to(signal.price_per_kwh, energy_wh.shape)
    dearest = np.where(buys, price, -np.inf).max(axis=1)
    cheapest = np.where(share > 0.0, price, np.inf).min(axis=1)
    buy_back = np.where(buys.any(axis=1), dearest, cheapest)
    cycle = vehicles.charge_efficiency * vehicles.discharge_efficiency
    wear = 2.0 * vehicles.degradation_cost_per_kwh / vehicles.discharge_efficiency
    return FleetPlan(
        horizon=horizon,
        owner_ids=vehicles.owner_ids,
        energy_wh=energy_wh,
        baseline_wh=uncontrolled(vehicles, stays, horizon).energy_wh,
        max_charge_wh=hours * vehicles.charge_power_w[:, None],
        max_discharge_wh=hours * vehicles.discharge_power_w[:, None],
        charge_value_per_kwh=vehicles.charge_efficiency
        * (vehicles.value_of_energy_per_kwh - vehicles.degradation_cost_per_kwh),
        discharge_reservation_per_kwh=np.where(
            vehicles.discharge_power_w > 0.0, buy_back / cycle + wear, np.inf
        ),
    )
