"""What a fill moves and what it costs: the one payment formula (protocol section 1)."""

from __future__ import annotations

from collections.abc import Iterable

from market.units import SCALE, ceil_div, floor_div


def leg_energy_wh(coefficient: int, units: int) -> int:
    """Energy of a leg at `units` filled, in Wh, positive to the trader; toward minus infinity."""
    return floor_div(coefficient * units, SCALE)


def value_of(prices_nano_per_kwh: Iterable[int], quantities_wh: Iterable[int]) -> int:
    """p . q in nano/kWh x Wh, exact; positive means the trader owes it."""
    return sum(p * q for p, q in zip(prices_nano_per_kwh, quantities_wh, strict=True))


def payment_micro(prices_nano_per_kwh: Iterable[int], quantities_wh: Iterable[int]) -> int:
    """What an order pays, in micro-units, rounded once, toward plus infinity.

    Positive means the trader pays, negative that it receives.
    """
    return ceil_div(value_of(prices_nano_per_kwh, quantities_wh), SCALE)


def authorised_payment_micro(limit: int, units: int) -> int:
    """The most that an order with this limit may pay for `units` filled, in micro-units."""
    return ceil_div(limit * units, SCALE)
