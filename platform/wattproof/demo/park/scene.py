"""What the day is about: a park, a storage station in it, what is expected and what will come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from market.dispatch import DispatchPlan, Edit
from market.park_energy.bids import Offer, SiteNeed
from market.park_energy.dispatch import SiteInputs
from market.park_energy.joint import park_offers, towers_of
from market.park_energy.planner import station_bids_in
from market.park_energy.rules import CARRIERS, ZONES
from market.storage_station.dispatch import StationInputs
from twin.park.carriers import Carrier
from twin.park.dispatch import place_of
from twin.park.model import ParkModel, ParkSamples, ParkSignal
from twin.park.site import FloatArray, Park, ParkSite
from wattproof.demo.calendar import Calendar

STATION = "storage station"
NETWORK = "network"
DISPATCHER = "dispatcher"
STATION_ZONE = "south"


@dataclass(frozen=True, slots=True)
class Failure:
    """A machine that will give only a ``share`` of what it sold, in slots nobody knows before."""

    site: str
    part: str
    slots: range
    share: float


@dataclass(frozen=True, slots=True)
class Scene:
    """A day, ready to be planned.

    Attributes:
        model: the park's twin; its horizon is the day itself.
        expected: the forecast, one scenario; ``real`` what will come.
        price_per_kwh: expected prices, shape (zone * 7 + carrier, slot), NaN where nothing is.
        desk_site: the site whose plan a dispatcher reviews.
        input: where the numbers come from, for the report.
    """

    title: str
    model: ParkModel
    signal: ParkSignal
    expected: ParkSamples
    real: ParkSamples
    price_per_kwh: FloatArray
    station: StationInputs
    desk_site: str
    failure: Failure
    input: dict[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def park(self) -> Park:
        """The park as its twin believes it."""
        return self.model.park

    @property
    def slot_hours(self) -> float:
        return self.park.horizon.slot_hours

    @property
    def traders(self) -> tuple[str, ...]:
        """Everybody who trades; the network last."""
        return (
            *(site.name for site in self.park.sites),
            STATION,
            *(connection.name for connection in self.park.connections),
            *(towers_of(zone) for zone in self.park.zones),
            NETWORK,
        )

    def on(self, calendar: Calendar) -> Scene:
        """The same scene on the chain's own day."""
        start = datetime.fromtimestamp(calendar.at(calendar.day), UTC)
        horizon = replace(self.park.horizon, start=start)
        park = replace(self.park, horizon=horizon)
        site = replace(self.station.site, horizon=horizon)
        return replace(
            self,
            model=replace(self.model, park=park),
            station=replace(self.station, site=site),
        )

    def needs(self, samples: ParkSamples) -> Mapping[str, SiteNeed]:
        """A day's demands and renewables by site."""
        demand, available = iter(samples.demand_w[0]), iter(samples.available_w[0])
        slots = self.park.horizon.slots
        return {
            site.name: SiteNeed(
                np.array([next(demand) for _ in site.processes]).reshape(-1, slots),
                np.array([next(available) for _ in site.renewables]).reshape(-1, slots),
            )
            for site in self.park.sites
        }

    def prices_in(self, zone: str) -> dict[str, FloatArray]:
        """Expected prices of the carriers that a zone can trade, by name, shape (slot,)."""
        number = ZONES.index(zone)
        prices = {
            carrier.name.lower(): self.price_per_kwh[place_of(number, carrier)]
            for carrier in Carrier
        }
        return {name: price for name, price in prices.items() if np.isfinite(price).all()}

    def site_inputs(self, site: ParkSite) -> SiteInputs:
        """What a site's plan is made from."""
        need = self.needs(self.expected)[site.name]
        return SiteInputs(
            site=site,
            horizon=self.park.horizon,
            demand_w=need.demand_w,
            available_w=need.available_w,
            price_per_kwh=self.prices_in(site.zone),
            rejection_per_kwh=self.park.rejection_per_kwh,
        )

    def offers(
        self,
        plans: Mapping[str, DispatchPlan],
        edits: Mapping[str, Sequence[Edit]],
        station_plan: DispatchPlan,
    ) -> tuple[Offer, ...]:
        """What everybody but the network wants to trade."""
        stock = float(self.prices_in(STATION_ZONE)[CARRIERS[0]].mean())
        bids = station_bids_in(
            STATION, station_plan, self.station, stock, ZONES.index(STATION_ZONE)
        )
        return (
            *park_offers(
                self.park, self.needs(self.expected), plans, edits, self.signal.carbon_per_kg
            ),
            *(Offer(STATION, bid) for bid in bids),
        )
