"""Figures of the report as people read them; exact where nothing else is said."""

from __future__ import annotations

from collections.abc import Mapping

from market.explanation.wording import energy, price
from market.surveillance.ratios import PPM, nearest

__all__ = ["energy", "index", "named", "percent", "price", "times"]


def percent(ppm: int) -> str:
    """A share of millionths as a percentage with one digit."""
    tenths = nearest(abs(ppm) * 1_000, PPM)
    return f"{'-' if ppm < 0 and tenths else ''}{tenths // 10:,}.{tenths % 10} %"


def index(ppm: int) -> str:
    """An index of millionths with three digits, cut (so that 0.9999 is not read as 1)."""
    whole, rest = divmod(abs(ppm), PPM)
    return f"{'-' if ppm < 0 else ''}{whole:,}.{rest // 1_000:03d}"


def times(count: int, what: str) -> str:
    """`1 round`, `2 rounds`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def named(account: str, names: Mapping[str, str]) -> str:
    """An account with the name that the regulator's file gives it."""
    return f"{names[account]} ({account})" if account in names else account
