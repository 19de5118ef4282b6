"""What a meter would have shown (docs/protocol.md section 11; Baseline.sol)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from eth_utils.crypto import keccak

from market.reference.deviations import Deviations
from market.reference.errors import (
    BadRule,
    ReadingNotFinal,
    TooFewBaselineDays,
    WrongBaseline,
    WrongReading,
)
from market.reference.meters import MISSING, NO_VALUES, MeterRegistry, ReadingStatus, decode_values
from market.reference.params import DAY

TEN_OF_TEN: Final = 0
PUBLISHED: Final = 1
DAYS: Final = 10
LOOKBACK: Final = 45
MAX_CAP_BP: Final = 5_000
BP: Final = 10_000
_FIRST_WEEKDAY: Final = 3  # period 0 is a Thursday; Monday is 0

__all__ = [
    "MISSING",
    "BaselineRule",
    "Claim",
    "Subject",
    "adjusted",
    "check_rule",
    "instead_of_missing",
    "measure",
]


@dataclass(frozen=True, slots=True)
class BaselineRule:
    """`day_mask` bit 0 is Monday; lead and slots in slots, the cap in ten-thousandths."""

    kind: int
    day_mask: int
    adjust_lead: int
    adjust_slots: int
    adjust_cap_bp: int

    @property
    def is_published(self) -> bool:
        """Whether values are published beforehand, not computed from readings."""
        return self.kind == PUBLISHED


@dataclass(frozen=True, slots=True)
class Claim:
    """Packed readings of the day and of the baseline days, newest first; or what was published."""

    reading: bytes = b""
    baseline_readings: tuple[bytes, ...] = ()
    published: bytes = b""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose meter, and which slots; `first_slot` counts from the period's first."""

    market: int
    account: str
    carrier: int
    period: int
    first_slot: int
    slots: int
    since: int
    period_slots: int
    published_hash: bytes = bytes(32)


def check_rule(rule: BaselineRule, slot_seconds: int, period_slots: int) -> None:
    """Raises BadRule for one that no window of the market could use."""
    lone_weekday = rule.day_mask & (rule.day_mask - 1) == 0  # of which 45 days never hold ten
    if (
        rule.kind not in (TEN_OF_TEN, PUBLISHED)
        or (rule.kind == TEN_OF_TEN and lone_weekday)
        or not 0 < rule.day_mask < 1 << 7
        or rule.adjust_slots > rule.adjust_lead
        or rule.adjust_lead >= period_slots
        or rule.adjust_cap_bp > MAX_CAP_BP
        or slot_seconds * period_slots != DAY
    ):
        raise BadRule(str(rule))


def is_weekday_counted(rule: BaselineRule, period: int) -> bool:
    """Whether days of the period's weekday (UTC) count."""
    return bool(rule.day_mask >> (period + _FIRST_WEEKDAY) % 7 & 1)


def measure(
    meters: MeterRegistry,
    deviations: Deviations,
    rule: BaselineRule,
    subject: Subject,
    claim: Claim,
    *,
    now: int,
    increases: bool = False,
) -> tuple[list[int], list[int]]:
    """Adjusted baseline and metered Wh of the window's slots; MISSING where nothing is metered.

    Args:
        increases: whether more consumption is claimed, not less: what a baseline day lacks then
            counts the other way.
    """
    device = meters.device_of[subject.market, subject.account, subject.carrier]
    values = _values(meters, device, subject.period, claim.reading, now=now)
    day = values or [MISSING] * subject.period_slots
    if rule.is_published:
        if (
            keccak(claim.published) != subject.published_hash
            or len(claim.published) != 4 * subject.period_slots
        ):
            raise WrongBaseline(subject.account)
        published = decode_values(claim.published)
        sums = [0 if wh == MISSING else DAYS * wh for wh in published]
    else:
        missing = instead_of_missing(day, increases=increases)
        sums = _sums_of_days(meters, deviations, rule, subject, missing, claim, now=now)
    window = range(subject.first_slot, subject.first_slot + subject.slots)
    first = subject.first_slot - rule.adjust_lead
    before = range(first, first + rule.adjust_slots)
    return (
        adjusted(
            [sums[slot] for slot in window],
            [sums[slot] for slot in before],
            [0 if day[slot] == MISSING else day[slot] for slot in before],
            rule.adjust_cap_bp,
        ),
        [day[slot] for slot in window],
    )


def instead_of_missing(day: Sequence[int], *, increases: bool) -> list[int]:
    """What a value counts that a baseline day lacks, so that nothing is gained by hiding it.

    For a reduction nothing, or what the day itself shows where that is less; for an increase the
    reverse.
    """
    return [wh if wh != MISSING and (wh > 0 if increases else wh < 0) else 0 for wh in day]


def adjusted(
    window_sums: Sequence[int],
    before_sums: Sequence[int],
    before_metered: Sequence[int],
    cap_bp: int,
) -> list[int]:
    """The adjusted baseline, Wh a slot of the window, rounded toward minus infinity.

    Args:
        window_sums: sum over ten days of the metered Wh, a slot of the window each.
        before_sums: the same in the slots of the same-day adjustment.
        before_metered: the day's own Wh there.
        cap_bp: how far the factor may lie from 1, ten-thousandths.
    """
    numerator, denominator = DAYS * sum(before_metered), sum(before_sums)
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    if denominator == 0:
        numerator, denominator = 1, 1
    elif numerator * BP > denominator * (BP + cap_bp):
        numerator, denominator = BP + cap_bp, BP
    elif numerator * BP < denominator * (BP - cap_bp):
        numerator, denominator = BP - cap_bp, BP
    return [total * numerator // (DAYS * denominator) for total in window_sums]


def _sums_of_days(
    meters: MeterRegistry,
    deviations: Deviations,
    rule: BaselineRule,
    subject: Subject,
    missing: Sequence[int],
    claim: Claim,
    *,
    now: int,
) -> list[int]:
    """Sum of the ten baseline days' Wh a slot of the period; `missing` where a day lacks one."""
    device = meters.device_of[subject.market, subject.account, subject.carrier]
    sums = [0] * subject.period_slots
    found = 0
    first = max(0, subject.since, subject.period - LOOKBACK)
    for period in range(subject.period - 1, first - 1, -1):
        if found == DAYS:
            break
        taken = deviations.taken(subject.market, subject.account, subject.carrier, period)
        void = meters.reading(device, period).status is ReadingStatus.VOID
        if not is_weekday_counted(rule, period) or taken or void:
            continue
        if found == len(claim.baseline_readings):
            raise WrongReading(f"period {period}")
        values = _values(meters, device, period, claim.baseline_readings[found], now=now)
        found += 1
        for slot, wh in enumerate(values or [MISSING] * subject.period_slots):
            sums[slot] += missing[slot] if wh == MISSING else wh
    if found < DAYS:
        raise TooFewBaselineDays(str(found))
    return sums


def _values(
    meters: MeterRegistry, device: str, period: int, values: bytes, *, now: int
) -> list[int]:
    """The final reading's values; none where there is finally no reading."""
    is_final, values_hash = meters.final_reading(device, period, now=now)
    if not is_final:
        raise ReadingNotFinal(f"period {period}")
    if values_hash == NO_VALUES:
        if values:
            raise WrongReading(f"period {period}")
        return []
    if keccak(values) != values_hash:
        raise WrongReading(f"period {period}")
    return list(decode_values(values))
