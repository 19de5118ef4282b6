from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from twin.mall.model import (
    DayAhead,
    ForecastErrors,
    GridSignal,
    MallModel,
    MallSamples,
    MallShapeError,
)
from twin.mall.published import PublishedMall, published_mall
from twin.mall.sampling import draw_samples, scenario_day
from twin.mall.twin import MallTwin


def _drawn(model: MallModel, n: int, seed: int = 1) -> MallSamples:
    rng = np.random.default_rng(seed)
    return draw_samples(model.forecast, model.errors, model.horizon, rng, n)


def test_scenarios_scatter_about_the_forecast_as_the_errors_say(model: MallModel) -> None:
    drawn = _drawn(model, 4_000)
    strayed = drawn.outdoor_c - model.forecast.outdoor_c
    assert strayed.mean() == pytest.approx(0.0, abs=0.05)
    assert strayed.std(axis=0) == pytest.approx(np.full(96, 1.0), abs=0.06)
    later = np.mean(strayed[:, 4:] * strayed[:, :-4])
    assert later == pytest.approx(np.exp(-1.0 / 8.0), abs=0.03)
    is_open = model.forecast.open
    ratio = drawn.customers[:, is_open] / model.forecast.customers[is_open]
    assert ratio.std() == pytest.approx(np.hypot(0.12, 0.10), abs=0.01)
    assert ratio.mean() == pytest.approx(1.0, abs=0.01)


def test_the_same_seed_gives_the_same_days(model: MallModel) -> None:
    first, second, other = _drawn(model, 5), _drawn(model, 5), _drawn(model, 5, seed=2)
    assert np.array_equal(first.outdoor_c, second.outdoor_c)
    assert not np.array_equal(first.outdoor_c, other.outdoor_c)


def test_nobody_comes_to_a_closed_mall_and_never_fewer_than_nobody(model: MallModel) -> None:
    wild = replace(model, errors=ForecastErrors(customers_day=1.0, sun_share=2.0))
    drawn = _drawn(wild, 200)
    assert (drawn.customers[:, ~model.forecast.open] == 0.0).all()
    assert drawn.customers.min() == 0.0
    assert drawn.sun_factor.min() >= 0.0
    assert drawn.sun_factor.max() <= 1.5


def test_a_scenario_is_a_day_like_any_other(model: MallModel) -> None:
    drawn = _drawn(model, 3)
    day = scenario_day(model.forecast, drawn, 2)
    assert np.array_equal(day.outdoor_c, drawn.outdoor_c[2])
    assert day.sun_w_per_m2.shape == (96, 5)


def test_no_scenario_at_all_is_refused(model: MallModel) -> None:
    with pytest.raises(ValueError, match="at least one scenario"):
        _drawn(model, 0)


def test_the_published_mall_is_the_same_whoever_draws_it() -> None:
    one, other = published_mall(7), published_mall(7)
    assert np.array_equal(one.signal.price_per_kwh, other.signal.price_per_kwh)
    assert np.array_equal(one.day(3).customers, other.day(3).customers)
    assert not np.array_equal(one.day(3).customers, published_mall(8).day(3).customers)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("outdoor_c", np.full(96, np.nan), "outdoor_c is missing in slot 0"),
        ("customers", np.full(96, -1.0), "customers is negative"),
        ("humidity_percent", np.full(96, 140.0), "above 100"),
        ("sun_w_per_m2", np.zeros((96, 4)), "sun_w_per_m2 is shaped"),
        ("open", np.ones(95, dtype=bool), "open is shaped"),
    ],
)
def test_a_forecast_that_cannot_be_is_refused(
    model: MallModel, field: str, value: np.ndarray, said: str
) -> None:
    with pytest.raises(MallShapeError, match=said):
        replace(model.forecast, **{field: value})


@pytest.mark.parametrize(
    ("price", "peak", "limit", "said"),
    [
        (np.full(96, np.nan), np.zeros(96, dtype=bool), 1e6, "missing in slot 0"),
        (np.zeros(96), np.zeros(95, dtype=bool), 1e6, "shaped"),
        (np.zeros(96), np.zeros(96), 1e6, "booleans"),
        (np.zeros(96), np.zeros(96, dtype=bool), -1.0, "draw nothing"),
    ],
)
def test_a_signal_that_cannot_be_is_refused(
    price: np.ndarray, peak: np.ndarray, limit: float, said: str
) -> None:
    with pytest.raises(MallShapeError, match=said):
        GridSignal(price, peak, limit)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"set_point_c": np.full(5, 22.0)}, "set_point_c must hold a temperature for each of 6"),
        ({"comfort_share": 0.0}, "comfort_share 0"),
        ({"comfort_share": 1.5}, "comfort_share 1.5"),
    ],
)
def test_a_site_that_does_not_fit_is_refused(
    published: PublishedMall, change: dict[str, object], said: str
) -> None:
    with pytest.raises(MallShapeError, match=said):
        MallTwin().construct(replace(published.site, **change))  # type: ignore[arg-type]


def test_more_cold_than_the_store_can_hold_is_refused(published: PublishedMall) -> None:
    state = replace(published.site.state, stored_wh=9e6)
    with pytest.raises(MallShapeError, match="not between 0 and its capacity"):
        MallTwin().construct(replace(published.site, state=state))


def test_a_forecast_of_another_day_length_is_refused(published: PublishedMall) -> None:
    day = published.site.forecast
    short = DayAhead(
        day.outdoor_c[:92],
        day.humidity_percent[:92],
        day.sun_w_per_m2[:92],
        day.customers[:92],
        day.open[:92],
    )
    with pytest.raises(MallShapeError, match="92 slots, the horizon 96"):
        MallTwin().construct(replace(published.site, forecast=short))
