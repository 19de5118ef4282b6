"""The vectors that the Python core is tested on, computed by the contracts' own libraries."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from eth_utils import keccak

VECTORS = Path(__file__).parents[2] / "vectors"


def read(name: str):
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def libraries(deploy):
    return deploy("test/SettlementLibraries")


def unhex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def digest(separator: bytes, struct_hash: bytes) -> bytes:
    return keccak(b"\x19\x01" + separator + struct_hash)


def test_division_rounds_as_in_python(libraries):
    for case in read("payments")["division"]:
        floor, ceil = libraries.divide(int(case["a"]), int(case["b"]))
        assert (floor, ceil) == (int(case["floor"]), int(case["ceil"])), case


def test_orders_hash_and_recover_as_in_python(libraries):
    vectors = read("orders")
    separator = unhex(vectors["domain"]["separator"])
    assert vectors["orders"]
    for case in vectors["orders"]:
        order = case["order"]
        legs = [(int(leg["product"]), int(leg["coefficient"])) for leg in order["legs"]]
        fields = ("maxUnits", "limit")
        packed = (
            order["market"],
            order["round"],
            legs,
            *(int(order[name]) for name in fields),
            order["trader"],
            order["epoch"],
            int(order["salt"]),
        )
        hashed = digest(separator, bytes(libraries.orderStructHash(packed)))
        assert hashed == unhex(case["hash"])
        assert libraries.isSignedBy(hashed, unhex(case["signature"]), order["trader"])
        assert not libraries.isSignedBy(hashed[::-1], unhex(case["signature"]), order["trader"])


def test_cancellations_and_receipts_hash_as_in_python(libraries):
    vectors = read("orders")
    separator = unhex(vectors["domain"]["separator"])
    case = vectors["cancellation"]
    fields = (case["market"], case["round"], unhex(case["order"]))
    hashed = digest(separator, bytes(libraries.cancellationStructHash(*fields)))
    assert hashed == unhex(case["hash"])
    case = vectors["receipt"]
    fields = (case["market"], case["round"], unhex(case["order"]), int(case["receivedAt"]))
    hashed = digest(separator, bytes(libraries.receiptStructHash(*fields)))
    assert hashed == unhex(case["hash"])


@pytest.mark.parametrize("size", [0, 1, 63, 65])
def test_a_signature_has_64_bytes(libraries, size):
    assert not libraries.isSignedBy(b"\1" * 32, b"\1" * size, "0x" + "11" * 20)


def test_nobody_signs_as_the_zero_address(libraries):
    assert not libraries.isSignedBy(b"\1" * 32, bytes(64), "0x" + "00" * 20)


def test_merkle_roots_and_proofs_are_those_of_python(libraries):
    for case in read("merkle"):
        leaves = [unhex(leaf) for leaf in case["leaves"]]
        root = unhex(case["root"])
        assert bytes(libraries.merkleRoot(leaves)) == root
        for index, siblings in enumerate(case["proofs"]):
            proof = [unhex(sibling) for sibling in siblings]
            count = len(leaves)
            assert libraries.merkleVerify(root, count, index, leaves[index], proof)
            assert not libraries.merkleVerify(root, count, count, leaves[index], proof)
            if count > 1:
                other = (index + 1) % count
                assert not libraries.merkleVerify(root, count, other, leaves[index], proof)
                assert not libraries.merkleVerify(root, count, index, leaves[index], proof[:-1])
