"""Answering claims that an order was left out of the book.

Whoever cancelled an order before the gate holds a receipt for it all the same. A claim on such a
receipt is ended by the trader's own signed cancellation, which the platform kept; unanswered it
would be paid from the operator's bond.
"""

from __future__ import annotations

from sqlmodel import Session, select

from wattproof.gateway import outbox
from wattproof.gateway.keys import Role
from wattproof.indexer.models import EventRow
from wattproof.orders.models import OrderRow
from wattproof.privacy.models import KeptCancellationRow
from wattproof.runtime import Platform

_GAS = 300_000


def rebut_claims(platform: Platform, session: Session) -> int:
    """Queue the rebuttal of every indexed claim on a cancelled order. Returns how many."""
    claims = session.exec(select(EventRow).where(EventRow.name == "OmissionClaimed")).all()
    queued = 0
    for claim in claims:
        claim_id = str(claim.args["id"])
        signature = _cancellation(session, str(claim.args["orderHash"]))
        key = f"rebut:{claim_id}"
        if signature is None:
            continue
        if outbox.find(session, key) is not None:
            continue
        outbox.call(
            session,
            platform.chain,
            "Exchange",
            "rebutOmission",
            bytes.fromhex(claim_id[2:]),
            bytes.fromhex(signature[2:]),
            key=key,
            signer=platform.keys.address(Role.OPERATOR),
            gas_limit=_GAS,
        )
        queued += 1
    return queued


def _cancellation(session: Session, digest: str) -> str | None:
    """The signature that cancelled an order, also where the order itself was erased."""
    order = session.get(OrderRow, digest)
    if order is not None:
        return order.cancellation_signature
    kept = session.get(KeptCancellationRow, digest)
    return kept.signature if kept is not None else None
