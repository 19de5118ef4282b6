from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.ev_fleet.feeder import fill_valleys, shave_peak
from twin.ev_fleet.model import Stays
from twin.ev_fleet.physics import uncontrolled
from twin.ev_fleet.plan import energy_served_wh
from twin.ev_fleet.published import published_fleet


def test_valleys_are_filled_as_evenly_as_the_convex_programme_can():
    cp = pytest.importorskip("cvxpy")
    fleet = published_fleet(2, 5)
    stays = fleet.day().stays(0)
    base = fleet.signal.base_load_w
    ours = fill_valleys(fleet.vehicles, stays, fleet.horizon, base, rounds=3_000, tolerance=1e-9)
    total = ours.feeder_w(fleet.horizon, base)

    share = stays.connected_share(fleet.horizon)
    charge = cp.Variable(share.shape, nonneg=True)
    need = uncontrolled(fleet.vehicles, stays, fleet.horizon).charge_wh.sum(axis=1) / 1e3
    load = base / 1e3 + cp.sum(charge, axis=0) * 4.0
    most = share * (fleet.vehicles.charge_power_w / 4e3)[:, None]
    problem = cp.Problem(
        cp.Minimize(cp.sum_squares(load)), [charge <= most, cp.sum(charge, axis=1) == need]
    )
    problem.solve(solver=cp.CLARABEL)
    assert ((total / 1e3) ** 2).sum() == pytest.approx(problem.value, rel=1e-4)


@settings(deadline=None, max_examples=6)
@given(st.integers(0, 10_000))
def test_filling_valleys_serves_everybody_and_never_raises_the_peak(seed: int):
    fleet = published_fleet(seed, 10)
    stays = fleet.day().stays(0)
    base = fleet.signal.base_load_w
    plain = uncontrolled(fleet.vehicles, stays, fleet.horizon)
    filled = fill_valleys(fleet.vehicles, stays, fleet.horizon, base)
    served = energy_served_wh(plain, stays).sum()
    assert energy_served_wh(filled, stays).sum() == pytest.approx(served, rel=1e-6)
    before, after = plain.feeder_w(fleet.horizon, base), filled.feeder_w(fleet.horizon, base)
    assert after.max() <= before.max() + 1e-6
    assert (after**2).sum() <= (before**2).sum() * (1.0 + 1e-9)


@settings(deadline=None, max_examples=5)
@given(st.integers(0, 10_000))
def test_shaving_with_discharge_goes_below_filling_and_serves_everybody(seed: int):
    fleet = published_fleet(seed, 10)
    stays = fleet.day().stays(0)
    base = fleet.signal.base_load_w
    filled = fill_valleys(fleet.vehicles, stays, fleet.horizon, base)
    shaved = shave_peak(fleet.vehicles, stays, fleet.horizon, fleet.signal)
    served = energy_served_wh(filled, stays).sum()
    assert energy_served_wh(shaved, stays).sum() == pytest.approx(served, rel=1e-5)
    peak = np.abs(shaved.feeder_w(fleet.horizon, base)).max()
    assert peak <= filled.feeder_w(fleet.horizon, base).max() * (1.0 + 1e-6)


def test_discharge_shaves_the_peak_of_the_base_load_itself():
    fleet = published_fleet(2026, 40)
    stays = fleet.day().stays(0)
    shaved = shave_peak(fleet.vehicles, stays, fleet.horizon, fleet.signal)
    base = fleet.signal.base_load_w
    assert shaved.feeder_w(fleet.horizon, base).max() < 0.95 * base.max()


def test_a_need_beyond_the_stay_is_filled_as_far_as_it_goes():
    fleet = published_fleet(2, 1)
    values = (0.0, 1_800.0, 1_800.0, 10_000.0, 30_000.0)
    stays = Stays(*(np.array([value]) for value in values))
    filled = fill_valleys(fleet.vehicles, stays, fleet.horizon, fleet.signal.base_load_w)
    full = fleet.vehicles.charge_power_w[0] * 0.25
    assert np.allclose(filled.charge_wh[0, :3], [full, full, 0.0])
