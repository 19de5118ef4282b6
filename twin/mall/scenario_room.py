"""How much of the comfort band the scenarios need for themselves.

Thermostats correct the plan by a feedback. How far a scenario strays from the expected course then
lies between two bounds that depend on the scenario alone, not on the plan (the tube of robust
predictive control; Mayne, Seron and Rakovic 2005, Automatica 41): above, the course with the
whole feedback; below, the one in which no planned cooling is ever taken back, as where nothing is
planned. A warmer state stays the warmer one under either, so the bounds hold slot after slot, and a
band narrowed by the stray of the kept scenarios holds for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from twin.mall.building import FloatArray
from twin.mall.drive import Drive, expected
from twin.mall.model import BoolArray, DayAhead
from twin.mall.physics import operative_c
from twin.mall.thermal import Network

_LEAST_SPREAD_K = 1e-3


@dataclass(frozen=True, slots=True)
class ScenarioRoom:
    """``warmer_k`` and ``colder_k`` (slot, zone) is how far kept scenarios stray, both at least 0;
    ``more_cooling_w`` (slot,) what their correction asks of the chillers at most."""

    warmer_k: FloatArray
    colder_k: FloatArray
    more_cooling_w: FloatArray


def scenario_room(
    network: Network,
    day: DayAhead,
    drive: Drive,
    feedback_w_per_k: FloatArray,
    acts: BoolArray,
    share: float,
) -> ScenarioRoom:
    """Room for the ``share`` of scenarios that stray least, each as a whole day.

    Scenarios are ranked by their largest stray in opening hours, in multiples of the spread
    at that slot and zone.
    """
    if not 0.0 < share <= 1.0:
        raise ValueError(f"comfort in a share {share:g} of scenarios: give more than 0, at most 1")
    dev = drive.offset_c - expected(drive).offset_c
    slots, scenarios, nodes = dev.shape
    zones = nodes // 2
    warm = np.zeros((slots + 1, scenarios, nodes))
    cold = np.zeros((slots + 1, scenarios, nodes))
    correction = np.zeros((slots, scenarios, zones))
    for slot in range(slots):
        step = network.step(bool(day.open[slot]))
        gain = feedback_w_per_k * acts[slot]
        correction[slot] = gain * warm[slot][:, :zones]
        only_more = np.maximum(gain * cold[slot][:, :zones], 0.0)
        for course, taken in ((warm, correction[slot]), (cold, only_more)):
            course[slot + 1] = course[slot] @ step.transition.T + dev[slot] - taken @ step.air.T
    above, below = operative_c(warm[1:]), operative_c(cold[1:])
    felt = np.where(above > -below, above, below)
    spread = felt.std(axis=1, keepdims=True) + _LEAST_SPREAD_K
    judged = day.open if day.open.any() else np.ones(slots, dtype=bool)
    size = (np.abs(felt) / spread)[judged].max(axis=(0, 2))
    kept = np.argsort(size, kind="stable")[: ceil(share * scenarios)]
    more = (correction.sum(axis=2) * drive.coil_ratio.T)[:, kept].max(axis=1)
    return ScenarioRoom(
        warmer_k=np.maximum(above[:, kept].max(axis=1), 0.0),
        colder_k=np.maximum(-below[:, kept].min(axis=1), 0.0),
        more_cooling_w=np.maximum(more, 0.0),
    )
