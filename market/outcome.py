"""What a clearing decides."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clearing:
    """Prices by product index, fills by order in book order.

    `prices` in nano per kWh, `fills` in units; `indicative[k]` says that nobody traded product k.
    """

    prices: tuple[int, ...]
    fills: tuple[int, ...]
    indicative: tuple[bool, ...]
