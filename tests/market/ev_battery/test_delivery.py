from __future__ import annotations

import numpy as np
import pytest

from market.ev_battery.delivery import deliver_positions
from twin.ev_fleet.plan import energy_served_wh
from twin.ev_fleet.published import published_fleet


@pytest.fixture(scope="module")
def day():
    fleet = published_fleet(seed=11, vehicles=20)
    return fleet, fleet.day(0).stays(0)


def _deliver(day, position_wh):
    fleet, stays = day
    return deliver_positions(
        fleet.vehicles,
        stays,
        fleet.horizon,
        position_wh,
        fleet.signal.price_per_kwh,
        fleet.signal.base_load_w,
    )


def test_nothing_flows_where_nobody_is_plugged_in(day):
    fleet, stays = day
    everything = np.full((20, fleet.horizon.slots), 1_500.0)
    outcome = _deliver(day, everything)
    away = stays.connected_share(fleet.horizon) == 0.0
    assert np.all(outcome.charge_wh[away] == 0.0)
    assert np.all(outcome.discharge_wh[away] == 0.0)


def test_batteries_stay_between_empty_and_full(day):
    fleet, _ = day
    rng = np.random.default_rng(3)
    outcome = _deliver(day, rng.uniform(-3_000.0, 3_000.0, (20, fleet.horizon.slots)))
    assert np.all(outcome.final_energy_wh >= -1e-6)
    assert np.all(outcome.final_energy_wh <= fleet.vehicles.battery_capacity_wh + 1e-6)


def test_a_driver_who_bought_nothing_is_served_all_the_same(day):
    """What was not traded becomes imbalance, as far as the feeder and the stay allow."""
    fleet, stays = day
    outcome = _deliver(day, np.zeros((20, fleet.horizon.slots)))
    assert energy_served_wh(outcome, stays).sum() > 0.85 * stays.need_wh.sum()
    assert outcome.feeder_w(fleet.horizon, fleet.signal.base_load_w).max() == pytest.approx(
        fleet.signal.base_load_w.max()
    )
