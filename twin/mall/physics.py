"""The mall run through many scenarios at once, by thermostats or by a plan.

State arrays are (scenario, 2 zone): air temperatures, then mass temperatures, in C.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from twin.mall.building import FloatArray, Mall
from twin.mall.drive import Drive
from twin.mall.model import BoolArray, DayAhead, MallState
from twin.mall.thermal import Network

RADIANT_SHARE = 0.5
"""Operative temperature is the mean of air and radiant temperature at the air speeds of a shop
(ISO 7730, annex G); the mass stands for the surroundings that radiate."""

PREPARATION_SLOTS = 4
"""Thermostats begin this long before opening."""

PRECOOLING_SLOTS = 24
"""A plan may begin to cool this long before opening."""

Cooler = Callable[[int, FloatArray, FloatArray], FloatArray | None]
"""(slot, state at its start, state at its end without cooling) -> heat to take out, W; None: off.
"""


@dataclass(frozen=True, slots=True)
class Course:
    """What came of it: ``cooling_w`` (slot, scenario, zone) and ``state_c`` (slot + 1, scenario,
    2 zone), whose first entry is the start."""

    cooling_w: FloatArray
    state_c: FloatArray

    @property
    def air_c(self) -> FloatArray:
        """At the end of every slot, (slot, scenario, zone)."""
        return self.state_c[1:, :, : self.cooling_w.shape[2]]

    @property
    def operative_c(self) -> FloatArray:
        """At the end of every slot, (slot, scenario, zone)."""
        return operative_c(self.state_c[1:])


def operative_c(state_c: FloatArray) -> FloatArray:
    """Operative temperatures (.., zone) of states (.., 2 zone)."""
    zones = state_c.shape[-1] // 2
    felt: FloatArray = (1.0 - RADIANT_SHARE) * state_c[..., :zones] + RADIANT_SHARE * state_c[
        ..., zones:
    ]
    return felt


def initial_state(state: MallState, scenarios: int) -> FloatArray:
    """The same start for every scenario, (scenario, 2 zone)."""
    return np.tile(np.concatenate([state.air_c, state.mass_c]), (scenarios, 1))


def conditioned(day: DayAhead, slots_before: int = PREPARATION_SLOTS) -> BoolArray:
    """Slots in which thermostats act: opening hours and a while before, (slot,)."""
    acts = day.open.copy()
    for ahead in range(1, slots_before + 1):
        acts[:-ahead] |= day.open[ahead:]
    return acts


def run(
    mall: Mall,
    network: Network,
    day: DayAhead,
    drive: Drive,
    start_c: FloatArray,
    cooler: Cooler,
    from_store_w: FloatArray | None = None,
) -> Course:
    """Run all scenarios; cooling is kept within zones' and chillers' capacity.

    ``from_store_w`` (slot,) is what a cold store gives beside the chillers (negative: takes).
    Where the chillers cannot give all that is asked, every zone gets the same share of it.
    """
    slots, scenarios, nodes = drive.offset_c.shape
    zones = nodes // 2
    zone_most = mall.of_zones("cooling_max_w")
    plant_most = mall.chillers.capacity_of_all_w(drive.condenser_c)
    if from_store_w is not None:
        plant_most = plant_most + from_store_w
    most = np.ascontiguousarray((plant_most / drive.coil_ratio).T)
    cooling = np.zeros((slots, scenarios, zones))
    state = np.empty((slots + 1, scenarios, nodes))
    state[0] = start_c
    together = np.ones(zones)
    transition = {flag: network.step(flag).transition.T.copy() for flag in (True, False)}
    effect = {flag: network.step(flag).air.T.copy() for flag in (True, False)}
    for slot in range(slots):
        is_open = bool(day.open[slot])
        free = state[slot] @ transition[is_open]
        free += drive.offset_c[slot]
        wanted = cooler(slot, state[slot], free)
        if wanted is None:
            state[slot + 1] = free
            continue
        taken = cooling[slot]
        np.minimum(wanted, zone_most, out=taken)
        np.maximum(taken, 0.0, out=taken)
        asked = taken @ together
        if (asked > most[slot]).any():
            taken *= np.minimum(most[slot] / np.maximum(asked, 1e-9), 1.0)[:, None]
        np.subtract(free, taken @ effect[is_open], out=state[slot + 1])
    return Course(cooling, state)


def thermostats(network: Network, day: DayAhead, set_point_c: FloatArray) -> Cooler:
    """Hold the air at a set point, (zone,) or (scenario, zone), in conditioned slots."""
    zones = network.open.zones
    acts = conditioned(day)
    holding = {flag: network.step(flag).holding.T.copy() for flag in (True, False)}

    def cool(slot: int, state: FloatArray, free: FloatArray) -> FloatArray | None:
        if not acts[slot]:
            return None
        wanted: FloatArray = (free[:, :zones] - set_point_c) @ holding[bool(day.open[slot])]
        return wanted

    return cool


def following(
    cooling_w: FloatArray, air_c: FloatArray, feedback_w_per_k: FloatArray, acts: BoolArray
) -> Cooler:
    """Give the planned cooling (slot, zone), corrected for how far the air has strayed.

    ``air_c`` (slot, zone) is the air that the plan expects at the start of every slot.
    """
    zones = cooling_w.shape[1]

    def cool(slot: int, state: FloatArray, free: FloatArray) -> FloatArray:
        strayed = state[:, :zones] - air_c[slot]
        wanted: FloatArray = cooling_w[slot] + (feedback_w_per_k * acts[slot]) * strayed
        return wanted

    return cool


def feedback_gain(network: Network) -> FloatArray:
    """How strongly thermostats correct, (zone,), W/K: half of what would undo it in one slot, less
    where the air forgets by itself, so that no correction overshoots."""
    zones = network.open.zones
    gains = [
        0.5 * np.diag(step.transition[:zones]) / np.diag(step.air[:zones])
        for step in (network.open, network.closed)
    ]
    gain: FloatArray = np.minimum(*gains)
    return gain


def electricity_w(
    mall: Mall, drive: Drive, cooling_w: FloatArray, into_store_w: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Draw of the whole mall and of its chillers, both (scenario, slot), W."""
    total = cooling_w.sum(axis=2).T * drive.coil_ratio
    if into_store_w is not None:
        total = np.maximum(total + into_store_w, 0.0)
    chillers = mall.chillers.power_w(total, drive.condenser_c)
    return chillers + drive.other_w, chillers
