"""Where the mall stands: a Kalman filter leads the network along what was metered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.mall.building import FloatArray, Mall
from twin.mall.drive import drive_of
from twin.mall.model import DayAhead, MallSamples, MallState
from twin.mall.thermal import thermal_network

SENSOR_NOISE_K = 0.2
MODEL_NOISE_K = 0.02
"""What a slot adds to the doubt about every temperature, standard deviation."""

_FIRST_AIR_K = 0.2
_FIRST_MASS_K = 2.0


@dataclass(frozen=True, slots=True)
class Followed:
    """``innovation_c`` (slot, zone) is each reading less its one-slot forecast, NaN where a sensor
    said nothing; ``state`` is the estimate at the end, its store left at 0."""

    innovation_c: FloatArray
    state: MallState


def follow(
    mall: Mall,
    day: DayAhead,
    cooling_w: FloatArray,
    air_c: FloatArray,
    slot_hours: float,
    start: MallState | None = None,
) -> Followed:
    """Estimate air and mass along metered slots (Kalman 1960).

    Args:
        cooling_w: heat taken out, (slot, zone); ``air_c`` readings at the end of slots.
        start: what is believed beforehand; without it air and mass start at the first readings,
            the mass with a doubt of 2 K.
    """
    network = thermal_network(mall, slot_hours)
    drive = drive_of(mall, network, day, MallSamples.certain(day))
    slots, zones = air_c.shape
    if start is None:
        first = np.nan_to_num(air_c[0], nan=float(np.nanmean(air_c)))
        start = MallState(first, first)
    state = np.concatenate([start.air_c, start.mass_c])
    doubt = np.diag(np.repeat([_FIRST_AIR_K**2, _FIRST_MASS_K**2], zones))
    added = MODEL_NOISE_K**2 * np.eye(2 * zones)
    innovations = np.full((slots, zones), np.nan)
    for slot in range(slots):
        step = network.step(bool(day.open[slot]))
        state = step.transition @ state + drive.offset_c[slot, 0] - step.air @ cooling_w[slot]
        doubt = step.transition @ doubt @ step.transition.T + added
        known = np.flatnonzero(np.isfinite(air_c[slot]))
        off = air_c[slot, known] - state[known]
        innovations[slot, known] = off
        spread = doubt[np.ix_(known, known)] + SENSOR_NOISE_K**2 * np.eye(known.size)
        gain = np.linalg.solve(spread, doubt[known]).T
        state = state + gain @ off
        doubt = doubt - gain @ doubt[known]
    return Followed(innovations, MallState(state[:zones], state[zones:]))
