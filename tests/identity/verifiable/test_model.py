from __future__ import annotations

import pytest

from identity.errors import CredentialError
from identity.verifiable.model import BASE_CONTEXT, check_presentation, read_credential

DOCUMENT = {
    "@context": [BASE_CONTEXT],
    "type": ["VerifiableCredential", "MeterCredential"],
    "issuer": {"id": "did:example:issuer", "name": "Body"},
    "validFrom": "2026-01-01T00:00:00Z",
    "validUntil": "2026-01-02T01:00:00+01:00",
    "credentialSubject": {"id": "did:example:meter", "capacityW": 5_000},
}
START, END = 1_767_225_600, 1_767_312_000


def test_a_credential_is_read():
    read = read_credential({**DOCUMENT, "proof": {}})
    assert (read.issuer, read.subject) == ("did:example:issuer", "did:example:meter")
    assert (read.valid_from, read.valid_until) == (START, END)
    assert read.claims == {"capacityW": 5_000}
    assert "proof" not in read.document


@pytest.mark.parametrize("now", [START - 60, START, END, END + 59])
def test_clocks_may_differ_by_a_minute(now):
    read_credential(DOCUMENT).check_time(now)


@pytest.mark.parametrize("now", [START - 61, END + 60])
def test_outside_its_time_a_credential_does_not_count(now):
    with pytest.raises(CredentialError):
        read_credential(DOCUMENT).check_time(now)


@pytest.mark.parametrize(
    "change",
    [
        {"@context": []},
        {"@context": BASE_CONTEXT},
        {"@context": ["https://www.w3.org/2018/credentials/v1"]},
        {"@context": [BASE_CONTEXT, "https://evil.example/v1"]},
        {"@context": [BASE_CONTEXT, {"role": "https://evil.example/role"}]},
        {"type": ["MeterCredential"]},
        {"type": None},
        {"type": [1]},
        {"issuer": None},
        {"issuer": "issuer"},
        {"issuer": {"name": "Body"}},
        {"id": "no uri"},
        {"credentialSubject": None},
        {"credentialSubject": {}},
        {"credentialSubject": [{"id": "did:a:1"}, {"id": "did:a:2"}]},
        {"credentialSubject": {"id": 4}},
        {"validFrom": "2026-01-01"},
        {"validFrom": "2026-01-01T00:00:00"},
        {"validFrom": "2026-13-01T00:00:00Z"},
        {"validUntil": "2025-12-31T00:00:00Z"},
        {"validUntil": 5},
    ],
)
def test_what_is_no_credential_is_refused(change):
    with pytest.raises(CredentialError):
        read_credential({**DOCUMENT, **change})


def test_a_presentation_names_its_holder():
    document = {"@context": [BASE_CONTEXT], "type": "VerifiablePresentation"}
    assert check_presentation(document) is None
    assert check_presentation({**document, "holder": {"id": "did:a:1"}}) == "did:a:1"
    for wrong in ({"holder": "nobody"}, {"type": "VerifiableCredential"}, {"@context": ["x"]}):
        with pytest.raises(CredentialError):
            check_presentation({**document, **wrong})
