"""Whether a credential holds, check by check, for somebody who wants to see each.

`Verifier` stops at the first thing that does not hold; here every check is made that still can be.
A check that could not be made (a list or an accreditation that nobody answers for) has failed:
nothing good is concluded from silence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from identity.errors import CredentialError
from identity.verifiable import data_integrity, jose, jws, schema, sd_jwt
from identity.verifiable.data_integrity import ASSERTION, AUTHENTICATION
from identity.verifiable.keys import VerificationKey
from identity.verifiable.model import check_validity
from identity.verifiable.received import Form, Received
from identity.verifiable.verifier import Verifier

AccreditedFor = Callable[[str, str], bool]
"""Whether an issuer (DID) may issue credentials that name a role; raises CredentialError."""

_TYPES: Final = {Form.JWT: jose.CREDENTIAL_TYPE, Form.TOKEN: sd_jwt.TYPE}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold.

    Attributes:
        detail: what was found; where it failed, what does not hold.
    """

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What a verifier wants the holder's proof to name; None for what it does not care about."""

    audience: str | None = None
    nonce: str | None = None


def check(
    received: Received,
    verifier: Verifier,
    accredited: AccreditedFor,
    *,
    whole: bool = False,
    expected: Expected | None = None,
) -> list[Check]:
    """Make every check; a credential holds where all passed.

    Args:
        whole: whether all of its claims must be there, as when an issuer hands it over.
        expected: for a token that its holder bound to a verifier.
    """
    checks = [
        _made("schema", lambda: _claims(received, whole)),
        _made("signature", lambda: _signature(received, verifier)),
        _made("time", lambda: _time(received, verifier.now)),
        _made("accreditation", lambda: _issuer(received, accredited)),
        _made("status", lambda: _status(received, verifier)),
    ]
    if received.binding is not None or expected is not None:
        checks.append(_made("holder", lambda: _holder(received, verifier, expected or Expected())))
    return checks


def holds(checks: list[Check]) -> bool:
    """Whether every check passed."""
    return all(check.passed for check in checks)


def _made(name: str, make: Callable[[], str]) -> Check:
    try:
        return Check(name, True, make())
    except CredentialError as error:
        return Check(name, False, str(error))


def check_claims(received: Received, *, whole: bool) -> None:
    """Hold a credential to the schema of its kind. Raises CredentialError."""
    if isinstance(received.secured, dict) or received.form is Form.JWT:
        schema.check_document(received.kind, received.document())
    else:
        schema.check_claims(received.kind, received.claims, complete=whole)


def _claims(received: Received, whole: bool) -> str:
    check_claims(received, whole=whole)
    return f"as {received.kind.schema_id} has them"


def _signature(received: Received, verifier: Verifier) -> str:
    method, check_with = signed_by(received)
    check_with(verifier.key(method, received.issuer, ASSERTION))
    return f"by {method}"


def signed_by(received: Received) -> tuple[str, Callable[[VerificationKey], None]]:
    """Whose signature it claims to be (DID URL of a key), and what checks it with that key.

    Raises:
        CredentialError: it carries no such signature.
    """
    if isinstance(received.secured, dict):
        document = received.secured
        proof = data_integrity.proof_of(document, ASSERTION)
        method = str(proof["verificationMethod"])
        return method, lambda key: data_integrity.check_proof(document, proof, key)
    text, typ = received.secured, _TYPES[received.form]
    token = jws.parse(sd_jwt.parse(text).token if received.form is Form.TOKEN else text)
    return token.key_id, lambda key: token.check(key, typ)


def _time(received: Received, now: int) -> str:
    check_validity(received.valid_from, received.valid_until, now)
    return received.validity()


def _issuer(received: Received, accredited: AccreditedFor) -> str:
    role = received.claims.get("role")
    if not isinstance(role, str) or role not in received.kind.roles:
        raise CredentialError(f"a {received.kind.name} credential does not name the role {role!r}")
    if not accredited(received.issuer, role):
        raise CredentialError(f"{received.issuer} is not accredited for {role}")
    return f"{received.issuer}, for {role}"


def _status(received: Received, verifier: Verifier) -> str:
    if not received.statuses:
        return "cannot be revoked, only expire"
    verifier.check_status(received.document(), received.issuer)
    return "not " + " and not ".join(
        {"revocation": "revoked", "suspension": "suspended"}[entry.purpose]
        for entry in received.statuses
    )


def _holder(received: Received, verifier: Verifier, expected: Expected) -> str:
    method = received.holder_key
    if received.binding is None or method is None or isinstance(received.secured, dict):
        raise CredentialError("the holder's proof is missing")
    holder = method.partition("#")[0]
    binding = jws.parse(received.binding)
    binding.check(verifier.key(method, holder, AUTHENTICATION), sd_jwt.BINDING_TYPE)
    shown = sd_jwt.parse(received.secured)
    wanted = {"aud": expected.audience, "nonce": expected.nonce, "sd_hash": shown.digest}
    for name, value in wanted.items():
        if value is not None and binding.payload.get(name) != value:
            raise CredentialError(f"the holder's proof is for another {name}")
    return f"{holder} showed it to {binding.payload.get('aud')!r}"
