"""How far customers' votes have moved what they find comfortable."""

from __future__ import annotations

import numpy as np

from twin.comfort import comfort_table, neutral_limits_c
from twin.mall.building import FloatArray
from twin.mall.model import DayAhead, MallModel


def preferred_shift_k(model: MallModel) -> FloatArray:
    """Shift of every zone's band from where ISO 7730 puts it, (zone,), K."""
    low, high = neutral_limits_c(model.comfort)
    shift: FloatArray = 0.5 * (model.band.low_c + model.band.high_c) - 0.5 * (low + high)
    return shift


def satisfaction(model: MallModel, day: DayAhead, operative_c: FloatArray) -> FloatArray:
    """Share of customers who are satisfied in each slot, (slot,): 1 less PPD over the zones,
    weighted by where customers are. 1 while the mall is closed."""
    unhappy = comfort_table(model.comfort).dissatisfied(operative_c - preferred_shift_k(model))
    weighted = unhappy @ model.mall.of_zones("customer_share")
    return np.where(day.open, 1.0 - weighted, 1.0)
