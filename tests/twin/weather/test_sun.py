from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.horizon import Horizon
from twin.weather.moist_air import humidity_ratio, relative_humidity_percent, wet_bulb_c
from twin.weather.series import DIFFUSE, DIRECT, HUMIDITY, OUTDOOR, Place
from twin.weather.sun import SURFACE_POSITIONS, clear_sky, surface_irradiance

PLACE = Place(39.47, -0.38)
DAY = Horizon(datetime(2026, 7, 15, tzinfo=UTC))
NAMES = list(SURFACE_POSITIONS)


def test_a_clear_summer_day_is_as_bright_and_warm_as_it_should_be() -> None:
    sky = clear_sky(DAY, PLACE, mean_c=27.0, swing_k=11.0)
    assert 700.0 < sky[DIRECT].max() < 1000.0
    assert sky[DIRECT][:12].max() == 0.0
    assert sky[OUTDOOR].max() == pytest.approx(32.5, abs=0.05)
    assert int(np.argmax(sky[OUTDOOR])) == pytest.approx(60, abs=1)
    assert sky[OUTDOOR].mean() == pytest.approx(27.0, abs=0.05)
    assert (sky[HUMIDITY] <= 100.0).all()


def test_the_sun_moves_from_the_east_facade_to_the_west() -> None:
    sky = clear_sky(DAY, PLACE, 27.0, 11.0)
    on = surface_irradiance(DAY, PLACE, sky[DIRECT], sky[DIFFUSE])
    noon = int(np.argmax(on[:, NAMES.index("roof")]))
    east, west = on[:, NAMES.index("east")], on[:, NAMES.index("west")]
    assert int(np.argmax(east)) < noon < int(np.argmax(west))
    assert noon == pytest.approx(48, abs=2)
    assert on[:, NAMES.index("south")].max() < on[:, NAMES.index("roof")].max()
    assert (on >= 0.0).all()


def test_in_winter_the_south_facade_outshines_the_roof() -> None:
    winter = Horizon(datetime(2026, 1, 15, tzinfo=UTC))
    sky = clear_sky(winter, PLACE, 10.0, 8.0)
    on = surface_irradiance(winter, PLACE, sky[DIRECT], sky[DIFFUSE])
    assert on[:, NAMES.index("south")].max() > on[:, NAMES.index("roof")].max()


def test_no_beam_comes_from_below_the_horizon() -> None:
    on = surface_irradiance(DAY, PLACE, np.full(96, 900.0), np.zeros(96))
    assert on[:12].max() == 0.0


@given(st.floats(-10.0, 45.0), st.floats(1.0, 99.0))
def test_relative_humidity_and_water_in_the_air_are_inverse(dry: float, humidity: float) -> None:
    ratio = humidity_ratio(np.array(dry), np.array(humidity))
    assert relative_humidity_percent(np.array(dry), ratio) == pytest.approx(humidity)


@given(st.floats(0.0, 45.0), st.floats(5.0, 99.0))
def test_the_wet_bulb_is_never_above_the_dry(dry: float, humidity: float) -> None:
    assert wet_bulb_c(np.array(dry), np.array(humidity)) <= dry


def test_the_wet_bulb_of_stulls_own_example() -> None:
    assert wet_bulb_c(np.array(20.0), np.array(50.0)) == pytest.approx(13.7, abs=0.05)
