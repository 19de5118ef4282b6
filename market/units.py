"""The scale between grains, and division that says where it rounds.

Energy is in integer Wh, money in micro-units of the settlement token, prices in nano-units per kWh,
coefficients in millionths of a Wh per unit (protocol section 1).
"""

from __future__ import annotations

SCALE = 1_000_000
"""Millionths in one; also nano/kWh x Wh in a micro-unit."""

SCALED_PER_MICRO = SCALE * SCALE
"""Surplus is computed times SCALE; this many of its grains make a micro-unit."""


def floor_div(a: int, b: int) -> int:
    """a / b rounded toward minus infinity; b > 0."""
    return a // b


def ceil_div(a: int, b: int) -> int:
    """a / b rounded toward plus infinity; b > 0."""
    return -(-a // b)
