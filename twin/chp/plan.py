"""What the plant hands on, what came of it, and how both are judged; arrays are (slot,)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from twin.chp.model import FloatArray
from twin.horizon import Horizon


class Strategy(Enum):
    """How the store may be used.

    The two strategies are those of ITU-T FGMV-09 and FGMV-27; ``HEAT_LED`` is no control (heat
    follows the load, store and buildings rest), ``FREE`` leaves all to the optimiser.
    """

    HEAT_LED = "heat-led"
    STORE_IN_WAIST = "store in the waist"
    STORE_IN_WAIST_AND_PEAK = "store in the waist and at the peak"
    FREE = "free"


@dataclass(frozen=True, slots=True)
class StorageComparison:
    """Why a strategy was chosen: heat that can be stored in the waist against the heat that must
    be made up for in the trough, both Wh and both with the buildings' inertia counted."""

    waist_storable_wh: float
    trough_compensation_wh: float

    @property
    def exceeds(self) -> bool:
        return self.waist_storable_wh > self.trough_compensation_wh

    @property
    def strategy(self) -> Strategy:
        return Strategy.STORE_IN_WAIST if self.exceeds else Strategy.STORE_IN_WAIST_AND_PEAK

    def __str__(self) -> str:
        relation = "exceeds" if self.exceeds else "does not exceed"
        return (
            f"the waist can store {self.waist_storable_wh / 1e6:.0f} MWh, which {relation} the "
            f"{self.trough_compensation_wh / 1e6:.0f} MWh to make up for in the trough: "
            f"{self.strategy.value}"
        )


@dataclass(frozen=True, slots=True)
class Proof:
    """What the solver proved of a plan.

    ``cost`` is the plan's objective, ``cost_bound`` what no plan can undercut, in currency.
    ``peak_w`` is the plan's expected highest residual, ``peak_bound_w`` what no operation of this
    plant can undercut whatever it costs.
    """

    cost: float
    cost_bound: float
    peak_w: float
    peak_bound_w: float

    @property
    def gap(self) -> float:
        """How far the cost may lie from the best possible, as a share of it."""
        return max(0.0, self.cost - self.cost_bound) / max(abs(self.cost), 1e-9)

    @property
    def peak_distance(self) -> float:
        """How far the peak lies above its lower bound, as a share of the bound."""
        return (self.peak_w - self.peak_bound_w) / max(abs(self.peak_bound_w), 1.0)


@dataclass(frozen=True, slots=True)
class ChpPlan:
    """The day's schedule. Power and heat are positive out of the plant.

    ``power_w``, ``heat_w`` and ``running`` are the unit's, ``boiler_w`` the boiler's heat,
    ``store_w`` the heat into the store (negative out of it), ``stored_wh`` its content after each
    slot. ``baseline_power_w`` and ``baseline_heat_w`` are the unit's heat-led schedule.
    ``least_power_w`` and ``most_power_w`` bound the power in each slot on its own at the planned
    heat and with the unit's state: the flexibility. Another kWh of power costs
    ``marginal_cost_per_kwh``. The mean over the scenarios is ``wind_taken_w``,
    ``wind_curtailed_w``, ``residual_w`` and ``indoor_c`` (after each slot); all but
    the rarest scenarios keep indoors between ``indoor_low_c`` and ``indoor_high_c``.
    """

    horizon: Horizon
    strategy: Strategy
    comparison: StorageComparison
    running: NDArray[np.bool_]
    power_w: FloatArray
    heat_w: FloatArray
    boiler_w: FloatArray
    store_w: FloatArray
    stored_wh: FloatArray
    baseline_power_w: FloatArray
    baseline_heat_w: FloatArray
    least_power_w: FloatArray
    most_power_w: FloatArray
    marginal_cost_per_kwh: FloatArray
    wind_taken_w: FloatArray
    wind_curtailed_w: FloatArray
    residual_w: FloatArray
    indoor_c: FloatArray
    indoor_low_c: FloatArray
    indoor_high_c: FloatArray
    satisfaction: FloatArray
    proof: Proof

    @property
    def energy_wh(self) -> FloatArray:
        """Energy of each slot as consumption: what the plant feeds in is negative, Wh."""
        energy: FloatArray = -self.power_w * self.horizon.slot_hours
        return energy

    @property
    def baseline_wh(self) -> FloatArray:
        """The heat-led schedule in the manner of ``energy_wh``."""
        energy: FloatArray = -self.baseline_power_w * self.horizon.slot_hours
        return energy


@dataclass(frozen=True, slots=True)
class ChpOutcome:
    """What was metered over a horizon. Signs as in :class:`ChpPlan`.

    ``outdoor_c``, ``wind_w`` and ``hot_water_w`` are what happened (see DayAhead), ``indoor_c``
    the mean of indoor sensors after each slot.
    """

    running: NDArray[np.bool_]
    power_w: FloatArray
    heat_w: FloatArray
    boiler_w: FloatArray
    store_w: FloatArray
    stored_wh: FloatArray
    outdoor_c: FloatArray
    wind_w: FloatArray
    wind_taken_w: FloatArray
    hot_water_w: FloatArray
    indoor_c: FloatArray
