"""eddsa-jcs-2022. The vector is the one published with the specification (W3C vc-di-eddsa)."""

from __future__ import annotations

import copy

import pytest

from identity.did.multibase import base58_decode
from identity.errors import CredentialError
from identity.signer import LocalSigner
from identity.verifiable.data_integrity import (
    ASSERTION,
    AUTHENTICATION,
    add_proof,
    check_proof,
    check_proof_time,
    proof_of,
    signed_bytes,
)
from identity.verifiable.issuing import content_hash
from identity.verifiable.keys import Ed25519Key, EthereumKey, key_of

MULTIKEY = "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2"
PRIVATE = base58_decode("3u2en7t5LR2WtQH5PfFqMqwVHBeXouLzo6haApm8XHqvjxq")[2:]
CREATED = "2023-02-24T23:36:38Z"
DOCUMENT = {
    "@context": [
        "https://www.w3.org/ns/credentials/v2",
        "https://www.w3.org/ns/credentials/examples/v2",
    ],
    "id": "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33",
    "type": ["VerifiableCredential", "AlumniCredential"],
    "name": "Alumni Credential",
    "description": "A minimum viable example of an Alumni Credential.",
    "issuer": "https://vc.example/issuers/5678",
    "validFrom": "2023-01-01T00:00:00Z",
    "credentialSubject": {
        "id": "did:example:abcdefgh",
        "alumniOf": "The School of Examples",
    },
}
DOCUMENT_HASH = "59b7cb6251b8991add1ce0bc83107e3db9dbbab5bd2c28f687db1a03abc92f19"


def own_key():
    return Ed25519Key(PRIVATE, f"did:key:{MULTIKEY}#{MULTIKEY}")


def method():
    return key_of({"id": "#k", "type": "Multikey", "publicKeyMultibase": MULTIKEY})


def signed(**options):
    return add_proof(DOCUMENT, own_key(), created=CREATED, **options)


def check(document, purpose=ASSERTION):
    check_proof(document, proof_of(document, purpose), method())


def test_the_published_key_pair_belongs_together():
    assert own_key().multikey == MULTIKEY
    assert "PRIVATE" not in repr(own_key())
    assert MULTIKEY in repr(own_key())


def test_the_published_document_has_the_published_hash():
    proof = signed()["proof"]
    assert signed_bytes(DOCUMENT, proof)[32:].hex() == DOCUMENT_HASH


def test_a_proof_holds_over_its_document():
    check(signed())


def test_a_proof_made_for_one_verifier_holds_for_its_challenge_alone():
    document = signed(purpose=AUTHENTICATION, challenge="n-1", domain="market.example")
    check(document, AUTHENTICATION)
    document["proof"]["challenge"] = "n-2"
    with pytest.raises(CredentialError, match="another key signed it"):
        check(document, AUTHENTICATION)


def changed(path, value):
    document = copy.deepcopy(signed())
    place = document
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return document


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("credentialSubject", "alumniOf"), "Another School"),
        (("credentialSubject", "id"), "did:example:mallory"),
        (("validUntil",), "2999-01-01T00:00:00Z"),
        (("issuer",), "https://evil.example"),
        (("@context",), ["https://www.w3.org/ns/credentials/v2", "https://evil.example/v1"]),
        (("@context",), ["https://www.w3.org/ns/credentials/v2"]),
        (("proof", "created"), "2020-01-01T00:00:00Z"),
        (("proof", "verificationMethod"), "did:key:z6Mk#other"),
        (("proof", "expires"), "2999-01-01T00:00:00Z"),
        (("proof", "proofValue"), "z" + "1" * 64),
        (("proof", "proofValue"), "zabc"),
        (("proof", "proofValue"), "z0OIl"),
        (("proof", "proofValue"), "uAAAA"),
        (("proof", "proofValue"), None),
        (("proof", "type"), "Ed25519Signature2020"),
        (("proof", "cryptosuite"), "eddsa-rdfc-2022"),
        (("proof", "proofPurpose"), "authentication"),
        (("proof",), None),
        (("proof",), [{}, {}]),
        (("ratio",), 0.5),
    ],
)
def test_whatever_is_changed_breaks_the_proof(path, value):
    with pytest.raises(CredentialError):
        check(changed(path, value))


@pytest.mark.parametrize(
    "added", ["https://evil.example/v1", "https://w3id.org/security/data-integrity/v2"]
)
def test_a_context_that_is_added_behind_the_signed_ones_is_refused(added):
    """Also a known one: a revoked credential would have another hash than the chain's."""
    document = changed(("@context",), [*DOCUMENT["@context"], added])
    assert content_hash(document) != content_hash(signed())
    with pytest.raises(CredentialError, match="not those of its proof"):
        check(document)


def test_a_proof_counts_in_its_time_alone():
    check_proof_time({"created": "2026-01-01T00:01:00Z"}, 1_767_225_600)
    check_proof_time({}, 0)
    for proof in (
        {"created": "2026-01-01T00:01:01Z"},
        {"expires": "2025-12-31T23:59:00Z"},
        {"created": "yesterday"},
        {"expires": 2_000_000_000},
        {"created": "2026-01-01T00:00:00"},
    ):
        with pytest.raises(CredentialError):
            check_proof_time(proof, 1_767_225_600)


def test_a_proof_that_rests_on_another_is_refused():
    document = signed()
    document["proof"] = document["proof"] | {"previousProof": "urn:uuid:1"}
    with pytest.raises(CredentialError, match="rests on another"):
        proof_of(document, ASSERTION)


def test_a_signature_whose_s_is_not_reduced_is_refused():
    order = 2**252 + 27742317777372353535851937790883648493
    document = signed()
    value = base58_decode(document["proof"]["proofValue"][1:])
    malleated = value[:32] + (int.from_bytes(value[32:], "little") + order).to_bytes(32, "little")
    with pytest.raises(CredentialError, match="another key signed it"):
        method().check(signed_bytes(document, document["proof"]), malleated)


def test_keys_of_another_kind_make_and_check_no_such_proof():
    signer = LocalSigner.generate()
    with pytest.raises(CredentialError, match="needs an Ed25519 key"):
        add_proof(DOCUMENT, EthereumKey(signer, "did:ethr:0x1#controller"), created=CREATED)
    address = key_of({"id": "#c", "type": "x", "blockchainAccountId": f"eip155:1:{signer.address}"})
    with pytest.raises(CredentialError, match="needs an Ed25519 key"):
        check_proof(signed(), signed()["proof"], address)


def test_a_document_is_not_signed_twice():
    with pytest.raises(CredentialError, match="already"):
        add_proof(signed(), own_key(), created=CREATED)
