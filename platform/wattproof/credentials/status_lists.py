"""Status lists: indexes given out at random, lists published, the platform's own signed anew.

An independent issuer gets indexes here, keeps its bits and signs its lists itself; the platform
hosts what it signed and takes nothing that would undo a revocation. The platform's own lists are
signed anew whenever a bit changes, and before they run out.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from identity import did
from identity.errors import CredentialError
from identity.verifiable import jose, jws
from identity.verifiable.model import CLOCK_SKEW_S, Credential, date_time
from identity.verifiable.status_list import (
    LEAST_BITS,
    LIST_CREDENTIAL_TYPE,
    LIST_TYPE,
    REVOCATION,
    SUSPENSION,
    StatusEntry,
    StatusList,
    list_credential,
)
from identity.verifiable.verifier import Verifier
from wattproof.credentials.checks import sentence
from wattproof.credentials.issuers import Issuer, own_issuer
from wattproof.credentials.models import StatusEntryRow, StatusListRow
from wattproof.errors import ConflictError, InvalidError, NotFoundError
from wattproof.gateway.keys import Role
from wattproof.identities import service as identities
from wattproof.runtime import Platform

PURPOSES: Final = (REVOCATION, SUSPENSION)
LIFETIME_S: Final = 86_400
"""How long a list of the platform's own holds; it is signed anew after half of it."""
LONGEST_LIFETIME_S: Final = 31 * 86_400
"""Of a list that another issuer publishes here."""
MOST_ENTRIES: Final = LEAST_BITS // 2
"""Of one list: so that a random index is found at once, and nobody can tell a full list's order."""
_ATTEMPTS: Final = 64


@dataclass(frozen=True, slots=True)
class ListName:
    """Which list: address of its issuer, purpose, number from 1 on."""

    issuer: str
    purpose: str
    number: int


# -- giving out ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Allotted:
    """An index of an issuer's list, and how a credential names it."""

    number: int
    entry: StatusEntry


def allot(platform: Platform, session: Session, issuer: str, purpose: str = REVOCATION) -> Allotted:
    """Give an issuer an index that nobody has, at random.

    Args:
        issuer: checksum address; that it is accredited is the caller's to check.
    """
    row = _open_list(platform, session, issuer, purpose)
    for _ in range(_ATTEMPTS):
        position = secrets.randbelow(LEAST_BITS)
        key = (issuer, purpose, row.number, position)
        if session.get(StatusEntryRow, key) is not None:
            continue
        session.add(
            StatusEntryRow(issuer=issuer, purpose=purpose, number=row.number, position=position)
        )
        row.entries += 1
        session.add(row)
        session.flush()
        return Allotted(row.number, StatusEntry(row.url, position, purpose))
    raise AssertionError("half of the list is free")  # 64 tries in vain: once in 10^19


def _open_list(platform: Platform, session: Session, issuer: str, purpose: str) -> StatusListRow:
    """The issuer's list that takes entries, locked."""
    newest = session.exec(
        select(StatusListRow)
        .where(StatusListRow.issuer == issuer, StatusListRow.purpose == purpose)
        .order_by(col(StatusListRow.number).desc())
        .with_for_update()
    ).first()
    number = 1 if newest is None else newest.number
    url = _url(platform, issuer, purpose, number)
    if newest is not None:
        if newest.entries < MOST_ENTRIES and newest.url == url:
            return newest
        # Full, or the installation moved: what was issued before keeps its list's old address.
        number += 1
        url = _url(platform, issuer, purpose, number)
    try:
        with session.begin_nested():
            row = StatusListRow(issuer=issuer, purpose=purpose, number=number, url=url)
            session.add(row)
    except IntegrityError:
        # Somebody else opened it at the same moment.
        return _locked(session, ListName(issuer, purpose, number))
    return row


def _url(platform: Platform, issuer: str, purpose: str, number: int) -> str:
    base = platform.settings.public_address
    return f"{base}/status-lists/{issuer}/{purpose}/{number}"


def _locked(session: Session, name: ListName) -> StatusListRow:
    return session.get_one(
        StatusListRow,
        (name.issuer, name.purpose, name.number),
        with_for_update=True,
        populate_existing=True,
    )


# -- the platform's own ----------------------------------------------------------------------------


def set_bits(
    platform: Platform, session: Session, name: ListName, positions: Collection[int]
) -> None:
    """Set bits of one of the platform's own lists and sign the list anew.

    Raises:
        MisconfiguredError: the platform's issuer cannot sign.
    """
    row = _locked(session, name)
    for position in positions:
        key = (name.issuer, name.purpose, name.number, position)
        entry = session.get_one(StatusEntryRow, key)
        entry.is_set = True
        session.add(entry)
    session.flush()
    _sign(platform, session, row, own_issuer(platform))


def _sign(platform: Platform, session: Session, row: StatusListRow, issuer: Issuer) -> None:
    bits = StatusList()
    bits.set(
        session.exec(
            select(StatusEntryRow.position).where(
                StatusEntryRow.issuer == row.issuer,
                StatusEntryRow.purpose == row.purpose,
                StatusEntryRow.number == row.number,
                col(StatusEntryRow.is_set),
            )
        ).all()
    )
    now = platform.clock.now()
    row.valid_from, row.valid_until = max(now, row.valid_from), now + LIFETIME_S
    document = list_credential(
        row.url,
        issuer.did,
        bits,
        purpose=row.purpose,
        valid_from=date_time(row.valid_from),
        valid_until=date_time(row.valid_until),
    )
    row.token = jose.secure(document, issuer.key)
    session.add(row)


def at(session: Session, url: str) -> ListName | None:
    """The list that is called so; None for one that is not published here."""
    row = session.exec(select(StatusListRow).where(StatusListRow.url == url)).first()
    return None if row is None else ListName(row.issuer, row.purpose, row.number)


def published(platform: Platform, session: Session, name: ListName) -> StatusListRow:
    """A list as its issuer signed it; the platform's own is signed anew where that is due.

    Raises:
        NotFoundError: there is no such list, or its issuer has not published it.
    """
    row = session.get(StatusListRow, (name.issuer, name.purpose, name.number))
    if row is not None and _is_own(platform, name.issuer) and _is_due(platform, row):
        row = _locked(session, name)
        if _is_due(platform, row):
            _sign(platform, session, row, own_issuer(platform))
    if row is None or row.token is None:
        raise NotFoundError(f"{name.issuer} has published no such status list")
    return row


def _is_due(platform: Platform, row: StatusListRow) -> bool:
    return row.token is None or row.valid_until - platform.clock.now() < LIFETIME_S // 2


# -- other issuers' --------------------------------------------------------------------------------


def host(platform: Platform, session: Session, name: ListName, token: str) -> StatusListRow:
    """Publish a list that its issuer signed.

    Raises:
        NotFoundError: no index of such a list was ever given out.
        InvalidError: not signed by its issuer, or not a list such as this one must be.
        ConflictError: the platform's own list, one that is not newer than what is published, or
            one that undoes a revocation.
    """
    if _is_own(platform, name.issuer):
        raise ConflictError("the platform signs its own lists by itself", code="own_list")
    row = session.get(StatusListRow, (name.issuer, name.purpose, name.number))
    if row is None:
        raise NotFoundError(f"{name.issuer} was given no entry of such a list; ask for one first")
    try:
        listed = _verified(platform, token)
        bits = _checked(platform, name, row.url, listed)
    except CredentialError as error:
        raise InvalidError(sentence(error), code="bad_status_list") from error
    assert listed.valid_from is not None
    assert listed.valid_until is not None
    row = _locked(session, name)
    if row.token == token:
        return row
    if row.token is not None:
        if listed.valid_from <= row.valid_from:
            raise ConflictError(
                f"a list from {date_time(row.valid_from)} is published; sign a newer one",
                code="not_newer",
            )
        if name.purpose == REVOCATION:
            _refuse_undoing(row.token, bits)
    row.token, row.valid_from, row.valid_until = token, listed.valid_from, listed.valid_until
    session.add(row)
    return row


def _verified(platform: Platform, token: str) -> Credential:
    """The list's credential, its signature checked against its issuer's present document."""
    verifier = Verifier(
        identities.resolver(platform), lambda *_: True, lambda _: None, platform.clock.now()
    )
    if "~" in token:
        raise CredentialError("a status list is published as vc+jwt")
    return verifier.credential(token)


def _checked(platform: Platform, name: ListName, url: str, listed: Credential) -> StatusList:
    issuer = str(did.of(name.issuer, platform.deployment.chain_id))
    claims, now = listed.claims, platform.clock.now()
    if LIST_CREDENTIAL_TYPE not in listed.types or claims.get("type") != LIST_TYPE:
        raise CredentialError(f"it is no {LIST_CREDENTIAL_TYPE}")
    if listed.issuer != issuer:
        raise CredentialError(f"the list is not signed by {issuer}")
    if listed.document.get("id") != url:
        raise CredentialError(f"the list must be called by its address, {url}")
    if claims.get("statusPurpose") != name.purpose:
        raise CredentialError(f"the list's purpose is not {name.purpose}")
    if listed.valid_from is None or listed.valid_until is None:
        raise CredentialError("the list must say from when until when it holds")
    if listed.valid_from > now + CLOCK_SKEW_S:
        raise CredentialError("the list does not hold yet")
    if listed.valid_until - listed.valid_from > LONGEST_LIFETIME_S:
        raise CredentialError(f"a list holds for {LONGEST_LIFETIME_S // 86_400} days at most")
    encoded = claims.get("encodedList")
    if not isinstance(encoded, str):
        raise CredentialError("the list has no encodedList")
    bits = StatusList.decoded(encoded)
    if len(bits) != LEAST_BITS:
        raise CredentialError(f"a list here has {LEAST_BITS} entries, not {len(bits)}")
    return bits


def _refuse_undoing(published_token: str, bits: StatusList) -> None:
    subject = jose.document_of(jws.parse(published_token))["credentialSubject"]
    if not bits.keeps(StatusList.decoded(subject["encodedList"])):
        raise ConflictError(
            "the list clears a bit that is set in the published one: a revocation is for good",
            code="revocation_undone",
        )


def _is_own(platform: Platform, issuer: str) -> bool:
    return platform.keys.holds(Role.ISSUER) and issuer == platform.keys.address(Role.ISSUER)
