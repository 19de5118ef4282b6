from __future__ import annotations

import re

import pytest

from wattproof.api.access import check_every_route_is_guarded
from wattproof.api.app import create_app

DOCUMENT = create_app().openapi()
OPERATIONS = [
    (method, path, described)
    for path, item in DOCUMENT["paths"].items()
    for method, described in item.items()
]


@pytest.mark.parametrize("path", ["/docs", "/docs/page.js", "/docs/page.css"])
def test_the_documentation_needs_nothing_from_elsewhere(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert not re.search(r"(https?:)?//[a-z]", answer.text)


def test_the_document_is_served(client):
    assert client.get("/openapi.json").json()["paths"].keys() == DOCUMENT["paths"].keys()


def test_every_endpoint_says_what_it_does_and_how_it_refuses():
    for method, path, described in OPERATIONS:
        assert described.get("description"), (method, path)
        for status, answer in described["responses"].items():
            if int(status) >= 400 and path != "/health":
                assert "application/problem+json" in answer["content"], (method, path, status)


def test_every_private_endpoint_names_its_token():
    public = {path for _, path, described in OPERATIONS if not described.get("security")}
    assert public == {
        "/",
        "/health",
        "/auth/nonce",
        "/auth/sessions",
        "/auth/sessions/refresh",
        "/credentials/verify",
        "/identifiers/{identifier}",
        "/identities/{address}",
        "/identities/{address}/changes",
        "/identities/{address}/control",
        "/issuers/grants/{credential_hash}",
        "/issuers/{address}",
        "/markets",
        "/markets/{market}",
        "/markets/{market}/network",
        "/rounds",
        "/schemas/{kind}",
        "/status-lists/{issuer}/{purpose}/{number}",
        "/rounds/{market}/{number}",
        "/rounds/{market}/{number}/products",
        "/events/rounds",
        "/vote/{link}",
        "/vote/{link}/ballot",
        "/certificates/devices",
        "/certificates/devices/{device}",
        "/certificates/devices/{device}/charges",
        "/certificates/batches",
        "/certificates/batches/{batch}",
        "/certificates/batches/{batch}/provenance",
        "/certificates/classes",
        "/certificates/pools/{market}/{slot}/positions",
        "/certificates/claims",
        "/quotas",
        "/quotas/{quota}",
        "/quotas/{quota}/compliance",
        "/quotas/{quota}/compliance/{account}",
        "/quotas/{quota}/compliance/{account}/surrenders",
    }


def _only_makes_transactions_to_sign(described):
    answer = described["responses"].get("200", {}).get("content", {}).get("application/json", {})
    return (
        answer.get("schema", {})
        .get("$ref", "")
        .endswith(("/TransactionsToSign", "/RoleTransactions"))
    )


def test_every_write_takes_an_idempotency_key_or_has_no_lasting_effect():
    without = {
        (method, path)
        for method, path, described in OPERATIONS
        if method not in ("get",)
        and not _only_makes_transactions_to_sign(described)
        and "Idempotency-Key" not in {p["name"] for p in described.get("parameters", [])}
    }
    assert without == {
        ("post", "/auth/nonce"),
        ("post", "/auth/sessions"),
        ("post", "/auth/sessions/refresh"),
        ("delete", "/auth/session"),
        ("post", "/auth/keys"),
        ("delete", "/auth/keys/{key_id}"),
        ("delete", "/me"),
        ("post", "/credentials/verify"),
        ("post", "/delegations/authorisations/template"),
        ("post", "/delegations/revocations/template"),
        ("post", "/orders/template"),
        ("post", "/identities/{address}/changes/template"),
        ("post", "/meters/readings/template"),
        ("post", "/vote/{link}"),
        ("post", "/profiles/me/credentials"),
        ("post", "/profiles/me/token"),
        ("delete", "/profiles/me/credentials/{credential}"),
        ("delete", "/profiles/me/consents/{consent}"),
        ("post", "/profiles/{address}/consents/template"),
    }


def test_an_endpoint_that_says_nothing_about_access_stops_the_application():
    app = create_app()
    app.get("/forgotten")(lambda: None)
    with pytest.raises(RuntimeError, match="/forgotten"):
        check_every_route_is_guarded(app)


def test_health_and_installation_are_public(client, platform):
    health = client.get("/health").json()
    assert health["status"] == "ok"
    shown = client.get("/").json()
    assert shown["chain_id"] == platform.deployment.chain_id
    assert shown["contracts"] == dict(platform.deployment.addresses)
