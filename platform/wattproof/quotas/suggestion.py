"""Which certificates to surrender.

Oldest first: what was produced first expires first, so nothing that could still serve a later
obligation is given up while something older will do. Older ones than the compliance period go up to
the terms' limit for banked certificates, then those of the period itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlmodel import Session, col, select

from wattproof.certificates.ids import expiry_of
from wattproof.certificates.models import BatchRow, HoldingRow
from wattproof.quotas import service
from wattproof.quotas.models import ObligationRow
from wattproof.quotas.service import Quota


@dataclass(frozen=True, slots=True)
class Chosen:
    """Certificates of one batch to give up."""

    batch: int
    amount_wh: int
    banked: bool
    expires_at: int


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What to surrender, and what would still lack afterwards, Wh."""

    chosen: tuple[Chosen, ...]
    lacking_wh: int

    @property
    def amount_wh(self) -> int:
        """Of all batches together."""
        return sum(each.amount_wh for each in self.chosen)


def suggest(
    session: Session, quota: Quota, obligation: ObligationRow, now: int, most: int
) -> Suggestion:
    """What an account holds and could best surrender now.

    Args:
        most: batches to name; what lacks is surrendered by another transaction.
    """
    held = session.exec(
        select(BatchRow, col(HoldingRow.held_wh))
        .join(HoldingRow, col(HoldingRow.batch) == col(BatchRow.batch))
        .where(
            HoldingRow.account == obligation.account,
            col(BatchRow.starts_at) >= quota.starts_at - quota.terms.bank_s,
            col(BatchRow.starts_at) < quota.ends_at,
            col(BatchRow.technology).in_(quota.terms.technologies),
        )
        .order_by(col(BatchRow.starts_at), col(BatchRow.batch))
    ).all()
    lacking_wh = service.left_wh(obligation)
    chosen = choose(
        ((row, held_wh) for row, held_wh in held if now < expiry_of(row.vintage)),
        starts_at=quota.starts_at,
        lacking_wh=lacking_wh,
        bank_left_wh=service.bank_left_wh(quota, obligation),
    )[:most]
    return Suggestion(tuple(chosen), lacking_wh - sum(each.amount_wh for each in chosen))


def choose(
    held: Iterable[tuple[BatchRow, int]], *, starts_at: int, lacking_wh: int, bank_left_wh: int
) -> list[Chosen]:
    """Take from batches, oldest first, until nothing lacks.

    Args:
        held: eligible batches, oldest first, and Wh held of each.
        starts_at: where the compliance period begins; what is older is banked.
    """
    chosen = []
    for row, held_wh in held:
        banked = row.starts_at < starts_at
        amount_wh = min(held_wh, lacking_wh, bank_left_wh if banked else lacking_wh)
        if amount_wh == 0:
            continue
        lacking_wh -= amount_wh
        bank_left_wh -= amount_wh if banked else 0
        chosen.append(Chosen(row.batch, amount_wh, banked, expiry_of(row.vintage)))
    return chosen
