"""Days as they may come: the forecast with errors that fade slowly."""

from __future__ import annotations

import numpy as np

from twin.autoregression import fading
from twin.chp.model import ChpModel, ChpSamples


def draw_days(model: ChpModel, rng: np.random.Generator, n: int) -> ChpSamples:
    """Draw ``n`` days around the forecast, arrays (scenario, slot).

    Errors of temperature and wind are first-order autoregressions (see ForecastErrors), wind stays
    between nothing and its installed capacity; hot water is off by one factor for the whole day.
    """
    errors, forecast, horizon = model.errors, model.forecast, model.horizon
    shape = (n, horizon.slots)
    outdoor = fading(rng.standard_normal(shape), horizon.slot_hours / errors.outdoor_hours)
    wind = fading(rng.standard_normal(shape), horizon.slot_hours / errors.wind_hours)
    factor = 1.0 + errors.hot_water_share * rng.standard_normal((n, 1))
    blows = forecast.wind_w + errors.wind_share * errors.wind_capacity_w * wind
    capacity = max(errors.wind_capacity_w, float(forecast.wind_w.max()))
    return ChpSamples(
        outdoor_c=forecast.outdoor_c + errors.outdoor_k * outdoor,
        wind_w=np.clip(blows, 0.0, capacity),
        hot_water_w=forecast.hot_water_w * np.maximum(factor, 0.0),
    )
