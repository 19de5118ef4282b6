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
        slot = batch.starts_at // row.slot_seconds - period * row.period_slots
        amount_wh = min(held_wh, charged.get(slot, 0))
        if amount_wh > 0 and now < expiry_of(batch.vintage):
            charged[slot] -= amount_wh
            found.append(Charge(slot, batch.batch, amount_wh))
    return found[:MOST_BATCHES]


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
