"""Independent issuers over REST: accredited by the registrar, granting and revoking themselves."""

from __future__ import annotations

import secrets

import pytest

from devnet import accounts as development
from tests.platform.signing import send
from wattproof.gateway.clock import ChainClock
from wattproof.gateway.keys import Role

YEAR_S = 365 * 86_400


def refused(wallet, path, **body):
    answer = wallet.post(path, json=body)
    code = answer.json()["code"]
    assert answer.status_code == (403 if code == "no_role" else 409), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return code


def new_hash():
    return "0x" + secrets.token_hex(32)


@pytest.fixture(scope="module")
def registrar(new_wallet):
    return new_wallet(bytes(development.account(development.DEPLOYER).key))


@pytest.fixture(scope="module")
def issuer(platform, new_wallet, registrar):
    """Accredited for EV owners and for nothing else."""
    made = new_wallet()
    fund(platform, made)
    send(registrar, platform, "/issuers/accreditations", issuer=made.address, role="ev_owner")
    return made


def fund(platform, wallet):
    """Money for gas."""
    platform.chain.request("anvil_setBalance", wallet.address, hex(10**18))


@pytest.fixture
def granted(platform, issuer, new_wallet):
    """Somebody with a role of the issuer's, and the credential's hash."""
    subject, digest = new_wallet(), new_hash()
    send(
        issuer,
        platform,
        "/issuers/grants",
        credential_hash=digest,
        subject=subject.address,
        role="ev_owner",
        expires_at=platform.clock.now() + YEAR_S,
    )
    return subject, digest


def shown(client, digest):
    return client.get(f"/issuers/grants/{digest}").json()


def test_everybody_sees_who_may_issue_what(client, platform, issuer):
    own = platform.keys.address(Role.ISSUER)
    found = client.get(f"/issuers/{own}").json()
    assert {each["role"] for each in found["accreditations"]} >= {"prosumer", "producer"}
    found = client.get(f"/issuers/{issuer.address}").json()
    (only,) = found["accreditations"]
    assert (only["role"], only["ended_at"]) == ("ev_owner", None)
    assert found["did"].endswith(issuer.address)


def test_an_address_that_is_no_issuer_has_no_accreditations(client, new_wallet):
    assert client.get(f"/issuers/{new_wallet().address}").json()["accreditations"] == []
    assert client.get("/issuers/nobody").status_code == 422


def test_a_grant_of_an_independent_issuer_stands_until_it_is_revoked(
    client, platform, issuer, granted
):
    subject, digest = granted
    found = shown(client, digest)
    assert (found["subject"], found["issuer"]) == (subject.address, issuer.address)
    assert (found["role"], found["stands"], found["revoked_at"]) == ("ev_owner", True, None)
    send(issuer, platform, "/issuers/revocations", credential_hash=digest)
    found = shown(client, digest)
    assert (found["stands"], found["revoked_at"] is None) == (False, False)


def test_a_grant_is_extended_by_a_newer_credential_alone(client, platform, issuer, granted):
    subject, digest = granted
    body = {"subject": subject.address, "role": "ev_owner"}
    longer = platform.clock.now() + 2 * YEAR_S
    again = {**body, "credential_hash": digest, "expires_at": longer}
    assert refused(issuer, "/issuers/grants", **again) == "known"
    shorter = {**body, "credential_hash": new_hash(), "expires_at": platform.clock.now() + 60}
    assert refused(issuer, "/issuers/grants", **shorter) == "not_longer"
    newer = new_hash()
    send(issuer, platform, "/issuers/grants", credential_hash=newer, expires_at=longer, **body)
    assert shown(client, newer)["stands"]
    old = shown(client, digest)
    assert (old["stands"], old["issuer"], old["subject"]) == (False, None, subject.address)
    assert refused(issuer, "/issuers/revocations", credential_hash=digest) == "not_granted"


def test_the_registrar_revokes_what_an_issuer_granted(client, platform, registrar, granted):
    _, digest = granted
    send(registrar, platform, "/issuers/revocations", credential_hash=digest)
    assert not shown(client, digest)["stands"]


def test_nobody_else_accredits_grants_or_revokes(platform, client, new_wallet, issuer, granted):
    stranger = new_wallet()
    _, digest = granted
    accrediting = {"issuer": stranger.address, "role": "ev_owner"}
    for caller in (stranger, issuer):
        assert refused(caller, "/issuers/accreditations", **accrediting) == "no_role"
        removal = {"issuer": issuer.address, "role": "ev_owner"}
        assert refused(caller, "/issuers/accreditations/removals", **removal) == "no_role"
    grant = {
        "credential_hash": new_hash(),
        "subject": stranger.address,
        "role": "ev_owner",
        "expires_at": platform.clock.now() + YEAR_S,
    }
    assert refused(stranger, "/issuers/grants", **grant) == "not_accredited"
    assert refused(stranger, "/issuers/revocations", credential_hash=digest) == "no_role"
    assert shown(client, digest)["stands"]


def test_an_issuer_grants_no_role_that_it_is_not_accredited_for(platform, issuer, new_wallet):
    body = {
        "credential_hash": new_hash(),
        "subject": new_wallet().address,
        "expires_at": platform.clock.now() + YEAR_S,
    }
    for role in ("prosumer", "regulator", "operator"):
        assert refused(issuer, "/issuers/grants", role=role, **body) == "not_accredited"
    assert issuer.post("/issuers/grants", json={"role": "plumber", **body}).status_code == 404


def test_a_grant_that_another_issuer_made_is_not_taken_over(
    platform, registrar, new_wallet, granted
):
    subject, _ = granted
    rival = new_wallet()
    send(registrar, platform, "/issuers/accreditations", issuer=rival.address, role="ev_owner")
    body = {
        "credential_hash": new_hash(),
        "subject": subject.address,
        "role": "ev_owner",
        "expires_at": platform.clock.now() + 2 * YEAR_S,
    }
    assert refused(rival, "/issuers/grants", **body) == "granted_by_another"


def test_what_makes_no_sense_is_refused_before_anybody_signs(platform, issuer, new_wallet):
    body = {"subject": new_wallet().address, "role": "ev_owner"}
    past = platform.clock.now() - 1
    ended = {"credential_hash": new_hash(), "expires_at": past, **body}
    assert refused(issuer, "/issuers/grants", **ended) == "bad_expiry"
    empty = {"credential_hash": "0x" + "00" * 32, "expires_at": past + YEAR_S, **body}
    assert refused(issuer, "/issuers/grants", **empty) == "zero"
    for wrong in (
        {"credential_hash": "0x12"},
        {"expires_at": 2**32},
        {"expires_at": "soon"},
        {"subject": "did:key:z6Mk"},
        {"role": "EV owner"},
        {"more": 1},
    ):
        answer = issuer.post("/issuers/grants", json={**empty, **wrong})
        assert answer.status_code == 422, wrong
    assert refused(issuer, "/issuers/revocations", credential_hash=new_hash()) == "not_granted"


def test_a_credential_that_was_never_granted_is_not_found(client):
    answer = client.get(f"/issuers/grants/{new_hash()}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_revoked_credential_is_not_granted_again_within_a_day(platform, issuer, granted):
    subject, digest = granted
    send(issuer, platform, "/issuers/revocations", credential_hash=digest)
    assert refused(issuer, "/issuers/revocations", credential_hash=digest) == "ended"
    body = {"subject": subject.address, "role": "ev_owner", "credential_hash": new_hash()}
    body["expires_at"] = platform.clock.now() + YEAR_S
    assert refused(issuer, "/issuers/grants", **body) == "regrant_too_soon"
    clock = platform.clock
    assert isinstance(clock, ChainClock)
    clock.advance_to(clock.now() + 86_400)
    send(issuer, platform, "/issuers/grants", **body)


def test_an_accreditation_that_ends_takes_its_grants_along_and_never_returns(
    client, platform, registrar, new_wallet
):
    issuer, subject, digest = new_wallet(), new_wallet(), new_hash()
    fund(platform, issuer)
    body = {"issuer": issuer.address, "role": "dispatcher"}
    assert refused(registrar, "/issuers/accreditations/removals", **body) == "not_accredited"
    send(registrar, platform, "/issuers/accreditations", **body)
    assert refused(registrar, "/issuers/accreditations", **body) == "known"
    send(
        issuer,
        platform,
        "/issuers/grants",
        credential_hash=digest,
        subject=subject.address,
        role="dispatcher",
        expires_at=platform.clock.now() + YEAR_S,
    )
    assert shown(client, digest)["stands"]
    send(registrar, platform, "/issuers/accreditations/removals", **body)
    assert not shown(client, digest)["stands"]
    (only,) = client.get(f"/issuers/{issuer.address}").json()["accreditations"]
    assert only["ended_at"] is not None
    assert refused(registrar, "/issuers/accreditations", **body) == "known"
