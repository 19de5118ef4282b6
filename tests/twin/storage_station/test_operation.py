from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.storage_station.operation import follow
from twin.storage_station.station import StationState, StorageStation

STATION = StorageStation(4_000.0, 3_000.0, 8_000.0, 0.9, 0.95, 0.01, 0.1, 0.9)


@given(
    st.lists(st.floats(-6_000.0, 6_000.0), min_size=1, max_size=30),
    st.floats(800.0, 7_200.0),
    st.sampled_from([None, 2_000.0]),
    st.sampled_from([None, 2.0]),
)
def test_whatever_is_wanted_power_and_state_of_charge_are_kept(wanted, start, ramp, longest):
    station = replace(
        STATION, ramp_w_per_h=ramp, longest_charge_h=longest, self_discharge_per_hour=0.0
    )
    outcome = follow(station, StationState(start), np.array(wanted), 1.0)
    assert (outcome.charge_w <= 4_000.0 + 1e-6).all()
    assert (outcome.discharge_w <= 3_000.0 + 1e-6).all()
    assert (outcome.state_of_charge >= 0.1 - 1e-9).all()
    assert (outcome.state_of_charge <= 0.9 + 1e-9).all()
    if longest is not None:
        running = "".join("x" if power > 0 else " " for power in outcome.charge_w)
        assert max(map(len, running.split()), default=0) <= 2


def test_what_can_be_done_is_done_to_the_wh():
    wanted = np.array([2_000.0, 0.0, -1_000.0])
    outcome = follow(STATION, StationState(4_000.0), wanted, 1.0)
    assert (outcome.charge_w - outcome.discharge_w) == pytest.approx(wanted)
    level = ((4_000.0 * 0.99 + 1_800.0) * 0.99) * 0.99 - 1_000.0 / 0.95
    assert outcome.state_of_charge[-1] * 8_000.0 == pytest.approx(level)
