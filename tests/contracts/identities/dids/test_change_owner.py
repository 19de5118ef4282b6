from __future__ import annotations

import ape
import pytest

NOBODY = "0x" + "00" * 20


def test_an_identity_owns_itself_at_first(dids, alice):
    assert dids.identityOwner(alice) == alice
    assert dids.changed(alice) == 0


def test_the_owner_hands_the_identity_on(dids, alice, bob, carol):
    dids.changeOwner(alice, bob, sender=alice)
    assert dids.identityOwner(alice) == dids.owners(alice) == bob
    dids.changeOwner(alice, carol, sender=bob)
    assert dids.identityOwner(alice) == carol


def test_the_event_points_to_the_change_before(dids, alice, bob):
    first = dids.changeOwner(alice, bob, sender=alice)
    second = dids.changeOwner(alice, alice, sender=bob)
    assert dids.DIDOwnerChanged(identity=alice, owner=bob, previousChange=0) in first.events
    assert (
        dids.DIDOwnerChanged(identity=alice, owner=alice, previousChange=first.block_number)
        in second.events
    )
    assert dids.changed(alice) == second.block_number


def test_a_stranger_changes_nothing(dids, alice, bob):
    with ape.reverts(dids.NotIdentityOwner, identity=alice.address, caller=bob.address):
        dids.changeOwner(alice, bob, sender=bob)


def test_whoever_handed_it_on_owns_it_no_more(dids, alice, bob):
    dids.changeOwner(alice, bob, sender=alice)
    with ape.reverts(dids.NotIdentityOwner, identity=alice.address, caller=alice.address):
        dids.changeOwner(alice, alice, sender=alice)


def test_deactivation_is_dated_and_leaves_no_owner(dids, alice):
    receipt = dids.changeOwner(alice, NOBODY, sender=alice)
    assert dids.identityOwner(alice) == NOBODY
    assert dids.deactivatedAt(alice) == receipt.timestamp
    assert dids.DIDOwnerChanged(identity=alice, owner=NOBODY) in receipt.events


@pytest.mark.parametrize("former_owner", ["alice", "bob"])
def test_a_deactivated_identity_never_comes_back(dids, alice, bob, former_owner, veri_key, service):
    dids.changeOwner(alice, bob, sender=alice)
    dids.changeOwner(alice, NOBODY, sender=bob)
    who = {"alice": alice, "bob": bob}[former_owner]
    for attempt in (
        lambda: dids.changeOwner(alice, who, sender=who),
        lambda: dids.addDelegate(alice, veri_key, who, 100, sender=who),
        lambda: dids.revokeDelegate(alice, veri_key, who, sender=who),
        lambda: dids.setAttribute(alice, service, b"x", 100, sender=who),
        lambda: dids.revokeAttribute(alice, service, b"x", sender=who),
    ):
        with ape.reverts(dids.IdentityDeactivated, identity=alice.address):
            attempt()
    assert dids.identityOwner(alice) == NOBODY


def test_a_deactivated_identity_has_no_delegates(dids, alice, bob, veri_key):
    dids.addDelegate(alice, veri_key, bob, 1_000, sender=alice)
    assert dids.validDelegate(alice, veri_key, bob)
    dids.changeOwner(alice, NOBODY, sender=alice)
    assert not dids.validDelegate(alice, veri_key, bob)
