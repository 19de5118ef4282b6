"""Verifying a credential of any issuer, against the chain and the status lists published here.

Whose key: the issuer's document names it now, or named it when the credential's hash was put on the
chain. Nobody can date a hash back, so a key that was rotated speaks for what it signed before, and
a stolen old key for nothing new.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from identity.did import Wanted
from identity.errors import CredentialError
from identity.roles import role_id
from identity.verifiable import received
from identity.verifiable.checking import check_claims, signed_by
from identity.verifiable.data_integrity import ASSERTION
from identity.verifiable.keys import VerificationKey
from identity.verifiable.model import check_validity
from identity.verifiable.received import Received
from identity.verifiable.verifier import Secured, Verifier
from wattproof.credentials import status_lists
from wattproof.credentials.checks import Check, Report
from wattproof.credentials.issuers import address_of, is_accredited
from wattproof.errors import NotFoundError
from wattproof.identities import service as identities
from wattproof.runtime import Platform


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found; `credential` is None where its form cannot be read."""

    report: Report
    credential: Received | None


def verifier(platform: Platform) -> Verifier:
    """Resolves DIDs from the chain and reads the status lists that are published here.

    It takes every issuer for accredited: `examine` asks the chain, for the very role.
    """

    def fetch(url: str) -> Secured | None:
        with platform.transaction() as session:
            name = status_lists.at(session, url)
            try:
                return status_lists.published(platform, session, name).token if name else None
            except NotFoundError:
                return None

    resolver = identities.resolver(platform)
    return Verifier(resolver, lambda *_: True, fetch, platform.clock.now())


def examine(platform: Platform, secured: Secured) -> Examined:
    """Make every check that can be made; see `Check`.

    Raises:
        UnavailableError: the chain does not answer.
    """
    report = Report()
    credential = report.make(Check.FORM, lambda: read(secured))
    if credential is None:
        return Examined(report, None)
    checking = verifier(platform)
    report.make(Check.SCHEMA, lambda: check_claims(credential, whole=False))
    _check_signature(platform, report, checking, credential)
    report.make(
        Check.TIME,
        lambda: check_validity(credential.valid_from, credential.valid_until, checking.now),
    )
    report.make(Check.ACCREDITATION, lambda: _check_accreditation(platform, credential))
    report.make(Check.SUBJECT, lambda: _check_subject(checking, credential))
    granted = report.make(Check.GRANT, lambda: _is_granted(platform, credential, checking.now))
    if granted is False:
        report.note(Check.GRANT, "nothing of it is on the chain; its status list alone counts")
    report.make(Check.STATUS, lambda: _check_status(checking, credential, bool(granted)))
    return Examined(report, credential)


def read(secured: Secured) -> Received:
    """A credential of a kind known here, in any form. Raises CredentialError."""
    try:
        return received.read(
            secured if isinstance(secured, str) else json.dumps(secured, allow_nan=False)
        )
    except CredentialError:
        raise
    except (ValueError, RecursionError) as error:
        raise CredentialError(f"this is no credential: {error}") from error


def _check_signature(
    platform: Platform, report: Report, checking: Verifier, credential: Received
) -> None:
    key = report.make(Check.ISSUER_KEY, lambda: _issuer_key(platform, report, checking, credential))
    if key is not None:
        _, check_with = signed_by(credential)
        report.make(Check.SIGNATURE, lambda: check_with(key))


def _issuer_key(
    platform: Platform, report: Report, checking: Verifier, credential: Received
) -> VerificationKey:
    """The key that stands now, or stood when the credential came onto the chain."""
    method, _ = signed_by(credential)
    block = anchor(platform, credential.hash)
    if block is None:
        return checking.key(method, credential.issuer, ASSERTION)
    key = checking.key(method, credential.issuer, ASSERTION, at=Wanted(version_id=str(block)))
    report.note(Check.ISSUER_KEY, "the one that stood when the credential came onto the chain")
    return key


def anchor(platform: Platform, credential_hash: bytes) -> int | None:
    """The block that put a credential's hash on the chain; None where none did."""
    topic = "0x" + credential_hash.hex()
    chain = platform.chain
    logs = chain.request(
        "eth_getLogs",
        {
            "fromBlock": hex(chain.deployment.first_block),
            "toBlock": "latest",
            "address": chain.address("CredentialRegistry"),
            "topics": [None, topic],
        },
    )
    interface = chain.interfaces["CredentialRegistry"]
    for log in logs:
        event = interface.decode_log(log)
        if event is not None and event.name == "Granted":
            return event.block_number
    return None


def _check_accreditation(platform: Platform, credential: Received) -> None:
    role = _role(credential)
    issuer = address_of(platform, credential.issuer)
    if issuer is None:
        raise CredentialError(f"{credential.issuer} is no did:ethr of this chain")
    subject = credential.subject or credential.holder
    if subject is None or address_of(platform, subject) == issuer:
        raise CredentialError("nobody certifies itself")
    if not is_accredited(platform, issuer, role):
        raise CredentialError(f"{credential.issuer} is not accredited for {role} (any more)")


def _role(credential: Received) -> str:
    role = credential.claims.get("role")
    if not isinstance(role, str) or role not in credential.kind.roles:
        raise CredentialError(f"{role!r} is no role of a {credential.kind.type}")
    return role


def _check_subject(checking: Verifier, credential: Received) -> None:
    for name in {credential.subject, credential.holder} - {None}:
        resolution = checking.resolver.resolve(str(name))
        if resolution.document is None:
            raise CredentialError(f"{name} cannot be resolved: {resolution.message}")
        if resolution.deactivated:
            raise CredentialError(f"{name} was deactivated")


def _check_status(checking: Verifier, credential: Received, granted: bool) -> None:
    if not credential.statuses and not granted:
        raise CredentialError("it names no status list and is on no chain: nobody could end it")
    checking.check_status(credential.document(), credential.issuer)


def _is_granted(platform: Platform, credential: Received, now: int) -> bool:
    """Whether it, or the role that it names, was granted on the chain by its issuer.

    Raises:
        CredentialError: it was, and that grant stands no longer.
    """
    role, chain = _role(credential), platform.chain
    holder = address_of(platform, credential.subject or credential.holder or "")
    subject, granted_role = chain.call("CredentialRegistry", "credentialOf", credential.hash)
    known = int(subject, 16) != 0
    if known and (subject != holder or granted_role != role_id(role)):
        raise CredentialError("the chain has it for another subject or role")
    if holder is None:
        return False
    moment = max(now, chain.head().timestamp)
    grant, stands = chain.call_many(
        [
            ("CredentialRegistry", "grantOf", (holder, role_id(role))),
            ("CredentialRegistry", "standing", (holder, role_id(role), moment)),
        ]
    )
    if known and grant["credentialHash"] != credential.hash:
        raise CredentialError("a newer credential of this role has taken its place")
    if not known and grant["issuer"] != address_of(platform, credential.issuer):
        return False
    if not stands:
        raise CredentialError("the role that its issuer granted on the chain has ended")
    return True
