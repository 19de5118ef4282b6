from __future__ import annotations

import pytest

from identity.did import Resolution, Resolver, Wanted
from identity.did.resolution import JSON, JSON_LD

NAME = "did:example:1"
DOCUMENT = {
    "@context": ["https://www.w3.org/ns/did/v1"],
    "id": NAME,
    "verificationMethod": [
        {"id": f"{NAME}#a", "type": "Multikey"},
        {"id": "#b", "type": "Multikey"},
    ],
    "authentication": [f"{NAME}#a", {"id": f"{NAME}#c", "type": "Multikey"}],
    "service": [{"id": f"{NAME}#files", "type": "Files", "serviceEndpoint": "https://x.example"}],
}


class Example:
    """Shows what it was asked for."""

    def __init__(self, document=None):
        self.document = DOCUMENT if document is None else document
        self.asked = None

    def resolve(self, did, wanted):
        self.asked = wanted
        return Resolution(self.document, {"versionId": "7"})


def test_a_result_has_a_document_and_both_kinds_of_metadata():
    shown = Resolver({"example": Example()}).resolve(NAME)
    assert shown.as_json() == {
        "didDocument": DOCUMENT,
        "didResolutionMetadata": {"contentType": JSON_LD},
        "didDocumentMetadata": {"versionId": "7"},
    }


def test_plain_json_has_no_contexts():
    shown = Resolver({"example": Example()}).resolve(NAME, accept=JSON)
    assert shown.document is not None
    assert "@context" not in shown.document
    assert shown.as_json()["didResolutionMetadata"] == {"contentType": JSON}
    assert "@context" in DOCUMENT


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("no DID", "invalidDid"),
        (f"{NAME}#a", "invalidDid"),
        (f"{NAME}/path", "invalidDid"),
        ("did:other:1", "methodNotSupported"),
        (f"{NAME}?versionId=1&versionTime=2026-01-01T00:00:00Z", "invalidDidUrl"),
        (f"{NAME}?versionTime=yesterday", "invalidDidUrl"),
        (f"{NAME}?versionTime=2026-13-01T00:00:00Z", "invalidDidUrl"),
    ],
)
def test_every_failure_has_its_own_code_and_no_document(text, error):
    shown = Resolver({"example": Example()}).resolve(text)
    assert shown.error == error
    assert shown.document is None
    assert shown.as_json()["didResolutionMetadata"] == {"error": error, "message": shown.message}


def test_an_unknown_representation_is_not_given():
    shown = Resolver({"example": Example()}).resolve(NAME, accept="text/html")
    assert shown.error == "representationNotSupported"


def test_a_query_names_the_version_and_wins_over_the_caller():
    method = Example()
    resolver = Resolver({"example": method})
    resolver.resolve(f"{NAME}?versionTime=1970-01-02T00:00:00Z", wanted=Wanted("3"))
    assert method.asked == Wanted(version_time=86_400)
    resolver.resolve(NAME, wanted=Wanted("3"))
    assert method.asked == Wanted("3")


@pytest.mark.parametrize("fragment", ["a", "b", "c", "files"])
def test_a_fragment_is_dereferenced_wherever_it_stands(fragment):
    shown = Resolver({"example": Example()}).dereference(f"{NAME}#{fragment}")
    assert shown.content is not None
    assert shown.content["id"].endswith(f"#{fragment}")
    assert shown.content["@context"] == DOCUMENT["@context"]


@pytest.mark.parametrize("rest", ["#d", "#", "/path", "?service=files&relativeRef=x", "?service=a"])
def test_what_is_not_in_the_document_is_not_found(rest):
    assert Resolver({"example": Example()}).dereference(NAME + rest).error == "notFound"


def test_a_whole_document_is_dereferenced_without_a_fragment():
    assert Resolver({"example": Example()}).dereference(NAME).content == DOCUMENT


def test_a_document_of_odd_sections_breaks_nothing():
    odd = {"id": NAME, "verificationMethod": "x", "service": [1, {"id": 5}], "keyAgreement": {}}
    assert Resolver({"example": Example(odd)}).dereference(f"{NAME}#a").error == "notFound"


@pytest.mark.parametrize("text", ["", "did:example:1#a#b", "did:example:%"])
def test_a_malformed_url_is_said_to_be_one(text):
    assert Resolver({"example": Example()}).dereference(text).error == "invalidDidUrl"
