from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.bid import OrderTerms, orders
from market.dispatch import DispatchPlan, Indicator
from market.order import check_well_formed
from market.product import ProductGrid
from market.storage_station import MANIFEST
from market.storage_station.bids import station_bids
from market.storage_station.pairs import moves
from market.units import SCALE
from twin.storage_station.station import StationState, StorageStation

RULES = MANIFEST.rules
TRADER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
STATION = StorageStation(40_000.0, 40_000.0, 40_000.0, 0.95, 0.95, wear_per_kwh=0.01)
EMPTY = StationState(0.0)


def plan_of(power_w: list[int]) -> DispatchPlan:
    nothing = Indicator(0, "of its kind", "lower")
    return DispatchPlan(
        first_slot=0,
        slot_seconds=900,
        lines={"electricity": tuple(power_w)},
        indicators={"cost": nothing, "peak": nothing, "comfort": nothing},
    )


def legs_of(order: OrderTerms) -> list[tuple[int, int]]:
    return [(leg.slot, leg.coefficient) for leg in order.legs]


def test_in_now_and_out_later_is_one_order_of_two_legs_for_the_wear():
    (pair,) = station_bids("station", plan_of([40_000, 0, -36_100]), STATION, EMPTY, 0.1)
    assert legs_of(pair) == [(0, SCALE), (2, -902_500)]
    assert 9_995 <= pair.max_units <= 10_000
    assert pair.limit == -19_000_000  # 0.01 a kWh into and out of the store, 0.95 of it each way


def test_the_first_in_is_the_first_out():
    bids = station_bids("station", plan_of([20_000, 40_000, -36_100, -18_050]), STATION, EMPTY, 0.1)
    assert [(bid.legs[0].slot, bid.legs[1].slot) for bid in bids] == [(0, 2), (1, 2), (1, 3)]


def test_what_stays_in_the_store_is_bought_and_what_was_there_is_sold():
    (bought,) = station_bids("station", plan_of([40_000]), STATION, EMPTY, 0.1)
    assert legs_of(bought) == [(0, SCALE)]
    assert bought.limit == pytest.approx(0.95 * 0.09 * 1e9)
    (sold,) = station_bids("station", plan_of([-38_000]), STATION, StationState(40_000.0), 0.1)
    assert legs_of(sold) == [(0, -SCALE)]
    assert -sold.limit == pytest.approx(0.11 / 0.95 * 1e9)


def test_what_is_taken_from_a_full_store_comes_back_in_the_same_order():
    """Bought without the sale, the store would have no room for it."""
    full = StationState(40_000.0)
    (pair,) = station_bids("station", plan_of([-36_100, 0, 40_000]), STATION, full, 0.1)
    assert [(slot, coefficient > 0) for slot, coefficient in legs_of(pair)] == [
        (0, False),
        (2, True),
    ]
    assert pair.limit < 0


def test_self_discharge_between_the_slots_is_part_of_the_loss():
    leaking = replace(STATION, self_discharge_per_hour=0.1)
    back = 9_000 * 0.9  # two quarters of an hour would keep 0.9 ** 0.5
    (pair, *_) = station_bids(
        "station", plan_of([40_000, 0, -round(back * 4)]), leaking, EMPTY, 0.1
    )
    assert -pair.legs[1].coefficient == pytest.approx(902_500 * 0.9**0.5, abs=1)


POWERS = st.lists(st.integers(-60_000, 60_000), min_size=1, max_size=16)
STATIONS = st.builds(
    StorageStation,
    charge_power_w=st.floats(5_000.0, 50_000.0),
    discharge_power_w=st.floats(5_000.0, 50_000.0),
    capacity_wh=st.floats(5_000.0, 60_000.0),
    charge_efficiency=st.floats(0.6, 1.0),
    discharge_efficiency=st.floats(0.6, 1.0),
    self_discharge_per_hour=st.sampled_from([0.0, 0.001, 0.05]),
    least_share=st.sampled_from([0.0, 0.1]),
    most_share=st.sampled_from([0.9, 1.0]),
    wear_per_kwh=st.sampled_from([0.0, 0.02]),
)


@settings(deadline=None, max_examples=200)
@given(POWERS, STATIONS, st.floats(0.0, 1.0), st.randoms(use_true_random=False))
def test_however_orders_are_filled_power_capacity_and_content_are_kept(
    powers, station, fullness, random
):
    start = station.least_wh + fullness * (station.most_wh - station.least_wh)
    bids = station_bids("s", plan_of(powers), station, StationState(start), 0.1)
    filled = [random.choice([0, bid.max_units, random.randint(0, bid.max_units)]) for bid in bids]
    taken, given_back = moved_wh(bids, filled, len(powers))
    all_taken, all_given = moved_wh(bids, [bid.max_units for bid in bids], len(powers))
    kept, stored, rest, whole = station.kept(0.25), start, start, start
    # Legs are rounded to the Wh, those given up and those taken down.
    room = len(bids) * (2.0 + 2.0 / station.discharge_efficiency)
    for slot in range(len(powers)):
        assert not (taken[slot] and given_back[slot])
        assert taken[slot] <= station.charge_power_w / 4 + 1e-6
        assert given_back[slot] <= station.discharge_power_w / 4 + 1e-6
        stored = content_after(station, stored, taken[slot], given_back[slot])
        whole = content_after(station, whole, all_taken[slot], all_given[slot])
        rest *= kept
        assert stored <= station.most_wh + room
        # What leaks away no order can hold: left alone, or after the whole plan, it may leak below.
        assert stored >= min(station.least_wh, rest, whole) - room
        assert whole >= -room


def moved_wh(bids, filled, slots):
    """Wh taken and given back in every slot at these fills."""
    taken, given_back = [0] * slots, [0] * slots
    for bid, units in zip(bids, filled, strict=True):
        for leg in bid.legs:
            moved = leg.coefficient * units // SCALE
            side = taken if moved > 0 else given_back
            side[leg.slot] += abs(moved)
    return taken, given_back


def content_after(station, stored_wh, taken_wh, given_wh):
    """What a quarter-hour leaves in the store."""
    stored_wh = station.kept(0.25) * stored_wh + station.charge_efficiency * taken_wh
    return stored_wh - given_wh / station.discharge_efficiency


@settings(deadline=None, max_examples=60)
@given(POWERS, STATIONS)
def test_every_order_of_a_plan_is_well_formed(powers, station):
    bids = station_bids("s", plan_of(powers), station, StationState(station.most_wh), 0.1)
    grid = ProductGrid(1, 1, 500, len(powers))
    for order in orders(bids, market=1, round=1, first_slot=500, traders={"s": TRADER}):
        check_well_formed(order, grid, RULES.price_cap, takes_coupled=RULES.takes_coupled)


@given(st.lists(st.integers(-10_000, 10_000), min_size=1, max_size=20))
def test_moves_add_up_to_the_schedule(energies):
    charged, discharged = [0.0] * len(energies), [0.0] * len(energies)
    for move in moves(STATION, [float(wh) for wh in energies], 0.25):
        if move.charge_slot is not None:
            charged[move.charge_slot] += move.charge_wh
        if move.discharge_slot is not None:
            discharged[move.discharge_slot] += move.discharge_wh
    net = [there - back for there, back in zip(charged, discharged, strict=True)]
    assert net == pytest.approx(energies, abs=1e-3)


def test_a_plan_that_rests_bids_nothing():
    assert station_bids("station", plan_of([0, 0, 0]), STATION, EMPTY, 0.1) == ()
