"""What can be changed about an ERC-1056 identity.

A change says what is to happen. Who carries it out, the controller's own transaction or a stranger
with the controller's signature (`identity.did.signed_change`), is another matter. Fields come in
the order of the registry's functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final

from eth_utils.address import is_checksum_address

from identity.did.attribute import (
    NAME_BYTES,
    SIGNING,
    VALUE_BYTES_MAX,
    Attribute,
    name_text,
    name_word,
    read_attribute,
)
from identity.did.ethr import ZERO_ADDRESS
from identity.errors import DidError

VALIDITY_SECONDS_MAX: Final = 100 * 365 * 86_400

Field = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ChangeController:
    """Hands the identity on; `deactivation` makes the one that ends it for good.

    Attributes:
        identity, controller: checksum addresses.
    """

    function: ClassVar[str] = "changeOwner"
    struct: ClassVar[str] = "ChangeOwner"
    fields: ClassVar[tuple[Field, ...]] = (("newOwner", "address"),)

    identity: str
    controller: str

    def __post_init__(self) -> None:
        _addresses(self.identity, self.controller)

    @property
    def values(self) -> tuple[Any, ...]:
        return (self.controller,)

    @property
    def deactivates(self) -> bool:
        """Whether nothing can be changed afterwards."""
        return self.controller == ZERO_ADDRESS


@dataclass(frozen=True, slots=True)
class AddDelegate:
    """Lets another address speak for the identity.

    Attributes:
        purpose: veriKey (signs statements) or sigAuth (signs in too).
        validity_s: seconds from the block that takes it.
    """

    function: ClassVar[str] = "addDelegate"
    struct: ClassVar[str] = "AddDelegate"
    fields: ClassVar[tuple[Field, ...]] = (
        ("delegateType", "bytes32"),
        ("delegate", "address"),
        ("validity", "uint256"),
    )

    identity: str
    purpose: str
    delegate: str
    validity_s: int

    def __post_init__(self) -> None:
        _addresses(self.identity, self.delegate)
        _validity(self.validity_s)
        if self.purpose not in SIGNING:
            raise DidError(
                f"a delegate is for {' or '.join(SIGNING)}, not for {self.purpose!r}; an address "
                "cannot be encrypted to: add a key of X25519 for that"
            )
        if self.delegate == ZERO_ADDRESS:
            raise DidError("the zero address is nobody")

    @property
    def values(self) -> tuple[Any, ...]:
        return (name_word(self.purpose), self.delegate, self.validity_s)


@dataclass(frozen=True, slots=True)
class RevokeDelegate:
    """Ends a delegation; ``purpose`` may be any name, also one that others gave."""

    function: ClassVar[str] = "revokeDelegate"
    struct: ClassVar[str] = "RevokeDelegate"
    fields: ClassVar[tuple[Field, ...]] = (("delegateType", "bytes32"), ("delegate", "address"))

    identity: str
    purpose: str
    delegate: str

    def __post_init__(self) -> None:
        _addresses(self.identity, self.delegate)
        name_word(self.purpose)

    @property
    def values(self) -> tuple[Any, ...]:
        return (name_word(self.purpose), self.delegate)


@dataclass(frozen=True, slots=True)
class SetAttribute:
    """Publishes an attribute; names that begin with ``did/`` must mean something in a document.

    Attributes:
        name: 32 bytes.
        validity_s: seconds from the block that takes it.
    """

    function: ClassVar[str] = "setAttribute"
    struct: ClassVar[str] = "SetAttribute"
    fields: ClassVar[tuple[Field, ...]] = (
        ("name", "bytes32"),
        ("value", "bytes"),
        ("validity", "uint256"),
    )

    identity: str
    name: bytes
    value: bytes
    validity_s: int

    def __post_init__(self) -> None:
        _addresses(self.identity)
        _attribute(self.name, self.value)
        _validity(self.validity_s)
        text = name_text(self.name)
        if text is None or "\0" in text or not text:
            raise DidError("the name of an attribute is text in UTF-8, filled with zeros")
        if text.startswith("did/"):
            meant = read_attribute(self.name, self.value)
            if meant is None:
                raise DidError(f"{text!r} with this value means nothing in a document")
            meant.check()

    @property
    def values(self) -> tuple[Any, ...]:
        return (self.name, self.value, self.validity_s)


@dataclass(frozen=True, slots=True)
class RevokeAttribute:
    """Takes an attribute back, whatever it was; ``name`` has 32 bytes."""

    function: ClassVar[str] = "revokeAttribute"
    struct: ClassVar[str] = "RevokeAttribute"
    fields: ClassVar[tuple[Field, ...]] = (("name", "bytes32"), ("value", "bytes"))

    identity: str
    name: bytes
    value: bytes

    def __post_init__(self) -> None:
        _addresses(self.identity)
        _attribute(self.name, self.value)

    @property
    def values(self) -> tuple[Any, ...]:
        return (self.name, self.value)


RegistryChange = ChangeController | AddDelegate | RevokeDelegate | SetAttribute | RevokeAttribute


def deactivation(identity: str) -> ChangeController:
    """Gives the identity up for good."""
    return ChangeController(identity, ZERO_ADDRESS)


def adding(identity: str, attribute: Attribute, validity_s: int) -> SetAttribute:
    """Puts a key or a service into the document. Raises DidError."""
    attribute.check()
    return SetAttribute(identity, attribute.name, attribute.value, validity_s)


def revoking(identity: str, attribute: Attribute) -> RevokeAttribute:
    """Takes a key or a service out of it. Raises DidError."""
    return RevokeAttribute(identity, attribute.name, attribute.value)


def own_call(change: RegistryChange) -> tuple[str, tuple[Any, ...]]:
    """Function and arguments of the registry for the controller's own transaction."""
    return change.function, (change.identity, *change.values)


def _addresses(*addresses: str) -> None:
    for address in addresses:
        if not is_checksum_address(address):
            raise DidError(f"{address!r} is not an address with its checksum (EIP-55)")


def _validity(seconds: int) -> None:
    if not 1 <= seconds <= VALIDITY_SECONDS_MAX:
        raise DidError(f"a validity is 1 to {VALIDITY_SECONDS_MAX} seconds, not {seconds}")


def _attribute(name: bytes, value: bytes) -> None:
    if len(name) != NAME_BYTES:
        raise DidError(f"the name of an attribute has {NAME_BYTES} bytes, not {len(name)}")
    if len(value) > VALUE_BYTES_MAX:
        raise DidError(f"a value of {len(value)} bytes; at most {VALUE_BYTES_MAX} are taken")
