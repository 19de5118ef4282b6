"""Base58 and multicodec prefixes, as far as keys in DIDs need them."""

from __future__ import annotations

from typing import Final

from identity.errors import DidError

_ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS: Final = {character: value for value, character in enumerate(_ALPHABET)}
_LONGEST: Final = 1_024


def base58_encode(value: bytes) -> str:
    """Base58 in Bitcoin's alphabet."""
    number = int.from_bytes(value, "big")
    digits = ""
    while number:
        number, digit = divmod(number, 58)
        digits = _ALPHABET[digit] + digits
    return "1" * (len(value) - len(value.lstrip(b"\0"))) + digits


def base58_decode(text: str) -> bytes:
    """The inverse. Raises DidError for another character, or more than 1,024 of them."""
    if len(text) > _LONGEST:
        raise DidError("too long to be a key")
    number = 0
    for character in text:
        if character not in _DIGITS:
            raise DidError(f"{character!r} is not in the alphabet of base58")
        number = number * 58 + _DIGITS[character]
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")


def multikey(codec: int, key: bytes) -> str:
    """A key as ``publicKeyMultibase`` (base58btc, multicodec in front)."""
    return "z" + base58_encode(_varint(codec) + key)


def read_multikey(text: str) -> tuple[int, bytes]:
    """Codec and key of a ``publicKeyMultibase``. Raises DidError."""
    if not isinstance(text, str) or not text.startswith("z"):
        raise DidError("only base58btc (z...) is read")
    value = base58_decode(text[1:])
    codec = 0
    for index, byte in enumerate(value[:9]):
        codec |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            if _varint(codec) != value[: index + 1]:
                raise DidError("the codec is not written in its shortest form")
            return codec, value[index + 1 :]
    raise DidError("the codec of the key has no end")


def _varint(number: int) -> bytes:
    """Unsigned LEB128."""
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])
