"""Types of request and answer fields: addresses, hex, and integers that JSON cannot hold."""

from __future__ import annotations

import re
from typing import Annotated, Any

from eth_utils.address import is_checksum_address, to_checksum_address
from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)")
_EXACT = 1 << 53
WALLET_SIGNATURE_BYTES_MAX = 32_768


def _address(text: str) -> str:
    """Checksum form; all lower or upper case is taken, a wrong checksum is not."""
    digits = text[2:]
    if digits not in (digits.lower(), digits.upper()) and not is_checksum_address(text):
        raise ValueError("the address has a wrong checksum (EIP-55)")
    return str(to_checksum_address(text))


def _integer(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("an integer or its decimal digits as text")
    if isinstance(value, str):
        if len(value) > 21 or not _DECIMAL.fullmatch(value):
            raise ValueError("an integer or its decimal digits as text")
        return int(value)
    return value


def _exact(value: int) -> int | str:
    return value if abs(value) < _EXACT else str(value)


_SCHEMA = {
    "anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^-?(0|[1-9][0-9]*)$"}],
    "description": "Text where it exceeds 2^53.",
}

Address = Annotated[
    str,
    Field(pattern=r"^0x[0-9a-fA-F]{40}$", examples=["0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"]),
    AfterValidator(_address),
]
Hash = Annotated[
    str,
    Field(pattern=r"^0x[0-9a-fA-F]{64}$", examples=["0x" + "5f" * 32]),
    AfterValidator(str.lower),
]
Signature = Annotated[
    str,
    Field(
        pattern=r"^0x(?:[0-9a-fA-F]{128}|[0-9a-fA-F]{130})$",
        description="65 bytes (r, s, v) as wallets give them, or 64 (EIP-2098).",
        examples=["0x" + "11" * 65],
    ),
]
WalletSignature = Annotated[
    str,
    Field(
        pattern=r"^0x(?:[0-9a-fA-F]{2})*$",
        max_length=2 + 2 * WALLET_SIGNATURE_BYTES_MAX,
        description="65 bytes (r, s, v) or 64 (EIP-2098) of a plain key; of a contract wallet what "
        "its isValidSignature takes (ERC-1271), wrapped if it is not deployed yet (ERC-6492).",
        examples=["0x" + "11" * 65],
    ),
]
Integer = Annotated[
    int, BeforeValidator(_integer), PlainSerializer(_exact), WithJsonSchema(_SCHEMA)
]
Uint32 = Annotated[int, Field(strict=True, ge=0, le=2**32 - 1)]
Int32 = Annotated[int, Field(strict=True, ge=-(2**31), le=2**31 - 1)]
Uint64 = Annotated[
    int, BeforeValidator(_integer), Field(ge=0, le=2**64 - 1), PlainSerializer(_exact)
]
Int64 = Annotated[
    int, BeforeValidator(_integer), Field(ge=-(2**63), le=2**63 - 1), PlainSerializer(_exact)
]


def hex_bytes(text: str) -> bytes:
    """The bytes of validated 0x-hex."""
    return bytes.fromhex(text[2:])
