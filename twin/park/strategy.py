"""The two strategies of the standard, and what a park is without them.

Source: ITU-T FGMV-09 and FGMV-27, use case "park multi-energy trading". Each strategy is a wider
set of what may be done, so with the same knowledge a wider one never costs more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from twin.park.carriers import Carrier
from twin.park.converter import ConverterKind
from twin.park.model import ParkSignal
from twin.park.programme import ParkProgramme
from twin.park.site import GridConnection, Park, ParkSite

_PLAIN = frozenset(
    {ConverterKind.BOILER, ConverterKind.ELECTRIC_BOILER, ConverterKind.COMPRESSION_CHILLER}
)
_THERMAL = frozenset({ConverterKind.CHP, ConverterKind.TURBINE})
_CASCADE = frozenset(
    {
        ConverterKind.HEAT_EXCHANGER,
        ConverterKind.HEAT_PUMP,
        ConverterKind.ABSORPTION_CHILLER,
        ConverterKind.ELECTROLYSER,
        ConverterKind.FUEL_CELL,
        ConverterKind.TURBINE,
    }
)


class Strategy(Enum):
    """What a park does with its equipment.

    ``ALONE``: every site for itself, with imports, its boilers and chillers; nothing is shared or
    stored. ``SHARED``: the same equipment, but sites share and store: what the strategies add is
    seen against it. ``COMPLEMENT`` (strategy 1): besides, thermal generation fills what renewables
    leave. ``CASCADE`` (strategy 2): besides, heat is used at falling temperatures, lifted by
    heat pumps, turned into cooling; electrolysis and fuel cells. ``BOTH``.
    """

    ALONE = "every site alone"
    SHARED = "sharing only"
    COMPLEMENT = "strategy 1"
    CASCADE = "strategy 2"
    BOTH = "both"


KINDS: Mapping[Strategy, frozenset[ConverterKind]] = {
    Strategy.ALONE: _PLAIN,
    Strategy.SHARED: _PLAIN,
    Strategy.COMPLEMENT: _PLAIN | _THERMAL,
    Strategy.CASCADE: _PLAIN | _CASCADE,
    Strategy.BOTH: _PLAIN | _THERMAL | _CASCADE,
}


@dataclass(frozen=True, slots=True)
class Arrangement:
    """The park as a strategy sees it, and prices in the order of its connections."""

    strategy: Strategy
    park: Park
    signal: ParkSignal

    def programme(self, scenarios: int = 1) -> ParkProgramme:
        """What the strategy may do, for as many scenarios."""
        return ParkProgramme(
            self.park, scenarios, KINDS[self.strategy], self.strategy is not Strategy.ALONE
        )


def arrange(park: Park, signal: ParkSignal, strategy: Strategy) -> Arrangement:
    """Alone, every site is a zone of its own; otherwise nothing changes.

    A site alone has that share of each of its zone's connections which its own demands, boilers,
    chillers and renewable plants could use, so that all sites together never have more than the
    park.
    """
    if strategy is not Strategy.ALONE:
        return Arrangement(strategy, park, signal)
    connections: list[GridConnection] = []
    source: list[int] = []
    for site in park.sites:
        for place, connection in enumerate(park.connections):
            if connection.zone != site.zone:
                continue
            share = _share(park, site, connection)
            source.append(place)
            connections.append(
                replace(
                    connection,
                    name=f"{connection.name} of {site.name}",
                    zone=site.name,
                    import_max_w=connection.import_max_w * share,
                    export_max_w=connection.export_max_w * share,
                )
            )
    alone = replace(
        park,
        zones=tuple(site.name for site in park.sites),
        sites=tuple(replace(site, zone=site.name) for site in park.sites),
        connections=tuple(connections),
        links=(),
    )
    picked = np.array(source, dtype=np.intp)
    prices = replace(
        signal,
        buy_per_kwh=signal.buy_per_kwh[picked],
        sell_per_kwh=signal.sell_per_kwh[picked],
    )
    return Arrangement(strategy, alone, prices)


def _share(park: Park, site: ParkSite, connection: GridConnection) -> float:
    sizes = [_use_w(other, connection.carrier) for other in park.sites if other.zone == site.zone]
    return _use_w(site, connection.carrier) / max(sum(sizes), 1e-9)


def _use_w(site: ParkSite, carrier: Carrier) -> float:
    """The most a site alone could take or give of a carrier, W."""
    demands = sum(part.peak_w for part in site.processes if part.carrier is carrier)
    drives = sum(
        part.capacity_w for part in site.converters if part.drive is carrier and part.kind in _PLAIN
    )
    plants = sum(part.capacity_w for part in site.renewables)
    return demands + drives + (plants if carrier is Carrier.ELECTRICITY else 0.0)
