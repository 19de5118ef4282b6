"""What the mall hands on, and what came of it. Consumption is positive; arrays see the model."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from twin.horizon import Horizon
from twin.mall.building import FloatArray
from twin.mall.model import BoolArray, GridSignal

_WH_PER_KWH = 1000.0

ELECTRICITY = "electricity"
CHILLER = "chiller"
LINES = (ELECTRICITY, CHILLER)
"""Lines of a plan that a person can fix: the whole mall at its meter, and its chillers, W."""


class Strategy(Enum):
    """Load shifting and load reduction are those of ITU-T FGMV-27; the others compare."""

    NO_CONTROL = "no control"
    LOAD_SHIFTING = "load shifting"
    LOAD_REDUCTION = "load reduction"


@dataclass(frozen=True, slots=True)
class MallPlan:
    """The day's schedule.

    ``electricity_w`` (slot,) is what the whole mall draws, ``chiller_w`` its chillers with pumps
    and tower; ``baseline_w`` what the mall draws when the thermostats hold the set point.
    ``least_w`` and ``most_w`` bound the draw of each slot on its own, within comfort and capacity:
    the adjustable power. ``cooling_w`` (slot, zone) is heat taken out of the zones, ``store_w``
    cold put into the store (negative: taken out), ``stored_wh`` its content after each slot.
    ``operative_c`` (slot, zone) is expected after each slot; thermostats correct by
    ``feedback_w_per_k`` (zone,) for each K that the air strays from ``air_c``.
    ``low_c`` and ``high_c`` (slot, zone) are what is left of the comfort band for the expected
    temperature after room for the scenarios. ``satisfaction`` (slot,) is 1 less the expected share
    of dissatisfied customers (PPD, ISO 7730).
    """

    horizon: Horizon
    strategy: Strategy
    peak: BoolArray
    electricity_w: FloatArray
    chiller_w: FloatArray
    baseline_w: FloatArray
    least_w: FloatArray
    most_w: FloatArray
    cooling_w: FloatArray
    store_w: FloatArray
    stored_wh: FloatArray
    air_c: FloatArray
    operative_c: FloatArray
    low_c: FloatArray
    high_c: FloatArray
    feedback_w_per_k: FloatArray
    satisfaction: FloatArray

    @property
    def energy_wh(self) -> FloatArray:
        """Energy of each slot, Wh, positive consumes."""
        energy: FloatArray = self.electricity_w * self.horizon.slot_hours
        return energy

    @property
    def baseline_wh(self) -> FloatArray:
        energy: FloatArray = self.baseline_w * self.horizon.slot_hours
        return energy

    @property
    def response_w(self) -> FloatArray:
        """How far below the baseline the mall draws, (slot,), W; negative where it draws more."""
        response: FloatArray = self.baseline_w - self.electricity_w
        return response

    @property
    def peak_response_wh(self) -> float:
        """Energy taken out of the grid's peak, Wh."""
        return float(self.response_w[self.peak].sum() * self.horizon.slot_hours)


@dataclass(frozen=True, slots=True)
class MallOutcome:
    """What was metered over a horizon.

    ``electricity_w`` and ``chiller_w`` by their meters, ``cooling_w`` by zone, ``air_c`` by the
    zones' sensors after each slot. ``outdoor_c``, ``humidity_percent``, ``sun_w_per_m2`` and
    ``customers`` are what happened. ``operative_c`` is what customers felt, ``stored_wh`` the
    store's content after each slot.
    """

    electricity_w: FloatArray
    chiller_w: FloatArray
    cooling_w: FloatArray
    air_c: FloatArray
    operative_c: FloatArray
    stored_wh: FloatArray
    outdoor_c: FloatArray
    humidity_percent: FloatArray
    sun_w_per_m2: FloatArray
    customers: FloatArray
    open: BoolArray


def energy_cost(electricity_w: FloatArray, signal: GridSignal, horizon: Horizon) -> float:
    """What the electricity (slot,) of a day costs, currency."""
    return float(electricity_w @ signal.price_per_kwh) * horizon.slot_hours / _WH_PER_KWH


def peak_energy_wh(electricity_w: FloatArray, signal: GridSignal, horizon: Horizon) -> float:
    """Energy drawn in the grid's peak, Wh."""
    return float(np.sum(electricity_w[signal.peak])) * horizon.slot_hours
