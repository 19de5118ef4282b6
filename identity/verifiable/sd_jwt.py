"""Selective disclosure: a holder shows some claims of a credential and proves that it is hers.

SD-JWT (RFC 9901) as SD-JWT VC (``typ`` dc+sd-jwt): the issuer signs digests of claims, the holder
passes on the disclosures she wants, and a key-binding token says for whom and when.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from identity.errors import CredentialError
from identity.verifiable import jws
from identity.verifiable.keys import SigningKey

TYPE: Final = "dc+sd-jwt"
BINDING_TYPE: Final = "kb+jwt"
HASH: Final = "sha-256"
ALWAYS_SHOWN: Final = frozenset(
    {"iss", "nbf", "exp", "cnf", "vct", "status", "credentialStatus", "_sd", "_sd_alg", "..."}
)
"""Claims without which nobody could check the rest (SD-JWT VC, 3.2.2.2), and reserved names."""
_MOST_DISCLOSURES: Final = 256


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One claim that may be shown or kept; `name` is None for an element of a list."""

    text: str
    name: str | None
    value: Any

    @property
    def digest(self) -> str:
        """What the issuer signed."""
        return _digest(self.text)


@dataclass(frozen=True, slots=True)
class SdJwt:
    """A token with disclosures; nothing is verified yet.

    Attributes:
        binding: the key-binding token, None without one.
    """

    token: str
    disclosures: tuple[Disclosure, ...] = ()
    binding: str | None = None

    def __str__(self) -> str:
        shown = "".join(f"{disclosure.text}~" for disclosure in self.disclosures)
        return f"{self.token}~{shown}{self.binding or ''}"

    @property
    def digest(self) -> str:
        """``sd_hash``: of everything that a key-binding token binds."""
        return _digest(str(SdJwt(self.token, self.disclosures)))


def issue(
    claims: Mapping[str, Any],
    hidden: Collection[str],
    key: SigningKey,
    *,
    decoys: int = 0,
) -> SdJwt:
    """Sign claims; those named in `hidden` are shown only where their holder wants.

    Args:
        decoys: digests that hide how many claims there are.

    Raises:
        CredentialError: a hidden claim is missing, or one that must always be shown.
    """
    for name in hidden:
        if name in ALWAYS_SHOWN:
            raise CredentialError(f"{name} cannot be hidden")
        if name not in claims:
            raise CredentialError(f"there is no claim {name} to hide")
    disclosures = tuple(disclose(name, claims[name]) for name in sorted(hidden))
    payload = {name: value for name, value in claims.items() if name not in hidden}
    digests = [disclosure.digest for disclosure in disclosures]
    digests += [_digest(secrets.token_urlsafe(32)) for _ in range(decoys)]
    if digests:
        payload |= {"_sd": sorted(digests), "_sd_alg": HASH}
    return SdJwt(jws.sign(payload, key, typ=TYPE), disclosures)


def disclose(name: str, value: Any, salt: str | None = None) -> Disclosure:
    """A disclosure with 128 bits of salt."""
    salt = secrets.token_urlsafe(16) if salt is None else salt
    text = json.dumps([salt, name, value], ensure_ascii=False, allow_nan=False)
    return Disclosure(jws.encode(text.encode()), name, value)


def select(whole: SdJwt, shown: Collection[str]) -> SdJwt:
    """The token with those disclosures alone. Raises CredentialError for a claim it cannot show."""
    known = {disclosure.name for disclosure in whole.disclosures}
    missing = sorted(set(shown) - known)
    if missing:
        raise CredentialError(f"the credential has no hidden claim {', '.join(missing)}")
    kept = tuple(d for d in whole.disclosures if d.name in shown)
    return SdJwt(whole.token, kept)


def bind(shown: SdJwt, key: SigningKey, *, audience: str, nonce: str, issued_at: int) -> SdJwt:
    """Add the holder's proof: for this verifier, this nonce, now, and exactly these disclosures."""
    claims = {"iat": issued_at, "aud": audience, "nonce": nonce, "sd_hash": shown.digest}
    return SdJwt(shown.token, shown.disclosures, jws.sign(claims, key, typ=BINDING_TYPE))


def parse(text: str) -> SdJwt:
    """Read a token with its disclosures.

    Raises:
        CredentialError: malformed, or a disclosure that stands twice.
    """
    if len(text) > jws.LONGEST:
        raise CredentialError(f"a token of more than {jws.LONGEST} characters")
    token, *rest = text.split("~")
    if not rest:
        raise CredentialError("a token with disclosures ends in ~")
    *shown, binding = rest
    if len(shown) > _MOST_DISCLOSURES:
        raise CredentialError(f"more than {_MOST_DISCLOSURES} disclosures")
    if len(set(shown)) != len(shown):
        raise CredentialError("a disclosure stands twice")
    return SdJwt(token, tuple(_read(part) for part in shown), binding or None)


def reveal(payload: Mapping[str, Any], disclosures: Collection[Disclosure]) -> dict[str, Any]:
    """The claims that a verified payload and its disclosures make (RFC 9901, section 7.1).

    Raises:
        CredentialError: another hash, a digest that stands twice, a disclosure that no digest asks
            for (altered, or of another credential), or a claim that would stand twice.
    """
    if payload.get("_sd_alg", HASH) != HASH:
        raise CredentialError(f"digests by {payload['_sd_alg']!r} are not read; use {HASH}")
    revealing = _Revealing({disclosure.digest: disclosure for disclosure in disclosures})
    try:
        claims = revealing.object(payload, top=True)
    except RecursionError as error:
        raise CredentialError("the claims are nested too deeply") from error
    unused = set(revealing.by_digest) - revealing.used
    if unused:
        raise CredentialError("a disclosure belongs to no digest: it was altered, or is another's")
    return claims


@dataclass(slots=True)
class _Revealing:
    by_digest: dict[str, Disclosure]
    seen: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)

    def object(self, value: Mapping[str, Any], *, top: bool = False) -> dict[str, Any]:
        shown = {
            name: self.any(inner)
            for name, inner in value.items()
            if name != "_sd" and not (top and name == "_sd_alg")
        }
        if "..." in shown:
            raise CredentialError("'...' is no name of a claim")
        digests = value.get("_sd", [])
        if not isinstance(digests, list):
            raise CredentialError("_sd is a list of digests")
        for digest in digests:
            disclosure = self.take(digest)
            if disclosure is None:
                continue
            name = disclosure.name
            if name is None or name in ALWAYS_SHOWN or name in shown:
                raise CredentialError(f"the claim {name!r} cannot be disclosed here")
            shown[name] = self.any(disclosure.value)
        return shown

    def any(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self.object(value)
        if isinstance(value, list):
            return self.list(value)
        return value

    def list(self, values: list[Any]) -> list[Any]:
        shown = []
        for value in values:
            if not (isinstance(value, dict) and "..." in value):
                shown.append(self.any(value))
                continue
            if len(value) != 1:
                raise CredentialError("a hidden element has a digest alone")
            disclosure = self.take(value["..."])
            if disclosure is None:
                continue
            if disclosure.name is not None:
                raise CredentialError("a claim was disclosed in the place of a list's element")
            shown.append(self.any(disclosure.value))
        return shown

    def take(self, digest: Any) -> Disclosure | None:
        if not isinstance(digest, str):
            raise CredentialError("a digest is text")
        if digest in self.seen:
            raise CredentialError("a digest stands twice")
        self.seen.add(digest)
        disclosure = self.by_digest.get(digest)
        if disclosure is not None:
            self.used.add(digest)
        return disclosure


def _read(text: str) -> Disclosure:
    value = jws.read_json(jws.decode(text), "a disclosure")
    if not isinstance(value, list) or len(value) not in (2, 3) or not isinstance(value[0], str):
        raise CredentialError("a disclosure is [salt, name, value] or [salt, value]")
    if len(value) == 2:
        return Disclosure(text, None, value[1])
    if not isinstance(value[1], str):
        raise CredentialError("a claim's name is text")
    return Disclosure(text, value[1], value[2])


def _digest(text: str) -> str:
    return jws.encode(hashlib.sha256(text.encode("ascii")).digest())
