"""What a park is made of: participants with their equipment, connections, links.

Powers are in W and never negative, energies in Wh, prices in currency per kWh, arrays (slot,).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from twin.horizon import Horizon
from twin.park.carriers import Carrier
from twin.park.converter import Converter
from twin.weather.series import Place

FloatArray = NDArray[np.float64]


class ParkError(ValueError):
    """A park that cannot exist: the message names the element and what to do about it."""


@dataclass(frozen=True, slots=True)
class Store:
    """Keeps ``carrier`` for later.

    Of a Wh charged ``charge_efficiency`` arrives; a Wh given takes ``1 / discharge_efficiency``.
    ``loss_per_hour`` is the share of its content an hour takes. ``initial_wh`` is the content at
    the start, and what must be there again at the end. ``cost_per_kwh`` is wear a kWh charged.
    """

    name: str
    carrier: Carrier
    capacity_wh: float
    charge_max_w: float
    discharge_max_w: float
    charge_efficiency: float = 1.0
    discharge_efficiency: float = 1.0
    loss_per_hour: float = 0.0
    initial_wh: float = 0.0
    cost_per_kwh: float = 0.0


class Technology(Enum):
    """What a renewable plant makes electricity from."""

    SUN = "photovoltaics"
    WIND = "wind"


@dataclass(frozen=True, slots=True)
class Renewable:
    """A plant of ``capacity_w`` (photovoltaics: DC peak) that gives at most what weather allows.

    ``tilt_deg`` from the horizontal and ``azimuth_deg`` from north are the modules'.
    """

    name: str
    technology: Technology
    capacity_w: float
    tilt_deg: float = 20.0
    azimuth_deg: float = 180.0


class ProcessType(Enum):
    """How a demand runs through the day (see twin.park.demand)."""

    CONTINUOUS = "round the clock"
    SHIFTS = "two shifts"
    BATCH = "batches"
    OFFICE = "office hours"
    SPACE_HEATING = "space heating"
    SPACE_COOLING = "space cooling"


@dataclass(frozen=True, slots=True)
class WillingnessBlock:
    """``share`` of a demand is worth ``value_per_kwh``: above that price it is not taken."""

    share: float
    value_per_kwh: float


@dataclass(frozen=True, slots=True)
class Process:
    """A need for ``carrier`` that follows its ``type`` up to ``peak_w``.

    ``blocks`` (dearest first, shares summing to 1) say what it pays: demand falls with the price.
    What is not served costs its block's value.
    """

    name: str
    carrier: Carrier
    type: ProcessType
    peak_w: float
    blocks: tuple[WillingnessBlock, ...]


@dataclass(frozen=True, slots=True)
class ParkSite:
    """One participant: a consumer, a supplier, a converter, or all of these."""

    name: str
    zone: str
    converters: tuple[Converter, ...] = ()
    stores: tuple[Store, ...] = ()
    renewables: tuple[Renewable, ...] = ()
    processes: tuple[Process, ...] = ()


@dataclass(frozen=True, slots=True)
class GridConnection:
    """Where a zone buys and sells a carrier outside of the park.

    ``buy_per_kwh`` and ``sell_per_kwh`` are shaped (slot,); a Wh sold never earns more than a Wh
    bought costs. ``carbon_kg_per_kwh`` and ``primary_per_kwh`` (Wh of primary energy a Wh) count
    what is bought, and are credited for what is sold.
    """

    name: str
    zone: str
    carrier: Carrier
    buy_per_kwh: FloatArray
    sell_per_kwh: FloatArray
    import_max_w: float
    export_max_w: float
    carbon_kg_per_kwh: float
    primary_per_kwh: float


@dataclass(frozen=True, slots=True)
class Link:
    """A line or pipe from zone ``source`` to zone ``target``; ``loss`` is lost of what enters.

    One direction: two links make a line that serves both ways.
    """

    name: str
    carrier: Carrier
    source: str
    target: str
    capacity_w: float
    loss: float = 0.0


@dataclass(frozen=True, slots=True)
class Park:
    """Everything that trades together over ``horizon``. ``zones`` in the market's order.

    Heat of any level may be rejected to the outdoors in any zone at ``rejection_per_kwh``
    (fans and pumps of cooling towers). People work by the clock of ``time_zone``.
    """

    name: str
    horizon: Horizon
    place: Place
    zones: tuple[str, ...]
    sites: tuple[ParkSite, ...]
    connections: tuple[GridConnection, ...]
    links: tuple[Link, ...] = ()
    rejection_per_kwh: float = 0.001
    time_zone: str = "UTC"

    def site(self, name: str) -> ParkSite:
        """The site of a name; KeyError names those there are."""
        for site in self.sites:
            if site.name == name:
                return site
        raise KeyError(f"no site {name!r} in {self.name}: {', '.join(s.name for s in self.sites)}")

    def converters(self) -> Iterator[tuple[ParkSite, Converter]]:
        """Every converter with its site: the order of (converter, slot) arrays."""
        return ((site, part) for site in self.sites for part in site.converters)

    def stores(self) -> Iterator[tuple[ParkSite, Store]]:
        """Every store with its site: the order of (store, slot) arrays."""
        return ((site, part) for site in self.sites for part in site.stores)

    def renewables(self) -> Iterator[tuple[ParkSite, Renewable]]:
        """Every renewable plant with its site: the order of (renewable, slot) arrays."""
        return ((site, part) for site in self.sites for part in site.renewables)

    def processes(self) -> Iterator[tuple[ParkSite, Process]]:
        """Every process with its site: the order of (process, slot) arrays."""
        return ((site, part) for site in self.sites for part in site.processes)
