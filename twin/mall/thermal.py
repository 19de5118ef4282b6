"""The zones' heat balance as a linear network, solved exactly over a slot.

Each zone has two nodes, air and mass (two resistances to outdoors and one between them):

    C_a dT_a/dt = H (T_m - T_a) + (H_ao + H_vent) (T_o - T_a) + sum_j H_ij (T_aj - T_a) + q_a
    C_m dT_m/dt = H (T_a - T_m) + H_mo (T_o - T_m) + q_m

With outdoor temperature and heats constant within a slot, the matrix exponential of the network
extended by its inputs gives the end of the slot exactly (Van Loan 1978, IEEE TAC 23).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.linalg import expm

from twin.mall.building import FloatArray, Mall


@dataclass(frozen=True, slots=True)
class SlotStep:
    """What a slot does: next = transition x + outdoor T_o + air q_a + mass q_m.

    The state x is (air temperatures, mass temperatures), shape (2 zone,). ``transition`` is
    (2 zone, 2 zone), ``outdoor`` (2 zone,), ``air`` and ``mass`` (2 zone, zone) in K/W. ``holding``
    (zone, zone), in W/K, is the cooling of all zones that moves the air of each by 1 K.
    """

    transition: FloatArray
    outdoor: FloatArray
    air: FloatArray
    mass: FloatArray
    holding: FloatArray

    @property
    def zones(self) -> int:
        return int(self.air.shape[1])


@dataclass(frozen=True, slots=True)
class Network:
    """A slot with the ventilation of opening hours, and one without."""

    open: SlotStep
    closed: SlotStep

    def step(self, is_open: bool) -> SlotStep:
        return self.open if is_open else self.closed


@lru_cache(maxsize=32)
def thermal_network(mall: Mall, slot_hours: float) -> Network:
    """The network of a mall for slots of this length."""
    return Network(
        _step(mall, slot_hours, mall.of_zones("ventilation_w_per_k")),
        _step(mall, slot_hours, np.zeros(len(mall.zones))),
    )


def _step(mall: Mall, slot_hours: float, ventilation_w_per_k: FloatArray) -> SlotStep:
    zones = len(mall.zones)
    air = np.arange(zones)
    mass = zones + air
    conductance = np.zeros((2 * zones, 2 * zones))
    coupling = mall.of_zones("coupling_w_per_k")
    conductance[air, mass] += coupling
    conductance[mass, air] += coupling
    names = mall.zone_names
    for passage in mall.passages:
        first, second = names.index(passage.first), names.index(passage.second)
        conductance[first, second] += passage.conductance_w_per_k
        conductance[second, first] += passage.conductance_w_per_k
    outdoor = np.concatenate(
        [
            mall.of_zones("air_loss_w_per_k") + ventilation_w_per_k,
            mall.of_zones("mass_loss_w_per_k"),
        ]
    )
    capacity = np.concatenate([mall.of_zones("air_wh_per_k"), mall.of_zones("mass_wh_per_k")])
    flows = conductance - np.diag(conductance.sum(axis=1) + outdoor)
    nodes = 2 * zones
    extended = np.zeros((2 * nodes + 1, 2 * nodes + 1))
    extended[:nodes, :nodes] = flows / capacity[:, None]
    extended[:nodes, nodes] = outdoor / capacity
    extended[:nodes, nodes + 1 :] = np.diag(1.0 / capacity)
    solved = expm(extended * slot_hours)
    heat = solved[:nodes, nodes + 1 :]
    return SlotStep(
        transition=solved[:nodes, :nodes],
        outdoor=solved[:nodes, nodes],
        air=np.ascontiguousarray(heat[:, :zones]),
        mass=np.ascontiguousarray(heat[:, zones:]),
        holding=np.asarray(np.linalg.inv(heat[:zones, :zones]), dtype=float),
    )
