"""Who signed: a plain key, a contract wallet (ERC-1271), or one not deployed yet (ERC-6492).

Contracts are asked with ``eth_call`` at the latest block, within a bound of gas. Nothing is ever
sent, and whatever is not exactly a yes is a no: a revert, too little or too much data, no gas left.

An address with code answers for itself: a key that happens to recover to it counts for nothing. The
exception is an account that delegates to code (EIP-7702): its key can end the delegation at any
time, so it signs as before, and the code it chose may answer too.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError

import contracts
from identity.errors import SignInError
from identity.signature import SignatureError, recover

if TYPE_CHECKING:
    from wattproof.gateway.chain import Chain

IS_VALID_SIGNATURE: Final = bytes.fromhex("1626ba7e")
"""Selector of ``isValidSignature(bytes32,bytes)``, and its yes."""
WRAPPER_SUFFIX: Final = bytes.fromhex("6492" * 16)
CHECK_GAS: Final = 3_000_000
"""What asking a wallet may cost; WalletSignatureCheck.sol says the same."""
PREPARED_CHECK_GAS: Final = 12_000_000
"""The same with a call that deploys the wallet first."""
_DELEGATION: Final = bytes.fromhex("ef0100")
_DELEGATION_LENGTH: Final = 23
_WRAPPED: Final = ("address", "bytes", "bytes")
_CHECKED: Final = ("address", "bytes32", "bytes", "address", "bytes")


class Proof(StrEnum):
    """What stands behind a signature."""

    KEY = "key"
    CONTRACT = "contract"
    UNDEPLOYED = "undeployed"


def prove(chain: Chain, address: str, digest: bytes, signature: bytes) -> Proof:
    """Check that an address signed 32 bytes.

    Raises:
        SignInError: it did not, or its contract does not say so.
        UnavailableError: the chain does not answer.
    """
    code = bytes.fromhex(chain.request("eth_getCode", address, "latest")[2:])
    if signature.endswith(WRAPPER_SUFFIX):
        _ask_prepared(chain, address, digest, signature)
        return Proof.CONTRACT if code else Proof.UNDEPLOYED
    if not code:
        _recover(address, digest, signature)
        return Proof.KEY
    if _delegates(code) and _is_of_key(address, digest, signature):
        return Proof.KEY
    question = IS_VALID_SIGNATURE + encode(("bytes32", "bytes"), (digest, signature))
    answer = _call(chain, {"to": address, "data": "0x" + question.hex(), "gas": hex(CHECK_GAS)})
    if answer != IS_VALID_SIGNATURE.ljust(32, b"\0"):
        raise SignInError(f"the contract at {address} does not take the signature as its own")
    return Proof.CONTRACT


def wrap(factory: str, preparation: bytes, signature: bytes) -> bytes:
    """The signature of a wallet that a call of ``factory`` with ``preparation`` deploys."""
    return encode(_WRAPPED, (factory, preparation, signature)) + WRAPPER_SUFFIX


def _ask_prepared(chain: Chain, address: str, digest: bytes, signature: bytes) -> None:
    try:
        factory, preparation, inner = decode(_WRAPPED, signature.removesuffix(WRAPPER_SUFFIX))
    except (DecodingError, OverflowError) as error:
        raise SignInError(f"the signature is not wrapped as ERC-6492 says: {error}") from error
    question = _creation_code() + encode(_CHECKED, (address, digest, inner, factory, preparation))
    answer = _call(chain, {"data": "0x" + question.hex(), "gas": hex(PREPARED_CHECK_GAS)})
    if answer != (1).to_bytes(32, "big"):
        raise SignInError(
            f"no contract at {address} takes the signature as its own, not even after the call "
            "that was to deploy it"
        )


def _call(chain: Chain, transaction: dict[str, Any]) -> bytes | None:
    result = chain.try_request("eth_call", transaction, "latest").get("result")
    try:
        return bytes.fromhex(str(result).removeprefix("0x"))
    except ValueError:
        return None


def _recover(address: str, digest: bytes, signature: bytes) -> None:
    try:
        signer = recover(digest, signature)
    except SignatureError as error:
        raise SignInError(str(error)) from error
    if signer != address:
        raise SignInError(f"the message names {address}, but another key signed it")


def _is_of_key(address: str, digest: bytes, signature: bytes) -> bool:
    try:
        return recover(digest, signature) == address
    except SignatureError:
        return False


def _delegates(code: bytes) -> bool:
    return len(code) == _DELEGATION_LENGTH and code.startswith(_DELEGATION)


@cache
def _creation_code() -> bytes:
    return bytes.fromhex(contracts.load("WalletSignatureCheck").bytecode[2:])
