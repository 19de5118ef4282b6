"""Export and erasure over REST, by the person whose data it is."""

from __future__ import annotations

import time

import pytest
from sqlmodel import select

from tests.platform.api.conftest import Wallet, sign_in
from wattproof.api.routes.privacy import Export
from wattproof.auth.models import FamilyRow, SessionRow
from wattproof.auth.sessions import token_hash
from wattproof.participants.models import ParticipantRow
from wattproof.privacy import erasure
from wattproof.tasks.flow import run_until_idle

NAME = "Xanthippe's heat pump"


@pytest.fixture
def person(platform, new_wallet):
    """Somebody with a name, a role, an API key and a venue."""
    wallet = new_wallet()
    written = {"Idempotency-Key": "my-1"}
    answer = wallet.post("/participants", json={"name": NAME}, headers=written)
    assert answer.status_code == 201
    body = {"name": "charger", "scopes": ["participant"]}
    key = wallet.post("/auth/keys", json=body).json()["key"]
    venue = {"name": "Xanthippe's hall", "zones": ["stage"]}
    assert wallet.post("/comfort/venues", json=venue).status_code == 201
    run_until_idle(platform)
    return wallet, key


def again(wallet):
    return Wallet(wallet.account, wallet.client, sign_in(wallet.client, wallet.account))


def erase(wallet, confirm="erase"):
    return wallet.request("DELETE", "/me", params={"confirm": confirm})


def test_an_export_holds_what_the_person_told_the_platform(person):
    wallet, key = person
    answer = wallet.get("/me/export")
    assert answer.headers["cache-control"] == "no-store"
    made = Export.model_validate(answer.json())
    assert made.address == wallet.address
    assert made.tables["participant"].rows[0]["name"] == NAME
    assert made.tables["verifiable_credential"].rows[0]["role"] == "prosumer"
    assert made.tables["auth_api_key"].rows[0]["name"] == "charger"
    assert made.tables["comfort_venue"].rows[0]["zones"] == ["stage"]
    assert made.tables["credential"].rows[0]["subject"] == wallet.address
    assert any(row["name"] == "Granted" for row in made.tables["chain_event"].rows)
    for secret in (wallet.token, key, token_hash(wallet.token)):
        assert secret not in answer.text


def test_an_export_has_nothing_of_somebody_else(person, new_wallet):
    wallet, _ = person
    other = new_wallet()
    answer = other.get("/me/export")
    assert answer.status_code == 200
    for private in (NAME, wallet.address, wallet.address.lower()):
        assert private not in answer.text


def test_after_erasure_the_person_is_unknown_and_signed_out(platform, person):
    wallet, key = person
    done = erase(wallet)
    assert done.status_code == 200, done.text
    assert done.json()["erased"]["participant"] == 1
    assert done.json()["finished"]
    assert wallet.get("/auth/session").status_code == 401
    machine = Wallet(wallet.account, wallet.client, key)
    assert machine.get("/auth/session").status_code == 401
    returned = again(wallet)
    assert returned.get("/participants/me").status_code == 404
    left = returned.get("/me/export").json()["tables"]
    assert NAME not in str(left)
    assert left["comfort_venue"]["rows"] == []
    (role,) = left["credential"]["rows"]  # the chain's
    assert role["subject"] == wallet.address


def test_the_files_of_the_database_do_not_hold_the_name_any_more(platform, person):
    wallet, _ = person
    files = [platform.settings.data_dir / f"wattproof.db{ending}" for ending in ("", "-wal")]
    with platform.transaction():
        assert any(NAME.encode() in file.read_bytes() for file in files if file.exists())
    # Others of this module's people have the name too.
    for each in people(platform):
        with platform.transaction() as session:
            erasure.erase(platform, session, each)
    assert erase(again(wallet)).status_code == 200
    for file in files:
        assert not file.exists() or NAME.encode() not in file.read_bytes()


def people(platform):
    with platform.transaction() as session:
        return list(session.exec(select(ParticipantRow.address)).all())


def test_erasing_again_is_harmless_and_who_comes_back_begins_anew(platform, person):
    wallet, _ = person
    assert erase(wallet).status_code == 200
    returned = again(wallet)
    second = erase(returned)
    assert second.status_code == 200
    assert second.json()["finished"]
    returned = again(wallet)
    answer = returned.post("/participants", json={"name": "new here"})
    assert answer.status_code == 201
    run_until_idle(platform)
    assert returned.get("/participants/me").json()["name"] == "new here"


def test_a_write_that_was_erased_is_not_made_again(person):
    wallet, _ = person
    assert erase(wallet).status_code == 200
    returned = again(wallet)
    body, key = {"name": NAME}, {"Idempotency-Key": "my-1"}
    answer = returned.post("/participants", json=body, headers=key)
    assert answer.status_code == 409
    assert answer.json()["code"] == "answer_erased"
    assert returned.get("/participants/me").status_code == 404


@pytest.mark.parametrize("confirm", ["", "yes", "ERASE", "erase "])
def test_nothing_is_erased_without_the_word(person, confirm):
    wallet, _ = person
    assert erase(wallet, confirm).status_code == 422
    assert wallet.request("DELETE", "/me").status_code == 422
    assert wallet.get("/participants/me").json()["name"] == NAME


def test_an_api_key_erases_nothing(person):
    wallet, key = person
    answer = erase(Wallet(wallet.account, wallet.client, key))
    assert answer.status_code == 403
    assert answer.json()["code"] == "fresh_sign_in_needed"
    assert wallet.get("/participants/me").json()["name"] == NAME


def test_an_api_key_exports_nothing_and_opens_no_profile(person):
    wallet, key = person
    machine = Wallet(wallet.account, wallet.client, key)
    consent = {
        "audience": "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2",
        "purpose": "credit check",
        "topics": ["capacity"],
        "ends_at": "2027-01-01T00:00:00Z",
    }
    for answer in (machine.get("/me/export"), machine.post("/profiles/me/consents", json=consent)):
        assert answer.status_code == 403
        assert answer.json()["code"] == "session_needed"
        assert NAME not in answer.text
    assert NAME in wallet.get("/me/export").text
    assert wallet.get("/profiles/me/consents").json()["items"] == []


@pytest.mark.parametrize("age", [erasure.FRESH_SECONDS + 10, 86_400])
def test_a_session_from_a_while_ago_erases_nothing(platform, person, age):
    wallet, _ = person
    with platform.transaction() as session:
        row = session.get_one(SessionRow, token_hash(wallet.token))
        family = session.get_one(FamilyRow, row.family)
        family.created_at = int(time.time()) - age
        session.add(family)
    answer = erase(wallet)
    assert answer.status_code == 403
    assert answer.json()["code"] == "fresh_sign_in_needed"
    assert wallet.get("/participants/me").json()["name"] == NAME


def test_a_renewed_session_is_as_old_as_its_sign_in(platform, client, person):
    wallet, _ = person
    with platform.transaction() as session:
        row = session.get_one(SessionRow, token_hash(wallet.token))
        family = session.get_one(FamilyRow, row.family)
        family.created_at = int(time.time()) - erasure.FRESH_SECONDS - 10
        session.add(family)
    with platform.transaction() as session:  # as a refresh does: a new token of the old family
        session.add(SessionRow(**row.model_dump() | {"token_hash": token_hash("renewed")}))
    assert erase(Wallet(wallet.account, client, "renewed")).status_code == 403


def test_nobody_erases_without_signing_in(client):
    assert client.delete("/me", params={"confirm": "erase"}).status_code == 401
    assert client.get("/me/export").status_code == 401
