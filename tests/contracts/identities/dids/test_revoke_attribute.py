from __future__ import annotations

import ape


def test_a_revoked_attribute_has_validity_zero(dids, alice, service):
    added = dids.setAttribute(alice, service, b"x", 1_000, sender=alice)
    receipt = dids.revokeAttribute(alice, service, b"x", sender=alice)
    assert (
        dids.DIDAttributeChanged(
            identity=alice,
            name=service,
            value=b"x",
            validTo=0,
            previousChange=added.block_number,
        )
        in receipt.events
    )


def test_a_stranger_revokes_nothing(dids, alice, bob, service):
    with ape.reverts(dids.NotIdentityOwner, identity=alice.address, caller=bob.address):
        dids.revokeAttribute(alice, service, b"x", sender=bob)
