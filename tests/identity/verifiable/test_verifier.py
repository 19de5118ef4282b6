from __future__ import annotations

import pytest

from identity.did.ethr import ZERO_ADDRESS, OwnerChanged
from identity.errors import CredentialError
from identity.verifiable import jose, jws, sd_jwt
from identity.verifiable.status_list import StatusEntry
from identity.verifiable.verifier import check_shown
from tests.identity.verifiable.world import (
    CHAIN,
    HOLDER,
    ISSUER,
    KIND,
    LIST_URL,
    NOW,
    OTHER,
    World,
    by_jwt,
    by_proof,
    credential,
)


@pytest.fixture
def world():
    return World()


def refused(world, secured, match, **options):
    with pytest.raises(CredentialError, match=match):
        world.verifier.credential(secured, **options)


@pytest.mark.parametrize("secured", [by_jwt, by_proof])
def test_a_credential_of_an_accredited_issuer_holds(world, secured):
    held = world.verifier.credential(secured())
    assert held.subject == HOLDER.did
    assert held.claims == {"role": "prosumer", "zone": 4}


def test_an_issuer_without_accreditation_says_nothing(world):
    world.accredited.clear()
    refused(world, by_jwt(), "not accredited")
    refused(world, by_proof(), "not accredited")


def test_nobody_signs_in_the_name_of_another(world):
    refused(world, jose.secure(credential(), OTHER.key), "is no key of")
    forged = jws.sign(credential(), OTHER.key, typ="vc+jwt", kid=f"{ISSUER.did}#controller")
    refused(world, forged, "another key signed it")


def test_a_holders_token_does_not_pass_as_a_credential(world):
    wrong = jws.sign(credential(), ISSUER.key, typ="vp+jwt")
    refused(world, wrong, "not a 'vc")


@pytest.mark.parametrize(
    "changes",
    [
        {"validUntil": "2020-01-02T00:00:00Z", "validFrom": "2020-01-01T00:00:00Z"},
        {"validFrom": "2090-01-01T00:00:00Z", "validUntil": None},
    ],
)
def test_outside_its_time_it_does_not_hold(world, changes):
    refused(world, by_jwt(**changes), "expired|not valid yet")


def test_an_unknown_context_is_refused(world):
    contexts = ["https://www.w3.org/ns/credentials/v2", "https://evil.example/v1"]
    refused(world, by_jwt(**{"@context": contexts}), "not known here")


@pytest.mark.parametrize(
    "extra", [{"vc": {}}, {"iss": OTHER.did}, {"proof": {"type": "DataIntegrityProof"}}]
)
def test_a_token_that_says_two_things_is_refused(world, extra):
    token = jws.sign({**credential(), **extra}, ISSUER.key, typ="vc+jwt")
    with pytest.raises(CredentialError):
        world.verifier.credential(token)


# -- keys that change


def test_a_key_that_was_rotated_before_signing_speaks_for_nobody(world):
    world.registry.events[ISSUER.signer.address] = [OwnerChanged(NOW - 100, OTHER.signer.address)]
    refused(world, by_jwt(), "another key signed it")
    refused(world, by_jwt(), "another key signed it", anchored_at=NOW - 50)


def test_a_key_that_was_rotated_afterwards_speaks_for_what_is_anchored_before(world):
    token = by_jwt()
    world.registry.events[ISSUER.signer.address] = [OwnerChanged(NOW - 100, OTHER.signer.address)]
    held = world.verifier.credential(token, anchored_at=NOW - 101)
    assert held.issuer == ISSUER.did
    refused(world, token, "another key signed it")


def test_the_new_key_speaks_after_the_rotation(world):
    world.registry.events[ISSUER.signer.address] = [OwnerChanged(NOW - 100, OTHER.signer.address)]
    token = jws.sign(credential(), OTHER.key, typ="vc+jwt", kid=f"{ISSUER.did}#controller")
    assert world.verifier.credential(token).issuer == ISSUER.did


def test_a_deactivated_issuer_speaks_for_nothing_any_more(world):
    token = by_jwt()
    world.registry.events[ISSUER.signer.address] = [OwnerChanged(NOW - 100, ZERO_ADDRESS)]
    refused(world, token, "was deactivated")
    refused(world, token, "was deactivated", anchored_at=NOW - 200)


def test_an_issuer_that_cannot_be_resolved_is_refused(world):
    elsewhere = ISSUER.did.replace(hex(CHAIN), "0x5")
    token = jws.sign(
        credential(issuer=elsewhere), ISSUER.key, typ="vc+jwt", kid=f"{elsewhere}#controller"
    )
    refused(world, token, "cannot be resolved")


@pytest.mark.parametrize("fragment", ["#delegate-1", "#", "", "#controllerX"])
def test_a_method_that_is_not_in_the_document_is_refused(world, fragment):
    token = jws.sign(credential(), ISSUER.key, typ="vc+jwt", kid=ISSUER.did + fragment)
    refused(world, token, "does not stand in the document")


# -- status


def test_a_credential_stands_until_its_bit_is_set(world):
    token = by_jwt(credentialStatus=world.publish([]).document())
    assert world.verifier.credential(token)
    world.publish([7])
    refused(world, token, "status is revocation")


def test_a_list_that_cannot_be_had_revokes(world):
    refused(world, by_jwt(credentialStatus=StatusEntry(LIST_URL, 7).document()), "cannot be had")


def test_a_list_that_has_expired_or_is_anothers_or_was_altered_revokes(world):
    token = by_jwt(credentialStatus=StatusEntry(LIST_URL, 7).document())
    world.publish([], until=NOW - 61)
    refused(world, token, "expired")
    world.publish([], by=OTHER)
    refused(world, token, "not one of the credential's issuer")
    world.publish([])
    text = str(world.lists[LIST_URL])
    world.lists[LIST_URL] = text[:-4] + ("AAAA" if text[-4:] != "AAAA" else "BBBB")
    refused(world, token, "another key signed it|left over|s is above")
    world.lists[LIST_URL] = by_jwt()
    refused(world, token, "no status list")


def test_a_list_without_a_proof_revokes(world):
    token = by_jwt(credentialStatus=StatusEntry(LIST_URL, 7).document())
    world.lists[LIST_URL] = credential(
        type=["VerifiableCredential", "BitstringStatusListCredential"]
    )
    refused(world, token, "has one proof")


# -- selective disclosure

HIDDEN = ("role", "zone", "name")


def whole(key=ISSUER.key, **changes):
    claims = {
        "iss": ISSUER.did,
        "vct": KIND,
        "cnf": {"kid": f"{HOLDER.did}#controller"},
        "exp": NOW + 86_400,
        "role": "prosumer",
        "zone": 4,
        "name": "Ada",
    }
    claims = {name: value for name, value in (claims | changes).items() if value is not None}
    return sd_jwt.issue(claims, HIDDEN, key)


def shown(token=None, by=HOLDER, audience="market", nonce="n-1", issued_at=NOW):
    some = sd_jwt.select(token or whole(), {"role", "zone"})
    return str(sd_jwt.bind(some, by.key, audience=audience, nonce=nonce, issued_at=issued_at))


def look(world, text):
    return check_shown(world.verifier, text, audience="market", nonce="n-1")


def test_a_participant_proves_its_role_and_zone_and_nothing_else(world):
    seen = look(world, shown())
    assert (seen.holder, seen.issuer, seen.kind) == (HOLDER.did, ISSUER.did, KIND)
    assert (seen.claims["role"], seen.claims["zone"]) == ("prosumer", 4)
    assert "name" not in seen.claims


@pytest.mark.parametrize(
    "options",
    [
        {"by": OTHER},
        {"audience": "elsewhere"},
        {"nonce": "n-2"},
        {"issued_at": NOW - 301},
        {"issued_at": NOW + 61},
    ],
)
def test_a_binding_of_another_holder_verifier_request_or_time_is_refused(world, options):
    with pytest.raises(CredentialError):
        look(world, shown(**options))


def test_a_thief_of_the_token_has_nothing_without_the_holders_key(world):
    unbound = str(sd_jwt.select(whole(), {"role"}))
    with pytest.raises(CredentialError, match="the holder's proof is missing"):
        look(world, unbound)


def test_a_disclosure_dropped_after_binding_is_noticed(world):
    bound = sd_jwt.parse(shown())
    fewer = str(sd_jwt.SdJwt(bound.token, bound.disclosures[:1], bound.binding))
    with pytest.raises(CredentialError, match="another sd_hash"):
        look(world, fewer)


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": NOW - 61},
        {"nbf": NOW + 61},
        {"exp": "tomorrow"},
        {"exp": True},
        {"vct": None},
        {"vct": "Other"},
        {"iss": None},
        {"iss": OTHER.did},
        {"cnf": None},
        {"cnf": "x"},
        {"cnf": {"kid": f"{HOLDER.did}#delegate-1"}},
        {"credentialStatus": StatusEntry(LIST_URL, 7).document()},
    ],
)
def test_a_credential_that_does_not_hold_is_not_shown(world, changes):
    with pytest.raises(CredentialError):
        look(world, shown(whole(**changes)))


def test_a_revoked_credential_is_not_shown(world):
    token = whole(credentialStatus=world.publish([]).document())
    assert look(world, shown(token))
    world.publish([7])
    with pytest.raises(CredentialError, match="revocation"):
        look(world, shown(token))


def test_a_holder_who_gave_up_its_identity_shows_nothing(world):
    text = shown()
    world.registry.events[HOLDER.signer.address] = [OwnerChanged(NOW - 1, ZERO_ADDRESS)]
    with pytest.raises(CredentialError, match="deactivated"):
        look(world, text)


def test_a_token_with_disclosures_is_no_credential_by_itself(world):
    refused(world, str(whole()), "presented, not verified alone")
