from __future__ import annotations

import pytest
from eth_account import Account
from sqlmodel import select

from devnet import accounts as development
from identity.signer import LocalSigner
from wattproof.auth import service
from wattproof.auth.models import ApiKeyRow, NonceRow, SessionRow


def asked(client, account):
    answer = client.post("/auth/nonce", json={"address": account.address})
    return answer.json()["message"]


def post(client, message, signature, **more):
    body = {"message": message, "signature": "0x" + signature.hex()} | more
    return client.post("/auth/sessions", json=body)


def signature_of(account, message):
    return LocalSigner(bytes(account.key)).sign_text(message)


def test_a_wallet_signs_in_and_is_known(wallet):
    answer = wallet.get("/auth/session")
    assert answer.status_code == 200
    assert answer.json()["address"] == wallet.address
    assert answer.json()["scopes"] == ["participant"]


def test_the_message_names_this_installation(client, platform, wallet):
    message = asked(client, wallet.account)
    assert message.startswith("testserver wants you to sign in")
    assert f"Chain ID: {platform.deployment.chain_id}" in message


def test_a_signed_message_is_good_for_one_session(client):
    account = Account.create()
    message = asked(client, account)
    signature = signature_of(account, message)
    assert post(client, message, signature).status_code == 201
    again = post(client, message, signature)
    assert again.status_code == 401
    assert again.json()["code"] == "sign_in_refused"


def test_a_message_signed_by_another_key_is_refused(client):
    account = Account.create()
    message = asked(client, account)
    answer = post(client, message, signature_of(Account.create(), message))
    assert answer.status_code == 401
    assert "another key" in answer.json()["detail"]
    assert post(client, message, signature_of(account, message)).status_code == 201


def test_a_changed_message_is_refused(client):
    account = Account.create()
    message = asked(client, account).replace("testserver wants", "evil.example wants")
    answer = post(client, message, signature_of(account, message))
    assert answer.status_code == 401
    assert "evil.example" in answer.json()["detail"]


def test_a_message_we_did_not_give_out_is_refused(client, wallet):
    message = asked(client, wallet.account)
    other = Account.create()
    stolen = message.replace(wallet.address, other.address)
    assert post(client, stolen, signature_of(other, stolen)).status_code == 401
    assert post(client, "hello", signature_of(other, "hello")).status_code == 401


def test_an_old_message_is_refused(client, platform):
    account = Account.create()
    message = asked(client, account)
    with platform.transaction() as session:
        row = session.exec(select(NonceRow).where(NonceRow.address == account.address)).one()
        row.expires_at = 1
        session.add(row)
    assert post(client, message, signature_of(account, message)).status_code == 401


def test_pending_messages_of_an_address_do_not_pile_up(client, platform):
    account = Account.create()
    for _ in range(15):
        asked(client, account)
    with platform.transaction() as session:
        rows = session.exec(select(NonceRow).where(NonceRow.address == account.address)).all()
    assert len(rows) == 10


def test_a_session_ends_at_its_time(platform, new_wallet):
    late = new_wallet()
    with platform.transaction() as session:
        for row in session.exec(select(SessionRow).where(SessionRow.address == late.address)):
            row.expires_at = 1
            session.add(row)
    answer = late.get("/auth/session")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_session_that_was_signed_out_is_worth_nothing(new_wallet):
    leaving = new_wallet()
    assert leaving.request("DELETE", "/auth/session").status_code == 204
    assert leaving.get("/auth/session").status_code == 401


def test_tokens_are_not_stored(platform, wallet):
    with platform.transaction() as session:
        rows = session.exec(select(SessionRow)).all()
    assert rows
    assert all(wallet.token not in row.model_dump_json() for row in rows)


def test_a_scope_needs_a_credential_that_stands(client):
    account = Account.create()
    message = asked(client, account)
    answer = post(client, message, signature_of(account, message), scopes=["regulator"])
    assert answer.status_code == 403
    assert answer.json()["code"] == "scope_missing"


def test_the_operators_key_has_its_scope(new_wallet):
    operator = new_wallet(
        bytes(development.account(development.OPERATOR).key), ("operator", "participant")
    )
    assert operator.get("/auth/session").json()["scopes"] == ["operator", "participant"]
    assert operator.get("/participants").status_code == 200


@pytest.mark.parametrize("path", ["/participants", "/accounts/me", "/orders", "/auth/keys"])
def test_nothing_private_is_shown_without_a_token(client, path):
    answer = client.get(path)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    for token in ("x", "wp_", "wp_0011223344556677_x", "wp_0_0_0", "a" * 5000):
        headers = {"Authorization": f"Bearer {token}"}
        assert client.get(path, headers=headers).status_code == 401


def test_a_participant_may_not_act_as_operator(wallet):
    answer = wallet.get("/participants")
    assert answer.status_code == 403
    assert answer.json()["code"] == "scope_missing"


def make_key(wallet, **changes):
    body = {"name": "charger 17", "scopes": ["participant"], "lifetime_seconds": 3600} | changes
    return wallet.post("/auth/keys", json=body)


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def test_an_api_key_speaks_for_its_owner(client, wallet):
    made = make_key(wallet).json()
    answer = client.get("/auth/session", headers=bearer(made["key"]))
    assert answer.json()["address"] == wallet.address
    assert answer.json()["api_key"] == made["id"]


def test_an_api_key_is_stored_as_an_argon2_hash_alone(platform, wallet):
    made = make_key(wallet).json()
    with platform.transaction() as session:
        row = session.get(ApiKeyRow, made["id"])
    assert row.secret_hash.startswith("$argon2id$")
    assert made["key"].split("_", 2)[2] not in row.model_dump_json()


def test_a_revoked_api_key_is_worth_nothing(client, wallet):
    made = make_key(wallet).json()
    assert wallet.request("DELETE", f"/auth/keys/{made['id']}").json()["revoked_at"]
    assert client.get("/auth/session", headers=bearer(made["key"])).status_code == 401


def test_an_api_key_with_another_secret_is_refused(client, wallet):
    made = make_key(wallet).json()
    forged = made["key"][:-4] + ("aaaa" if made["key"][-4:] != "aaaa" else "bbbb")
    assert client.get("/auth/session", headers=bearer(forged)).status_code == 401


def test_an_api_key_cannot_make_keys(client, wallet):
    made = make_key(wallet).json()
    body = {"name": "more", "scopes": ["participant"]}
    answer = client.post("/auth/keys", json=body, headers=bearer(made["key"]))
    assert answer.status_code == 403
    assert answer.json()["code"] == "session_needed"


def test_an_api_key_has_no_more_rights_than_its_owner(wallet):
    answer = make_key(wallet, scopes=["operator"])
    assert answer.status_code == 403


def test_nobody_revokes_the_key_of_another(new_wallet, wallet):
    made = make_key(wallet).json()
    answer = new_wallet().request("DELETE", f"/auth/keys/{made['id']}")
    assert answer.status_code == 404
    assert made["id"] in [key["id"] for key in wallet.get("/auth/keys").json()["items"]]


def test_an_account_has_a_bounded_number_of_keys(new_wallet, monkeypatch):
    monkeypatch.setattr(service, "API_KEYS_MAX", 1)
    owner = new_wallet()
    assert make_key(owner).status_code == 201
    assert make_key(owner).status_code == 409
