"""Integers as people read them: exact, in kWh and in whole tokens."""

from __future__ import annotations

_NANO, _MICRO, _MILLI = 9, 6, 3


def price(nano_per_kwh: int) -> str:
    """A price in tokens a kWh, all its digits."""
    return _plain(nano_per_kwh, _NANO)


def money(micro: int) -> str:
    """An amount in tokens, all its digits."""
    return _plain(micro, _MICRO)


def energy(wh: int) -> str:
    """An energy in kWh, all its digits."""
    return f"{_plain(wh, _MILLI)} kWh"


def energy_of_thousand(coefficient: int) -> str:
    """The energy of a leg of a thousand units, from its coefficient in millionths of a Wh."""
    return f"{_plain(coefficient, _MICRO)} kWh"


def units(count: int) -> str:
    """Units of an order of several legs."""
    return f"{count:,} unit{'' if count == 1 else 's'}"


def _plain(value: int, digits: int) -> str:
    whole, fraction = divmod(abs(value), 10**digits)
    decimals = f"{fraction:0{digits}}".rstrip("0")
    return ("-" if value < 0 else "") + f"{whole:,}" + (f".{decimals}" if decimals else "")
