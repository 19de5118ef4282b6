"""A round in which stations shift energy between suppliers and consumers, certified."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from identity.roles import ROLES
from market.bid import orders
from market.certificate import check
from market.clearing import clear
from market.dispatch import DispatchPlan
from market.product import ProductGrid
from market.registry import MARKETS
from market.storage_station import MANIFEST
from market.storage_station.bids import station_bids
from market.storage_station.delivery import deliver_position
from market.storage_station.dispatch import PLANNER, StationInputs
from market.supply import consumer_bids, supplier_bids
from market.synthetic import trader_keys, unsigned_book
from market.units import SCALE
from twin.horizon import Horizon
from twin.storage_station.model import StationSignal, StationSite
from twin.storage_station.station import StationState, StorageStation

RULES = MANIFEST.rules
STATION = StorageStation(2e6, 2e6, 4e6, 0.95, 0.95, wear_per_kwh=0.002)
SLOTS = 96
PRICES = 0.08 + 0.05 * np.sin((np.arange(SLOTS) / 4.0 - 13.0) / 24.0 * 2.0 * np.pi)


def test_the_market_is_found_by_its_folder():
    assert MARKETS["storage_station"] is MANIFEST


def test_it_takes_orders_of_several_legs_on_quarter_hours_of_a_day():
    assert RULES.takes_coupled
    assert RULES.slot_seconds * RULES.period_slots == 86_400


def test_its_role_is_one_that_credentials_can_grant():
    assert MANIFEST.role in ROLES


def approved() -> DispatchPlan:
    horizon = Horizon(datetime(2026, 3, 2, tzinfo=UTC), 900, SLOTS)
    site = StationSite(horizon, STATION, StationState(0.0))
    return PLANNER.solve(StationInputs(site, StationSignal(PRICES)))


def test_a_cleared_day_is_certified_and_the_station_earns_its_wear_and_delivers():
    plan = approved()
    bids = {
        "station": station_bids("station", plan, STATION, StationState(0.0), 0.08),
        "supplier": supplier_bids("supplier", PRICES, 20e6, 0.25, RULES.price_cap),
        "consumers": consumer_bids("consumers", np.full(SLOTS, 1e6), 0.4, RULES.price_cap),
    }
    traders = dict(zip(bids, ["0x" + f"{n:040x}" for n in (1, 2, 3)], strict=True))
    keys = trader_keys(1)
    made = orders(
        [bid for each in bids.values() for bid in each],
        market=1,
        round=1,
        first_slot=0,
        traders=traders,
    )
    grid = ProductGrid(1, 1, 0, SLOTS)
    book = unsigned_book(grid, [(order, keys[0]) for order in made])
    maxima = [signed.order.max_units for signed in book.orders]
    result = clear(book, maxima, RULES)
    certificate = check(book, tuple(maxima), result, RULES)
    assert certificate.coupled
    position, paid = [0] * SLOTS, 0
    moved = 0
    for signed, units in zip(book.orders, result.fills, strict=True):
        if signed.order.trader != traders["station"]:
            continue
        for leg in signed.order.legs:
            wh = leg.coefficient * units // SCALE
            slot = leg.product & 0xFFFFFFFF
            position[slot] += wh
            paid += wh * result.prices[slot]
            moved += abs(wh)
    assert moved > 6e6
    assert -paid / 1e12 > 0.002 * 0.95 * moved / 1e3 * 0.9  # nano Wh: earns at least its wear
    outcome = deliver_position(STATION, StationState(0.0), position, 900)
    delivered = (outcome.charge_w - outcome.discharge_w) / 4.0
    assert np.abs(delivered - np.array(position)).max() <= 2 * len(bids["station"])
