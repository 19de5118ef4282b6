"""Which certificates are of the time in which a store charged."""

from __future__ import annotations

import pytest

from wattproof.certificates.charging import slot_around
from wattproof.certificates.models import BatchRow, CertifiedDeviceRow

HOUR = 3_600
DAY = 24 * HOUR
PERIOD = 20_000
STORE = CertifiedDeviceRow(
    device="0x" + "51" * 20,
    market=1,
    zone=1,
    technology=0,
    efficiency_bp=9_000,
    from_period=PERIOD,
    until_period=0,
    slot_seconds=HOUR,
    period_slots=24,
    next_period=PERIOD,
)


def interval(starts_at: int, seconds: int) -> BatchRow:
    """A batch of it, a second counted from the period's beginning."""
    begins = PERIOD * DAY + starts_at
    return BatchRow(
        batch=1,
        device="0x" + "77" * 20,
        period=PERIOD,
        slot=0,
        technology=1,
        zone=1,
        vintage=begins // (30 * DAY),
        starts_at=begins,
        ends_at=begins + seconds,
        issued_wh=100,
        retired_wh=0,
        expired_wh=0,
        issued_to="0x" + "a1" * 20,
        issued_in="0x" + "00" * 32,
    )


@pytest.mark.parametrize(
    ("starts_at", "seconds", "slot"),
    [
        (10 * HOUR, HOUR, 10),
        (10 * HOUR, 900, 10),
        (11 * HOUR - 900, 900, 10),
        (23 * HOUR, HOUR, 23),
        (11 * HOUR - 900, 901, None),
        (10 * HOUR, HOUR + 1, None),
        (0, DAY, None),
    ],
)
def test_a_certificate_fits_the_slot_in_which_its_whole_interval_lies(starts_at, seconds, slot):
    """The contract refuses any other (protocol section 14)."""
    assert slot_around(interval(starts_at, seconds), STORE, PERIOD) == slot
