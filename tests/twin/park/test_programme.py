"""The programme on parks whose best dispatch is known, and its physics on many drawn parks."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twin.park import equipment as make
from twin.park.accounts import account
from twin.park.believed import output_w
from twin.park.carriers import HEAT_LEVELS, Carrier
from twin.park.dispatch import place_of
from twin.park.district import district
from twin.park.model import ParkSamples, ParkSignal
from twin.park.programme import ParkProgramme, order_of_likeness
from twin.park.site import GridConnection, Link, ParkError, ParkSite, Store, WillingnessBlock
from twin.park.twin import ParkTwin

E, G, S, H, W, C, H2 = Carrier
MW = 1e6


def day(park, *demand_w):
    slots = park.horizon.slots
    plants = sum(1 for _ in park.renewables())
    wanted = np.array([np.broadcast_to(each, (slots,)) for each in demand_w], dtype=float)
    return ParkSamples(np.zeros((1, plants, slots)), wanted.reshape(1, -1, slots))


def solve(park, *demand_w):
    return ParkProgramme(park).solve(day(park, *demand_w), ParkSignal.of(park))


@pytest.mark.parametrize(
    ("sell", "engine_runs", "cost"),
    # Heat from the boiler costs 50 / 0.9 = 55.6 a MWh; from the engine (50 - 0.4 sell) / 0.4.
    [(0.10, True, 25.0), (0.05, False, 1000 * 0.05 / 0.9)],
)
def test_the_engine_runs_before_the_boiler_where_its_power_pays(
    need, one_zone, sell, engine_runs, cost
):
    site = ParkSite(
        "plant",
        "here",
        (make.chp("engine", 5 * MW, 0.4, {H: 0.4}), make.boiler("boiler", 5 * MW, 0.9, H)),
        processes=(need(H),),
    )
    found = solve(one_zone(site, {E: (0.3, sell), G: (0.05, 0.0)}), MW)
    assert found.cost == pytest.approx([cost])
    assert (found.drive_w[0, 0, 0] > 0.0) == engine_runs
    assert found.drive_w[0, 1, 0] == pytest.approx(0.0 if engine_runs else MW / 0.9)


@pytest.mark.parametrize(("power", "pump_runs"), [(0.220, True), (0.225, False)])
def test_the_heat_pump_yields_to_the_boiler_at_the_price_where_both_cost_the_same(
    need, one_zone, power, pump_runs
):
    # COP 4 against gas at 50 a MWh and 90 %: 4 * 50 / 0.9 = 222.2 a MWh of electricity.
    site = ParkSite(
        "plant",
        "here",
        (make.heat_pump("pump", MW, 4.0, W, source_c=10.0), make.boiler("boiler", 2 * MW, 0.9, W)),
        processes=(need(W),),
    )
    found = solve(one_zone(site, {E: (power, 0.0), G: (0.05, 0.0)}), MW)
    assert (found.drive_w[0, 0, 0] > 0.0) == pump_runs
    assert found.cost == pytest.approx([1000 * min(power / 4.0, 0.05 / 0.9)])
    assert found.price_per_kwh[0, place_of(0, W), 0] == pytest.approx(min(power / 4, 0.05 / 0.9))


def test_a_store_buys_what_it_loses_on_the_way_to_the_dear_hour(need, one_zone):
    battery = Store("battery", E, 10 * MW, 5 * MW, 5 * MW, 0.9, 0.8, loss_per_hour=0.1)
    site = ParkSite("plant", "here", stores=(battery,), processes=(need(E),))
    found = solve(one_zone(site, {E: ([0.05, 0.20], 0.0)}, slots=2), [0.0, MW])
    stored = 1.0 / 0.8 / 0.9  # what must stand at the end of the first hour, MWh
    assert found.stored_wh[0, 0] / MW == pytest.approx([stored, 0.0])
    assert found.charge_w[0, 0] / MW == pytest.approx([stored / 0.9, 0.0])
    assert found.cost == pytest.approx([50.0 * stored / 0.9])


def test_a_store_that_cannot_be_refilled_is_paid_for_and_said_to_lack(need, one_zone):
    tank = Store("tank", H, 10 * MW, MW, MW, loss_per_hour=0.5, initial_wh=4 * MW)
    site = ParkSite("plant", "here", stores=(tank,), processes=(need(H),))
    found = solve(one_zone(site, {E: (0.1, 0.0)}), 0.0)
    assert found.missing_wh[0] == pytest.approx([2 * MW])


def test_cascade_use_lowers_primary_energy_by_what_was_worked_out_by_hand(need, one_zone):
    # 1 MWh of cooling at EER 4 leaves 1.25 MWh of warm water; a heat pump of COP 4 lifts 0.75 of
    # it to 1 MWh of hot water with 0.25 MWh, where a boiler burns 1 / 0.9 MWh of gas.
    chiller = make.compression_chiller("chiller", MW, 4.0, recovers=True)
    boiler = make.boiler("boiler", 2 * MW, 0.9, H)
    lift = make.heat_pump("lift", MW, 4.0, H, W)
    needs = (need(C), need(H))
    primary = []
    for converters in ((chiller, boiler), (chiller, boiler, lift)):
        site = ParkSite("plant", "here", converters, processes=needs)
        park = one_zone(site, {E: (0.1, 0.0), G: (0.05, 0.0)})
        samples, signal = day(park, MW, MW), ParkSignal.of(park)
        found = ParkProgramme(park).solve(samples, signal)
        primary.append(float(account(park, found, samples, signal).primary_wh[0]) / MW)
    assert primary == pytest.approx([0.25 * 2.5 + 1.1 / 0.9, 0.5 * 2.5])


def test_part_load_prices_the_worse_segment_only_where_it_is_used(need, one_zone):
    site = ParkSite(
        "plant", "here", (make.boiler("boiler", 2 * MW, (0.95, 0.85), H),), processes=(need(H),)
    )
    park = one_zone(site, {G: (0.05, 0.0)})
    for wanted, price in ((0.9, 0.05 / 0.95), (1.0, 0.05 / 0.85)):
        found = solve(park, wanted * MW)
        assert found.price_per_kwh[0, place_of(0, H), 0] == pytest.approx(price)


def test_demand_falls_with_the_price_block_by_block(need, one_zone):
    blocks = (WillingnessBlock(0.6, 1.0), WillingnessBlock(0.4, 0.12))
    wanted = replace(need(E), blocks=blocks)
    site = ParkSite("plant", "here", processes=(wanted,))
    found = solve(one_zone(site, {E: ([0.10, 0.15], 0.0)}, slots=2), MW)
    assert found.served_w[0, 0] == pytest.approx([MW, 0.6 * MW])
    assert found.cost == pytest.approx([100.0 + 0.6 * 150.0 + 0.4 * 120.0])


def test_a_link_loses_its_share_and_keeps_to_its_capacity(need, one_zone):
    site = ParkSite("plant", "here", processes=(need(E, 2 * MW, 1.0),))
    park = one_zone(site, {})
    slots = park.horizon.slots
    price = np.full(slots, 0.1)
    there = GridConnection("grid", "there", E, price, price, 9e9, 0.0, 0.0, 1.0)
    line = Link("line", E, "there", "here", MW, 0.1)
    park = replace(park, zones=("here", "there"), connections=(there,), links=(line,))
    found = solve(park, 2 * MW)
    assert found.link_w[0, 0, 0] == pytest.approx(MW)
    assert found.served_w[0, 0, 0] == pytest.approx(0.9 * MW)
    assert found.cost == pytest.approx([100.0 + 1100.0])


def test_throughput_moves_no_faster_than_its_ramp(need, one_zone):
    engine = make.chp("engine", 4 * MW, 0.4, {H: 0.4}, ramp_w_per_h=0.5 * MW)
    site = ParkSite("plant", "here", (engine,), processes=(need(E, MW, 1.0),))
    park = one_zone(site, {G: (0.05, 0.0)}, slots=6)
    found = solve(park, np.array([0.0, 0.0, 1.0, 1.0, 0.0, 0.0]) * MW)
    assert np.abs(np.diff(found.drive_w[0, 0])).max() == pytest.approx(0.5 * MW)
    free = replace(engine, ramp_w_per_h=np.inf)
    quick = solve(one_zone(replace(site, converters=(free,)), {G: (0.05, 0.0)}, slots=6), 0.0)
    assert quick.drive_w == pytest.approx(0.0)


def test_carbon_is_paid_for_what_is_bought(need, one_zone):
    site = ParkSite("plant", "here", processes=(need(E),))
    park = one_zone(site, {E: (0.1, 0.0)})
    signal = ParkSignal.of(park, carbon_per_kg=0.05)
    found = ParkProgramme(park).solve(day(park, MW), signal)
    assert found.cost == pytest.approx([1000 * (0.1 + 0.2 * 0.05)])


@pytest.fixture(scope="module")
def drawn():
    """A small district with days drawn, and what its programme does on each."""
    case = district(sites=10, slots=24, seed=3)
    model = ParkTwin().construct(case.setup)
    samples = ParkTwin().sample(model, np.random.default_rng(5), 4)
    programme = ParkProgramme(model.park)
    found = [programme.solve(samples.one(each), case.signal) for each in range(4)]
    return case, model.park, samples, found


def test_every_carrier_balances_in_every_zone_and_slot(drawn):
    _, park, _, found = drawn
    for dispatch in found:
        net = np.zeros((len(park.zones), len(Carrier), park.horizon.slots))
        scale = 1.0

        def add(zone, carrier, power, net=net, park=park):
            net[park.zones.index(zone), carrier] += power

        place = 0
        for site, converter in park.converters():
            for segment in converter.segments:
                throughput = dispatch.segment_w[0, place]
                for carrier, rate in converter.flows(segment).items():
                    add(site.zone, carrier, rate * throughput)
                scale = max(scale, float(throughput.max()))
                place += 1
        for place, (site, store) in enumerate(park.stores()):
            add(site.zone, store.carrier, -dispatch.store_w[0, place])
        for place, (site, _) in enumerate(park.renewables()):
            add(site.zone, E, dispatch.renewable_w[0, place])
        for place, (site, process) in enumerate(park.processes()):
            add(site.zone, process.carrier, -dispatch.served_w[0, place])
        for place, part in enumerate(park.connections):
            add(part.zone, part.carrier, dispatch.bought_w[0, place] - dispatch.sold_w[0, place])
        for place, link in enumerate(park.links):
            add(link.source, link.carrier, -dispatch.link_w[0, place])
            add(link.target, link.carrier, (1.0 - link.loss) * dispatch.link_w[0, place])
        for zone, carrier in product(park.zones, Carrier):
            rejected = dispatch.rejected_w[0, place_of(park.zones.index(zone), carrier)]
            assert carrier in HEAT_LEVELS or not rejected.any()
            add(zone, carrier, -rejected)
        assert np.abs(net).max() < 1e-6 * scale


def test_no_converter_gives_more_than_its_part_load_curve_or_moves_faster_than_its_ramp(drawn):
    _, park, _, found = drawn
    hours = park.horizon.slot_hours
    for dispatch in found:
        segment = 0
        for place, (_, converter) in enumerate(park.converters()):
            count = len(converter.segments)
            drive = dispatch.drive_w[0, place]
            assert drive.max() <= converter.capacity_w * (1.0 + 1e-9)
            assert np.abs(np.diff(drive)).max() <= converter.ramp_w_per_h * hours * (1 + 1e-9)
            for carrier in converter.outputs:
                rates = [part.rates.get(carrier, 0.0) for part in converter.segments]
                given_w = rates @ dispatch.segment_w[0, segment : segment + count]
                assert (given_w <= output_w(converter, drive, carrier) + 1.0).all()
            segment += count


def test_stores_keep_within_their_sizes_and_give_back_what_they_began_with(drawn):
    _, park, _, found = drawn
    hours = park.horizon.slot_hours
    for dispatch in found:
        for place, (_, store) in enumerate(park.stores()):
            level = dispatch.stored_wh[0, place]
            before = np.concatenate([[store.initial_wh], level[:-1]])
            charged = store.charge_efficiency * dispatch.charge_w[0, place]
            given_w = dispatch.discharge_w[0, place] / store.discharge_efficiency
            keeps = (1.0 - store.loss_per_hour) ** hours
            assert level == pytest.approx(keeps * before + (charged - given_w) * hours, abs=0.1)
            assert -1e-3 <= level.min() <= level.max() <= store.capacity_wh + 1e-3
            assert level[-1] + dispatch.missing_wh[0, place] >= store.initial_wh - 1e-3


def test_solving_again_finds_what_a_new_programme_finds(drawn):
    case, park, samples, found = drawn
    for each, dispatch in enumerate(found):
        anew = ParkProgramme(park).solve(samples.one(each), case.signal)
        assert dispatch.cost == pytest.approx(anew.cost, rel=1e-7)


def test_days_solved_in_another_order_come_back_in_their_own(drawn):
    case, park, samples, found = drawn
    order = order_of_likeness(samples)
    assert sorted(order) == [0, 1, 2, 3]
    each = ParkProgramme(park).solve_each(samples, case.signal)
    assert each.cost == pytest.approx(np.array([one.cost[0] for one in found]), rel=1e-7)


def test_the_day_most_like_the_last_comes_next():
    demand = np.array([0.0, 10.0, 1.0, 9.0]).reshape(4, 1, 1)
    assert order_of_likeness(ParkSamples(np.zeros((4, 1, 1)), demand)) == [0, 2, 3, 1]


def test_one_store_schedule_for_all_scenarios_costs_each_at_least_what_it_costs_alone(
    drawn,
):
    case, park, samples, found = drawn
    together = ParkProgramme(park, scenarios=4).solve(samples, case.signal)
    apart = np.array([dispatch.cost[0] for dispatch in found])
    assert (together.cost >= apart - 1e-4).all()
    assert (together.charge_w == together.charge_w[0]).all()
    assert together.cost.mean() <= apart.mean() * 1.05


def test_another_price_is_taken_up_without_building_anew(drawn):
    case, park, samples, _ = drawn
    dearer = replace(case.signal, buy_per_kwh=case.signal.buy_per_kwh * 1.5)
    programme = ParkProgramme(park)
    first = programme.solve(samples.one(0), case.signal)
    second = programme.solve(samples.one(0), dearer)
    again = programme.solve(samples.one(0), case.signal)
    assert second.cost[0] > first.cost[0]
    assert again.cost == pytest.approx(first.cost, rel=1e-7)
    assert second.cost == pytest.approx(
        ParkProgramme(park).solve(samples.one(0), dearer).cost, rel=1e-7
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: replace(s, demand_w=s.demand_w[:, 1:]), "demand_w must be shaped"),
        (
            lambda s: replace(s, demand_w=-s.demand_w),
            r"site 1/power is -[\d.]+ in slot 0",
        ),
        (lambda s: replace(s, available_w=s.available_w * np.nan), "available_w of site 1/roof"),
        (lambda s: ParkSamples(*(np.repeat(v, 2, 0) for v in (s.available_w, s.demand_w))), "give"),
    ],
)
def test_days_that_do_not_fit_the_park_are_refused(drawn, change, says):
    case, park, samples, _ = drawn
    with pytest.raises(ParkError, match=says):
        ParkProgramme(park).solve(change(samples.one(0)), case.signal)


def test_prices_that_let_buying_and_selling_earn_are_refused(drawn):
    case, park, samples, _ = drawn
    with pytest.raises(ParkError, match="would earn without end"):
        ParkProgramme(park).solve(
            samples.one(0), replace(case.signal, sell_per_kwh=case.signal.buy_per_kwh + 0.01)
        )


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000), sites=st.integers(1, 6), shift=st.floats(0.8, 1.3))
def test_wanting_more_or_dearer_never_costs_less(seed, sites, shift):
    case = district(sites=sites, slots=6, seed=seed)
    model = ParkTwin().construct(case.setup)
    samples = ParkTwin().sample(model, np.random.default_rng(seed), 1)
    programme = ParkProgramme(model.park)
    base = programme.solve(samples, case.signal).cost[0]
    more = programme.solve(
        replace(samples, demand_w=samples.demand_w * max(shift, 1.0)), case.signal
    )
    assert more.cost[0] >= base - 1e-6 * abs(base)
    dearer = replace(case.signal, buy_per_kwh=case.signal.buy_per_kwh * max(shift, 1.0))
    assert programme.solve(samples, dearer).cost[0] >= base - 1e-6 * abs(base)
