"""A day-ahead forecast from the user's own weather and wind."""

from __future__ import annotations

from twin.chp.model import DayAhead, FloatArray
from twin.chp.power_series import PowerSeries
from twin.horizon import Horizon
from twin.weather.series import OUTDOOR, WeatherSeries


def forecast_from(
    horizon: Horizon, weather: WeatherSeries, wind: PowerSeries, hot_water_w: FloatArray
) -> DayAhead:
    """Put series on the horizon's slots; ``hot_water_w`` is (slot,).

    Raises WeatherGapError or PowerFileError where a series does not cover the horizon.
    """
    return DayAhead(weather.on(horizon)[OUTDOOR], wind.on(horizon), hot_water_w)
