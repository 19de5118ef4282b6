"""Queueing what others signed, once, and what a signature must still be for that.

The next nonce decides who comes first; of two changes with one nonce the second waits for what
becomes of the first. What was handed in before is answered, not queued again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

from sqlmodel import Session

from wattproof.errors import ConflictError, RefusedError
from wattproof.gateway import outbox
from wattproof.gateway.keys import Role
from wattproof.gateway.models import OutboxRow
from wattproof.relaying import allowance
from wattproof.relaying.models import RelayedChangeRow
from wattproof.runtime import Platform

MARGIN_SECONDS: Final = 60
"""A change must leave this long for being sent and mined."""
GAS_MAX: Final = 300_000
"""That the operator pays for. It is given beforehand: what cannot be estimated on sending would
hold up the operator's queue."""


@dataclass(frozen=True, slots=True)
class Relay:
    """A signed change, and the call that carries it out.

    Attributes:
        kind: of change; with signer and nonce it names the write.
        digest: 0x-hex of what was signed; names the change before it has a transaction.
        identity: address that it is about.
        call: contract, function and arguments.
    """

    kind: str
    digest: str
    identity: str
    signer: str
    nonce: int
    deadline: int
    call: tuple[Any, ...]
    gas: int = GAS_MAX


def require_timely(platform: Platform, deadline: int) -> None:
    """Raises RefusedError for a deadline that has passed, or will have when it is mined."""
    left = deadline - platform.clock.now()
    if left < 0:
        raise RefusedError("the change's deadline has passed; sign it anew", code="deadline_passed")
    if left < MARGIN_SECONDS:
        raise RefusedError(
            f"the change must be mined within {left} s; leave {MARGIN_SECONDS} s at least",
            code="deadline_too_close",
        )


def require_next(nonce: int, following: int, whose: str) -> None:
    """Raises ConflictError unless a change has the next nonce of who signed it."""
    if nonce != following:
        raise ConflictError(
            f"the change has nonce {nonce}, {whose} next one is {following}; sign it anew",
            code="wrong_nonce",
        )


def find(session: Session, digest: str) -> OutboxRow | None:
    """What carries out a change that was handed in; None if it never was."""
    row = session.get(RelayedChangeRow, digest)
    return None if row is None else session.get(OutboxRow, row.outbox_id)


def queue(platform: Platform, session: Session, caller: str, relay: Relay) -> OutboxRow:
    """Queue a checked change in the outbox; one that is there already is not queued again.

    Args:
        caller: address of who handed it in, in whose share of the day it counts.

    Raises:
        ConflictError: another change uses the nonce.
        RefusedError: today's share is used up.
    """
    key = f"{relay.kind}:{relay.signer}:{relay.nonce}"
    known = _handed_in(session, relay, key)
    if known is not None:
        return known
    # Charging waits for who charges at the same moment: only afterwards is nobody else faster.
    charged = session.begin_nested()
    allowance.charge(platform, session, caller)
    try:
        known = _handed_in(session, relay, key)
    except ConflictError:
        charged.rollback()
        raise
    if known is not None:
        charged.rollback()
        return known
    charged.commit()
    contract, function, *arguments = relay.call
    row = outbox.call(
        session,
        platform.chain,
        contract,
        function,
        *arguments,
        key=key,
        signer=platform.keys.address(Role.OPERATOR),
        gas_limit=relay.gas,
    )
    assert row.id is not None
    session.merge(
        RelayedChangeRow(
            digest=relay.digest,
            identity=relay.identity,
            controller=relay.signer,
            nonce=relay.nonce,
            deadline=relay.deadline,
            function=function,
            caller=caller,
            outbox_id=row.id,
            created_at=int(time.time()),
        )
    )
    session.flush()
    return row


def _handed_in(session: Session, relay: Relay, key: str) -> OutboxRow | None:
    """What carries the same change out already. Raises ConflictError where that is another one."""
    known = find(session, relay.digest)
    if known is not None and known.status not in outbox.FAILED:
        return known
    rival = outbox.find(session, key)
    if rival is not None and rival.status not in outbox.FAILED:
        raise ConflictError(
            f"another change with nonce {relay.nonce} was handed in and is {rival.status}; wait "
            "for it, then sign with the next nonce",
            code="change_pending",
        )
    return None
