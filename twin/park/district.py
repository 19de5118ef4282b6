"""Parks of any size, drawn from a seed: for benchmarks and for tests on many parks."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import numpy as np

from twin.horizon import Horizon
from twin.park import equipment as make
from twin.park.carriers import Carrier
from twin.park.converter import Converter
from twin.park.model import ParkSetup, ParkSignal
from twin.park.published import (
    CARBON_PER_KG,
    PublishedPark,
    connections,
    links,
    need,
    spring_weather,
    store,
)
from twin.park.site import Park, ParkSite, Process, ProcessType, Renewable, Store, Technology
from twin.weather.series import Place

_E, _G, _S, _H, _W, _C, _H2 = Carrier
_MW = 1e6
_PLACE = Place(51.4, 12.2, 100.0)
_DAY = datetime(2026, 4, 22, tzinfo=UTC)
_DAY_SECONDS = 86_400


def district(sites: int = 50, slots: int = 96, seed: int = 1, zones: int = 2) -> PublishedPark:
    """``sites`` drawn of five sorts in ``zones``, a day in ``slots``; the same seed, the same park.

    They trade electricity, hot water, cooling and hydrogen (and gas and warm water behind
    these). Raises ValueError for less than one of anything, or slots that do not divide a day.
    """
    if min(sites, slots, zones) < 1 or _DAY_SECONDS % slots:
        raise ValueError(f"{sites} sites, {zones} zones and {slots} slots make no day of a park")
    rng = np.random.default_rng(seed)
    horizon = Horizon(_DAY, _DAY_SECONDS // slots, slots)
    names = tuple(f"zone {number + 1}" for number in range(zones))
    scale = max(1.0, sites / 12.0)
    lines = [part for one, other in pairwise(names) for part in links(one, other, scale / zones)]
    park = Park(
        name=f"district of {sites}",
        horizon=horizon,
        place=_PLACE,
        zones=names,
        sites=tuple(_site(rng, number, names[number % zones]) for number in range(sites)),
        connections=connections(horizon, names, scale),
        links=tuple(lines),
    )
    weather = spring_weather(horizon, _PLACE, mean_c=14.0, cloud=0.7)
    return PublishedPark(ParkSetup(park, weather), ParkSignal.of(park, CARBON_PER_KG))


def _site(rng: np.random.Generator, number: int, zone: str) -> ParkSite:
    """Every site heats and cools itself if it must; what else it has goes by its sort."""
    size = float(rng.uniform(0.4, 2.0))
    plain: tuple[Converter, ...] = (
        make.boiler("boiler", 1.5 * size * _MW, float(rng.uniform(0.90, 0.94)), _H),
        make.compression_chiller("chiller", 0.4 * size * _MW, (4.4, 3.6), recovers=True),
    )
    special, stores = _special(number // 2 % 5, size, rng)
    renewables: tuple[Renewable, ...] = ()
    if number % 3 == 0:
        renewables = (Renewable("roof", Technology.SUN, 1.2 * size * _MW),)
    elif number % 7 == 1:
        renewables = (Renewable("turbine", Technology.WIND, 2.0 * size * _MW),)
    return ParkSite(
        f"site {number + 1}", zone, plain + special, stores, renewables, _needs(size, rng)
    )


def _special(
    sort: int, size: float, rng: np.random.Generator
) -> tuple[tuple[Converter, ...], tuple[Store, ...]]:
    mw = size * _MW
    if sort == 0:
        electric = float(rng.uniform(0.40, 0.43))
        engine = make.chp(
            "engine",
            2.5 * mw,
            (electric, electric - 0.02, electric - 0.03),
            {_H: 0.43},
            cost_per_kwh=0.004,
            ramp_w_per_h=5.0 * mw,
        )
        return (engine,), (store("hot tank", _H, 4.0 * size, size, 0.99, 0.002),)
    if sort == 1:
        absorber = make.absorption_chiller("absorption chiller", mw, float(rng.uniform(0.65, 0.75)))
        return (absorber,), (store("ice", _C, 2.0 * size, 0.5 * size, 1.0, 0.004),)
    if sort == 2:
        cells = make.electrolyser(
            "electrolyser", 2.0 * mw, (0.66, 0.62), warm_share=0.16, ramp_w_per_h=8.0 * mw
        )
        cell = make.fuel_cell("fuel cell", 0.5 * mw, 0.5, {_H: 0.3})
        return (cells, cell), (store("hydrogen tank", _H2, 6.0 * size, size, 0.97),)
    if sort == 3:
        lift = make.heat_pump("heat pump", 0.4 * mw, (4.4, 4.0, 3.6), _H, _W)
        return (lift,), (store("warm tank", _W, 3.0 * size, size, 0.99, 0.003),)
    fall = make.heat_exchanger("exchanger", mw, _H, _W, efficiency=0.98)
    return (fall,), (store("battery", _E, 2.0 * size, size, 0.95, 0.0005, 0.008),)


def _needs(size: float, rng: np.random.Generator) -> tuple[Process, ...]:
    kinds = (ProcessType.CONTINUOUS, ProcessType.SHIFTS, ProcessType.OFFICE, ProcessType.BATCH)

    def draw(name: str, carrier: Carrier, most_mw: float) -> Process:
        kind = kinds[int(rng.integers(len(kinds)))]
        peak = size * float(rng.uniform(0.4, 1.0)) * most_mw
        return need(name, carrier, kind, peak, 0.2, float(rng.uniform(0.03, 0.4)))

    wanted = [draw("power", _E, 1.0), draw("heat", _H, 0.8), draw("cold", _C, 0.8)]
    if rng.random() < 0.3:
        wanted.append(draw("hydrogen", _H2, 0.3))
    return tuple(wanted)
