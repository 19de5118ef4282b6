from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from eth_account import Account
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from identity import credential, did
from identity.canonical import canonical_json
from identity.credential import CredentialDomain, RoleCredential
from identity.errors import CredentialError
from identity.roles import role_id

ISSUER_KEY = b"\x11" * 32
ISSUER = did.of(Account.from_key(ISSUER_KEY).address, 31337)
SUBJECT = did.of(Account.from_key(b"\x22" * 32).address, 31337)
DOMAIN = CredentialDomain(31337, "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2")


def make(**changes):
    fields: dict[str, Any] = {
        "issuer": ISSUER,
        "subject": SUBJECT,
        "role": "ev_owner",
        "valid_from": 1_700_000_000,
        "expires_at": 1_800_000_000,
        "claims": {"vehicle": "WVWZZZ", "batteryWh": 58_000},
        "id": "urn:uuid:6b9c1f0a-3c0e-4d6f-8a51-9f1c7f3b2f10",
    } | changes
    return RoleCredential(**fields)


def test_a_credential_is_issued_and_verified():
    document = credential.issue(make(), DOMAIN, ISSUER_KEY)
    assert credential.verify(json.loads(json.dumps(document)), DOMAIN) == make()


def test_the_hash_is_that_of_the_canonical_document_without_its_proof():
    document = credential.issue(make(), DOMAIN, ISSUER_KEY)
    del document["proof"]
    assert make().hash() == keccak(canonical_json(document))
    assert make().hash() != make(expires_at=1_800_000_001).hash()


def test_the_hash_cannot_be_found_by_guessing_the_claims():
    first, second = (RoleCredential(ISSUER, SUBJECT, "prosumer", 1, 2, {"a": 1}) for _ in range(2))
    assert first.id != second.id
    assert first.hash() != second.hash()
    assert first.hash() != make(role="prosumer", valid_from=1, expires_at=2, claims={"a": 1}).hash()


def test_a_document_of_before_ids_were_given_is_still_read():
    document = credential.issue(make(id=""), DOMAIN, ISSUER_KEY)
    assert "id" not in document
    assert credential.verify(document, DOMAIN) == make(id="")


@pytest.mark.parametrize("value", [7, None, "", ["urn:uuid:1"]])
def test_an_id_that_is_no_text_is_refused(value):
    document = credential.issue(make(), DOMAIN, ISSUER_KEY) | {"id": value}
    with pytest.raises(CredentialError):
        credential.verify(document, DOMAIN)


@pytest.mark.parametrize("value", ["", "urn:uuid:6b9c1f0a-3c0e-4d6f-8a51-9f1c7f3b2f11"])
def test_a_document_whose_id_was_taken_or_changed_is_refused(value):
    document = credential.issue(make(), DOMAIN, ISSUER_KEY)
    del document["id"]
    with pytest.raises(CredentialError):
        credential.verify(document | ({"id": value} if value else {}), DOMAIN)


def test_a_role_has_the_number_that_the_contracts_use():
    assert role_id("prosumer") == keccak(text="wattproof.role.prosumer")


def change(document, path, value):
    changed = copy.deepcopy(document)
    target = changed
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    return changed


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("issuer",), str(SUBJECT)),
        (("issuer",), 7),
        (("validFrom",), "2020-01-01T00:00:00Z"),
        (("validFrom",), "yesterday"),
        (("validUntil",), "2090-01-01T00:00:00Z"),
        (("validUntil",), "2001-01-01T00:00:00Z"),
        (("type",), ["VerifiableCredential"]),
        (("@context",), []),
        (("more",), 1),
        (("credentialSubject", "id"), str(ISSUER)),
        (("credentialSubject", "role"), "operator"),
        (("credentialSubject", "role"), ["operator"]),
        (("credentialSubject", "batteryWh"), 99_000),
        (("credentialSubject", "batteryWh"), 58_000.5),
        (("credentialSubject",), "me"),
        (("proof", "type"), "None"),
        (("proof", "chainId"), 1),
        (("proof", "verifyingContract"), ISSUER.address),
        (("proof", "proofValue"), "0x00"),
        (("proof", "proofValue"), "zz"),
        (("proof", "proofValue"), None),
        (("proof",), []),
    ],
)
def test_a_changed_credential_is_refused(path, value):
    document = credential.issue(make(), DOMAIN, ISSUER_KEY)
    with pytest.raises(CredentialError):
        credential.verify(change(document, path, value), DOMAIN)


@pytest.mark.parametrize("name", ["issuer", "validFrom", "credentialSubject", "proof", "type"])
def test_a_credential_with_a_part_missing_is_refused(name):
    document = credential.issue(make(), DOMAIN, ISSUER_KEY)
    del document[name]
    with pytest.raises(CredentialError):
        credential.verify(document, DOMAIN)


def test_another_key_cannot_issue_for_the_issuer():
    document = credential.issue(make(), DOMAIN, b"\x33" * 32)
    with pytest.raises(CredentialError, match="another key"):
        credential.verify(document, DOMAIN)


@pytest.mark.parametrize(
    "changes",
    [
        {"expires_at": 1_700_000_000},
        {"role": ""},
        {"valid_from": -1},
        {"claims": {"id": "x"}},
        {"subject": did.of(SUBJECT.address, 1)},
    ],
)
def test_a_credential_that_makes_no_sense_is_refused(changes):
    with pytest.raises(CredentialError):
        make(**changes)


# RFC 8785, section 3.2.3, without its numbers that are not integers.
def test_the_canonical_form_is_that_of_the_standard():
    value = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    text = canonical_json(value).decode()
    assert [json.loads(f"[{text}]")[0][key] for key in json.loads(text)] == [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ]
    assert canonical_json({"b": [1, True, None, "\n\u000f/"], "a": {}}) == (
        b'{"a":{},"b":[1,true,null,"\\n\\u000f/"]}'
    )


@pytest.mark.parametrize("value", [1.5, float("nan"), 2**53, {1: 2}, "\ud800", object()])
def test_what_has_no_one_form_is_refused(value):
    with pytest.raises(ValueError):
        canonical_json({"value": value})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None)
@given(JSON)
def test_the_canonical_form_reads_back_as_the_value(value):
    text = canonical_json(value)
    assert json.loads(text) == value
    assert canonical_json(json.loads(text)) == text
