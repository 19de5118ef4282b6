"""Whatever is sent, the answer is no server error and is what the OpenAPI document promises."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from devnet import accounts as development
from market.rules import MarketRules
from wattproof.accounts import service as accounts
from wattproof.api.app import create_app
from wattproof.rounds import service as rounds
from wattproof.tasks.flow import run_until_idle

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
DOCUMENT = create_app().openapi()
# Ending the session would end the run; that it works is tested elsewhere.
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT).exclude(path="/auth/session", method="DELETE")


@pytest.fixture(scope="module")
def caller(platform, new_wallet, fleet_inputs):
    """Somebody with every right, in an installation where a round is open and a plan proposed."""
    key = bytes(development.account(development.OPERATOR).key)
    rules = MarketRules(1, 1, 900, 96, 10**9, 10**8, 0, 0, 1000, 10**6)
    with platform.transaction() as session:
        rounds.create_market(platform, session, "ev_battery", rules)
        accounts.register(
            platform, session, development.account(development.OPERATOR).address, "dispatcher"
        )
    run_until_idle(platform)
    gate_at = platform.clock.now() + 3_600
    first = -(-gate_at // 900)
    with platform.transaction() as session:
        market = rounds.list_markets(session)[0].market
        rounds.open_round(
            platform,
            session,
            market,
            gate_at=gate_at,
            first_slot=first,
            slots=min(4, 96 - first % 96),
        )
    wallet = new_wallet(key, ("participant", "operator", "dispatcher"))
    assert wallet.post("/participants", json={"name": "Fuzz"}).status_code == 201
    day = platform.clock.now() // 86_400 + 1
    plan = {
        "market": market,
        "period": day,
        "participant": wallet.address,
        "inputs": fleet_inputs(day),
    }
    assert wallet.post("/dispatch/plans", json=plan).status_code == 201
    run_until_idle(platform)
    return wallet


@SCHEMA.parametrize()
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_no_input_gives_a_server_error(case, caller, platform):
    if case.path.startswith("/events"):
        case.query = dict(case.query or {}) | {"follow": "false"}
    headers = {"Authorization": f"Bearer {caller.token}"}
    case.call_and_validate(
        base_url=str(caller.client.base_url), headers=headers, checks=CHECKS, timeout=30
    )


def test_no_input_without_a_token_gives_a_server_error(client):
    for path, operations in DOCUMENT["paths"].items():
        for method in operations:
            url = path.replace("{", "").replace("}", "")
            for content in (b"", b"{", b"\xff\xfe", b"[]", b"null", b'{"a":1e999}', b"[" * 5000):
                answer = client.request(
                    method.upper(),
                    url + ("?follow=false" if path.startswith("/events") else ""),
                    content=content,
                    headers={"Content-Type": "application/json"},
                )
                assert answer.status_code < 500, (method, path, content, answer.text)


def test_text_that_is_no_text_gives_no_server_error(client, caller):
    for content in (
        b'{"\\ud800": 1}',
        b'{"address": "\\ud800"}',
        b'{"name": "\\ud800"}',
        b'{"name": "\\u0000"}',
        b'{"raw": "\\udfff"}',
        b'{"order": {"\\ud800": {}}, "signature": "\\ud800"}',
    ):
        for path in ("/auth/nonce", "/participants", "/transactions", "/orders"):
            headers = {"Content-Type": "application/json", "Idempotency-Key": "text"}
            answer = caller.post(path, content=content, headers=headers)
            assert answer.status_code == 422, (path, content, answer.text)


def test_a_body_beyond_a_mebibyte_is_refused(client):
    declared = client.post("/auth/nonce", content=b"x" * (1 << 20) + b"y")
    assert declared.status_code == 413
    assert declared.headers["content-type"] == "application/problem+json"
    streamed = client.post("/auth/nonce", content=(b"x" * 65_536 for _ in range(20)))
    assert streamed.status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("PATCH", "/orders", 405),
        ("GET", "/rounds/1/0", 422),
        ("GET", "/rounds/99999999999999999999/1", 422),
        ("GET", "/rounds/7/7", 404),
        ("GET", "/markets/-1", 422),
        ("GET", "/identities/0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756CC2", 422),
        ("GET", "/orders/%00", 401),
    ],
)
def test_every_error_is_a_problem(client, method, path, status):
    answer = client.request(method, path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["type"] == f"urn:wattproof:problem:{body['code']}"
    assert body["detail"]
