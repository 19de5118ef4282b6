"""A dispatcher approves a plan with a reason and its own key, and sends it.

The signature binds market, period, participant, the plan's hash and that of its inputs. It is
taken once, for the plan as it is now, from somebody who holds the role on-chain at that moment and
is not the one who is to follow it.
"""

from __future__ import annotations

from sqlmodel import Session

from identity.roles import role_id
from market.approval import DispatchApproval
from market.order import SignatureError
from wattproof.dispatch import freshness
from wattproof.dispatch.history import Standing
from wattproof.dispatch.lifecycle import Action, after
from wattproof.dispatch.record import Record, open_record, steps_of
from wattproof.errors import InvalidError, RefusedError
from wattproof.runtime import Platform

ROLE = "dispatcher"
SIGNED_WITHIN_S = 600
"""An approval is handed in within this time of when it says it was given."""


def message(standing: Standing, reason: str, approved_at: int) -> DispatchApproval:
    """What a dispatcher signs to approve the plan as it stands."""
    return DispatchApproval(
        market=standing.market,
        period=standing.period,
        participant=standing.participant,
        plan=bytes.fromhex(standing.plan[2:]),
        inputs=bytes.fromhex(standing.inputs[2:]),
        reason=reason,
        approved_at=approved_at,
    )


def to_sign(platform: Platform, session: Session, number: int, reason: str) -> DispatchApproval:
    """The approval to sign now.

    Raises:
        NotFoundError: there is no such plan.
        RefusedError: it is not for approval as it stands.
    """
    record = open_record(platform, session, number)
    after(record.standing.state, Action.APPROVE)
    freshness.check(record)
    return message(record.standing, reason, platform.clock.now())


def approve(
    platform: Platform,
    session: Session,
    actor: str,
    number: int,
    version: int,
    *,
    reason: str,
    approved_at: int,
    signature: bytes,
) -> Record:
    """Approve a plan as it stands.

    Args:
        signature: compact, of the message of `to_sign` with the same reason and time.

    Raises:
        InvalidError: not the actor's signature over exactly this plan, or signed too long ago.
        RefusedError: the plan is not for approval, its inputs are stale, the actor holds no
            dispatcher's credential that stands, is to follow the plan itself, or has handed in
            this very approval before.
        ConflictError: somebody else changed the plan since ``version``.
    """
    record = open_record(platform, session, number, version=version, lock=True)
    standing = record.standing
    after(standing.state, Action.APPROVE)
    freshness.check(record)
    if not reason.strip():
        raise InvalidError("say why: an approval has a reason", code="reason_missing")
    if actor in standing.traders:
        raise RefusedError(
            "whoever follows a plan cannot approve it; another dispatcher must", code="own_plan"
        )
    now = platform.clock.now()
    if not standing.solved_at <= approved_at <= now + SIGNED_WITHIN_S:
        raise InvalidError(
            f"the approval says it was given at {approved_at}; the plan was solved at "
            f"{standing.solved_at}, and it is {now}. Ask for the message again and sign it",
            code="approval_time",
        )
    if approved_at < now - SIGNED_WITHIN_S:
        raise InvalidError(
            f"the approval was given more than {SIGNED_WITHIN_S} s ago; sign a new one",
            code="approval_time",
        )
    said = message(standing, reason, approved_at)
    try:
        signer = said.signer(platform.domain, signature)
    except SignatureError as error:
        raise InvalidError(str(error), code="bad_signature") from error
    if signer != actor:
        raise InvalidError(
            f"signed by {signer}, not by you, or over another plan, reason or time than this one",
            code="bad_signature",
        )
    written = "0x" + signature.hex()
    if _used(record, written):
        raise RefusedError(
            "this approval was handed in before and was revoked; sign a new one",
            code="approval_replayed",
        )
    _require_role(platform, actor, approved_at)
    record.take(
        Action.APPROVE,
        actor,
        {
            "plan": standing.plan,
            "inputs": standing.inputs,
            "reason": reason,
            "approvedAt": approved_at,
            "signature": written,
        },
    )
    return record


def send(platform: Platform, session: Session, actor: str, number: int, version: int) -> Record:
    """Send an approved plan to its participant as an instruction.

    Raises:
        RefusedError: it is not approved, or its inputs are stale.
        ConflictError: somebody else changed the plan since ``version``.
    """
    record = open_record(platform, session, number, version=version, lock=True)
    after(record.standing.state, Action.SEND)
    freshness.check(record)
    record.take(Action.SEND, actor, {})
    return record


def _used(record: Record, signature: str) -> bool:
    return any(
        step.content()["signature"] == signature
        for step in steps_of(record.session, record.number)
        if step.action == Action.APPROVE
    )


def _require_role(platform: Platform, actor: str, approved_at: int) -> None:
    """Raises RefusedError unless the role stands on-chain, then and now."""
    role = role_id(ROLE)
    standing = platform.chain.call_many(
        ("CredentialRegistry", "standing", (actor, role, at))
        for at in (approved_at, platform.clock.now())
    )
    if not all(standing):
        raise RefusedError(
            f"{actor} holds no {ROLE}'s credential that stands", code="no_credential"
        )
