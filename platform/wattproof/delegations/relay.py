"""Carrying out changes of sessions that accounts signed, at the operator's cost.

As with changes of identities (`wattproof.identities.relay`): a change is tried on the chain's
present state before anything is queued, and the share a day bounds what a lost race costs. An
account hands in its own changes alone.
"""

from __future__ import annotations

from typing import Any

from sqlmodel import Session

from market.delegation import Authorisation, Revocation
from market.order import SignatureError
from wattproof.auth.scopes import Principal
from wattproof.delegations import service
from wattproof.delegations.refusals import ADVICE
from wattproof.errors import InvalidError, RefusedError
from wattproof.gateway import outbox
from wattproof.gateway.chain import CallFailedError
from wattproof.gateway.keys import Role
from wattproof.gateway.models import OutboxRow
from wattproof.relaying import allowance
from wattproof.relaying import queue as relaying
from wattproof.relaying.queue import GAS_MAX, Relay, require_next, require_timely
from wattproof.runtime import Platform

Change = Authorisation | Revocation


def digest_of(platform: Platform, change: Change) -> str:
    """0x-hex of what was signed; names the change before it has a transaction."""
    return "0x" + change.digest(service.domain(platform)).hex()


def find(platform: Platform, session: Session, change: Change) -> OutboxRow | None:
    """What carries the same change out, or did; None where it was not handed in, or failed."""
    row = relaying.find(session, digest_of(platform, change))
    return None if row is None or row.status in outbox.FAILED else row


def check(platform: Platform, principal: Principal, change: Change, signature: bytes) -> None:
    """Whether the contract would take the change now, asked of the chain.

    Raises:
        InvalidError: it is not the account's signature.
        RefusedError: too late, nobody vouches for the account, or the contract would refuse it.
        ConflictError: another nonce is the next.
    """
    try:
        signer = change.signer(service.domain(platform), signature)
    except SignatureError as error:
        raise InvalidError(str(error), code="bad_signature") from error
    if signer != change.principal:
        raise InvalidError(
            f"signed by {signer}, or over something else than what was sent, not by "
            f"{change.principal}",
            code="bad_signature",
        )
    require_next(change.nonce, service.next_nonce(platform, change.principal), "the account's")
    require_timely(platform, change.deadline)
    allowance.require_vouched(platform, principal)
    _try(platform, change, signature)


def queue(platform: Platform, session: Session, change: Change, signature: bytes) -> OutboxRow:
    """Queue a checked change in the outbox; one that is there already is not queued again.

    Raises:
        ConflictError: another change uses the nonce.
        RefusedError: today's share is used up.
    """
    account = change.principal
    relay = Relay(
        kind="delegate",
        digest=digest_of(platform, change),
        identity=account,
        signer=account,
        nonce=change.nonce,
        deadline=change.deadline,
        call=(service.CONTRACT, *_call(change, signature)),
    )
    return relaying.queue(platform, session, account, relay)


def _try(platform: Platform, change: Change, signature: bytes) -> None:
    try:
        platform.chain.request(
            "eth_call",
            {
                "from": platform.keys.address(Role.OPERATOR),
                "to": platform.chain.address(service.CONTRACT),
                "data": platform.chain.encode(service.CONTRACT, *_call(change, signature)),
                "gas": hex(GAS_MAX),
            },
            "latest",
        )
    except CallFailedError as error:
        reason = error.reason or error.message
        advice = ADVICE.get(reason.partition("(")[0])
        said = f"the contract refuses the change: {reason}"
        if advice is None:
            raise RefusedError(said) from error
        raise RefusedError(f"{said}; {advice.text}", code=advice.code) from error


def _call(change: Change, signature: bytes) -> tuple[Any, ...]:
    """Function and arguments."""
    if isinstance(change, Authorisation):
        bounds = change.session.to_chain()
        given = change.principal, change.market, bounds, change.deadline, signature
        return "authoriseSigned", *given
    return "revokeSigned", change.principal, change.market, change.deadline, signature
