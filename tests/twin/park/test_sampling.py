from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from twin.park.carriers import Carrier
from twin.park.demand import wanted_w
from twin.park.model import ParkSetup
from twin.park.published import published_park
from twin.park.renewables import photovoltaic_w, wind_power_w
from twin.park.sampling import draw_days, forecast_day
from twin.park.site import ProcessType, Technology
from twin.park.twin import ParkTwin

TYPES = tuple(ProcessType)


@pytest.fixture(scope="module")
def model():
    return ParkTwin().construct(published_park().setup)


@pytest.fixture(scope="module")
def days(model):
    return draw_days(model, np.random.default_rng(1), 400)


def rows(park, kind):
    return [place for place, (_, part) in enumerate(park.processes()) if part.type is kind]


def plants(park, technology):
    return [
        place for place, (_, part) in enumerate(park.renewables()) if part.technology is technology
    ]


def test_the_same_seed_gives_the_same_days_and_another_seed_others(model):
    first, again, other = (draw_days(model, np.random.default_rng(s), 3) for s in (7, 7, 8))
    assert (first.demand_w == again.demand_w).all()
    assert (first.available_w == again.available_w).all()
    assert (first.demand_w != other.demand_w).any()


def test_fewer_than_one_day_cannot_be_drawn(model):
    with pytest.raises(ValueError, match="at least one scenario, not 0"):
        draw_days(model, np.random.default_rng(1), 0)


def test_days_lie_around_the_forecast_and_within_what_is_installed(model, days):
    park, forecast = model.park, forecast_day(model)
    steady = rows(park, ProcessType.CONTINUOUS) + rows(park, ProcessType.SHIFTS)
    mean = days.demand_w.mean(axis=0)[steady]
    assert mean == pytest.approx(forecast.demand_w[0, steady], rel=0.03)
    most = np.array([part.capacity_w for _, part in park.renewables()])
    assert (days.available_w <= most[:, None] * 1.05).all()
    assert (days.available_w >= 0.0).all()


def test_errors_of_demand_fade_over_hours(model, days):
    steady = rows(model.park, ProcessType.CONTINUOUS)
    off = days.demand_w[:, steady] / days.demand_w[:, steady].mean(axis=2, keepdims=True) - 1.0

    def correlation(slots):
        return float(np.corrcoef(off[..., :-slots].ravel(), off[..., slots:].ravel())[0, 1])

    assert correlation(1) == pytest.approx(np.exp(-0.25 / 3.0), abs=0.03)
    assert correlation(1) > correlation(8) > correlation(24)


def test_the_sun_gives_nothing_at_night_and_one_cloud_hides_it_from_all_roofs(model, days):
    sun = plants(model.park, Technology.SUN)
    assert not days.available_w[:, sun, :8].any()
    noon = days.available_w[:, sun, 44] / days.available_w[:, sun, 44].mean(axis=0)
    assert np.corrcoef(noon[:, 0], noon[:, 1])[0, 1] > 0.99


def test_a_module_gives_its_rating_in_the_laboratory_and_less_when_warm():
    sun, wind = np.array([1000.0]), np.array([5.0])
    rated = photovoltaic_w(1000.0, sun, np.array([8.1]), wind)
    warm = photovoltaic_w(1000.0, sun, np.array([34.0]), wind)
    # Faiman: 1000 W/m2 over 25 + 6.84 * 5 warm the cells by 16.9 K; 96 % leave the inverter.
    assert rated == pytest.approx(960.0 * (1.0 - 0.0035 * (16.9 + 8.1 - 25.0)), rel=2e-3)
    assert warm / rated == pytest.approx(1.0 - 0.0035 * 25.9, abs=3e-3)
    assert not photovoltaic_w(1000.0, np.zeros(1), np.zeros(1), wind).any()


def test_a_turbine_starts_is_rated_and_stops_where_its_curve_says():
    speeds = np.array([2.9, 3.0, 11.4, 20.0, 25.0, 25.1])
    power = wind_power_w(5e6, speeds) / 5e6
    assert power == pytest.approx([0.0, 0.008, 1.0, 1.0, 1.0, 0.0])
    cubic = wind_power_w(1.0, np.array([10.0])) / wind_power_w(1.0, np.array([8.0]))
    assert cubic == pytest.approx((10.0 / 8.0) ** 3, rel=0.02)


@pytest.mark.parametrize("kind", TYPES)
def test_no_process_wants_more_than_its_peak(model, kind):
    park = model.park
    processes = [replace(part, type=kind) for _, part in park.processes()]
    site = replace(park.sites[0], processes=tuple(processes))
    one = replace(park, sites=(site,))
    outdoor = np.stack([np.full(96, each) for each in (-25.0, 5.0, 20.0, 45.0)])
    wanted = wanted_w(one, outdoor)
    peaks = np.array([part.peak_w for part in processes])
    assert (wanted >= 0.0).all()
    assert (wanted <= peaks[:, None]).all()


def test_heating_follows_the_cold_and_cooling_the_warmth(model):
    park = model.park
    outdoor = np.stack([np.full(96, each) for each in (-12.0, 1.5, 15.0, 26.5, 35.0)])
    wanted = wanted_w(park, outdoor)
    heating = wanted[:, rows(park, ProcessType.SPACE_HEATING)].sum(axis=(1, 2))
    assert heating / heating[0] == pytest.approx([1.0, 0.5, 0.0, 0.0, 0.0])
    cooling = wanted[:, rows(park, ProcessType.SPACE_COOLING)].sum(axis=(1, 2))
    assert cooling / cooling[4] == pytest.approx([0.0, 0.0, 0.0, 0.5, 1.0])


def test_batches_keep_their_energy_when_they_begin_later(model):
    park = model.park
    batch = rows(park, ProcessType.BATCH)
    wanted = wanted_w(park, np.full((2, 96), 10.0), np.array([0.0, 0.5]))[:, batch]
    assert wanted[0].sum() == pytest.approx(wanted[1].sum())
    assert (np.roll(wanted[0], 2, axis=-1) == wanted[1]).all()


def test_people_work_by_the_clock_of_their_zone():
    spring = published_park(datetime(2026, 4, 22, tzinfo=UTC)).setup.park
    winter = published_park(datetime(2026, 1, 21, tzinfo=UTC)).setup.park
    office = rows(spring, ProcessType.OFFICE)[0]
    cold = np.full((1, 96), 5.0)
    early, late = (wanted_w(park, cold)[0, office] for park in (spring, winter))
    assert (np.roll(early, 4) == late).all()


def test_weather_that_does_not_fit_the_horizon_is_refused(model):
    from twin.park.site import ParkError

    setup = published_park().setup
    short = replace(setup.weather, wind_m_per_s=np.zeros(5))
    with pytest.raises(ParkError, match="wind_m_per_s must be 96 numbers without a gap"):
        ParkTwin().construct(ParkSetup(setup.park, short))


def test_every_carrier_is_wanted_in_the_published_park(model):
    wanted = {part.carrier for _, part in model.park.processes()}
    assert wanted == set(Carrier) - {Carrier.GAS}
