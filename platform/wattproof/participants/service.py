"""Registration, role credentials and identifiers of participants.

In the embedded profile registering for a trading role grants its credential at once, by the
devnet's issuer. Elsewhere registering is an application, and an operator has the credential issued.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from sqlmodel import Session, col, select

from identity import did
from identity.credential import CredentialDomain, RoleCredential, issue
from identity.roles import ROLES, role_id
from wattproof.accounts import service as accounts
from wattproof.accounts.models import CredentialRow
from wattproof.errors import ConflictError, NotFoundError, RefusedError
from wattproof.gateway import outbox
from wattproof.gateway.keys import Role
from wattproof.participants.models import IssuedCredentialRow, ParticipantRow
from wattproof.runtime import Platform
from wattproof.settings import Profile

TRADING_ROLES: Final = ("prosumer", "ev_owner", "supplier")
LIFETIME_SECONDS: Final = 365 * 86_400
REGRANT_DELAY_SECONDS: Final = 86_400
"""The registry's constant: gates must not see a past that changes."""


def register(
    platform: Platform, session: Session, address: str, *, name: str, role: str | None
) -> ParticipantRow:
    """Register a caller, or change its name; asking for the role is asking for its credential.

    Args:
        role: one of ``TRADING_ROLES``; None for somebody who does not trade.

    Raises:
        RefusedError: the role is not one to register for.
    """
    if role is not None and role not in TRADING_ROLES:
        raise RefusedError(
            f"{role} is not a role to register for; choose {', '.join(TRADING_ROLES)}",
            code="no_such_role",
        )
    row = session.get(ParticipantRow, address)
    if row is None:
        row = ParticipantRow(address=address, name=name, role=role, registered_at=int(time.time()))
    row.name, row.role = name, role
    session.add(row)
    session.flush()
    if role is not None and platform.settings.profile is Profile.EMBEDDED:
        grant(platform, session, address, role)
    return row


def get(session: Session, address: str) -> ParticipantRow:
    """Raises NotFoundError."""
    row = session.get(ParticipantRow, address)
    if row is None:
        raise NotFoundError(f"{address} has not registered")
    return row


def listed(session: Session, *, after: str | None, limit: int) -> Sequence[ParticipantRow]:
    """Participants by address, those after ``after``."""
    query = select(ParticipantRow).order_by(col(ParticipantRow.address)).limit(limit)
    if after is not None:
        query = query.where(col(ParticipantRow.address) > after)
    return session.exec(query).all()


def grant(platform: Platform, session: Session, address: str, role: str) -> IssuedCredentialRow:
    """Issue a credential and queue its grant; gives the one that stands or is on its way.

    Raises:
        NotFoundError: there is no such role.
        RefusedError: a credential of this role ended less than a day ago.
    """
    if role not in ROLES:
        raise NotFoundError(f"there is no role {role}; there are {', '.join(ROLES)}")
    now = platform.clock.now()
    for known in credentials(session, address):
        if known.role == role and known.expires_at > now and not _failed(session, known):
            return known
    _require_regrantable(session, address, role, now)
    chain_id = platform.deployment.chain_id
    credential = RoleCredential(
        issuer=did.of(platform.keys.address(Role.ISSUER), chain_id),
        subject=did.of(address, chain_id),
        role=role,
        valid_from=now,
        expires_at=now + LIFETIME_SECONDS,
    )
    domain = CredentialDomain(chain_id, platform.chain.address("CredentialRegistry"))
    digest = credential.hash()
    row = IssuedCredentialRow(
        credential_hash="0x" + digest.hex(),
        address=address,
        role=role,
        expires_at=credential.expires_at,
        document=issue(credential, domain, platform.keys.private_key(Role.ISSUER)),
        issued_at=now,
    )
    session.add(row)
    accounts.grant_credential(
        platform,
        session,
        address,
        role_id(role),
        credential_hash=digest,
        expires_at=credential.expires_at,
    )
    return row


def revoke(platform: Platform, session: Session, address: str, role: str) -> None:
    """Queue the revocation of a role's credential; it holds from the block that mines it.

    Raises:
        NotFoundError: no credential of this role stands.
        ConflictError: it was granted by another issuer, who alone may revoke it.
    """
    current = session.get(CredentialRow, (address, "0x" + role_id(role).hex()))
    if current is None or current.revoked_at or current.expires_at <= platform.clock.now():
        raise NotFoundError(f"{address} has no credential for {role} that stands")
    if current.issuer != platform.keys.address(Role.ISSUER):
        raise ConflictError(f"the credential was granted by {current.issuer}")
    accounts.revoke_credential(platform, session, bytes.fromhex(current.credential_hash[2:]))


def credentials(session: Session, address: str) -> Sequence[IssuedCredentialRow]:
    """The documents issued to an address, newest first."""
    return session.exec(
        select(IssuedCredentialRow)
        .where(IssuedCredentialRow.address == address)
        .order_by(col(IssuedCredentialRow.issued_at).desc())
    ).all()


def status(session: Session, row: IssuedCredentialRow, now: int) -> str:
    """pending, standing, revoked, expired, replaced or refused, as the chain has it."""
    current = session.get(CredentialRow, (row.address, "0x" + role_id(row.role).hex()))
    if current is None or current.credential_hash != row.credential_hash:
        if _failed(session, row):
            return "refused"
        mined = outbox.find(session, _grant_key(row))
        return "pending" if mined is None or mined.status != outbox.MINED else "replaced"
    if current.revoked_at and current.revoked_at <= now:
        return "revoked"
    return "standing" if now < current.expires_at else "expired"


def _require_regrantable(session: Session, address: str, role: str, now: int) -> None:
    current = session.get(CredentialRow, (address, "0x" + role_id(role).hex()))
    if current is None:
        return
    end = min(current.expires_at, current.revoked_at or current.expires_at)
    if end <= now < end + REGRANT_DELAY_SECONDS:
        raise RefusedError(
            f"the last credential for {role} ended at {end}; the registry takes a new one from "
            f"{end + REGRANT_DELAY_SECONDS} on",
            code="regrant_too_soon",
        )


def _failed(session: Session, row: IssuedCredentialRow) -> bool:
    """Whether the grant can no longer come to stand."""
    current = session.get(CredentialRow, (row.address, "0x" + role_id(row.role).hex()))
    if current is not None and current.credential_hash == row.credential_hash:
        return current.revoked_at != 0
    queued = outbox.find(session, _grant_key(row))
    return queued is not None and queued.status in outbox.FAILED


def _grant_key(row: IssuedCredentialRow) -> str:
    return f"grant:{row.credential_hash[2:]}"
