"""The heated buildings through time: two temperatures, discretised exactly.

C_i dT_i/dt = q + g - H_io (T_i - T_out) - H_is (T_i - T_s)
C_s dT_s/dt =         - H_so (T_s - T_out) + H_is (T_i - T_s)

with heat q, gain g and outdoor temperature constant in a slot (matrix exponential).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.linalg import expm

from twin.chp.model import FloatArray
from twin.chp.plant import HeatedBuildings


@dataclass(frozen=True, slots=True)
class ThermalStep:
    """One slot: ``x' = keep @ x + heat * q + weather * T_out``, x = (indoor, structure), C.

    ``keep`` is (2, 2), ``heat`` (2,) in K/W for heat and gain together, ``weather`` (2,).
    """

    keep: FloatArray
    heat: FloatArray
    weather: FloatArray


@lru_cache(maxsize=64)
def thermal_step(buildings: HeatedBuildings, slot_hours: float) -> ThermalStep:
    """Discretise the network over one slot. The arrays are shared and cannot be written."""
    indoor, structure = buildings.indoor_wh_per_k, buildings.structure_wh_per_k
    between = buildings.coupling_w_per_k
    system = np.zeros((4, 4))
    system[0] = [
        -(buildings.indoor_loss_w_per_k + between) / indoor,
        between / indoor,
        1.0 / indoor,
        buildings.indoor_loss_w_per_k / indoor,
    ]
    system[1] = [
        between / structure,
        -(buildings.structure_loss_w_per_k + between) / structure,
        0.0,
        buildings.structure_loss_w_per_k / structure,
    ]
    step = expm(system * slot_hours)
    step.setflags(write=False)
    return ThermalStep(step[:2, :2], step[:2, 2], step[:2, 3])


def simulate(
    buildings: HeatedBuildings,
    slot_hours: float,
    indoor_c: float,
    structure_c: float,
    heat_w: FloatArray,
    outdoor_c: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Indoor and structure temperature after each slot, both shaped as ``outdoor_c``, C.

    Args:
        heat_w: what reaches the buildings without gains, W; broadcast against ``outdoor_c``.
        outdoor_c: shaped (slot,) or (scenario, slot).
    """
    step = thermal_step(buildings, slot_hours)
    weather = np.moveaxis(outdoor_c, -1, 0)
    heat = np.moveaxis(np.broadcast_to(heat_w, outdoor_c.shape), -1, 0) + buildings.gain_w
    driven_indoor = step.heat[0] * heat + step.weather[0] * weather
    driven_structure = step.heat[1] * heat + step.weather[1] * weather
    indoor = np.empty_like(driven_indoor)
    structure = np.empty_like(driven_indoor)
    inside: FloatArray | float = indoor_c
    within: FloatArray | float = structure_c
    (a, b), (c, d) = step.keep
    for slot in range(weather.shape[0]):
        indoor[slot] = a * inside + b * within + driven_indoor[slot]
        structure[slot] = c * inside + d * within + driven_structure[slot]
        inside, within = indoor[slot], structure[slot]
    return np.moveaxis(indoor, 0, -1), np.moveaxis(structure, 0, -1)


def steady_load_w(buildings: HeatedBuildings, outdoor_c: FloatArray) -> FloatArray:
    """Heat that holds the set point in steady weather, W, shaped as ``outdoor_c``.

    This is the heating curve that heat-led operation follows; hot water comes on top.
    """
    load = buildings.loss_w_per_k * (buildings.set_point_c - outdoor_c) - buildings.gain_w
    return np.maximum(load, 0.0)


def steady_structure_c(buildings: HeatedBuildings, indoor_c: float, outdoor_c: float) -> float:
    """Temperature of the structure in steady weather, C."""
    between, out = buildings.coupling_w_per_k, buildings.structure_loss_w_per_k
    return (between * indoor_c + out * outdoor_c) / (between + out)


def bearable_heat_wh(
    buildings: HeatedBuildings, slot_hours: float, slots: int, change_k: float
) -> float:
    """Heat that may be withheld evenly over ``slots`` slots before indoors has changed by
    ``change_k`` (the same for heat added), Wh."""
    if slots == 0:
        return 0.0
    step = thermal_step(buildings, slot_hours)
    state = np.zeros(2)
    for _ in range(slots):
        state = step.keep @ state + step.heat
    return float(change_k / state[0] * slots * slot_hours)
