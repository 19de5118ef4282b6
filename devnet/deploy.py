"""Deploying the contracts.

Some contracts name each other in immutables (the ledger its exchange, the exchange its ledger), so
addresses are computed beforehand from the deployer's nonces. Roles are granted in the same run;
what is dangerous can be given a delay.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode
from eth_account import Account
from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak

import contracts
from devnet.deployment import Deployment
from devnet.roles import CLAIMANTS, RESTRICTED, AuthorityRole
from devnet.rpc import JsonRpc, RpcError

ADMIN = "admin"

# Contract -> constructor arguments: names of other contracts, or ADMIN.
CONSTRUCTORS: dict[str, tuple[str, ...]] = {
    "Authority": (ADMIN,),
    "SettlementToken": ("Authority",),
    "DidRegistry": (),
    "CredentialRegistry": ("Authority", "DidRegistry"),
    "Ledger": ("Exchange", "Imbalance"),
    "Exchange": ("Authority", "Ledger", "CredentialRegistry", "Delegations"),
    "Delegations": ("Exchange",),
    "MeterRegistry": ("Authority", "Exchange"),
    "Deviations": ("Authority", "Exchange", "MeterRegistry"),
    "Imbalance": ("Exchange", "Ledger", "MeterRegistry", "Deviations"),
    "BatteryPassport": ("Authority", "CredentialRegistry"),
    "EnergyCredits": ("Authority", "Exchange", "Ledger", "MeterRegistry", "Deviations"),
    "DemandResponse": (
        "Authority",
        "Exchange",
        "Ledger",
        "MeterRegistry",
        "Deviations",
        "CredentialRegistry",
    ),
    "GreenCertificates": ("Authority", "Exchange", "MeterRegistry"),
    "QuotaRegistry": ("Authority", "Exchange", "Ledger", "MeterRegistry", "GreenCertificates"),
}

_GAS = 16_777_216
_WAIT_SECONDS = 120.0


class DeploymentError(Exception):
    """A deployment did not go through; the message says which step and why."""


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds between announcing and doing what is dangerous; 0 on a chain of one's own."""

    market_admin: int = 0
    government: int = 0
    grant: int = 0

    def execution(self, role: AuthorityRole) -> int:
        """Seconds between scheduling and executing what ``role`` does."""
        if role is AuthorityRole.MARKET_ADMIN:
            return self.market_admin
        return self.government if role is AuthorityRole.GOVERNMENT else 0


def deploy(
    rpc_url: str,
    private_key: bytes | str,
    *,
    holders: Mapping[AuthorityRole, Sequence[str]] | None = None,
    delays: Delays | None = None,
) -> Deployment:
    """Deploy all contracts from a fresh or used account and grant the roles.

    Args:
        holders: addresses by role; a role nobody is named for goes to the deployer.
        delays: execution delays of market administrator and government, delay of new grants.

    Raises:
        DeploymentError: a transaction was refused or reverted.
    """
    sender = _Sender(JsonRpc(rpc_url), private_key)
    addresses = {
        name: _create_address(sender.address, sender.nonce + offset)
        for offset, name in enumerate(CONSTRUCTORS)
    }
    known = {**addresses, ADMIN: sender.address}
    for name, arguments in CONSTRUCTORS.items():
        artifact = contracts.load(name)
        sender.send(name, None, artifact.bytecode + _constructor(artifact.abi, arguments, known))
    delays = delays or Delays()
    holding = {role: tuple((holders or {}).get(role, (sender.address,))) for role in RESTRICTED}
    holding[AuthorityRole.DEVIATION_CLAIMANT] = tuple(addresses[name] for name in CLAIMANTS)
    for role, targets in RESTRICTED.items():
        for target, functions in targets.items():
            selectors = [_selector(contracts.load(target).abi, function) for function in functions]
            sender.call(
                addresses["Authority"],
                "setTargetFunctionRole(address,bytes4[],uint64)",
                (addresses[target], selectors, int(role)),
            )
        for holder in holding[role]:
            sender.call(
                addresses["Authority"],
                "grantRole(uint64,address,uint32)",
                (int(role), holder, delays.execution(role)),
            )
        if delays.grant:
            sender.call(
                addresses["Authority"],
                "setGrantDelay(uint64,uint32)",
                (int(role), delays.grant),
            )
    first, last = sender.finish()
    rpc = sender.rpc
    return Deployment(
        chain_id=sender.chain_id,
        genesis_hash=rpc.call("eth_getBlockByNumber", "0x0", False)["hash"],
        first_block=first,
        block=last["number"],
        block_hash=last["hash"],
        addresses=addresses,
    )


class _Sender:
    """Signs and broadcasts in sequence, checks every receipt."""

    def __init__(self, rpc: JsonRpc, private_key: bytes | str) -> None:
        self.rpc = rpc
        self._account = Account.from_key(private_key)
        self.address = str(self._account.address)
        self.chain_id = int(rpc.call("eth_chainId"), 16)
        self.nonce = int(rpc.call("eth_getTransactionCount", self.address, "latest"), 16)
        base = rpc.call("eth_getBlockByNumber", "latest", False).get("baseFeePerGas", "0x0")
        self._tip = int(rpc.call("eth_maxPriorityFeePerGas"), 16)
        self._max_fee = 3 * int(base, 16) + self._tip
        self._sent: list[tuple[str, str, str]] = []

    def call(self, to: str, signature: str, args: Sequence[Any]) -> None:
        types = signature[signature.index("(") + 1 : -1].split(",")
        data = keccak(text=signature)[:4] + encode(types, args)
        self.send(signature, to, "0x" + data.hex(), gas=500_000)

    def send(self, what: str, to: str | None, data: str, gas: int = _GAS) -> None:
        transaction: dict[str, Any] = {
            "type": 2,
            "chainId": self.chain_id,
            "nonce": self.nonce,
            "data": data,
            "value": 0,
            "gas": gas,
            "maxFeePerGas": self._max_fee,
            "maxPriorityFeePerGas": self._tip,
        }
        if to is not None:
            transaction["to"] = to
        signed = self._account.sign_transaction(transaction)
        raw = "0x" + bytes(signed.raw_transaction).hex()
        self._sent.append((what, "0x" + bytes(signed.hash).hex(), raw))
        self.nonce += 1

    def finish(self) -> tuple[int, dict[str, Any]]:
        """Broadcast everything; returns the first block and number and hash of the last one."""
        # One after the other: a node may take the parts of a batch at the same moment, and anvil
        # then leaves some waiting for ever behind a nonce that it has already mined.
        for what, _, raw in self._sent:
            try:
                self.rpc.call("eth_sendRawTransaction", raw)
            except RpcError as error:
                raise DeploymentError(f"the node refused {what}: {error}") from error
        receipts = [self._receipt(what, digest) for what, digest, _ in self._sent]
        blocks = [(int(receipt["blockNumber"], 16), receipt["blockHash"]) for receipt in receipts]
        number, digest = max(blocks)
        return min(blocks)[0], {"number": number, "hash": digest}

    def _receipt(self, what: str, digest: str) -> dict[str, Any]:
        give_up = time.monotonic() + _WAIT_SECONDS
        while time.monotonic() < give_up:
            receipt = self.rpc.call("eth_getTransactionReceipt", digest)
            if receipt is not None:
                if int(receipt["status"], 16) != 1:
                    raise DeploymentError(f"{what} reverted in transaction {digest}")
                found: dict[str, Any] = receipt
                return found
            time.sleep(0.05)
        raise DeploymentError(f"{what} was not mined in {_WAIT_SECONDS:.0f} s")


def _create_address(sender: str, nonce: int) -> str:
    """RLP of [sender, nonce], hashed; both parts are shorter than 56 bytes."""
    number = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    encoded = number if 0 < nonce < 0x80 else bytes([0x80 + len(number)]) + number
    payload = bytes([0x80 + 20]) + to_canonical_address(sender) + encoded
    return to_checksum_address(keccak(bytes([0xC0 + len(payload)]) + payload)[12:])


def _constructor(
    abi: Sequence[Mapping[str, Any]], arguments: Sequence[str], known: Mapping[str, str]
) -> str:
    inputs: Sequence[Mapping[str, Any]] = next(
        (entry["inputs"] for entry in abi if entry["type"] == "constructor"), ()
    )
    if len(inputs) != len(arguments):
        raise DeploymentError(
            f"the constructor takes {[i['name'] for i in inputs]}, not {list(arguments)}"
        )
    return encode([i["type"] for i in inputs], [known[name] for name in arguments]).hex()


def _selector(abi: Sequence[Mapping[str, Any]], function: str) -> bytes:
    entry = next(e for e in abi if e["type"] == "function" and e["name"] == function)
    types = ",".join(_type(i) for i in entry["inputs"])
    return bytes(keccak(text=f"{function}({types})")[:4])


def _type(kind: Mapping[str, Any]) -> str:
    if not kind["type"].startswith("tuple"):
        return str(kind["type"])
    inner = ",".join(_type(component) for component in kind["components"])
    return f"({inner}){kind['type'][5:]}"
