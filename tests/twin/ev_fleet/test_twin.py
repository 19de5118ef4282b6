from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from twin.ev_fleet.habits import draw_stays
from twin.ev_fleet.model import FleetSamples, FleetShapeError, PriceSignal
from twin.ev_fleet.physics import deliver, uncontrolled
from twin.ev_fleet.plan import FleetPlan, energy_served_wh
from twin.ev_fleet.published import published_fleet
from twin.ev_fleet.twin import (
    CostAndComfort,
    EvFleetTwin,
    FleetModel,
    FleetSite,
    MeteredDay,
    MinimumExpense,
)
from twin.ev_fleet.windows import TimeWindow
from twin.protocol import Twin

FLEET = published_fleet(8, 20)
SITE = FleetSite(FLEET.horizon, FLEET.vehicles, FLEET.habits)
STRATEGIES = [
    MinimumExpense(),
    CostAndComfort(
        TimeWindow.cheapest(FLEET.signal.price_per_kwh, 32),
        TimeWindow.dearest(FLEET.signal.price_per_kwh, 16),
    ),
]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_four_steps_run_through_the_protocol(strategy: MinimumExpense | CostAndComfort):
    twin: Twin[FleetSite, FleetModel, FleetSamples, PriceSignal, FleetPlan, MeteredDay] = (
        EvFleetTwin(strategy)
    )
    model = twin.construct(SITE)
    samples = twin.sample(model, np.random.default_rng(1), 12)
    assert samples.arrival_s.shape == (12, 20)
    plan = twin.decide(model, samples, FLEET.signal)
    assert plan.energy_wh.shape == plan.baseline_wh.shape == (20, 96)
    stays = FLEET.day().stays(0)
    outcome = deliver(model.vehicles, stays, model.horizon, plan.energy_wh)
    after = twin.close_loop(model, MeteredDay(stays, outcome, np.ones(20, dtype=bool)))
    assert after.days_closed == model.days_closed + 1 == 1
    assert not np.array_equal(after.habits.arrival_s, model.habits.arrival_s)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("scenarios", [1, 10])
def test_a_plan_keeps_to_its_own_flexibility(
    strategy: MinimumExpense | CostAndComfort, scenarios: int
):
    twin = EvFleetTwin(strategy)
    model = twin.construct(SITE)
    samples = twin.sample(model, np.random.default_rng(2), scenarios)
    plan = twin.decide(model, samples, FLEET.signal)
    if scenarios == 1 or isinstance(strategy, CostAndComfort):
        assert (plan.energy_wh <= plan.max_charge_wh + 1e-6).all()
        assert (plan.energy_wh >= -plan.max_discharge_wh - 1e-6).all()
    assert np.isfinite(plan.charge_value_per_kwh).all()
    willing = FLEET.vehicles.discharge_power_w > 0.0
    assert np.isinf(plan.discharge_reservation_per_kwh[~willing]).all()
    assert (plan.discharge_reservation_per_kwh[willing] > FLEET.signal.price_per_kwh.min()).all()


def test_what_a_known_day_is_planned_to_serve_is_served():
    twin = EvFleetTwin()
    model = twin.construct(SITE)
    drawn = FLEET.day().stays(0)
    stays = replace(drawn, declared_departure_s=drawn.departure_s)
    plan = twin.decide(model, FleetSamples.certain(stays), FLEET.signal)
    outcome = deliver(model.vehicles, stays, model.horizon, plan.energy_wh)
    assert energy_served_wh(outcome, stays).sum() >= 0.9999 * stays.need_wh.sum()
    peak = plan.feeder_w(FLEET.signal.base_load_w).max()
    plain = uncontrolled(model.vehicles, stays, model.horizon)
    assert peak <= plain.feeder_w(model.horizon, FLEET.signal.base_load_w).max() + 1e-6
    assert np.allclose(plan.baseline_wh, plain.energy_wh)


def test_selling_asks_more_than_the_energy_bought_back_costs():
    twin = EvFleetTwin()
    model = twin.construct(SITE)
    samples = FleetSamples.certain(FLEET.day().stays(0))
    plan = twin.decide(model, samples, FLEET.signal)
    vehicles = model.vehicles
    sells = (plan.energy_wh < -1.0).any(axis=1)
    assert sells.any()
    price = FLEET.signal.price_per_kwh
    for vehicle in np.flatnonzero(sells):
        bought_at = price[plan.energy_wh[vehicle] > 1e-6].max()
        cycle = vehicles.charge_efficiency[vehicle] * vehicles.discharge_efficiency[vehicle]
        ask = plan.discharge_reservation_per_kwh[vehicle]
        # Buying one sold kWh back: energy over the cycle, wear inside on the way out and in.
        assert ask == pytest.approx(
            bought_at / cycle + 2 * 0.02 / vehicles.discharge_efficiency[vehicle]
        )
        assert plan.charge_value_per_kwh[vehicle] > ask


def test_forecast_error_falls_over_simulated_weeks():
    truth = published_fleet(21, 25)
    wrong = replace(
        truth.habits,
        arrival_s=truth.habits.arrival_s + 2.0 * 3_600.0,
        departure_s=truth.habits.departure_s - 1.5 * 3_600.0,
        need_wh=truth.habits.need_wh * 1.6,
        days_seen=np.full(25, 2.0),
    )
    believed = replace(truth.vehicles, charge_efficiency=np.full(25, 0.85))
    twin = EvFleetTwin()
    model = twin.construct(FleetSite(truth.horizon, believed, wrong))
    arrival_error, need_error, efficiency_error = [], [], []
    for day in range(28):
        stays = truth.day(day).stays(0)
        arrival_error.append(np.abs(model.habits.arrival_s - truth.habits.arrival_s).mean())
        need_error.append(np.abs(model.habits.need_wh - truth.habits.need_wh).mean())
        efficiency = model.vehicles.charge_efficiency - truth.vehicles.charge_efficiency
        efficiency_error.append(np.abs(efficiency).mean())
        metered = uncontrolled(truth.vehicles, stays, truth.horizon)
        model = twin.close_loop(model, MeteredDay(stays, metered, np.ones(25, dtype=bool)))
    for errors in (arrival_error, need_error, efficiency_error):
        weeks = np.array(errors).reshape(4, 7).mean(axis=1)
        assert weeks[1] < 0.75 * weeks[0]
        assert weeks[3] < 0.45 * weeks[0]
    assert model.days_closed == 28


def test_drivers_who_did_not_come_keep_their_habits():
    model = EvFleetTwin().construct(SITE)
    came = np.arange(20) % 2 == 0
    stays = FLEET.day(3).stays(0)
    metered = uncontrolled(FLEET.vehicles, stays, FLEET.horizon)
    after = EvFleetTwin().close_loop(model, MeteredDay(stays, metered, came))
    assert np.array_equal(after.habits.need_wh[~came], model.habits.need_wh[~came])
    assert (after.habits.need_wh[came] != model.habits.need_wh[came]).all()
    assert np.array_equal(
        after.vehicles.charge_efficiency[~came], model.vehicles.charge_efficiency[~came]
    )


def test_habits_of_another_fleet_are_refused():
    with pytest.raises(FleetShapeError):
        EvFleetTwin().construct(replace(SITE, habits=published_fleet(1, 3).habits))


def test_samples_are_the_same_for_the_same_generator_state():
    model = EvFleetTwin().construct(SITE)
    one, other = (EvFleetTwin().sample(model, np.random.default_rng(4), 5) for _ in range(2))
    assert np.array_equal(one.departure_s, other.departure_s)
    assert np.array_equal(
        one.need_wh,
        draw_stays(SITE.vehicles, SITE.habits, SITE.horizon, np.random.default_rng(4), 5).need_wh,
    )
