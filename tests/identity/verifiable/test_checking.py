"""Checking a credential, check by check."""

from __future__ import annotations

import json
from typing import Any

import pytest

from identity.did.multibase import base58_encode
from identity.errors import CredentialError
from identity.verifiable import jws, sd_jwt
from identity.verifiable.checking import Expected, check, holds
from identity.verifiable.data_integrity import signed_bytes
from identity.verifiable.issuing import Draft, as_document, as_jwt, as_token
from identity.verifiable.kinds import KINDS
from identity.verifiable.received import read
from tests.identity.verifiable.world import (
    CHAIN,
    ED_DID,
    ED_ISSUER,
    HOLDER,
    ISSUER,
    NOW,
    OTHER,
    World,
)

KIND = KINDS["participant"]
CLAIMS = {"role": "supplier", "zone": "10Y1001A1001A82H", "legal_name": "Sun GmbH"}


def draft(world, **changes):
    said: dict[str, Any] = {
        "kind": KIND,
        "issuer": ISSUER.did,
        "subject": HOLDER.did,
        "claims": CLAIMS,
        "valid_from": NOW,
        "valid_until": NOW + 86_400,
        "statuses": (world.publish([]),),
    }
    return Draft(**(said | changes))


def checked(world, text, **options):
    """Outcome by name, and what failed in words."""
    checks = check(
        read(text),
        world.verifier,
        lambda issuer, role: issuer in world.accredited and role in ("supplier", "prosumer"),
        **options,
    )
    failed = {each.name: each.detail for each in checks if not each.passed}
    assert holds(checks) == (not failed)
    return {each.name: each.passed for each in checks}, failed


ALL = {"schema": True, "signature": True, "time": True, "accreditation": True, "status": True}


@pytest.fixture
def world():
    return World()


def test_every_form_of_a_good_credential_passes_every_check(world):
    ed = draft(world, issuer=ED_DID, statuses=())
    texts = [
        as_jwt(draft(world), ISSUER.key, now=NOW),
        str(as_token(draft(world), ISSUER.key, now=NOW)),
        json.dumps(as_document(ed, ED_ISSUER, now=NOW)),
    ]
    for text in texts:
        assert checked(world, text, whole=True) == (ALL, {})


def test_a_token_that_was_shown_is_checked_down_to_its_holder(world):
    whole = as_token(draft(world), ISSUER.key, now=NOW)
    bound = sd_jwt.bind(
        sd_jwt.select(whole, ["zone"]), HOLDER.key, audience="market", nonce="n1", issued_at=NOW
    )
    assert checked(world, str(bound)) == (ALL | {"holder": True}, {})
    expected = Expected(audience="market", nonce="n1")
    assert checked(world, str(bound), expected=expected) == (ALL | {"holder": True}, {})


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        (Expected(audience="other"), "for another aud"),
        (Expected(nonce="n2"), "for another nonce"),
    ],
)
def test_a_proof_for_somebody_else_or_from_before_fails(world, expected, said):
    whole = as_token(draft(world), ISSUER.key, now=NOW)
    bound = sd_jwt.bind(whole, HOLDER.key, audience="market", nonce="n1", issued_at=NOW)
    outcome, failed = checked(world, str(bound), expected=expected)
    assert outcome == ALL | {"holder": False}
    assert said in failed["holder"]


def test_disclosures_that_are_added_or_taken_away_later_break_the_holders_proof(world):
    whole = as_token(draft(world), ISSUER.key, now=NOW)
    bound = sd_jwt.bind(
        sd_jwt.select(whole, ["zone"]), HOLDER.key, audience="market", nonce="n1", issued_at=NOW
    )
    for disclosures in (whole.disclosures, ()):
        altered = sd_jwt.SdJwt(whole.token, disclosures, bound.binding)
        _, failed = checked(world, str(altered))
        assert "another sd_hash" in failed["holder"]


def test_somebody_elses_proof_and_a_missing_one_fail(world):
    whole = as_token(draft(world), ISSUER.key, now=NOW)
    stolen = sd_jwt.bind(whole, OTHER.key, audience="market", nonce="n", issued_at=NOW)
    assert "holder" in checked(world, str(stolen))[1]
    _, failed = checked(world, str(whole), expected=Expected(nonce="n"))
    assert "missing" in failed["holder"]
    token = as_jwt(draft(world), ISSUER.key, now=NOW)
    assert "missing" in checked(world, token, expected=Expected())[1]["holder"]


def test_a_revoked_credential_fails_its_status_and_nothing_else(world):
    for form in (as_jwt, as_token):
        text = str(form(draft(world), ISSUER.key, now=NOW))
        world.publish([7])
        outcome, failed = checked(world, text)
        assert outcome == ALL | {"status": False}
        assert "revocation" in failed["status"]


def test_a_status_list_that_nobody_has_is_no_good_news(world):
    text = as_jwt(draft(world), ISSUER.key, now=NOW)
    world.lists.clear()
    assert "cannot be had" in checked(world, text)[1]["status"]
    world.publish([], by=OTHER)
    assert "status" in checked(world, text)[1]


def test_time_issuer_and_signature_fail_by_themselves(world):
    text = as_jwt(draft(world), ISSUER.key, now=NOW)
    world.now = NOW + 86_400 + 61
    outcome, failed = checked(world, text)
    assert (outcome["time"], outcome["signature"]) == (False, True)
    assert "expired" in failed["time"]
    world.now = NOW - 3_600
    assert "not valid yet" in checked(world, text)[1]["time"]
    world.now = NOW
    world.accredited.clear()
    assert checked(world, text) == (
        ALL | {"accreditation": False},
        {"accreditation": f"{ISSUER.did} is not accredited for supplier"},
    )


def test_an_accreditation_for_one_role_is_none_for_another(world):
    producer = draft(
        world,
        kind=KINDS["producer"],
        claims={
            "role": "producer",
            "licence_number": "1",
            "jurisdiction": "DE",
            "zone": CLAIMS["zone"],
        },
    )
    _, failed = checked(world, as_jwt(producer, ISSUER.key, now=NOW))
    assert failed == {"accreditation": f"{ISSUER.did} is not accredited for producer"}


def test_an_altered_claim_fails_the_signature(world):
    head, payload, signature = as_jwt(draft(world), ISSUER.key, now=NOW).split(".")
    document = jws.read_object(jws.decode(payload), "it")
    document["credentialSubject"]["role"] = "prosumer"
    altered = f"{head}.{jws.encode(json.dumps(document).encode())}.{signature}"
    outcome, _ = checked(world, altered)
    assert outcome == ALL | {"signature": False}
    ed = as_document(draft(world, issuer=ED_DID, statuses=()), ED_ISSUER, now=NOW)
    ed["credentialSubject"]["zone"] = "10YFR-RTE------C"
    assert checked(world, json.dumps(ed))[0] == ALL | {"signature": False}


def test_an_issuer_that_claims_what_no_schema_has_fails_though_it_signed(world):
    said = {
        "iss": ISSUER.did,
        "vct": KIND.vct,
        "cnf": {"kid": HOLDER.key.verification_method},
        **CLAIMS,
        "religion": "none of your business",
    }
    text = str(sd_jwt.issue(said, {"zone"}, ISSUER.key))
    outcome, failed = checked(world, text)
    assert outcome == ALL | {"schema": False}
    assert "religion: no claim of this kind" in failed["schema"]


def test_a_role_that_is_kept_back_or_is_not_of_the_kind_fails(world):
    said = {"iss": ISSUER.did, "vct": KIND.vct, "cnf": {"kid": HOLDER.key.verification_method}}
    for role in ({}, {"role": "operator"}, {"role": ["supplier"]}):
        text = str(sd_jwt.issue({**said, **role, "zone": CLAIMS["zone"]}, {"zone"}, ISSUER.key))
        _, failed = checked(world, text)
        assert "does not name the role" in failed["accreditation"]


def test_a_token_that_lacks_claims_is_not_taken_from_its_issuer(world):
    whole = as_token(draft(world), ISSUER.key, now=NOW)
    part = str(sd_jwt.select(whole, []))
    assert checked(world, part) == (ALL, {})
    assert "zone is missing" in checked(world, part, whole=True)[1]["schema"]


def test_a_token_of_another_type_or_algorithm_is_not_signed(world):
    payload = draft(world, statuses=()).document()
    assert not checked(world, jws.sign(payload, ISSUER.key, typ="vp+jwt"))[0]["signature"]
    header = {"alg": "none", "kid": ISSUER.key.verification_method, "typ": "vc+jwt"}
    parts = [jws.encode(json.dumps(part).encode()) for part in (header, payload)]
    assert not checked(world, f"{parts[0]}.{parts[1]}.")[0]["signature"]


def test_an_issuer_that_cannot_be_resolved_fails_its_signature(world):
    elsewhere = draft(world, issuer=ISSUER.did.replace(hex(CHAIN), "0x1234"), statuses=())
    token = jws.sign(elsewhere.document(), ISSUER.key, typ="vc+jwt")
    assert not checked(world, token)[0]["signature"]


@pytest.mark.parametrize("bad", [-1, True, 1.5, "1790000000", 10**18])
def test_times_that_are_none_are_refused_before_anything_else(bad):
    said = {
        "iss": ISSUER.did,
        "vct": KIND.vct,
        "cnf": {"kid": HOLDER.key.verification_method},
        "exp": bad,
        **CLAIMS,
    }
    with pytest.raises(CredentialError, match="exp is a number of seconds"):
        read(str(sd_jwt.issue(said, {"zone"}, ISSUER.key)))


@pytest.mark.parametrize("times", [{"exp": NOW - 60}, {"nbf": NOW + 61}])
def test_a_jwt_that_is_over_before_its_document_is_over(world, times):
    """RFC 7519: the signature's own time counts too, though the document says it lasts."""
    document = draft(world).document()
    token = jws.sign({**document, **times}, ISSUER.key, typ="vc+jwt", cty="vc")
    outcome, _ = checked(world, token)
    assert outcome == ALL | {"time": False}
    lasting = {"nbf": NOW, "exp": NOW + 86_400}
    assert checked(world, jws.sign({**document, **lasting}, ISSUER.key, typ="vc+jwt"))[0] == ALL


def test_a_document_whose_proof_has_expired_is_over(world):
    whole = draft(world, issuer=ED_DID, statuses=()).document()
    for expires, good in (("2026-09-21T00:00:00Z", False), ("2126-09-21T00:00:00Z", True)):
        proof = as_document(draft(world, issuer=ED_DID, statuses=()), ED_ISSUER, now=NOW)["proof"]
        options = {name: value for name, value in proof.items() if name != "proofValue"}
        options["expires"] = expires
        signature = ED_ISSUER.sign(signed_bytes(whole, options))
        proof = {**options, "proofValue": "z" + base58_encode(signature)}
        outcome, _ = checked(world, json.dumps({**whole, "proof": proof}))
        assert outcome == ALL | {"time": good}


@pytest.mark.parametrize("subject", [["did:example:1"], {"id": "did:example:1"}, 1, None])
def test_a_token_whose_subject_is_no_text_is_none(world, subject):
    token = as_token(draft(world), ISSUER.key, now=NOW).token
    claims = jws.parse(token).payload | {"sub": subject}
    with pytest.raises(CredentialError, match="sub"):
        read(jws.sign(claims, ISSUER.key, typ="dc+sd-jwt") + "~")
