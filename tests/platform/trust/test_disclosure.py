"""Who reads a profile: its owner, a regulator, whom the owner let; and nobody learns more."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from eth_account import Account
from sqlmodel import col, delete, select

from identity.signature import sign_digest
from identity.trust import Consent
from tests.platform.api.conftest import Wallet
from tests.platform.credentials.conftest import client, new_wallet, operator, platform, wallet
from tests.platform.settling import settle
from wattproof.accounts import service as accounts
from wattproof.trust import consents, reading
from wattproof.trust.models import ProfileConsentRow, ProfileReadingRow

__all__ = ["client", "new_wallet", "operator", "platform", "wallet"]
PURPOSE = "credit check for contract 17"


@pytest.fixture
def owner(new_wallet: Callable[..., Wallet]) -> Wallet:
    return new_wallet()


@pytest.fixture
def lender(new_wallet: Callable[..., Wallet]) -> Wallet:
    """Somebody whom the owner may let read."""
    return new_wallet()


@pytest.fixture(scope="module")
def new_regulator(platform: Any, new_wallet: Callable[..., Wallet]) -> Callable[[], Wallet]:
    def make() -> Wallet:
        account = Account.create()
        with platform.transaction() as session:
            accounts.register(platform, session, str(account.address), "regulator")
        settle(platform)
        return new_wallet(bytes(account.key), ("regulator",))

    return make


def wish(who: Wallet, /, *topics: str, **changes: Any) -> dict[str, Any]:
    return {
        "audience": who.address,
        "purpose": PURPOSE,
        "topics": list(topics or ("history",)),
        "ends_at": (datetime.now(UTC) + timedelta(days=30)).isoformat(),
    } | changes


def let(owner: Wallet, audience: Wallet, *topics: str, **changes: Any) -> str:
    answer = owner.post("/profiles/me/consents", json=wish(audience, *topics, **changes))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def ask(reader: Wallet, owner: Wallet | str, **query: Any) -> Any:
    address = owner if isinstance(owner, str) else owner.address
    return reader.get(f"/profiles/{address}", params={"purpose": PURPOSE} | query)


def readings(owner: Wallet) -> list[dict[str, Any]]:
    answer = owner.get("/profiles/me/readings")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def signed(owner: Wallet, by: Wallet, /, *topics: str, **changes: Any) -> dict[str, Any]:
    """A consent as a wallet signs the template."""
    asked = by.post(f"/profiles/{owner.address}/consents/template", json=wish(by, *topics))
    assert asked.status_code == 200, asked.text
    made = asked.json()
    signature = Account.sign_typed_data(owner.account.key, full_message=made["typed_data"])
    return {"consent": made["consent"] | changes, "signature": "0x" + signature.signature.hex()}


def hand_in(by: Wallet, owner: Wallet, body: dict[str, Any]) -> Any:
    return by.post(f"/profiles/{owner.address}/consents", json=body)


# -- by consent ------------------------------------------------------------------------------------


def test_an_owner_lets_somebody_read_and_sees_that_it_did(owner: Wallet, lender: Wallet) -> None:
    assert ask(lender, owner).status_code == 404
    consent = let(owner, lender, "history", "capacity")
    said = ask(lender, owner)
    assert said.status_code == 200, said.text
    profile = said.json()["profile"]
    assert [each["topic"] for each in profile["topics"]] == ["capacity"]
    assert profile["history"]["account"] == owner.address
    (seen,) = readings(owner)
    assert (seen["reader"], seen["consent"], seen["purpose"]) == (lender.address, consent, PURPOSE)
    assert (seen["topics"], seen["as_regulator"]) == (["capacity", "history"], False)
    assert seen["sha256"] == profile["sha256"]
    assert seen["block"] == profile["history"]["chain"]["block"]


def test_an_owner_reads_its_own_profile_unseen(owner: Wallet) -> None:
    assert owner.get(f"/profiles/{owner.address}").status_code == 200
    assert readings(owner) == []


def test_what_does_not_count_is_the_owners_affair(owner: Wallet, lender: Wallet) -> None:
    let(owner, lender, "identity")
    assert ask(lender, owner).json()["held"] == []


@pytest.mark.parametrize(
    "query",
    [
        {"topics": ["identity"]},
        {"topics": ["history", "identity"]},
        {"purpose": "marketing"},
        {"purpose": ""},
        {"purpose": PURPOSE + "."},
    ],
)
def test_a_consent_is_for_its_topics_and_its_purpose_alone(
    owner: Wallet, lender: Wallet, query: dict[str, Any]
) -> None:
    let(owner, lender, "history", "capacity")
    assert ask(lender, owner, **query).status_code == 404
    assert readings(owner) == []


def test_two_consents_do_not_add_up_to_a_third(owner: Wallet, lender: Wallet) -> None:
    let(owner, lender, "history")
    let(owner, lender, "capacity", purpose="insurance")
    assert ask(lender, owner, topics=["history", "capacity"]).status_code == 404


def test_a_consent_is_for_its_audience_alone(
    owner: Wallet, lender: Wallet, new_wallet: Callable[..., Wallet]
) -> None:
    let(owner, lender)
    assert ask(new_wallet(), owner).status_code == 404


def test_a_consent_that_was_revoked_is_over_at_once(owner: Wallet, lender: Wallet) -> None:
    consent = let(owner, lender)
    assert ask(lender, owner).status_code == 200
    gone = owner.request("DELETE", f"/profiles/me/consents/{consent}")
    assert gone.json()["status"] == "revoked"
    assert ask(lender, owner).status_code == 404
    assert owner.request("DELETE", f"/profiles/me/consents/{consent}").status_code == 200


def test_nobody_revokes_anothers_consent(owner: Wallet, lender: Wallet) -> None:
    consent = let(owner, lender)
    assert lender.request("DELETE", f"/profiles/me/consents/{consent}").status_code == 404
    assert ask(lender, owner).status_code == 200


def test_a_consent_that_ended_is_over(platform: Any, owner: Wallet, lender: Wallet) -> None:
    consent = let(owner, lender)
    with platform.transaction() as session:
        row = session.get(ProfileConsentRow, consent)
        row.issued_at, row.ends_at = int(time.time()) - 100, int(time.time())
        session.add(row)
    assert ask(lender, owner).status_code == 404
    (shown,) = owner.get("/profiles/me/consents").json()["items"]
    assert shown["status"] == "ended"


def test_a_revocation_while_a_profile_is_being_made_stops_it(
    platform: Any, owner: Wallet, lender: Wallet, monkeypatch: pytest.MonkeyPatch
) -> None:
    consent = let(owner, lender)
    honest = reading.compile_profile

    def slow(*arguments: Any) -> Any:
        with platform.transaction() as session:
            consents.revoke(session, owner.address, consent, now=int(time.time()))
        return honest(*arguments)

    monkeypatch.setattr(reading, "compile_profile", slow)
    assert ask(lender, owner).status_code == 404
    assert readings(owner) == []


def test_a_refused_reader_cannot_tell_whether_there_is_such_an_account(
    owner: Wallet, lender: Wallet, new_wallet: Callable[..., Wallet]
) -> None:
    owner.post("/participants", json={"name": "Ada", "role": None})
    let(owner, new_wallet())
    nobody = str(Account.create().address)
    there, not_there = ask(lender, owner), ask(lender, nobody)
    assert there.status_code == not_there.status_code == 404
    assert there.json() | {"instance": ""} == not_there.json() | {"instance": ""}
    headers = ({*there.headers} ^ {*not_there.headers}) - {"date"}
    assert not headers


def test_a_refused_reader_makes_nobody_look_at_the_account(
    owner: Wallet, lender: Wallet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def looked(*arguments: Any) -> Any:
        raise AssertionError("the account was looked at")

    monkeypatch.setattr(reading, "compile_profile", looked)
    assert ask(lender, owner).status_code == 404


# -- signed consents -------------------------------------------------------------------------------


def test_anybody_hands_in_what_the_owner_signed(owner: Wallet, lender: Wallet) -> None:
    body = signed(owner, lender, "history")
    answer = hand_in(lender, owner, body)
    assert answer.status_code == 201, answer.text
    assert (answer.json()["signed"], answer.json()["status"]) == (True, "standing")
    assert ask(lender, owner).status_code == 200
    again = hand_in(lender, owner, body)
    assert (again.status_code, again.json()) == (201, answer.json())


def test_a_signed_consent_that_was_revoked_does_not_come_back(
    owner: Wallet, lender: Wallet
) -> None:
    body = signed(owner, lender, "history")
    consent = hand_in(lender, owner, body).json()["id"]
    owner.request("DELETE", f"/profiles/me/consents/{consent}")
    again = hand_in(lender, owner, body)
    assert (again.status_code, again.json()["code"]) == (409, "consent_used")
    assert ask(lender, owner).status_code == 404


def test_a_signed_consent_does_not_come_back_after_an_erasure(
    platform: Any, owner: Wallet, lender: Wallet
) -> None:
    body = signed(owner, lender, "history")
    hand_in(lender, owner, body)
    with platform.transaction() as session:
        session.exec(delete(ProfileConsentRow).where(col(ProfileConsentRow.owner) == owner.address))
    again = hand_in(lender, owner, body)
    assert (again.status_code, again.json()["code"]) == (409, "consent_used")


@pytest.mark.parametrize(
    "change",
    [
        {"topics": ["capacity", "history"]},
        {"purpose": "marketing"},
        {"audience": "0x" + "5f" * 20},
        {"nonce": "0x" + "07" * 32},
        {"ends_at": int(time.time()) + 86_400},
    ],
)
def test_a_signature_is_for_what_was_signed(
    owner: Wallet, lender: Wallet, change: dict[str, Any]
) -> None:
    answer = hand_in(lender, owner, signed(owner, lender, "history", **change))
    assert (answer.status_code, answer.json()["code"]) == (409, "consent_refused")


def test_nobody_signs_for_another(owner: Wallet, lender: Wallet) -> None:
    body = signed(lender, owner, "history")
    body["consent"]["audience"] = lender.address
    answer = hand_in(lender, owner, body)
    assert (answer.status_code, answer.json()["code"]) == (409, "consent_refused")


def test_a_signature_that_lay_about_is_not_taken(
    platform: Any, owner: Wallet, lender: Wallet
) -> None:
    old = int(time.time()) - 3_600
    consent = Consent(
        owner.address, lender.address, PURPOSE, ("history",), old, old + 86_400, b"\x07" * 32
    )
    signature = sign_digest(consent.digest(consents.domain(platform)), bytes(owner.account.key))
    body = {
        "consent": {
            "audience": lender.address,
            "purpose": PURPOSE,
            "topics": ["history"],
            "issued_at": old,
            "ends_at": old + 86_400,
            "nonce": "0x" + "07" * 32,
        },
        "signature": "0x" + signature.hex(),
    }
    answer = hand_in(lender, owner, body)
    assert (answer.status_code, answer.json()["code"]) == (409, "consent_refused")
    assert "just now" in answer.json()["detail"]


@pytest.mark.parametrize(
    "change",
    [
        {"topics": []},
        {"topics": ["everything"]},
        {"purpose": ""},
        {"purpose": "   "},
        {"purpose": "good\u202edab"},
        {"ends_at": "2020-01-01T00:00:00Z"},
        {"ends_at": "9999-12-31T23:59:59Z"},
        {"audience": "nobody"},
        {"more": 1},
    ],
)
def test_what_is_no_consent_is_refused(
    owner: Wallet, lender: Wallet, change: dict[str, Any]
) -> None:
    answer = owner.post("/profiles/me/consents", json=wish(lender, **change))
    assert answer.status_code == 422, answer.text
    assert owner.get("/profiles/me/consents").json()["items"] == []


def test_nobody_needs_its_own_consent(owner: Wallet) -> None:
    assert owner.post("/profiles/me/consents", json=wish(owner)).status_code == 422


# -- regulators ------------------------------------------------------------------------------------


def test_a_regulator_reads_everything_says_why_and_is_seen(
    owner: Wallet, new_regulator: Callable[[], Wallet]
) -> None:
    regulator = new_regulator()
    unsaid = regulator.get(f"/profiles/{owner.address}")
    assert (unsaid.status_code, unsaid.json()["code"]) == (422, "purpose_missing")
    said = ask(regulator, owner, purpose="case 4/2026")
    assert said.status_code == 200
    assert len(said.json()["profile"]["topics"]) == 5
    (seen,) = readings(owner)
    assert (seen["reader"], seen["as_regulator"]) == (regulator.address, True)
    assert (seen["consent"], seen["purpose"]) == (None, "case 4/2026")


def test_a_regulator_that_lost_its_role_reads_no_more_in_the_session_it_still_has(
    platform: Any, owner: Wallet, new_regulator: Callable[[], Wallet]
) -> None:
    regulator = new_regulator()
    assert ask(regulator, owner).status_code == 200
    digest = platform.chain.call(
        "CredentialRegistry", "grantOf", regulator.address, _regulator_role()
    )["credentialHash"]
    with platform.transaction() as session:
        accounts.revoke_credential(platform, session, digest)
    settle(platform)
    platform.clock.advance_to(platform.clock.now() + 2)
    assert regulator.get("/auth/session").json()["scopes"] == ["regulator"]
    assert ask(regulator, owner).status_code == 404
    assert len(readings(owner)) == 1


def _regulator_role() -> bytes:
    from identity.roles import role_id

    return role_id("regulator")


def test_a_regulator_in_a_participants_session_is_a_participant(
    owner: Wallet, new_regulator: Callable[[], Wallet], new_wallet: Callable[..., Wallet]
) -> None:
    regulator = new_regulator()
    same = new_wallet(bytes(regulator.account.key), ("participant",))
    assert ask(same, owner).status_code == 404


def test_the_operator_reads_nobodys_profile(operator: Wallet, owner: Wallet) -> None:
    assert ask(operator, owner).status_code == 404


def test_every_reading_is_there_page_by_page(platform: Any, owner: Wallet, lender: Wallet) -> None:
    let(owner, lender)
    for _ in range(5):
        assert ask(lender, owner).status_code == 200
    found, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = owner.get("/profiles/me/readings", params=query).json()
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(found) == 5
    assert lender.get("/profiles/me/readings").json()["items"] == []
    with platform.transaction() as session:
        rows = session.exec(
            select(ProfileReadingRow).where(ProfileReadingRow.owner == owner.address)
        ).all()
    assert [row.reader for row in rows] == [lender.address] * 5


def test_a_reading_that_cannot_be_written_down_is_not_answered(
    owner: Wallet, lender: Wallet, monkeypatch: pytest.MonkeyPatch
) -> None:
    let(owner, lender)

    def broken(*arguments: Any) -> None:
        raise RuntimeError("no space left")

    monkeypatch.setattr(reading, "_write_down", broken)
    answer = ask(lender, owner)
    assert answer.status_code == 500
    assert "history" not in answer.text
