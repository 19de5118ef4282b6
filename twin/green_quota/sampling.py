"""Scenarios of wind, fuel prices and demand, and the system in each of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import ndtr
from scipy.stats import beta

from twin.green_quota.model import QuotaModel, QuotaSamples, Uncertainty
from twin.green_quota.system import Cost, FloatArray, Kind, Producer, QuotaError, QuotaSystem


def draw_samples(model: QuotaModel, rng: np.random.Generator, count: int) -> QuotaSamples:
    """Draw ``count`` scenarios.

    Shares of wind follow a beta distribution each, joined by a normal copula; factors on fuel and
    demand are lognormal with mean 1. Raises QuotaError for no scenario.
    """
    if count < 1:
        raise QuotaError(f"at least one scenario is drawn, not {count}")
    given = model.uncertainty
    producers = model.system.producers
    common, own = rng.standard_normal((count, 1)), rng.standard_normal((count, len(producers)))
    shock = np.sqrt(given.wind_correlation) * common + np.sqrt(1.0 - given.wind_correlation) * own
    renewable = np.array([each.kind is Kind.RENEWABLE for each in producers])
    wind = np.where(renewable, _wind_factor(given, ndtr(shock)), 1.0)
    return QuotaSamples(
        wind,
        _around_one(rng, given.fuel_spread, count),
        _around_one(rng, given.demand_spread, count),
    )


def expected_samples(model: QuotaModel) -> QuotaSamples:
    """The system as it stands, as the only scenario."""
    return QuotaSamples(np.ones((1, len(model.system.producers))), np.ones(1), np.ones(1))


def scenario_system(system: QuotaSystem, samples: QuotaSamples, scenario: int) -> QuotaSystem:
    """The system in one scenario. What must run of a renewable is capped by its wind."""
    demand = float(samples.demand[scenario])
    fuel = float(samples.fuel[scenario])
    return replace(
        system,
        producers=tuple(
            _producer(each, float(factor), fuel)
            for each, factor in zip(system.producers, samples.wind[scenario], strict=True)
        ),
        demand=replace(system.demand, slope=system.demand.slope / demand),
    )


def _producer(producer: Producer, wind: float, fuel: float) -> Producer:
    cost = producer.fuel
    dearer = Cost(cost.fixed * fuel, cost.per_mwh * fuel, cost.slope * fuel)
    if producer.available_mwh is None:
        return replace(producer, fuel=dearer)
    available = producer.available_mwh * wind
    return replace(
        producer,
        fuel=dearer,
        available_mwh=available,
        least_mwh=min(producer.least_mwh, available),
    )


def _wind_factor(given: Uncertainty, quantile: FloatArray) -> FloatArray:
    mean, spread = given.mean_wind_share, given.wind_spread
    if spread == 0.0:
        return np.ones_like(quantile)
    strength = mean * (1.0 - mean) / spread**2 - 1.0
    shares: FloatArray = beta.ppf(quantile, mean * strength, (1.0 - mean) * strength)
    return shares / mean


def _around_one(rng: np.random.Generator, spread: float, count: int) -> FloatArray:
    factor: FloatArray = np.exp(spread * rng.standard_normal(count) - 0.5 * spread**2)
    return factor
