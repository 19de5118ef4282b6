"""Two independent issuers certify the same people: tokens, status lists, grants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from identity.roles import role_id
from identity.verifiable import jose
from identity.verifiable.issuing import Draft, as_token, content_hash
from identity.verifiable.kinds import kind_named
from identity.verifiable.model import date_time
from identity.verifiable.status_list import REVOCATION, StatusEntry, StatusList, list_credential
from wattproof.accounts import service as accounts
from wattproof.credentials import status_lists
from wattproof.credentials.status_lists import ListName
from wattproof.demo.cast import Member
from wattproof.demo.identity.people import ROLE, did_of, key_of
from wattproof.demo.stage import Stage

ZONE = "10Y1001A1001A82H"
"""The bidding zone of Germany and Luxembourg, by its Energy Identification Code."""
_DAY_S = 86_400
_VALID_S = 365 * _DAY_S
_LIST_VALID_S = 7 * _DAY_S


@dataclass(frozen=True, slots=True)
class Certified:
    """A credential that an issuer gave to somebody.

    Attributes:
        token: with all its disclosures, for the holder alone.
        hash: what the chain holds of it, 32 bytes.
    """

    issuer: Member
    holder: Member
    token: str
    hash: bytes
    entry: StatusEntry
    list_number: int


def certify(stage: Stage, issuer: Member, holders: Iterable[Member]) -> Mapping[str, Certified]:
    """Credentials of participants, by the holder's address; then the list that says they stand."""
    given = {holder.address: _certified(stage, issuer, holder) for holder in holders}
    publish(stage, issuer, given.values(), revoked=())
    return given


def publish(
    stage: Stage, issuer: Member, given: Iterable[Certified], revoked: Iterable[Certified]
) -> None:
    """The issuer signs its lists and has them published; ``revoked`` no longer stand."""
    platform = stage.platform
    lists = {each.list_number: each.entry.list_url for each in given}
    now = stage.now()
    for number, url in lists.items():
        bits = StatusList()
        bits.set([each.entry.index for each in revoked if each.list_number == number])
        document = list_credential(
            url,
            did_of(stage, issuer),
            bits,
            purpose=REVOCATION,
            valid_from=date_time(now),
            valid_until=date_time(now + _LIST_VALID_S),
        )
        signed = jose.secure(document, key_of(stage, issuer))
        with platform.transaction() as session:
            status_lists.host(
                platform, session, ListName(issuer.address, REVOCATION, number), signed
            )


def grant(stage: Stage, given: Iterable[Certified]) -> None:
    """The issuers open the market to their holders, each by its own transaction."""
    expires_at = stage.now() + _VALID_S
    for each in given:
        call = accounts.unsigned(
            stage.platform,
            "grant a role",
            "CredentialRegistry",
            "grant",
            each.hash,
            each.holder.address,
            role_id(ROLE),
            expires_at,
        )
        stage.queue(each.issuer.address, call)
    stage.rest()


def revoke(stage: Stage, given: Iterable[Certified], revoked: Certified) -> None:
    """The issuer takes one credential back: on its list, and on the chain."""
    publish(stage, revoked.issuer, given, revoked=(revoked,))
    call = accounts.unsigned(
        stage.platform, "revoke a role", "CredentialRegistry", "revoke", revoked.hash
    )
    stage.transact(revoked.issuer.address, call)


def _certified(stage: Stage, issuer: Member, holder: Member) -> Certified:
    platform = stage.platform
    with platform.transaction() as session:
        allotted = status_lists.allot(platform, session, issuer.address)
    now = stage.now()
    draft = Draft(
        kind=kind_named("participant"),
        issuer=did_of(stage, issuer),
        subject=did_of(stage, holder),
        claims={
            "role": ROLE,
            "zone": ZONE,
            "jurisdiction": "DE",
            "legal_name": f"{holder.name} Mustermann",
            "connection_capacity_w": 12_000,
        },
        valid_from=now,
        valid_until=now + _VALID_S,
        statuses=(allotted.entry,),
    )
    token = str(as_token(draft, key_of(stage, issuer), now=now))
    return Certified(issuer, holder, token, content_hash(token), allotted.entry, allotted.number)
