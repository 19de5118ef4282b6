"""Sunshine: on every outer surface of a building, and under a clear sky (pvlib)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np

from twin.horizon import Horizon
from twin.weather.series import DIFFUSE, DIRECT, HUMIDITY, OUTDOOR, FloatArray, Place

SURFACE_POSITIONS = {
    "roof": (0.0, 180.0),
    "north": (90.0, 0.0),
    "east": (90.0, 90.0),
    "south": (90.0, 180.0),
    "west": (90.0, 270.0),
}
"""Tilt from the horizontal and azimuth from north, degrees."""

_WARMEST_HOUR = 15.0
_DAY_HOURS = 24.0


def clear_sky(
    horizon: Horizon,
    place: Place,
    mean_c: float,
    swing_k: float,
    humidity_percent: float = 50.0,
) -> Mapping[str, FloatArray]:
    """A cloudless day, (slot,) by the names of :data:`twin.weather.series.COLUMNS`.

    Irradiance by the model of Ineichen and Perez (2002); temperature is a sine of
    ``swing_k`` between lowest and highest around ``mean_c``, warmest at 15:00 solar time; humidity
    follows it with the air's water kept.
    """
    from pvlib.location import Location

    from twin.weather.moist_air import humidity_ratio, relative_humidity_percent

    times = _middles(horizon)
    where = Location(place.latitude, place.longitude, "UTC", place.altitude_m)
    sky = where.get_clearsky(times, model="ineichen")
    solar_hour = (times.hour + times.minute / 60.0).to_numpy() + place.longitude / 15.0
    phase = 2.0 * np.pi * (solar_hour - _WARMEST_HOUR) / _DAY_HOURS
    outdoor = mean_c + 0.5 * swing_k * np.cos(phase)
    water = humidity_ratio(np.array(mean_c), np.array(humidity_percent))
    return {
        OUTDOOR: outdoor,
        HUMIDITY: relative_humidity_percent(outdoor, water),
        DIFFUSE: sky["dhi"].to_numpy(dtype=float),
        DIRECT: sky["dni"].to_numpy(dtype=float),
    }


def surface_irradiance(
    horizon: Horizon, place: Place, direct_w_per_m2: FloatArray, diffuse_w_per_m2: FloatArray
) -> FloatArray:
    """Irradiance of every surface in the order of :data:`SURFACE_POSITIONS`, (slot, surface), W/m2.

    Beam by the sun's position in the middle of the slot, an isotropic sky, and a fifth reflected
    from the ground (pvlib).
    """
    from pvlib.irradiance import get_total_irradiance
    from pvlib.solarposition import get_solarposition

    times = _middles(horizon)
    sun = get_solarposition(times, place.latitude, place.longitude, place.altitude_m)
    up = np.maximum(np.cos(np.radians(sun["apparent_zenith"].to_numpy(dtype=float))), 0.0)
    beam = np.where(up > 0.0, direct_w_per_m2, 0.0)
    found = [
        get_total_irradiance(
            surface_tilt=tilt,
            surface_azimuth=azimuth,
            solar_zenith=sun["apparent_zenith"].to_numpy(dtype=float),
            solar_azimuth=sun["azimuth"].to_numpy(dtype=float),
            dni=beam,
            ghi=beam * up + diffuse_w_per_m2,
            dhi=diffuse_w_per_m2,
            albedo=0.2,
            model="isotropic",
        )["poa_global"]
        for tilt, azimuth in SURFACE_POSITIONS.values()
    ]
    on_surfaces: FloatArray = np.maximum(np.nan_to_num(np.column_stack(found)), 0.0)
    return on_surfaces


def _middles(horizon: Horizon) -> Any:
    """A pandas index of the middles of all slots."""
    import pandas as pd

    half = timedelta(seconds=horizon.slot_seconds / 2)
    return pd.date_range(
        horizon.start + half, periods=horizon.slots, freq=f"{horizon.slot_seconds}s"
    )
