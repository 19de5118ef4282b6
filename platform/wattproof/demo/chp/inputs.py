"""Prices, wind and load by path, in the place of the published ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np

from market.chp_power.dispatch import ChpInputs
from market.chp_power.rules import RULES
from twin.chp.model import ChpSite, GridSignal
from twin.chp.power_series import WATTS, PowerFileError, PowerSeries, read_power
from twin.chp.published import published_chp
from twin.horizon import Horizon
from twin.prices import PriceSeries
from wattproof.demo import files
from wattproof.demo.chp.options import ChpOptions
from wattproof.demo.chp.published import published_scene, scene_of
from wattproof.demo.chp.scene import Scene
from wattproof.errors import InvalidError

_DEFAULT_UNIT = "MW"


def scene_from(options: ChpOptions) -> Scene:
    """The published day, or the same plant with the user's series.

    Raises:
        InvalidError: options that do not belong together, or files that cannot be used.
        InfeasiblePlanError: no operation of the plant keeps every limit; says which.
    """
    if not _wants_files(options):
        return published_scene(options)
    wanted = files.day(options.day)
    wind = load = None
    if options.wind is not None and options.load is not None:
        wind, load = _power(options, "wind"), _power(options, "load")
    quoted = None
    if options.prices is not None:
        quoted = files.prices(options.prices, options)
    prices = quoted.series if quoted else None
    day = wanted or _first_day(wind, load, prices)
    horizon = Horizon(datetime.combine(day, time(), UTC))
    published = published_chp(options.seed)
    site, signal = published.site, published.signal
    said: dict[str, Any] = {"plant": "published", "seed": options.seed, "day": str(day)}
    notes: list[str] = []
    if wind is not None and load is not None:
        site, signal = _with_power(site, signal, wind, load, horizon)
        said |= {"wind": str(options.wind), "load": str(options.load)}
    if prices is not None and quoted is not None:
        per_kwh, matched = files.prices_on(prices, day, RULES.price_cap)
        signal = replace(signal, price_per_kwh=per_kwh)
        said |= {"prices": str(options.prices), "skipped_prices": len(quoted.bad_rows)}
        notes += [matched, *quoted.notes]
    site = replace(site, horizon=horizon)
    title = f"Heat-and-power plant at the wind, load and prices of {day:%A}, {day}"
    inputs = ChpInputs(site, signal, seed=options.seed)
    return scene_of(title, inputs, options.seed, said, tuple(notes))


def _wants_files(options: ChpOptions) -> bool:
    """Whether real input was asked for. Raises InvalidError for options that lack theirs."""
    if (options.wind is None) != (options.load is None):
        missing = "--wind" if options.wind is None else "--load"
        raise InvalidError(f"--wind and --load go together; {missing} is missing")
    if options.power_unit and options.wind is None:
        raise InvalidError("--power-unit goes with --wind and --load")
    files.check_company(
        files.price_options(options), "--prices", present=options.prices is not None
    )
    some = options.wind is not None or options.prices is not None
    if options.day and not some:
        raise InvalidError("--day goes with --prices, or with --wind and --load")
    return some


def _power(options: ChpOptions, name: str) -> PowerSeries:
    unit = options.power_unit or _DEFAULT_UNIT
    if unit not in WATTS:
        raise InvalidError(f"--power-unit {unit!r} is unknown; known are {', '.join(WATTS)}")
    path = options.wind if name == "wind" else options.load
    assert path is not None
    return files.read(path, lambda: read_power(path, unit), PowerFileError)


def _first_day(
    wind: PowerSeries | None, load: PowerSeries | None, prices: PriceSeries | None
) -> date:
    """The first whole UTC day that wind and load cover; with prices alone, their first."""
    if wind is None or load is None:
        assert prices is not None
        days = prices.local_days()
        if not days:
            raise InvalidError("the prices cover no whole day")
        return days[0]
    first = max(int(wind.start_epochs[0]), int(load.start_epochs[0]))
    begins = datetime.fromtimestamp(first, UTC)
    whole = begins.time() == time()
    return begins.date() if whole else begins.date() + timedelta(days=1)


def _with_power(
    site: ChpSite, signal: GridSignal, wind: PowerSeries, load: PowerSeries, horizon: Horizon
) -> tuple[ChpSite, GridSignal]:
    try:
        wind_w, load_w = wind.on(horizon), load.on(horizon)
    except PowerFileError as error:
        raise InvalidError(str(error), code="bad_file") from error
    errors = replace(site.errors, wind_capacity_w=float(np.max(wind.power_w)))
    site = replace(site, forecast=replace(site.forecast, wind_w=wind_w), errors=errors)
    return site, replace(signal, load_w=load_w)
