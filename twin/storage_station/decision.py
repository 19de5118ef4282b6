"""The station's plan: what the mode asks for, a person's edits kept, and why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from twin.edits import Edit, InfeasiblePlanError, smallest_conflict
from twin.milp import InfeasibleProgrammeError
from twin.storage_station.model import Mode, StationModel, StationSamples, StationSignal
from twin.storage_station.plan import StationPlan, account
from twin.storage_station.programme import Caps, Schedule, Weights, solve_schedule
from twin.storage_station.station import WH_PER_KWH, StationError, most_reachable_wh

_SLACK = 1e-7
"""How much of a peak the second stage may give away, as a share of the station's power."""
_TIE = 1e-6
"""Wear a kWh in the first stage, in kW of the peak: enough to move nothing for nothing."""
_LEAST_PRICE = 1e-4
"""What a kWh of loss counts at least in the second stage, currency."""


def decide(
    model: StationModel,
    samples: StationSamples,
    signal: StationSignal,
    fixed: Sequence[Edit] = (),
) -> StationPlan:
    """Plan over the scenarios, with edits of the line ``electricity`` (W) kept.

    One schedule is made for all scenarios. What is linear in prices needs their mean alone;
    peaks and valleys are means over the scenarios'.

    Raises:
        StationError: for a signal of another length, and an end that cannot be reached.
        InfeasiblePlanError: naming a smallest set of edits that cannot stand together.
    """
    _check(model, samples, signal)
    found: dict[tuple[Edit, ...], Schedule | None] = {}

    def solve(chosen: Sequence[Edit]) -> Schedule | None:
        key = tuple(chosen)
        if key not in found:
            try:
                found[key] = _best(model, samples, signal, key)
            except InfeasibleProgrammeError:
                found[key] = None
        return found[key]

    schedule = solve(fixed)
    if schedule is not None:
        return _plan(model, samples, signal, schedule)
    conflicts = smallest_conflict(fixed, lambda chosen: solve(chosen) is not None)
    if not conflicts:
        raise InfeasiblePlanError(
            "no schedule keeps power, ramp, longest runs and state of charge and ends with "
            f"{model.end_least_wh:g} Wh"
        )
    raise InfeasiblePlanError(
        "power, ramp, longest runs, state of charge or its end forbid what is fixed", conflicts
    )


def _check(model: StationModel, samples: StationSamples, signal: StationSignal) -> None:
    slots = model.horizon.slots
    if signal.price_per_kwh.shape != (slots,):
        raise StationError(
            f"the signal has {signal.price_per_kwh.size} prices, the horizon {slots} slots"
        )
    if samples.load_w.shape != samples.price_factor.shape or samples.load_w.shape[1] != slots:
        raise StationError(f"samples must be shaped (scenario, {slots})")
    shaves = signal.mode in (Mode.PEAK_SHAVING, Mode.VALLEY_FILLING)
    if shaves and model.site.load_w is None:
        raise StationError(f"{signal.mode.value} needs the site's load_w: there is no load")
    station, state = model.station, model.site.state
    reach = most_reachable_wh(station, state, slots, model.horizon.slot_hours)
    if model.end_least_wh > reach + 1e-6:
        raise StationError(
            f"the store can hold {reach:g} Wh at the end at most, not the {model.end_least_wh:g} "
            "Wh asked for: lower end_least_wh or begin fuller"
        )


def _best(
    model: StationModel, samples: StationSamples, signal: StationSignal, fixed: tuple[Edit, ...]
) -> Schedule:
    price = signal.price_per_kwh * samples.price_factor.mean(axis=0)
    end = model.site.end_value_per_kwh
    before_w = signal.peak_before_w
    if signal.mode is Mode.ARBITRAGE:
        return solve_schedule(model, samples, Weights(price, end_per_kwh=end), fixed)
    if signal.mode is Mode.COMBINED:
        weights = Weights(price, signal.peak_per_kw, signal.valley_per_kw, end)
        return solve_schedule(model, samples, weights, fixed, before_w)
    flat = np.full(price.size, max(float(np.abs(price).mean()), _LEAST_PRICE))
    peak = signal.mode is Mode.PEAK_SHAVING
    weight = (signal.peak_per_kw if peak else signal.valley_per_kw) or 1.0
    first = Weights(np.zeros(price.size), weight if peak else 0.0, 0.0 if peak else weight)
    barely_worn = replace(model.site.station, wear_per_kwh=_TIE * weight)
    eager = replace(model, site=replace(model.site, station=barely_worn))
    reached = solve_schedule(eager, samples, first, fixed, before_w)
    slack = _SLACK * (model.station.charge_power_w + model.station.discharge_power_w)
    at_most, at_least = reached.peak_w + slack, reached.valley_w - slack
    caps = Caps(peak_w=at_most) if peak else Caps(valley_w=at_least)
    return solve_schedule(model, samples, Weights(flat), fixed, before_w, caps)


def _plan(
    model: StationModel, samples: StationSamples, signal: StationSignal, schedule: Schedule
) -> StationPlan:
    horizon, station = model.horizon, model.station
    hours = horizon.duration_seconds / 3600.0
    expected = account(
        station, schedule.charge_wh, schedule.discharge_wh, signal.price_per_kwh, hours
    )
    net_kwh = (schedule.discharge_wh - schedule.charge_wh) / WH_PER_KWH
    energy = (signal.price_per_kwh * samples.price_factor) @ net_kwh
    asked = model.site.reserve_wh
    satisfaction = np.ones(horizon.slots)
    if asked is not None:
        some = asked > 0.0
        satisfaction[some] = 1.0 - schedule.lacking_wh[some] / asked[some]
    return StationPlan(
        horizon=horizon,
        mode=signal.mode,
        station=station,
        charge_w=schedule.charge_wh / horizon.slot_hours,
        discharge_w=schedule.discharge_wh / horizon.slot_hours,
        stored_wh=schedule.stored_wh,
        load_w=model.load_w,
        lacking_wh=schedule.lacking_wh,
        satisfaction=satisfaction,
        account=expected,
        profit_by_scenario=energy - expected.wear - expected.maintenance,
        cost=schedule.cost,
        cost_bound=schedule.bound,
    )
