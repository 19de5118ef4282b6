"""Consents: an owner lets one audience read chosen topics, for one purpose, until an end.

An owner gives one in a session, or signs it (EIP-712) and lets anybody hand the signature in.
Revoking one ends it at once, and for good: what was signed once is never taken twice.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete, select

from identity.errors import CredentialError, SignInError
from identity.trust import Consent, ConsentDomain, Topic
from identity.trust.consent import HAND_IN_SECONDS
from wattproof.auth.wallets import prove
from wattproof.errors import ConflictError, InvalidError, NotFoundError, RefusedError
from wattproof.runtime import Platform
from wattproof.trust.models import ConsentTakenRow, ProfileConsentRow

HISTORY: Final = "history"
TOPICS: Final = (*(topic.value for topic in Topic), HISTORY)
"""What a consent can be for: topics of credentials, and the history on the ledger."""
_MOST: Final = 200
"""Consents of one owner that stand."""


def domain(platform: Platform) -> ConsentDomain:
    """What consents are bound to."""
    return ConsentDomain(platform.deployment.chain_id, platform.chain.address("CredentialRegistry"))


def drafted(
    owner: str, audience: str, purpose: str, topics: Sequence[str], *, now: int, ends_at: int
) -> Consent:
    """A consent with a nonce of its own, given or to be signed now. Raises InvalidError."""
    return read(owner, audience, purpose, topics, now, ends_at, secrets.token_bytes(32))


def read(
    owner: str,
    audience: str,
    purpose: str,
    topics: Sequence[str],
    issued_at: int,
    ends_at: int,
    nonce: bytes,
) -> Consent:
    """A consent as somebody writes it down. Raises InvalidError."""
    unknown = sorted(set(topics) - set(TOPICS))
    if unknown:
        raise InvalidError(f"there is no topic {unknown[0]}; there are {', '.join(TOPICS)}")
    try:
        return Consent(owner, audience, purpose, tuple(sorted(topics)), issued_at, ends_at, nonce)
    except CredentialError as error:
        raise InvalidError(str(error), code="bad_consent") from error


def give(platform: Platform, session: Session, consent: Consent, *, now: int) -> ProfileConsentRow:
    """Take a consent from its owner itself, who is signed in. Raises RefusedError, InvalidError."""
    return _store(platform, session, consent, None, now)


def check_signature(platform: Platform, consent: Consent, signature: bytes, *, now: int) -> None:
    """Raises RefusedError unless its owner signed it, just now.

    The chain is asked, so this stands before the transaction that takes the consent.
    """
    try:
        consent.check_handed_in(now)
        prove(platform.chain, consent.owner, consent.digest(domain(platform)), signature)
    except (CredentialError, SignInError) as error:
        raise RefusedError(str(error), code="consent_refused") from error


def hand_in(
    platform: Platform, session: Session, consent: Consent, signature: bytes, *, now: int
) -> ProfileConsentRow:
    """Take a consent whose signature was checked; again gives the one that stands.

    Raises:
        ConflictError: it was handed in before and stands no longer.
    """
    digest = _id(platform, consent)
    session.exec(delete(ConsentTakenRow).where(col(ConsentTakenRow.until) < now))
    if session.get(ConsentTakenRow, digest) is not None:
        known = session.get(ProfileConsentRow, digest)
        if known is None or known.revoked_at is not None:
            raise ConflictError(
                "this consent was handed in before and stands no longer; sign a new one",
                code="consent_used",
            )
        return known
    try:
        with session.begin_nested():
            until = consent.issued_at + 2 * HAND_IN_SECONDS
            session.add(ConsentTakenRow(digest=digest, until=until))
    except IntegrityError as error:
        raise ConflictError(
            "this consent is being handed in by somebody else; look again", code="consent_used"
        ) from error
    return _store(platform, session, consent, signature, now)


def revoke(session: Session, owner: str, consent: str, *, now: int) -> ProfileConsentRow:
    """End a consent at once. Raises NotFoundError for one of nobody or another."""
    row = session.get(ProfileConsentRow, consent, with_for_update=True)
    if row is None or row.owner != owner:
        raise NotFoundError(f"you gave no consent {consent}")
    if row.revoked_at is None:
        row.revoked_at = now
        session.add(row)
    return row


def given(
    session: Session, owner: str, *, after: tuple[int, str] | None, limit: int
) -> Sequence[ProfileConsentRow]:
    """An owner's consents, newest first, those that ended too."""
    place = col(ProfileConsentRow.issued_at), col(ProfileConsentRow.id)
    query = select(ProfileConsentRow).where(ProfileConsentRow.owner == owner)
    if after is not None:
        query = query.where(
            (place[0] < after[0]) | ((place[0] == after[0]) & (place[1] > after[1]))
        )
    return session.exec(query.order_by(place[0].desc(), place[1]).limit(limit)).all()


def allowing(
    session: Session,
    owner: str,
    audience: str,
    purpose: str,
    topics: Sequence[str] | None,
    *,
    now: int,
) -> ProfileConsentRow | None:
    """The newest consent by which an audience may read these topics now, all by itself.

    Args:
        topics: None for all that the consent is for.
    """
    for row in session.exec(
        select(ProfileConsentRow)
        .where(
            ProfileConsentRow.owner == owner,
            ProfileConsentRow.audience == audience,
            col(ProfileConsentRow.revoked_at).is_(None),
            ProfileConsentRow.ends_at > now,
        )
        .order_by(col(ProfileConsentRow.issued_at).desc(), col(ProfileConsentRow.id))
    ).all():
        wanted = frozenset(row.topics if topics is None else topics)
        if _consent(row).allows(audience, purpose, wanted, now):
            return row
    return None


def _consent(row: ProfileConsentRow) -> Consent:
    return Consent(
        row.owner,
        row.audience,
        row.purpose,
        tuple(row.topics),
        row.issued_at,
        row.ends_at,
        bytes.fromhex(row.nonce[2:]),
    )


def _id(platform: Platform, consent: Consent) -> str:
    return "0x" + consent.digest(domain(platform)).hex()


def _store(
    platform: Platform, session: Session, consent: Consent, signature: bytes | None, now: int
) -> ProfileConsentRow:
    standing = session.exec(
        select(ProfileConsentRow.id).where(
            ProfileConsentRow.owner == consent.owner,
            col(ProfileConsentRow.revoked_at).is_(None),
            ProfileConsentRow.ends_at > now,
        )
    ).all()
    if len(standing) >= _MOST:
        raise RefusedError(f"an account gives at most {_MOST} consents at a time; revoke some")
    row = ProfileConsentRow(
        id=_id(platform, consent),
        owner=consent.owner,
        audience=consent.audience,
        purpose=consent.purpose,
        topics=list(consent.topics),
        issued_at=consent.issued_at,
        ends_at=consent.ends_at,
        nonce="0x" + consent.nonce.hex(),
        signature=None if signature is None else "0x" + signature.hex(),
    )
    session.add(row)
    session.flush()
    return row
