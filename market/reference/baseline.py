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
    "measure",
    "most_in_a_slot",
    "repeated",
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
        increases: whether more consumption is claimed, not less.
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
        days = repeated(decode_values(claim.published))
    else:
        days = _baseline_days(meters, deviations, rule, subject, claim, now=now)
    window = range(subject.first_slot, subject.first_slot + subject.slots)
    most_wh = most_in_a_slot(meters.devices[device].capacity_w, subject.period_slots)
    return (
        adjusted(rule, days, day, window, most_wh, increases=increases),
        [day[slot] for slot in window],
    )


def most_in_a_slot(capacity_w: int, period_slots: int) -> int:
    """What a meter can show at most, Wh a slot of a day, in either direction."""
    return capacity_w * (DAY // period_slots) // 3_600


def repeated(published: Sequence[int]) -> list[list[int]]:
    """A published baseline as ten days that show it; what it lacks counts 0."""
    return [[0 if wh == MISSING else wh for wh in published]] * DAYS


def adjusted(
    rule: BaselineRule,
    days: Sequence[Sequence[int]],
    day: Sequence[int],
    window: range,
    most_wh: int,
    *,
    increases: bool = False,
) -> list[int]:
    """The adjusted baseline, Wh a slot of the window, rounded against whoever claims.

    A missing value can be anything that the meter could show (nothing on the side of 0 on which no
    looked-at value lies): the worst for the claim counts, so that nothing is gained by hiding it.

    Args:
        days: Wh of the ten baseline days, a slot of the period each, MISSING where there is none.
        day: the same of the day itself.
        most_wh: what the meter can show in a slot, in either direction.
        increases: whether more consumption is claimed, not less.
    """
    first = window.start - rule.adjust_lead
    looked_at = range(first, window.stop)
    seen = [each[slot] for each in (*days, day) for slot in looked_at]
    least = -most_wh if any(MISSING < wh < 0 for wh in seen) else 0
    most = most_wh if any(wh > 0 for wh in seen) else 0

    def total(slot: int, missing: int) -> int:
        return sum(missing if each[slot] == MISSING else each[slot] for each in days)

    before = range(first, first + rule.adjust_slots)
    shown = [sum(bound if day[t] == MISSING else day[t] for t in before) for bound in (least, most)]
    usual = [sum(total(slot, bound) for slot in before) for bound in (least, most)]
    factors = _factors([DAYS * wh for wh in shown], usual, rule.adjust_cap_bp)
    if increases:
        return [max(-(-total(slot, most) * n // (DAYS * d)) for n, d in factors) for slot in window]
    return [min(total(slot, least) * n // (DAYS * d) for n, d in factors) for slot in window]


def _factors(
    numerators: Sequence[int], denominators: Sequence[int], cap_bp: int
) -> tuple[tuple[int, int], tuple[int, int]]:
    """The least and the greatest that numerator / denominator can be, both within 1 -+ cap.

    Args:
        numerators: the least and the greatest one; likewise `denominators`.
    """
    (a, b), (c, d) = numerators, denominators
    if c == d == 0:
        return (1, 1), (1, 1)
    if c <= 0 <= d:
        return (BP - cap_bp, BP), (BP + cap_bp, BP)
    if d < 0:
        a, b, c, d = -b, -a, -d, -c
    return _capped(a, c if a < 0 else d, cap_bp), _capped(b, d if b < 0 else c, cap_bp)


def _capped(numerator: int, denominator: int, cap_bp: int) -> tuple[int, int]:
    if numerator * BP > denominator * (BP + cap_bp):
        return BP + cap_bp, BP
    if numerator * BP < denominator * (BP - cap_bp):
        return BP - cap_bp, BP
    return numerator, denominator


def _baseline_days(
    meters: MeterRegistry,
    deviations: Deviations,
    rule: BaselineRule,
    subject: Subject,
    claim: Claim,
    *,
    now: int,
) -> list[list[int]]:
    """What the meter showed on the ten baseline days, newest first."""
    device = meters.device_of[subject.market, subject.account, subject.carrier]
    days: list[list[int]] = []
    first = max(0, subject.since, subject.period - LOOKBACK)
    for period in range(subject.period - 1, first - 1, -1):
        if len(days) == DAYS:
            break
        taken = deviations.taken(subject.market, subject.account, subject.carrier, period)
        void = meters.reading(device, period).status is ReadingStatus.VOID
        if not is_weekday_counted(rule, period) or taken or void:
            continue
        if len(days) == len(claim.baseline_readings):
            raise WrongReading(f"period {period}")
        values = _values(meters, device, period, claim.baseline_readings[len(days)], now=now)
        days.append(values or [MISSING] * subject.period_slots)
    if len(days) < DAYS:
        raise TooFewBaselineDays(str(len(days)))
    return days


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
