"""Data Integrity proofs with the cryptosuite eddsa-jcs-2022 (W3C, Data Integrity EdDSA, 3.3).

What is signed: SHA-256 of the canonical proof options, then SHA-256 of the canonical document
(RFC 8785), 64 bytes together. Numbers with a fraction have no canonical form here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from identity.canonical import canonical_json
from identity.did.multibase import base58_decode, base58_encode
from identity.errors import CredentialError, DidError
from identity.verifiable.keys import Algorithm, SigningKey, VerificationKey
from identity.verifiable.model import CLOCK_SKEW_S, read_time

PROOF_TYPE: Final = "DataIntegrityProof"
CRYPTOSUITE: Final = "eddsa-jcs-2022"
ASSERTION: Final = "assertionMethod"
AUTHENTICATION: Final = "authentication"


def add_proof(
    document: Mapping[str, Any],
    key: SigningKey,
    *,
    created: str,
    purpose: str = ASSERTION,
    challenge: str | None = None,
    domain: str | None = None,
) -> dict[str, Any]:
    """The document with its proof.

    Args:
        created: date-time of XML Schema.
        challenge, domain: a verifier's nonce and name, in proofs of presentations.

    Raises:
        CredentialError: it has a proof already, the key is of another kind, or something in the
            document has no canonical form.
    """
    if "proof" in document:
        raise CredentialError("the document has a proof already")
    if key.algorithm is not Algorithm.EDDSA:
        raise CredentialError(f"{CRYPTOSUITE} needs an Ed25519 key")
    proof: dict[str, Any] = {
        "type": PROOF_TYPE,
        "cryptosuite": CRYPTOSUITE,
        "created": created,
        "verificationMethod": key.verification_method,
        "proofPurpose": purpose,
    }
    if "@context" in document:
        proof["@context"] = document["@context"]
    if challenge is not None:
        proof["challenge"] = challenge
    if domain is not None:
        proof["domain"] = domain
    signature = key.sign(signed_bytes(document, proof))
    return {**document, "proof": {**proof, "proofValue": "z" + base58_encode(signature)}}


def proof_of(document: Mapping[str, Any], purpose: str) -> dict[str, Any]:
    """The one proof of a document. Raises CredentialError: none, several, or of another kind."""
    proof = document.get("proof")
    if not isinstance(proof, dict):
        raise CredentialError("a document has one proof")
    kind = (proof.get("type"), proof.get("cryptosuite"))
    if kind != (PROOF_TYPE, CRYPTOSUITE):
        raise CredentialError(f"a proof of the kind {kind} is not read; use {CRYPTOSUITE}")
    if proof.get("proofPurpose") != purpose:
        raise CredentialError(f"the proof is made for {proof.get('proofPurpose')!r}, not {purpose}")
    if not isinstance(proof.get("verificationMethod"), str):
        raise CredentialError("the proof names no verification method")
    if "previousProof" in proof:
        raise CredentialError("a proof that rests on another one is not read")
    return proof


def check_proof_time(proof: Mapping[str, Any], now: int) -> None:
    """Raises CredentialError for a proof of the future, or one that has expired."""
    created, expires = (read_time(proof, name) for name in ("created", "expires"))
    if created is not None and now + CLOCK_SKEW_S < created:
        raise CredentialError("the proof was not made yet")
    if expires is not None and now - CLOCK_SKEW_S >= expires:
        raise CredentialError("the proof has expired")


def check_proof(
    document: Mapping[str, Any], proof: Mapping[str, Any], key: VerificationKey
) -> None:
    """Raises CredentialError where the proof is not this key's over this document."""
    if key.algorithm is not Algorithm.EDDSA:
        raise CredentialError(f"{CRYPTOSUITE} needs an Ed25519 key")
    value = proof.get("proofValue")
    if not isinstance(value, str) or not value.startswith("z"):
        raise CredentialError("proofValue is not base58btc (z...)")
    context = proof.get("@context")
    if context is not None:
        own = document.get("@context")
        if not isinstance(context, list) or not isinstance(own, list):
            raise CredentialError("@context is a list")
        # The standard lets contexts be added behind the signed ones. Nothing here needs that, and
        # whoever adds one would give a revoked credential another hash.
        if own != context:
            raise CredentialError("the document's contexts are not those of its proof")
    try:
        signature = base58_decode(value[1:])
    except DidError as error:
        raise CredentialError(f"proofValue: {error}") from error
    key.check(signed_bytes(document, proof), signature)


def signed_bytes(document: Mapping[str, Any], proof: Mapping[str, Any]) -> bytes:
    """What a proof signs, 64 bytes. Raises CredentialError where there is no canonical form."""
    options = {name: value for name, value in proof.items() if name != "proofValue"}
    unsecured = {name: value for name, value in document.items() if name != "proof"}
    try:
        return b"".join(
            hashlib.sha256(canonical_json(part)).digest() for part in (options, unsecured)
        )
    except (ValueError, RecursionError) as error:
        raise CredentialError(f"the document has no canonical form: {error}") from error
