"""What independent issuers attest of a holder.

Only credentials that were verified now come in here: an expired, revoked or unaccredited one counts
nothing, because it never becomes an `Attestation`. Where issuers contradict each other about one
thing every value is shown with who says it, and the topic is `conflicting`, however many agree:
whoever reads it decides, no average does.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from identity.canonical import canonical_json
from identity.errors import CredentialError
from identity.trust.independence import independent
from identity.trust.topics import ABOUT, CLAIMS, Policy, Topic

HOLDER: Final = "holder"
"""What a claim is about that names no device."""


class TopicState(StrEnum):
    """Whether a topic can be relied on."""

    MET = "met"
    SHORT = "short"
    CONFLICTING = "conflicting"


@dataclass(frozen=True, slots=True)
class Attestation:
    """A credential that holds now.

    Attributes:
        issuer: its DID.
        parties: who stands behind the issuer (`Parties.of`).
        kind: name of the kind of credential.
        credential: hash by which it is told apart from others, 0x-hex.
        valid_until: seconds; None where it does not end.
        claims: as far as the holder showed them.
    """

    issuer: str
    parties: frozenset[str]
    kind: str
    credential: str
    valid_until: int | None
    claims: Mapping[str, Any]

    def __post_init__(self) -> None:
        try:
            canonical_json(dict(self.claims))
        except (ValueError, RecursionError) as error:
            raise CredentialError(f"a claim has no canonical form: {error}") from error

    def about(self) -> str:
        """Which thing it speaks of: a device by its address in lower case, or the holder."""
        return str(self.claims[ABOUT]).lower() if ABOUT in self.claims else HOLDER

    def shown(self, topic: Topic) -> dict[str, Any]:
        """Its claims about a topic; empty where it says nothing of it."""
        wanted = CLAIMS[topic].get(self.kind, frozenset())
        return {name: _plain(name, value) for name, value in self.claims.items() if name in wanted}


@dataclass(frozen=True, slots=True)
class StatedValue:
    """A value, who says so, and how many independent issuers these are."""

    value: Any
    issuers: tuple[str, ...]
    independent: int


@dataclass(frozen=True, slots=True)
class ClaimOfTopic:
    """One claim about one thing, with every value that somebody states.

    A topic's quorum may come from issuers who each state something else; `met` says that a quorum
    states this very claim.
    """

    kind: str
    about: str
    name: str
    quorum: int
    values: tuple[StatedValue, ...]

    @property
    def met(self) -> bool:
        """Whether a quorum of independent issuers states it, and nobody anything else."""
        return not self.conflicting and self.values[0].independent >= self.quorum

    @property
    def conflicting(self) -> bool:
        """Whether issuers contradict each other."""
        return len(self.values) > 1


@dataclass(frozen=True, slots=True)
class TopicProfile:
    """A topic: `independent` issuers of a `quorum`, and what they say.

    `related` are pairs of issuers that do not count as two: they share a key, an owner or an
    organisation.
    """

    topic: Topic
    quorum: int
    independent: int
    issuers: tuple[str, ...]
    related: tuple[tuple[str, str], ...]
    credentials: tuple[str, ...]
    valid_until: int | None
    claims: tuple[ClaimOfTopic, ...]

    @property
    def state(self) -> TopicState:
        """A contradiction outweighs a quorum."""
        if any(claim.conflicting for claim in self.claims):
            return TopicState.CONFLICTING
        return TopicState.MET if self.independent >= self.quorum else TopicState.SHORT

    def to_json(self) -> dict[str, Any]:
        """Plain values in one order."""
        return {
            "topic": self.topic.value,
            "state": self.state.value,
            "quorum": self.quorum,
            "independent": self.independent,
            "issuers": list(self.issuers),
            "related": [list(pair) for pair in self.related],
            "credentials": list(self.credentials),
            "valid_until": self.valid_until,
            "claims": [
                {
                    "kind": claim.kind,
                    "about": claim.about,
                    "name": claim.name,
                    "met": claim.met,
                    "conflicting": claim.conflicting,
                    "values": [
                        {
                            "value": stated.value,
                            "issuers": list(stated.issuers),
                            "independent": stated.independent,
                        }
                        for stated in claim.values
                    ],
                }
                for claim in self.claims
            ],
        }


def evaluate(attestations: Iterable[Attestation], policy: Policy) -> tuple[TopicProfile, ...]:
    """Every topic, in the order of `Topic`; attestations may come in any order."""
    given = sorted(attestations, key=lambda each: (each.issuer, each.credential, each.kind))
    return tuple(_topic(topic, given, policy.quorum(topic)) for topic in Topic)


def _topic(topic: Topic, given: Sequence[Attestation], quorum: int) -> TopicProfile:
    speaking = [each for each in given if each.shown(topic)]
    ends = [each.valid_until for each in speaking if each.valid_until is not None]
    return TopicProfile(
        topic=topic,
        quorum=quorum,
        independent=independent(each.parties for each in speaking),
        issuers=tuple(sorted({each.issuer for each in speaking})),
        related=_related(speaking),
        credentials=tuple(sorted({each.credential for each in speaking})),
        valid_until=min(ends, default=None),
        claims=_claims(topic, speaking, quorum),
    )


def _related(speaking: Sequence[Attestation]) -> tuple[tuple[str, str], ...]:
    pairs = {
        (one.issuer, other.issuer)
        for one in speaking
        for other in speaking
        if one.issuer < other.issuer and one.parties & other.parties
    }
    return tuple(sorted(pairs))


def _claims(topic: Topic, speaking: Sequence[Attestation], quorum: int) -> tuple[ClaimOfTopic, ...]:
    stated: defaultdict[tuple[str, str, str], defaultdict[bytes, list[Attestation]]]
    stated = defaultdict(lambda: defaultdict(list))
    for each in speaking:
        for name, value in each.shown(topic).items():
            place = each.kind, each.about(), name
            stated[place][canonical_json(value)].append(each)
    return tuple(
        ClaimOfTopic(
            kind,
            about,
            name,
            quorum,
            tuple(
                StatedValue(
                    value=json.loads(value),
                    issuers=tuple(sorted({each.issuer for each in saying})),
                    independent=independent(each.parties for each in saying),
                )
                for value, saying in sorted(stated[kind, about, name].items())
            ),
        )
        for kind, about, name in sorted(stated)
    )


def _plain(name: str, value: Any) -> Any:
    """A value so written that the same statement is the same text: lists are sets here."""
    if name == ABOUT:
        return str(value).lower()
    return sorted(value, key=canonical_json) if isinstance(value, list) else value
