"""Carrying out changes that controllers signed, at the operator's cost.

A change is checked against the chain before anything is queued, as the contract itself would, so
that nothing is paid for that can only fail. What remains is the race with the controller's own
transactions; the nonce decides it, and the share a day bounds what losing it costs.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from sqlmodel import Session

from identity.did.signed_change import SignedChange
from identity.signature import SignatureError
from wattproof.auth.scopes import Principal
from wattproof.errors import ConflictError, InvalidError, RefusedError
from wattproof.gateway import outbox
from wattproof.gateway.keys import Role
from wattproof.gateway.models import OutboxRow
from wattproof.identities import allowance
from wattproof.identities.control import REGISTRY, control, require_controller
from wattproof.identities.models import RelayedChangeRow
from wattproof.runtime import Platform

MARGIN_SECONDS: Final = 60
"""A change must leave this long for being sent and mined."""
GAS_MAX: Final = 300_000


@dataclass(frozen=True, slots=True)
class SignedBy:
    """A proposal with a signature that was checked.

    Attributes:
        signer: whose signature it is; not yet whether that is the controller.
        gas: what carrying it out may use; None where that was not looked at.
    """

    proposal: SignedChange
    signature: bytes
    signer: str
    gas: int | None = None

    @property
    def digest(self) -> str:
        """0x-hex."""
        return "0x" + self.proposal.digest().hex()


def read(proposal: SignedChange, signature: bytes) -> SignedBy:
    """Raises InvalidError for a signature that is none, or was malleated."""
    try:
        return SignedBy(proposal, signature, proposal.signed_by(signature))
    except SignatureError as error:
        raise InvalidError(str(error), code="bad_signature") from error


def find(session: Session, digest: str) -> OutboxRow | None:
    """What carries out a change that was handed in; None if it never was."""
    row = session.get(RelayedChangeRow, digest)
    return None if row is None else session.get(OutboxRow, row.outbox_id)


def check(platform: Platform, principal: Principal, change: SignedBy) -> SignedBy:
    """The change as it can be queued: the registry takes it on the present state.

    Raises:
        RefusedError: deactivated, not the controller's signature, too late, or nobody vouches for
            the caller.
        ConflictError: another nonce is the next.
    """
    proposal = change.proposal
    found = control(platform, proposal.change.identity)
    require_controller(found, change.signer)
    if proposal.nonce != found.nonce:
        raise ConflictError(
            f"the change has nonce {proposal.nonce}, the controller's next one is {found.nonce}; "
            "sign it anew",
            code="wrong_nonce",
        )
    left = proposal.deadline - platform.clock.now()
    if left < 0:
        raise RefusedError("the change's deadline has passed; sign it anew", code="deadline_passed")
    if left < MARGIN_SECONDS:
        raise RefusedError(
            f"the change must be mined within {left} s; leave {MARGIN_SECONDS} s at least",
            code="deadline_too_close",
        )
    allowance.require_vouched(platform, principal)
    return SignedBy(proposal, change.signature, change.signer, _gas(platform, change))


def queue(platform: Platform, session: Session, caller: str, change: SignedBy) -> OutboxRow:
    """Queue a checked change in the outbox; one that is there already is not queued again.

    Raises:
        ConflictError: another change uses the nonce.
        RefusedError: today's share is used up.
    """
    known = find(session, change.digest)
    if known is not None and known.status not in outbox.FAILED:
        return known
    proposal = change.proposal
    key = f"did:{change.signer}:{proposal.nonce}"
    rival = outbox.find(session, key)
    if rival is not None and rival.status not in outbox.FAILED:
        raise ConflictError(
            f"another change with nonce {proposal.nonce} was handed in and is {rival.status}; wait "
            "for it, then sign with the next nonce",
            code="change_pending",
        )
    allowance.charge(platform, session, caller)
    function, arguments = proposal.call(change.signature)
    row = outbox.call(
        session,
        platform.chain,
        REGISTRY,
        function,
        *arguments,
        key=key,
        signer=platform.keys.address(Role.OPERATOR),
        gas_limit=change.gas or GAS_MAX,
    )
    assert row.id is not None
    session.merge(
        RelayedChangeRow(
            digest=change.digest,
            identity=proposal.change.identity,
            controller=change.signer,
            nonce=proposal.nonce,
            deadline=proposal.deadline,
            function=function,
            caller=caller,
            outbox_id=row.id,
            created_at=int(time.time()),
        )
    )
    session.flush()
    return row


def _gas(platform: Platform, change: SignedBy) -> int:
    """What it may use; asking for it also lets the contract refuse it now and not later."""
    chain = platform.chain
    function, arguments = change.proposal.call(change.signature)
    answer = chain.try_request(
        "eth_estimateGas",
        {
            "from": platform.keys.address(Role.OPERATOR),
            "to": chain.address(REGISTRY),
            "data": chain.encode(REGISTRY, function, *arguments),
        },
        "latest",
    )
    if "error" in answer:
        reason = chain.reason(answer["error"]) or "it would fail"
        raise RefusedError(f"the registry refuses the change: {reason}")
    needed = int(answer["result"], 16) * 13 // 10
    if needed > GAS_MAX:
        raise RefusedError(f"the change needs {needed} gas; {GAS_MAX} are paid for at most")
    return needed
