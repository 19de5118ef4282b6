"""The kinds of credentials that markets know, and what each is called where it is used.

A credential of a kind is a document of Verifiable Credentials 2.0 of its own type, or a token with
disclosures of its own ``vct``; `identity/verifiable/schemas` says what it may claim. Who may issue
it is asked of the chain: its issuer must be accredited for the role that the credential names. So
the role is always shown; everything else is shown where its holder wants it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from identity.errors import CredentialError

_VCT: Final = "urn:wattproof:credential:"
_SCHEMA: Final = "urn:wattproof:schema:"
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of credential.

    Attributes:
        name: such as ``ev_owner``.
        type: of a document of Verifiable Credentials 2.0.
        roles: those on the chain that it may name; an issuer is accredited for each by itself.
        shown: claims that a token with disclosures always shows.
        hidden: claims that it shows where its holder wants.
    """

    name: str
    type: str
    roles: tuple[str, ...]
    hidden: frozenset[str]
    shown: frozenset[str] = frozenset({"role"})

    @property
    def vct(self) -> str:
        """Type of a token with disclosures (SD-JWT VC)."""
        return f"{_VCT}{self.name}"

    @property
    def schema_id(self) -> str:
        """``$id`` of its JSON Schema, which ships with this package and is never fetched."""
        return f"{_SCHEMA}{self.name}:{_VERSION}"

    @property
    def claims(self) -> frozenset[str]:
        """Everything that it may claim of its subject."""
        return self.shown | self.hidden


_ALL: Final = (
    Kind(
        "participant",
        "ParticipantCredential",
        ("prosumer", "supplier"),
        frozenset({"zone", "jurisdiction", "legal_name", "connection_capacity_w"}),
    ),
    Kind(
        "ev_owner",
        "EvOwnerCredential",
        ("ev_owner",),
        frozenset(
            {
                "zone",
                "jurisdiction",
                "battery_capacity_wh",
                "charging_power_w",
                "discharging_power_w",
            }
        ),
    ),
    Kind(
        "meter",
        "MeterCredential",
        ("meter",),
        frozenset(
            {
                "device",
                "carrier",
                "capacity_w",
                "zone",
                "jurisdiction",
                "serial_number",
                "accuracy_class",
                "verified_until",
            }
        ),
    ),
    Kind(
        "renewable_device",
        "RenewableDeviceCredential",
        ("renewable_device",),
        frozenset(
            {"device", "technology", "capacity_w", "zone", "jurisdiction", "commissioned_on"}
        ),
    ),
    Kind(
        "producer",
        "ProducerCredential",
        ("producer",),
        frozenset(
            {"licence_number", "jurisdiction", "zone", "legal_name", "technologies", "capacity_w"}
        ),
    ),
    Kind(
        "dispatcher",
        "DispatcherCredential",
        ("dispatcher",),
        frozenset({"zone", "jurisdiction", "licence_number", "employer"}),
    ),
    Kind(
        "analyst",
        "AnalystCredential",
        ("analyst",),
        frozenset({"jurisdiction", "licence_number", "employer"}),
    ),
    Kind(
        "regulator",
        "RegulatorCredential",
        ("regulator",),
        frozenset({"mandate"}),
        shown=frozenset({"role", "jurisdiction", "authority"}),
    ),
)

KINDS: Final[Mapping[str, Kind]] = MappingProxyType({kind.name: kind for kind in _ALL})
"""By name."""


def kind_named(name: str) -> Kind:
    """Raises CredentialError: there is no such kind."""
    if name not in KINDS:
        raise CredentialError(f"there is no kind {name!r}; there are {', '.join(KINDS)}")
    return KINDS[name]


def kind_of(types: frozenset[str]) -> Kind:
    """The kind of a credential by its types, or by the one ``vct`` of a token with disclosures.

    Raises:
        CredentialError: of no kind, or of several.
    """
    found = [kind for kind in _ALL if kind.type in types or kind.vct in types]
    if len(found) != 1:
        said = ", ".join(sorted(types))
        raise CredentialError(f"{said} is not the type of one kind of credential known here")
    return found[0]
