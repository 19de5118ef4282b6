"""The operating region of an extraction-condensing unit: a convex polygon in heat and power.

Source: Chen et al. 2015, see :class:`twin.chp.plant.ExtractionUnit`.
"""

from __future__ import annotations

import numpy as np

from twin.chp.model import FloatArray
from twin.chp.plant import ExtractionUnit


def power_limits(unit: ExtractionUnit, heat_w: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Lowest and highest power of the running unit at each heat, W; heat in [0, heat_max]."""
    lost = unit.power_loss_ratio * heat_w
    back_pressure = unit.back_pressure_ratio * heat_w + unit.back_pressure_offset_w
    lowest = np.maximum(unit.condensing_min_w - lost, back_pressure)
    return lowest, unit.condensing_max_w - lost


def most_heat(unit: ExtractionUnit, power_w: FloatArray) -> FloatArray:
    """The most heat the running unit can give without its power passing ``power_w``, W.

    Below the least power of all, the heat at which that least power is given.
    """
    by_back_pressure = (power_w - unit.back_pressure_offset_w) / unit.back_pressure_ratio
    heat: FloatArray = np.clip(by_back_pressure, least_power_heat(unit), unit.heat_max_w)
    return heat


def least_power_heat(unit: ExtractionUnit) -> float:
    """The heat at which the running unit's least power is lowest, W: the region's low corner."""
    steepness = unit.back_pressure_ratio + unit.power_loss_ratio
    corner = (unit.condensing_min_w - unit.back_pressure_offset_w) / steepness
    return float(np.clip(corner, 0.0, unit.heat_max_w))


def fuel_w(unit: ExtractionUnit, power_w: FloatArray, heat_w: FloatArray) -> FloatArray:
    """Fuel burnt by the running unit, W."""
    steam = power_w + unit.power_loss_ratio * heat_w
    lines = [line.no_load_w + line.slope * steam for line in unit.fuel_lines]
    fuel: FloatArray = np.max(lines, axis=0)
    return fuel


def marginal_fuel(unit: ExtractionUnit, power_w: FloatArray, heat_w: FloatArray) -> FloatArray:
    """Fuel of another W of power at the same heat: the slope of the fuel line in force, W/W."""
    steam = power_w + unit.power_loss_ratio * heat_w
    lines = np.array([line.no_load_w + line.slope * steam for line in unit.fuel_lines])
    slopes = np.array([line.slope for line in unit.fuel_lines])
    in_force = lines >= lines.max(axis=0) - 1e-6
    highest: FloatArray = np.max(np.where(in_force, slopes[:, None], 0.0), axis=0)
    return highest


def corners(unit: ExtractionUnit) -> tuple[tuple[float, float], ...]:
    """The polygon's corners as (heat, power) in W: along the least power, back along the most."""
    heats = sorted({0.0, least_power_heat(unit), unit.heat_max_w})
    lowest, highest = power_limits(unit, np.array(heats))
    low = list(zip(heats, lowest.tolist(), strict=True))
    high = [(heats[-1], float(highest[-1])), (heats[0], float(highest[0]))]
    return tuple((float(heat), float(power)) for heat, power in low + high)
