"""Whether a park can exist, element by element and as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from twin.park.carriers import Carrier
from twin.park.free_conversion import check_no_free_conversion
from twin.park.layout import Layout, layout_of
from twin.park.physical_limits import check_converter, check_finite
from twin.park.site import (
    GridConnection,
    Link,
    Park,
    ParkError,
    ParkSite,
    Process,
    Renewable,
    Store,
)

_SLACK = 1e-9


def check_park(park: Park) -> None:
    """Raise ParkError for the first thing that cannot be, naming the element.

    Besides each element's own numbers: names are unique, zones are known and reach each other or a
    connection, every demand can be delivered by something, and no conversion is free.
    """
    if not park.zones or not park.sites:
        raise ParkError(f"{park.name}: a park has at least one zone and one site")
    _check_unique("zone", park.zones)
    _check_unique("site", (site.name for site in park.sites))
    _check_unique("connection", (part.name for part in park.connections))
    _check_unique("link", (part.name for part in park.links))
    check_finite(park, park.name)
    for site in park.sites:
        _check_zone(park, site.zone, site.name)
        check_site(site)
    for connection in park.connections:
        _check_zone(park, connection.zone, connection.name)
        check_connection(connection, park.horizon.slots)
    for link in park.links:
        _check_zone(park, link.source, link.name)
        _check_zone(park, link.target, link.name)
        _check_link(link)
    _check_zones_reach_something(park)
    layout = layout_of(park)
    _check_deliverable(park, layout)
    check_no_free_conversion(park, layout)


def check_site(site: ParkSite) -> None:
    """Raise ParkError for the first thing of a site that cannot be."""
    names = [part.name for part in site.converters]
    names += [part.name for part in site.stores]
    names += [part.name for part in site.renewables]
    names += [part.name for part in site.processes]
    _check_unique(f"element of {site.name}", names)
    for converter in site.converters:
        check_converter(converter)
    for store in site.stores:
        _check_store(store)
    for renewable in site.renewables:
        _check_renewable(renewable)
    for process in site.processes:
        _check_process(process)


def check_connection(connection: GridConnection, slots: int) -> None:
    """Raise ParkError where prices have gaps or the wrong length, or sales earn more than
    purchases cost."""
    name = connection.name
    check_finite(connection, name)
    for field in ("buy_per_kwh", "sell_per_kwh"):
        prices = getattr(connection, field)
        if prices.shape != (slots,):
            raise ParkError(f"{name}: {field} is shaped {prices.shape}, the horizon ({slots},)")
        bad = np.flatnonzero(~np.isfinite(prices))
        if bad.size:
            raise ParkError(f"{name}: {field} is {prices[bad[0]]:g} in slot {bad[0]}")
    above = np.flatnonzero(connection.sell_per_kwh > connection.buy_per_kwh + _SLACK)
    if above.size:
        raise ParkError(
            f"{name} pays more for a kWh in slot {above[0]} than it asks for one: buying and "
            "selling at once would earn without end"
        )


def _check_unique(what: str, names: Iterable[str]) -> None:
    for name, count in Counter(names).items():
        if not name.strip():
            raise ParkError(f"a {what} has no name")
        if count > 1:
            raise ParkError(f"{what} {name!r} is there {count} times: give each its own name")


def _check_zone(park: Park, zone: str, name: str) -> None:
    if zone not in park.zones:
        raise ParkError(f"{name} lies in zone {zone!r}; the park has {', '.join(park.zones)}")


def _check_store(store: Store) -> None:
    name = store.name
    check_finite(store, name)
    for field in ("charge_efficiency", "discharge_efficiency"):
        value = getattr(store, field)
        if not 0.0 < value <= 1.0:
            raise ParkError(f"{name}: {field} = {value:g} is not in (0, 1]")
    if store.loss_per_hour >= 1.0:
        raise ParkError(f"{name} loses {store.loss_per_hour:g} of its content an hour")
    if store.initial_wh > store.capacity_wh:
        raise ParkError(
            f"{name} begins with {store.initial_wh:g} Wh; it holds {store.capacity_wh:g} Wh"
        )


def _check_renewable(renewable: Renewable) -> None:
    check_finite(renewable, renewable.name)
    if not (0.0 <= renewable.tilt_deg <= 90.0 and 0.0 <= renewable.azimuth_deg <= 360.0):
        raise ParkError(f"{renewable.name}: tilt is 0 to 90 and azimuth 0 to 360 degrees")


def _check_process(process: Process) -> None:
    name, blocks = process.name, process.blocks
    check_finite(process, name)
    for block in blocks:
        check_finite(block, name)
    if not blocks or abs(sum(block.share for block in blocks) - 1.0) > _SLACK:
        raise ParkError(f"{name}: the shares of its willingness blocks must sum to 1")
    values = [block.value_per_kwh for block in blocks]
    if values != sorted(values, reverse=True):
        raise ParkError(f"{name}: willingness blocks stand with the dearest first")


def _check_link(link: Link) -> None:
    check_finite(link, link.name)
    if link.source == link.target:
        raise ParkError(f"{link.name} leads from {link.source} to itself")
    if link.loss >= 1.0:
        raise ParkError(f"{link.name} loses {link.loss:g} of what enters: give less than 1")


def _check_zones_reach_something(park: Park) -> None:
    reached = {part.zone for part in park.connections}
    reached.update(zone for link in park.links for zone in (link.source, link.target))
    for zone in park.zones:
        if zone not in reached:
            raise ParkError(
                f"zone {zone!r} is disconnected: it has neither a connection nor a link"
            )


def _check_deliverable(park: Park, layout: Layout) -> None:
    """Grow the set of nodes that something can feed until it grows no more."""
    fed = {int(node) for node in layout.renewable_node}
    fed.update(
        int(node)
        for node, part in zip(layout.connection_node, park.connections, strict=True)
        if part.import_max_w > 0.0
    )
    fed.update(
        int(node)
        for node, (_, store) in zip(layout.store_node, park.stores(), strict=True)
        if store.initial_wh > 0.0
    )
    number = {node: place for place, node in enumerate(layout.nodes)}
    steps = [
        (
            [number[park.zones.index(site.zone), carrier] for carrier in part.inputs],
            [number[park.zones.index(site.zone), carrier] for carrier in part.outputs],
        )
        for site, part in park.converters()
    ]
    steps += [
        ([int(source)], [int(target)])
        for source, target in zip(layout.link_source, layout.link_target, strict=True)
    ]
    grown = True
    while grown:
        before = len(fed)
        for needs, gives in steps:
            if fed.issuperset(needs):
                fed.update(gives)
        grown = len(fed) > before
    for site, process in park.processes():
        if number[park.zones.index(site.zone), process.carrier] not in fed:
            raise ParkError(
                f"nobody can deliver {process.carrier.label} to {process.name} of {site.name} in "
                f"zone {site.zone!r}: {_remedy(process.carrier)}"
            )


def _remedy(carrier: Carrier) -> str:
    return f"add a connection, a link or a converter that gives {carrier.label}"
