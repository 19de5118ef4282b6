"""Trusted profiles: what others attest of a participant and what its history shows, by consent."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import JSONResponse
from sqlmodel import Session

from identity.errors import CredentialError
from identity.trust import Consent, Policy, Topic
from wattproof.api.access import Anyone, Participant, PlatformDep, require_session
from wattproof.api.fields import Address, Hash, hex_bytes
from wattproof.api.idempotency import Write
from wattproof.api.pagination import Cursor, Limit, Page, decode, page
from wattproof.api.problems import responses
from wattproof.api.profile_shapes import (
    PURPOSE,
    ConsentOut,
    ConsentTemplate,
    ConsentWish,
    CredentialIn,
    HoldingOut,
    ProfileOut,
    ProfileTokenOut,
    ReadingOut,
    SignedConsent,
    SignedFields,
    TopicName,
    consent_out,
    holding_out,
    profile_out,
    reading_out,
    token_out,
)
from wattproof.errors import InvalidError
from wattproof.trust import consents, holdings, reading, token
from wattproof.trust.holdings import Holding

router = APIRouter(prefix="/profiles", tags=["profiles"])

AddressPath = Annotated[Address, Path()]
HashPath = Annotated[Hash, Path()]
_OWN = responses(401, 403, 422, 503)


# -- the owner's own -------------------------------------------------------------------------------


@router.get("/me/consents", responses=_OWN)
def my_consents(
    principal: Participant, platform: PlatformDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[ConsentOut]:
    """The consents you gave, newest first, those that ended too."""
    key = decode(cursor, [int, str])
    with platform.transaction() as session:
        rows, following = page(
            consents.given(
                session,
                principal.address,
                after=(int(key[0]), str(key[1])) if key else None,
                limit=limit + 1,
            ),
            limit,
            lambda row: [row.issued_at, row.id],
        )
        now = int(time.time())
        return Page(items=[consent_out(row, now) for row in rows], next_cursor=following)


@router.post("/me/consents", status_code=201, responses=_OWN)
def give_consent(
    body: ConsentWish, principal: Participant, platform: PlatformDep, write: Write
) -> JSONResponse:
    """Let somebody read chosen topics of your profile, for one purpose, until an end.

    The topic `history` is your record on the ledger. An API key gives no consent
    (`session_needed`): whoever steals it must not open your profile to anybody.
    """
    require_session(principal)

    def change(session: Session) -> ConsentOut:
        now = int(time.time())
        wish = _drafted(principal.address, body, now)
        return consent_out(consents.give(platform, session, wish, now=now), now)

    return write.once(change, status=201)


@router.delete("/me/consents/{consent}", responses=responses(401, 403, 404, 422, 503))
def revoke_consent(consent: HashPath, principal: Participant, platform: PlatformDep) -> ConsentOut:
    """End a consent at once, and for good."""
    now = int(time.time())
    with platform.transaction() as session:
        return consent_out(consents.revoke(session, principal.address, consent, now=now), now)


@router.get("/me/readings", responses=_OWN)
def my_readings(
    principal: Participant, platform: PlatformDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[ReadingOut]:
    """Who read your profile, newest first: every reading by somebody else, regulators' too."""
    key = decode(cursor, [int])
    with platform.transaction() as session:
        rows, following = page(
            reading.readings(
                session, principal.address, before=int(key[0]) if key else None, limit=limit + 1
            ),
            limit,
            lambda row: [row.id or 0],
        )
        return Page(items=[reading_out(row) for row in rows], next_cursor=following)


@router.post("/me/credentials", status_code=201, response_model=HoldingOut, responses=_OWN)
def put_credential_in(
    body: CredentialIn, principal: Participant, platform: PlatformDep
) -> HoldingOut:
    """Put a credential into your profile, so that it counts there while it holds.

    What was issued to you here is in it already. Refused with `credential_refused`, which says what
    does not hold.
    """
    row = holdings.put_in(platform, principal.address, body.credential)
    held = Holding(row.credential_hash, row.kind, row.issuer, put_in=True)
    with platform.transaction() as session:
        holdings.store(session, row)
    return holding_out(held)


@router.delete(
    "/me/credentials/{credential}", status_code=204, responses=responses(401, 403, 404, 422, 503)
)
def take_credential_out(
    credential: HashPath, principal: Participant, platform: PlatformDep
) -> Response:
    """Take a credential out of your profile that you had put in."""
    with platform.transaction() as session:
        holdings.take_out(session, principal.address, credential)
    return Response(status_code=204)


@router.post("/me/token", responses=_OWN)
def take_profile_along(principal: Participant, platform: PlatformDep) -> ProfileTokenOut:
    """Your whole profile as a token (SD-JWT VC) of which you show what you want; good for a day.

    It is bound to the key that controls your DID: whoever checks it sees that you show it.
    """
    return token_out(token.issue(platform, principal.address))


# -- signed consents, and reading ------------------------------------------------------------------


@router.post("/{address}/consents/template", responses=responses(401, 403, 422, 503))
def consent_to_sign(
    address: AddressPath, body: ConsentWish, principal: Participant, platform: PlatformDep
) -> ConsentTemplate:
    """Typed data of a consent for an owner to sign, whoever hands it in afterwards."""
    wish = _drafted(address, body, int(time.time()))
    return ConsentTemplate(
        consent=SignedFields(
            audience=wish.audience,
            purpose=wish.purpose,
            topics=sorted(set(body.topics)),
            issued_at=wish.issued_at,
            ends_at=wish.ends_at,
            nonce="0x" + wish.nonce.hex(),
        ),
        typed_data=wish.typed_data(consents.domain(platform)),
    )


@router.post(
    "/{address}/consents",
    status_code=201,
    responses=responses(401, 403, 409, 422, 503),
)
def hand_consent_in(
    address: AddressPath,
    body: SignedConsent,
    principal: Participant,
    platform: PlatformDep,
    write: Write,
) -> JSONResponse:
    """Hand in a consent that an owner signed, within fifteen minutes.

    Handed in again it gives the same answer while it stands; once revoked it is never taken again
    (`consent_used`). Refused with `consent_refused` where the signature is not the owner's.
    """
    given = body.consent
    consent = consents.read(
        address,
        given.audience,
        given.purpose,
        given.topics,
        given.issued_at,
        given.ends_at,
        hex_bytes(given.nonce),
    )
    now, signature = int(time.time()), hex_bytes(body.signature)
    consents.check_signature(platform, consent, signature, now=now)

    def change(session: Session) -> ConsentOut:
        row = consents.hand_in(platform, session, consent, signature, now=now)
        return consent_out(row, now)

    return write.once(change, status=201)


@router.get("/{address}", responses=responses(401, 403, 404, 422, 503))
def read_profile(
    address: AddressPath,
    principal: Anyone,
    platform: PlatformDep,
    topics: Annotated[
        list[TopicName] | None,
        Query(max_length=6, description="Which topics; all that you may read without it."),
    ] = None,
    purpose: Annotated[
        str,
        Query(
            max_length=200,
            pattern=f"^$|{PURPOSE}",
            description="What you read it for; the owner needs none.",
        ),
    ] = "",
    quorum: Annotated[
        list[str] | None,
        Query(
            max_length=5,
            description="Your own quorums, such as `capacity:3`; else the standard policy.",
        ),
    ] = None,
) -> ProfileOut:
    """A participant's trusted profile: for its owner, a regulator, or by the owner's consent.

    Every reading by another is written down for the owner. Whoever may not read gets 404, whether
    or not there is such a participant.
    """
    wanted = reading.Wanted(
        topics=None if topics is None else tuple(sorted(set(topics))),
        purpose=purpose,
        policy=_policy(quorum or []),
    )
    return profile_out(reading.read(platform, principal, address, wanted))


def _drafted(owner: str, wish: ConsentWish, now: int) -> Consent:
    ends = wish.ends_at if wish.ends_at.tzinfo is not None else wish.ends_at.replace(tzinfo=UTC)
    topics = sorted(set(wish.topics))
    return consents.drafted(
        owner, wish.audience, wish.purpose, topics, now=now, ends_at=_seconds(ends)
    )


def _seconds(moment: datetime) -> int:
    try:
        return int(moment.timestamp())
    except (OverflowError, ValueError) as error:
        raise InvalidError("ends_at is no time that a consent ends at") from error


def _policy(quorums: list[str]) -> Policy:
    """Raises InvalidError."""
    found = {}
    for text in quorums:
        name, _, number = text.partition(":")
        if name not in set(Topic) or not (number.isascii() and number.isdigit()):
            raise InvalidError(f"{ascii(text)[:60]} is no quorum such as capacity:3")
        found[Topic(name)] = int(number[:6])
    try:
        return Policy(found)
    except CredentialError as error:
        raise InvalidError(str(error)) from error
