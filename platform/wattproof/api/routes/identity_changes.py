"""Changing identities: by a transaction of one's own, or a signature that the operator relays."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse
from sqlmodel import Session

from identity import did
from identity.did.signed_change import SignedChange
from wattproof.api.access import Participant, PlatformDep, Public
from wattproof.api.fields import Address, hex_bytes
from wattproof.api.idempotency import MoneyWrite
from wattproof.api.identity_shapes import (
    ChangeRequest,
    ControlOut,
    PastChangeOut,
    ProposalOut,
    ProposalRequest,
    SignedChangeIn,
)
from wattproof.api.pagination import Cursor, Limit, Page, decode, page
from wattproof.api.problems import responses
from wattproof.api.transactions import RelayedOut, TransactionsToSign, relayed_out, to_sign
from wattproof.gateway import outbox
from wattproof.identities import control, record, relay
from wattproof.relaying import queue as relaying

router = APIRouter(tags=["identities"])

AddressPath = Annotated[Address, Path()]


@router.get("/identities/{address}/control", dependencies=[Public], responses=responses(422, 503))
def get_control(address: AddressPath, platform: PlatformDep) -> ControlOut:
    """Who may change an identity, and the number of the next signed change."""
    found = control.control(platform, address)
    ended = found.deactivated_at
    return ControlOut(
        address=address,
        did=str(did.of(address, platform.deployment.chain_id)),
        controller=found.controller,
        nonce=found.nonce,
        deactivated_at=datetime.fromtimestamp(ended, UTC) if ended else None,
        changed_block=found.changed_block or None,
        block=found.block,
    )


@router.get("/identities/{address}/changes", dependencies=[Public], responses=responses(422, 503))
def list_changes(
    address: AddressPath, platform: PlatformDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[PastChangeOut]:
    """Every change of an identity that the registry logged, oldest first."""
    key = decode(cursor, [int, int])
    rows, following = page(
        record.past_changes(
            platform,
            address,
            after=(int(key[0]), int(key[1])) if key else None,
            limit=limit + 1,
        ),
        limit,
        lambda row: [row.block, row.log_index],
    )
    return Page(
        items=[
            PastChangeOut(
                block=row.block,
                log_index=row.log_index,
                time=datetime.fromtimestamp(row.time, UTC),
                transaction_hash=row.transaction_hash,
                what=row.what,
                revokes=row.revokes,
                valid_to=row.valid_to,
                details=row.details,
            )
            for row in rows
        ],
        next_cursor=following,
    )


@router.post(
    "/identities/{address}/changes/transactions", responses=responses(401, 403, 409, 422, 503)
)
def change_by_transaction(
    address: AddressPath, body: ChangeRequest, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that changes an identity you control; sign it and post it to /transactions.

    Refused with `did_deactivated` or `not_controller` where the registry would refuse it.
    """
    made = control.transaction(platform, body.change.of(address), principal.address)
    return to_sign(platform, principal.address, [made], tried=True)


@router.post("/identities/{address}/changes/template", responses=responses(401, 403, 409, 422, 503))
def change_to_sign(
    address: AddressPath, body: ProposalRequest, principal: Participant, platform: PlatformDep
) -> ProposalOut:
    """Typed data of a change for its controller to sign, whoever hands it in afterwards."""
    made = control.proposal(platform, body.change.of(address), body.valid_for_s)
    return ProposalOut(
        controller=made.controller,
        nonce=made.signed.nonce,
        deadline=made.signed.deadline,
        digest="0x" + made.signed.digest().hex(),
        typed_data=made.signed.typed_data(),
    )


@router.post(
    "/identities/{address}/changes",
    status_code=202,
    response_model=RelayedOut,
    responses=responses(401, 403, 409, 422, 503),
)
def relay_change(
    address: AddressPath,
    body: SignedChangeIn,
    principal: Participant,
    platform: PlatformDep,
    write: MoneyWrite,
) -> JSONResponse:
    """Hand in a change that its controller signed; the operator sends it and pays for it.

    It is checked first and queued only if the registry would take it now. Refused with
    `bad_signature`, `did_deactivated`, `not_controller`, `wrong_nonce`, `change_pending` (another
    change uses this nonce), `deadline_passed`, `deadline_too_close`, `no_credential`,
    `relay_limit`. The same signed change handed in again is answered, not sent again. Its state is
    at /transactions/{digest}.
    """
    answered = write.answered()
    if answered is not None:
        return answered
    proposal = SignedChange(
        body.change.of(address), control.domain(platform), body.nonce, body.deadline
    )
    change = relay.read(proposal, hex_bytes(body.signature))
    with platform.transaction() as session:
        known = relaying.find(session, change.digest)
    if known is None or known.status in outbox.FAILED:
        change = relay.check(platform, principal, change)

    def queue(session: Session) -> RelayedOut:
        return relayed_out(change.digest, relay.queue(platform, session, principal.address, change))

    return write.once(queue, status=202)
