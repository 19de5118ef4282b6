"""Revoking: the bit of the status list and the revocation on the chain, in one transaction.

For verification a credential counts as revoked from that moment, for markets from the next gate
after the block that mines it.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Final

from sqlmodel import Session, col, func, select

from identity import did
from identity.errors import KeystoreError
from identity.roles import role_id
from identity.verifiable.status_list import REVOCATION
from wattproof import crashpoints
from wattproof.accounts import service as accounts
from wattproof.accounts.models import CredentialRow
from wattproof.credentials import status_lists
from wattproof.credentials.issuers import own_issuer
from wattproof.credentials.issuing import issued_to, status
from wattproof.credentials.models import IssuedRow
from wattproof.errors import ConflictError, MisconfiguredError, NotFoundError
from wattproof.gateway import outbox
from wattproof.gateway.keys import Role
from wattproof.gateway.models import OutboxRow
from wattproof.runtime import Platform

_log: Final = logging.getLogger(__name__)


def revoke(platform: Platform, session: Session, credential_hash: str) -> IssuedRow:
    """Revoke a credential that the platform issued, and every older one of its subject and role.

    One that is revoked already stays so; nothing is queued twice.

    Raises:
        NotFoundError: the platform issued no such credential.
        ConflictError: an issuer signed it whose key the platform no longer has.
    """
    row = session.get(IssuedRow, credential_hash, with_for_update=True)
    if row is None:
        raise NotFoundError(f"no credential {credential_hash} was issued here")
    same = session.exec(
        select(IssuedRow).where(
            IssuedRow.address == row.address,
            IssuedRow.role == row.role,
            IssuedRow.issuer == row.issuer,
            IssuedRow.issued_at <= row.issued_at,
            col(IssuedRow.revoked_at).is_(None),
        )
    ).all()
    if same:
        _mark(platform, session, same)
    crashpoints.reach(crashpoints.STATUS_SET)
    current = platform.chain.call("CredentialRegistry", "grantOf", row.address, role_id(row.role))
    for each in same:
        digest = bytes.fromhex(each.credential_hash[2:])
        granted = outbox.find(session, f"grant:{digest.hex()}")
        on_its_way = granted is not None and granted.status in outbox.PENDING
        if on_its_way or (digest == current["credentialHash"] and not current["revokedAt"]):
            accounts.revoke_credential(platform, session, digest)
    return row


def revoke_role(platform: Platform, session: Session, address: str, role: str) -> None:
    """Revoke the credential of a role that stands or is on its way.

    Raises:
        NotFoundError: there is none.
        ConflictError: it was granted by another issuer, who alone may revoke it.
    """
    now = platform.clock.now()
    for row in issued_to(session, address):
        if row.role == role and status(session, row, now) in ("pending", "standing"):
            revoke(platform, session, row.credential_hash)
            return
    current = session.get(CredentialRow, (address, "0x" + role_id(role).hex()))
    if current is None or current.revoked_at or current.expires_at <= now:
        raise NotFoundError(f"{address} has no credential for {role} that stands")
    if current.issuer != platform.keys.address(Role.ISSUER):
        raise ConflictError(f"the credential was granted by {current.issuer}")
    accounts.revoke_credential(platform, session, bytes.fromhex(current.credential_hash[2:]))


def follow_chain(platform: Platform, session: Session) -> int:
    """Mark credentials that were revoked on the chain itself, or whose grant it refused.

    Returns how many.
    """
    if not platform.keys.holds(Role.ISSUER):
        return 0
    issuer = str(did.of(platform.keys.address(Role.ISSUER), platform.deployment.chain_id))
    open_ones = select(IssuedRow).where(
        col(IssuedRow.revoked_at).is_(None), IssuedRow.issuer == issuer
    )
    granted = col(CredentialRow.credential_hash) == IssuedRow.credential_hash
    # By the credentials' own key, from the few rows that ended badly.
    queued = col(IssuedRow.credential_hash) == "0x" + func.substr(OutboxRow.key, len("grant:") + 1)
    rows = [
        *session.exec(open_ones.join(CredentialRow, granted).where(CredentialRow.revoked_at > 0)),
        *session.exec(
            open_ones.join(OutboxRow, queued).where(col(OutboxRow.status).in_(outbox.FAILED))
        ),
    ]
    if not rows:
        return 0
    try:
        _mark(platform, session, rows)
    except (MisconfiguredError, KeystoreError) as error:
        _log.error("credentials cannot be marked as revoked: %s", error)
        return 0
    return len(rows)


def _mark(platform: Platform, session: Session, rows: Collection[IssuedRow]) -> None:
    issuer, now = own_issuer(platform), platform.clock.now()
    places: dict[int, list[int]] = {}
    for row in rows:
        if row.issuer != issuer.did:
            raise ConflictError(
                f"{row.issuer} signed it, whose key is not here any more; the registrar revokes it "
                "on the chain",
                code="another_issuer",
            )
        places.setdefault(row.status_number, []).append(row.status_index)
    for row in rows:
        row.revoked_at = now
        session.add(row)
    for number, positions in sorted(places.items()):
        name = status_lists.ListName(issuer.address, REVOCATION, number)
        status_lists.set_bits(platform, session, name, positions)
