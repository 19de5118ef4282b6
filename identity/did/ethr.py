"""`did:ethr` identifiers, and the events of an ERC-1056 registry that change what they say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from eth_keys.datatypes import PublicKey
from eth_utils.address import is_checksum_address, to_checksum_address
from eth_utils.exceptions import ValidationError

from identity.errors import DidError

ZERO_ADDRESS: Final = "0x" + "00" * 20
_IDENTIFIER: Final = re.compile(
    r"did:ethr:(?:(?P<network>[A-Za-z0-9]+):)?(?P<key>0x(?:[0-9a-fA-F]{66}|[0-9a-fA-F]{40}))"
)
_NETWORKS: Final = {"mainnet": 1, "sepolia": 11_155_111, "holesky": 17_000}


@dataclass(frozen=True, slots=True)
class EthrDid:
    """An identifier: an address on a chain, perhaps given as a public key.

    Attributes:
        chain_id: EIP-155 id of the chain that holds the registry.
        address: checksum address of the identity.
        public_key: 33 bytes, compressed, when the identifier carries the key itself.
    """

    chain_id: int
    address: str
    public_key: bytes | None = None

    def __str__(self) -> str:
        key = self.address if self.public_key is None else "0x" + self.public_key.hex()
        return f"did:ethr:{key}" if self.chain_id == 1 else f"did:ethr:{hex(self.chain_id)}:{key}"


def parse(text: str) -> EthrDid:
    """Read ``did:ethr:[network:]address-or-public-key``; the network a name or a hex chain id.

    Raises:
        DidError: it is not such an identifier.
    """
    match = _IDENTIFIER.fullmatch(text)
    if match is None:
        raise DidError(f"{text!r} is not a did:ethr identifier")
    chain_id = _chain_id(match["network"])
    raw = bytes.fromhex(match["key"][2:])
    if len(raw) == 20:
        digits = match["key"][2:]
        mixed = digits not in (digits.lower(), digits.upper())
        if mixed and not is_checksum_address(match["key"]):
            raise DidError(f"{match['key']} has a wrong checksum (EIP-55): mistyped?")
        return EthrDid(chain_id, to_checksum_address(raw))
    try:
        public_key = PublicKey.from_compressed_bytes(raw)
    except (ValidationError, ValueError) as error:
        raise DidError(f"{match['key']} is not a public key of secp256k1") from error
    return EthrDid(chain_id, str(public_key.to_checksum_address()), raw)


def of(address: str, chain_id: int) -> EthrDid:
    """The identifier of an address on a chain."""
    return parse(f"did:ethr:{hex(chain_id)}:{address}")


@dataclass(frozen=True, slots=True)
class OwnerChanged:
    """DIDOwnerChanged; the zero address deactivates for good."""

    block: int
    owner: str


@dataclass(frozen=True, slots=True)
class DelegateChanged:
    """DIDDelegateChanged; ``valid_to`` in seconds, excluded."""

    block: int
    delegate_type: bytes
    delegate: str
    valid_to: int


@dataclass(frozen=True, slots=True)
class AttributeChanged:
    """DIDAttributeChanged; ``valid_to`` in seconds, excluded; 0 revokes."""

    block: int
    name: bytes
    value: bytes
    valid_to: int


Change = OwnerChanged | DelegateChanged | AttributeChanged


def _chain_id(network: str | None) -> int:
    if network is None:
        return 1
    if network in _NETWORKS:
        return _NETWORKS[network]
    if not re.fullmatch(r"0x[0-9a-fA-F]{1,16}", network) or int(network, 16) == 0:
        raise DidError(f"{network!r} is neither a known network nor a hex chain id")
    return int(network, 16)
