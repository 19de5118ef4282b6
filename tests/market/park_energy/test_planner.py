from __future__ import annotations

import json

import numpy as np
import pytest

from market.bid import orders
from market.dispatch import Edit, InputsError
from market.inputs import to_json
from market.order import check_well_formed
from market.park_energy import MANIFEST
from market.park_energy.dispatch import SiteInputs
from market.park_energy.planner import PLANNER, station_bids_in
from market.product import ProductGrid
from market.storage_station.dispatch import StationInputs
from twin.storage_station.model import StationSignal, StationSite
from twin.storage_station.station import StationState, StorageStation

SLOTS = 24
TRADER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


@pytest.fixture
def station(make_park) -> StationInputs:
    battery = StorageStation(1e6, 1e6, 4e6, wear_per_kwh=0.005)
    site = StationSite(make_park(SLOTS).horizon, battery, StationState(1e6))
    price = 0.1 + 0.08 * np.sin(np.arange(SLOTS) / SLOTS * 2.0 * np.pi)
    return StationInputs(site, StationSignal(price))


def test_a_station_is_told_by_its_signal_and_a_site_by_its_machines(station, make_park, needs_of):
    park = make_park(SLOTS)
    need = needs_of(park)["labs"]
    price = {name: np.full(SLOTS, 0.1) for name in ("electricity", "warm_water", "cooling")}
    labs = SiteInputs(park.sites[1], park.horizon, need.demand_w, need.available_w, price)
    for inputs, kind in ((station, StationInputs), (labs, SiteInputs)):
        read = PLANNER.parse_inputs(json.loads(json.dumps(to_json(inputs))))
        assert isinstance(read, kind)
        assert PLANNER.solve(read) == PLANNER.solve(inputs)
        assert PLANNER.measure(read, PLANNER.solve(read), {}, {}).inputs == to_json(read)


def test_inputs_of_neither_are_refused(station):
    with pytest.raises(InputsError, match=r"inputs\.site is missing"):
        PLANNER.parse_inputs({"signal": to_json(station)["signal"]})
    with pytest.raises(InputsError, match=r"inputs\.site"):
        PLANNER.parse_inputs({})


def test_a_stations_orders_lie_in_its_zone_and_are_well_formed(station):
    plan = PLANNER.solve(station, [Edit("electricity", 18, 0)])
    bids = station_bids_in("battery", plan, station, 0.1, 1)
    assert any(len(bid.legs) == 2 for bid in bids)
    assert {(leg.carrier, leg.zone) for bid in bids for leg in bid.legs} == {(0, 1)}
    assert 18 not in {leg.slot for bid in bids for leg in bid.legs}
    rules = MANIFEST.rules
    grid = ProductGrid(rules.carriers, rules.zones, 0, SLOTS)
    for order in orders(bids, market=1, round=1, first_slot=0, traders={"battery": TRADER}):
        check_well_formed(order, grid, rules.price_cap, open_carriers=rules.open_carriers)
