"""The mall's forecast of a day, put together from weather and opening hours."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from twin.horizon import Horizon
from twin.mall.building import FloatArray
from twin.mall.model import BoolArray, DayAhead
from twin.weather.series import DIFFUSE, DIRECT, HUMIDITY, OUTDOOR, Place
from twin.weather.sun import surface_irradiance


def day_ahead(
    horizon: Horizon,
    place: Place,
    weather: Mapping[str, FloatArray],
    customers: FloatArray,
    is_open: BoolArray,
) -> DayAhead:
    """A day from weather on its slots (``WeatherSeries.on`` or ``clear_sky``), and its customers.

    Raises MallShapeError where series do not fit together.
    """
    return DayAhead(
        outdoor_c=np.asarray(weather[OUTDOOR], dtype=float),
        humidity_percent=np.asarray(weather[HUMIDITY], dtype=float),
        sun_w_per_m2=surface_irradiance(horizon, place, weather[DIRECT], weather[DIFFUSE]),
        customers=np.asarray(customers, dtype=float),
        open=np.asarray(is_open, dtype=bool),
    )
