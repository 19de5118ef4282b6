"""Carrying out changes that controllers signed, at the operator's cost.

A change is checked against the chain before anything is queued, as the contract itself would, so
that nothing is paid for that can only fail. What remains is the race with the controller's own
transactions; the nonce decides it, and the share a day bounds what losing it costs.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session

from identity.did.signed_change import SignedChange
from identity.signature import SignatureError
from wattproof.auth.scopes import Principal
from wattproof.errors import InvalidError, RefusedError
from wattproof.gateway.keys import Role
from wattproof.gateway.models import OutboxRow
from wattproof.identities.control import REGISTRY, control, require_controller
from wattproof.relaying import allowance
from wattproof.relaying import queue as relaying
from wattproof.relaying.queue import GAS_MAX, Relay, require_next, require_timely
from wattproof.runtime import Platform


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
    require_next(proposal.nonce, found.nonce, "the controller's")
    require_timely(platform, proposal.deadline)
    allowance.require_vouched(platform, principal)
    return SignedBy(proposal, change.signature, change.signer, _gas(platform, change))


def queue(platform: Platform, session: Session, caller: str, change: SignedBy) -> OutboxRow:
    """Queue a checked change in the outbox; one that is there already is not queued again.

    Raises:
        ConflictError: another change uses the nonce.
        RefusedError: today's share is used up.
    """
    proposal = change.proposal
    function, arguments = proposal.call(change.signature)
    relay = Relay(
        kind="did",
        digest=change.digest,
        identity=proposal.change.identity,
        signer=change.signer,
        nonce=proposal.nonce,
        deadline=proposal.deadline,
        call=(REGISTRY, function, *arguments),
        gas=change.gas or GAS_MAX,
    )
    return relaying.queue(platform, session, caller, relay)


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
