from __future__ import annotations

import pytest

from identity.did.ethr import OwnerChanged
from identity.errors import CredentialError
from identity.verifiable import jose, jws
from identity.verifiable.presentation import verify_presentation
from tests.identity.verifiable.world import HOLDER, NOW, OTHER, World, by_jwt, by_proof


class Nonces:
    """Gives out one nonce."""

    def __init__(self):
        self.left = {"n-1"}

    def take(self, nonce):
        if nonce not in self.left:
            return False
        self.left.remove(nonce)
        return True


@pytest.fixture
def world():
    return World()


def present(
    credentials=None,
    by=HOLDER,
    holder=HOLDER.did,
    audience="market",
    nonce="n-1",
    issued_at=NOW,
    **more,
):
    return jose.present(
        [by_jwt()] if credentials is None else credentials,
        holder,
        by.key,
        audience=audience,
        nonce=nonce,
        issued_at=issued_at,
        **more,
    )


def verify(world, token, nonces=None):
    nonces = nonces or Nonces()
    return verify_presentation(world.verifier, token, audience="market", take_nonce=nonces.take)


def test_a_holder_shows_its_credentials(world):
    seen = verify(world, present())
    assert seen.holder == HOLDER.did
    assert [held.claims["role"] for held in seen.credentials] == ["prosumer"]


def test_credentials_with_proofs_and_in_envelopes_are_shown_together(world):
    document = jws.parse(present()).payload
    document["verifiableCredential"].append(by_proof())
    token = jws.sign(document, HOLDER.key, typ="vp+jwt")
    assert len(verify(world, token).credentials) == 2


def test_a_presentation_is_shown_once(world):
    nonces, token = Nonces(), present()
    verify(world, token, nonces)
    with pytest.raises(CredentialError, match="shown before"):
        verify(world, token, nonces)


def test_a_presentation_that_fails_on_a_credential_is_used_up_too(world):
    nonces = Nonces()
    world.accredited.clear()
    with pytest.raises(CredentialError, match="accredited"):
        verify(world, present(), nonces)
    assert not nonces.left


def test_a_stranger_cannot_use_up_a_nonce(world):
    nonces = Nonces()
    forged = present(by=OTHER)
    with pytest.raises(CredentialError):
        verify(world, forged, nonces)
    assert nonces.left == {"n-1"}


@pytest.mark.parametrize(
    "options",
    [
        {"audience": "elsewhere"},
        {"nonce": "n-2"},
        {"issued_at": NOW - 301},
        {"issued_at": NOW + 61},
        {"lifetime_s": 0},
        {"by": OTHER},
        {"holder": OTHER.did},
        {"holder": OTHER.did, "by": OTHER},
        {"credentials": []},
        {"credentials": [by_jwt(subject=OTHER.did)]},
    ],
)
def test_a_presentation_for_another_by_another_or_of_anothers_is_refused(world, options):
    with pytest.raises(CredentialError):
        verify(world, present(**options))


def test_a_presentation_signed_by_a_key_that_was_rotated_is_refused(world):
    token = present()
    world.registry.events[HOLDER.signer.address] = [OwnerChanged(NOW - 1, OTHER.signer.address)]
    with pytest.raises(CredentialError, match="another key signed it"):
        verify(world, token)


@pytest.mark.parametrize(
    "change",
    [
        {"holder": None},
        {"iat": None},
        {"iat": True},
        {"exp": None},
        {"exp": True},
        {"nonce": None},
        {"nonce": 1},
        {"aud": ["market"]},
        {"type": ["VerifiableCredential"]},
        {"verifiableCredential": "x"},
        {"verifiableCredential": [{"type": "EnvelopedVerifiableCredential", "id": "data:x"}]},
        {"verifiableCredential": [{"type": "EnvelopedVerifiableCredential"}]},
        {"vp": {}},
    ],
)
def test_a_malformed_presentation_is_refused(world, change):
    document = jws.parse(present()).payload | change
    document = {name: value for name, value in document.items() if value is not None}
    with pytest.raises(CredentialError):
        verify(world, jws.sign(document, HOLDER.key, typ="vp+jwt"))


@pytest.mark.parametrize(
    "change",
    [
        {"@context": "https://evil.example/v1"},
        {"@context": ["https://www.w3.org/ns/credentials/v2", "https://evil.example/v1"]},
        {"@context": [{"id": "https://evil.example/"}]},
        {"@context": None},
        {"role": "operator"},
    ],
)
def test_an_envelope_says_nothing_of_its_own(world, change):
    document = jws.parse(present()).payload
    entry = document["verifiableCredential"][0] | change
    document["verifiableCredential"] = [entry]
    with pytest.raises(CredentialError, match="alone"):
        verify(world, jws.sign(document, HOLDER.key, typ="vp+jwt"))


def test_a_credential_does_not_pass_as_a_presentation(world):
    with pytest.raises(CredentialError):
        verify(world, by_jwt())
