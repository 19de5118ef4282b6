"""Bitstring Status List 1.0: one bit a credential, compressed, signed as a credential itself.

Everything fails closed: a list that is missing, too short, expired, for another purpose, or in
which the index does not lie, says nothing good about anybody.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from identity.errors import CredentialError
from identity.verifiable import jws
from identity.verifiable.model import BASE_CONTEXT, CREDENTIAL, Credential

LEAST_BITS: Final = 131_072
"""So that an index says nothing about whom it belongs to."""
MOST_BITS: Final = 1 << 27
LIST_TYPE: Final = "BitstringStatusList"
LIST_CREDENTIAL_TYPE: Final = "BitstringStatusListCredential"
ENTRY_TYPE: Final = "BitstringStatusListEntry"
REVOCATION: Final = "revocation"
SUSPENSION: Final = "suspension"


@dataclass(frozen=True, slots=True)
class StatusEntry:
    """Where a credential's bit is (``credentialStatus``)."""

    list_url: str
    index: int
    purpose: str = REVOCATION

    def document(self) -> dict[str, Any]:
        """As it stands in a credential."""
        return {
            "id": f"{self.list_url}#{self.index}",
            "type": ENTRY_TYPE,
            "statusPurpose": self.purpose,
            "statusListIndex": str(self.index),
            "statusListCredential": self.list_url,
        }


class StatusList:
    """Bits by index, the first bit of the first byte being index 0."""

    __slots__ = ("_bits",)

    def __init__(self, size: int = LEAST_BITS) -> None:
        """All bits 0. Raises CredentialError for fewer than 131,072, or no multiple of 8."""
        if size < LEAST_BITS or size > MOST_BITS or size % 8:
            raise CredentialError(f"a list has {LEAST_BITS} to {MOST_BITS} bits, in whole bytes")
        self._bits = bytearray(size // 8)

    def __len__(self) -> int:
        return len(self._bits) * 8

    def __getitem__(self, index: int) -> bool:
        """Raises CredentialError outside the list."""
        self._check(index)
        return bool(self._bits[index // 8] >> (7 - index % 8) & 1)

    def set(self, indices: Iterable[int], value: bool = True) -> None:
        """Set bits, all or none. Raises CredentialError outside the list."""
        wanted = list(indices)
        for index in wanted:
            self._check(index)
        for index in wanted:
            mask = 0x80 >> index % 8
            if value:
                self._bits[index // 8] |= mask
            else:
                self._bits[index // 8] &= ~mask

    def keeps(self, earlier: StatusList) -> bool:
        """Whether every bit that is set in an earlier list of the same length is set here too."""
        before, here = (int.from_bytes(bits, "big") for bits in (earlier._bits, self._bits))
        return len(earlier) == len(self) and before & ~here == 0

    def encoded(self) -> str:
        """``encodedList``: multibase base64url of the compressed bits; the same bits, one text."""
        return "u" + jws.encode(gzip.compress(bytes(self._bits), mtime=0))

    @classmethod
    def decoded(cls, text: str) -> StatusList:
        """Raises CredentialError: another encoding, too short, or more bits than any list has."""
        if not text.startswith("u"):
            raise CredentialError("encodedList is not base64url (u...)")
        packed = jws.decode(text[1:])
        try:
            inflater = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
            bits = inflater.decompress(packed, MOST_BITS // 8 + 1)
        except zlib.error as error:
            raise CredentialError(f"encodedList is not compressed bits: {error}") from error
        if not inflater.eof or inflater.unused_data:
            raise CredentialError("encodedList is cut off, too long, or followed by something")
        loaded = cls(len(bits) * 8)
        loaded._bits[:] = bits
        return loaded

    def _check(self, index: int) -> None:
        if not 0 <= index < len(self):
            raise CredentialError(f"the list has {len(self)} bits; {index} is none of them")


def list_credential(
    url: str, issuer: str, bits: StatusList, *, purpose: str, valid_from: str, valid_until: str
) -> dict[str, Any]:
    """The credential that publishes a list, to be secured by its issuer."""
    return {
        "@context": [BASE_CONTEXT],
        "id": url,
        "type": [CREDENTIAL, LIST_CREDENTIAL_TYPE],
        "issuer": issuer,
        "validFrom": valid_from,
        "validUntil": valid_until,
        "credentialSubject": {
            "id": f"{url}#list",
            "type": LIST_TYPE,
            "statusPurpose": purpose,
            "encodedList": bits.encoded(),
        },
    }


def entries_of(document: Mapping[str, Any]) -> list[StatusEntry]:
    """Where a credential's bits are; none for one that cannot be revoked.

    Raises:
        CredentialError: an entry of a kind that is not read here. It might say "revoked".
    """
    listed = document.get("credentialStatus", [])
    entries = listed if isinstance(listed, list) else [listed]
    return [_entry(entry) for entry in entries]


def check_status(entry: StatusEntry, listed: Credential, issuer: str) -> None:
    """Raise CredentialError unless the list says that the bit is not set.

    Args:
        listed: the list's credential, its proof verified and its time checked.
        issuer: of the credential in question; nobody else's list counts.
    """
    if LIST_CREDENTIAL_TYPE not in listed.types or listed.issuer != issuer:
        raise CredentialError("the status list is not one of the credential's issuer")
    if listed.document.get("id") != entry.list_url:
        raise CredentialError("the status list is another one than the credential names")
    claims = listed.claims
    if claims.get("type") != LIST_TYPE or claims.get("statusPurpose") != entry.purpose:
        raise CredentialError(f"the status list is not one of {entry.purpose}")
    if listed.valid_until is None:
        raise CredentialError("the status list does not say until when it holds")
    encoded = claims.get("encodedList")
    if not isinstance(encoded, str):
        raise CredentialError("the status list has no encodedList")
    if StatusList.decoded(encoded)[entry.index]:
        raise CredentialError(f"the credential's status is {entry.purpose}")


def _entry(entry: Any) -> StatusEntry:
    if not isinstance(entry, Mapping) or entry.get("type") != ENTRY_TYPE:
        raise CredentialError(f"a status that is no {ENTRY_TYPE} cannot be checked")
    index, size = entry.get("statusListIndex"), entry.get("statusSize", 1)
    if not isinstance(index, str) or not (index.isascii() and index.isdigit()) or len(index) > 9:
        raise CredentialError(f"the status index {index!r} is not a number as text")
    url, purpose = entry.get("statusListCredential"), entry.get("statusPurpose")
    if not isinstance(url, str) or purpose not in (REVOCATION, SUSPENSION) or size != 1:
        raise CredentialError("the status entry names no list, or a purpose that is not read here")
    return StatusEntry(url, int(index), str(purpose))
