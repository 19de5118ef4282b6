"""How dearly to hold comfort so that a wanted share of the needed energy is served.

The value of energy that is missing at departure decides between expense and comfort. Instead of
guessing it, it is learnt: for sessions that have ended, the plan that each candidate value would
have made from the forecast at plug-in is compared with the departure that came. A new session
takes the least value that would have kept to the allowed shortfall in the sessions last ended,
corrected by how much of the allowance the values really chosen have used so far.
"""

from __future__ import annotations

import numpy as np

from twin.ev_fleet.minimum_expense import DepartureOutlook
from twin.ev_fleet.model import FloatArray, Stays, Vehicles
from twin.horizon import Horizon

CANDIDATES = np.geomspace(1.05, 20.0, 31)
"""Candidate values of missing energy, in multiples of the mean price of the coming day."""

DEFAULT_TARGET = 0.9925
LEAST_LEVEL_PER_KWH = 1e-3
"""Where prices are nought, values are multiples of this."""
_CAUTIOUS_SESSIONS = 30
_REMEMBERED_SESSIONS = 400


def learnt_values(
    vehicles: Vehicles,
    stays: Stays,
    horizon: Horizon,
    price_per_kwh: FloatArray,
    outlook: DepartureOutlook,
    service_target: float = DEFAULT_TARGET,
) -> FloatArray:
    """Value of missing energy for every stay, from stays that ended before it, (vehicle,).

    In currency per stored kWh. Stays must be in order of arrival. The first thirty take the
    highest candidate, for nothing is known yet. Only charging is considered.
    """
    if not 0.0 < service_target < 1.0:
        raise ValueError(f"a service target lies between 0 and 1, not at {service_target}")
    count = stays.count
    served = np.empty((count, CANDIDATES.size))
    level = np.empty(count)
    edges = outlook.survival.shape[1]
    for place in range(count):
        slot = min(int(stays.arrival_s[place] // horizon.slot_seconds), horizon.slots - 1)
        ahead = price_per_kwh[slot : slot + edges]
        level[place] = max(float(np.abs(ahead).mean()), LEAST_LEVEL_PER_KWH)
        served[place] = _served_wh(
            outlook.survival[place, : ahead.size],
            ahead,
            level[place] * CANDIDATES,
            float(vehicles.charge_power_w[place] * horizon.slot_hours),
            float(stays.need_wh[place] / vehicles.charge_efficiency[place]),
            float(stays.arrival_s[place] / horizon.slot_seconds),
            float(stays.departure_s[place] / horizon.slot_seconds),
        )
    need = stays.need_wh / vehicles.charge_efficiency
    by_end = np.argsort(stays.departure_s, kind="stable")
    missed_so_far = np.cumsum((need[:, None] - served)[by_end], axis=0)
    need_so_far = np.cumsum(need[by_end])
    known = np.searchsorted(stays.departure_s[by_end], stays.arrival_s)
    allowance = 1.0 - service_target
    choice = np.full(count, CANDIDATES.size - 1)
    really_missed = 0.0
    counted = 0
    for place in range(count):
        for ended in by_end[counted : known[place]]:
            really_missed += need[ended] - served[ended, choice[ended]]
        counted = known[place]
        if counted < _CAUTIOUS_SESSIONS or need_so_far[counted - 1] <= 0.0:
            continue
        allowed = allowance * need_so_far[counted - 1]
        # What was saved up or overdrawn so far is made good, at most twofold.
        allowed *= 1.0 + float(np.clip((allowed - really_missed) / allowed, -1.0, 1.0))
        start = max(counted - _REMEMBERED_SESSIONS, 0)
        missed = missed_so_far[counted - 1] - (missed_so_far[start - 1] if start else 0.0)
        recent_need = need_so_far[counted - 1] - (need_so_far[start - 1] if start else 0.0)
        enough = missed <= allowed * recent_need / need_so_far[counted - 1]
        if enough.any():
            choice[place] = int(np.argmax(enough))
    values: FloatArray = level * CANDIDATES[choice] / vehicles.charge_efficiency
    return values


def _served_wh(
    survival: FloatArray,
    price: FloatArray,
    values: FloatArray,
    full_wh: float,
    need_wh: float,
    arrival: float,
    departure: float,
) -> FloatArray:
    """Energy at the grid that each candidate's plan would have served, shape (candidate,).

    The best plan for one vehicle fills the slots with the highest survival times margin.
    """
    slots = price.size
    start = np.r_[1.0, survival[:-1]]
    weight = 0.5 * (start + survival)
    first = int(arrival)
    usable = np.full(slots, full_wh)
    usable[0] *= 1.0 - (arrival - first)
    gain = weight * (values[:, None] - price)
    order = np.argsort(-gain, axis=1, kind="stable")
    filled = np.minimum(np.cumsum(usable[order], axis=1), need_wh)
    energy = np.diff(filled, axis=1, prepend=0.0)
    energy[np.take_along_axis(gain, order, axis=1) <= 0.0] = 0.0
    plan = np.empty_like(energy)
    np.put_along_axis(plan, order, energy, axis=1)
    begin = first + np.arange(slots, dtype=float)
    begin[0] = arrival
    possible = full_wh * np.clip(departure - begin, 0.0, 1.0)
    served: FloatArray = np.minimum(plan, possible).sum(axis=1)
    return served
