"""Who stands behind an issuer, and what ownership and delegates make of two of them."""

from __future__ import annotations

import itertools

import pytest
from coincurve import PrivateKey

from identity import did
from identity.did import EthrMethod, KeyMethod, Resolver, Wanted
from identity.did.ethr import ZERO_ADDRESS, AttributeChanged, DelegateChanged, OwnerChanged
from identity.did.key import ED25519, SECP256K1, did_of
from identity.errors import CredentialError
from identity.trust import Parties, independent
from identity.verifiable.keys import Ed25519Key
from tests.identity.verifiable.world import CHAIN, ED_DID, HOLDER, ISSUER, NOW, OTHER, Registry

VERIKEY = b"veriKey".ljust(32, b"\0")
THIRD = did.of("0x" + "77" * 20, CHAIN)


@pytest.fixture
def registry():
    return Registry()


def parties_of(registry, *issuers, signed=None, **options):
    resolver = Resolver({"ethr": EthrMethod({CHAIN: registry}), "key": KeyMethod()})
    parties = Parties(resolver, **options)
    return [parties.of(issuer, signed=signed) for issuer in issuers]


def count(registry, *issuers, **options):
    return independent(parties_of(registry, *issuers, **options))


def moved(registry, who, owner, block=10):
    registry.events.setdefault(who.signer.address, []).append(OwnerChanged(block, owner))


def delegated(registry, who, delegate, valid_to=NOW + 100):
    registry.events.setdefault(who.signer.address, []).append(
        DelegateChanged(11, VERIKEY, delegate, valid_to)
    )


def test_two_issuers_with_keys_of_their_own_are_two(registry):
    assert count(registry, ISSUER.did, OTHER.did) == 2
    assert count(registry, ISSUER.did, OTHER.did, ED_DID) == 3


def test_the_same_issuer_twice_is_one(registry):
    assert count(registry, ISSUER.did, ISSUER.did) == 1


def test_two_identifiers_of_one_controller_are_one(registry):
    moved(registry, ISSUER, HOLDER.signer.address)
    moved(registry, OTHER, HOLDER.signer.address)
    assert count(registry, ISSUER.did, OTHER.did) == 1


def test_an_issuer_that_was_given_to_another_counts_with_it(registry):
    moved(registry, OTHER, ISSUER.signer.address)
    assert count(registry, ISSUER.did, OTHER.did) == 1


def test_a_chain_of_owners_is_followed_to_its_end(registry):
    moved(registry, ISSUER, OTHER.signer.address)
    moved(registry, OTHER, HOLDER.signer.address)
    assert count(registry, ISSUER.did, HOLDER.did) == 1


def test_owners_in_a_circle_are_one_and_end(registry):
    moved(registry, ISSUER, OTHER.signer.address)
    moved(registry, OTHER, ISSUER.signer.address)
    assert count(registry, ISSUER.did, OTHER.did) == 1


def test_a_chain_of_owners_without_an_end_counts_nothing(registry):
    addresses = ["0x" + f"{number:02x}" * 20 for number in range(16, 40)]
    named = [did.of(address, CHAIN).address for address in addresses]
    for one, other in itertools.pairwise(named):
        registry.events[one] = [OwnerChanged(5, other)]
    with pytest.raises(CredentialError, match="chain of owners"):
        parties_of(registry, str(did.of(named[0], CHAIN)))


def test_an_issuer_and_its_delegate_are_one_while_the_delegation_lasts(registry):
    delegated(registry, ISSUER, OTHER.signer.address)
    assert count(registry, ISSUER.did, OTHER.did) == 1


def test_a_delegation_that_ended_joins_nobody(registry):
    delegated(registry, ISSUER, OTHER.signer.address, valid_to=NOW - 1)
    assert count(registry, ISSUER.did, OTHER.did) == 2


def test_two_issuers_that_share_a_delegate_are_one(registry):
    for issuer in (ISSUER, OTHER):
        delegated(registry, issuer, THIRD.address)
    assert count(registry, ISSUER.did, OTHER.did) == 1


def test_naming_two_strangers_costs_whoever_names_them(registry):
    delegated(registry, HOLDER, ISSUER.signer.address)
    delegated(registry, HOLDER, OTHER.signer.address)
    assert count(registry, ISSUER.did, OTHER.did) == 2
    assert count(registry, ISSUER.did, OTHER.did, HOLDER.did) == 2


def test_one_key_under_two_methods_is_one_party(registry):
    key = PrivateKey(b"\x11" * 32).public_key.format()
    same = did_of(SECP256K1, key)
    assert count(registry, ISSUER.did, same) == 1


def test_a_second_key_in_an_issuers_document_joins_it_with_whoever_has_that_key(registry):
    key = Ed25519Key(b"\x44" * 32)
    name = b"did/pub/Ed25519/veriKey/hex".ljust(32, b"\0")
    registry.events[ISSUER.signer.address] = [
        AttributeChanged(9, name, key.public_key, NOW + 1_000)
    ]
    assert count(registry, ISSUER.did, did_of(ED25519, key.public_key)) == 1


def test_ownership_that_was_parted_after_signing_still_joins_what_was_signed_before(registry):
    moved(registry, OTHER, ISSUER.signer.address, block=10)
    moved(registry, OTHER, HOLDER.signer.address, block=500)
    assert count(registry, ISSUER.did, OTHER.did) == 2
    assert count(registry, ISSUER.did, OTHER.did, signed=Wanted(version_id="100")) == 1


def test_operators_of_one_organisation_are_one(registry):
    named = {ISSUER.signer.address: "Grid Ltd", OTHER.signer.address.lower(): "Grid Ltd"}
    assert count(registry, ISSUER.did, OTHER.did, organisations=named) == 1
    assert count(registry, ISSUER.did, OTHER.did, HOLDER.did, organisations=named) == 2


def test_an_issuer_that_an_organisation_took_over_is_of_it(registry):
    moved(registry, ISSUER, HOLDER.signer.address)
    named = {HOLDER.signer.address: "Grid Ltd", OTHER.signer.address: "Grid Ltd"}
    assert count(registry, ISSUER.did, OTHER.did, organisations=named) == 1


def test_an_issuer_that_was_deactivated_stands_for_its_own_name_alone(registry):
    moved(registry, ISSUER, ZERO_ADDRESS)
    (parties,) = parties_of(registry, ISSUER.did)
    assert parties == {ISSUER.signer.address.lower()}


@pytest.mark.parametrize("issuer", ["did:web:issuer.example", "did:ethr:0x1:0x12", "nobody"])
def test_an_issuer_that_cannot_be_resolved_is_nobody(registry, issuer):
    with pytest.raises(CredentialError, match="cannot be resolved"):
        parties_of(registry, issuer)
