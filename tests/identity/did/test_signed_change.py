"""Signed changes on the compiled registry: what is signed here is what the contract takes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from coincurve import PrivateKey
from eth_account import Account
from eth_account.messages import encode_typed_data

from identity.did.attribute import KeyAttribute, ServiceAttribute, name_word
from identity.did.change import (
    AddDelegate,
    ChangeController,
    RevokeAttribute,
    RevokeDelegate,
    SetAttribute,
    adding,
    deactivation,
    own_call,
    revoking,
)
from identity.did.ethr import ZERO_ADDRESS
from identity.did.signed_change import RegistryDomain, SignedChange
from identity.errors import DidError
from identity.signature import CURVE_ORDER, SignatureError
from identity.signer import LocalSigner
from tests.evm.chain import CHAIN_ID, Chain, EvmRevertError

NOW = 1_800_000_000
DAY = 86_400
OWNER = LocalSigner(b"\x01" * 32)
FRIEND = LocalSigner(b"\x02" * 32)
STRANGER = "0x" + "ab" * 20
ME = OWNER.address
POINT = PrivateKey(b"\x07" * 32).public_key.format()
CHANGES = [
    ChangeController(ME, FRIEND.address),
    deactivation(ME),
    AddDelegate(ME, "veriKey", FRIEND.address, DAY),
    RevokeDelegate(ME, "sigAuth", FRIEND.address),
    adding(ME, KeyAttribute("Secp256k1", "sigAuth", POINT, "base58"), DAY),
    adding(ME, ServiceAttribute("Readings", "https://meter.example/a?b=c"), DAY),
    SetAttribute(ME, name_word("empty"), b"", 1),
    SetAttribute(ME, name_word("0x41"), b"0x41", 1),
    revoking(ME, ServiceAttribute("Readings", "https://meter.example/a?b=c")),
    RevokeAttribute(ME, b"\xff" * 32, b"\xfe"),
]


@pytest.fixture
def registry():
    return Chain(NOW).deploy(str(Account.create().address), "DidRegistry")


def signed(registry, change, nonce=0, deadline=NOW + 60):
    domain = RegistryDomain(CHAIN_ID, registry.address)
    return SignedChange(change, domain, nonce, deadline)


def carry_out(registry, proposal, signature):
    function, arguments = proposal.call(signature)
    registry.call(function, *arguments, sender=STRANGER)


def refusal(registry, proposal, signature):
    with pytest.raises(EvmRevertError) as raised:
        carry_out(registry, proposal, signature)
    return raised.value.name, raised.value.arguments


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.struct)
def test_the_registry_takes_what_the_controller_signed(registry, change):
    proposal = signed(registry, change)
    carry_out(registry, proposal, proposal.sign(OWNER))
    assert registry.view("nonce", ME) == 1
    assert registry.view("changed", ME) == 1


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.struct)
def test_a_wallet_signs_the_same_digest_over_the_typed_data(registry, change):
    proposal = signed(registry, change)
    by_wallet = Account.sign_message(
        encode_typed_data(full_message=proposal.typed_data()), b"\x01" * 32
    )
    assert bytes(by_wallet.message_hash) == proposal.digest()
    assert proposal.signed_by(bytes(by_wallet.signature)) == ME
    carry_out(registry, proposal, bytes(by_wallet.signature))
    assert registry.view("nonce", ME) == 1


def test_the_own_transaction_needs_no_signature_and_no_nonce(registry):
    function, arguments = own_call(AddDelegate(ME, "veriKey", FRIEND.address, DAY))
    registry.call(function, *arguments, sender=ME)
    assert registry.view("validDelegate", ME, name_word("veriKey"), FRIEND.address)
    assert registry.view("nonce", ME) == 0


def test_a_change_takes_effect(registry):
    proposal = signed(registry, AddDelegate(ME, "sigAuth", FRIEND.address, DAY))
    carry_out(registry, proposal, proposal.sign(OWNER))
    assert registry.view("validDelegate", ME, name_word("sigAuth"), FRIEND.address)
    proposal = signed(registry, RevokeDelegate(ME, "sigAuth", FRIEND.address), nonce=1)
    carry_out(registry, proposal, proposal.sign(OWNER))
    assert not registry.view("validDelegate", ME, name_word("sigAuth"), FRIEND.address)
    proposal = signed(registry, ChangeController(ME, FRIEND.address), nonce=2)
    carry_out(registry, proposal, proposal.sign(OWNER))
    assert registry.view("identityOwner", ME) == FRIEND.address.lower()


def test_a_signed_change_is_good_once(registry):
    proposal = signed(registry, CHANGES[2])
    signature = proposal.sign(OWNER)
    carry_out(registry, proposal, signature)
    name, _ = refusal(registry, proposal, signature)
    assert name == "NotIdentityOwner"


def test_the_second_of_the_deadline_is_in_time_and_the_next_is_not(registry):
    proposal = signed(registry, CHANGES[2], deadline=NOW)
    late = signed(registry, CHANGES[2], nonce=1, deadline=NOW)
    carry_out(registry, proposal, proposal.sign(OWNER))
    registry.chain.now = NOW + 1
    assert refusal(registry, late, late.sign(OWNER)) == ("SignatureExpired", (NOW,))


@pytest.mark.parametrize(
    "other",
    [
        {"domain": RegistryDomain(CHAIN_ID + 1, "0x" + "11" * 20)},
        {"nonce": 1},
        {"deadline": NOW + 61},
        {"change": AddDelegate(ME, "veriKey", FRIEND.address, DAY + 1)},
        {"change": AddDelegate(FRIEND.address, "veriKey", FRIEND.address, DAY)},
    ],
)
def test_a_signature_over_something_else_is_refused(registry, other):
    proposal = signed(registry, AddDelegate(ME, "veriKey", FRIEND.address, DAY))
    if "domain" in other:
        other = {"domain": replace(other["domain"], registry=registry.address)}
    name, _ = refusal(registry, proposal, replace(proposal, **other).sign(OWNER))
    assert name == "NotIdentityOwner"


def test_a_signature_for_another_registry_is_refused(registry):
    other = registry.chain.deploy(str(Account.create().address), "DidRegistry")
    proposal = signed(registry, CHANGES[0])
    name, _ = refusal(registry, proposal, signed(other, CHANGES[0]).sign(OWNER))
    assert name == "NotIdentityOwner"


def test_a_malleated_signature_is_refused_here_and_there(registry):
    proposal = signed(registry, CHANGES[0])
    compact = proposal.sign(OWNER)
    r, packed = compact[:32], int.from_bytes(compact[32:], "big")
    high = CURVE_ORDER - (packed & ((1 << 255) - 1))
    malleated = r + high.to_bytes(32, "big") + bytes([28 - (packed >> 255)])
    with pytest.raises(SignatureError, match="half the curve order"):
        proposal.signed_by(malleated)
    assert refusal(registry, proposal, malleated)[0] == "InvalidSignature"


def test_the_former_controller_signs_in_vain(registry):
    handed_on = signed(registry, ChangeController(ME, FRIEND.address))
    carry_out(registry, handed_on, handed_on.sign(OWNER))
    for nonce in (0, 1):
        late = signed(registry, CHANGES[2], nonce=nonce)
        assert refusal(registry, late, late.sign(OWNER))[0] == "NotIdentityOwner"
    by_heir = signed(registry, CHANGES[2], nonce=0)
    carry_out(registry, by_heir, by_heir.sign(FRIEND))
    assert registry.view("nonce", FRIEND.address) == 1


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.struct)
def test_nothing_of_a_deactivated_identity_changes(registry, change):
    ended = signed(registry, deactivation(ME))
    carry_out(registry, ended, ended.sign(OWNER))
    late = signed(registry, change, nonce=1)
    assert refusal(registry, late, late.sign(OWNER)) == ("IdentityDeactivated", (ME.lower(),))
    assert registry.view("identityOwner", ME) == ZERO_ADDRESS


@pytest.mark.parametrize(("nonce", "deadline"), [(-1, NOW), (0, -1), (0, 2**40), (2**256, NOW)])
def test_numbers_that_json_does_not_hold_are_refused(registry, nonce, deadline):
    with pytest.raises(DidError):
        signed(registry, CHANGES[0], nonce, deadline)
