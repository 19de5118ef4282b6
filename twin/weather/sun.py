"""Sunshine: on every outer surface of a building, and under a clear sky (pvlib)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    sun = _sun(horizon, place)
    found = [
        sum(_on_plane(sun, tilt, azimuth, direct_w_per_m2, diffuse_w_per_m2))
        for tilt, azimuth in SURFACE_POSITIONS.values()
    ]
    return np.column_stack(found)


def plane_irradiance(
    horizon: Horizon,
    place: Place,
    planes: Sequence[tuple[float, float]],
    direct_w_per_m2: FloatArray,
    diffuse_w_per_m2: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Beam, and diffuse with what the ground reflects, on planes of (tilt from the horizontal,
    azimuth from north) in degrees, each (plane, slot), W/m2; see :func:`surface_irradiance`."""
    sun = _sun(horizon, place)
    parts = np.array(
        [_on_plane(sun, *plane, direct_w_per_m2, diffuse_w_per_m2) for plane in planes]
    ).reshape(len(planes), 2, horizon.slots)
    return parts[:, 0], parts[:, 1]


def _sun(horizon: Horizon, place: Place) -> tuple[FloatArray, FloatArray]:
    """Apparent zenith and azimuth of the sun in the middle of every slot, degrees."""
    from pvlib.solarposition import get_solarposition

    times = _middles(horizon)
    found = get_solarposition(times, place.latitude, place.longitude, place.altitude_m)
    zenith = found["apparent_zenith"].to_numpy(dtype=float)
    return zenith, found["azimuth"].to_numpy(dtype=float)


def _on_plane(
    sun: tuple[FloatArray, FloatArray],
    tilt: float,
    azimuth: float,
    direct: FloatArray,
    diffuse: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    from pvlib.irradiance import get_total_irradiance

    zenith, sun_azimuth = sun
    up = np.maximum(np.cos(np.radians(zenith)), 0.0)
    beam = np.where(up > 0.0, direct, 0.0)
    found = get_total_irradiance(
        surface_tilt=tilt,
        surface_azimuth=azimuth,
        solar_zenith=zenith,
        solar_azimuth=sun_azimuth,
        dni=beam,
        ghi=beam * up + diffuse,
        dhi=diffuse,
        albedo=0.2,
        model="isotropic",
    )
    on_beam, on_sky = (
        np.maximum(np.nan_to_num(found[part]), 0.0) for part in ("poa_direct", "poa_diffuse")
    )
    return on_beam, on_sky


def _middles(horizon: Horizon) -> Any:
    """A pandas index of the middles of all slots."""
    import pandas as pd

    half = timedelta(seconds=horizon.slot_seconds / 2)
    return pd.date_range(
        horizon.start + half, periods=horizon.slots, freq=f"{horizon.slot_seconds}s"
    )
