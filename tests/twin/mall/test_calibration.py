from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from twin.mall.calibration import FACTOR_MOST, calibrate, forecast_errors_k, state_at_end
from twin.mall.model import MallShapeError
from twin.mall.observer import follow
from twin.mall.published import published_history

TRAINED = 14


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_free_run_of_24_hours_stays_within_0_3_k_of_a_finer_building(seed: int) -> None:
    nominal, history, true_c = published_history(seed, TRAINED + 5, zones=2)
    found = calibrate(nominal, history.part(0, 96 * TRAINED))
    errors = forecast_errors_k(found.mall, history, true_c, TRAINED)
    as_drawn = forecast_errors_k(nominal, history, true_c, TRAINED)
    assert np.sqrt(np.mean(errors**2)) <= 0.3
    assert np.sqrt(np.mean(errors**2)) < 0.8 * np.sqrt(np.mean(as_drawn**2))
    # The sensors alone scatter by 0.2 K.
    assert 0.18 < found.residual_k < 0.28


def test_no_parameter_leaves_its_bounds() -> None:
    nominal, history, _ = published_history(5, 4, zones=2)
    found = calibrate(nominal, history)
    for before, after in zip(nominal.zones, found.mall.zones, strict=True):
        for name in ("air_wh_per_k", "mass_wh_per_k", "coupling_w_per_k", "ventilation_w_per_k"):
            factor = getattr(after, name) / getattr(before, name)
            assert 1.0 / FACTOR_MOST <= factor <= FACTOR_MOST


def test_two_days_are_too_few() -> None:
    nominal, history, _ = published_history(5, 2, zones=1)
    with pytest.raises(MallShapeError, match="2 whole days are too few"):
        calibrate(nominal, history)


def test_a_day_without_any_reading_is_named() -> None:
    nominal, history, _ = published_history(5, 3, zones=1)
    air = history.air_c.copy()
    air[96:192] = np.nan
    with pytest.raises(MallShapeError, match="day 1 has no temperature"):
        calibrate(nominal, replace(history, air_c=air))


def test_one_sensor_for_two_zones_is_refused() -> None:
    nominal, _, _ = published_history(5, 3, zones=2)
    _, history, _ = published_history(5, 3, zones=1)
    with pytest.raises(MallShapeError, match="1 sensors for 2 zones"):
        calibrate(nominal, history)


def test_meters_with_a_gap_are_refused_by_slot() -> None:
    _, history, _ = published_history(5, 1, zones=1)
    chillers = history.chiller_w.copy()
    chillers[17] = np.nan
    with pytest.raises(MallShapeError, match="chiller_w is missing in slot 17"):
        replace(history, chiller_w=chillers)


def test_the_filter_finds_the_air_better_than_a_sensor_and_bears_silence() -> None:
    nominal, history, true_c = published_history(1, 5, zones=2)
    mall = calibrate(nominal, history).mall
    quiet = history.air_c.copy()
    quiet[400:420, 0] = np.nan
    cooling = history.cooling_w(mall)
    followed = follow(mall, history.day, cooling, quiet, 0.25)
    assert np.isnan(followed.innovation_c[400:420, 0]).all()
    assert np.isfinite(followed.state.mass_c).all()
    ends = [state_at_end(mall, history.part(0, 96 * day)).air_c for day in (2, 3, 4, 5)]
    off = np.array(ends) - true_c[[191, 287, 383, 479]]
    assert np.sqrt(np.mean(off**2)) < 0.15
