from __future__ import annotations

import math

import numpy as np
import pytest

from market.ev_battery.bids import fleet_bids
from twin.ev_fleet.published import published_fleet
from twin.ev_fleet.twin import EvFleetTwin, FleetSite


@pytest.fixture(scope="module")
def plan():
    fleet = published_fleet(seed=7, vehicles=12)
    twin = EvFleetTwin()
    model = twin.construct(FleetSite(fleet.horizon, fleet.vehicles, fleet.habits))
    samples = twin.sample(model, np.random.default_rng(1), 8)
    return twin.decide(model, samples, fleet.signal)


def test_a_plan_becomes_one_bid_an_owner_and_slot(plan):
    bids = fleet_bids(plan)
    assert len({(bid.owner_id, bid.slot) for bid in bids}) == len(bids) > 50
    for bid in bids:
        vehicle = plan.owner_ids.index(bid.owner_id)
        assert abs(bid.energy_wh - plan.energy_wh[vehicle, bid.slot]) <= 0.5


def test_charging_is_bid_at_its_worth_and_giving_back_at_the_reservation_price(plan):
    for bid in fleet_bids(plan):
        vehicle = plan.owner_ids.index(bid.owner_id)
        wanted = (
            plan.charge_value_per_kwh[vehicle]
            if bid.energy_wh > 0
            else plan.discharge_reservation_per_kwh[vehicle]
        )
        assert bid.price_nano_per_kwh == pytest.approx(wanted * 1e9, abs=1)


def test_an_unwilling_owner_asks_nothing(plan):
    unwilling = {
        owner
        for owner, reserve in zip(plan.owner_ids, plan.discharge_reservation_per_kwh, strict=True)
        if math.isinf(reserve)
    }
    assert unwilling
    assert not [b for b in fleet_bids(plan) if b.energy_wh < 0 and b.owner_id in unwilling]
