"""How much processes want through the day, by their type; arrays (scenario, process, slot).

Shares of the peak on the local clock. Space heating follows the degrees below 15 C (all of the peak
at -12 C), space cooling those above 18 C (all at 35 C), as heating and cooling curves do; both rest
at night. Batches run for two hours of every four, and a day's batches begin a little earlier or
later together.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from twin.park.site import FloatArray, Park, ProcessType

HEATING_LIMIT_C, HEATING_DESIGN_C = 15.0, -12.0
COOLING_LIMIT_C, COOLING_DESIGN_C = 18.0, 35.0
BATCH_HOURS, BATCH_PERIOD_HOURS = 2.0, 4.0

_HOURS = np.array([0.0, 5.0, 7.0, 9.0, 12.0, 13.0, 17.0, 19.0, 22.0, 23.5, 24.0])
_PROFILES: Mapping[ProcessType, FloatArray] = {
    ProcessType.CONTINUOUS: np.full(_HOURS.size, 0.92),
    ProcessType.SHIFTS: np.array([0.3, 0.3, 0.95, 1.0, 0.95, 1.0, 0.98, 0.95, 0.9, 0.35, 0.3]),
    ProcessType.OFFICE: np.array([0.2, 0.2, 0.4, 0.95, 1.0, 0.95, 0.9, 0.45, 0.25, 0.2, 0.2]),
    ProcessType.SPACE_HEATING: np.array(
        [0.75, 0.8, 1.0, 1.0, 0.95, 0.95, 0.95, 0.95, 0.85, 0.75, 0.75]
    ),
    ProcessType.SPACE_COOLING: np.array(
        [0.35, 0.35, 0.6, 0.95, 1.0, 1.0, 1.0, 0.8, 0.5, 0.4, 0.35]
    ),
}
_IDLE_BATCH = 0.25


def wanted_w(
    park: Park, outdoor_c: FloatArray, batch_shift_hours: FloatArray | None = None
) -> FloatArray:
    """What every process wants at its peak's share, (scenario, process, slot), W.

    ``outdoor_c`` is (scenario, slot); ``batch_shift_hours`` (scenario,) moves batches.
    """
    hours = park.horizon.local_hours(park.time_zone)
    scenarios = outdoor_c.shape[0]
    shift = np.zeros(scenarios) if batch_shift_hours is None else batch_shift_hours
    shares = {kind: np.interp(hours, _HOURS, profile) for kind, profile in _PROFILES.items()}
    by_type = {
        ProcessType.CONTINUOUS: shares[ProcessType.CONTINUOUS],
        ProcessType.SHIFTS: shares[ProcessType.SHIFTS],
        ProcessType.OFFICE: shares[ProcessType.OFFICE],
        ProcessType.SPACE_HEATING: shares[ProcessType.SPACE_HEATING]
        * _degrees(HEATING_LIMIT_C - outdoor_c, HEATING_LIMIT_C - HEATING_DESIGN_C),
        ProcessType.SPACE_COOLING: shares[ProcessType.SPACE_COOLING]
        * _degrees(outdoor_c - COOLING_LIMIT_C, COOLING_DESIGN_C - COOLING_LIMIT_C),
        ProcessType.BATCH: _batches(hours, shift),
    }
    wanted = [
        np.broadcast_to(by_type[process.type], outdoor_c.shape) * process.peak_w
        for _, process in park.processes()
    ]
    if not wanted:
        return np.zeros((scenarios, 0, park.horizon.slots))
    return np.stack(wanted, axis=1)


def _degrees(beyond_k: FloatArray, design_k: float) -> FloatArray:
    share: FloatArray = np.clip(beyond_k / design_k, 0.0, 1.0)
    return share


def _batches(hours: FloatArray, shift_hours: FloatArray) -> FloatArray:
    """Running or idle, (scenario, slot)."""
    phase = (hours[None, :] - shift_hours[:, None]) % BATCH_PERIOD_HOURS
    running: NDArray[np.bool_] = phase < BATCH_HOURS
    return np.where(running, 1.0, _IDLE_BATCH)
