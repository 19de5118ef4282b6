from __future__ import annotations

import ape
from eth_abi import encode
from eth_utils import keccak


def test_a_delegate_acts_until_its_time_is_over(dids, alice, bob, veri_key, clock):
    receipt = dids.addDelegate(alice, veri_key, bob, 100, sender=alice)
    valid_to = receipt.timestamp + 100
    assert (
        dids.DIDDelegateChanged(
            identity=alice, delegateType=veri_key, delegate=bob, validTo=valid_to, previousChange=0
        )
        in receipt.events
    )
    clock.move_to(valid_to - 1)
    assert dids.validDelegate(alice, veri_key, bob)
    clock.move_to(valid_to)
    assert not dids.validDelegate(alice, veri_key, bob)


def test_a_delegation_is_for_one_type(dids, alice, bob, veri_key):
    dids.addDelegate(alice, veri_key, bob, 100, sender=alice)
    assert not dids.validDelegate(alice, b"sigAuth".ljust(32, b"\0"), bob)


def test_the_raw_table_reads_as_in_the_registry_of_the_standard(dids, alice, bob, veri_key):
    receipt = dids.addDelegate(alice, veri_key, bob, 100, sender=alice)
    type_hash = keccak(encode(["bytes32"], [veri_key]))
    assert dids.delegates(alice, type_hash, bob) == receipt.timestamp + 100


def test_a_stranger_adds_no_delegate(dids, alice, bob, veri_key):
    with ape.reverts(dids.NotIdentityOwner, identity=alice.address, caller=bob.address):
        dids.addDelegate(alice, veri_key, bob, 100, sender=bob)


def test_a_delegate_adds_no_delegate(dids, alice, bob, carol, veri_key):
    dids.addDelegate(alice, veri_key, bob, 100, sender=alice)
    with ape.reverts(dids.NotIdentityOwner, identity=alice.address, caller=bob.address):
        dids.addDelegate(alice, veri_key, carol, 100, sender=bob)
