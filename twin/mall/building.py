"""What a mall is made of.

Heat and power are in W, capacities in Wh/K, conductances in W/K, areas in m2. Every zone has two
nodes: its air (with what follows the air at once) and its mass (floors, walls, goods).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from twin.mall.chiller import ChillerPlant, check_plant
from twin.weather.sun import SURFACE_POSITIONS

FloatArray = NDArray[np.float64]

SURFACES = tuple(SURFACE_POSITIONS)
"""The order of outer surfaces wherever sunshine is told by surface."""


class MallError(ValueError):
    """A mall that cannot exist; names the part and the value."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A part of the mall with its own air handling.

    ``coupling_w_per_k`` joins air and mass, ``air_loss_w_per_k`` (windows, infiltration) and
    ``mass_loss_w_per_k`` (walls, roof) join either with outdoors, at all hours;
    ``ventilation_w_per_k`` is the fresh air of opening hours. ``aperture_m2`` is the effective
    solar aperture (area times solar heat gain) by surface in the order of :data:`SURFACES`.
    ``customer_share`` of all customers are in this zone. ``cooling_max_w`` is what its air handling
    can take out. ``gain_scale`` is the zone's heat of people, light and goods over what
    :class:`InternalLoads` says; ``bias_w`` is heat found by metering, its cause unknown.
    """

    name: str
    floor_m2: float
    air_wh_per_k: float
    mass_wh_per_k: float
    coupling_w_per_k: float
    air_loss_w_per_k: float
    mass_loss_w_per_k: float
    ventilation_w_per_k: float
    aperture_m2: tuple[float, float, float, float, float]
    customer_share: float
    cooling_max_w: float
    gain_scale: float = 1.0
    bias_w: float = 0.0


@dataclass(frozen=True, slots=True)
class Passage:
    """Open air path or thin wall between two zones, by their names."""

    first: str
    second: str
    conductance_w_per_k: float


@dataclass(frozen=True, slots=True)
class InternalLoads:
    """Electricity and heat of people, light, goods and fans.

    Sensible and latent heat of a person: ISO 7730 and ASHRAE Fundamentals, standing and walking
    about a shop. Lighting and plugs are W per m2 in opening hours, and ``closed_share`` of it
    otherwise; fans run in opening hours. ``radiant_share`` of all sensible gains goes to the
    mass. ``solar_to_air`` of sunshine heats the air at once. ``other_load_scale`` is what the
    meter says of all electricity but the chillers'.
    """

    person_sensible_w: float = 75.0
    person_latent_w: float = 70.0
    lighting_w_per_m2: float = 12.0
    plug_w_per_m2: float = 8.0
    fan_w_per_m2: float = 4.0
    closed_share: float = 0.12
    radiant_share: float = 0.4
    solar_to_air: float = 0.3
    other_load_scale: float = 1.0


@dataclass(frozen=True, slots=True)
class ColdStore:
    """A chilled-water tank, fully mixed in energy terms.

    ``loss_per_hour`` is the share of the stored cold lost in an hour (standing losses and mixing
    across the thermocline); ``charge_efficiency`` is stored cold over cold put in.
    """

    capacity_wh: float
    charge_max_w: float
    discharge_max_w: float
    loss_per_hour: float = 0.004
    charge_efficiency: float = 0.97


NO_STORE = ColdStore(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Mall:
    """Zones, passages between them, what is inside, what cools them."""

    zones: tuple[Zone, ...]
    passages: tuple[Passage, ...]
    loads: InternalLoads
    chillers: ChillerPlant
    store: ColdStore = NO_STORE

    @property
    def zone_names(self) -> tuple[str, ...]:
        return tuple(zone.name for zone in self.zones)

    def of_zones(self, attribute: str) -> FloatArray:
        """A number of every zone as an array, (zone,) or (zone, surface)."""
        return np.array([getattr(zone, attribute) for zone in self.zones], dtype=float)


def check_mall(mall: Mall) -> None:
    """Raise MallError for the first thing that no real mall can have."""
    if not mall.zones:
        raise MallError("a mall has at least one zone")
    names = mall.zone_names
    if len(set(names)) != len(names):
        raise MallError(f"two zones have the same name: {', '.join(names)}")
    for zone in mall.zones:
        _check_zone(zone)
    for passage in mall.passages:
        for name in (passage.first, passage.second):
            if name not in names:
                raise MallError(f"a passage leads to {name!r}, which is no zone")
        if passage.first == passage.second or not passage.conductance_w_per_k > 0.0:
            raise MallError(f"the passage {passage.first} to {passage.second} joins nothing")
    share = sum(zone.customer_share for zone in mall.zones)
    if abs(share - 1.0) > 1e-6:
        raise MallError(f"customer shares of the zones add up to {share:g}, not to 1")
    for field in fields(mall.loads):
        value = getattr(mall.loads, field.name)
        most = 1.0 if field.name.endswith(("share", "to_air")) else np.inf
        if not 0.0 <= value <= most or not np.isfinite(value):
            raise MallError(f"internal loads: {field.name} = {value:g} is out of range")
    check_plant(mall.chillers)
    store = mall.store
    for field in fields(store):
        value = getattr(store, field.name)
        if not 0.0 <= value < np.inf:
            raise MallError(f"cold store: {field.name} = {value:g} is negative or unbounded")
    if store.loss_per_hour >= 1.0 or not 0.0 < store.charge_efficiency <= 1.0:
        raise MallError("a cold store loses less than all, and gains no more than is put in")


def _check_zone(zone: Zone) -> None:
    for field in fields(zone):
        if field.name in ("name", "bias_w"):
            continue
        values = np.atleast_1d(np.asarray(getattr(zone, field.name), dtype=float))
        if not np.isfinite(values).all() or (values < 0.0).any():
            raise MallError(f"zone {zone.name}: {field.name} is negative or unbounded")
    if len(zone.aperture_m2) != len(SURFACES):
        raise MallError(f"zone {zone.name}: one aperture for each of {', '.join(SURFACES)}")
    for name in ("floor_m2", "air_wh_per_k", "mass_wh_per_k", "coupling_w_per_k"):
        if getattr(zone, name) <= 0.0:
            raise MallError(f"zone {zone.name}: {name} must be above 0")
    if zone.air_loss_w_per_k + zone.mass_loss_w_per_k <= 0.0:
        raise MallError(f"zone {zone.name} exchanges no heat with outdoors")
