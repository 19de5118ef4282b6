"""Who plans for whom in the park: sites for their machines, storage stations for themselves.

A station's inputs are told by their `signal`; everything else is a site's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from market.bid import Bid, OrderTerms
from market.dispatch import DispatchPlan, Edit, Measurement
from market.park_energy.dispatch import PLANNER as SITES
from market.park_energy.dispatch import SiteInputs
from market.storage_station.bids import station_bids
from market.storage_station.dispatch import PLANNER as STATIONS
from market.storage_station.dispatch import StationInputs
from market.vector_bid import VectorBid


class ParkPlanner:
    """Plans a site's or a station's day (`market.dispatch.Planner`)."""

    def parse_inputs(self, raw: Mapping[str, Any]) -> SiteInputs | StationInputs:
        """The inputs of their JSON. Raises InputsError naming the field."""
        return STATIONS.parse_inputs(raw) if "signal" in raw else SITES.parse_inputs(raw)

    def solve(self, inputs: SiteInputs | StationInputs, edits: Sequence[Edit] = ()) -> DispatchPlan:
        """The best plan with the edits fixed; edited values are kept to the W."""
        if isinstance(inputs, StationInputs):
            return STATIONS.solve(inputs, edits)
        return SITES.solve(inputs, edits)

    def measure(
        self,
        inputs: SiteInputs | StationInputs,
        plan: DispatchPlan,
        metered: Mapping[str, Sequence[int | None]],
        observed: Mapping[str, Any],
    ) -> Measurement:
        """Close the loop of either."""
        if isinstance(inputs, StationInputs):
            return STATIONS.measure(inputs, plan, metered, observed)
        return SITES.measure(inputs, plan, metered, observed)


def station_bids_in(
    owner_id: str, plan: DispatchPlan, inputs: StationInputs, stock_per_kwh: float, zone: int
) -> tuple[OrderTerms, ...]:
    """A station's orders in a zone of the park: electricity alone, as in any market of stations."""
    site = inputs.site
    bids = station_bids(owner_id, plan, site.station, site.state, stock_per_kwh)
    return tuple(_in_zone(bid, zone) for bid in bids)


def _in_zone(bid: OrderTerms, zone: int) -> OrderTerms:
    if isinstance(bid, Bid):
        return replace(bid, zone=zone)
    legs = tuple(replace(leg, zone=zone) for leg in bid.legs)
    return VectorBid(bid.owner_id, legs, bid.max_units, bid.limit)


PLANNER = ParkPlanner()
