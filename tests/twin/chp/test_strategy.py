from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from twin.chp.decision import day_of
from twin.chp.model import ChpSamples
from twin.chp.operation_programme import Day
from twin.chp.plan import StorageComparison, Strategy
from twin.chp.plant import HeatedBuildings
from twin.chp.published import PublishedChp, published_chp
from twin.chp.strategy import compare_storage
from twin.chp.twin import ChpTwin

MW = 1e6


def _day(published: PublishedChp, **buildings: float) -> Day:
    site = published.site
    changed: HeatedBuildings = replace(site.plant.buildings, **buildings)
    model = ChpTwin().construct(replace(site, plant=replace(site.plant, buildings=changed)))
    return day_of(model, ChpSamples.certain(site.forecast), published.signal)


def test_a_mild_windless_day_has_nothing_to_make_up_for_and_stores_in_the_waist():
    comparison = compare_storage(_day(published_chp(2026, 11)))
    assert comparison.trough_compensation_wh == 0.0
    assert comparison.strategy is Strategy.STORE_IN_WAIST


def test_a_cold_windy_day_must_store_at_the_peak_as_well():
    comparison = compare_storage(_day(published_chp(2026, 7)))
    assert comparison.trough_compensation_wh > comparison.waist_storable_wh > 0.0
    assert comparison.strategy is Strategy.STORE_IN_WAIST_AND_PEAK


def test_equal_amounts_do_not_exceed():
    assert StorageComparison(5.0, 5.0).strategy is Strategy.STORE_IN_WAIST_AND_PEAK
    assert "does not exceed" in str(StorageComparison(5.0, 5.0))


def test_the_buildings_inertia_counts_on_both_sides():
    narrow = compare_storage(_day(published_chp(2026, 2), lowest_c=20.9, highest_c=21.1))
    wide = compare_storage(_day(published_chp(2026, 2), lowest_c=20.0, highest_c=22.0))
    assert wide.trough_compensation_wh < narrow.trough_compensation_wh
    assert wide.waist_storable_wh >= narrow.waist_storable_wh


def test_more_wind_in_the_trough_asks_for_more_heat_to_be_made_up_for():
    published = published_chp(2026, 7)
    forecast = published.site.forecast
    calm = replace(forecast, wind_w=0.5 * forecast.wind_w)
    calm_day = _day(replace(published, site=replace(published.site, forecast=calm)))
    assert (
        compare_storage(calm_day).trough_compensation_wh
        < compare_storage(_day(published)).trough_compensation_wh
    )


def test_the_tank_bounds_what_the_waist_can_store():
    published = published_chp(2026, 11)
    plant = published.site.plant
    small = replace(plant, store=replace(plant.store, capacity_wh=540.0 * MW))
    site = replace(published.site, plant=small)
    narrow = {"lowest_c": 20.99, "highest_c": 21.01}
    stored = compare_storage(_day(replace(published, site=site), **narrow)).waist_storable_wh
    assert stored == pytest.approx(540.0 * MW, rel=0.02)


def test_a_day_without_trough_compares_nothing():
    published = published_chp(2026, 7)
    flat = replace(published.signal, load_w=np.full(96, 400.0 * MW))
    assert compare_storage(_day(replace(published, signal=flat))).trough_compensation_wh == 0.0
