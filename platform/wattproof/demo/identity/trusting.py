"""Two certificates and a settled day become a profile, which its owner lets one reader see."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from identity.trust import Topic, TopicState
from wattproof.auth.scopes import Principal, Scope
from wattproof.demo.cast import Member
from wattproof.demo.identity.certifying import Certified
from wattproof.demo.stage import Stage
from wattproof.errors import WattproofError
from wattproof.trust import consents, holdings, reading, replayed
from wattproof.trust.consents import HISTORY
from wattproof.trust.reading import Wanted

_HOUR_S = 3_600
_PURPOSE = "a loan for a battery"


@dataclass(frozen=True, slots=True)
class Trusted:
    """What a reader with consent saw, and what others were answered.

    Attributes:
        with_one: how the topic of identity stood with the first certificate alone.
        with_both: with the certificates of both issuers.
        from_index, from_node: the ledger half of the profile, as canonical bytes.
        sold_wh, delivered_wh: of the owner, as the profile says.
        refused: by who asked, the answer; empty where there was something to read.
        readings: readers that the owner finds in her records.
    """

    with_one: TopicState
    with_both: TopicState
    from_index: bytes
    from_node: bytes
    sold_wh: int
    delivered_wh: int
    refused: dict[str, str]
    readings: tuple[str, ...]


def trust(
    stage: Stage,
    owner: Member,
    certified: Sequence[Certified],
    reader: Member,
    stranger: Member,
    regulator: Member,
) -> Trusted:
    """Ada collects her certificates, lets her bank read, and takes it back."""
    platform = stage.platform
    states = []
    for each in certified:
        row = holdings.put_in(platform, owner.address, each.token)
        with platform.transaction() as session:
            holdings.store(session, row)
        states.append(_identity(stage, owner))
    now = int(time.time())  # what is said to the platform alone goes by its clock, not the chain's
    consent = consents.drafted(
        owner.address,
        reader.address,
        _PURPOSE,
        (Topic.IDENTITY, HISTORY),
        now=now,
        ends_at=now + _HOUR_S,
    )
    with platform.transaction() as session:
        given = consents.give(platform, session, consent, now=now).id
    wanted = Wanted(purpose=_PURPOSE)
    read = reading.read(platform, _caller(stage, reader), owner.address, wanted)
    assert read.history is not None  # the consent is for it
    seen = read.history
    from_node = replayed.stated(
        platform.chain.rpc_url, platform.deployment, owner.address, block=seen.at.number
    )
    reading.read(platform, _caller(stage, regulator, Scope.REGULATOR), owner.address, wanted)
    refused = {"a stranger": _refusal(stage, stranger, owner.address, wanted)}
    refused["somebody who asks for an account that is none"] = _refusal(
        stage, stranger, stranger.address[:-4] + "0000", wanted
    )
    with platform.transaction() as session:
        consents.revoke(session, owner.address, given, now=now)
    refused["the bank, after the consent was taken back"] = _refusal(
        stage, reader, owner.address, wanted
    )
    with platform.transaction() as session:
        rows = reading.readings(session, owner.address, before=None, limit=100)
        readers = tuple(row.reader for row in rows)
    figures = [
        carrier
        for market in seen.record.markets
        for window in market.windows
        if window.periods is None
        for carrier in window.carriers
    ]
    return Trusted(
        with_one=states[0],
        with_both=states[-1],
        from_index=seen.to_bytes(),
        from_node=from_node.to_bytes(),
        sold_wh=sum(each.sold_wh for each in figures),
        delivered_wh=sum(each.delivered_wh for each in figures),
        refused=refused,
        readings=readers,
    )


def _identity(stage: Stage, owner: Member) -> TopicState:
    own = reading.read(stage.platform, _caller(stage, owner), owner.address, Wanted())
    (topic,) = [each for each in own.topics if each.topic is Topic.IDENTITY]
    return topic.state


def _caller(stage: Stage, member: Member, *scopes: Scope) -> Principal:
    """Somebody who signed in."""
    asked = frozenset({Scope.PARTICIPANT, *scopes})
    return Principal(member.address, asked, stage.now() + _HOUR_S)


def _refusal(stage: Stage, reader: Member, owner: str, wanted: Wanted) -> str:
    try:
        reading.read(stage.platform, _caller(stage, reader), owner, wanted)
    except WattproofError as error:
        return error.message
    return ""
