"""Which of an owner's certificates may be given for what its store charged."""

from __future__ import annotations

from sqlmodel import Session, col, select

from wattproof.certificates import service
from wattproof.certificates.ids import expiry_of
from wattproof.certificates.models import BatchRow, CertifiedDeviceRow, HoldingRow
from wattproof.certificates.transactions import MOST_BATCHES, Charge, final_reading
from wattproof.errors import NotFoundError
from wattproof.meters.values import unpack
from wattproof.runtime import Platform


def suggest(platform: Platform, session: Session, device: str, period: int) -> list[Charge]:
    """Certificates of the very interval and zone, for each slot up to what was charged in it.

    Raises:
        NotFoundError: no such store.
        RefusedError: the reading is not final yet.
    """
    row, meter = service.get_device(session, device)
    if row.technology != service.STORE:
        raise NotFoundError(f"device {device} is no store; certificates are issued for it")
    values = unpack(final_reading(platform, session, device, period))
    charged = {slot: wh for slot, wh in enumerate(values) if wh is not None and wh > 0}
    now = platform.clock.now()
    found: list[Charge] = []
    for batch, held_wh in _held(session, row, meter.account, period):
        slot = slot_around(batch, row, period)
        if slot is None or now >= expiry_of(batch.vintage):
            continue
        amount_wh = min(held_wh, charged.get(slot, 0))
        if amount_wh > 0:
            charged[slot] -= amount_wh
            found.append(Charge(slot, batch.batch, amount_wh))
    return found[:MOST_BATCHES]


def slot_around(batch: BatchRow, store: CertifiedDeviceRow, period: int) -> int | None:
    """The slot of the store's period in which the batch's whole interval lies, counted in the
    period; None where it crosses slots, as that of a meter with longer slots does."""
    slot = batch.starts_at // store.slot_seconds
    if batch.ends_at > (slot + 1) * store.slot_seconds:
        return None
    return slot - period * store.period_slots


def _held(
    session: Session, store: CertifiedDeviceRow, owner: str, period: int
) -> list[tuple[BatchRow, int]]:
    seconds = store.slot_seconds * store.period_slots
    return list(
        session.exec(
            select(BatchRow, col(HoldingRow.held_wh))
            .join(HoldingRow, col(HoldingRow.batch) == col(BatchRow.batch))
            .where(
                HoldingRow.account == owner,
                BatchRow.zone == store.zone,
                col(BatchRow.starts_at) >= period * seconds,
                col(BatchRow.starts_at) < (period + 1) * seconds,
            )
            .order_by(col(BatchRow.starts_at), col(BatchRow.batch))
        ).all()
    )
