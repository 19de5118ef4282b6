from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from twin.ev_fleet.comparison import compare_on_published, published_outlook
from twin.ev_fleet.minimum_expense import DepartureOutlook, run_minimum_expense
from twin.ev_fleet.model import Stays
from twin.ev_fleet.physics import uncontrolled
from twin.ev_fleet.plan import energy_served_wh, outcome_cost
from twin.ev_fleet.published import published_fleet


@pytest.mark.parametrize(("seed", "vehicles", "day"), [(2026, 60, 0), (3, 30, 0), (11, 25, 4)])
def test_strategy_1_reaches_97_per_cent_of_foresight_serves_the_need_and_keeps_the_peak(
    seed: int, vehicles: int, day: int
):
    comparison = compare_on_published(published_fleet(seed, vehicles), day)
    ours = comparison.row("minimum expense")
    assert ours.of_foresight >= 0.97
    assert ours.energy_served >= 0.995
    assert ours.peak_w <= comparison.row("uncontrolled").peak_w
    assert ours.of_foresight <= 1.0 + 1e-6


def test_nothing_is_done_in_view_of_what_has_not_happened_yet():
    fleet = published_fleet(5, 12)
    stays = fleet.day().stays(0)
    outlook = published_outlook(fleet, stays)
    now = int(np.sort(stays.arrival_s)[6] // 900)
    later = stays.arrival_s >= now * 900.0
    assert later.any()
    rng = np.random.default_rng(1)
    other = Stays(
        arrival_s=np.where(later, stays.arrival_s + 1_800.0, stays.arrival_s),
        departure_s=np.where(
            stays.departure_s > now * 900.0, stays.departure_s - 3_600.0, stays.departure_s
        ),
        declared_departure_s=stays.declared_departure_s,
        initial_energy_wh=np.where(later, 9_000.0, stays.initial_energy_wh),
        need_wh=np.where(later, rng.uniform(1_000.0, 9_000.0, 12), stays.need_wh),
    )
    runs = [
        run_minimum_expense(fleet.vehicles, these, fleet.horizon, fleet.signal, outlook)
        for these in (stays, other)
    ]
    assert np.array_equal(runs[0].energy_wh[:, :now], runs[1].energy_wh[:, :now])
    assert runs[0].energy_wh[:, :now].any()
    assert not np.array_equal(runs[0].energy_wh, runs[1].energy_wh)


def test_the_feeder_stays_below_the_peak_uncontrolled_charging_has_reached_so_far():
    fleet = published_fleet(6, 20)
    signal = replace(fleet.signal, base_load_w=np.zeros(96))
    stays = fleet.day().stays(0)
    outcome = run_minimum_expense(
        fleet.vehicles, stays, fleet.horizon, signal, published_outlook(fleet, stays)
    )
    ours = outcome.feeder_w(fleet.horizon, signal.base_load_w)
    plain = uncontrolled(fleet.vehicles, stays, fleet.horizon)
    reached = np.maximum.accumulate(plain.feeder_w(fleet.horizon, signal.base_load_w))
    assert (ours <= reached).all()


def test_a_feeder_limit_below_the_uncontrolled_peak_is_kept():
    fleet = published_fleet(6, 20)
    stays = fleet.day().stays(0)
    limit_w = 1.02 * float(fleet.signal.base_load_w.max())
    signal = replace(fleet.signal, feeder_limit_w=limit_w)
    outcome = run_minimum_expense(
        fleet.vehicles, stays, fleet.horizon, signal, published_outlook(fleet, stays)
    )
    assert outcome.feeder_w(fleet.horizon, signal.base_load_w).max() <= limit_w * (1.0 + 1e-9)


def test_knowing_departures_is_worth_something_and_costs_no_comfort():
    fleet = published_fleet(2026, 30)
    stays = fleet.day().stays(0)
    known = DepartureOutlook.known(stays, fleet.horizon, 96)
    forecast = published_outlook(fleet, stays)
    with_known, with_forecast = (
        run_minimum_expense(fleet.vehicles, stays, fleet.horizon, fleet.signal, outlook)
        for outlook in (known, forecast)
    )
    plain = uncontrolled(fleet.vehicles, stays, fleet.horizon)
    costs = [
        float(outcome_cost(outcome, fleet.vehicles, fleet.signal).sum())
        for outcome in (with_known, with_forecast, plain)
    ]
    assert costs[0] <= costs[1] < costs[2]
    assert energy_served_wh(with_known, stays).sum() >= 0.999 * stays.need_wh.sum()


def test_the_published_fleet_is_the_same_for_the_same_seed():
    one, other = published_fleet(9, 15), published_fleet(9, 15)
    assert np.array_equal(one.day(3).need_wh, other.day(3).need_wh)
    assert np.array_equal(one.signal.price_per_kwh, other.signal.price_per_kwh)
    assert one.history(2) == other.history(2)
    assert not np.array_equal(one.day(3).need_wh, one.day(4).need_wh)
    assert (one.vehicles.discharge_power_w > 0.0).any()
