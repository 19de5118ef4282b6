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
from wattproof.runtime import Platform

_GAS = 300_000


def rebut_claims(platform: Platform, session: Session) -> int:
    """Queue the rebuttal of every indexed claim on a cancelled order. Returns how many."""
    claims = session.exec(select(EventRow).where(EventRow.name == "OmissionClaimed")).all()
    queued = 0
    for claim in claims:
        claim_id = str(claim.args["id"])
        order = session.get(OrderRow, str(claim.args["orderHash"]))
        key = f"rebut:{claim_id}"
        if order is None or order.cancellation_signature is None:
            continue
        if outbox.find(session, key) is not None:
            continue
        outbox.call(
            session,
            platform.chain,
            "Exchange",
            "rebutOmission",
            bytes.fromhex(claim_id[2:]),
            bytes.fromhex(order.cancellation_signature[2:]),
            key=key,
            signer=platform.keys.address(Role.OPERATOR),
            gas_limit=_GAS,
        )
        queued += 1
    return queued
