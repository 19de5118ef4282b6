"""Contract wallets on a test's chain, and what their owners sign."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode
from eth_account import Account
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

import contracts
from identity import siwe
from identity.signature import CURVE_ORDER
from wattproof.runtime import Platform

_SENDER = "0x00000000000000000000000000000000000a11ce"
_DEADLINE_S = 30.0


@dataclass(frozen=True)
class TestChain:
    """Deploys and calls what the platform knows nothing of."""

    __test__ = False

    platform: Platform

    def request(self, method: str, *params: Any) -> Any:
        return self.platform.chain.request(method, *params)

    def deploy(self, name: str, kinds: tuple[str, ...] = (), *values: Any) -> str:
        """Address of a new contract."""
        code = contracts.load(name).bytecode + encode(kinds, values).hex()
        return to_checksum_address(self._send({"data": code})["contractAddress"])

    def send(self, to: str, signature: str, *values: Any) -> None:
        self._send({"to": to, "data": "0x" + call(signature, *values).hex()})

    def ask(self, to: str, signature: str, *values: Any) -> bytes:
        data = "0x" + call(signature, *values).hex()
        return bytes.fromhex(self.request("eth_call", {"to": to, "data": data}, "latest")[2:])

    def code(self, address: str) -> str:
        return str(self.request("eth_getCode", address, "latest"))

    def delegate(self, address: str, target: str) -> None:
        """Gives an account the code of EIP-7702."""
        self.request("anvil_setCode", address, "0xef0100" + target[2:].lower())

    def _send(self, transaction: dict[str, str]) -> Any:
        self.request("anvil_setBalance", _SENDER, hex(10**18))
        self.request("anvil_impersonateAccount", _SENDER)
        sent = self.request(
            "eth_sendTransaction", {"from": _SENDER, "gas": hex(5_000_000)} | transaction
        )
        give_up = time.monotonic() + _DEADLINE_S
        while (receipt := self.request("eth_getTransactionReceipt", sent)) is None:
            assert time.monotonic() < give_up, f"{sent} was not mined"
            time.sleep(0.01)
        assert receipt["status"] == "0x1", receipt
        return receipt


def call(signature: str, *values: Any) -> bytes:
    """Call data of ``name(types)``."""
    kinds = [kind for kind in signature[signature.index("(") + 1 : -1].split(",") if kind]
    return keccak(text=signature)[:4] + encode(kinds, values)


def signed(owner: Any, message: str) -> bytes:
    """An owner's 65 bytes over a sign-in message."""
    return bytes(Account.unsafe_sign_hash(siwe.digest(message), owner.key).signature)


def malleated(signature: bytes) -> bytes:
    """The other signature of the same key, with the high s."""
    s = CURVE_ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])
