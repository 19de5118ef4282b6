"""Naming certificates by amount: the oldest first, so that what expires later is kept."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session, col, select

from wattproof.certificates.ids import VINTAGE_S, expiry_of
from wattproof.certificates.models import BatchRow, HoldingRow
from wattproof.certificates.transactions import MOST_BATCHES, Amount


@dataclass(frozen=True, slots=True)
class Wanted:
    """A class of certificates, as far as it is named."""

    technology: int | None = None
    zone: int | None = None
    vintage: int | None = None


def oldest(
    session: Session, account: str, wanted: Wanted, amount_wh: int, now: int
) -> list[Amount]:
    """Certificates that an account holds, up to an amount and to what one transaction names."""
    query = (
        select(BatchRow.batch, col(HoldingRow.held_wh))
        .join(HoldingRow, col(HoldingRow.batch) == col(BatchRow.batch))
        .where(
            HoldingRow.account == account,
            col(BatchRow.vintage) > (now - expiry_of(0)) // VINTAGE_S,
        )
    )
    for column, value in (
        (col(BatchRow.technology), wanted.technology),
        (col(BatchRow.zone), wanted.zone),
        (col(BatchRow.vintage), wanted.vintage),
    ):
        if value is not None:
            query = query.where(column == value)
    chosen = []
    for batch, held_wh in session.exec(
        query.order_by(col(BatchRow.starts_at), col(BatchRow.batch)).limit(MOST_BATCHES)
    ).all():
        taken_wh = min(held_wh, amount_wh)
        if taken_wh == 0:
            break
        amount_wh -= taken_wh
        chosen.append(Amount(batch, taken_wh))
    return chosen
