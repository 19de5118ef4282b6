from __future__ import annotations

from urllib.parse import quote

import pytest

from identity import did
from identity.did.key import ED25519, did_of

ADDRESS = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"
KEY = did_of(ED25519, bytes(range(32)))


@pytest.fixture(scope="module")
def name(platform):
    return str(did.of(ADDRESS, platform.deployment.chain_id))


def resolve(client, text, **options):
    return client.get(f"/identifiers/{quote(text, safe=':')}", **options)


def test_a_did_and_an_address_resolve_to_the_same_document(client, name):
    answer = resolve(client, name)
    assert answer.status_code == 200
    assert answer.json()["didDocument"]["id"] == name
    assert answer.json() == client.get(f"/identities/{ADDRESS}").json()
    assert answer.json()["didResolutionMetadata"] == {"contentType": "application/did+ld+json"}


def test_a_key_resolves_without_a_chain(client):
    shown = resolve(client, KEY).json()
    assert shown["didDocument"]["verificationMethod"][0]["publicKeyMultibase"] == KEY[8:]


def test_plain_json_has_no_contexts(client, name):
    shown = resolve(client, name, headers={"Accept": "application/did+json"}).json()
    assert "@context" not in shown["didDocument"]


def test_a_fragment_is_dereferenced(client, name):
    shown = resolve(client, f"{name}#controller").json()
    assert shown["content"]["blockchainAccountId"].endswith(ADDRESS)


def test_a_version_of_the_past_is_asked_for_in_the_query_or_in_the_url(client, name):
    by_query = resolve(client, name, params={"versionId": "1"})
    assert by_query.status_code == 200
    assert by_query.json() == resolve(client, f"{name}?versionId=1").json()
    by_time = resolve(client, name, params={"versionTime": "2020-01-01T00:00:00Z"})
    assert by_time.status_code == 200


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        ("no DID", 422, "invalid_did"),
        ("did:ethr:0x12", 422, "invalid_did"),
        ("did:key:z6Mk", 422, "invalid_did"),
        ("did:web:issuer.example", 422, "method_not_supported"),
        (f"did:ethr:0x9:{ADDRESS}", 404, "not_found"),
        (f"{KEY}#other", 404, "not_found"),
        (f"{KEY}?versionId=1", 404, "not_found"),
        (f"{KEY}?versionTime=now", 422, "invalid_did_url"),
        ("did:key:z#a#b", 422, "invalid_did_url"),
    ],
)
def test_every_failure_is_a_problem_with_its_own_code(client, text, status, code):
    answer = resolve(client, text)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


def test_a_version_that_is_still_to_come_is_not_found(client, name):
    assert resolve(client, name, params={"versionId": "999999"}).status_code == 404
    late = resolve(client, name, params={"versionTime": "2999-01-01T00:00:00Z"})
    assert late.status_code == 404


def test_version_parameters_do_not_stand_beside_a_fragment(client, name):
    answer = resolve(client, f"{name}#controller", params={"versionId": "1"})
    assert answer.status_code == 422
