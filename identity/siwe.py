"""Sign-in with Ethereum (EIP-4361): build, parse and verify the message a wallet signs.

The grammar is the ABNF of EIP-4361: one statement line at most, fields in a fixed order, dates of
RFC 3339, URIs of RFC 3986, an address in its EIP-55 form. Parsing and building are inverse: what
does not build back to the same text, byte for byte, is refused.
"""

from __future__ import annotations

import re
import secrets
import string
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import AddressValueError, IPv6Address
from typing import Final

from eth_account.messages import _hash_eip191_message, encode_defunct
from eth_utils.address import is_checksum_address

from identity.errors import SignInError
from identity.signature import recover

VERSION: Final = "1"
NONCE_LENGTH: Final = 22
_ALPHANUMERIC: Final = string.ascii_letters + string.digits
_PREAMBLE: Final = " wants you to sign in with your Ethereum account:"

# RFC 3986, appendix A.
_PCT: Final = r"%[0-9A-Fa-f]{2}"
_UNRESERVED: Final = r"A-Za-z0-9\-._~"
_SUB_DELIMS: Final = r"!$&'()*+,;="
_PCHAR: Final = rf"(?:[{_UNRESERVED}{_SUB_DELIMS}:@]|{_PCT})"
_AUTHORITY: Final = (
    rf"(?:(?:[{_UNRESERVED}{_SUB_DELIMS}:]|{_PCT})*@)?"
    rf"(?:\[(?P<literal>[^\]]*)\]|(?:[{_UNRESERVED}{_SUB_DELIMS}]|{_PCT})*)"
    r"(?::[0-9]*)?"
)
_SCHEME_TEXT: Final = r"[A-Za-z][A-Za-z0-9+\-.]*"
_AUTHORITY_ONLY: Final = re.compile(_AUTHORITY)
_SCHEME: Final = re.compile(_SCHEME_TEXT)
_URI: Final = re.compile(
    rf"{_SCHEME_TEXT}:"
    rf"(?://{_AUTHORITY}(?:/{_PCHAR}*)*|/(?:{_PCHAR}+(?:/{_PCHAR}*)*)?|{_PCHAR}+(?:/{_PCHAR}*)*|)"
    rf"(?:\?(?:{_PCHAR}|[/?])*)?(?:#(?:{_PCHAR}|[/?])*)?"
)
_IP_FUTURE: Final = re.compile(rf"[vV][0-9A-Fa-f]+\.[{_UNRESERVED}{_SUB_DELIMS}:]+")
_STATEMENT: Final = re.compile(rf"[{_UNRESERVED}:/?#\[\]@{_SUB_DELIMS} ]+")
_NONCE: Final = re.compile(r"[A-Za-z0-9]{8,}")
_REQUEST_ID: Final = re.compile(rf"{_PCHAR}*")
_DATE_TIME: Final = re.compile(
    r"(?P<whole>\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2})(?P<fraction>\.\d+)?"
    r"(?P<zone>[Zz]|[+-]\d{2}:\d{2})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class SignInMessage:
    """What EIP-4361 lets a wallet show and sign; times are RFC 3339 text, kept as written.

    Raises SignInError when a field is not what the grammar allows.
    """

    domain: str
    address: str
    uri: str
    chain_id: int
    nonce: str
    issued_at: str
    statement: str | None = None
    expiration_time: str | None = None
    not_before: str | None = None
    request_id: str | None = None
    resources: tuple[str, ...] = ()
    has_resources: bool = False
    scheme: str | None = None

    def __post_init__(self) -> None:
        if self.scheme is not None and not _SCHEME.fullmatch(self.scheme):
            raise SignInError(f"the scheme {self.scheme!r} is not one of RFC 3986")
        if not self.domain or not _is_authority(self.domain):
            raise SignInError(f"the domain {self.domain!r} is not an authority of RFC 3986")
        if not is_checksum_address(self.address):
            raise SignInError("the address is not in its checksum form (EIP-55)")
        if self.statement is not None and not _STATEMENT.fullmatch(self.statement):
            raise SignInError("the statement has a line break or a character that is not allowed")
        if not _is_uri(self.uri):
            raise SignInError(f"the URI {self.uri!r} is not one of RFC 3986")
        if self.chain_id < 0:
            raise SignInError("the chain id is negative")
        if not _NONCE.fullmatch(self.nonce):
            raise SignInError("the nonce needs at least 8 letters or digits")
        for time in (self.issued_at, self.expiration_time, self.not_before):
            if time is not None:
                parse_time(time)
        if self.request_id is not None and not _REQUEST_ID.fullmatch(self.request_id):
            raise SignInError("the request id has a character that is not allowed")
        if self.resources and not self.has_resources:
            object.__setattr__(self, "has_resources", True)
        for resource in self.resources:
            if not _is_uri(resource):
                raise SignInError(f"the resource {resource!r} is not a URI of RFC 3986")

    def text(self) -> str:
        """The message, as the wallet shows and signs it (EIP-191, personal_sign)."""
        origin = self.domain if self.scheme is None else f"{self.scheme}://{self.domain}"
        lines = [origin + _PREAMBLE, self.address, ""]
        if self.statement is not None:
            lines += [self.statement]
        lines += [
            "",
            f"URI: {self.uri}",
            f"Version: {VERSION}",
            f"Chain ID: {self.chain_id}",
            f"Nonce: {self.nonce}",
            f"Issued At: {self.issued_at}",
        ]
        if self.expiration_time is not None:
            lines.append(f"Expiration Time: {self.expiration_time}")
        if self.not_before is not None:
            lines.append(f"Not Before: {self.not_before}")
        if self.request_id is not None:
            lines.append(f"Request ID: {self.request_id}")
        if self.has_resources:
            lines.append("Resources:")
            lines.extend(f"- {resource}" for resource in self.resources)
        return "\n".join(lines)


def new_nonce() -> str:
    """A nonce with more than 128 bits of chance."""
    return "".join(secrets.choice(_ALPHANUMERIC) for _ in range(NONCE_LENGTH))


def parse_time(text: str) -> datetime:
    """An RFC 3339 date-time; a leap second counts as the second before it. Raises SignInError."""
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        raise SignInError(f"{text!r} is not a date-time of RFC 3339")
    whole = match["whole"].upper()
    whole = whole.removesuffix(":60") + ":59" if whole.endswith(":60") else whole
    micro = ((match["fraction"] or ".")[1:] + "000000")[:6]
    try:
        return datetime.fromisoformat(f"{whole}.{micro}{match['zone'].upper()}").astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise SignInError(f"{text!r} is not a date-time of RFC 3339") from error


def format_time(time: datetime) -> str:
    """RFC 3339 in UTC to the second."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse(text: str) -> SignInMessage:
    """Read a message.

    Raises:
        SignInError: it is not a message of EIP-4361, version 1.
    """
    lines = _Lines(text.split("\n"))
    first = lines.take()
    if not first.endswith(_PREAMBLE):
        raise SignInError(f"the first line does not end with '{_PREAMBLE.strip()}'")
    scheme, separator, domain = first.removesuffix(_PREAMBLE).rpartition("://")
    address = lines.take()
    lines.take_empty("the address")
    statement = lines.take() if lines.peek() != "" else None
    lines.take_empty("the statement")
    uri = lines.field("URI")
    if lines.field("Version") != VERSION:
        raise SignInError("only version 1 is known")
    chain_id = lines.field("Chain ID")
    if not (chain_id.isascii() and chain_id.isdigit() and len(chain_id) <= 78):
        raise SignInError("the chain id is not a number")
    nonce = lines.field("Nonce")
    issued_at = lines.field("Issued At")
    expiration_time = lines.optional("Expiration Time")
    not_before = lines.optional("Not Before")
    request_id = lines.optional("Request ID")
    has_resources = lines.peek() == "Resources:"
    resources: list[str] = []
    if has_resources:
        lines.take()
        while lines.peek() is not None:
            line = lines.take()
            if not line.startswith("- "):
                raise SignInError(f"{line!r} is not a resource")
            resources.append(line[2:])
    if lines.peek() is not None:
        raise SignInError(f"{lines.take()!r} is out of place")
    message = SignInMessage(
        domain=domain,
        address=address,
        uri=uri,
        chain_id=int(chain_id),
        nonce=nonce,
        issued_at=issued_at,
        statement=statement,
        expiration_time=expiration_time,
        not_before=not_before,
        request_id=request_id,
        resources=tuple(resources),
        has_resources=has_resources,
        scheme=scheme if separator else None,
    )
    if message.text() != text:
        raise SignInError("the message is not written in the canonical form")
    return message


def check(
    message: SignInMessage,
    *,
    now: datetime,
    domain: str,
    nonce: str,
    chain_id: int,
    uri: str | None = None,
) -> None:
    """Compare a message with what was asked for; whoever calls checks the signature.

    Args:
        now: the present, with a time zone.
        domain, nonce, chain_id, uri: what the message must carry (``uri`` None: any).

    Raises:
        SignInError: something differs, or the message is out of time.
    """
    if message.domain != domain:
        raise SignInError(f"the message is for {message.domain}, not for {domain}")
    if uri is not None and message.uri != uri:
        raise SignInError(f"the message's URI is {message.uri}, not {uri}")
    if message.nonce != nonce:
        raise SignInError("the nonce is not the one that was given out")
    if message.chain_id != chain_id:
        raise SignInError(f"the message is for chain {message.chain_id}, not for {chain_id}")
    if message.expiration_time is not None and now >= parse_time(message.expiration_time):
        raise SignInError("the message has expired; ask for a new nonce")
    if message.not_before is not None and now < parse_time(message.not_before):
        raise SignInError("the message is not valid yet")


def verify(
    message: SignInMessage,
    signature: bytes,
    *,
    now: datetime,
    domain: str,
    nonce: str,
    chain_id: int,
    uri: str | None = None,
) -> str:
    """Check a message that a plain key signed against what was asked for; returns the address.

    Args:
        signature: 65 bytes of ``personal_sign`` (or 64 in the compact form).
        now, domain, nonce, chain_id, uri: as for ``check``.

    Raises:
        SignInError: something differs, the message is out of time, or another key signed.
    """
    check(message, now=now, domain=domain, nonce=nonce, chain_id=chain_id, uri=uri)
    try:
        signer = recover(digest(message.text()), signature)
    except ValueError as error:
        raise SignInError(str(error)) from error
    if signer != message.address:
        raise SignInError(f"the message names {message.address}, but another key signed it")
    return signer


def digest(text: str) -> bytes:
    """What ``personal_sign`` of a text signs (EIP-191, version 0x45)."""
    return bytes(_hash_eip191_message(encode_defunct(text=text)))


class _Lines:
    """The lines of a message, taken one after another."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._next = 0

    def peek(self) -> str | None:
        return self._lines[self._next] if self._next < len(self._lines) else None

    def take(self) -> str:
        line = self.peek()
        if line is None:
            raise SignInError("the message ends too early")
        self._next += 1
        return line

    def take_empty(self, after: str) -> None:
        if self.take() != "":
            raise SignInError(f"an empty line must follow {after}")

    def field(self, name: str) -> str:
        value = self.optional(name)
        if value is None:
            raise SignInError(f"'{name}' is missing or out of order")
        return value

    def optional(self, name: str) -> str | None:
        line = self.peek()
        if line is None or not line.startswith(f"{name}: "):
            return None
        self._next += 1
        return line[len(name) + 2 :]


def _is_authority(text: str) -> bool:
    match = _AUTHORITY_ONLY.fullmatch(text)
    return match is not None and _is_ip_literal(match["literal"])


def _is_uri(text: str) -> bool:
    match = _URI.fullmatch(text)
    return match is not None and _is_ip_literal(match["literal"])


def _is_ip_literal(text: str | None) -> bool:
    if text is None or _IP_FUTURE.fullmatch(text):
        return True
    if "%" in text:
        return False
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True
