"""The only place where floats become the integers that are signed and settled.

Every function rounds the shortest decimal that denotes the float to the nearest grain, ties to the
even one, so that 0.1 means 0.1. Raises ValueError for a value that is not finite.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Decimal


def _grains(value: float, exponent: int, what: str) -> int:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{what} must be finite, not {number}")
    scaled = Decimal(repr(number)).scaleb(exponent)
    return int(scaled.to_integral_value(rounding=ROUND_HALF_EVEN))


def energy_wh(kwh: float) -> int:
    """Energy in Wh of a value in kWh; the sign is kept."""
    return _grains(kwh, 3, "energy")


def power_w(kw: float) -> int:
    """Power in W of a value in kW; the sign is kept."""
    return _grains(kw, 3, "power")


def price_nano_per_kwh(per_kwh: float) -> int:
    """Price in nano-units per kWh of a value in whole tokens per kWh."""
    return _grains(per_kwh, 9, "price")


def money_micro(tokens: float) -> int:
    """Money in micro-units of a value in whole tokens."""
    return _grains(tokens, 6, "money")


def coefficient(wh_per_unit: float) -> int:
    """Leg coefficient in millionths of a Wh per unit."""
    return _grains(wh_per_unit, 6, "coefficient")
