"""What a profile speaks about, which claims of which credentials, and how many issuers it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from identity.errors import CredentialError

MOST_ISSUERS: Final = 16
"""A quorum is at most this, and no more issuers of a topic are looked at."""


class Topic(StrEnum):
    """A question about a holder that credentials answer."""

    IDENTITY = "identity"
    CAPACITY = "capacity"
    METERING = "metering"
    GREEN_PRODUCTION = "green_production"
    LICENCE = "licence"


CLAIMS: Final[Mapping[Topic, Mapping[str, frozenset[str]]]] = MappingProxyType(
    {
        Topic.IDENTITY: {
            "participant": frozenset({"legal_name", "jurisdiction", "zone"}),
            "ev_owner": frozenset({"jurisdiction", "zone"}),
            "producer": frozenset({"legal_name", "jurisdiction", "zone"}),
        },
        Topic.CAPACITY: {
            "participant": frozenset({"connection_capacity_w"}),
            "ev_owner": frozenset(
                {"battery_capacity_wh", "charging_power_w", "discharging_power_w"}
            ),
            "renewable_device": frozenset({"capacity_w"}),
            "producer": frozenset({"capacity_w"}),
        },
        Topic.METERING: {
            "meter": frozenset(
                {
                    "device",
                    "carrier",
                    "capacity_w",
                    "zone",
                    "serial_number",
                    "accuracy_class",
                    "verified_until",
                }
            ),
        },
        Topic.GREEN_PRODUCTION: {
            "renewable_device": frozenset({"device", "technology", "zone", "commissioned_on"}),
            "producer": frozenset({"technologies"}),
        },
        Topic.LICENCE: {
            "producer": frozenset({"licence_number", "jurisdiction"}),
            "dispatcher": frozenset({"licence_number", "jurisdiction", "zone", "employer"}),
            "analyst": frozenset({"licence_number", "jurisdiction", "employer"}),
            "regulator": frozenset({"authority", "jurisdiction", "mandate"}),
        },
    }
)
"""By topic and kind of credential, the claims that speak about it. A credential of a kind that
shows none of them says nothing of the topic. That somebody has two roles is no contradiction, so
the role is not among them."""

ABOUT: Final = "device"
"""The claim that says which thing a credential is about, where it is not the holder itself."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How many independent issuers make a topic trusted; no issuer weighs more than another.

    Raises:
        CredentialError: a quorum below 1 or above `MOST_ISSUERS`.
    """

    quorums: Mapping[Topic, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for topic, quorum in self.quorums.items():
            if not 1 <= quorum <= MOST_ISSUERS:
                raise CredentialError(f"the quorum of {topic} is 1 to {MOST_ISSUERS}, not {quorum}")

    def quorum(self, topic: Topic) -> int:
        """Of a topic that the policy does not name: that of the default policy."""
        return self.quorums.get(topic, DEFAULT_POLICY.quorums[topic])


DEFAULT_POLICY: Final = Policy(
    {
        Topic.IDENTITY: 2,
        Topic.CAPACITY: 2,
        Topic.METERING: 2,
        Topic.GREEN_PRODUCTION: 2,
        Topic.LICENCE: 1,  # one authority licenses: there is no second one to ask
    }
)
