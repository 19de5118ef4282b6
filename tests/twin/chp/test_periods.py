from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from twin.chp.periods import Period, find_periods
from twin.chp.published import published_chp


def test_the_published_winter_day_has_its_trough_at_night_and_its_peak_in_the_evening():
    periods = find_periods(published_chp().signal.load_w, 0.25)
    assert periods[4 * 4] == Period.TROUGH
    assert periods[13 * 4] == Period.WAIST
    assert periods[18 * 4] == Period.PEAK


def test_load_in_steps_is_cut_at_its_thirds():
    load = np.repeat([100.0, 200.0, 300.0], 32)
    periods = find_periods(load, 0.25)
    assert (periods[2:30] == Period.TROUGH).all()
    assert (periods[34:62] == Period.WAIST).all()
    assert (periods[66:94] == Period.PEAK).all()


def test_a_flat_load_is_waist_throughout():
    assert (find_periods(np.full(96, 5.0), 0.25) == Period.WAIST).all()


def test_a_single_high_quarter_hour_is_no_peak_period():
    load = np.full(96, 100.0)
    load[:40] = 50.0
    load[70:] = 160.0
    load[55] = 110.0
    assert find_periods(load, 0.25)[55] == Period.WAIST


@given(st.lists(st.floats(1.0, 1e9), min_size=8, max_size=100))
def test_periods_depend_on_the_shape_alone(load: list[float]):
    values = np.round(np.array(load))
    if np.ptp(values) < 10.0:
        return
    periods = find_periods(values, 0.25)
    assert periods.shape == values.shape
    doubled = find_periods(values * 2.0, 0.25)
    assert np.array_equal(periods, doubled)


@given(st.lists(st.floats(1.0, 1e6), min_size=24, max_size=24))
def test_the_lowest_hour_is_never_peak_and_the_highest_never_trough(load: list[float]):
    values = np.array(load)
    periods = find_periods(values, 1.0)
    assert periods[int(np.argmin(values))] != Period.PEAK
    assert periods[int(np.argmax(values))] != Period.TROUGH
