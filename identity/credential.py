"""Role credentials: who may do what in a market, said and signed by an accredited issuer.

The document follows the W3C data model of verifiable credentials; the chain holds its hash alone
(keccak-256 of the canonical JSON of the document without its proof), with subject, role and times.
Each document has a random id: nobody finds out what its claims say by hashing guesses.
The proof is EIP-712 typed data (domain "Wattproof" version 1, the chain id and the
CredentialRegistry): ``RoleCredential(bytes32 credential,address subject,bytes32 role,uint64
validFrom,uint64 expiresAt)``, signed by the issuer's key.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from eth_account.messages import _hash_eip191_message, encode_typed_data
from eth_utils.crypto import keccak

from identity import did
from identity.canonical import canonical_json
from identity.errors import CredentialError, IdentityError
from identity.roles import role_id
from identity.signature import recover, sign_digest

_CONTEXT: Final = "https://www.w3.org/ns/credentials/v2"
_TYPES: Final = ("VerifiableCredential", "WattproofRoleCredential")
_PROOF_TYPE: Final = "EthereumEip712Signature2021"
_STRUCT: Final = {
    "RoleCredential": [
        {"name": "credential", "type": "bytes32"},
        {"name": "subject", "type": "address"},
        {"name": "role", "type": "bytes32"},
        {"name": "validFrom", "type": "uint64"},
        {"name": "expiresAt", "type": "uint64"},
    ]
}
_LATEST: Final = 253_402_300_800  # the first second of the year 10000


@dataclass(frozen=True, slots=True)
class CredentialDomain:
    """Where a credential counts: a chain and its CredentialRegistry."""

    chain_id: int
    registry: str


@dataclass(frozen=True, slots=True)
class RoleCredential:
    """What an issuer says of a subject.

    Attributes:
        issuer, subject: did:ethr identifiers.
        role: name of the role, such as ``ev_owner``.
        valid_from, expires_at: seconds, UTC; ``expires_at`` is excluded.
        claims: further claims, values of canonical JSON; no key ``id`` or ``role``.
        id: random; empty in documents of before ids were given, whose hash can be guessed.
    """

    issuer: did.EthrDid
    subject: did.EthrDid
    role: str
    valid_from: int
    expires_at: int
    claims: Mapping[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=lambda: uuid.uuid4().urn)

    def __post_init__(self) -> None:
        if not self.role:
            raise CredentialError("the role is empty")
        if not 0 <= self.valid_from < self.expires_at < _LATEST:
            raise CredentialError("a credential must expire after it begins")
        if self.issuer.chain_id != self.subject.chain_id:
            raise CredentialError("issuer and subject are on different chains")
        for taken in ("id", "role"):
            if taken in self.claims:
                raise CredentialError(f"a claim cannot be called {taken!r}")

    def document(self) -> dict[str, Any]:
        """The credential without a proof."""
        return {
            "@context": [_CONTEXT],
            **({"id": self.id} if self.id else {}),
            "type": list(_TYPES),
            "issuer": str(self.issuer),
            "validFrom": _iso(self.valid_from),
            "validUntil": _iso(self.expires_at),
            "credentialSubject": {
                "id": str(self.subject),
                "role": self.role,
                **self.claims,
            },
        }

    def hash(self) -> bytes:
        """The hash that the chain holds, 32 bytes. Raises CredentialError."""
        try:
            return bytes(keccak(canonical_json(self.document())))
        except (ValueError, RecursionError) as error:
            raise CredentialError(f"a claim has no canonical form: {error}") from error

    def digest(self, domain: CredentialDomain) -> bytes:
        """What the issuer signs (EIP-712), 32 bytes."""
        message = encode_typed_data(
            domain_data={
                "name": "Wattproof",
                "version": "1",
                "chainId": domain.chain_id,
                "verifyingContract": domain.registry,
            },
            message_types=_STRUCT,
            message_data={
                "credential": self.hash(),
                "subject": self.subject.address,
                "role": role_id(self.role),
                "validFrom": self.valid_from,
                "expiresAt": self.expires_at,
            },
        )
        return bytes(_hash_eip191_message(message))


def issue(
    credential: RoleCredential, domain: CredentialDomain, issuer_key: bytes
) -> dict[str, Any]:
    """The credential's document with the issuer's proof."""
    signature = sign_digest(credential.digest(domain), issuer_key)
    return credential.document() | {
        "proof": {
            "type": _PROOF_TYPE,
            "proofPurpose": "assertionMethod",
            "verificationMethod": f"{credential.issuer}#controller",
            "chainId": domain.chain_id,
            "verifyingContract": domain.registry,
            "proofValue": "0x" + signature.hex(),
        }
    }


def verify(document: Mapping[str, Any], domain: CredentialDomain) -> RoleCredential:
    """Read a signed credential and check its proof.

    Only the signature is checked: whether it stands (accredited issuer, not revoked, in time) is
    for the registry to say.

    Raises:
        CredentialError: malformed, for another chain or registry, or not signed by its issuer.
    """
    credential, proof = _read(document)
    if proof.get("chainId") != domain.chain_id or proof.get("verifyingContract") != domain.registry:
        raise CredentialError("the credential was signed for another chain or registry")
    try:
        signature = bytes.fromhex(str(proof.get("proofValue", "")).removeprefix("0x"))
        signer = recover(credential.digest(domain), signature)
    except CredentialError:
        raise
    except ValueError as error:
        raise CredentialError(f"the proof is no signature: {error}") from error
    if signer != credential.issuer.address:
        raise CredentialError(
            f"the credential names {credential.issuer}, but another key signed it"
        )
    return credential


def _read(document: Mapping[str, Any]) -> tuple[RoleCredential, Mapping[str, Any]]:
    try:
        subject = dict(document["credentialSubject"])
        credential = RoleCredential(
            issuer=did.parse(document["issuer"]),
            subject=did.parse(subject.pop("id")),
            role=subject.pop("role"),
            valid_from=_seconds(document["validFrom"]),
            expires_at=_seconds(document["validUntil"]),
            claims=subject,
            id=_id(document),
        )
        proof = document["proof"]
        if not isinstance(proof, Mapping) or proof.get("type") != _PROOF_TYPE:
            raise CredentialError(f"the proof is not of type {_PROOF_TYPE}")
    except IdentityError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CredentialError(f"the credential is malformed: {error!r}") from error
    if credential.document() != {key: document[key] for key in document if key != "proof"}:
        raise CredentialError("the credential has fields that its proof does not cover")
    return credential, proof


def _id(document: Mapping[str, Any]) -> str:
    if "id" not in document:
        return ""
    if not isinstance(document["id"], str) or not document["id"]:
        raise CredentialError("the credential's id is no text")
    return document["id"]


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _seconds(text: str) -> int:
    moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return int(moment.timestamp())
