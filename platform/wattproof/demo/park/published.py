"""Eight sites of the published park with a station: what forecast and seed make of their day."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from market.park_energy.rules import CARRIERS, ZONES
from market.storage_station.dispatch import StationInputs
from twin.park.carriers import Carrier
from twin.park.dispatch import place_of
from twin.park.model import ParkModel, ParkSetup, ParkSignal
from twin.park.programme import ParkProgramme
from twin.park.sampling import draw_days, forecast_day
from twin.park.twin import ParkTwin
from twin.storage_station.model import StationSignal, StationSite
from twin.storage_station.station import StationState, StorageStation
from wattproof.demo.park.scene import STATION_ZONE, Failure, Scene

_STATION = StorageStation(
    charge_power_w=4e6,
    discharge_power_w=4e6,
    capacity_wh=16e6,
    charge_efficiency=0.95,
    discharge_efficiency=0.95,
    self_discharge_per_hour=0.0002,
    least_share=0.05,
    most_share=0.95,
    wear_per_kwh=0.006,
)
_LEFT_OUT = frozenset({"food", "paper", "greenhouses", "offices"})
_STORED_SHARE = 0.3
_FAILURE_SLOTS = 6
_FAILURE_SHARE = 0.6


def smaller(setup: ParkSetup) -> ParkSetup:
    """The park without the sites that only repeat what others do, so that the day goes quickly."""
    park = setup.park
    kept = tuple(site for site in park.sites if site.name not in _LEFT_OUT)
    return replace(setup, park=replace(park, sites=kept))


def scene_of(
    title: str,
    setup: ParkSetup,
    signal: ParkSignal,
    seed: int,
    said: dict[str, Any],
    notes: tuple[str, ...] = (),
) -> Scene:
    """What is expected of the day, what will come of it, and what will fail.

    The site whose plan a dispatcher reviews is the one with the largest machine that makes
    electricity, and that machine fails where electricity is dearest.

    Raises ParkError for a park or weather that cannot be.
    """
    model = ParkTwin().construct(smaller(setup))
    expected = forecast_day(model)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(17,)))
    real = draw_days(model, rng, 1)
    price = ParkProgramme(model.park).solve(expected, signal).price_per_kwh[0]
    electricity = price[place_of(ZONES.index(STATION_ZONE), Carrier.ELECTRICITY)]
    site, part = _largest_generator(model)
    dearest = int(np.argmax(np.convolve(electricity, np.ones(_FAILURE_SLOTS), mode="valid")))
    station_site = StationSite(
        horizon=model.park.horizon,
        station=_STATION,
        state=StationState(_STORED_SHARE * _STATION.capacity_wh),
    )
    return Scene(
        title=title,
        model=model,
        signal=signal,
        expected=expected,
        real=real,
        price_per_kwh=price,
        station=StationInputs(station_site, StationSignal(electricity), seed=seed),
        desk_site=site,
        failure=Failure(site, part, range(dearest, dearest + _FAILURE_SLOTS), _FAILURE_SHARE),
        input=said | {"carriers": list(CARRIERS), "zones": list(ZONES)},
        notes=notes,
    )


def _largest_generator(model: ParkModel) -> tuple[str, str]:
    """Site and name of the largest machine that makes electricity."""
    found = [
        (part.capacity_w, site.name, part.name)
        for site, part in model.park.converters()
        if Carrier.ELECTRICITY in part.outputs
    ]
    _, site_name, part_name = max(found)
    return site_name, part_name
