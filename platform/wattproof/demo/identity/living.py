"""The day that was traded: what meters show of it, and what closing it came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from wattproof.demo import metering
from wattproof.demo.calendar import Calendar
from wattproof.demo.identity.people import ADA, HOMES, Joined
from wattproof.demo.stage import Stage
from wattproof.demo.trading import TradedRound
from wattproof.meters import service as meters
from wattproof.meters.models import ClosureRow

_PERIOD_SLOTS = 96
_BASE_WH = 250
"""What a home draws in a quarter-hour without having bought it, about."""


def live(
    stage: Stage, joined: Joined, calendar: Calendar, rounds: Sequence[TradedRound]
) -> Mapping[str, ClosureRow]:
    """Everybody delivers and draws what it traded; homes draw their usual load beside it.

    Returns:
        What closing the day's positions came to, by address.
    """
    drawn = {
        name: traded_wh(joined, calendar, rounds, name) + _usual(name) for name in (ADA, *HOMES)
    }
    stage.advance_to(calendar.at(calendar.day + 1) + 60)
    metering.post_energy(stage, joined.cast, joined.market, calendar.day, drawn)
    stage.advance_to(stage.now() + meters.DISPUTE_WINDOW_S + 1)
    return metering.closures(stage, joined.market, calendar.day)


def traded_wh(
    joined: Joined, calendar: Calendar, rounds: Sequence[TradedRound], name: str
) -> metering.FloatArray:
    """What somebody traded of the day, shape (slot,), positive bought."""
    day = np.zeros(_PERIOD_SLOTS)
    for traded in rounds:
        first = traded.opened.first_slot - calendar.day * _PERIOD_SLOTS
        day[first : first + traded.opened.slots] += traded.positions_wh(joined.cast)[name]
    return day


def _usual(name: str) -> metering.FloatArray:
    """A home's load where it traded nothing: low at night, high in the evening."""
    if name not in HOMES:
        return np.zeros(_PERIOD_SLOTS)
    hours = np.arange(_PERIOD_SLOTS) / 4
    shape = 1 + 0.6 * np.cos((hours - 19) * 2 * np.pi / 24)
    usual = np.round(_BASE_WH * shape * (1 + HOMES.index(name) / 20))
    usual[40:52] = 0.0
    return usual
