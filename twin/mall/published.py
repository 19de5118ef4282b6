"""The published mall: seeded, documented, invented but plausible; anyone can draw it again.

A two-storey mall of 40,000 m2 near Valencia (so that the UTC day is the local day within minutes),
open from 10:00 to 22:00, on a July weekday. Parameters are round figures within the ranges of
handbooks (ASHRAE Fundamentals; EN ISO 52016-1 for capacities).

| quantity | value |
|---|---|
| air and what follows it | 4 Wh/(m2 K) |
| mass (slabs, walls, goods) | 45 Wh/(m2 K), joined to the air by 12 W/(m2 K) |
| envelope and infiltration | 0.5 to 1.1 W/(m2 K) of floor |
| fresh air in opening hours | 0.6 l/s a m2: 0.72 W/(m2 K) |
| customers | 4,000 at the height of a usual day, a hump at noon and one in the evening |
| chillers | 4 of 750 kW, COP 5.5 at reference conditions |
| cold store | 4 MWh, 900 kW in and out |
| price | day-ahead shape with a peak from 17:00 to 21:00, scatter 8 % an hour |
| days | mean 27 C, scatter 2 K; swing 11 K; clearness 0.65 to 1 |
| how days stray from their forecast | as :class:`twin.mall.model.ForecastErrors` |
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from twin.horizon import Horizon
from twin.mall.building import ColdStore, FloatArray, InternalLoads, Mall, Passage, Zone
from twin.mall.chiller import ChillerPlant
from twin.mall.layered_building import layered_building, metered_days
from twin.mall.metered import MeteredHistory
from twin.mall.model import (
    BoolArray,
    DayAhead,
    ForecastErrors,
    GridSignal,
    MallSite,
    MallState,
)
from twin.mall.sampling import sampled_day
from twin.mall.weather_day import day_ahead
from twin.weather.series import Place
from twin.weather.sun import clear_sky

PLACE = Place(39.47, -0.38, 15.0)
START = datetime(2026, 7, 15, tzinfo=UTC)
OPENS, CLOSES = 10.0, 22.0
PEAK_HOURS = (17.0, 21.0)
SET_POINT_C = 22.0

_CUSTOMERS = 4_000.0
_SLOTS = 96
_ZONES = (
    # name, floor m2, loss air, loss mass (W/K a m2), aperture a m2 of floor, customers
    ("atrium", 4_000.0, 0.45, 0.35, (0.030, 0.004, 0.004, 0.020, 0.004), 0.12),
    ("west wing", 9_000.0, 0.25, 0.35, (0.006, 0.003, 0.000, 0.004, 0.012), 0.22),
    ("east wing", 9_000.0, 0.25, 0.35, (0.006, 0.003, 0.012, 0.004, 0.000), 0.22),
    ("upper floor", 6_000.0, 0.30, 0.60, (0.012, 0.004, 0.004, 0.008, 0.004), 0.14),
    ("food court", 4_000.0, 0.35, 0.40, (0.010, 0.000, 0.006, 0.012, 0.006), 0.18),
    ("supermarket", 8_000.0, 0.20, 0.30, (0.003, 0.003, 0.000, 0.000, 0.003), 0.12),
)
_PASSAGES = (
    ("atrium", "west wing", 9_000.0),
    ("atrium", "east wing", 9_000.0),
    ("atrium", "upper floor", 6_000.0),
    ("atrium", "food court", 4_000.0),
    ("west wing", "supermarket", 3_000.0),
)


@dataclass(frozen=True, slots=True)
class PublishedMall:
    """Everything a study of the published mall needs."""

    seed: int
    site: MallSite
    signal: GridSignal

    def forecast(self, day: int = 0) -> DayAhead:
        """The forecast of a day; day 0 is the site's own."""
        return published_forecast(self.site.horizon, self.seed, day)

    def day(self, day: int = 0) -> DayAhead:
        """What really happens on a day: its forecast and a draw of its errors."""
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(1, day)))
        return sampled_day(self.forecast(day), self.site.errors, self.site.horizon, rng)


def published_mall(
    seed: int = 2026, with_store: bool = True, start: datetime = START
) -> PublishedMall:
    """Draw the published mall; the same seed is the same mall, prices and days."""
    horizon = Horizon(start)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))
    hours = hours_of(horizon)
    signal = GridSignal(
        price_per_kwh=_day_ahead_price(hours, rng),
        peak=(hours >= PEAK_HOURS[0]) & (hours < PEAK_HOURS[1]),
    )
    mall = published_building(with_store)
    zones = len(mall.zones)
    site = MallSite(
        horizon=horizon,
        mall=mall,
        state=MallState(
            air_c=np.full(zones, SET_POINT_C + 3.0),
            mass_c=np.full(zones, SET_POINT_C + 2.0),
            stored_wh=0.5 * mall.store.capacity_wh,
        ),
        forecast=published_forecast(horizon, seed, 0),
        set_point_c=np.full(zones, SET_POINT_C),
    )
    return PublishedMall(seed, site, signal)


def published_history(
    seed: int, days: int, zones: int | None = None
) -> tuple[Mall, MeteredHistory, FloatArray]:
    """Days of a mall that is not like its drawings, for calibration.

    Returns the nominal mall (its first ``zones`` zones), what meters and sensors kept of the finer
    building that stands in its place (:mod:`twin.mall.layered_building`), and the air's
    true temperatures (slot, zone). Set points change every four hours between 21 and 24 C, as in a
    test of the building.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(3,)))
    mall = _first_zones(published_building(with_store=False), zones)
    truth = layered_building(mall, rng)
    horizon = Horizon(START, slots=_SLOTS * days)
    each = [
        sampled_day(
            published_forecast(one, seed, day + 1),
            ForecastErrors(),
            one,
            np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1, day + 1))),
        )
        for day in range(days)
        for one in (Horizon(START + timedelta(days=day)),)
    ]
    together = DayAhead(
        **{
            field.name: np.concatenate([getattr(day, field.name) for day in each])
            for field in fields(DayAhead)
        }
    )
    blocks = 6 * days
    set_point_c = np.repeat(rng.uniform(21.0, 24.0, (blocks, len(mall.zones))), 16, axis=0)
    history, true_c = metered_days(truth, horizon, together, set_point_c, rng)
    return mall, history, true_c


def _first_zones(mall: Mall, zones: int | None) -> Mall:
    kept = mall.zones[:zones]
    customers = sum(zone.customer_share for zone in kept)
    names = [zone.name for zone in kept]
    return replace(
        mall,
        zones=tuple(replace(zone, customer_share=zone.customer_share / customers) for zone in kept),
        passages=tuple(
            passage
            for passage in mall.passages
            if passage.first in names and passage.second in names
        ),
    )


def published_building(with_store: bool = True) -> Mall:
    """The building of the published mall."""
    zones = tuple(
        Zone(
            name=name,
            floor_m2=floor,
            air_wh_per_k=4.0 * floor,
            mass_wh_per_k=45.0 * floor,
            coupling_w_per_k=12.0 * floor,
            air_loss_w_per_k=air * floor,
            mass_loss_w_per_k=mass * floor,
            ventilation_w_per_k=0.72 * floor,
            aperture_m2=(
                aperture[0] * floor,
                aperture[1] * floor,
                aperture[2] * floor,
                aperture[3] * floor,
                aperture[4] * floor,
            ),
            customer_share=share,
            cooling_max_w=130.0 * floor,
        )
        for name, floor, air, mass, aperture, share in _ZONES
    )
    store = ColdStore(4e6, 9e5, 9e5) if with_store else ColdStore(0.0, 0.0, 0.0)
    passages = tuple(Passage(*passage) for passage in _PASSAGES)
    return Mall(zones, passages, InternalLoads(), ChillerPlant(4, 750e3), store)


def published_forecast(horizon: Horizon, seed: int, day: int) -> DayAhead:
    """Weather and customers foreseen for a day of the published mall."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2, day)))
    mean_c = 27.0 if day == 0 else float(np.clip(rng.normal(27.0, 2.0), 22.0, 32.0))
    clearness = 0.95 if day == 0 else float(rng.uniform(0.65, 1.0))
    size = 1.0 if day == 0 else float(rng.normal(1.0, 0.1))
    sky = dict(clear_sky(horizon, PLACE, mean_c, 11.0, 60.0))
    sky["direct_solar_irradiance"] = sky["direct_solar_irradiance"] * clearness
    hours = hours_of(horizon)
    is_open = opening(hours)
    return day_ahead(horizon, PLACE, sky, customer_flow(hours, is_open, size), is_open)


def hours_of(horizon: Horizon) -> FloatArray:
    """Hours since midnight UTC at every slot's start, in [0, 24)."""
    midnight = horizon.start.replace(hour=0, minute=0, second=0, microsecond=0)
    since = (horizon.start - midnight) / timedelta(hours=1)
    hours: FloatArray = (since + horizon.slot_hours * np.arange(horizon.slots, dtype=float)) % 24.0
    return hours


def opening(hours: FloatArray) -> BoolArray:
    return (hours >= OPENS) & (hours < CLOSES)


def customer_flow(hours: FloatArray, is_open: BoolArray, size: float) -> FloatArray:
    """People in the mall: a hump at 13:00 and a higher one at 19:00, (slot,)."""
    noon = 0.7 * np.exp(-0.5 * ((hours - 13.0) / 1.8) ** 2)
    evening = 1.0 * np.exp(-0.5 * ((hours - 19.0) / 1.8) ** 2)
    flow: FloatArray = _CUSTOMERS * size * np.maximum(noon + evening, 0.12) * is_open
    return flow


def _day_ahead_price(hours: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Low at night and under the noon sun, high in the evening; currency per kWh."""
    level = rng.uniform(0.12, 0.16)
    shape = (
        0.9
        - 0.25 * np.exp(-0.5 * ((hours - 4.0) / 2.5) ** 2)
        - 0.30 * np.exp(-0.5 * ((hours - 13.5) / 2.0) ** 2)
        + 1.10 * np.exp(-0.5 * ((hours - 19.0) / 1.6) ** 2)
    )
    scatter = 1.0 + 0.08 * rng.standard_normal(24)
    price: FloatArray = level * shape * scatter[hours.astype(int)]
    return price
