"""From positions to what the station delivers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from twin.storage_station.operation import follow
from twin.storage_station.plan import StationOutcome
from twin.storage_station.station import StationState, StorageStation

_SECONDS_PER_HOUR = 3_600.0


def deliver_position(
    station: StorageStation,
    state: StationState,
    position_wh: Sequence[int],
    slot_seconds: int,
) -> StationOutcome:
    """Live through the slots: follow what was traded as far as the real station allows.

    `position_wh` is what was bought in each slot (negative: sold). What power, ramp, longest runs,
    a full or an empty store forbid is not delivered, and is imbalance; nothing is made up for
    later. `station` and `state` are the real ones.
    """
    wanted_wh = np.array(position_wh, dtype=float)
    return follow(station, state, wanted_wh, slot_seconds / _SECONDS_PER_HOUR)
