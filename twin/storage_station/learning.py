"""Efficiencies and capacity from metered slots: how the state of charge follows what flows.

A battery reports its state of charge, a share of what it really holds. With energy c charged and d
discharged at the grid the share changes by ``a c - b d`` (self-discharge as in the datasheet),
where ``a = charge_efficiency / capacity`` and ``b = 1 / (discharge_efficiency * capacity)``. Both
follow by least squares; their quotient is the round trip. Meter and share cannot tell a smaller
store from losses on one side alone, so the ratio of the two efficiencies stays the datasheet's:
from that follow both, and the capacity.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from twin.storage_station.station import FloatArray, StationError, StorageStation

_PRIOR_WEIGHT = 0.05
"""What the datasheet counts: about as much as a full cycle of a four-hour store in slots."""
_MEMORY = 0.95
"""What a day's evidence still counts a day later."""
_LEAST_ROUND_TRIP = 0.3
_CAPACITY_RANGE = (0.3, 1.1)


@dataclass(frozen=True, slots=True)
class EfficiencyBelief:
    """Normal equations of (a, b) times the datasheet's capacity, energy as shares of it.

    ``information`` (2, 2) and ``evidence`` (2,) have no unit; their quotient is the estimate.
    """

    information: FloatArray
    evidence: FloatArray
    days_seen: int = 0


def first_belief(station: StorageStation) -> EfficiencyBelief:
    """The datasheet's own efficiencies, believed as far as a few cycles can correct."""
    told = np.array([station.charge_efficiency, 1.0 / station.discharge_efficiency])
    return EfficiencyBelief(_PRIOR_WEIGHT * np.eye(2), _PRIOR_WEIGHT * told)


def believe(
    belief: EfficiencyBelief,
    datasheet: StorageStation,
    charge_wh: FloatArray,
    discharge_wh: FloatArray,
    state_of_charge: FloatArray,
    first_state_of_charge: float,
    slot_hours: float,
) -> EfficiencyBelief:
    """The belief after another metered day; slots with NaN, and those after them, teach nothing.

    Raises StationError for states of charge outside 0 .. 1 and series of different lengths.
    """
    if not charge_wh.shape == discharge_wh.shape == state_of_charge.shape:
        raise StationError("metered series differ in length")
    shares = np.r_[first_state_of_charge, state_of_charge]
    known = shares[~np.isnan(shares)]
    if ((known < -1e-6) | (known > 1.0 + 1e-6)).any():
        raise StationError("a state of charge lies between 0 and 1")
    flows = np.column_stack([charge_wh, -discharge_wh]) / datasheet.capacity_wh
    change = shares[1:] - datasheet.kept(slot_hours) * shares[:-1]
    usable = np.isfinite(flows).all(axis=1) & np.isfinite(change)
    flows, change = flows[usable], change[usable]
    kept = first_belief(datasheet)
    # What fades is evidence, not the datasheet: without use the belief returns to it.
    information = kept.information + _MEMORY * (belief.information - kept.information)
    evidence = kept.evidence + _MEMORY * (belief.evidence - kept.evidence)
    return EfficiencyBelief(
        information + flows.T @ flows, evidence + flows.T @ change, belief.days_seen + 1
    )


def believed_station(datasheet: StorageStation, belief: EfficiencyBelief) -> StorageStation:
    """The station as the belief has it: efficiencies and capacity corrected, within reason."""
    gain, drain = np.linalg.solve(belief.information, belief.evidence).tolist()
    if min(gain, drain) <= 0.0:
        return datasheet
    round_trip = min(max(gain / drain, _LEAST_ROUND_TRIP), 1.0)
    ratio = datasheet.charge_efficiency / datasheet.discharge_efficiency
    charge = min(math.sqrt(round_trip * ratio), 1.0)
    discharge = min(math.sqrt(round_trip / ratio), 1.0)
    low, high = _CAPACITY_RANGE
    return replace(
        datasheet,
        charge_efficiency=charge,
        discharge_efficiency=discharge,
        capacity_wh=datasheet.capacity_wh * min(max(charge / gain, low), high),
    )
