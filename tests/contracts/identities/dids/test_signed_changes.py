"""What holds for every function that takes a signed change."""

from __future__ import annotations

import ape
import pytest
from eth_account import Account

NOBODY = "0x" + "00" * 20
VERI_KEY = b"veriKey".ljust(32, b"\0")
SERVICE = b"did/svc/HubService".ljust(32, b"\0")
DELEGATE = "0x" + "d1" * 20

CHANGES = [
    ("ChangeOwner", DELEGATE),
    ("AddDelegate", VERI_KEY, DELEGATE, 500),
    ("RevokeDelegate", VERI_KEY, DELEGATE),
    ("SetAttribute", SERVICE, b"https://hub.example", 500),
    ("RevokeAttribute", SERVICE, b"https://hub.example"),
]


@pytest.fixture(params=CHANGES, ids=lambda change: change[0])
def signed_change(request, change):
    return change(*request.param)


@pytest.fixture
def deadline(clock):
    return clock.now + 1_000


def test_anybody_brings_a_signed_change(dids, signed_change, key, identity, deadline, bob):
    vrs = signed_change.sign(key, identity, deadline)
    receipt = signed_change.send(identity, vrs, deadline, bob)
    assert dids.changed(identity) == receipt.block_number
    assert dids.call_view_method("nonce", identity) == 1
    assert len(receipt.events) == 1


def test_a_signature_is_good_once(dids, change, key, identity, deadline, bob):
    """With the owner unchanged: otherwise the signer would be refused for that alone."""
    for arguments in CHANGES[1:]:
        signed = change(*arguments)
        vrs = signed.sign(key, identity, deadline)
        signed.send(identity, vrs, deadline, bob)
        before = dids.changed(identity)
        with ape.reverts(dids.NotIdentityOwner):
            signed.send(identity, vrs, deadline, bob)
        assert dids.changed(identity) == before


def test_a_handover_is_not_replayed_after_the_identity_came_back(
    dids, change, key, identity, deadline, bob
):
    to_bob = change("ChangeOwner", bob.address)
    vrs = to_bob.sign(key, identity, deadline)
    to_bob.send(identity, vrs, deadline, bob)
    dids.changeOwner(identity, identity, sender=bob)
    with ape.reverts(dids.NotIdentityOwner):
        to_bob.send(identity, vrs, deadline, bob)
    assert dids.identityOwner(identity) == identity


def test_a_signature_for_another_chain_is_refused(
    dids, signed_change, key, identity, deadline, bob, chain
):
    vrs = signed_change.sign(key, identity, deadline, chain_id=chain.chain_id + 1)
    with ape.reverts(dids.NotIdentityOwner):
        signed_change.send(identity, vrs, deadline, bob)


def test_a_signature_for_another_registry_is_refused(
    dids, signed_change, key, identity, deadline, bob
):
    vrs = signed_change.sign(key, identity, deadline, registry=bob.address)
    with ape.reverts(dids.NotIdentityOwner):
        signed_change.send(identity, vrs, deadline, bob)


def test_a_signature_with_a_later_nonce_is_refused(
    dids, signed_change, key, identity, deadline, bob
):
    vrs = signed_change.sign(key, identity, deadline, nonce=1)
    with ape.reverts(dids.NotIdentityOwner):
        signed_change.send(identity, vrs, deadline, bob)


def test_the_deadline_is_the_last_second(dids, signed_change, key, identity, deadline, bob, clock):
    vrs = signed_change.sign(key, identity, deadline)
    clock.next_at(deadline)
    signed_change.send(identity, vrs, deadline, bob)
    assert dids.changed(identity) != 0


def test_after_the_deadline_it_is_too_late(
    dids, signed_change, key, identity, deadline, bob, clock
):
    vrs = signed_change.sign(key, identity, deadline)
    clock.next_at(deadline + 1)
    with ape.reverts(dids.SignatureExpired, deadline=deadline):
        signed_change.send(identity, vrs, deadline, bob)


def test_the_deadline_is_signed(dids, signed_change, key, identity, deadline, bob):
    vrs = signed_change.sign(key, identity, deadline)
    with ape.reverts(dids.NotIdentityOwner):
        signed_change.send(identity, vrs, deadline + 1, bob)


def test_a_malleated_signature_is_refused(
    dids, signed_change, key, identity, deadline, bob, malleate
):
    vrs = malleate(signed_change.sign(key, identity, deadline))
    with ape.reverts(dids.InvalidSignature):
        signed_change.send(identity, vrs, deadline, bob)


def test_a_signature_that_recovers_to_nobody_is_refused(
    dids, signed_change, identity, deadline, bob
):
    with ape.reverts(dids.InvalidSignature):
        signed_change.send(identity, (29, b"\x01" * 32, b"\x01" * 32), deadline, bob)


def test_another_key_signs_nothing(dids, signed_change, identity, deadline, bob):
    other = b"\x43" * 32
    vrs = signed_change.sign(other, identity, deadline)
    with ape.reverts(
        dids.NotIdentityOwner, identity=identity, caller=Account.from_key(other).address
    ):
        signed_change.send(identity, vrs, deadline, bob)


def test_a_deactivated_identity_signs_nothing(
    dids, change, signed_change, key, identity, deadline, bob
):
    """Not even with a signature that recovers to nobody, who is then the owner."""
    end = change("ChangeOwner", NOBODY)
    end.send(identity, end.sign(key, identity, deadline), deadline, bob)
    assert dids.deactivatedAt(identity) != 0
    for vrs in (signed_change.sign(key, identity, deadline), (29, b"\x01" * 32, b"\x01" * 32)):
        with ape.reverts(dids.IdentityDeactivated, identity=identity):
            signed_change.send(identity, vrs, deadline, bob)
    assert dids.identityOwner(identity) == NOBODY


def test_the_new_owner_signs_for_the_identity(dids, change, key, identity, deadline, bob):
    new_key = b"\x44" * 32
    new_owner = Account.from_key(new_key).address
    handover = change("ChangeOwner", new_owner)
    handover.send(identity, handover.sign(key, identity, deadline), deadline, bob)
    attribute = change("SetAttribute", SERVICE, b"y", 10)
    attribute.send(identity, attribute.sign(new_key, identity, deadline), deadline, bob)
    assert dids.call_view_method("nonce", new_owner) == 1
    with ape.reverts(dids.NotIdentityOwner):
        attribute.send(identity, attribute.sign(key, identity, deadline), deadline, bob)
