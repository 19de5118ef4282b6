"""Changes of identities as requests say them, and answers about them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from identity.did.attribute import (
    VALUE_BYTES_MAX,
    KeyAttribute,
    ServiceAttribute,
    name_word,
)
from identity.did.change import (
    VALIDITY_SECONDS_MAX,
    AddDelegate,
    ChangeController,
    RegistryChange,
    RevokeAttribute,
    RevokeDelegate,
    SetAttribute,
    adding,
    deactivation,
    revoking,
)
from identity.did.ethr import ZERO_ADDRESS
from identity.did.signed_change import LATEST
from identity.errors import DidError
from wattproof.api.fields import Address, Integer, Signature, hex_bytes

_ADDRESS: Final = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"
_KEY: Final = "0x" + "5b" * 32

Validity = Annotated[
    int,
    Field(
        strict=True,
        ge=1,
        le=VALIDITY_SECONDS_MAX,
        examples=[31_536_000],
        description="Seconds from the block that takes it.",
    ),
]
Text = Annotated[str, Field(max_length=2 * VALUE_BYTES_MAX)]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ControllerIn(_In):
    """Hand the identity on. Its new controller alone can change it, or hand it back."""

    change: Literal["controller"]
    controller: Address

    def of(self, identity: str) -> RegistryChange:
        if self.controller == ZERO_ADDRESS:
            raise DidError("the zero address deactivates: ask for the change deactivation")
        return ChangeController(identity, self.controller)


class DeactivationIn(_In):
    """Give the identity up. Final: nobody can undo it."""

    change: Literal["deactivation"]

    def of(self, identity: str) -> RegistryChange:
        return deactivation(identity)


class _Delegate(_In):
    purpose: str = Field(max_length=32, examples=["veriKey"], description="veriKey or sigAuth.")
    delegate: Address


class AddDelegateIn(_Delegate):
    """Let another address speak for the identity: veriKey states, sigAuth signs in too."""

    change: Literal["add_delegate"]
    validity_s: Validity

    def of(self, identity: str) -> RegistryChange:
        return AddDelegate(identity, self.purpose, self.delegate, self.validity_s)


class RevokeDelegateIn(_Delegate):
    """End a delegation."""

    change: Literal["revoke_delegate"]

    def of(self, identity: str) -> RegistryChange:
        return RevokeDelegate(identity, self.purpose, self.delegate)


class _Key(_In):
    algorithm: str = Field(
        max_length=32, examples=["Ed25519"], description="Secp256k1, Ed25519 or X25519."
    )
    purpose: str = Field(
        max_length=32,
        examples=["veriKey"],
        description="veriKey or sigAuth; enc for a key of X25519.",
    )
    public_key: str = Field(
        pattern=r"^0x(?:[0-9a-fA-F]{2})+$", max_length=2 + 2 * 65, examples=[_KEY]
    )
    encoding: str = Field(
        default="hex", max_length=32, description="As the document shows it: hex, base64, base58."
    )

    def _attribute(self) -> KeyAttribute:
        key = hex_bytes(self.public_key)
        return KeyAttribute(self.algorithm, self.purpose, key, self.encoding)


class AddKeyIn(_Key):
    """Put a public key into the document."""

    change: Literal["add_key"]
    validity_s: Validity

    def of(self, identity: str) -> RegistryChange:
        return adding(identity, self._attribute(), self.validity_s)


class RevokeKeyIn(_Key):
    """Take a public key out of the document; named as it was added."""

    change: Literal["revoke_key"]

    def of(self, identity: str) -> RegistryChange:
        return revoking(identity, self._attribute())


class _Service(_In):
    type: str = Field(max_length=64, examples=["Readings"], description="One word.")
    endpoint: Text = Field(examples=["https://meter.example/readings"])


class AddServiceIn(_Service):
    """Put the address of a service into the document."""

    change: Literal["add_service"]
    validity_s: Validity

    def of(self, identity: str) -> RegistryChange:
        return adding(identity, ServiceAttribute(self.type, self.endpoint), self.validity_s)


class RevokeServiceIn(_Service):
    """Take a service out of the document; named as it was added."""

    change: Literal["revoke_service"]

    def of(self, identity: str) -> RegistryChange:
        return revoking(identity, ServiceAttribute(self.type, self.endpoint))


class _Attribute(_In):
    name: str = Field(
        max_length=66,
        examples=["colour"],
        description="Up to 32 bytes of UTF-8; to revoke, also 32 bytes in hex.",
    )
    value: str = Field(
        pattern=r"^0x(?:[0-9a-fA-F]{2})*$",
        max_length=2 + 2 * VALUE_BYTES_MAX,
        examples=["0x677265656e"],
    )


class SetAttributeIn(_Attribute):
    """Set any other attribute; no resolver shows it."""

    change: Literal["set_attribute"]
    validity_s: Validity

    def of(self, identity: str) -> RegistryChange:
        return SetAttribute(identity, name_word(self.name), hex_bytes(self.value), self.validity_s)


class RevokeAttributeIn(_Attribute):
    """Take back any attribute, also one that was set elsewhere."""

    change: Literal["revoke_attribute"]

    def of(self, identity: str) -> RegistryChange:
        in_hex = len(self.name) == 66 and self.name.startswith("0x")
        try:
            name = bytes.fromhex(self.name[2:]) if in_hex else name_word(self.name)
        except ValueError as error:
            raise DidError(f"{self.name!r} is not the name of an attribute") from error
        return RevokeAttribute(identity, name, hex_bytes(self.value))


ChangeIn = Annotated[
    ControllerIn
    | DeactivationIn
    | AddDelegateIn
    | RevokeDelegateIn
    | AddKeyIn
    | RevokeKeyIn
    | AddServiceIn
    | RevokeServiceIn
    | SetAttributeIn
    | RevokeAttributeIn,
    Field(discriminator="change"),
]
_KEY_EXAMPLE: Final[JsonDict] = {
    "change": "add_key",
    "algorithm": "Ed25519",
    "purpose": "veriKey",
    "public_key": _KEY,
    "validity_s": 31_536_000,
}


class ChangeRequest(_In):
    """A change to carry out in the controller's own transaction."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"change": _KEY_EXAMPLE}}
    )

    change: ChangeIn


class ProposalRequest(ChangeRequest):
    """A change to sign."""

    valid_for_s: int = Field(
        default=3_600,
        strict=True,
        ge=120,
        le=86_400,
        description="Until the signature's deadline. Keep it short: until then anybody who has "
        "the signature can use it.",
    )


class SignedChangeIn(ChangeRequest):
    """A change with the controller's signature."""

    nonce: int = Field(strict=True, ge=0, lt=LATEST, examples=[0])
    deadline: int = Field(
        strict=True, ge=0, lt=LATEST, examples=[1_800_000_000], description="Seconds, UTC."
    )
    signature: Signature


class ProposalOut(BaseModel):
    """What the controller signs (``eth_signTypedData_v4``)."""

    controller: str = Field(description="Whose signature it takes.")
    nonce: int
    deadline: int = Field(description="Seconds, UTC; the last second that is in time.")
    digest: str
    typed_data: dict[str, Any]


class ControlOut(BaseModel):
    """Who controls an identity, read from the registry in one block."""

    address: str
    did: str
    controller: str | None = Field(description="Null once it is deactivated.")
    nonce: int = Field(description="Of the controller's next signed change, of any identity.")
    deactivated_at: datetime | None
    changed_block: int | None = Field(description="Block of the last change.")
    block: int


class PastChangeOut(BaseModel):
    """A change that the registry logged."""

    block: int
    log_index: int
    time: datetime
    transaction_hash: str
    what: str = Field(
        description="controller, deactivation, delegate, key, service or attribute",
        examples=["key"],
    )
    revokes: bool = Field(description="Whether it took away what it names.")
    valid_to: Integer | None = Field(description="Seconds, UTC, excluded.")
    details: dict[str, Any] = Field(
        examples=[{"algorithm": "Ed25519", "purpose": "veriKey", "public_key": _KEY}]
    )
