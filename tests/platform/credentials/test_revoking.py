"""Revoking: for verification at once, for markets from the next gate, all or nothing."""

from __future__ import annotations

import pytest
from sqlmodel import select

from identity.roles import role_id
from identity.verifiable.issuing import content_hash
from tests.platform.credentials.parties import CLAIMS, by_key, failing, verified
from tests.platform.settling import settle
from wattproof.accounts import service as accounts
from wattproof.credentials import revoking
from wattproof.credentials.models import IssuedRow
from wattproof.errors import MisconfiguredError
from wattproof.gateway import outbox
from wattproof.gateway.keys import Role
from wattproof.gateway.models import OutboxRow
from wattproof.tasks.flow import mark_revoked


@pytest.fixture
def holder(new_party):
    return new_party()


def issue(operator, holder, **more):
    body = {"kind": "participant", "subject": holder.did, "claims": CLAIMS} | more
    answer = operator.post("/credentials", json=body)
    assert answer.status_code == 201, answer.text
    return holder.wallet.get(f"/credentials/{answer.json()['credential_hash']}").json()


@pytest.fixture
def issued(platform, operator, holder):
    made = issue(operator, holder)
    settle(platform)
    return made


def revoke(operator, issued):
    return operator.request("DELETE", f"/credentials/{issued['credential_hash']}", headers=by_key())


def stands(platform, holder):
    now = platform.chain.head().timestamp
    return platform.chain.call(
        "CredentialRegistry", "standing", holder.address, role_id("prosumer"), now
    )


def revocations(platform, issued):
    key = f"revoke:{issued['credential_hash'][2:]}"
    with platform.transaction() as session:
        rows = session.exec(select(OutboxRow)).all()
    return [row.status for row in rows if row.key.startswith(key)]


def test_it_counts_for_verification_at_once_and_on_the_chain_with_the_next_block(
    platform, client, operator, holder, issued
):
    answer = revoke(operator, issued)
    assert (answer.status_code, answer.json()["status"]) == (202, "revoked")
    assert failing(client, issued["jwt"]) == {"status"}
    assert failing(client, issued["sd_jwt"]) == {"status"}
    assert stands(platform, holder)
    settle(platform)
    assert not stands(platform, holder)
    assert failing(client, issued["jwt"]) == {"grant", "status"}
    assert holder.wallet.get("/credentials").json()["items"][0]["status"] == "revoked"


def test_revoking_twice_changes_nothing(platform, operator, issued):
    for _ in range(2):
        assert revoke(operator, issued).status_code == 202
        settle(platform)
    assert revocations(platform, issued) == ["mined"]


def test_one_that_is_still_on_its_way_ends_revoked(platform, client, operator, holder):
    pending = issue(operator, holder)
    assert revoke(operator, pending).status_code == 202
    settle(platform)
    assert not stands(platform, holder)
    assert revocations(platform, pending) == ["mined"]
    assert failing(client, pending["jwt"]) == {"grant", "status"}


def test_the_older_ones_of_the_role_are_revoked_with_it(platform, client, operator, holder, issued):
    newer = issue(operator, holder, lifetime_s=2 * 365 * 86_400)
    settle(platform)
    assert revoke(operator, newer).status_code == 202
    settle(platform)
    for each in (issued, newer):
        assert failing(client, each["jwt"]) == {"grant", "status"}
    assert not stands(platform, holder)


def test_an_older_one_alone_leaves_the_newer_standing(platform, client, operator, holder, issued):
    platform.clock.advance_to(platform.clock.now() + 2)
    newer = issue(operator, holder, lifetime_s=2 * 365 * 86_400)
    settle(platform)
    assert revoke(operator, issued).status_code == 202
    settle(platform)
    assert stands(platform, holder)
    assert verified(client, newer["jwt"])["holds"]
    assert "status" in failing(client, issued["jwt"])


def test_a_newer_one_whose_grant_fails_takes_the_older_one_along(
    platform, client, operator, holder, issued
):
    newer = issue(operator, holder, lifetime_s=2 * 365 * 86_400)
    with platform.transaction() as session:
        row = outbox.find(session, f"grant:{newer['credential_hash'][2:]}")
        assert row is not None
        row.gas_limit = 30_000  # too little: the grant will revert
        session.add(row)
    assert revoke(operator, newer).status_code == 202
    settle(platform)
    assert not stands(platform, holder)
    assert "status" in failing(client, issued["jwt"])


def test_a_role_that_was_revoked_is_not_given_again_for_a_day(platform, operator, holder, issued):
    revoke(operator, issued)
    settle(platform)
    body = {"kind": "participant", "subject": holder.did, "claims": CLAIMS}
    answer = operator.post("/credentials", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "regrant_too_soon")


def test_not_even_before_the_revocation_is_mined(operator, holder, issued):
    revoke(operator, issued)
    body = {"kind": "participant", "subject": holder.did, "claims": CLAIMS}
    answer = operator.post("/credentials", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "regrant_too_soon")


def test_nor_where_the_grant_itself_is_still_on_its_way(operator, holder):
    revoke(operator, issue(operator, holder))
    body = {"kind": "participant", "subject": holder.did, "claims": CLAIMS}
    answer = operator.post("/credentials", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "regrant_too_soon")


def test_what_the_chain_refused_to_grant_is_marked_in_the_list(platform, client, operator, holder):
    pending = issue(operator, holder)
    with platform.transaction() as session:
        row = outbox.find(session, f"grant:{pending['credential_hash'][2:]}")
        assert row is not None
        row.gas_limit = 30_000  # too little: the grant will revert
        session.add(row)
    settle(platform)
    assert holder.wallet.get("/credentials").json()["items"][0]["status"] == "refused"
    assert mark_revoked(platform)
    assert failing(client, pending["jwt"]) == {"status"}
    assert holder.wallet.get("/credentials").json()["items"][0]["status"] == "refused"
    again = issue(operator, holder)
    settle(platform)
    assert verified(client, again["jwt"])["holds"]


def test_a_platform_whose_issuer_cannot_sign_goes_on_with_the_rest(
    platform, admin, issued, monkeypatch, caplog
):
    admin("revoke", content_hash(issued["jwt"]))
    keys = type(platform.keys)
    monkeypatch.setattr(revoking, "own_issuer", unusable)
    assert not mark_revoked(platform)
    assert "cannot be marked" in caplog.text
    monkeypatch.undo()
    monkeypatch.setattr(keys, "holds", lambda *_: False)
    assert not mark_revoked(platform)
    monkeypatch.undo()
    assert mark_revoked(platform)


def unusable(_):
    raise MisconfiguredError("its DID has another key now")


def test_what_an_issuer_signed_whose_key_is_gone_the_registrar_revokes(platform, operator, issued):
    with platform.transaction() as session:
        row = session.get_one(IssuedRow, issued["credential_hash"])
        row.issuer = "did:ethr:0x1:0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"
        session.add(row)
    answer = revoke(operator, issued)
    assert (answer.status_code, answer.json()["code"]) == (409, "another_issuer")
    with platform.transaction() as session:
        assert session.get_one(IssuedRow, issued["credential_hash"]).revoked_at is None


def test_what_the_registrar_revokes_on_the_chain_is_marked_in_the_list(
    platform, client, admin, issued
):
    admin("revoke", content_hash(issued["jwt"]))
    assert failing(client, issued["jwt"]) == {"grant"}
    assert mark_revoked(platform)
    assert not mark_revoked(platform)
    assert failing(client, issued["jwt"]) == {"grant", "status"}


def test_a_failure_between_status_and_chain_leaves_neither(
    platform, client, operator, holder, issued, monkeypatch
):
    def broken(*_):
        raise RuntimeError("the process fails here")

    monkeypatch.setattr(accounts, "revoke_credential", broken)
    with pytest.raises(RuntimeError), platform.transaction() as session:
        revoking.revoke(platform, session, issued["credential_hash"])
    monkeypatch.undo()
    assert revocations(platform, issued) == []
    assert verified(client, issued["jwt"])["holds"]
    with platform.transaction() as session:
        assert session.get_one(IssuedRow, issued["credential_hash"]).revoked_at is None
    assert revoke(operator, issued).status_code == 202
    settle(platform)
    assert not stands(platform, holder)


def test_only_the_operator_revokes_and_only_what_was_issued_here(operator, holder, issued):
    assert revoke(holder.wallet, issued).status_code == 403
    unknown = {"credential_hash": "0x" + "5f" * 32}
    assert revoke(operator, unknown).status_code == 404


def test_by_its_role_it_is_the_same(platform, client, operator, holder, issued):
    holder.wallet.post("/participants", json={"name": "Ada", "role": None})
    path = f"/participants/{holder.address}/credentials/prosumer"
    assert operator.request("DELETE", path).status_code == 202
    assert failing(client, issued["jwt"]) == {"status"}
    settle(platform)
    assert not stands(platform, holder)
    assert operator.request("DELETE", path).status_code == 404


def test_a_grant_of_another_issuer_is_not_the_platforms_to_revoke(
    platform, operator, holder, new_issuer
):
    issuer = new_issuer()
    holder.wallet.post("/participants", json={"name": "Ada", "role": None})
    issuer.send(
        "CredentialRegistry",
        "grant",
        b"\x07" * 32,
        holder.address,
        role_id("prosumer"),
        issuer.now + 86_400,
    )
    path = f"/participants/{holder.address}/credentials/prosumer"
    assert operator.request("DELETE", path).status_code == 409
    body = {"kind": "participant", "subject": holder.did, "claims": CLAIMS}
    answer = operator.post("/credentials", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "granted_by_another")
    assert platform.keys.address(Role.ISSUER) not in answer.text
