"""Ten-of-ten baselines before anybody claims them: which days count, which do not and why.

The arithmetic is the contracts' own (protocol section 11), in whole Wh, import positive. Utilities
measure demand response so: the mean of ten like days on which nothing was called, adjusted by how
the same day began (CAISO's "10 in 10" with a capped same-day adjustment).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from market.reference.baseline import (
    DAYS,
    LOOKBACK,
    MISSING,
    BaselineRule,
    adjusted,
    is_weekday_counted,
)

Values = Sequence[int | None]
"""Wh of every slot of a day, None where the meter shows nothing."""


class BaselineError(ValueError):
    """No baseline can be made of what there is; the message says what is missing."""


class Skipped(StrEnum):
    """Why a day is no baseline day."""

    WEEKDAY = "its weekday does not count"
    CLAIMED = "a credit window or an event was on it"
    VOID = "its reading was declared void"


class TooFewBaselineDaysError(BaselineError):
    """Fewer than ten days count. `found` and `needed` are numbers of days; `skipped` says why
    others do not count, by period; `too_early` is how many lie before `since`."""

    def __init__(
        self, period: int, found: int, skipped: Mapping[int, Skipped], too_early: int
    ) -> None:
        self.found, self.needed, self.skipped, self.too_early = found, DAYS, skipped, too_early
        reasons = [f"{n} because {why}" for why, n in Counter(skipped.values()).items()]
        if too_early:
            reasons.append(f"{too_early} because they lie before the account's first counted day")
        super().__init__(
            f"the baseline of period {period} needs {DAYS} days and {found} of the {LOOKBACK} "
            f"before it count; left out were {', '.join(reasons) or 'none'}. Wait for more days, "
            "count more weekdays, or publish a baseline"
        )


@dataclass(frozen=True, slots=True)
class History:
    """What a meter showed, by period (a day, UTC).

    Attributes:
        readings: Wh a slot; a period that is not in it is one without a reading, which counts
            against whoever claims.
        most_wh: what the meter can show in a slot, in either direction; only needed where values
            are missing.
        claimed: periods with a slot that was reserved for a credit window or an event.
        void: periods whose reading was declared void.
        since: no earlier period counts.
    """

    readings: Mapping[int, Values]
    claimed: frozenset[int] = frozenset()
    void: frozenset[int] = frozenset()
    since: int = 0
    most_wh: int | None = None


@dataclass(frozen=True, slots=True)
class ChosenDays:
    """The ten baseline days, newest first, and why later ones than the last were left out."""

    periods: tuple[int, ...]
    skipped: Mapping[int, Skipped]


def choose_days(rule: BaselineRule, history: History, period: int) -> ChosenDays:
    """The days whose mean is the baseline of `period`.

    Raises:
        TooFewBaselineDaysError: fewer than ten count within the 45 before it.
    """
    earliest = max(0, history.since, period - LOOKBACK)
    found: list[int] = []
    skipped: dict[int, Skipped] = {}
    for day in range(period - 1, earliest - 1, -1):
        if not is_weekday_counted(rule, day):
            skipped[day] = Skipped.WEEKDAY
        elif day in history.claimed:
            skipped[day] = Skipped.CLAIMED
        elif day in history.void:
            skipped[day] = Skipped.VOID
        else:
            found.append(day)
            if len(found) == DAYS:
                return ChosenDays(tuple(found), skipped)
    too_early = earliest - max(0, period - LOOKBACK)
    raise TooFewBaselineDaysError(period, len(found), skipped, max(0, too_early))


def ten_of_ten(
    rule: BaselineRule,
    history: History,
    period: int,
    window: range,
    *,
    increases: bool = False,
) -> tuple[int, ...]:
    """The baseline of the window, Wh a slot, as a contract would measure it.

    Args:
        window: slots of the period, from `rule.adjust_lead` on at the earliest.
        increases: whether more consumption is claimed, not less.

    Raises:
        BaselineError: the window begins before the slots that its adjustment looks at, days
            differ in length, or values are missing and nothing says what the meter could show.
        TooFewBaselineDaysError: fewer than ten days count.
    """
    days = choose_days(rule, history, period).periods
    slots = _slots_of_day(history)
    first = window.start - rule.adjust_lead
    if not window or first < 0 or window.stop > slots or window.step != 1:
        raise BaselineError(
            f"slots {window.start} to {window.stop - 1} with an adjustment that looks "
            f"{rule.adjust_lead} slots back do not fit a day of {slots}"
        )
    day = _values(history, period, slots)
    shown = [_values(history, chosen, slots) for chosen in days]
    if history.most_wh is None and any(MISSING in values for values in (*shown, day)):
        raise BaselineError(
            f"the baseline of period {period} lacks values, and what is missing counts the worst "
            "that the meter could have shown: say how much that is (most_wh)"
        )
    most_wh = history.most_wh or 0
    return tuple(adjusted(rule, shown, day, window, most_wh, increases=increases))


def _slots_of_day(history: History) -> int:
    lengths = {len(values) for values in history.readings.values()}
    if len(lengths) != 1:
        raise BaselineError(
            f"days have {sorted(lengths)} slots; every reading needs one value for each slot"
        )
    return lengths.pop()


def _values(history: History, period: int, slots: int) -> list[int]:
    values = history.readings.get(period)
    if values is None or period in history.void:
        return [MISSING] * slots
    return [MISSING if wh is None else wh for wh in values]
