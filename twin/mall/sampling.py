"""Scenarios of a day: how far temperature, customers and sunshine stray from the forecast."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from twin.autoregression import fading
from twin.horizon import Horizon
from twin.mall.building import FloatArray
from twin.mall.model import DayAhead, ForecastErrors, MallSamples

_SHORT_HOURS = 1.0
_MOST_FACTOR = 1.5


def draw_samples(
    day: DayAhead, errors: ForecastErrors, horizon: Horizon, rng: np.random.Generator, n: int
) -> MallSamples:
    """Draw ``n`` scenarios, arrays (scenario, slot); raises ValueError for fewer than one."""
    if n < 1:
        raise ValueError(f"at least one scenario, not {n}")
    size = (n, horizon.slots)
    outdoor = errors.outdoor_k * _fading(rng, size, horizon, errors.outdoor_hours)
    level = errors.customers_day * rng.standard_normal((n, 1))
    flow = errors.customers_slot * _fading(rng, size, horizon, _SHORT_HOURS)
    sun = errors.sun_share * _fading(rng, size, horizon, _SHORT_HOURS)
    return MallSamples(
        outdoor_c=day.outdoor_c + outdoor,
        customers=day.customers * np.maximum(1.0 + level + flow, 0.0),
        sun_factor=np.clip(1.0 + sun, 0.0, _MOST_FACTOR),
    )


def sampled_day(
    day: DayAhead, errors: ForecastErrors, horizon: Horizon, rng: np.random.Generator
) -> DayAhead:
    """A day that might follow the forecast."""
    return scenario_day(day, draw_samples(day, errors, horizon, rng, 1), 0)


def scenario_day(day: DayAhead, samples: MallSamples, scenario: int) -> DayAhead:
    """One scenario in the manner of a forecast."""
    return replace(
        day,
        outdoor_c=samples.outdoor_c[scenario],
        customers=samples.customers[scenario],
        sun_w_per_m2=day.sun_w_per_m2 * samples.sun_factor[scenario][:, None],
    )


def _fading(
    rng: np.random.Generator, size: tuple[int, int], horizon: Horizon, hours: float
) -> FloatArray:
    """First-order autoregression of unit variance that forgets in ``hours``, (scenario, slot)."""
    return fading(rng.standard_normal(size), horizon.slot_hours / hours)
