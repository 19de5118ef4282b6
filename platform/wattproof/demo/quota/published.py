"""The published year: wind parks, plants, retailers and a store, drawn from a seed."""

from __future__ import annotations

import numpy as np

from market.green_quota.costs import ThermalCosts, WindCosts
from market.green_quota.rules import VINTAGE_DAYS
from twin.autoregression import fading
from wattproof.demo.quota.options import MOST_VINTAGES, QuotaOptions
from wattproof.demo.quota.scene import (
    FloatArray,
    GreenStore,
    Obliged,
    Plant,
    QuotaPlan,
    Retailer,
    Scene,
    WindPark,
)
from wattproof.errors import InvalidError
from wattproof.quotas.service import Basis

NORTH, HILL, COAST = "north wind", "hill wind", "coast wind"
COAL, GAS = "coal plant", "gas plant"
CITY, WORKS = "city retailer", "works retailer"
STORE = "hill store"

_LEAST_VINTAGES = 4
_MWH = 1e6
_WEATHER_DAYS = 2.0
"""After so many days weather has been forgotten to 1/e."""


def published_scene(options: QuotaOptions) -> Scene:
    """A year of weather and load.

    Raises:
        InvalidError: the number of vintages is not an even one from 4 to 12.
    """
    vintages = options.vintages
    if vintages not in range(_LEAST_VINTAGES, MOST_VINTAGES + 1, 2):
        raise InvalidError(
            f"a year has an even number of vintages from {_LEAST_VINTAGES} to {MOST_VINTAGES}, "
            f"half of them in each compliance period; not {vintages}"
        )
    rng = np.random.default_rng(options.seed)
    weather = _shared_weather(rng, vintages)
    north = _wind(rng, weather, NORTH, 150.0 * _MWH, _WIND_COSTS)
    hill = _wind(rng, weather, HILL, 90.0 * _MWH, _WIND_COSTS)
    half = vintages // 2
    coast = _wind(rng, weather, COAST, 300.0 * _MWH, _COAST_COSTS, withholds=half // 2)
    return Scene(
        title=f"A year of {vintages} vintages under two quotas",
        wind=(north, hill, coast),
        plants=(
            Plant(COAL, _COAL_COSTS, 330.0 * _MWH),
            Plant(GAS, _GAS_COSTS, 300.0 * _MWH),
        ),
        retailers=(
            _retailer(rng, CITY, 330.0 * _MWH, vintages),
            _retailer(rng, WORKS, 160.0 * _MWH, vintages),
        ),
        store=GreenStore(STORE, capacity_wh=24_000_000, efficiency_bp=8_100, rate_wh=6_000_000),
        quotas=(
            QuotaPlan(
                vintages=range(half),
                penalty_per_kwh=0.06,
                bank_limit=200_000,
                obliged=(
                    Obliged(CITY, Basis.CONSUMPTION, 260_000, bond_share=0.3),
                    Obliged(
                        WORKS, Basis.CONSUMPTION, 260_000, bond_share=0.4, thrift=0.8, ahead=0.0
                    ),
                    Obliged(COAL, Basis.GENERATION, 80_000, bond_share=0.3),
                ),
            ),
            QuotaPlan(
                vintages=range(half, vintages),
                penalty_per_kwh=0.07,
                bank_limit=100_000,
                obliged=(
                    Obliged(CITY, Basis.CONSUMPTION, 270_000, bond_share=0.3),
                    Obliged(WORKS, Basis.CONSUMPTION, 270_000, bond_share=0.3),
                    Obliged(COAL, Basis.GENERATION, 90_000, bond_share=0.3),
                ),
            ),
        ),
        worth_per_kwh=0.25,
        fault=(NORTH, int(north.real_wh[0].argmin()), 2),
        input={"year": "published", "vintages": vintages, "seed": options.seed},
    )


_WIND_COSTS = WindCosts(
    maintenance_per_kwh=0.007,
    backup_per_kwh=0.003,
    backup_slope_per_kwh2=2e-8,
    depreciation_per_kwh=0.002,
    depreciation_per_slot=1_500.0,
)
_COAST_COSTS = WindCosts(
    maintenance_per_kwh=0.009,
    backup_per_kwh=0.003,
    backup_slope_per_kwh2=1e-8,
    depreciation_per_kwh=0.002,
    depreciation_per_slot=2_800.0,
)
_COAL_COSTS = ThermalCosts(
    fuel_per_kwh=0.031,
    fuel_slope_per_kwh2=5e-8,
    maintenance_per_kwh=0.004,
    depreciation_per_kwh=0.003,
    depreciation_per_slot=600.0,
)
_GAS_COSTS = ThermalCosts(
    fuel_per_kwh=0.044,
    fuel_slope_per_kwh2=7e-8,
    maintenance_per_kwh=0.003,
    depreciation_per_kwh=0.002,
    depreciation_per_slot=100.0,
)


def _shared_weather(rng: np.random.Generator, vintages: int) -> FloatArray:
    """Standard normal, shape (day,): whole weather moves over all parks."""
    return fading(rng.standard_normal(vintages * VINTAGE_DAYS), 1.0 / _WEATHER_DAYS)


def _wind(
    rng: np.random.Generator,
    weather: FloatArray,
    name: str,
    full_wh: float,
    costs: WindCosts,
    *,
    withholds: int = 0,
) -> WindPark:
    """A third of full output on average, more in winter, forecast to a tenth."""
    days = weather.size
    own = fading(rng.standard_normal(days), 1.0 / _WEATHER_DAYS)
    season = 0.06 * np.cos(2.0 * np.pi * np.arange(days) / 360.0)
    share = np.clip(0.34 + season + 0.13 * (0.8 * weather + 0.6 * own), 0.03, 0.95)
    forecast = np.clip(share * (1.0 + 0.08 * rng.standard_normal(days)), 0.02, 1.0)
    shape = (-1, VINTAGE_DAYS)
    return WindPark(
        name,
        costs,
        (full_wh * forecast).reshape(shape),
        (full_wh * share).reshape(shape),
        withholds,
    )


def _retailer(rng: np.random.Generator, name: str, mean_wh: float, vintages: int) -> Retailer:
    """A tenth more in winter, a fifth less at weekends, forecast to a fortieth."""
    day = np.arange(vintages * VINTAGE_DAYS)
    usual = 1.0 + 0.1 * np.cos(2.0 * np.pi * day / 360.0) - 0.2 * (day % 7 >= 5)
    forecast = mean_wh * usual
    real = forecast * (1.0 + 0.025 * rng.standard_normal(day.size))
    shape = (-1, VINTAGE_DAYS)
    return Retailer(name, forecast.reshape(shape), real.reshape(shape))
