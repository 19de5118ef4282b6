from __future__ import annotations

from dataclasses import dataclass

import pytest
from eth_account import Account

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
VERI_KEY = b"veriKey".ljust(32, b"\0")
SERVICE = b"did/svc/HubService".ljust(32, b"\0")

TYPES = {
    "ChangeOwner": [("newOwner", "address")],
    "AddDelegate": [
        ("delegateType", "bytes32"),
        ("delegate", "address"),
        ("validity", "uint256"),
    ],
    "RevokeDelegate": [("delegateType", "bytes32"), ("delegate", "address")],
    "SetAttribute": [("name", "bytes32"), ("value", "bytes"), ("validity", "uint256")],
    "RevokeAttribute": [("name", "bytes32"), ("value", "bytes")],
}


@dataclass(frozen=True)
class Change:
    """A change that its owner signs and anybody brings."""

    registry: object
    chain_id: int
    kind: str
    arguments: tuple

    def sign(self, key, identity, deadline, *, nonce=None, chain_id=None, registry=None):
        signer = Account.from_key(key).address
        fields = [("identity", "address"), *TYPES[self.kind]]
        fields += [("nonce", "uint256"), ("deadline", "uint256")]
        values = (
            identity,
            *self.arguments,
            self.registry.call_view_method("nonce", signer) if nonce is None else nonce,
            deadline,
        )
        signed = Account.sign_typed_data(
            key,
            {
                "name": "Wattproof",
                "version": "1",
                "chainId": chain_id or self.chain_id,
                "verifyingContract": registry or self.registry.address,
            },
            {self.kind: [{"name": name, "type": kind} for name, kind in fields]},
            {name: value for (name, _), value in zip(fields, values, strict=True)},
        )
        return signed.v, signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big")

    def send(self, identity, vrs, deadline, sender):
        function = getattr(self.registry, self.kind[0].lower() + self.kind[1:] + "Signed")
        return function(identity, *vrs, *self.arguments, deadline, sender=sender)


@pytest.fixture(scope="session")
def change(dids, chain):
    """`change(kind, *arguments)`: a change to be signed."""
    return lambda kind, *arguments: Change(dids, chain.chain_id, kind, arguments)


@pytest.fixture(scope="session")
def alice(accounts):
    return accounts[1]


@pytest.fixture(scope="session")
def bob(accounts):
    return accounts[2]


@pytest.fixture(scope="session")
def carol(accounts):
    return accounts[3]


@pytest.fixture(scope="session")
def key():
    """A key without a coin: others bring what it signs."""
    return b"\x42" * 32


@pytest.fixture(scope="session")
def identity(key):
    return Account.from_key(key).address


@pytest.fixture(scope="session")
def veri_key():
    return VERI_KEY


@pytest.fixture(scope="session")
def service():
    return SERVICE


@pytest.fixture(scope="session")
def malleate():
    """The other signature of the same message by the same key."""

    def other(vrs):
        v, r, s = vrs
        flipped = CURVE_ORDER - int.from_bytes(s, "big")
        return 55 - v, r, flipped.to_bytes(32, "big")

    return other
