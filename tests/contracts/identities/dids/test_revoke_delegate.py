from __future__ import annotations

import ape


def test_a_revoked_delegate_acts_no_more(dids, alice, bob, veri_key):
    added = dids.addDelegate(alice, veri_key, bob, 1_000, sender=alice)
    receipt = dids.revokeDelegate(alice, veri_key, bob, sender=alice)
    assert not dids.validDelegate(alice, veri_key, bob)
    assert (
        dids.DIDDelegateChanged(
            identity=alice,
            delegateType=veri_key,
            delegate=bob,
            validTo=receipt.timestamp,
            previousChange=added.block_number,
        )
        in receipt.events
    )


def test_a_stranger_revokes_nothing(dids, alice, bob, veri_key):
    dids.addDelegate(alice, veri_key, bob, 1_000, sender=alice)
    with ape.reverts(dids.NotIdentityOwner, identity=alice.address, caller=bob.address):
        dids.revokeDelegate(alice, veri_key, bob, sender=bob)
    assert dids.validDelegate(alice, veri_key, bob)
