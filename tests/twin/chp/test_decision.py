from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.chp.decision import LARGEST_GAP, day_of, peak_bound_w, plan_day
from twin.chp.model import ChpModel, ChpSamples, ChpShapeError, GridSignal
from twin.chp.operation import account, operate
from twin.chp.outlook import COMFORT_SHARE
from twin.chp.periods import Period, find_periods
from twin.chp.plan import ChpPlan, Strategy
from twin.chp.published import published_chp
from twin.chp.region import power_limits
from twin.chp.thermal import simulate
from twin.chp.twin import ChpTwin
from twin.edits import Edit, InfeasiblePlanError

MW = 1e6
WATT = 1.0
TWIN = ChpTwin()


def _task(day: int, scenarios: int = 60) -> tuple[ChpModel, ChpSamples, GridSignal]:
    published = published_chp(2026, day)
    model = TWIN.construct(published.site)
    samples = TWIN.sample(model, np.random.default_rng(day), scenarios)
    return model, samples, published.signal


def _known(day: int) -> tuple[ChpModel, ChpSamples, GridSignal]:
    published = published_chp(2026, day)
    model = TWIN.construct(published.site)
    return model, ChpSamples.certain(published.site.forecast), published.signal


COLD_AND_WINDY = _task(7)
MILD = _task(1)
TASKS = {"cold": COLD_AND_WINDY, "mild": MILD}


@cache
def _plan(name: str, strategy: Strategy) -> ChpPlan:
    return plan_day(*TASKS[name], strategy)


@pytest.fixture(params=[(name, strategy) for name in TASKS for strategy in Strategy], ids=str)
def planned(request) -> tuple[ChpModel, ChpSamples, GridSignal, ChpPlan]:
    return (*TASKS[request.param[0]], _plan(*request.param))


def test_a_plan_stays_in_the_operating_region(planned):
    model, _, _, plan = planned
    unit = model.plant.unit
    low, high = power_limits(unit, plan.heat_w)
    on = plan.running
    assert (plan.power_w[on] >= low[on] - 10 * WATT).all()
    assert (plan.power_w[on] <= high[on] + 10 * WATT).all()
    assert (plan.heat_w >= -WATT).all()
    assert (plan.heat_w <= unit.heat_max_w + WATT).all()
    assert not plan.power_w[~on].any()
    assert not plan.heat_w[~on].any()


def test_a_plan_keeps_the_ramp_of_live_steam(planned):
    model, _, _, plan = planned
    unit = model.plant.unit
    steam = np.r_[
        unit.live_steam_w(model.state.power_w, model.state.heat_w),
        plan.power_w + unit.power_loss_ratio * plan.heat_w,
    ]
    on = np.r_[model.state.running, plan.running]
    both = on[1:] & on[:-1]
    assert (np.abs(np.diff(steam))[both] <= unit.ramp_w_per_h * 0.25 + 10 * WATT).all()


def test_the_store_balances_with_its_standing_loss_and_is_given_back(planned):
    model, _, _, plan = planned
    store = model.plant.store
    before = np.r_[model.state.stored_wh, plan.stored_wh[:-1]]
    kept = (1.0 - store.loss_per_hour) ** 0.25
    assert plan.stored_wh == pytest.approx(kept * before + 0.25 * plan.store_w, abs=10.0)
    assert (plan.stored_wh >= -WATT).all()
    assert (plan.stored_wh <= store.capacity_wh + WATT).all()
    assert plan.store_w.max() <= store.charge_max_w + WATT
    assert -plan.store_w.min() <= store.discharge_max_w + WATT
    assert plan.stored_wh[-1] >= 0.98 * model.state.stored_wh


def test_the_store_moves_only_in_the_periods_of_its_strategy(planned):
    model, _, signal, plan = planned
    periods = find_periods(signal.load_w, model.horizon.slot_hours)
    charging, giving = plan.store_w > 100 * WATT, plan.store_w < -100 * WATT
    if plan.strategy is Strategy.STORE_IN_WAIST:
        assert (periods[charging] == Period.WAIST).all()
        assert (periods[giving] != Period.WAIST).all()
    elif plan.strategy is Strategy.STORE_IN_WAIST_AND_PEAK:
        assert (periods[charging] != Period.TROUGH).all()
        assert (periods[giving] == Period.TROUGH).all()
    elif plan.strategy is Strategy.HEAT_LED:
        assert not giving.any()
        assert plan.store_w.max() < 1.0 * MW


def test_the_plan_is_proven_within_a_thousandth_and_above_the_peak_bound(planned):
    *_, plan = planned
    assert plan.proof.cost >= plan.proof.cost_bound - 1e-6
    assert plan.proof.gap <= LARGEST_GAP
    if plan.strategy is not Strategy.HEAT_LED:
        assert plan.proof.peak_w >= plan.proof.peak_bound_w - 10 * WATT


def test_indoors_is_what_the_network_gives_for_the_planned_heat(planned):
    model, samples, _, plan = planned
    supply = plan.heat_w + plan.boiler_w - plan.store_w
    indoor, _ = simulate(
        model.plant.buildings,
        0.25,
        model.state.indoor_c,
        model.state.structure_c,
        supply - samples.hot_water_w,
        samples.outdoor_c,
    )
    assert indoor.mean(axis=0) == pytest.approx(plan.indoor_c, abs=1e-4)


@pytest.mark.parametrize("task", [COLD_AND_WINDY, MILD], ids=["cold", "mild"])
def test_comfort_holds_in_the_promised_share_of_scenarios(task):
    model, samples, signal = task
    plan = plan_day(model, samples, signal)
    buildings = model.plant.buildings
    indoor = np.array(
        [operate(model, plan, signal, samples.day(i)).indoor_c for i in range(samples.scenarios)]
    )
    rest = np.minimum(buildings.lowest_c, plan.indoor_c)
    warm_enough = (indoor >= rest - 1e-6).mean(axis=0)
    cool_enough = (indoor <= buildings.highest_c + 1e-6).mean(axis=0)
    slack = 1.0 / samples.scenarios
    assert warm_enough.min() >= COMFORT_SHARE - slack
    assert cool_enough.min() >= COMFORT_SHARE - slack


def test_the_store_lets_more_wind_in_than_heat_led_operation():
    heat_led = _plan("cold", Strategy.HEAT_LED)
    for strategy in (Strategy.STORE_IN_WAIST_AND_PEAK, Strategy.FREE):
        assert _plan("cold", strategy).wind_taken_w.sum() > 1.02 * heat_led.wind_taken_w.sum()
    trough = find_periods(COLD_AND_WINDY[2].load_w, 0.25) == Period.TROUGH
    chosen = _plan("cold", Strategy.STORE_IN_WAIST_AND_PEAK)
    assert chosen.power_w[trough].mean() < 0.95 * heat_led.power_w[trough].mean()


def test_storing_in_the_waist_raises_condensing_power_at_the_peak():
    peak = find_periods(MILD[2].load_w, 0.25) == Period.PEAK
    plan, rest = _plan("mild", Strategy.STORE_IN_WAIST), _plan("mild", Strategy.HEAT_LED)
    assert plan.power_w[peak].mean() > rest.power_w[peak].mean()
    assert plan.heat_w[peak].mean() < rest.heat_w[peak].mean()
    assert plan.proof.peak_w < rest.proof.peak_w


def test_the_freer_the_store_the_lower_the_proven_cost():
    for name in ("cold", "mild"):
        free = _plan(name, Strategy.FREE).proof
        for strategy in (Strategy.STORE_IN_WAIST, Strategy.STORE_IN_WAIST_AND_PEAK):
            assert free.cost_bound <= _plan(name, strategy).proof.cost + 1e-6


def test_the_baseline_is_the_heat_led_schedule():
    plan, rest = _plan("mild", Strategy.FREE), _plan("mild", Strategy.HEAT_LED)
    assert plan.baseline_power_w == pytest.approx(rest.power_w, abs=10.0)
    assert plan.baseline_wh == pytest.approx(-0.25 * rest.power_w, abs=10.0)
    day = day_of(*MILD)
    supplied = rest.heat_w + rest.boiler_w - rest.store_w
    assert supplied == pytest.approx(day.outlook.heat_load_w, abs=10.0)


def test_the_rule_of_the_standard_chooses_without_being_told():
    chosen = plan_day(*COLD_AND_WINDY)
    assert chosen.strategy is chosen.comparison.strategy is Strategy.STORE_IN_WAIST_AND_PEAK
    assert plan_day(*MILD).strategy is Strategy.STORE_IN_WAIST


def test_on_a_known_day_the_objective_is_what_the_day_costs():
    model, samples, signal = _known(3)
    plan = plan_day(model, samples, signal, Strategy.FREE)
    outcome = operate(model, plan, signal, samples.day(0))
    peak_cost = plan.proof.peak_w * signal.peak_per_kw / 1e3
    assert plan.proof.cost == pytest.approx(
        account(model, signal, outcome).total + peak_cost, rel=1e-4
    )


def test_a_peak_limit_is_kept_in_every_representative_scenario():
    model, samples, signal = _known(1)
    bound = peak_bound_w(day_of(model, samples, signal))
    limited = replace(signal, peak_per_kw=0.0, peak_limit_w=1.02 * bound)
    plan = plan_day(model, samples, limited, Strategy.FREE)
    assert plan.residual_w.max() <= 1.02 * bound + 10 * WATT
    with pytest.raises(InfeasiblePlanError, match=r"the peak would pass its limit by [0-9.]+ MW"):
        plan_day(model, samples, replace(signal, peak_limit_w=0.98 * bound), Strategy.FREE)


def test_the_peak_bound_holds_against_any_price_for_the_peak():
    model, samples, signal = _known(7)
    for peak_per_kw in (0.0, 1.0, 100.0):
        plan = plan_day(model, samples, replace(signal, peak_per_kw=peak_per_kw), Strategy.FREE)
        assert plan.proof.peak_distance >= -1e-6
    assert plan.proof.peak_distance < 1e-3


def test_the_peak_bound_is_no_lower_than_full_condensing_power_would_leave():
    model, samples, signal = _known(4)
    bound = peak_bound_w(day_of(model, samples, signal))
    left = float((signal.load_w - samples.wind_w[0]).max()) - model.plant.unit.condensing_max_w
    assert left - 10 * WATT <= bound < left + 60 * MW


def test_fixed_values_are_honoured_and_cost_something():
    model, samples, signal = MILD
    free = _plan("mild", Strategy.STORE_IN_WAIST)
    edits = [Edit("power", 40, 150 * MW), Edit("heat", 41, 130 * MW)]
    plan = plan_day(model, samples, signal, Strategy.STORE_IN_WAIST, edits)
    assert plan.power_w[40] == pytest.approx(150 * MW)
    assert plan.heat_w[41] == pytest.approx(130 * MW)
    assert plan.proof.cost >= free.proof.cost_bound - 1e-6


def test_a_unit_told_to_stand_stays_down_for_its_least_time():
    model, samples, signal = _known(11)
    plan = plan_day(model, samples, signal, fixed=[Edit("power", 50, 0.0)])
    assert not plan.power_w[50]
    assert not plan.heat_w[~plan.running].any()
    stops = np.flatnonzero(np.diff(plan.running.astype(int)) == -1) + 1
    starts = np.flatnonzero(np.diff(plan.running.astype(int)) == 1) + 1
    stopped, back = stops[stops <= 50][-1], starts[starts > 50]
    assert (back[0] if back.size else 96) - stopped >= model.plant.unit.min_down_h / 0.25


def test_a_unit_that_stopped_an_hour_ago_starts_three_hours_later_at_the_earliest():
    model, samples, signal = _known(11)
    stood = replace(model.state, running=False, hours_so=1.0, power_w=0.0, heat_w=0.0)
    plan = plan_day(replace(model, state=stood), samples, signal)
    assert not plan.running[:12].any()
    assert plan.running.any()
    steam = plan.power_w + model.plant.unit.power_loss_ratio * plan.heat_w
    first = int(np.argmax(plan.running))
    assert steam[first] == pytest.approx(model.plant.unit.condensing_min_w, abs=10.0)
    assert plan.running[first : first + 24].all()


def test_edits_in_conflict_are_named_and_others_are_not():
    edits = [
        Edit("power", 70, 180 * MW),
        Edit("heat", 30, 120 * MW),
        Edit("power", 71, 100 * MW),
        Edit("power", 20, 120 * MW),
    ]
    with pytest.raises(InfeasiblePlanError) as refused:
        plan_day(*MILD, fixed=edits)
    assert refused.value.conflicts == (edits[0], edits[2])


def test_an_edit_outside_the_region_stands_alone_in_conflict():
    with pytest.raises(InfeasiblePlanError) as refused:
        plan_day(*MILD, fixed=[Edit("power", 5, 500 * MW), Edit("heat", 9, 120 * MW)])
    assert refused.value.conflicts == (Edit("power", 5, 500 * MW),)


def test_two_values_for_one_slot_are_a_conflict():
    edits = [Edit("heat", 5, 100 * MW), Edit("heat", 5, 101 * MW)]
    with pytest.raises(InfeasiblePlanError, match="fixed twice"):
        plan_day(*MILD, fixed=edits)


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (Edit("cooling", 5, 1.0), "lines power and heat"),
        (Edit("power", 96, 1.0), "slots 0 to 95"),
        (Edit("power", -1, 1.0), "slots 0 to 95"),
        (Edit("heat", 5, -1.0), "at least 0"),
        (Edit("heat", 5, float("nan")), "at least 0"),
    ],
)
def test_an_edit_that_names_nothing_is_refused(edit: Edit, says: str):
    with pytest.raises(ValueError, match=says):
        plan_day(*MILD, fixed=[edit])


def test_heat_beyond_unit_boiler_store_and_buildings_is_named_as_the_reason():
    model, samples, signal = MILD
    frost = replace(samples, outdoor_c=samples.outdoor_c - 30.0)
    with pytest.raises(InfeasiblePlanError, match="heat demand is beyond unit, boiler, store") as e:
        plan_day(model, frost, signal)
    assert e.value.conflicts == ()


def test_a_grid_without_room_for_the_least_power_is_named_as_the_reason():
    model, samples, signal = MILD
    with pytest.raises(InfeasiblePlanError, match="than the grid can take with all wind curtailed"):
        plan_day(model, samples, replace(signal, others_least_w=250 * MW))


def test_series_of_another_length_are_refused():
    model, samples, signal = MILD
    short = replace(signal, load_w=signal.load_w[:95], price_per_kwh=signal.price_per_kwh[:95])
    with pytest.raises(ChpShapeError, match="95 slots, the horizon 96"):
        plan_day(model, samples, short)


@settings(deadline=None, max_examples=4)
@given(st.integers(12, 10_000))
def test_on_any_winter_day_the_plan_is_proven_and_bounds_its_own_flexibility(day: int):
    model, samples, signal = _task(day, 20)
    plan = plan_day(model, samples, signal)
    assert plan.proof.gap <= LARGEST_GAP
    assert plan.proof.peak_distance >= -1e-6
    assert (plan.least_power_w <= plan.power_w).all()
    assert (plan.power_w <= plan.most_power_w).all()
    assert (plan.wind_taken_w + plan.wind_curtailed_w) == pytest.approx(samples.wind_w.mean(axis=0))
