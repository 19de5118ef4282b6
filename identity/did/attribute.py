"""Attributes of a did:ethr that mean something in its document: keys and services.

The registry takes any 32 bytes as a name and any bytes as a value. A name counts in a document
where it is ``did/pub/<algorithm>/<purpose>/<encoding>`` (the value: a public key) or
``did/svc/<type>`` (the value: where the service is). What is made here is checked, so that nobody
pays for an attribute that no resolver shows; what is read here may be anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from coincurve import PublicKey

from identity.did.key import ED25519, did_of
from identity.errors import DidError

NAME_BYTES: Final = 32
VALUE_BYTES_MAX: Final = 1_024
"""Ours, not the registry's: every byte of a value is paid for."""

SIGNING: Final = ("veriKey", "sigAuth")
"""Purposes of keys that sign: statements alone, or signing in as well."""
ENCRYPTING: Final = ("enc",)
_PURPOSES: Final = {"Secp256k1": SIGNING, "Ed25519": SIGNING, "X25519": ENCRYPTING}
ALGORITHMS: Final = tuple(_PURPOSES)
PURPOSES: Final = SIGNING + ENCRYPTING
ENCODINGS: Final = ("hex", "base64", "base58")
"""How a document shows the key; the registry holds its bytes in any case."""
SCHEMES: Final = ("https", "http", "wss", "ws", "mqtts", "mqtt", "did", "ipfs", "mailto")

_NAME: Final = re.compile(r"did/(pub|svc)/(\w+)(?:/(\w+))?(?:/(\w+))?", re.ASCII)
_TYPE: Final = re.compile(r"[A-Za-z]\w*", re.ASCII)
_ENDPOINT: Final = re.compile(r"([a-z][a-z0-9+.-]*):[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")


@dataclass(frozen=True, slots=True)
class KeyAttribute:
    """A public key in the document.

    Attributes:
        algorithm: Secp256k1, Ed25519 or X25519.
        purpose: veriKey (signs statements), sigAuth (signs in too), enc (is encrypted to).
        public_key: 33 or 65 bytes of Secp256k1, 32 of the others.
    """

    algorithm: str
    purpose: str
    public_key: bytes
    encoding: str = "hex"

    @property
    def name(self) -> bytes:
        """32 bytes."""
        return name_word(f"did/pub/{self.algorithm}/{self.purpose}/{self.encoding}")

    @property
    def value(self) -> bytes:
        return self.public_key

    def check(self) -> None:
        """Raises DidError for a key that no document would show as what it is."""
        if self.algorithm not in _PURPOSES:
            raise DidError(f"keys of {self.algorithm!r} are not added; use {', '.join(ALGORITHMS)}")
        allowed = _PURPOSES[self.algorithm]
        if self.purpose not in allowed:
            raise DidError(
                f"a key of {self.algorithm} is for {' or '.join(allowed)}, not for {self.purpose!r}"
            )
        if self.encoding not in ENCODINGS:
            raise DidError(f"a key is shown as {', '.join(ENCODINGS)}, not as {self.encoding!r}")
        if self.algorithm != "Secp256k1":
            if len(self.public_key) != 32:
                raise DidError(f"a public key of {self.algorithm} has 32 bytes")
            if self.algorithm == "Ed25519":
                did_of(ED25519, self.public_key)
            return
        if len(self.public_key) not in (33, 65):
            raise DidError("a public key of Secp256k1 has 33 bytes, or 65 uncompressed")
        try:
            PublicKey(self.public_key)
        except ValueError as error:
            raise DidError("this is no point of secp256k1") from error


@dataclass(frozen=True, slots=True)
class ServiceAttribute:
    """Where a service of the identity is; ``type`` is one word, ``endpoint`` a URI."""

    type: str
    endpoint: str

    @property
    def name(self) -> bytes:
        """32 bytes."""
        return name_word(f"did/svc/{self.type}")

    @property
    def value(self) -> bytes:
        return self.endpoint.encode()

    def check(self) -> None:
        """Raises DidError for a type or an address that others could not read."""
        if not _TYPE.fullmatch(self.type):
            raise DidError(f"{self.type!r} is not one word of letters, digits and _")
        match = _ENDPOINT.fullmatch(self.endpoint)
        if match is None:
            raise DidError(
                f"{self.endpoint!r} is no address of a service: scheme:..., without spaces, "
                "control characters or letters outside ASCII (write them as %XX)"
            )
        if match[1] not in SCHEMES:
            raise DidError(f"{match[1]}: is not an address to publish; use {', '.join(SCHEMES)}")


Attribute = KeyAttribute | ServiceAttribute


def read_attribute(name: bytes, value: bytes) -> Attribute | None:
    """What an attribute of the registry says; None where it says nothing in a document."""
    text = name_text(name)
    match = _NAME.fullmatch(text) if text is not None else None
    if match is None:
        return None
    section, kind, purpose, encoding = match.groups()
    if section == "pub":
        return KeyAttribute(kind, purpose or "veriKey", value, encoding or "hex")
    try:
        return ServiceAttribute(kind, value.decode("utf-8"))
    except UnicodeDecodeError:
        return None


def name_word(text: str) -> bytes:
    """A name as the registry holds it: UTF-8, filled with zeros. Raises DidError where too long."""
    try:
        raw = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DidError(f"{text!r} cannot be written in UTF-8") from error
    if not raw or len(raw) > NAME_BYTES or b"\0" in raw:
        raise DidError(f"{text!r} is not a name: 1 to {NAME_BYTES} bytes of UTF-8 without zeros")
    return raw.ljust(NAME_BYTES, b"\0")


def name_text(word: bytes) -> str | None:
    """The inverse; None where the bytes are no text."""
    try:
        return word.rstrip(b"\0").decode("utf-8")
    except UnicodeDecodeError:
        return None
