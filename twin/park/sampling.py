"""Days as they may come: weather with errors that fade slowly, and what follows from it."""

from __future__ import annotations

import numpy as np

from twin.autoregression import fading
from twin.park.demand import wanted_w
from twin.park.model import ParkModel, ParkSamples
from twin.park.renewables import photovoltaic_w, wind_power_w
from twin.park.site import FloatArray, Technology

_LEAST_CLEAR, _MOST_CLEAR = 0.03, 1.2
_SCATTERED = 0.5
_LEAST_DEMAND, _MOST_DEMAND = 0.2, 2.0


def draw_days(model: ParkModel, rng: np.random.Generator, n: int) -> ParkSamples:
    """Draw ``n`` days; the same generator state gives the same numbers.

    One weather for the whole park; each process strays on its own. Raises ValueError for n < 1.
    """
    if n < 1:
        raise ValueError(f"at least one scenario, not {n}")
    errors, horizon, weather = model.errors, model.park.horizon, model.weather
    shape, hours = (n, horizon.slots), horizon.slot_hours
    outdoor = fading(rng.standard_normal(shape), hours / errors.outdoor_hours)
    cloud = fading(rng.standard_normal(shape), hours / errors.cloud_hours)
    wind = fading(rng.standard_normal(shape), hours / errors.wind_hours)
    shift = rng.uniform(-errors.batch_hours, errors.batch_hours, n)
    processes = model.belief.demand_factor.size
    level = rng.standard_normal((n, processes, 1))
    flow = fading(rng.standard_normal((n, processes, horizon.slots)), hours / errors.demand_hours)
    outdoor_c = weather.outdoor_c + errors.outdoor_k * outdoor
    factor = 1.0 + errors.demand_day_share * level + errors.demand_share * flow
    factor = np.clip(factor, _LEAST_DEMAND, _MOST_DEMAND) * model.belief.demand_factor[:, None]
    return ParkSamples(
        available_w=_available(
            model,
            outdoor_c,
            np.clip(1.0 + errors.cloud_share * cloud, _LEAST_CLEAR, _MOST_CLEAR),
            np.maximum(weather.wind_m_per_s + errors.wind_m_per_s * wind, 0.0),
        ),
        demand_w=wanted_w(model.park, outdoor_c, shift) * factor,
    )


def forecast_day(model: ParkModel) -> ParkSamples:
    """The forecast itself, as one scenario."""
    outdoor = model.weather.outdoor_c[None, :]
    return ParkSamples(
        available_w=_available(
            model, outdoor, np.ones_like(outdoor), model.weather.wind_m_per_s[None, :]
        ),
        demand_w=wanted_w(model.park, outdoor) * model.belief.demand_factor[:, None],
    )


def _available(
    model: ParkModel, outdoor_c: FloatArray, clear: FloatArray, wind_m_per_s: FloatArray
) -> FloatArray:
    """What every renewable plant could give, (scenario, renewable, slot), W."""
    scenarios, slots = outdoor_c.shape
    plants = [part for _, part in model.park.renewables()]
    available = np.zeros((scenarios, len(plants), slots))
    scattered = 1.0 + _SCATTERED * (1.0 - clear)
    for place, plant in enumerate(plants):
        if plant.technology is Technology.WIND:
            available[:, place] = wind_power_w(plant.capacity_w, wind_m_per_s)
            continue
        on_modules = clear * model.beam[place] + scattered * model.sky[place]
        available[:, place] = photovoltaic_w(plant.capacity_w, on_modules, outdoor_c, wind_m_per_s)
    return available
