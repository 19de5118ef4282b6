"""Readings as bytes: ``periodSlots`` big-endian int32 Wh, import positive, int32 min = missing."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from wattproof.errors import InvalidError

MISSING = -(2**31)
_BYTES = 4


def pack(values_wh: Sequence[int | None]) -> bytes:
    """Readings of one period as the registry takes them.

    Raises:
        InvalidError: a value does not fit, or is the one that stands for missing.
    """
    for slot, value in enumerate(values_wh):
        if value is not None and not MISSING < value < 2**31:
            raise InvalidError(f"the reading of slot {slot} does not fit: {value} Wh")
    wanted = [MISSING if value is None else value for value in values_wh]
    return struct.pack(f">{len(wanted)}i", *wanted)


def unpack(values: bytes) -> list[int | None]:
    """The reverse of ``pack``."""
    if len(values) % _BYTES:
        raise InvalidError(f"readings are {_BYTES} bytes a slot, not {len(values)} in all")
    numbers = struct.unpack(f">{len(values) // _BYTES}i", values)
    return [None if number == MISSING else number for number in numbers]
