"""Scenarios of load and prices: relative errors that persist from slot to slot (AR(1))."""

from __future__ import annotations

import math

import numpy as np

from twin.storage_station.model import StationModel, StationSamples
from twin.storage_station.station import FloatArray, StationError


def draw_samples(model: StationModel, rng: np.random.Generator, count: int) -> StationSamples:
    """Draw ``count`` scenarios of load (W) and price factors, arrays (scenario, slot)."""
    if count < 1:
        raise StationError(f"at least one scenario is drawn, not {count}")
    errors, horizon = model.site.errors, model.horizon
    memory = math.exp(-horizon.slot_hours / errors.persistence_h)
    load = 1.0 + errors.load_share * _persistent(rng, count, horizon.slots, memory)
    price = 1.0 + errors.price_share * _persistent(rng, count, horizon.slots, memory)
    return StationSamples(model.load_w * np.maximum(load, 0.0), price)


def expected_samples(model: StationModel) -> StationSamples:
    """The outlook as the only scenario."""
    return StationSamples(model.load_w[None, :], np.ones((1, model.horizon.slots)))


def _persistent(rng: np.random.Generator, count: int, slots: int, memory: float) -> FloatArray:
    """Unit-variance AR(1) series, shape (scenario, slot)."""
    shocks = rng.standard_normal((count, slots))
    series = np.empty_like(shocks)
    series[:, 0] = shocks[:, 0]
    fresh = math.sqrt(1.0 - memory**2)
    for slot in range(1, slots):
        series[:, slot] = memory * series[:, slot - 1] + fresh * shocks[:, slot]
    return series
