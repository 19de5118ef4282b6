from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twin.batch import InProcessExecutor, PoolExecutor, run_batch
from twin.park.accounts import account
from twin.park.carriers import Carrier
from twin.park.comparison import FORESIGHT, compare
from twin.park.converter import ConverterKind
from twin.park.decision import plan_park, representatives_of
from twin.park.district import district
from twin.park.operation import foresee, operate
from twin.park.published import published_park
from twin.park.sampling import draw_days
from twin.park.strategy import Strategy, arrange
from twin.park.twin import ParkTwin

TWIN = ParkTwin()


@pytest.fixture(scope="module")
def published():
    case = published_park()
    return case, TWIN.construct(case.setup)


@pytest.fixture(scope="module")
def comparison(published):
    case, model = published
    return compare(model, case.signal, scenarios=12, days=3, seed=5, representatives=2)


def ways(seed, sites, slots=6):
    """A drawn district, its model and two days."""
    case = district(sites=sites, slots=slots, seed=seed)
    model = TWIN.construct(case.setup)
    return case, model, draw_days(model, np.random.default_rng(seed), 2)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000), sites=st.integers(2, 6))
def test_with_the_same_knowledge_a_wider_strategy_never_costs_more(seed, sites):
    case, model, days = ways(seed, sites)
    cost = {
        strategy: foresee(arrange(model.park, case.signal, strategy), days).cost
        for strategy in Strategy
    }
    slack = 1e-6 * np.abs(cost[Strategy.ALONE]) + 1e-6
    for single in (Strategy.COMPLEMENT, Strategy.CASCADE):
        assert (cost[Strategy.BOTH] <= cost[single] + slack).all()
        assert (cost[single] <= cost[Strategy.SHARED] + slack).all()
    assert (cost[Strategy.SHARED] <= cost[Strategy.ALONE] + slack).all()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000), sites=st.integers(1, 6), strategy=st.sampled_from(Strategy))
def test_perfect_foresight_never_costs_more_than_a_plan(seed, sites, strategy):
    case, model, days = ways(seed, sites)
    plan = plan_park(model, draw_days(model, np.random.default_rng(1), 3), case.signal, strategy)
    carried = operate(plan, days)
    known = foresee(plan.arrangement, days)
    assert (known.cost <= carried.cost + 1e-6 * np.abs(carried.cost) + 1e-6).all()


def test_on_the_published_park_each_strategy_pays_and_both_pay_most(comparison):
    cost = {way: comparison.mean(way, "cost") for way in comparison.accounts}
    assert cost[FORESIGHT] <= cost["both"] < cost["strategy 1"] < cost["every site alone"]
    assert cost["both"] < cost["strategy 2"] < cost["sharing only"] < cost["every site alone"]
    assert cost["strategy 1"] < cost["sharing only"]


def test_on_the_published_park_sharing_raises_utilisation_and_satisfaction(comparison):
    alone = "every site alone"
    for way in ("strategy 1", "strategy 2", "both"):
        assert comparison.mean(way, "utilisation") > comparison.mean(alone, "utilisation")
        assert comparison.mean(way, "satisfaction") >= comparison.mean(alone, "satisfaction")
        assert comparison.mean(way, "primary_wh") < comparison.mean(alone, "primary_wh")
    text = comparison.text()
    assert all(way in text for way in (*comparison.accounts, "hydrogen", "utilisation"))


def test_strategies_run_what_they_are_about(published, comparison):
    _, model = published
    bought, made = (
        {way: getattr(books, field).mean(axis=0) for way, books in comparison.accounts.items()}
        for field in ("imported_wh", "converted_wh")
    )
    electricity, hydrogen = Carrier.ELECTRICITY, Carrier.HYDROGEN
    assert made["every site alone"][electricity] == pytest.approx(0.0)
    assert made["strategy 1"][electricity] > made["strategy 2"][electricity]
    assert made["strategy 2"][hydrogen] > made["strategy 1"][hydrogen] == pytest.approx(0.0)
    assert bought["strategy 1"][hydrogen] > bought["strategy 2"][hydrogen]
    assert model.park.name == "published park"


def test_cascade_use_runs_over_three_levels_of_heat(published):
    case, model = published
    arrangement = arrange(model.park, case.signal, Strategy.CASCADE)
    days = draw_days(model, np.random.default_rng(2), 1)
    found = foresee(arrangement, days)
    used = {
        converter.name: found.drive_w[0, place].sum()
        for place, (_, converter) in enumerate(arrangement.park.converters())
    }
    assert used["turbine"] > 0.0
    levels = {
        carrier
        for place, (_, converter) in enumerate(arrangement.park.converters())
        if found.drive_w[0, place].any()
        for carrier in converter.carriers
    }
    assert {Carrier.STEAM, Carrier.HOT_WATER, Carrier.WARM_WATER} <= levels
    forbidden = [
        place
        for place, (_, converter) in enumerate(arrangement.park.converters())
        if converter.kind is ConverterKind.CHP
    ]
    assert not found.drive_w[0, forbidden].any()


def test_a_site_alone_has_only_its_share_of_the_connections(published):
    case, model = published
    alone = arrange(model.park, case.signal, Strategy.ALONE)
    assert alone.park.links == ()
    assert alone.park.zones == tuple(site.name for site in model.park.sites)
    for carrier in (Carrier.ELECTRICITY, Carrier.GAS, Carrier.HYDROGEN):
        whole = sum(p.import_max_w for p in model.park.connections if p.carrier is carrier)
        parts = sum(p.import_max_w for p in alone.park.connections if p.carrier is carrier)
        assert parts <= whole * (1.0 + 1e-9)
    assert alone.signal.buy_per_kwh.shape == (len(alone.park.connections), 96)


def test_nothing_is_stored_or_shared_alone(published):
    case, model = published
    days = draw_days(model, np.random.default_rng(2), 1)
    found = foresee(arrange(model.park, case.signal, Strategy.ALONE), days)
    assert not found.charge_w.any()
    assert not found.discharge_w.any()
    assert found.link_w.size == 0


def test_stores_keep_to_the_schedule_on_ordinary_days(published):
    case, model = published
    plan = TWIN.decide(model, draw_days(model, np.random.default_rng(1), 2), case.signal)
    days = draw_days(model, np.random.default_rng(2), 3)
    carried = operate(plan, days)
    assert (carried.charge_w <= plan.charge_w + 1e-2).all()
    assert (carried.discharge_w <= plan.discharge_w + 1e-2).all()
    moved = np.abs(carried.store_w).sum()
    assert moved == pytest.approx(3 * np.abs(plan.charge_w - plan.discharge_w).sum(), rel=0.02)
    free = foresee(plan.arrangement, days)
    assert not np.allclose(free.store_w[0], free.store_w[1])


def test_a_programme_that_followed_a_schedule_is_free_again_afterwards(published):
    case, model = published
    plan = TWIN.decide(model, draw_days(model, np.random.default_rng(1), 2), case.signal)
    days = draw_days(model, np.random.default_rng(2), 1)
    programme = plan.arrangement.programme()
    free = programme.solve(days, case.signal).cost
    held = programme.solve(days, case.signal, plan.schedule).cost
    assert free[0] < held[0]
    assert programme.solve(days, case.signal).cost == pytest.approx(free, rel=1e-7)


def test_the_account_adds_up_to_the_cost_that_was_minimised(published):
    case, model = published
    arrangement = arrange(model.park, case.signal, Strategy.BOTH)
    days = draw_days(model, np.random.default_rng(2), 2)
    found = foresee(arrangement, days)
    books = account(arrangement.park, found, days, arrangement.signal)
    assert books.cost == pytest.approx(found.cost)
    assert (books.served_wh <= books.wanted_wh + 1.0).all()
    assert np.nanmax(books.served_share) <= 1.0 + 1e-9
    assert np.isnan(books.served_share[:, Carrier.GAS]).all()
    gone = books.curtailed_wh + books.renewable_wh
    assert gone == pytest.approx(days.available_w.sum(axis=(1, 2)) * 0.25)


def test_plan_prices_are_named_by_zone_and_carrier(published):
    case, model = published
    plan = TWIN.decide(model, draw_days(model, np.random.default_rng(1), 2), case.signal)
    power = plan.carrier_price_per_kwh("north", Carrier.ELECTRICITY)
    steam = plan.carrier_price_per_kwh("north", Carrier.STEAM)
    hot = plan.carrier_price_per_kwh("north", Carrier.HOT_WATER)
    assert power.shape == (96,)
    assert (hot <= steam + 1e-6).mean() > 0.9
    with pytest.raises(ValueError):
        plan.carrier_price_per_kwh("east", Carrier.STEAM)


def test_representatives_span_the_order_of_what_renewables_leave(published):
    _, model = published
    days = draw_days(model, np.random.default_rng(9), 40)
    picked = representatives_of(days, 4)
    left = (days.demand_w.sum(axis=(1, 2)) - days.available_w.sum(axis=(1, 2))).argsort()
    assert (picked.demand_w == days.demand_w[left[[5, 15, 25, 35]]]).all()
    assert representatives_of(days.one(0), 4).scenarios == 1


def test_a_batch_gives_the_same_numbers_in_this_process_and_in_a_pool():
    case = district(sites=3, slots=6, seed=2)
    model = TWIN.construct(case.setup)
    plan = TWIN.decide(model, draw_days(model, np.random.default_rng(1), 3), case.signal)
    arguments = {"model": model, "plan": plan}
    name = "twin.park.batch_study:days_under_plan"
    here = run_batch(name, arguments, 70, 11, InProcessExecutor(), blocks_per_chunk=1)
    there = run_batch(name, arguments, 70, 11, PoolExecutor(2), blocks_per_chunk=1)
    for field, values in here.items():
        assert (values == there[field]).all() or np.array_equal(
            values, there[field], equal_nan=True
        )
    assert (here["foresight_cost"] <= here["cost"] + 1e-6).all()
    assert here["drive_w"].shape == (70, sum(1 for _ in model.park.converters()), 6)


def test_a_district_is_drawn_from_its_seed_alone():
    first, again, other = (district(sites=5, slots=6, seed=s) for s in (1, 1, 2))
    assert first.setup.park.sites == again.setup.park.sites
    assert first.setup.park.sites != other.setup.park.sites
    with pytest.raises(ValueError, match="make no day"):
        district(sites=0)
    with pytest.raises(ValueError, match="make no day"):
        district(slots=7)
