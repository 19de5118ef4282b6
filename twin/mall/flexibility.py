"""The adjustable power that the manager reports: how far a slot's draw can move within comfort."""

from __future__ import annotations

import numpy as np

from twin.mall.building import FloatArray, Mall
from twin.mall.drive import Drive
from twin.mall.model import DayAhead
from twin.mall.physics import operative_c
from twin.mall.thermal import Network


def adjustable_power_w(
    mall: Mall,
    network: Network,
    day: DayAhead,
    drive: Drive,
    course_c: FloatArray,
    cooling_w: FloatArray,
    store_w: FloatArray,
    stored_wh: FloatArray,
    low_c: FloatArray,
    high_c: FloatArray,
    slot_hours: float,
) -> tuple[FloatArray, FloatArray]:
    """Least and most draw of every slot on its own, both (slot,), W.

    Each slot may differ from the plan as long as every zone ends it within its band, the store
    keeps within its limits, and the chillers within theirs. Zones move in opening hours only: what
    a change before opening does to the opening is for a new plan to say.

    Args:
        course_c: planned state (slot + 1, 2 zone); ``cooling_w`` (slot, zone), ``store_w`` (slot,)
            into the store, ``stored_wh`` (slot + 1,); ``low_c`` and ``high_c`` (slot, zone).
    """
    felt = operative_c(course_c[1:])
    effect = operative_c(network.open.air.T).T
    zone_most = mall.of_zones("cooling_max_w")
    ratio = drive.coil_ratio[0]
    condenser = drive.condenser_c[0]
    capacity = mall.chillers.capacity_of_all_w(condenser)
    less = np.zeros_like(cooling_w)
    more = np.zeros_like(cooling_w)
    for slot in np.flatnonzero(day.open):
        less[slot] = _change(effect, high_c[slot] - felt[slot], cooling_w[slot])
        more[slot] = _change(effect, felt[slot] - low_c[slot], zone_most - cooling_w[slot])
    store = mall.store
    give = np.minimum(store.discharge_max_w + store_w, np.maximum(stored_wh[1:], 0.0) / slot_hours)
    room_wh = np.maximum(store.capacity_wh - stored_wh[1:], 0.0)
    take = np.minimum(
        store.charge_max_w - store_w, room_wh / (slot_hours * store.charge_efficiency)
    )
    asked = cooling_w.sum(axis=1) * ratio + store_w
    least = np.maximum(asked - less.sum(axis=1) * ratio - np.maximum(give, 0.0), 0.0)
    most = np.minimum(asked + more.sum(axis=1) * ratio + np.maximum(take, 0.0), capacity)
    power = mall.chillers.power_w
    lowest = drive.other_w + np.minimum(power(least, condenser), power(asked, condenser))
    highest = drive.other_w + np.maximum(power(most, condenser), power(asked, condenser))
    return lowest, highest


def _change(effect: FloatArray, room_k: FloatArray, most_w: FloatArray) -> FloatArray:
    """A change of cooling (zone,), at most ``most_w``, that moves no zone beyond its room.

    All zones would reach their limit by the inverse of the effect (K/W); what is cut to be
    possible is then scaled until every zone keeps its room.
    """
    room = np.maximum(room_k, 0.0)
    change = np.clip(np.linalg.solve(effect, room), 0.0, np.maximum(most_w, 0.0))
    moved = effect @ change
    within = np.where(moved > 1e-12, room / np.maximum(moved, 1e-12), 1.0)
    scaled: FloatArray = change * min(1.0, float(within.min()))
    return scaled
