from __future__ import annotations

import ape


def test_an_attribute_is_published_with_its_validity(dids, alice, service):
    receipt = dids.setAttribute(alice, service, b"https://hub.example", 86_400, sender=alice)
    assert (
        dids.DIDAttributeChanged(
            identity=alice,
            name=service,
            value=b"https://hub.example",
            validTo=receipt.timestamp + 86_400,
            previousChange=0,
        )
        in receipt.events
    )
    assert dids.changed(alice) == receipt.block_number


def test_a_stranger_publishes_nothing(dids, alice, bob, service):
    with ape.reverts(dids.NotIdentityOwner, identity=alice.address, caller=bob.address):
        dids.setAttribute(alice, service, b"x", 1, sender=bob)


def test_all_changes_are_found_from_the_last_one_back(dids, alice, bob, veri_key, service):
    blocks = [
        dids.setAttribute(alice, service, b"a", 10, sender=alice).block_number,
        dids.addDelegate(alice, veri_key, bob, 10, sender=alice).block_number,
        dids.setAttribute(bob, service, b"of another identity", 10, sender=bob).block_number,
        dids.changeOwner(alice, bob, sender=alice).block_number,
    ]
    del blocks[2]
    events = [
        event
        for contract_event in (
            dids.DIDOwnerChanged,
            dids.DIDDelegateChanged,
            dids.DIDAttributeChanged,
        )
        for event in contract_event
    ]
    found = []
    block = dids.changed(alice)
    while block:
        found.append(block)
        (event,) = [e for e in events if e.block_number == block and e.identity == alice]
        block = event.previousChange
    assert found == blocks[::-1]
