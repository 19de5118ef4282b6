"""Moist air near the ground: how much water it holds, and how far it cools a tower."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_SEA_LEVEL_PA = 101_325.0


def saturation_pressure_pa(dry_bulb_c: FloatArray) -> FloatArray:
    """Over water, by the Magnus formula (Alduchov and Eskridge 1996), -40 to 50 C, within 0.4 %."""
    pressure: FloatArray = 610.94 * np.exp(17.625 * dry_bulb_c / (243.04 + dry_bulb_c))
    return pressure


def humidity_ratio(dry_bulb_c: FloatArray, humidity_percent: FloatArray) -> FloatArray:
    """Water in kg per kg of dry air, at sea level, for a relative humidity in %."""
    vapour = saturation_pressure_pa(dry_bulb_c) * humidity_percent / 100.0
    ratio: FloatArray = 0.622 * vapour / (_SEA_LEVEL_PA - vapour)
    return ratio


def relative_humidity_percent(dry_bulb_c: FloatArray, ratio: FloatArray) -> FloatArray:
    """The inverse of :func:`humidity_ratio`, at most 100."""
    vapour = ratio * _SEA_LEVEL_PA / (0.622 + ratio)
    percent: FloatArray = 100.0 * vapour / saturation_pressure_pa(dry_bulb_c)
    return np.minimum(percent, 100.0)


def wet_bulb_c(dry_bulb_c: FloatArray, humidity_percent: FloatArray) -> FloatArray:
    """Stull (2011), J. Appl. Meteor. Climatol. 50: within 1 K for 5 to 99 %, -20 to 50 C."""
    rh = np.clip(humidity_percent, 5.0, 99.0)
    found: FloatArray = (
        dry_bulb_c * np.arctan(0.151977 * np.sqrt(rh + 8.313659))
        + np.arctan(dry_bulb_c + rh)
        - np.arctan(rh - 1.676331)
        + 0.00391838 * rh**1.5 * np.arctan(0.023101 * rh)
        - 4.686035
    )
    return np.minimum(found, dry_bulb_c)
