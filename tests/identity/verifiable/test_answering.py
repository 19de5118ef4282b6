"""Answering a verifier's request: what it learns, and what it never does."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from identity.errors import CredentialError
from identity.verifiable.answering import Request, plan, presentation
from identity.verifiable.issuing import Draft, as_document, as_jwt, as_token
from identity.verifiable.kinds import KINDS
from identity.verifiable.presentation import verify_presentation
from identity.verifiable.received import read
from identity.verifiable.verifier import Verifier, check_shown
from tests.identity.verifiable.world import ED_DID, ED_ISSUER, HOLDER, ISSUER, NOW, OTHER, World

CLAIMS = {
    "role": "ev_owner",
    "zone": "10Y1001A1001A82H",
    "battery_capacity_wh": 58_000,
    "charging_power_w": 11_000,
}
ASKED = Request("https://market.example", "nonce-1", ("ev_owner",), frozenset({"zone"}), NOW + 300)


def draft(**claims):
    said = {**CLAIMS, **claims}
    return Draft(KINDS["ev_owner"], ISSUER.did, HOLDER.did, said, NOW, NOW + 86_400)


@pytest.fixture
def credential():
    return read(str(as_token(draft(), ISSUER.key, now=NOW)))


@pytest.fixture
def whole():
    return read(as_jwt(draft(), ISSUER.key, now=NOW))


def verifier():
    world = World()
    return Verifier(world.verifier.resolver, lambda *_: True, world.lists.get, NOW)


def test_a_verifier_learns_what_it_asked_for_and_what_is_always_shown(credential):
    showing = plan(ASKED, credential, ["zone"])
    assert showing.claims == {"role": "ev_owner", "zone": CLAIMS["zone"]}
    assert showing.kept_back == {"battery_capacity_wh", "charging_power_w"}
    text = presentation(showing, ASKED, HOLDER.key, now=NOW)
    learnt = check_shown(verifier(), text, audience=ASKED.audience, nonce=ASKED.nonce)
    assert {name for name in learnt.claims if name in CLAIMS} == set(showing.claims)


def test_a_request_for_what_is_always_shown_needs_no_consent(credential):
    showing = plan(replace(ASKED, claims=frozenset({"role"})), credential, [])
    assert showing.claims == {"role": "ev_owner"}
    assert showing.kept_back == set(CLAIMS) - {"role"}


def test_a_credential_that_shows_everything_is_shown_where_its_holder_agrees(whole):
    showing = plan(ASKED, whole, ["zone"], whole=True)
    assert showing.claims == CLAIMS
    token = presentation(showing, ASKED, HOLDER.key, now=NOW)
    shown = verify_presentation(
        verifier(), token, audience=ASKED.audience, take_nonce=lambda nonce: nonce == ASKED.nonce
    )
    assert (shown.holder, shown.credentials[0].claims) == (HOLDER.did, CLAIMS)


def test_a_request_that_asks_for_more_than_the_holder_allows_gets_nothing(credential):
    greedy = replace(ASKED, claims=frozenset({"zone", "battery_capacity_wh"}))
    with pytest.raises(CredentialError, match="asks for battery_capacity_wh, which you did not"):
        plan(greedy, credential, ["zone"])
    with pytest.raises(CredentialError, match="asks for battery_capacity_wh, zone, which"):
        plan(greedy, credential, [])


def test_what_nobody_asked_for_is_not_shown_even_where_its_holder_would(credential):
    with pytest.raises(CredentialError, match="nobody asked for charging_power_w"):
        plan(ASKED, credential, ["zone", "charging_power_w"])
    with pytest.raises(CredentialError, match="nobody asked for vin"):
        plan(ASKED, credential, ["zone", "vin"])


def test_a_credential_that_cannot_be_shown_in_part_is_not_shown_by_accident(whole):
    with pytest.raises(CredentialError, match="shows battery_capacity_wh, charging_power_w too"):
        plan(ASKED, whole, ["zone"])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kinds": ("regulator", "meter")}, "asked for is regulator or meter, not ev_owner"),
        ({"claims": frozenset({"jurisdiction"})}, "does not say jurisdiction"),
        ({"claims": frozenset({"sub"})}, "does not say sub"),
        ({"claims": frozenset({"cnf", "zone"})}, "does not say cnf"),
    ],
)
def test_what_the_credential_does_not_answer_is_refused(credential, changes, said):
    with pytest.raises(CredentialError, match=said):
        plan(replace(ASKED, **changes), credential, ["zone", "jurisdiction"])


def test_nobody_else_shows_the_credential(credential, whole):
    for kept in (plan(ASKED, credential, ["zone"]), plan(ASKED, whole, ["zone"], whole=True)):
        with pytest.raises(CredentialError, match="is held by"):
            presentation(kept, ASKED, OTHER.key, now=NOW)


def test_a_request_that_has_expired_is_not_answered(credential):
    with pytest.raises(CredentialError, match="has expired"):
        presentation(plan(ASKED, credential, ["zone"]), ASKED, HOLDER.key, now=NOW + 300)


def test_a_document_with_a_proof_of_its_own_is_not_presented():
    said = replace(draft(), issuer=ED_DID)
    document = read(json.dumps(as_document(said, ED_ISSUER, now=NOW)))
    with pytest.raises(CredentialError, match="is not presented here"):
        presentation(plan(ASKED, document, ["zone"], whole=True), ASKED, HOLDER.key, now=NOW)


def test_a_presentation_to_one_verifier_is_worth_nothing_to_another(credential):
    text = presentation(plan(ASKED, credential, ["zone"]), ASKED, HOLDER.key, now=NOW)
    with pytest.raises(CredentialError, match="another aud"):
        check_shown(verifier(), text, audience="https://thief.example", nonce=ASKED.nonce)
    with pytest.raises(CredentialError, match="another nonce"):
        check_shown(verifier(), text, audience=ASKED.audience, nonce="nonce-2")
