"""JSON Web Signatures in the compact form (RFC 7515), as strictly as credentials need them.

One signature, a payload that is a JSON object, no ``crit``, no unencoded payload, no key inside the
header: the key comes from the signer's DID document, and the key decides the algorithm. ``none`` is
an algorithm of no key.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from identity.errors import CredentialError
from identity.verifiable.keys import SigningKey, VerificationKey

LONGEST: Final = 1_000_000
_PART: Final = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)
_FORBIDDEN: Final = ("crit", "b64", "jwk", "jku", "x5u", "x5c", "zip", "enc")


@dataclass(frozen=True, slots=True)
class Jws:
    """A parsed token whose signature has not been looked at yet."""

    header: dict[str, Any]
    payload: dict[str, Any]
    signature: bytes
    signing_input: bytes

    @property
    def key_id(self) -> str:
        """``kid``: DID URL of the verification method. Raises CredentialError."""
        key_id = self.header.get("kid")
        if not isinstance(key_id, str):
            raise CredentialError("the header names no key (kid)")
        return key_id

    def check(self, key: VerificationKey, typ: str) -> None:
        """Raises CredentialError unless this key signed it, by its own algorithm, as this type."""
        if self.header.get("alg") != key.algorithm.value:
            raise CredentialError(
                f"the header says {self.header.get('alg')!r}, the key signs {key.algorithm.value}"
            )
        if self.header.get("typ") != typ:
            raise CredentialError(f"the token is a {self.header.get('typ')!r}, not a {typ!r}")
        key.check(self.signing_input, self.signature)


def sign(payload: Mapping[str, Any], key: SigningKey, *, typ: str, **header: Any) -> str:
    """A compact token of ``payload``; further header members as keywords."""
    protected = {
        "alg": key.algorithm.value,
        "kid": key.verification_method,
        "typ": typ,
        **header,
    }
    signing_input = f"{encode(_json(protected))}.{encode(_json(payload))}"
    return f"{signing_input}.{encode(key.sign(signing_input.encode()))}"


def parse(token: str) -> Jws:
    """Read a compact token; nothing is verified yet.

    Raises:
        CredentialError: malformed, or a header that asks for what is not supported.
    """
    if len(token) > LONGEST:
        raise CredentialError(f"a token of more than {LONGEST} characters")
    parts = token.split(".")
    if len(parts) != 3:
        raise CredentialError("a compact token has three parts")
    header = read_object(decode(parts[0]), "the header")
    for name in _FORBIDDEN:
        if name in header:
            raise CredentialError(f"a header with {name!r} is not read")
    return Jws(
        header=header,
        payload=read_object(decode(parts[1]), "the payload"),
        signature=decode(parts[2]),
        signing_input=f"{parts[0]}.{parts[1]}".encode(),
    )


def encode(value: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """The inverse; one text for one value. Raises CredentialError."""
    if not _PART.fullmatch(text) or len(text) % 4 == 1:
        raise CredentialError("not base64url without padding")
    value = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encode(value) != text:
        raise CredentialError("base64url with bits left over")
    return value


def read_object(raw: bytes, what: str) -> dict[str, Any]:
    """A JSON object in which no member stands twice. Raises CredentialError."""
    value = read_json(raw, what)
    if not isinstance(value, dict):
        raise CredentialError(f"{what} is not a JSON object")
    return value


def read_json(raw: bytes, what: str) -> Any:
    """JSON in which no member stands twice, and all text is text. Raises CredentialError."""
    try:
        text = raw.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
        if "\\u" in text:  # an escape can name half a character, which nobody can hash
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise CredentialError(f"{what} is not JSON: {error}") from error
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a member stands twice")
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
