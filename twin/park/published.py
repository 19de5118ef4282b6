"""The published park: twelve sites in two zones on a day in spring, the same for everybody.

Everything is invented within the ranges that are usual for such equipment, so that anyone can run
the same study without files. North has the utility, steam users and wind; south cooling, offices,
greenhouses and sun. Every site that needs something could also make it alone, as sites do that do
not share.

| quantity | value | as usual for |
|---|---|---|
| gas engine | 40 to 43 % electricity, 43 % hot water | engines of 3 to 10 MW |
| gas boilers | 91 to 94 %, condensing 104 % of LHV | |
| back-pressure turbine | 13 % electricity, 85 % hot water | steam of 180 C to water of 90 C |
| chillers | EER 5.0 to 3.6; 4.4 to 3.2 with recovery at 45 C | screw and centrifugal chillers |
| absorption chiller | COP 0.70 at 90 C | single-effect lithium bromide |
| heat pumps | COP 4.4 from 45 C to 90 C, 2.2 to 180 C | high-temperature heat pumps |
| electrolyser | 66 to 60 % of LHV, 16 % warm water | alkaline and PEM systems |
| fuel cell | 50 % electricity, 30 % hot water | PEM systems |
| electricity | 60 to 190 a MWh spot, 45 a MWh fees on what is bought | |
| gas, hydrogen by trailer | 48 and 270 a MWh | |
| carbon | 70 a tonne; grid 0.35, gas 0.202, hydrogen 0.33 kg/kWh | |
| primary energy | electricity 2.5, gas 1.1, hydrogen 1.5 | |

Sources: Danish Energy Agency, "Technology data" (generation of electricity and district heating;
industrial process heat; renewable fuels; energy storage); IPCC 2006 Guidelines, volume 2, table 1.4
(natural gas 56.1 kg/GJ = 0.202 kg/kWh); EN ISO 52000-1:2017 annex B (electricity, gas). Grid
electricity is of the order of the European mean; hydrogen is reformed gas at 75 % (1.1 / 0.75 in
primary energy, about 9.3 kg of carbon dioxide a kg with upstream losses left out, carried to 11).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from twin.horizon import Horizon
from twin.park import equipment as make
from twin.park.carriers import Carrier
from twin.park.model import ParkSetup, ParkSignal, ParkWeather
from twin.park.site import (
    FloatArray,
    GridConnection,
    Link,
    Park,
    ParkSite,
    Process,
    ProcessType,
    Renewable,
    Store,
    Technology,
    WillingnessBlock,
)
from twin.weather.series import Place
from twin.weather.sun import clear_sky

NORTH, SOUTH = "north", "south"
CARBON_PER_KG = 0.07

_E, _G, _S, _H, _W, _C, _H2 = Carrier
_MW = 1e6
_PLACE = Place(51.4, 12.2, 100.0)
_FIRM = {_E: 2.0, _S: 0.9, _H: 0.8, _W: 0.6, _C: 0.9, _H2: 1.2}
"""What the firm part of a need is worth, currency per kWh."""


@dataclass(frozen=True, slots=True)
class PublishedPark:
    """What the twin is built from, and the prices of the day."""

    setup: ParkSetup
    signal: ParkSignal


def published_park(
    day: datetime = datetime(2026, 4, 22, tzinfo=UTC), mean_c: float = 14.0, cloud: float = 0.8
) -> PublishedPark:
    """The park on a day (UTC) of that mean temperature; ``cloud`` is the share of the beam left."""
    horizon = Horizon(day)
    park = Park(
        name="published park",
        horizon=horizon,
        place=_PLACE,
        zones=(NORTH, SOUTH),
        sites=_SITES,
        connections=connections(horizon, (NORTH, SOUTH)),
        links=links(NORTH, SOUTH),
        time_zone="Europe/Berlin",
    )
    weather = spring_weather(horizon, _PLACE, mean_c, cloud)
    return PublishedPark(ParkSetup(park, weather), ParkSignal.of(park, CARBON_PER_KG))


def spring_weather(horizon: Horizon, place: Place, mean_c: float, cloud: float) -> ParkWeather:
    """A half-clear day with wind that rises in the evening."""
    sky = dict(clear_sky(horizon, place, mean_c=mean_c, swing_k=12.0))
    hours = np.arange(horizon.slots) * horizon.slot_hours
    wind = 7.5 + 2.0 * np.cos(2.0 * np.pi * (hours - 22.0) / 24.0)
    weather = ParkWeather.of(sky, wind)
    return ParkWeather(
        weather.outdoor_c,
        cloud * weather.direct_w_per_m2,
        (1.0 + 0.5 * (1.0 - cloud)) * weather.diffuse_w_per_m2,
        wind,
    )


def spot_per_kwh(horizon: Horizon) -> FloatArray:
    """Day-ahead price of electricity: two peaks, low at noon, (slot,)."""
    hours = (np.arange(horizon.slots) * horizon.slot_hours) % 24.0

    def bump(centre: float, width: float) -> FloatArray:
        away = np.minimum(np.abs(hours - centre), 24.0 - np.abs(hours - centre))
        shape: FloatArray = np.exp(-((away / width) ** 2))
        return shape

    price: FloatArray = 0.105 + 0.05 * bump(6.5, 1.8) + 0.085 * bump(18.0, 2.2)
    return price - 0.05 * bump(11.5, 2.8) - 0.015 * bump(2.0, 3.0)


def connections(
    horizon: Horizon, zones: tuple[str, ...], scale: float = 1.0
) -> tuple[GridConnection, ...]:
    """Electricity both ways, gas and hydrogen (by trailer) one way, in every zone."""
    spot = spot_per_kwh(horizon)
    flat, nothing = np.ones(horizon.slots), np.zeros(horizon.slots)
    made: list[GridConnection] = []
    for zone in zones:
        made += [
            GridConnection(
                f"grid {zone}",
                zone,
                _E,
                spot + 0.045,
                spot - 0.005,
                40 * _MW * scale,
                25 * _MW * scale,
                0.35,
                2.5,
            ),
            GridConnection(
                f"gas {zone}", zone, _G, 0.048 * flat, nothing, 90 * _MW * scale, 0.0, 0.202, 1.1
            ),
            GridConnection(
                f"trailers {zone}", zone, _H2, 0.27 * flat, nothing, 6 * _MW * scale, 0.0, 0.33, 1.5
            ),
        ]
    return tuple(made)


def links(one: str, other: str, scale: float = 1.0) -> tuple[Link, ...]:
    """Lines and pipes between two zones, both ways."""
    sizes = ((_E, 8.0, 0.01), (_H, 4.0, 0.04), (_W, 3.0, 0.05), (_H2, 2.0, 0.005))
    return tuple(
        Link(
            f"{carrier.label} {source} to {target}", carrier, source, target, mw * _MW * scale, lost
        )
        for carrier, mw, lost in sizes
        for source, target in ((one, other), (other, one))
    )


def need(
    name: str,
    carrier: Carrier,
    kind: ProcessType,
    peak_mw: float,
    elastic: float = 0.15,
    elastic_per_kwh: float | None = None,
) -> Process:
    """A need of which the share ``elastic`` is worth less, unless said a quarter of the rest."""
    firm = _FIRM[carrier]
    low = 0.25 * firm if elastic_per_kwh is None else elastic_per_kwh
    blocks = (WillingnessBlock(1.0 - elastic, firm), WillingnessBlock(elastic, low))
    return Process(name, carrier, kind, peak_mw * _MW, blocks)


def store(
    name: str,
    carrier: Carrier,
    mwh: float,
    mw: float,
    efficiency: float = 1.0,
    loss_per_hour: float = 0.0,
    cost_per_kwh: float = 0.0,
) -> Store:
    """A store that is half full at the start; ``efficiency`` each way."""
    return Store(
        name,
        carrier,
        mwh * _MW,
        mw * _MW,
        mw * _MW,
        efficiency,
        efficiency,
        loss_per_hour,
        0.5 * mwh * _MW,
        cost_per_kwh,
    )


_UTILITY = ParkSite(
    "utility",
    NORTH,
    converters=(
        make.chp(
            "engine",
            10 * _MW,
            (0.43, 0.41, 0.40),
            {_H: 0.43},
            cost_per_kwh=0.004,
            ramp_w_per_h=20 * _MW,
        ),
        make.boiler("steam boiler", 14 * _MW, (0.93, 0.91), _S),
        make.turbine("turbine", 6 * _MW, 0.13, {_H: 0.85}, cost_per_kwh=0.001),
        make.heat_exchanger("steam to hot water", 4 * _MW, _S, _H, efficiency=0.98),
        make.heat_exchanger("hot to warm water", 5 * _MW, _H, _W, efficiency=0.98),
    ),
    stores=(store("hot tank", _H, 20, 5, 0.99, 0.002),),
)
_CHEMICALS = ParkSite(
    "chemicals",
    NORTH,
    converters=(
        make.boiler("boiler", 8 * _MW, (0.93, 0.91), _S),
        make.compression_chiller("chiller", 0.5 * _MW, (4.4, 3.6), recovers=True),
        make.heat_pump("steam heat pump", 0.8 * _MW, (2.2, 2.1), _S, _W),
    ),
    processes=(
        need("reactors", _S, ProcessType.CONTINUOUS, 5.0),
        need("cooling", _C, ProcessType.CONTINUOUS, 1.2),
        need("drives", _E, ProcessType.CONTINUOUS, 3.0),
    ),
)
_FOOD = ParkSite(
    "food",
    NORTH,
    converters=(
        make.boiler("boiler", 3 * _MW, 0.93, _H),
        make.compression_chiller("chiller", 0.6 * _MW, (4.4, 3.8, 3.2), recovers=True),
        make.heat_pump("heat pump", 0.6 * _MW, (4.4, 4.0), _H, _W),
    ),
    stores=(store("ice", _C, 6, 1.5, 1.0, 0.004),),
    processes=(
        need("washing", _H, ProcessType.SHIFTS, 2.0),
        need("cold stores", _C, ProcessType.CONTINUOUS, 1.6),
        need("lines", _E, ProcessType.SHIFTS, 1.5),
    ),
)
_PAPER = ParkSite(
    "paper",
    NORTH,
    converters=(
        make.boiler("boiler", 6 * _MW, (0.92, 0.90), _S),
        make.boiler("electrode boiler", 2 * _MW, 0.99, _S, fuel=_E),
        make.heat_exchanger("condensate", 1.5 * _MW, _S, _W, efficiency=0.97),
    ),
    processes=(
        need("dryers", _S, ProcessType.SHIFTS, 4.0),
        need("machines", _E, ProcessType.SHIFTS, 2.5),
    ),
)
_WIND = ParkSite("wind farm", NORTH, renewables=(Renewable("turbines", Technology.WIND, 10 * _MW),))
_HYDROGEN = ParkSite(
    "hydrogen station",
    NORTH,
    converters=(
        make.electrolyser(
            "electrolyser",
            4 * _MW,
            (0.66, 0.63, 0.60),
            warm_share=0.16,
            cost_per_kwh=0.003,
            ramp_w_per_h=16 * _MW,
        ),
        make.fuel_cell("fuel cell", 1.5 * _MW, 0.50, {_H: 0.30}, cost_per_kwh=0.01),
    ),
    stores=(store("hydrogen tank", _H2, 24, 3, 0.97),),
    processes=(need("lorries", _H2, ProcessType.SHIFTS, 1.0, 0.3, 0.25),),
)
_DATA_CENTRE = ParkSite(
    "data centre",
    SOUTH,
    converters=(make.compression_chiller("chiller", 1.4 * _MW, (4.4, 3.9, 3.4), recovers=True),),
    processes=(
        need("servers", _E, ProcessType.CONTINUOUS, 4.0, 0.05),
        need("cooling", _C, ProcessType.CONTINUOUS, 4.0, 0.05),
    ),
)
_ELECTRONICS = ParkSite(
    "electronics",
    SOUTH,
    converters=(
        make.compression_chiller("chiller", 0.6 * _MW, (5.0, 4.2, 3.6)),
        make.absorption_chiller("absorption chiller", 2.5 * _MW, 0.70),
        make.boiler("boiler", 1 * _MW, 0.93, _H),
    ),
    renewables=(Renewable("roof", Technology.SUN, 2 * _MW, 10.0, 180.0),),
    processes=(
        need("clean rooms", _C, ProcessType.CONTINUOUS, 1.6),
        need("tools", _E, ProcessType.SHIFTS, 2.0),
        need("rinsing", _H, ProcessType.BATCH, 0.6),
    ),
)
_DISTRICT = ParkSite(
    "district heat",
    SOUTH,
    converters=(
        make.boiler("condensing boiler", 6 * _MW, 1.04, _W),
        make.heat_pump("river heat pump", 1 * _MW, 4.0, _W, source_c=8.0),
        make.heat_exchanger("transfer", 4 * _MW, _H, _W, efficiency=0.98),
    ),
    stores=(store("warm tank", _W, 12, 3, 0.99, 0.003),),
    processes=(need("homes", _W, ProcessType.SPACE_HEATING, 8.0),),
)
_OFFICES = ParkSite(
    "offices",
    SOUTH,
    converters=(
        make.compression_chiller("chiller", 0.5 * _MW, (5.0, 4.2)),
        make.boiler("boiler", 2 * _MW, 1.02, _W),
    ),
    renewables=(Renewable("roof", Technology.SUN, 0.8 * _MW, 20.0, 200.0),),
    processes=(
        need("lights", _E, ProcessType.OFFICE, 1.0, 0.1),
        need("air", _C, ProcessType.SPACE_COOLING, 2.0, 0.3),
        need("rooms", _W, ProcessType.SPACE_HEATING, 1.5),
    ),
)
_GREENHOUSE = ParkSite(
    "greenhouses",
    SOUTH,
    converters=(make.boiler("boiler", 3 * _MW, 1.03, _W),),
    processes=(
        need("beds", _W, ProcessType.SPACE_HEATING, 4.0, 0.3, 0.05),
        need("lamps", _E, ProcessType.BATCH, 0.8, 0.5, 0.15),
    ),
)
_SOLAR = ParkSite(
    "solar park",
    SOUTH,
    stores=(store("battery", _E, 8, 4, 0.95, 0.0005, 0.008),),
    renewables=(
        Renewable("south rows", Technology.SUN, 6 * _MW, 30.0, 180.0),
        Renewable("west rows", Technology.SUN, 3 * _MW, 20.0, 260.0),
    ),
)
_SITES = (
    _UTILITY,
    _CHEMICALS,
    _FOOD,
    _PAPER,
    _WIND,
    _HYDROGEN,
    _DATA_CENTRE,
    _ELECTRONICS,
    _DISTRICT,
    _OFFICES,
    _GREENHOUSE,
    _SOLAR,
)
