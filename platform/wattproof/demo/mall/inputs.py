"""Weather, load and prices by path, in the place of the published ones."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np

from market.mall_energy.rules import RULES
from twin.horizon import Horizon
from twin.mall.building import FloatArray
from twin.mall.building_load import BuildingFileError, read_hourly_load
from twin.mall.model import BoolArray, DayAhead, GridSignal
from twin.mall.published import customer_flow, opening, published_mall
from twin.mall.weather_day import day_ahead
from twin.weather.files import read_weather
from twin.weather.series import HOUR, Place, WeatherError, WeatherSeries
from wattproof.demo import files
from wattproof.demo.mall.options import MallOptions
from wattproof.demo.mall.published import office_shape, published_scene, scene_of
from wattproof.demo.mall.scene import PAST_DAYS, Scene
from wattproof.errors import InvalidError

_CITYLEARN_PLACE = Place(34.1, -117.4, 370.0)
_CITYLEARN_START = datetime(2016, 7, 31, 23, tzinfo=timezone(timedelta(hours=-8)))
_EPW_YEAR = 2025
_PEAK_SLOTS = 16
_EARLIEST_PEAK = 44
_DAY_SLOTS = 96


def scene_from(options: MallOptions) -> Scene:
    """The published day, or the same malls with the user's series.

    Raises:
        InvalidError: options that do not belong together, or files that cannot be used.
    """
    if not _wants_files(options):
        return published_scene(options)
    wanted = files.day(options.day)
    published = published_mall(options.seed)
    site, signal = published.site, published.signal
    said: dict[str, Any] = {"mall": "published", "seed": options.seed}
    notes: list[str] = []
    past = [published.forecast(day) for day in range(1, PAST_DAYS + 1)]
    office_wh = office_shape(site)
    day = wanted or site.horizon.start.date()
    if options.weather is not None:
        weather = _weather(options, wanted)
        zone = _zone(weather.place)
        day = wanted or _warmest_day(weather, zone)
        horizon, *_ = horizons = _days_before(day, zone)
        rng = np.random.default_rng(np.random.SeedSequence(options.seed, spawn_key=(13,)))
        days = [_day_ahead(weather, each, rng) for each in horizons]
        site = replace(site, horizon=horizon, forecast=days[0])
        past = days[:0:-1]
        said["weather"] = str(options.weather)
        notes.append(f"{day} of the weather file, by its local time, is played as the UTC day")
        if options.building is not None:
            office_wh = _office(options.building, options.weather, weather, horizon)
            said["building"] = str(options.building)
    if options.prices is not None:
        quoted = files.prices(options.prices, options)
        per_kwh, matched = files.prices_on(quoted.series, day, RULES.price_cap)
        signal = GridSignal(per_kwh, _dearest(per_kwh))
        said |= {"prices": str(options.prices), "skipped_prices": len(quoted.bad_rows)}
        notes += [matched, *quoted.notes]
    said["day"] = str(day)
    title = f"Two malls in the weather and at the prices of {day:%A}, {day}"
    return scene_of(title, site, signal, past, office_wh, options.seed, said, tuple(notes))


def _wants_files(options: MallOptions) -> bool:
    """Whether real input was asked for. Raises InvalidError for options that lack theirs."""
    files.check_company(
        files.price_options(options), "--prices", present=options.prices is not None
    )
    files.check_company(
        [("--place", options.place), ("--fill-gaps", options.fill_gaps)],
        "--weather",
        present=options.weather is not None,
    )
    if options.building is not None and (
        options.weather is None or options.weather.suffix.lower() != ".csv"
    ):
        raise InvalidError("--building goes with --weather of the same hours (CSV)")
    some = options.weather is not None or options.prices is not None
    if options.day and not some:
        raise InvalidError("--day goes with --weather or --prices")
    return some


# -- weather ---------------------------------------------------------------------------------------


def _weather(options: MallOptions, wanted: date | None) -> WeatherSeries:
    path = options.weather
    assert path is not None
    place = _place(options.place) if options.place else _CITYLEARN_PLACE
    year = wanted.year if wanted else _EPW_YEAR
    return files.read(
        path,
        lambda: read_weather(
            path,
            year=year,
            place=place,
            start=_CITYLEARN_START,
            fill_gaps_up_to_hours=options.fill_gaps,
        ),
        WeatherError,
    )


def _place(text: str) -> Place:
    found = re.fullmatch(r"\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*", text)
    if found is None:
        raise InvalidError(f"--place {text!r} is not degrees north and east like 39.5,-0.4")
    try:
        return Place(float(found[1]), float(found[2]))
    except WeatherError as error:
        raise InvalidError(str(error)) from error


def _zone(place: Place) -> timezone:
    """The hour zone of a place's longitude."""
    return timezone(timedelta(hours=round(place.longitude / 15.0)))


def _days_before(day: date, zone: timezone) -> list[Horizon]:
    """The day and those before it, newest first."""
    return [
        Horizon(datetime.combine(day - timedelta(days=back), time(), zone))
        for back in range(PAST_DAYS + 1)
    ]


def _warmest_day(weather: WeatherSeries, zone: timezone) -> date:
    """The day with the highest mean temperature that has all its past in the file."""
    first = datetime.fromtimestamp(int(weather.start_epochs[0]), zone)
    last = datetime.fromtimestamp(int(weather.start_epochs[-1]) + HOUR, zone)
    begins = first.date() + timedelta(days=PAST_DAYS + (first.time() != time()))
    days = [begins + timedelta(days=ahead) for ahead in range((last.date() - begins).days)]
    if not days:
        raise InvalidError(
            f"the weather lasts from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}; a day and "
            f"{PAST_DAYS} whole days before it are needed"
        )

    def mean_c(day: date) -> float:
        start = datetime.combine(day, time(), zone).timestamp()
        hour = int((start - weather.start_epochs[0]) // HOUR)
        return float(weather.outdoor_c[hour : hour + 24].mean())

    return max(days, key=mean_c)


def _day_ahead(weather: WeatherSeries, horizon: Horizon, rng: np.random.Generator) -> DayAhead:
    try:
        sky = weather.on(horizon)
    except LookupError as error:
        raise InvalidError(
            f"{error}; a day and {PAST_DAYS} days before it are needed (--day)"
        ) from error
    hours = _local_hours(horizon)
    is_open = opening(hours)
    customers = customer_flow(hours, is_open, float(np.clip(rng.normal(1.0, 0.1), 0.5, 1.5)))
    return day_ahead(horizon, weather.place, sky, customers, is_open)


def _local_hours(horizon: Horizon) -> FloatArray:
    """Hours since the horizon's own midnight, in [0, 24)."""
    hours: FloatArray = horizon.slot_hours * np.arange(horizon.slots, dtype=float) % 24.0
    return hours


def _office(building: Path, sky: Path, weather: WeatherSeries, horizon: Horizon) -> FloatArray:
    """The building's load on the day after, Wh a slot.

    Raises:
        InvalidError: the file cannot be used, or ends before.
    """
    load = files.read(building, lambda: read_hourly_load(building, sky), BuildingFileError)
    hour = int((horizon.end.timestamp() - weather.start_epochs[0]) // HOUR)
    hourly_w = load.load_w[hour : hour + 24]
    if hourly_w.size < 24 or not hourly_w.any():
        raise InvalidError(f"{building} has no load on the day after {horizon.start:%Y-%m-%d}")
    drawn: FloatArray = np.repeat(np.maximum(hourly_w, 0.0), _DAY_SLOTS // 24) * horizon.slot_hours
    return drawn


def _dearest(per_kwh: FloatArray) -> BoolArray:
    """The four hours with the highest mean price while the mall is open, as booleans (slot,)."""
    means = np.convolve(per_kwh, np.ones(_PEAK_SLOTS), mode="valid")
    is_open = opening(24.0 * np.arange(per_kwh.size) / per_kwh.size)
    latest = int(np.flatnonzero(is_open)[-1]) + 1 - _PEAK_SLOTS
    first = _EARLIEST_PEAK + int(np.argmax(means[_EARLIEST_PEAK : latest + 1]))
    peak = np.zeros(per_kwh.size, dtype=np.bool_)
    peak[first : first + _PEAK_SLOTS] = True
    return peak
