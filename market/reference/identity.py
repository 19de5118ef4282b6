"""DidRegistry and CredentialRegistry: who holds which role at which second (protocol section 8)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from market.reference.authority import Authority
from market.reference.errors import (
    AccessManagedUnauthorized,
    AlreadyAccredited,
    BadExpiry,
    CredentialHashUsed,
    CredentialNotCurrent,
    GrantedByAnother,
    GrantEnded,
    IdentityDeactivated,
    NotAccredited,
    NotAnExtension,
    NotIdentityOwner,
    RegrantTooSoon,
    SubjectDeactivated,
    ZeroValue,
)
from market.reference.token import ZERO_ADDRESS

REGRANT_DELAY = 86_400
MAX_TIME = 2**32 - 1


@dataclass(slots=True)
class DidRegistry:
    """Owners of identities. An identity owns itself until it is handed on."""

    set_owners: dict[str, str] = field(default_factory=dict)
    deactivated: dict[str, int] = field(default_factory=dict)

    def identity_owner(self, identity: str) -> str:
        if identity in self.deactivated:
            return ZERO_ADDRESS
        return self.set_owners.get(identity, identity)

    def deactivated_at(self, identity: str) -> int:
        """Seconds; 0 while active."""
        return self.deactivated.get(identity, 0)

    def change_owner(self, identity: str, new_owner: str, *, sender: str, now: int) -> None:
        """Hand the identity on; to the zero address: deactivate it for good."""
        if identity in self.deactivated:
            raise IdentityDeactivated(identity)
        if self.identity_owner(identity) != sender:
            raise NotIdentityOwner(f"{sender} does not own {identity}")
        if new_owner == ZERO_ADDRESS:
            self.deactivated[identity] = now
            self.set_owners.pop(identity, None)
        else:
            self.set_owners[identity] = new_owner


@dataclass(frozen=True, slots=True)
class Grant:
    """A role held by a subject. Times in seconds; `revoked_at` is 0 while not revoked."""

    credential_hash: bytes
    issuer: str
    valid_from: int
    expires_at: int
    revoked_at: int = 0


@dataclass(slots=True)
class CredentialRegistry:
    authority: Authority
    dids: DidRegistry
    accredited_at: dict[tuple[str, bytes], int] = field(default_factory=dict)
    accreditation_ended: dict[tuple[str, bytes], int] = field(default_factory=dict)
    grants: dict[tuple[str, bytes], Grant] = field(default_factory=dict)
    credentials: dict[bytes, tuple[str, bytes]] = field(default_factory=dict)

    def accredit(self, issuer: str, role: bytes, *, sender: str, now: int) -> None:
        self.authority.require("REGISTRAR", sender)
        if issuer == ZERO_ADDRESS or not any(role):
            raise ZeroValue("issuer and role are needed")
        if (issuer, role) in self.accredited_at:
            raise AlreadyAccredited(issuer)
        self.accredited_at[issuer, role] = now

    def remove_accreditation(self, issuer: str, role: bytes, *, sender: str, now: int) -> None:
        self.authority.require("REGISTRAR", sender)
        self._require_accredited(issuer, role)
        self.accreditation_ended[issuer, role] = now

    def grant(
        self,
        credential_hash: bytes,
        subject: str,
        role: bytes,
        expires_at: int,
        *,
        sender: str,
        now: int,
    ) -> None:
        """Grant a role, or extend the sender's own live grant of it."""
        if not any(credential_hash) or subject == ZERO_ADDRESS:
            raise ZeroValue("credential hash and subject are needed")
        self._require_accredited(sender, role)
        if credential_hash in self.credentials:
            raise CredentialHashUsed(credential_hash.hex())
        if not now < expires_at <= MAX_TIME:
            raise BadExpiry(f"{expires_at} is not after {now}")
        if self.dids.deactivated_at(subject):
            raise SubjectDeactivated(subject)
        current = self.grants.get((subject, role))
        valid_from = now
        if current is not None:
            end = self._end(current, role)
            if now < end:
                if current.issuer != sender:
                    raise GrantedByAnother(current.issuer)
                if expires_at <= current.expires_at:
                    raise NotAnExtension(f"it already lives until {current.expires_at}")
                valid_from = current.valid_from
            elif now < end + REGRANT_DELAY:
                raise RegrantTooSoon(f"not before {end + REGRANT_DELAY}")
        self.grants[subject, role] = Grant(credential_hash, sender, valid_from, expires_at)
        self.credentials[credential_hash] = (subject, role)

    def revoke(self, credential_hash: bytes, *, sender: str, now: int) -> None:
        subject, role = self.credentials.get(credential_hash, (ZERO_ADDRESS, bytes(32)))
        current = self.grants.get((subject, role))
        if current is None or current.credential_hash != credential_hash:
            raise CredentialNotCurrent(credential_hash.hex())
        if sender != current.issuer and not self.authority.holds("REGISTRAR", sender):
            raise AccessManagedUnauthorized(f"{sender} is neither issuer nor registrar")
        if now >= self._end(current, role):
            raise GrantEnded(credential_hash.hex())
        self.grants[subject, role] = replace(current, revoked_at=now)

    def standing(self, subject: str, role: bytes, at: int) -> bool:
        """Whether `subject` held `role` at the second `at`."""
        current = self.grants.get((subject, role))
        if current is None:
            return False
        end = self._end(current, role)
        deactivated = self.dids.deactivated_at(subject)
        if deactivated:
            end = min(end, deactivated)
        return current.valid_from <= at < end

    def _end(self, grant: Grant, role: bytes) -> int:
        ends = (grant.expires_at, grant.revoked_at, self._accreditation_end(grant.issuer, role))
        return min(end for end in ends if end)

    def _accreditation_end(self, issuer: str, role: bytes) -> int:
        return self.accreditation_ended.get((issuer, role), 0)

    def _require_accredited(self, issuer: str, role: bytes) -> None:
        if (issuer, role) not in self.accredited_at or self._accreditation_end(issuer, role):
            raise NotAccredited(issuer)
