"""Reading a profile: its owner, a regulator, or whom its owner let.

Every reading by another is written down for the owner before anything is answered. Whoever may not
read gets one answer, whether or not there is such an account: it is found out before anything
about the account is looked at.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlmodel import Session, col, select

from identity import did
from identity.trust import Policy, Topic, TopicProfile, evaluate, sha256_of
from wattproof.auth.scopes import Principal, Scope, entitled
from wattproof.errors import InvalidError, NotFoundError
from wattproof.runtime import Platform
from wattproof.trust import consents, holdings, indexed
from wattproof.trust.consents import HISTORY, TOPICS
from wattproof.trust.holdings import Holding
from wattproof.trust.models import ProfileConsentRow, ProfileReadingRow
from wattproof.trust.track_record import LedgerStatement

VERSION: Final = 1
KIND: Final = "wattproof-trusted-profile"


@dataclass(frozen=True, slots=True)
class Profile:
    """What was read: topics that were asked for, and the history where it was.

    Attributes:
        checked_at: when the credentials were verified, seconds.
        held: every credential, those that do not count too; for the owner alone.
    """

    account: str
    subject: str
    checked_at: int
    policy: Policy
    topics: tuple[TopicProfile, ...]
    history: LedgerStatement | None
    held: tuple[Holding, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """With the hash of everything else in it."""
        body: dict[str, Any] = {
            "kind": KIND,
            "version": VERSION,
            "account": self.account,
            "subject": self.subject,
            "checked_at": self.checked_at,
            "topics": [each.to_json() for each in self.topics],
            "history": None if self.history is None else self.history.to_json(),
        }
        return body | {"sha256": sha256_of(body)}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asks to read.

    Attributes:
        topics: None for all that may be read.
        purpose: in words; the owner needs none.
    """

    topics: tuple[str, ...] | None = None
    purpose: str = ""
    policy: Policy = Policy()  # noqa: RUF009 - frozen


def read(platform: Platform, reader: Principal, owner: str, wanted: Wanted) -> Profile:
    """The profile of an account, for somebody who may read it.

    Args:
        owner: checksum address.

    Raises:
        NotFoundError: the reader may not read it, or there is nothing; which, is not said.
        InvalidError: a regulator names no purpose.
        UnavailableError: the chain does not answer, or nothing is indexed yet.
    """
    if reader.address == owner:
        return compile_profile(platform, owner, wanted.topics or TOPICS, wanted.policy)
    if Scope.REGULATOR in reader.scopes and _still_regulator(platform, reader.address):
        if not wanted.purpose.strip():
            raise InvalidError("say what you read it for: purpose", code="purpose_missing")
        topics = wanted.topics or TOPICS
        consent = None
    else:
        consent = _consent(platform, reader.address, owner, wanted)
        topics = wanted.topics or tuple(consent.topics)
    profile = compile_profile(platform, owner, topics, wanted.policy)
    with platform.transaction() as session:
        if consent is not None and not _stands(session, consent.id):
            raise _refusal()
        _write_down(session, reader.address, owner, wanted.purpose, topics, consent, profile)
    return Profile(
        profile.account,
        profile.subject,
        profile.checked_at,
        profile.policy,
        profile.topics,
        profile.history,
    )


def compile_profile(
    platform: Platform, owner: str, topics: Sequence[str], policy: Policy
) -> Profile:
    """The profile itself, whoever asks. Raises UnavailableError."""
    of_credentials = [Topic(name) for name in topics if name != HISTORY]
    found = holdings.holdings(platform, owner) if of_credentials else None
    return Profile(
        account=owner,
        subject=str(did.of(owner, platform.deployment.chain_id)),
        checked_at=platform.clock.now(),
        policy=policy,
        topics=()
        if found is None
        else tuple(
            each for each in evaluate(found.attestations, policy) if each.topic in of_credentials
        ),
        history=indexed.stated(platform, owner) if HISTORY in topics else None,
        held=() if found is None else found.listed,
    )


def readings(
    session: Session, owner: str, *, before: int | None, limit: int
) -> Sequence[ProfileReadingRow]:
    """Who read an owner's profile, newest first."""
    query = select(ProfileReadingRow).where(ProfileReadingRow.owner == owner)
    if before is not None:
        query = query.where(col(ProfileReadingRow.id) < before)
    return session.exec(query.order_by(col(ProfileReadingRow.id).desc()).limit(limit)).all()


def _still_regulator(platform: Platform, address: str) -> bool:
    """A session outlives a role by minutes; reading somebody's profile does not."""
    return Scope.REGULATOR in entitled(platform, address, {Scope.REGULATOR})


def _consent(platform: Platform, reader: str, owner: str, wanted: Wanted) -> ProfileConsentRow:
    with platform.transaction() as session:
        row = consents.allowing(
            session, owner, reader, wanted.purpose, wanted.topics, now=int(time.time())
        )
    if row is None:
        raise _refusal()
    return row


def _stands(session: Session, consent: str) -> bool:
    """Whether it was not revoked in the meantime; locks it until the reading is written down."""
    row = session.get(ProfileConsentRow, consent, with_for_update=True)
    return row is not None and row.revoked_at is None and row.ends_at > int(time.time())


def _refusal() -> NotFoundError:
    return NotFoundError("there is no profile here that you may read for this purpose")


def _write_down(
    session: Session,
    reader: str,
    owner: str,
    purpose: str,
    topics: Sequence[str],
    consent: ProfileConsentRow | None,
    profile: Profile,
) -> None:
    said = profile.to_json()
    history = profile.history
    session.add(
        ProfileReadingRow(
            owner=owner,
            reader=reader,
            consent=None if consent is None else consent.id,
            purpose=purpose,
            topics=sorted(topics),
            read_at=int(time.time()),
            block=0 if history is None else history.at.number,
            sha256=said["sha256"],
        )
    )
