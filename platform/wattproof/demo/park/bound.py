"""What the market reached, against the best that one plan of the whole park could."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from market.bid import Bid
from market.park_energy.delivery import stored_wh
from twin.park.accounts import MISSING_PER_KWH, account
from twin.park.carriers import Carrier
from twin.park.programme import ParkProgramme
from twin.park.site import FloatArray, Park, ParkSite, Store
from wattproof.demo.park.lived import Results
from wattproof.demo.park.scene import STATION, STATION_ZONE

_WH_PER_KWH = 1e3
_NANO = 1e9


@dataclass(frozen=True, slots=True)
class Bound:
    """Worth of what is served less what it costs, in settlement tokens: reached, and at most."""

    reached: float
    most: float


def bound_of(results: Results) -> Bound:
    """Both, by the twin's own accounts, on the forecast that everybody bid from; the station's wear
    is left out of both.

    At most: the twin's programme of the park with the station as one more store, all stores free,
    nothing fixed by hand. Reached: what was filled, by what it is worth and costs, less what stores
    lack at the end at the twin's price of it.
    """
    scene = results.scene
    whole = _with_station(results)
    found = ParkProgramme(whole).solve(scene.expected, scene.signal)
    cost = float(account(whole, found, scene.expected, scene.signal).cost[0])
    return Bound(_reached(results, whole), _wanted_worth(results) - cost)


def _with_station(results: Results) -> Park:
    park, site = results.scene.park, results.scene.station.site
    station = site.station
    store = Store(
        STATION,
        Carrier.ELECTRICITY,
        station.most_wh - station.least_wh,
        station.charge_power_w,
        station.discharge_power_w,
        station.charge_efficiency,
        station.discharge_efficiency,
        0.0,
        site.state.stored_wh - station.least_wh,
        0.0,
    )
    return replace(park, sites=(*park.sites, ParkSite(STATION, STATION_ZONE, stores=(store,))))


def _wanted_worth(results: Results) -> float:
    kwh = results.scene.slot_hours / _WH_PER_KWH
    return sum(
        block.share * block.value_per_kwh * float(wanted.sum()) * kwh
        for (_, process), wanted in zip(
            results.scene.park.processes(), results.scene.expected.demand_w[0], strict=True
        )
        for block in process.blocks
    )


def _reached(results: Results, park: Park) -> float:
    upkeep = {(site.name, part.name): part.cost_per_kwh for site, part in park.converters()}
    stores = {(site.name, part.name): part for site, part in park.stores()}
    total = 0.0
    for each in results.filled():
        bid, place = each.offer.bid, (each.offer.bid.owner_id, each.offer.part)
        if place in upkeep:
            total -= upkeep[place] * each.units / _WH_PER_KWH
        elif isinstance(bid, Bid) and place not in stores:
            total += bid.limit * each.units / _NANO / _WH_PER_KWH
    traded = results.traded_wh()
    for place, store in stores.items():
        if place in traded:
            moved = traded[place][store.carrier]
            total -= _store_cost(store, moved, park.horizon.slot_hours)
    return total


def _store_cost(store: Store, net_wh: FloatArray, slot_hours: float) -> float:
    """Wear, and what the store lacks at the end, currency."""
    left = float(stored_wh(store, net_wh, slot_hours)[-1])
    lacking = max(store.initial_wh - left, 0.0) / _WH_PER_KWH
    wear = store.cost_per_kwh * float(np.maximum(net_wh, 0.0).sum()) / _WH_PER_KWH
    return wear + MISSING_PER_KWH * lacking
