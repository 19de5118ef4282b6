from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from twin.edits import Edit, InfeasiblePlanError
from twin.horizon import Horizon
from twin.storage_station.model import Mode, OutlookErrors, StationSignal, StationSite
from twin.storage_station.plan import StationPlan
from twin.storage_station.sampling import expected_samples
from twin.storage_station.station import (
    StationError,
    StationState,
    StorageStation,
    trajectory_wh,
)
from twin.storage_station.twin import StorageStationTwin

START = datetime(2026, 3, 2, tzinfo=UTC)
TWIN = StorageStationTwin()
SMALL = StorageStation(4_000.0, 4_000.0, 8_000.0, 0.9, 0.95, wear_per_kwh=0.01)


def plan_of(
    station: StorageStation,
    prices: list[float],
    *,
    slot_seconds: int = 3600,
    state: StationState | None = None,
    mode: Mode = Mode.ARBITRAGE,
    edits: tuple[Edit, ...] = (),
    peak_per_kw: float = 0.0,
    **site: Any,
) -> StationPlan:
    horizon = Horizon(START, slot_seconds, len(prices))
    state = state or StationState(station.least_wh)
    model = TWIN.construct(StationSite(horizon, station, state, **site))
    signal = StationSignal(np.array(prices), mode, peak_per_kw)
    return TWIN.decide(model, expected_samples(model), signal, edits)


def test_twelve_cheap_and_twelve_dear_hours_earn_what_the_formula_says():
    """12 h at 20 and 12 h at 60 a MWh, 200 MWh, 50 MW, 0.95 each way, empty at both ends."""
    station = StorageStation(50e6, 50e6, 200e6, 0.95, 0.95)
    plan = plan_of(station, [0.02] * 12 + [0.06] * 12)
    assert plan.account.profit == pytest.approx(7_189.4737, abs=1e-4)
    assert plan.account.profit == pytest.approx(200 * (60 * 0.95 - 20 / 0.95), abs=1e-6)
    assert plan.full_cycles == pytest.approx(1.0)
    assert plan.stored_wh.max() == pytest.approx(200e6)
    assert plan.stored_wh[-1] == pytest.approx(0.0, abs=1.0)
    assert plan.gap <= 1e-9


def test_the_profit_is_split_into_energy_wear_and_maintenance():
    station = replace(SMALL, maintenance_per_year=876.0)
    plan = plan_of(station, [0.05] * 12 + [0.35] * 12)
    drawn, fed_in = 8.0 / 0.9, 8.0 * 0.95
    assert plan.account.energy == pytest.approx(0.35 * fed_in - 0.05 * drawn)
    assert plan.account.wear == pytest.approx(0.01 * 16.0)
    assert plan.account.maintenance == pytest.approx(2.4)
    assert plan.account.profit == pytest.approx(
        plan.account.energy - plan.account.wear - plan.account.maintenance
    )


@settings(deadline=None, max_examples=30)
@given(
    prices=st.lists(st.floats(0.001, 0.5), min_size=6, max_size=16),
    loss=st.floats(0.0, 0.05),
    start=st.floats(0.1, 0.9),
)
def test_a_plan_costs_what_another_programme_of_the_same_rules_costs(prices, loss, start):
    station = replace(SMALL, self_discharge_per_hour=loss, least_share=0.1, most_share=0.9)
    state = StationState(start * 8_000.0)
    plan = plan_of(station, prices, state=state, end_least_wh=800.0)
    assert -plan.account.profit == pytest.approx(reference_cost(station, prices, state), abs=1e-6)


def reference_cost(station: StorageStation, prices: list[float], state: StationState) -> float:
    """Levels written out as sums of what flowed, solved by another front end."""
    slots, price = len(prices), np.array(prices)
    wear = station.wear_per_kwh
    cost = np.r_[price + wear * 0.9, wear / 0.95 - price]
    kept = 1.0 - station.self_discharge_per_hour
    ages = np.subtract.outer(np.arange(slots), np.arange(slots))
    decay = np.where(ages >= 0, kept ** np.maximum(ages, 0), 0.0)
    level = np.hstack([0.9 * decay, -decay / 0.95])
    left = state.stored_wh / 1e3 * kept ** np.arange(1, slots + 1)
    rows = np.vstack([level, -level])
    limits = np.r_[station.most_wh / 1e3 - left, left - station.least_wh / 1e3]
    answer = linprog(cost, rows, limits, bounds=(0.0, 4.0))
    assert answer.fun is not None
    assert answer.fun is not None
    return float(answer.fun)


@settings(deadline=None, max_examples=25)
@given(prices=st.lists(st.floats(-0.3, 0.5), min_size=5, max_size=10))
def test_negative_prices_never_make_it_charge_and_discharge_at_once(prices):
    station = replace(SMALL, wear_per_kwh=0.0)
    plan = plan_of(station, prices, state=StationState(4_000.0), end_least_wh=0.0)
    assert (np.minimum(plan.charge_w, plan.discharge_w) == 0.0).all()
    course = trajectory_wh(station, 4_000.0, plan.charge_w, plan.discharge_w, 1.0)
    assert course == pytest.approx(plan.stored_wh, abs=1e-2)
    best = exact_cost(prices, 8.0, 4.0)
    assert -plan.account.profit <= best + 1e-3 * abs(best) + 1e-6


def exact_cost(prices: list[float], capacity: float, start: float) -> float:
    """The mixed-integer programme of one direction a slot, by SciPy; kWh."""
    slots, price = len(prices), np.array(prices)
    lower = np.tril(np.ones((slots, slots)))
    level = np.hstack([0.9 * lower, -lower / 0.95, np.zeros((slots, slots))])
    unit, none = np.eye(slots), np.zeros((slots, slots))
    answer = milp(
        np.r_[price, -price, np.zeros(slots)],
        integrality=np.r_[np.zeros(2 * slots), np.ones(slots)],
        bounds=Bounds(0.0, np.r_[np.full(2 * slots, 4.0), np.ones(slots)]),
        constraints=[
            LinearConstraint(level, -start, capacity - start),
            LinearConstraint(np.hstack([unit, none, -4.0 * unit]), -np.inf, 0.0),
            LinearConstraint(np.hstack([none, unit, 4.0 * unit]), -np.inf, 4.0),
        ],
    )
    assert answer.fun is not None
    return float(answer.fun)


def test_power_changes_no_faster_than_the_ramp():
    station = replace(SMALL, ramp_w_per_h=1_500.0)
    prices = [0.05] * 8 + [0.35, 0.35] + [0.05] * 4
    plan = plan_of(station, prices, state=StationState(0.0, 0.0))
    assert np.abs(np.diff(np.r_[0.0, plan.power_w])).max() <= 1_500.0 + 1e-3
    assert 0.1 < plan.account.profit < 0.9 * plan_of(SMALL, prices).account.profit


def test_a_longest_run_is_kept_exactly_and_counts_what_ran_before():
    station = replace(SMALL, charge_power_w=1_000.0, longest_charge_h=3.0, wear_per_kwh=0.0)
    prices = [0.05] * 9 + [0.4] * 3
    plan = plan_of(station, prices)
    running = plan.charge_w[:9] > 1e-3
    assert max(map(len, "".join("x" if on else " " for on in running).split())) == 3
    assert plan.charge_w.sum() == pytest.approx(7_000.0)  # rests in two of nine hours
    late = plan_of(station, prices, state=StationState(0.0, 1_000.0, 2.0))
    assert late.charge_w[:2].min() == 0.0


def test_peak_shaving_takes_the_load_down_to_the_level_its_energy_allows():
    load = np.array([10.0, 10.0, 30.0, 30.0, 10.0, 10.0]) * 1e3
    lossless = StorageStation(10e3, 10e3, 12e3, 1.0, 1.0)
    plan = plan_of(lossless, [0.1] * 6, mode=Mode.PEAK_SHAVING, load_w=load)
    assert plan.draw_w.max() == pytest.approx(24e3, rel=1e-4)  # 12 kWh over two hours
    assert plan.stored_wh[-1] == pytest.approx(0.0, abs=50.0)  # moves no more than it must
    assert plan.charge_w.sum() == pytest.approx(12e3, rel=1e-3)


def test_a_peak_that_was_already_reached_need_not_be_shaved_further():
    load = np.array([10.0, 10.0, 30.0, 30.0, 10.0, 10.0]) * 1e3
    horizon = Horizon(START, 3600, 6)
    station = StorageStation(10e3, 10e3, 12e3, 0.95, 0.95)
    model = TWIN.construct(StationSite(horizon, station, StationState(0.0), load))
    signal = StationSignal(np.full(6, 0.1), Mode.PEAK_SHAVING, peak_before_w=28e3)
    plan = TWIN.decide(model, expected_samples(model), signal)
    assert plan.draw_w.max() == pytest.approx(28e3, rel=1e-4)
    assert plan.discharge_w.sum() == pytest.approx(4e3, rel=1e-3)


def test_a_longest_discharge_leaves_power_for_after_a_rest():
    station = replace(SMALL, discharge_power_w=2_000.0, longest_discharge_h=2.0, wear_per_kwh=0.0)
    prices = [0.3, 0.3, 0.3, 0.3, 0.3, 0.1]
    plan = plan_of(station, prices, state=StationState(8_000.0), end_least_wh=0.0)
    running = "".join("x" if power > 1e-3 else " " for power in plan.discharge_w)
    assert max(map(len, running.split())) == 2
    # Two hours, a rest, two hours of full power drain all that 0.95 of 8 kWh can give.
    assert plan.account.energy == pytest.approx(0.3 * 7.6, rel=1e-3)


def test_valley_filling_lifts_the_lowest_draw():
    load = np.array([30.0, 30.0, 10.0, 10.0, 30.0, 30.0]) * 1e3
    lossless = StorageStation(10e3, 10e3, 12e3, 1.0, 1.0)
    plan = plan_of(lossless, [0.1] * 6, mode=Mode.VALLEY_FILLING, load_w=load)
    assert plan.draw_w.min() == pytest.approx(16e3, rel=1e-4)


def test_both_modes_together_weigh_the_peak_against_prices():
    load = np.array([10.0, 10.0, 30.0, 30.0, 10.0, 10.0]) * 1e3
    prices = [0.1, 0.1, 0.1, 0.1, 0.5, 0.5]
    station = StorageStation(10e3, 10e3, 12e3, 1.0, 1.0)
    cheap = plan_of(station, prices, mode=Mode.COMBINED, load_w=load, peak_per_kw=0.01)
    dear = plan_of(station, prices, mode=Mode.COMBINED, load_w=load, peak_per_kw=50.0)
    assert cheap.discharge_w[4:].sum() == pytest.approx(12e3, rel=1e-4)
    assert dear.draw_w.max() == pytest.approx(24e3, rel=1e-4)
    assert dear.draw_w.max() < cheap.draw_w.max()


def test_no_schedule_has_a_lower_expected_peak_than_the_shaved_one():
    """Against a programme of the scenarios' peaks written down anew."""
    horizon = Horizon(START, 3600, 8)
    load = np.array([5.0, 6.0, 9.0, 20.0, 22.0, 12.0, 8.0, 6.0]) * 1e3
    site = StationSite(horizon, SMALL, StationState(0.0), load, OutlookErrors(load_share=0.2))
    model = TWIN.construct(site)
    samples = TWIN.sample(model, np.random.default_rng(5), 6)
    plan = TWIN.decide(model, samples, StationSignal(np.full(8, 0.1), Mode.PEAK_SHAVING))
    found = (samples.load_w + plan.power_w).max(axis=1).mean()
    lower = np.tril(np.ones((8, 8)))
    level = np.hstack([0.9 * lower, -lower / 0.95, np.zeros((8, 6))])
    peaks = np.vstack(
        [
            np.hstack([np.eye(8), -np.eye(8), -np.eye(6)[[scenario]].repeat(8, axis=0)])
            for scenario in range(6)
        ]
    )
    answer = linprog(
        np.r_[np.zeros(16), np.full(6, 1 / 6)],
        np.vstack([level, -level, peaks]),
        np.r_[np.full(8, 8_000.0), np.zeros(8), -samples.load_w.ravel()],
        bounds=[(0.0, 4_000.0)] * 16 + [(0.0, None)] * 6,
    )
    assert found == pytest.approx(answer.fun, rel=1e-5)


def test_the_reserve_is_kept_unless_it_costs_more_than_it_is_worth():
    reserve = np.array([0.0, 3_000.0, 3_000.0, 3_000.0])
    prices = [0.1, 0.1, 0.4, 0.4]
    kept = plan_of(SMALL, prices, reserve_wh=reserve, end_least_wh=0.0)
    assert (kept.stored_wh >= reserve - 1e-3).all()
    assert kept.satisfaction.min() == 1.0
    sold = plan_of(SMALL, prices, reserve_wh=reserve, reserve_per_kwh=0.01, end_least_wh=0.0)
    assert sold.satisfaction[-1] == pytest.approx(0.0, abs=1e-6)


def test_edits_are_kept_and_cost_nothing_less():
    prices = [0.05] * 4 + [0.35] * 4
    free = plan_of(SMALL, prices)
    edited = plan_of(SMALL, prices, edits=(Edit("electricity", 1, -500.0),))
    assert edited.power_w[1] == pytest.approx(-500.0, abs=1e-6)
    assert edited.account.profit <= free.account.profit


def test_edits_that_cannot_stand_together_are_named():
    fine = Edit("electricity", 0, 2_000.0)
    empty = Edit("electricity", 1, -3_000.0)
    with pytest.raises(InfeasiblePlanError, match=r"electricity\[0\].*electricity\[1\]") as caught:
        plan_of(SMALL, [0.1] * 6, edits=(fine, empty, Edit("electricity", 5, 0.0)))
    assert caught.value.conflicts == (fine, empty)


def test_an_end_that_cannot_be_reached_says_what_can():
    with pytest.raises(StationError, match="can hold 3600 Wh at the end at most, not the 5000 Wh"):
        plan_of(SMALL, [0.1], end_least_wh=5_000.0)


def test_ramps_that_leave_no_way_to_the_end_are_said():
    station = replace(SMALL, ramp_w_per_h=100.0)
    with pytest.raises(InfeasiblePlanError, match="no schedule keeps power, ramp"):
        plan_of(station, [0.1] * 2, state=StationState(0.0, 0.0), end_least_wh=3_000.0)


def test_shaving_without_a_load_is_refused():
    with pytest.raises(StationError, match="peak shaving needs the site's load_w"):
        plan_of(SMALL, [0.1] * 4, mode=Mode.PEAK_SHAVING)


def test_a_signal_of_another_length_is_refused():
    model = TWIN.construct(StationSite(Horizon(START, 900, 4), SMALL, StationState(0.0)))
    with pytest.raises(StationError, match="3 prices, the horizon 4 slots"):
        TWIN.decide(model, expected_samples(model), StationSignal(np.ones(3)))
