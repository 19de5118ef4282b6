"""The credentials in a profile: those issued here to its owner, and those it put in itself.

A meter's or a generating device's credential is about the device; it belongs to the account that
the meter registry has for it. Each is verified anew whenever the profile is read; one that does not
hold then attests nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlmodel import Session, col, select

from identity.did import Wanted
from identity.errors import CredentialError
from identity.trust import Attestation, Parties
from identity.verifiable.received import Received
from identity.verifiable.verifier import Secured
from wattproof.credentials.checks import Outcome
from wattproof.credentials.issuers import address_of
from wattproof.credentials.models import IssuedRow
from wattproof.credentials.verification import anchor, examine
from wattproof.errors import InvalidError, NotFoundError, RefusedError
from wattproof.identities import service as identities
from wattproof.meters.models import DeviceRow
from wattproof.runtime import Platform
from wattproof.trust.models import ProfileCredentialRow

_MOST: Final = 32
"""Credentials that an owner puts in; each costs questions to the chain."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A credential in a profile, and what keeps it from counting; empty where it counts."""

    credential_hash: str
    kind: str
    issuer: str
    put_in: bool
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Holdings:
    """All credentials in a profile, and what those that hold attest."""

    listed: tuple[Holding, ...]
    attestations: tuple[Attestation, ...]


def holdings(platform: Platform, owner: str) -> Holdings:
    """Verify every credential in a profile now. Raises UnavailableError."""
    parties = _parties(platform)
    listed, attested = [], []
    for secured, held in _stored(platform, owner):
        try:
            credential = _holding(platform, owner, secured)
            attested.append(_attestation(platform, parties, credential))
        except CredentialError as error:
            held = Holding(held.credential_hash, held.kind, held.issuer, held.put_in, str(error))
        listed.append(held)
    return Holdings(tuple(listed), tuple(attested))


def put_in(platform: Platform, owner: str, secured: Secured) -> ProfileCredentialRow:
    """A row for a credential that holds and is about the owner; not stored yet.

    Raises:
        InvalidError: it does not hold, or is about somebody else; says why.
    """
    try:
        credential = _holding(platform, owner, secured)
        _attestation(platform, _parties(platform), credential)
    except CredentialError as error:
        raise InvalidError(str(error), code="credential_refused") from error
    return ProfileCredentialRow(
        owner=owner,
        credential_hash="0x" + credential.hash.hex(),
        kind=credential.kind.name,
        issuer=credential.issuer,
        secured=secured if isinstance(secured, str) else json.dumps(secured),
        added_at=platform.clock.now(),
    )


def store(session: Session, row: ProfileCredentialRow) -> None:
    """Keep a credential; again changes nothing but what is shown of it. Raises RefusedError."""
    known = session.get(ProfileCredentialRow, (row.owner, row.credential_hash))
    if known is None and len(_own(session, row.owner)) >= _MOST:
        raise RefusedError(f"a profile takes at most {_MOST} credentials; take some out")
    session.merge(row)


def take_out(session: Session, owner: str, credential_hash: str) -> None:
    """Raises NotFoundError."""
    row = session.get(ProfileCredentialRow, (owner, credential_hash))
    if row is None:
        raise NotFoundError(f"you put no credential {credential_hash} into your profile")
    session.delete(row)


def _stored(platform: Platform, owner: str) -> Iterator[tuple[Secured, Holding]]:
    with platform.transaction() as session:
        own = _own(session, owner)
        issued = session.exec(
            select(IssuedRow).where(
                col(IssuedRow.address).in_(_subjects(session, owner)),
                col(IssuedRow.jwt).is_not(None),
                IssuedRow.expires_at > platform.clock.now(),
            )
        ).all()
    yielded = set()
    for put in own:
        yielded.add(put.credential_hash)
        text = put.secured
        secured: Secured = json.loads(text) if text.startswith("{") else text
        yield secured, Holding(put.credential_hash, put.kind, put.issuer, put_in=True)
    for row in issued:
        if row.credential_hash not in yielded and row.jwt is not None:
            yield row.jwt, Holding(row.credential_hash, row.kind, row.issuer, put_in=False)


def _subjects(session: Session, owner: str) -> list[str]:
    """Addresses that credentials in the profile may be about: the owner, and its meters."""
    meters = session.exec(select(DeviceRow.device).where(DeviceRow.account == owner)).all()
    return [owner, *sorted(meters)]


def _own(session: Session, owner: str) -> Sequence[ProfileCredentialRow]:
    return session.exec(
        select(ProfileCredentialRow)
        .where(ProfileCredentialRow.owner == owner)
        .order_by(col(ProfileCredentialRow.credential_hash))
    ).all()


def _holding(platform: Platform, owner: str, secured: Secured) -> Received:
    """A credential that holds now and is the owner's. Raises CredentialError."""
    examined = examine(platform, secured)
    for found in examined.report.found():
        if found.outcome is Outcome.FAILS:
            raise CredentialError(f"{found.check}: {found.why}")
    credential = examined.credential
    if credential is None or not examined.report.holds:
        raise CredentialError("it was not checked to the end")
    with platform.transaction() as session:
        subjects = _subjects(session, owner)
    for name in {credential.holder, credential.subject} - {None}:
        if address_of(platform, str(name)) not in subjects:
            raise CredentialError(f"it is about {name}, not about {owner} or a meter of it")
    return credential


def _parties(platform: Platform) -> Parties:
    """Who stands behind issuers, with the organisations that the registrar knows them to be of."""
    named = platform.settings.issuer_organisations
    return Parties(identities.resolver(platform), organisations=named)


def _attestation(platform: Platform, parties: Parties, credential: Received) -> Attestation:
    block = anchor(platform, credential.hash)
    return Attestation(
        issuer=credential.issuer,
        parties=parties.of(
            credential.issuer, signed=None if block is None else Wanted(version_id=str(block))
        ),
        kind=credential.kind.name,
        credential="0x" + credential.hash.hex(),
        valid_until=credential.valid_until,
        claims=credential.claims,
    )
