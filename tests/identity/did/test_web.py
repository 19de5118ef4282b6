from __future__ import annotations

import json

import pytest

from identity.did import Resolver, WebMethod
from identity.did.url import parse_url
from identity.did.web import LARGEST_BYTES, address_of
from identity.errors import DidError


def site(pages):
    return Resolver({"web": WebMethod(pages.get)})


def page(name, **more):
    return json.dumps({"id": name, **more}).encode()


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("did:web:issuer.example", "https://issuer.example/.well-known/did.json"),
        ("did:web:issuer.example:meters:7", "https://issuer.example/meters/7/did.json"),
        ("did:web:issuer.example%3A8443", "https://issuer.example:8443/.well-known/did.json"),
    ],
)
def test_a_name_says_where_its_document_is(name, address):
    assert address_of(parse_url(name)) == address
    assert site({address: page(name)}).resolve(name).document == {"id": name}


@pytest.mark.parametrize(
    "name",
    [
        "did:web:127.0.0.1",
        "did:web:10.0.0.1%3A80",
        "did:web:issuer.example%2Fevil",
        "did:web:user%40issuer.example",
        "did:web:-issuer.example",
        "did:web:issuer.example:..",
        "did:web:issuer.example:%2e%2e:secrets",
        "did:web:issuer.example:a%2Fb",
        "did:web:issuer.example:a%3Fb",
        "did:web:issuer.example%23x",
    ],
)
def test_a_name_that_leads_elsewhere_is_invalid(name):
    with pytest.raises(DidError):
        address_of(parse_url(name))
    assert site({}).resolve(name).error == "invalidDid"


def test_nothing_there_is_not_found_and_so_is_a_site_that_does_not_answer():
    assert site({}).resolve("did:web:issuer.example").error == "notFound"

    def refuse(address):
        raise DidError("timed out")

    shown = Resolver({"web": WebMethod(refuse)}).resolve("did:web:issuer.example")
    assert shown.error == "notFound"
    assert "timed out" in shown.message


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b"{}",
        page("did:web:other.example"),
        b"[" * 100_000,
        b" " * (LARGEST_BYTES + 1),
    ],
)
def test_a_page_that_is_not_its_document_is_refused(body):
    resolver = site({"https://issuer.example/.well-known/did.json": body})
    assert resolver.resolve("did:web:issuer.example").error == "invalidDidDocument"
