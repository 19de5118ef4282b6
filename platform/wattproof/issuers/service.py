"""Accreditations and grants, as the registry has them now; and what changes them, to be signed.

The platform signs none of it: accrediting is the registrar's, granting and revoking the issuer's
own. What is read here is read from the chain itself, not from the index.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from identity.roles import ROLES, role_id
from wattproof.accounts.roles import RestrictedCall, restricted
from wattproof.accounts.service import UnsignedTransaction, unsigned
from wattproof.errors import NotFoundError
from wattproof.runtime import Platform

CONTRACT: Final = "CredentialRegistry"
_NOBODY: Final = "0x" + "00" * 20


@dataclass(frozen=True, slots=True)
class Accreditation:
    """For which role an issuer may grant.

    Attributes:
        since, ended_at: seconds, UTC; ``ended_at`` None while it lasts.
    """

    role: str
    since: int
    ended_at: int | None


@dataclass(frozen=True, slots=True)
class Grant:
    """What the chain says of a credential by its hash.

    Attributes:
        role: its name, or its number in hexadecimal where it has none here.
        issuer, valid_from, expires_at, revoked_at: None where a newer credential of the role has
            taken its place; ``revoked_at`` None too while it is not revoked. Seconds, UTC.
        stands: whether it opens gates now.
    """

    subject: str
    role: str
    issuer: str | None
    valid_from: int | None
    expires_at: int | None
    revoked_at: int | None
    stands: bool


def accreditations(platform: Platform, issuer: str) -> Sequence[Accreditation]:
    """Those that an issuer has or had, of the roles known here."""
    found = platform.chain.call_many(
        [(CONTRACT, "accreditationOf", (issuer, role_id(role))) for role in ROLES]
    )
    return [
        Accreditation(role, since, ended_at or None)
        for role, (since, ended_at) in zip(ROLES, found, strict=True)
        if since
    ]


def grant_of(platform: Platform, credential_hash: bytes) -> Grant:
    """What the chain says of a credential. Raises NotFoundError: it was never granted."""
    subject, number = platform.chain.call(CONTRACT, "credentialOf", credential_hash)
    if subject == _NOBODY:
        raise NotFoundError(f"0x{credential_hash.hex()} was never granted on the chain")
    names = {role_id(role): role for role in ROLES}
    role = names.get(number, "0x" + number.hex())
    current, stands = platform.chain.call_many(
        [
            (CONTRACT, "grantOf", (subject, number)),
            (CONTRACT, "standing", (subject, number, platform.clock.now())),
        ]
    )
    if current["credentialHash"] != credential_hash:
        return Grant(subject, role, None, None, None, None, stands=False)
    return Grant(
        subject=subject,
        role=role,
        issuer=current["issuer"],
        valid_from=current["validFrom"],
        expires_at=current["expiresAt"],
        revoked_at=current["revokedAt"] or None,
        stands=stands,
    )


def accredit(platform: Platform, registrar: str, issuer: str, role: str) -> RestrictedCall:
    """Let an issuer grant a role.

    Raises:
        NotFoundError: there is no such role.
        RefusedError: the signer is no registrar, or announced it and must wait.
    """
    return restricted(
        platform, registrar, "accredit the issuer", CONTRACT, "accredit", issuer, _number(role)
    )


def remove(platform: Platform, registrar: str, issuer: str, role: str) -> RestrictedCall:
    """End an accreditation, and with it every grant that rests on it, for good.

    Raises:
        NotFoundError, RefusedError: as `accredit`.
    """
    return restricted(
        platform,
        registrar,
        "end the accreditation",
        CONTRACT,
        "removeAccreditation",
        issuer,
        _number(role),
    )


def grant(
    platform: Platform, credential_hash: bytes, subject: str, role: str, expires_at: int
) -> UnsignedTransaction:
    """Grant a role on the strength of a credential, or extend the issuer's own grant.

    Args:
        expires_at: seconds, UTC, excluded.

    Raises:
        NotFoundError: there is no such role.
    """
    return unsigned(
        platform,
        "grant the role",
        CONTRACT,
        "grant",
        credential_hash,
        subject,
        _number(role),
        expires_at,
    )


def revoke(platform: Platform, signer: str, credential_hash: bytes) -> RestrictedCall:
    """End the grant that rests on a credential; its issuer does, or the registrar.

    Raises:
        RefusedError: the signer is neither, or a registrar who announced it and must wait.
    """
    title = "revoke the credential"
    known = platform.chain.call(CONTRACT, "credentialOf", credential_hash)
    current = platform.chain.call(CONTRACT, "grantOf", *known)
    if current["issuer"] in (signer, _NOBODY):
        return RestrictedCall(unsigned(platform, title, CONTRACT, "revoke", credential_hash), None)
    return restricted(platform, signer, title, CONTRACT, "revoke", credential_hash)


def _number(role: str) -> bytes:
    if role not in ROLES:
        raise NotFoundError(f"there is no role {role}; there are {', '.join(ROLES)}")
    return role_id(role)
