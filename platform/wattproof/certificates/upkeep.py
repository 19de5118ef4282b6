"""What anybody may do for green certificates and the platform does when it is due.

Issuing what final readings show, and, unless the installation says otherwise, collecting what was
bought or recalled. The chain refuses what is done already, so doing it twice, or after a crash
again, changes nothing. What is finished is left out by the database: it costs a tick next to
nothing.

Expired certificates are left where they are. They can be used for nothing, so taking them out of
circulation costs somebody gas and helps nobody; whoever wants it done does it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import and_, or_
from sqlmodel import Session, col, select

from wattproof.certificates.ids import VINTAGE_S, expiry_of, vintage_of
from wattproof.certificates.models import BatchRow, CertifiedDeviceRow, PlaceRow
from wattproof.certificates.service import CONTRACT, STORE
from wattproof.certificates.transactions import SLOTS_AT_ONCE
from wattproof.claims import steps
from wattproof.meters.models import ReadingRow
from wattproof.meters.service import POST_WINDOW_S, changeable_until
from wattproof.meters.values import pack
from wattproof.runtime import Platform

BATCHES_AT_ONCE = 64
"""Batches that one transaction collects."""

_ISSUE_GAS_BASE = 300_000
_ISSUE_GAS_A_SLOT = 70_000


# -- issuing ---------------------------------------------------------------------------------------


def issue_due(platform: Platform, session: Session) -> int:
    """Queue the issue for every final reading of a producer. Returns how many writes."""
    found = session.exec(
        select(CertifiedDeviceRow, ReadingRow)
        .join(
            ReadingRow,
            and_(
                col(ReadingRow.device) == col(CertifiedDeviceRow.device),
                col(ReadingRow.market) == col(CertifiedDeviceRow.market),
                col(ReadingRow.period) >= col(CertifiedDeviceRow.next_period),
            ),
        )
        .where(
            CertifiedDeviceRow.technology != STORE,
            or_(
                col(CertifiedDeviceRow.until_period) == 0,
                col(ReadingRow.period) < col(CertifiedDeviceRow.until_period),
            ),
        )
        .order_by(col(CertifiedDeviceRow.device), col(ReadingRow.period))
    ).all()
    if not found:
        return 0
    now = platform.clock.now()
    by_device: dict[str, list[ReadingRow]] = {}
    devices = {row.device: row for row, _ in found}
    for row, reading in found:
        if reading.chain_status != "None" and now > changeable_until(reading):
            by_device.setdefault(row.device, []).append(reading)
    return sum(
        _issue(platform, session, devices[device], readings, now)
        for device, readings in by_device.items()
    )


def _issue(
    platform: Platform,
    session: Session,
    device: CertifiedDeviceRow,
    readings: Sequence[ReadingRow],
    now: int,
) -> int:
    """Queue what one device lacks; move its mark over the periods that lack nothing."""
    queued = 0
    finished = set()
    for reading in readings:
        lacking = _lacking(session, device, reading, now)
        if not lacking:
            finished.add(reading.period)
        for part in _parts(lacking):
            queued += _queue_issue(platform, session, device, reading, part, now)
    _move_mark(session, device, finished, now)
    return queued


def _queue_issue(
    platform: Platform,
    session: Session,
    device: CertifiedDeviceRow,
    reading: ReadingRow,
    slots: Sequence[int],
    now: int,
) -> bool:
    key = f"certificates:{device.device}:{reading.period}:{slots[0]}"
    if steps.is_waiting(platform, session, key, now):
        return False
    return steps.queue(
        platform,
        session,
        key,
        CONTRACT,
        "issue",
        device.device,
        reading.period,
        slots[0],
        slots[-1] - slots[0] + 1,
        pack(reading.values_wh),
        # Estimated on the block before, the reading might not be final yet.
        gas_limit=_ISSUE_GAS_BASE + _ISSUE_GAS_A_SLOT * len(slots),
    )


def _lacking(
    session: Session, device: CertifiedDeviceRow, reading: ReadingRow, now: int
) -> list[int]:
    """Slots with production of which no certificates exist and some still may."""
    if reading.chain_status == "Void":
        return []
    producing = [
        slot
        for slot, wh in enumerate(reading.values_wh)
        if wh is not None and wh < 0 and now < _expiry(device, reading.period, slot)
    ]
    if not producing:
        return []
    issued = set(
        session.exec(
            select(BatchRow.slot).where(
                BatchRow.device == device.device, BatchRow.period == reading.period
            )
        ).all()
    )
    return [slot for slot in producing if slot not in issued]


def _parts(slots: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(slots), SLOTS_AT_ONCE):
        yield slots[start : start + SLOTS_AT_ONCE]


def _move_mark(session: Session, device: CertifiedDeviceRow, finished: set[int], now: int) -> None:
    """Over periods that were issued, and those that are finally without a reading."""
    read = set(
        session.exec(
            select(ReadingRow.period).where(
                ReadingRow.device == device.device,
                ReadingRow.market == device.market,
                ReadingRow.period >= device.next_period,
                ReadingRow.chain_status != "None",
            )
        ).all()
    )
    seconds = device.slot_seconds * device.period_slots
    mark, last = device.next_period, max(finished, default=device.next_period - 1)
    while mark <= last:
        unread = mark not in read and now > (mark + 1) * seconds + POST_WINDOW_S
        if mark not in finished and not unread:
            break
        mark += 1
    if mark != device.next_period:
        device.next_period = mark
        session.add(device)


def _expiry(device: CertifiedDeviceRow, period: int, slot: int) -> int:
    starts_at = (period * device.period_slots + slot) * device.slot_seconds
    return expiry_of(starts_at // VINTAGE_S)


# -- collecting ------------------------------------------------------------------------------------


def collect_due(platform: Platform, session: Session) -> int:
    """Queue the collection of parcels that do not expire yet. Returns how many."""
    if not platform.settings.collect_certificates:
        return 0
    rows = session.exec(select(PlaceRow).where(PlaceRow.next_position != -1)).all()
    if not rows:
        return 0
    now = platform.clock.now()
    return sum(_collect(platform, session, row, now) for row in rows)


def _collect(platform: Platform, session: Session, place: PlaceRow, now: int) -> bool:
    if now >= expiry_of(vintage_of(place.slot)):
        return False
    where = f"{place.market}:{place.slot}:{place.account}"
    key = f"collect:{where}:{place.next_position}"
    if steps.is_waiting(platform, session, key, now):
        return False
    return steps.queue(
        platform,
        session,
        key,
        CONTRACT,
        "collect",
        place.market,
        place.slot,
        place.account,
        BATCHES_AT_ONCE,
    )
