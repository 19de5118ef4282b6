"""The whole park as offers: every site, the suppliers at its edge, cooling towers.

What carries energy between the zones trades by orders of its own (`market.park_energy.transport`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from market.dispatch import DispatchPlan, Edit
from market.park_energy.bids import (
    Offer,
    SiteNeed,
    connection_bids,
    rejection_bids,
    site_offers,
)
from market.park_energy.rules import ZONES
from twin.park.carriers import HEAT_LEVELS, Carrier
from twin.park.site import Park


def park_offers(
    park: Park,
    needs: Mapping[str, SiteNeed],
    plans: Mapping[str, DispatchPlan],
    edits: Mapping[str, Sequence[Edit]],
    carbon_per_kg: float = 0.0,
) -> tuple[Offer, ...]:
    """What everybody but the network bids for the park's day.

    Args:
        needs, plans, edits: by site; edits only where a person made some.
        carbon_per_kg: what suppliers pay for the carbon of what they sell, and pass on.
    """
    hours = park.horizon.slot_hours
    offers: list[Offer] = []
    for site in park.sites:
        offers += site_offers(site, needs[site.name], plans[site.name], edits.get(site.name, ()))
    for connection in park.connections:
        bids = connection_bids(connection.name, connection, hours, carbon_per_kg)
        offers += [Offer(connection.name, bid) for bid in bids]
    for zone in park.zones:
        most = _most_heat_wh(park, zone)
        towers = towers_of(zone)
        bids = rejection_bids(
            towers, ZONES.index(zone), most, park.rejection_per_kwh, park.horizon.slots
        )
        offers += [Offer(towers, bid) for bid in bids]
    return tuple(offers)


def towers_of(zone: str) -> str:
    """Who takes heat to the outdoors in a zone."""
    return f"cooling towers {zone}"


def _most_heat_wh(park: Park, zone: str) -> dict[Carrier, float]:
    """The most heat of every level that machines in a zone give in a slot: all may be rejected."""
    hours = park.horizon.slot_hours
    most = dict.fromkeys(HEAT_LEVELS, 0.0)
    for site, part in park.converters():
        if site.zone != zone:
            continue
        for level in HEAT_LEVELS:
            most[level] += hours * sum(
                segment.width_w * max(segment.rates.get(level, 0.0), 0.0)
                for segment in part.segments
            )
    for link in park.links:
        if link.target == zone and link.carrier in most:
            most[link.carrier] += link.capacity_w * hours
    return most
