"""Forecast and operation on a made-up market whose prices follow load, and on the real one."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from twin.prices import PriceFileError, PriceSeries
from twin.storage_station.history import MarketHistory, history_of, read_history
from twin.storage_station.predictive_operation import (
    Replanning,
    foresee,
    operate_predictively,
)
from twin.storage_station.price_forecast import (
    ClockOutlook,
    ForecastMethod,
    RegressionOutlook,
    YesterdayOutlook,
    regression_outlook,
)
from twin.storage_station.station import StationState, StorageStation

ROOT = Path(__file__).parents[3]
PJM = (
    Path(os.environ.get("WATTPROOF_DATA", ROOT.parent / "shared" / "data"))
    / "prices"
    / "pjm_hourly_2011_2018.csv"
)
ZONE = "America/New_York"
STATION = StorageStation(50e6, 50e6, 200e6, 0.95, 0.95, wear_per_kwh=0.001)
EMPTY = StationState(0.0)
FIRST, LAST = date(2017, 4, 1), date(2017, 5, 31)
SELDOM = ForecastMethod(refit_days=30)


def made_up(days: int = 260, seed: int = 4) -> MarketHistory:
    """A year of hours from a local midnight, prices driven by load with errors that persist."""
    rng = np.random.default_rng(seed)
    start = datetime(2025, 1, 6, tzinfo=ZoneInfo(ZONE)).astimezone(UTC)
    hours = days * 24
    epochs = int(start.timestamp()) + 3600 * np.arange(hours)
    clock = np.array([datetime.fromtimestamp(int(e), ZoneInfo(ZONE)).hour for e in epochs])
    day_level = np.repeat(0.05 * rng.standard_normal(days), 24)
    load = 1e11 * (1.0 + 0.2 * np.sin((clock - 10.0) / 24.0 * 2.0 * np.pi) + day_level)
    shocks, error = 0.03 * rng.standard_normal(hours), np.zeros(hours)
    for hour in range(1, hours):
        error[hour] = 0.8 * error[hour - 1] + shocks[hour]
    price = 0.03 * (load / 1e11) ** 2 * np.exp(error)
    series = PriceSeries(epochs, price, 3600, ZONE)
    return history_of(series, load, load / 8.0)


@pytest.fixture(scope="module")
def market() -> MarketHistory:
    return made_up()


@pytest.fixture(scope="module")
def outlook(market) -> RegressionOutlook:
    return regression_outlook(market, 200, 230, SELDOM)


def test_days_of_23_and_25_hours_have_a_place_for_every_clock_hour(market):
    spring = market.day_number(date(2025, 3, 9))
    assert (market.day == spring).sum() == 23
    assert market.price_table[spring, 2] == market.price_table[spring, 1]
    assert np.isfinite(market.price_table).all()
    assert market.hours_of(date(2025, 3, 9), date(2025, 3, 9)).start == spring * 24


def test_a_history_with_a_gap_is_refused():
    epochs = 3600 * np.delete(np.arange(100), 40)
    series = PriceSeries(epochs, np.ones(99), 3600, ZONE)
    with pytest.raises(PriceFileError, match="every hour"):
        history_of(series, np.ones(99), np.ones(99))


def test_the_regression_knows_more_than_yesterday(market, outlook):
    naive = YesterdayOutlook(market)
    errors: dict[str, list[float]] = {"regression": [], "yesterday": []}
    for hour in range(200 * 24, 229 * 24, 24):
        for name, each in (("regression", outlook), ("yesterday", naive)):
            expected = each.at(hour)[:24]
            errors[name].append(
                float(np.abs(expected - market.price_per_kwh[hour : hour + 24]).mean())
            )
    assert np.mean(errors["regression"]) < 0.8 * np.mean(errors["yesterday"])


def test_an_outlook_reaches_to_the_end_of_the_next_day(market, outlook):
    midnight = int(np.searchsorted(market.day, 205))
    assert outlook.at(midnight).size == 48
    assert outlook.at(midnight + 23).size == 25


@pytest.mark.parametrize("at", [0, 11, 12, 23])
def test_what_comes_later_changes_no_plan(market, outlook, at):
    """Prices from the hour on, and load forecasts not yet published, may be anything.

    On a day on which the regression is fitted anew.
    """
    hour = int(np.searchsorted(market.day, 200)) + at
    rng = np.random.default_rng(8)
    price = market.price_per_kwh.copy()
    price[hour:] *= rng.uniform(0.2, 5.0, price.size - hour)
    table = market.price_table.copy()
    table[market.day[hour:], market.clock_hour[hour:]] = price[hour:]
    published = 200 + (2 if at >= 12 else 1)
    loads = [market.system_load_w.copy(), market.zone_load_w.copy()]
    for load in loads:
        load[published:] *= rng.uniform(0.5, 2.0, load[published:].shape)
    other = replace(
        market,
        price_per_kwh=price,
        price_table=table,
        system_load_w=loads[0],
        zone_load_w=loads[1],
    )
    assert not np.array_equal(other.price_table, market.price_table)
    altered = regression_outlook(other, 200, 230, SELDOM)
    np.testing.assert_allclose(altered.at(hour), outlook.at(hour), rtol=1e-12)
    run = slice(int(np.searchsorted(market.day, 200)), hour + 1)
    for replanning in Replanning:
        before, after = (
            operate_predictively(history, run, STATION, EMPTY, each, replanning).energy_wh
            for history, each in ((market, outlook), (other, altered))
        )
        np.testing.assert_allclose(after, before, atol=1.0)


def test_what_came_before_does_change_the_outlook(market, outlook):
    hour = int(np.searchsorted(market.day, 215)) + 9
    price = market.price_per_kwh.copy()
    price[hour - 1] *= 1.5
    altered = replace(outlook, history=replace(market, price_per_kwh=price))
    assert (altered.at(hour) > outlook.at(hour)).all()


def test_operation_keeps_power_and_capacity_and_earns_less_than_foresight(market, outlook):
    run = slice(200 * 24, 210 * 24)
    best = foresee(market, run, STATION, EMPTY)
    for each in (outlook, YesterdayOutlook(market), ClockOutlook(market)):
        for replanning in Replanning:
            record = operate_predictively(market, run, STATION, EMPTY, each, replanning)
            assert np.abs(record.energy_wh).max() <= 50e6 + 1.0
            assert record.stored_wh.min() >= -1.0
            assert record.stored_wh.max() <= 200e6 + 1.0
            assert 0.0 < record.account.profit < best.account.profit + 1e-6


def test_too_little_history_is_said(market):
    with pytest.raises(ValueError, match="too little history: 159 days are needed"):
        regression_outlook(market, 100, 110)


@pytest.mark.needs_data
@pytest.mark.skipif(not PJM.is_file(), reason="set WATTPROOF_DATA to the folder of data sets")
def test_on_pjm_prices_the_regression_earns_92_per_cent_of_foresight_and_beats_the_naive():
    """50 MW, 200 MWh, 0.95 each way, 1 USD a MWh into and out of the store; April and May 2017."""
    history = read_history(PJM)
    hours = history.hours_of(FIRST, LAST)
    begin = history.day_number(FIRST)
    outlook = regression_outlook(history, begin, begin + (LAST - FIRST) // timedelta(days=1) + 1)
    best = foresee(history, hours, STATION, EMPTY).account.profit
    ours, naive = (
        operate_predictively(history, hours, STATION, EMPTY, each).account.profit / best
        for each in (outlook, YesterdayOutlook(history))
    )
    assert ours >= 0.92
    assert naive < ours - 0.02
