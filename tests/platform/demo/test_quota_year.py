"""The compliance year's scene, and the checks of its certificates where something is wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.green_quota.rules import VINTAGE_DAYS, VINTAGE_SECONDS
from wattproof.demo.quota.certified import conserved, surrendered_once
from wattproof.demo.quota.government import bond_micro
from wattproof.demo.quota.options import QuotaOptions
from wattproof.demo.quota.outlook import expected
from wattproof.demo.quota.provenance import Chain
from wattproof.demo.quota.published import published_scene
from wattproof.demo.quota.scene import GreenStore
from wattproof.demo.quota.year import Year
from wattproof.errors import InvalidError

winds = st.lists(st.floats(0.0, 1e9), min_size=3, max_size=VINTAGE_DAYS)


@given(winds, st.floats(0.0, 1.0), st.integers(1, 10_000), st.integers(1, 10**8))
def test_a_store_never_gives_what_it_has_not_nor_holds_more_than_it_can(
    windy, full, efficiency_bp, rate_wh
):
    store = GreenStore("store", 24_000_000, efficiency_bp, rate_wh)
    stored = full * store.capacity_wh
    drawn, afterwards = store.plan(np.array(windy), stored)
    for wh in drawn:
        assert abs(wh) <= rate_wh
        stored += wh * efficiency_bp / 1e4 if wh > 0 else wh
        assert -1e-6 <= stored <= store.capacity_wh + 1e-6
    assert afterwards == pytest.approx(stored)


def test_a_store_draws_when_the_wind_blows_and_gives_when_it_is_calm():
    store = GreenStore("store", 10_000, 8_000, 1_000)
    drawn, _ = store.plan(np.array([1.0, 9.0, 5.0]), 5_000.0)
    assert drawn == [-1_000, 1_000, 0]


def test_the_same_seed_draws_the_same_year_and_another_one_another():
    first, again, other = (published_scene(QuotaOptions(seed=seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.windy_wh, again.windy_wh)
    assert not np.array_equal(first.windy_wh, other.windy_wh)


@pytest.mark.parametrize("seed", range(5))
def test_readings_fit_their_meters_and_the_registry_even_the_wrong_one(seed):
    scene = published_scene(QuotaOptions(seed=seed))
    meters = scene.meters_w()
    for name, watts in meters.items():
        assert watts * 24 < 2**31, name  # int32 Wh a day
    name, day, factor = scene.fault
    park = next(park for park in scene.wind if park.name == name)
    assert factor * park.real_wh[0, day] < meters[name] * 24


@pytest.mark.parametrize("seed", range(5))
def test_certificates_are_expected_to_cost_between_nothing_and_the_penalty(seed):
    ahead = expected(published_scene(QuotaOptions(seed=seed)))
    assert 0.0 <= ahead.competitive_price_per_kwh <= ahead.price_per_kwh + 1e-12
    assert ahead.outlook.worth_per_kwh <= ahead.penalty_per_kwh


@pytest.mark.parametrize("vintages", [0, 2, 5, 13, 14])
def test_a_year_that_cannot_be_halved_is_refused(vintages):
    with pytest.raises(InvalidError, match="even number of vintages"):
        published_scene(QuotaOptions(vintages=vintages))


def test_quotas_share_the_year_between_them():
    scene = published_scene(QuotaOptions(vintages=6))
    assert [list(quota.vintages) for quota in scene.quotas] == [[0, 1, 2], [3, 4, 5]]
    assert scene.quota_of(3) is scene.quotas[1]
    assert scene.quotas[0].share("city retailer") == pytest.approx(0.26)
    assert scene.quotas[0].share("gas plant") == 0.0


def test_a_bond_is_a_share_of_the_penalty_on_all_that_may_be_owed():
    scene = published_scene(QuotaOptions(vintages=4))
    quota = scene.quotas[0]
    coal = quota.of("coal plant")
    assert coal is not None
    whole = 330_000.0 * 60 * 0.08 * 0.06  # kWh a day, days, ratio, tokens a kWh
    assert bond_micro(scene, quota, coal) == pytest.approx(0.3 * whole * 1e6)


def test_certificates_are_surrendered_more_than_a_week_after_the_period():
    scene = published_scene(QuotaOptions(vintages=4))
    year = Year(700)
    ends = (700 + 2) * VINTAGE_SECONDS
    assert year.surrender_by(scene.quotas[0]) == ends + 8 * 86_400


# -- certificates ----------------------------------------------------------------------------------

WHOLE = Chain(
    batches={
        1: {"issuedWh": 100, "retiredWh": 40, "expiredWh": 0},
        2: {"issuedWh": 50, "retiredWh": 0, "expiredWh": 5},
    },
    held={1: 60, 2: 45},
    pooled=[
        {"slot": 9, "start": 0, "amount": 60, "id": 1},
        {"slot": 9, "start": 60, "amount": 45, "id": 2},
        {"slot": 10, "start": 0, "amount": 7, "id": 3},
    ],
    assigned=[],
    collected={},
    surrendered={("a", 1): 30, ("b", 1): 10},
    claimed={("a", 1): 30, ("b", 1): 10},
)


def test_positions_of_a_pool_are_the_certificates_that_came_first():
    assert WHOLE.pieces(9, 0, 60) == {1: 60}
    assert WHOLE.pieces(9, 50, 20) == {1: 10, 2: 10}
    assert WHOLE.pieces(10, 0, 7) == {3: 7}


def test_certificates_that_nobody_holds_any_more_are_missed():
    assert conserved(WHOLE).ok
    assert not conserved(replace(WHOLE, held={1: 60, 2: 44})).ok
    assert not conserved(replace(WHOLE, held={1: 61, 2: 45})).ok


def test_a_certificate_that_counts_twice_is_found():
    assert surrendered_once(WHOLE).ok
    twice = {("a", 1): 30, ("b", 1): 11}
    assert not surrendered_once(replace(WHOLE, surrendered=twice, claimed=twice)).ok
    assert not surrendered_once(replace(WHOLE, claimed={("a", 1): 30, ("b", 1): 9})).ok
    assert not surrendered_once(replace(WHOLE, surrendered={}, claimed={})).ok
