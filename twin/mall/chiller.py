"""The chillers: what cooling costs in electricity, by outdoor air and part load.

The electric input ratio model of DOE-2 and EnergyPlus (Engineering Reference, "Electric Chiller
Model Based on Condenser Entering Temperature"; curves of the centrifugal chiller of DOE-2.1E):

    capacity = reference capacity * CAPFT(chilled water, condenser)
    power = capacity * EIRFT(chilled water, condenser) * EIRFPLR(part load) / reference COP

Below the minimum part load a unit cycles. Equal units run so that together they draw least.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

CAPACITY_CURVE = (0.257896, 0.0389016, -0.00021708, 0.0468684, -0.00094284, -0.00034344)
INPUT_RATIO_CURVE = (0.933884, -0.058212, 0.00450036, 0.00243, 0.000486, -0.001215)
PART_LOAD_CURVE = (0.222903, 0.313387, 0.46371)
"""DOE-2.1E hermetic centrifugal: biquadratic in (chilled, condenser) C; quadratic in part load."""

_CONDENSER_RANGE_C = (15.0, 45.0)
_BISECTIONS = 60


class ChillerError(ValueError):
    """Chillers that cannot exist; names the number."""


@dataclass(frozen=True, slots=True)
class ChillerPlant:
    """``units`` equal chillers on cooling towers.

    ``capacity_w`` is the heat one unit takes out at reference conditions (6.7 C chilled water,
    29.4 C condenser), ``reference_cop`` its efficiency there. Water leaves the tower
    ``approach_k`` above the wet bulb. Pumps and tower draw ``auxiliary_share`` W for each W of
    cooling.
    """

    units: int
    capacity_w: float
    reference_cop: float = 5.5
    minimum_part_load: float = 0.2
    chilled_water_c: float = 6.7
    approach_k: float = 4.0
    auxiliary_share: float = 0.035

    def condenser_c(self, wet_bulb_c: FloatArray) -> FloatArray:
        """Water entering the condensers, kept within the curves' range, C."""
        return np.clip(wet_bulb_c + self.approach_k, *_CONDENSER_RANGE_C)

    def capacity_of_all_w(self, condenser_c: FloatArray) -> FloatArray:
        """Heat that all units together can take out, W."""
        share = _biquadratic(CAPACITY_CURVE, self.chilled_water_c, condenser_c)
        return self.units * self.capacity_w * share

    def full_power_w(self, condenser_c: FloatArray) -> FloatArray:
        """What all units draw at full load, without pumps and tower, W."""
        ratio = _biquadratic(INPUT_RATIO_CURVE, self.chilled_water_c, condenser_c)
        full: FloatArray = self.capacity_of_all_w(condenser_c) * ratio / self.reference_cop
        return full

    def power_w(self, cooling_w: FloatArray, condenser_c: FloatArray) -> FloatArray:
        """Electricity for a cooling (any shape) at a condenser temperature (same shape), W.

        Cooling beyond capacity is not delivered, and not paid for.
        """
        capacity = self.capacity_of_all_w(condenser_c)
        load = np.clip(cooling_w / capacity, 0.0, 1.0)
        power: FloatArray = (
            self.full_power_w(condenser_c) * self.part_power(load)
            + self.auxiliary_share * load * capacity
        )
        return power

    def part_power(self, load: FloatArray) -> FloatArray:
        """Power of the best number of units, as a share of full power; ``load`` in [0, 1]."""
        best = np.full(np.shape(load), np.inf)
        for running in range(1, self.units + 1):
            part = load * (self.units / running)
            usual = np.maximum(part, self.minimum_part_load)
            power = PART_LOAD_CURVE[0] + usual * (PART_LOAD_CURVE[1] + usual * PART_LOAD_CURVE[2])
            power = power * (running / self.units)
            if self.minimum_part_load > 0.0:
                power = power * np.minimum(part / self.minimum_part_load, 1.0)
            np.minimum(best, np.where(part <= 1.0 + 1e-12, power, np.inf), out=best)
        return best

    def cooling_w(self, power_w: FloatArray, condenser_c: FloatArray) -> FloatArray:
        """The inverse of :meth:`power_w`: cooling that a power buys, at most the capacity, W."""
        capacity = np.broadcast_to(self.capacity_of_all_w(condenser_c), np.shape(power_w))
        low, high = np.zeros_like(capacity), capacity.copy()
        for _ in range(_BISECTIONS):
            middle = 0.5 * (low + high)
            enough = self.power_w(middle, condenser_c) >= power_w
            high = np.where(enough, middle, high)
            low = np.where(enough, low, middle)
        return high


def check_plant(plant: ChillerPlant) -> None:
    """Raise ChillerError for numbers that no chiller has."""
    if plant.units < 1 or not 0.0 < plant.capacity_w < np.inf:
        raise ChillerError(f"{plant.units} chillers of {plant.capacity_w:g} W cool nothing")
    if not 1.0 <= plant.reference_cop <= 12.0:
        raise ChillerError(f"a reference COP of {plant.reference_cop:g} is not between 1 and 12")
    if not 0.0 <= plant.minimum_part_load < 1.0:
        raise ChillerError(f"minimum part load {plant.minimum_part_load:g} is not in [0, 1)")
    if not 4.0 <= plant.chilled_water_c <= 12.0:
        raise ChillerError(f"chilled water of {plant.chilled_water_c:g} C is outside 4 to 12 C")
    if not (0.0 <= plant.approach_k <= 15.0 and 0.0 <= plant.auxiliary_share <= 0.5):
        raise ChillerError("the tower's approach or the share of pumps is out of range")


def _biquadratic(curve: tuple[float, ...], chilled_c: float, condenser_c: FloatArray) -> FloatArray:
    constant, first, second, third, fourth, both = curve
    fixed = constant + chilled_c * (first + chilled_c * second)
    value: FloatArray = fixed + condenser_c * (third + both * chilled_c + fourth * condenser_c)
    return value
