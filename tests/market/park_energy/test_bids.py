from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.bid import OrderTerms, orders
from market.dispatch import DispatchPlan, Edit, Indicator
from market.order import check_well_formed
from market.park_energy import MANIFEST
from market.park_energy.bids import (
    MUST_RUN_PER_KWH,
    SiteNeed,
    connection_bids,
    machine_bids,
    most_output_per_input,
    process_bids,
    rejection_bids,
    site_offers,
)
from market.park_energy.delivery import Filled, filled_wh, lived_shares, metered_wh
from market.park_energy.transport import network_of
from market.product import ProductGrid
from market.vector_bid import VectorBidError
from twin.park.carriers import Carrier
from twin.park.converter import Converter, ConverterKind, Segment
from twin.park.equipment import boiler, compression_chiller, heat_pump
from twin.park.published import links
from twin.park.site import (
    GridConnection,
    ParkError,
    ParkSite,
    Process,
    ProcessType,
    WillingnessBlock,
)

RULES = MANIFEST.rules
TRADER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
SLOTS = 4
GRID = ProductGrid(RULES.carriers, RULES.zones, 0, SLOTS)
NOTHING = Indicator(0, "of its kind", "lower")


def plan_of(site: ParkSite, **lines: list[int]) -> DispatchPlan:
    parts = [part.name for part in site.converters] + [part.name for part in site.stores]
    known = {name: lines.get(name.replace(" ", "_"), [0] * SLOTS) for name in parts}
    known["electricity"] = [0] * SLOTS
    return DispatchPlan(
        0,
        900,
        {name: tuple(values) for name, values in known.items()},
        {"cost": NOTHING, "peak": NOTHING, "comfort": NOTHING},
    )


def check_all(bids: list[OrderTerms]) -> None:
    traders = {bid.owner_id: TRADER for bid in bids}
    for order in orders(bids, market=1, round=1, first_slot=0, traders=traders):
        check_well_formed(order, GRID, RULES.price_cap)


def test_the_markets_carriers_and_zones_are_the_twins():
    assert MANIFEST.carriers == tuple(carrier.name.lower() for carrier in Carrier)
    assert MANIFEST.zones == ("north", "south")


def test_the_markets_network_is_that_of_the_published_park():
    assert MANIFEST.network == network_of(links("north", "south"))


def test_a_process_buys_its_need_in_blocks_of_willingness():
    blocks = (WillingnessBlock(0.75, 0.9), WillingnessBlock(0.25, 0.1))
    process = Process("oven", Carrier.STEAM, ProcessType.SHIFTS, 1e6, blocks)
    bids = process_bids("works", process, np.array([1_000.0, 0.0]), 1)
    assert [(bid.energy_wh, bid.price_nano_per_kwh) for bid in bids] == [
        (750, 900_000_000),
        (250, 100_000_000),
    ]
    assert {(bid.carrier, bid.zone, bid.slot) for bid in bids} == {(2, 1, 0)}


def test_a_supplier_passes_on_the_carbon_of_what_it_sells_and_takes_back():
    one = np.ones(1)
    grid = GridConnection(
        "grid", "south", Carrier.ELECTRICITY, 0.1 * one, 0.05 * one, 1e6, 5e5, 0.5, 2.0
    )
    ask, back = connection_bids("grid", grid, 0.25, carbon_per_kg=0.1)
    assert (ask.energy_wh, ask.price_nano_per_kwh) == (-250_000, 150_000_000)
    assert (back.energy_wh, back.price_nano_per_kwh) == (125_000, 100_000_000)
    assert ask.zone == back.zone == 1


def test_cooling_towers_are_paid_to_take_heat():
    (bid,) = rejection_bids("towers", 0, {Carrier.WARM_WATER: 500.0}, 0.001, 1)
    assert (bid.carrier, bid.energy_wh, bid.limit) == (Carrier.WARM_WATER, 500, -1_000_000)


def test_a_machine_is_offered_whole_at_its_upkeep():
    part = boiler("boiler", 1e6, [0.92, 0.9], Carrier.STEAM, cost_per_kwh=0.003)
    bids = machine_bids("works", part, np.full(1, 1e6), 0.25, 0)
    assert [(bid.max_units, bid.limit) for bid in bids] == [(125_000, -3_000_000)] * 2
    assert [leg.coefficient for leg in bids[0].legs] == [1_000_000, -920_000]


def test_what_a_person_fixed_is_bid_exactly_and_at_almost_any_price():
    part = boiler("boiler", 1e6, [0.92, 0.9], Carrier.STEAM, cost_per_kwh=0.003)
    bids = machine_bids("works", part, np.full(2, 1e6), 0.25, 0, {1: 600_000.0})
    fixed = [bid for bid in bids if bid.legs[0].slot == 1]
    assert [bid.max_units for bid in fixed] == [125_000, 25_000]
    assert {bid.limit for bid in fixed} == {round(MUST_RUN_PER_KWH * 1e9)}
    assert sum(bid.max_units for bid in bids if bid.legs[0].slot == 0) == 250_000


def test_a_machine_fixed_at_nothing_is_not_offered():
    part = boiler("boiler", 1e6, 0.9, Carrier.STEAM)
    assert machine_bids("works", part, np.full(1, 1e6), 0.25, 0, {0: 0.0}) == ()


def test_a_ramped_machine_is_offered_as_planned(make_park):
    works = make_park(SLOTS).sites[0]
    ramped = replace(works.converters[0], ramp_w_per_h=1e6)
    site = ParkSite("works", "north", converters=(ramped,))
    need = SiteNeed(np.zeros((0, SLOTS)), np.zeros((0, SLOTS)))
    offers = site_offers(site, need, plan_of(site, works_chp=[1_000_000, 0, 0, 2_400_000]))
    units = [(each.bid.legs[0].slot, each.bid.max_units) for each in offers]
    assert units == [(0, 250_000), (3, 500_000), (3, 100_000)]


def test_impossible_machines_are_refused():
    impossible = Converter(
        "magic", ConverterKind.BOILER, Carrier.GAS, (Segment(1e6, {Carrier.STEAM: 1.3}),)
    )
    with pytest.raises(ParkError, match="magic"):
        machine_bids("works", impossible, np.ones(1), 0.25, 0)
    odd = heat_pump("pump", 1e6, 3.0, Carrier.WARM_WATER, Carrier.STEAM)
    with pytest.raises((ParkError, VectorBidError)):
        machine_bids("works", odd, np.full(1, -1.0), 0.25, 0)


@pytest.mark.parametrize(
    ("part", "limit"),
    [
        (boiler("b", 1e6, 0.9, Carrier.STEAM), 1.108),
        (boiler("e", 1e6, 0.9, Carrier.STEAM, fuel=Carrier.ELECTRICITY), 1.0),
        (heat_pump("p", 1e6, 3.0, Carrier.WARM_WATER), 318.15 / 35.0),
        (compression_chiller("c", 1e6, 4.0), 280.15 / 23.0),
        (compression_chiller("r", 1e6, 4.0, recovers=True), 1.0 + 2.0 * 280.15 / 38.0),
    ],
)
def test_a_kind_gives_at_most_what_physics_allows(part, limit):
    assert most_output_per_input(part) == pytest.approx(limit)


@settings(deadline=None, max_examples=60)
@given(tank=st.lists(st.integers(-250_000, 2_000_000), min_size=SLOTS, max_size=SLOTS))
def test_whatever_a_plan_says_the_sites_orders_are_well_formed(make_park, needs_of, tank):
    park = make_park(SLOTS)
    works = park.sites[0]
    tank = [min(each, 1_000_000) for each in tank]
    offers = site_offers(works, needs_of(park)["works"], plan_of(works, works_tank=tank))
    check_all([each.bid for each in offers])
    named = {each.part for each in offers}
    assert {"works chp", "works line", "works roof"} <= named
    assert {each.bid.owner_id for each in offers} == {"works"}


def test_edits_reach_only_what_they_name(make_park, needs_of):
    park = make_park(SLOTS)
    works = park.sites[0]
    plan = plan_of(works, works_boiler=[0, 2_000_000, 0, 0])
    free = site_offers(works, needs_of(park)["works"], plan)
    held = site_offers(works, needs_of(park)["works"], plan, [Edit("works boiler", 1, 2_000_000)])
    changed = {each.part for each in set(free) ^ set(held)}
    assert changed == {"works boiler"}


def test_meters_show_what_was_filled_times_what_came_of_it(make_park, needs_of):
    park = make_park(SLOTS)
    works = park.sites[0]
    expected = needs_of(park)["works"]
    real = SiteNeed(1.1 * expected.demand_w, 0.5 * expected.available_w)
    offers = site_offers(works, expected, plan_of(works))
    filled = [Filled(each, each.bid.max_units) for each in offers]
    traded = filled_wh(filled, SLOTS)
    lived = lived_shares(works, expected, real)
    lived["works chp"] = np.array([1.0, 1.0, 0.0, 1.0])
    metered = metered_wh(traded, lived, SLOTS)
    assert lived["works line"] == pytest.approx(np.full(SLOTS, 1.1))
    without = metered_wh(traded, {}, SLOTS)
    deviation = metered - without
    assert deviation[Carrier.STEAM] == pytest.approx(0.1 * traded["works steam"][Carrier.STEAM])
    failed = -traded["works chp"][:, 2]
    assert failed[Carrier.ELECTRICITY] > 0.0 > failed[Carrier.GAS]
    assert deviation[Carrier.GAS, 2] == pytest.approx(failed[Carrier.GAS])
