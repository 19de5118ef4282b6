"""Issuing credentials in the name of the platform's issuer, and how they stand.

One database transaction holds the credential, its place in the status list and the grant for the
chain. The chain keeps one grant a subject and role, so that is what the platform issues: a newer
credential of the role replaces the older one once its grant is mined.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlmodel import Session, col, select

from identity import did
from identity.errors import CredentialError
from identity.roles import role_id
from identity.verifiable.issuing import Draft, as_jwt, as_token, content_hash
from identity.verifiable.kinds import KINDS, Kind
from wattproof.accounts import service as accounts
from wattproof.accounts.models import CredentialRow
from wattproof.credentials import status_lists
from wattproof.credentials.checks import sentence
from wattproof.credentials.issuers import address_of, is_accredited, own_issuer
from wattproof.credentials.models import IssuedRow
from wattproof.errors import ConflictError, InvalidError, NotFoundError, RefusedError
from wattproof.gateway import outbox
from wattproof.runtime import Platform

LIFETIME_S: Final = 365 * 86_400
REGRANT_DELAY_S: Final = 86_400
"""The registry's constant: gates must not see a past that changes."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be issued.

    Attributes:
        subject: DID, did:ethr of this chain; of a meter or generating device the device's own.
        claims: of the kind's schema; ``role`` may be left out where the kind has one alone.
    """

    kind: Kind
    subject: str
    claims: Mapping[str, Any]
    lifetime_s: int = LIFETIME_S


def kind_of_role(role: str) -> Kind:
    """The kind of credential that gives a role. Raises NotFoundError."""
    for kind in KINDS.values():
        if role in kind.roles:
            return kind
    known = ", ".join(role for kind in KINDS.values() for role in kind.roles)
    raise NotFoundError(f"no credential gives the role {role}; there are {known}")


def area(platform: Platform) -> str:
    """The area that a credential names where nobody says: configured, or the installation's own."""
    registry = platform.chain.address("CredentialRegistry")
    own = uuid.uuid5(uuid.NAMESPACE_URL, f"eip155:{platform.deployment.chain_id}:{registry}")
    return platform.settings.area or str(own)


def issue_role(
    platform: Platform,
    session: Session,
    address: str,
    role: str,
    claims: Mapping[str, Any] | None = None,
) -> IssuedRow:
    """The credential of a role that stands or is on its way; a new one where there is none.

    Raises:
        NotFoundError: no credential gives this role.
        InvalidError: the role's kind needs claims that are not given.
        RefusedError: see `issue`.
    """
    kind = kind_of_role(role)
    now = platform.clock.now()
    for known in issued_to(session, address):
        if known.role == role and status(session, known, now) in ("pending", "standing"):
            return known
    name = str(did.of(address, platform.deployment.chain_id))
    said = {"role": role, **(claims or {})}
    if "zone" in kind.claims:
        said.setdefault("zone", area(platform))
    return issue(platform, session, Wanted(kind, name, said))


def issue(platform: Platform, session: Session, wanted: Wanted) -> IssuedRow:
    """Sign a credential, give it a status entry, and queue its grant on the chain.

    Raises:
        InvalidError: the claims are not of this kind, or the subject is not on this chain.
        RefusedError: the subject is deactivated (``deactivated``) or the issuer itself
            (``self_issued``), the issuer is not accredited (``not_accredited``), or the last
            credential of the role ended less than a day ago (``regrant_too_soon``).
        ConflictError: another issuer's credential of the role stands (``granted_by_another``), or
            one that lasts at least as long (``not_longer``).
    """
    issuer = own_issuer(platform)
    address = address_of(platform, wanted.subject)
    if address is None:
        raise InvalidError(
            f"{wanted.subject} is not a did:ethr of this chain; the chain grants roles to these",
            code="wrong_subject",
        )
    if address == issuer.address:
        raise RefusedError("an issuer does not certify itself", code="self_issued")
    claims = dict(wanted.claims)
    if len(wanted.kind.roles) == 1:
        claims.setdefault("role", wanted.kind.roles[0])
    if "device" in wanted.kind.claims and claims.setdefault("device", address) != address:
        raise InvalidError("device: a device's credential is about its own DID", code="bad_claims")
    now = platform.clock.now()
    role = str(claims.get("role", ""))
    if role in wanted.kind.roles:
        _require_grantable(platform, session, issuer.address, address, role)
        _require_extending(session, issuer.address, address, role, now, now + wanted.lifetime_s)
    allotted = status_lists.allot(platform, session, issuer.address)
    try:
        draft = Draft(
            wanted.kind,
            issuer.did,
            str(did.of(address, platform.deployment.chain_id)),
            claims,
            now,
            now + wanted.lifetime_s,
            (allotted.entry,),
        )
        row = IssuedRow(
            credential_hash="0x" + content_hash(draft.document()).hex(),
            kind=wanted.kind.name,
            role=role,
            issuer=issuer.did,
            subject=draft.subject,
            address=address,
            issued_at=now,
            expires_at=draft.valid_until,
            status_number=allotted.number,
            status_index=allotted.entry.index,
            document=draft.document(),
            jwt=as_jwt(draft, issuer.key, now=now),
            sd_jwt=str(as_token(draft, issuer.key, now=now)),
        )
    except CredentialError as error:
        raise InvalidError(sentence(error), code="bad_claims") from error
    session.add(row)
    accounts.grant_credential(
        platform,
        session,
        address,
        role_id(role),
        credential_hash=bytes.fromhex(row.credential_hash[2:]),
        expires_at=row.expires_at,
    )
    return row


def issued_to(session: Session, address: str) -> Sequence[IssuedRow]:
    """The credentials issued to an address, newest first."""
    return session.exec(
        select(IssuedRow)
        .where(IssuedRow.address == address)
        .order_by(col(IssuedRow.issued_at).desc(), col(IssuedRow.credential_hash))
    ).all()


def listed(
    session: Session, address: str | None, *, after: str | None, limit: int
) -> Sequence[IssuedRow]:
    """Credentials by hash, those after ``after``; of one address, or of all."""
    query = select(IssuedRow).order_by(col(IssuedRow.credential_hash)).limit(limit)
    if address is not None:
        query = query.where(IssuedRow.address == address)
    if after is not None:
        query = query.where(col(IssuedRow.credential_hash) > after)
    return session.exec(query).all()


def status(session: Session, row: IssuedRow, now: int) -> str:
    """pending, standing, revoked, expired, replaced or refused.

    Revoked counts from when the platform said so; the chain follows with the next block.
    """
    current = _grant_of(session, row.address, row.role)
    is_current = current is not None and current.credential_hash == row.credential_hash
    queued = outbox.find(session, _grant_key(row))
    if not is_current and queued is not None and queued.status in outbox.FAILED:
        return "refused"
    if row.revoked_at is not None:
        return "revoked"
    if current is None or not is_current:
        if row.expires_at <= now:
            return "expired"
        return "pending" if queued is None or queued.status != outbox.MINED else "replaced"
    if current.revoked_at and current.revoked_at <= now:
        return "revoked"
    return "standing" if now < current.expires_at else "expired"


def _require_grantable(
    platform: Platform, session: Session, issuer: str, address: str, role: str
) -> None:
    """What the registry would refuse, before anything is signed."""
    if platform.chain.call("DidRegistry", "deactivatedAt", address):
        raise RefusedError(
            f"the DID of {address} was deactivated; nothing is issued to it any more",
            code="deactivated",
        )
    queued = outbox.find(session, f"accredit:{role}")
    if queued is not None and queued.status in outbox.PENDING:
        return
    if not is_accredited(platform, issuer, role):
        raise RefusedError(
            f"the platform's issuer {issuer} is not accredited for {role}", code="not_accredited"
        )


def _require_extending(
    session: Session, issuer: str, address: str, role: str, now: int, expires_at: int
) -> None:
    current = _grant_of(session, address, role)
    end = _end_of(session, current, address, role, now)
    if current is not None and now < end:
        if current.issuer != issuer:
            raise ConflictError(
                f"{current.issuer} granted {role} until {end}; that ends first",
                code="granted_by_another",
            )
        if expires_at <= current.expires_at:
            raise ConflictError(
                f"the credential for {role} stands until {current.expires_at} already",
                code="not_longer",
            )
    if end <= now < end + REGRANT_DELAY_S:
        raise RefusedError(
            f"the last credential for {role} ended at {end}; the registry takes a new one from "
            f"{end + REGRANT_DELAY_S} on",
            code="regrant_too_soon",
        )


def _end_of(
    session: Session, current: CredentialRow | None, address: str, role: str, now: int
) -> int:
    """When the last grant of a role ends, seconds; what the platform revoked ends then already."""
    if current is None:
        pending = next((row for row in issued_to(session, address) if row.role == role), None)
        revoked = pending is not None and status(session, pending, now) == "revoked"
        return pending.revoked_at or 0 if pending is not None and revoked else 0
    issued = session.get(IssuedRow, current.credential_hash)
    ends = [current.expires_at, current.revoked_at, issued.revoked_at if issued else None]
    return min(end for end in ends if end)


def _grant_of(session: Session, address: str, role: str) -> CredentialRow | None:
    return session.get(CredentialRow, (address, "0x" + role_id(role).hex()))


def _grant_key(row: IssuedRow) -> str:
    return f"grant:{row.credential_hash[2:]}"
