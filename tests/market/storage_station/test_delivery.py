from __future__ import annotations

import pytest

from market.storage_station.delivery import deliver_position
from twin.storage_station.station import StationState, StorageStation

STATION = StorageStation(4_000.0, 4_000.0, 8_000.0, 0.9, 0.9)


def test_what_was_traded_is_delivered():
    outcome = deliver_position(STATION, StationState(4_000.0), [1_000, -500, 0], 900)
    assert (outcome.charge_w / 4).tolist() == pytest.approx([1_000.0, 0.0, 0.0])
    assert (outcome.discharge_w / 4).tolist() == pytest.approx([0.0, 500.0, 0.0])


def test_an_empty_store_does_not_deliver_what_was_sold():
    outcome = deliver_position(STATION, StationState(450.0), [-1_000, -1_000], 900)
    assert (outcome.discharge_w / 4).tolist() == pytest.approx([405.0, 0.0])


def test_no_more_flows_than_the_rated_power():
    outcome = deliver_position(STATION, StationState(0.0), [5_000], 900)
    assert outcome.charge_w.tolist() == pytest.approx([4_000.0])
