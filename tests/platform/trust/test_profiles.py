"""Profiles over HTTP: independent issuers, and what makes two of them one."""

from __future__ import annotations

from typing import Any

import pytest

from identity.roles import role_id
from identity.verifiable.issuing import as_jwt, content_hash
from identity.verifiable.keys import Ed25519Key
from identity.verifiable.kinds import KINDS
from tests.platform.credentials.conftest import (
    admin,
    client,
    new_issuer,
    new_party,
    new_wallet,
    operator,
    platform,
    wallet,
)
from tests.platform.credentials.parties import CLAIMS, YEAR, ZONE, Party, by_key
from tests.platform.settling import settle

__all__ = [
    "admin",
    "client",
    "new_issuer",
    "new_party",
    "new_wallet",
    "operator",
    "platform",
    "wallet",
]
VERIKEY = b"veriKey".ljust(32, b"\0")


@pytest.fixture
def holder(new_party):
    return new_party()


def put_in(holder: Party, credential: Any) -> Any:
    return holder.wallet.post("/profiles/me/credentials", json={"credential": credential})


def attest(issuer: Party, holder: Party, **claims: Any) -> tuple[str, Any]:
    """A credential of the issuer in the holder's profile; its hash, and its status entry."""
    entry = issuer.entry()
    assert issuer.publish(entry.list_url).status_code in (200, 201)
    draft = issuer.draft(holder, entry, claims=CLAIMS | claims)
    answer = put_in(holder, issuer.jwt(draft))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["credential_hash"]), entry


def anchor(issuer: Party, holder: Party, **claims: Any) -> str:
    """The same, with its hash on the chain and no status list."""
    draft = issuer.draft(holder, claims=CLAIMS | claims)
    jwt = issuer.jwt(draft)
    digest = content_hash(jwt)
    role = role_id(str(draft.claims["role"]))
    issuer.send(
        "CredentialRegistry",
        "grant",
        digest,
        holder.address,
        role,
        draft.valid_until,
    )
    answer = put_in(holder, jwt)
    assert answer.status_code == 201, answer.text
    return "0x" + digest.hex()


def later(platform: Any) -> None:
    """Two things in one second are in no order."""
    platform.clock.advance_to(platform.clock.now() + 2)


def read(holder: Party, **query: Any) -> dict[str, Any]:
    answer = holder.wallet.get(f"/profiles/{holder.address}", params=query)
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


def topic(holder: Party, name: str = "identity", **query: Any) -> dict[str, Any]:
    (found,) = (
        each for each in read(holder, **query)["profile"]["topics"] if each["topic"] == name
    )
    return dict(found)


def counted(holder: Party) -> tuple[str, int]:
    found = topic(holder)
    return found["state"], found["independent"]


def why_not(holder: Party, credential: str) -> str:
    (held,) = (h for h in read(holder)["held"] if h["credential_hash"] == credential)
    assert held["counts"] is not bool(held["why_not"])
    return str(held["why_not"])


def test_two_independent_issuers_meet_a_topic(new_issuer, holder):
    one, other = new_issuer(), new_issuer()
    attest(one, holder)
    assert counted(holder) == ("short", 1)
    attest(other, holder)
    assert counted(holder) == ("met", 2)
    found = topic(holder)
    assert found["issuers"] == sorted([one.did, other.did])
    names = {claim["name"] for claim in found["claims"]}
    assert names == {"zone", "jurisdiction", "legal_name"}


def test_two_credentials_of_one_issuer_are_no_quorum(new_issuer, holder):
    issuer = new_issuer()
    attest(issuer, holder)
    attest(issuer, holder)
    assert counted(holder) == ("short", 1)
    assert len(topic(holder)["credentials"]) == 2


def test_two_keys_of_one_issuer_are_no_quorum(new_issuer, holder):
    """A second key in its document signs as well as the first, and for the same issuer."""
    issuer = new_issuer()
    attest(issuer, holder)
    key = Ed25519Key(b"\x44" * 32, f"{issuer.did}#delegate-1")
    name = b"did/pub/Ed25519/veriKey/hex".ljust(32, b"\0")
    issuer.send("DidRegistry", "setAttribute", issuer.address, name, key.public_key, YEAR)
    entry = issuer.entry()
    later(issuer.platform)
    assert issuer.publish(entry.list_url).status_code in (200, 201)
    answer = put_in(holder, as_jwt(issuer.draft(holder, entry), key, now=issuer.now))
    assert answer.status_code == 201, answer.text
    assert counted(holder) == ("short", 1)
    assert len(topic(holder)["credentials"]) == 2


def test_what_the_platform_issued_is_in_the_profile_by_itself(
    platform, operator, new_issuer, holder
):
    body = {"kind": "participant", "subject": holder.did, "claims": CLAIMS}
    made = operator.post("/credentials", json=body, headers=by_key())
    assert made.status_code == 201, made.text
    settle(platform)
    assert counted(holder) == ("short", 1)
    (held,) = read(holder)["held"]
    assert (held["put_in"], held["counts"]) == (False, True)
    attest(new_issuer(), holder)
    assert counted(holder) == ("met", 2)


def test_an_issuer_that_nobody_accredited_attests_nothing(new_party, holder):
    issuer = new_party()
    draft = issuer.draft(holder)
    answer = put_in(holder, issuer.jwt(draft))
    assert answer.status_code == 422
    assert answer.json()["code"] == "credential_refused"
    assert "accreditation" in answer.json()["detail"]


def test_an_issuer_that_lost_its_accreditation_counts_no_more(admin, new_issuer, holder):
    one, other = new_issuer(), new_issuer()
    attest(one, holder)
    gone, _ = attest(other, holder)
    admin("removeAccreditation", other.address, role_id("prosumer"))
    assert counted(holder) == ("short", 1)
    assert "accreditation" in why_not(holder, gone)


def test_an_issuer_that_was_given_to_the_other_after_issuing_counts_with_it(new_issuer, holder):
    one, other = new_issuer(), new_issuer()
    attest(one, holder)
    anchor(other, holder)
    assert counted(holder) == ("met", 2)
    later(one.platform)
    other.send("DidRegistry", "changeOwner", other.address, one.address)
    assert counted(holder) == ("short", 1)
    assert all(held["counts"] for held in read(holder)["held"])


def test_two_identifiers_that_one_controller_took_over_are_one(new_party, new_issuer, holder):
    one, other, owner = new_issuer("prosumer"), new_issuer("supplier"), new_party()
    anchor(one, holder)
    anchor(other, holder, role="supplier")
    assert counted(holder) == ("met", 2)
    later(one.platform)
    for issuer in (one, other):
        issuer.send("DidRegistry", "changeOwner", issuer.address, owner.address)
    assert counted(holder) == ("short", 1)


def test_an_issuer_and_its_delegate_are_one_until_the_delegation_ends(new_issuer, holder):
    one, other = new_issuer(), new_issuer()
    attest(one, holder)
    attest(other, holder)
    place = "DidRegistry", "addDelegate", one.address, VERIKEY, other.address
    one.send(*place, 3_600)
    assert counted(holder) == ("short", 1)
    one.send("DidRegistry", "revokeDelegate", one.address, VERIKEY, other.address)
    assert counted(holder) == ("met", 2)


def test_one_of_two_that_is_revoked_takes_the_topic_down(new_issuer, holder):
    one, other = new_issuer(), new_issuer()
    attest(one, holder)
    revoked, entry = attest(other, holder)
    assert counted(holder) == ("met", 2)
    later(other.platform)
    assert other.publish(entry.list_url, [entry.index]).status_code in (200, 201)
    assert counted(holder) == ("short", 1)
    assert "status" in why_not(holder, revoked)


def test_contradictions_are_shown_and_not_averaged(new_issuer, holder):
    for capacity in (30_000, 30_000, 45_000):
        attest(new_issuer(), holder, connection_capacity_w=capacity)
    found = topic(holder, "capacity")
    assert (found["state"], found["independent"]) == ("conflicting", 3)
    (claim,) = found["claims"]
    assert [(v["value"], v["independent"]) for v in claim["values"]] == [(30_000, 2), (45_000, 1)]


def test_a_token_attests_what_its_holder_shows_of_it(new_issuer, holder):
    from identity.verifiable import sd_jwt

    issuer = new_issuer()
    entry = issuer.entry()
    issuer.publish(entry.list_url)
    token = sd_jwt.parse(issuer.token(issuer.draft(holder, entry)))
    assert put_in(holder, str(sd_jwt.select(token, ("legal_name",)))).status_code == 201
    assert topic(holder, "capacity")["independent"] == 0
    (claim,) = topic(holder)["claims"]
    assert claim["name"] == "legal_name"
    # Put in again with more shown, it is the same credential.
    shown = str(sd_jwt.select(token, ("connection_capacity_w",)))
    assert put_in(holder, shown).status_code == 201
    assert topic(holder, "capacity")["independent"] == 1
    assert len(read(holder)["held"]) == 1


def test_nobody_puts_in_what_is_about_somebody_else(new_issuer, new_party, holder):
    issuer, other = new_issuer(), new_party()
    entry = issuer.entry()
    issuer.publish(entry.list_url)
    answer = put_in(holder, issuer.jwt(issuer.draft(other, entry)))
    assert answer.status_code == 422
    assert "not about" in answer.json()["detail"]


@pytest.mark.parametrize("credential", ["nothing", "a.b.c", "a.b.c~", {"type": "x"}, {}])
def test_what_is_no_credential_is_refused(holder, credential):
    assert put_in(holder, credential).status_code == 422


def test_a_meters_credential_counts_for_the_account_that_the_registry_has_for_it(
    platform, new_issuer, new_party, holder
):
    from tests.platform.conftest import RULES
    from wattproof.meters import service as meters
    from wattproof.rounds import service as rounds

    with platform.transaction() as session:
        if rounds.market_named(session, "metered") is None:
            rounds.create_market(platform, session, "metered", RULES)
    settle(platform)
    issuer, device = new_issuer("meter"), new_party()
    entry = issuer.entry("meter")
    issuer.publish(entry.list_url)
    claims = {
        "role": "meter",
        "device": device.address,
        "carrier": 0,
        "capacity_w": 11_000,
        "zone": ZONE,
    }
    jwt = issuer.jwt(issuer.draft(device, entry, kind=KINDS["meter"], claims=claims))
    refused = put_in(holder, jwt)
    assert refused.status_code == 422
    assert "not about" in refused.json()["detail"]
    with platform.transaction() as session:
        market = rounds.market_named(session, "metered")
        assert market is not None
        meters.register_device(
            platform,
            session,
            device=device.address,
            market=market.market,
            account=holder.address,
            carrier=0,
            capacity_w=11_000,
        )
    settle(platform)
    assert put_in(holder, jwt).status_code == 201
    found = topic(holder, "metering")
    assert found["independent"] == 1
    assert {claim["about"] for claim in found["claims"]} == {device.address.lower()}


def test_who_reads_may_ask_for_more_issuers(new_issuer, holder):
    attest(new_issuer(), holder)
    assert topic(holder, quorum="identity:1")["state"] == "met"
    assert topic(holder, quorum="identity:3")["quorum"] == 3
    for wrong in ("identity", "identity:0", "identity:99", "history:2", "identity:x"):
        answer = holder.wallet.get(f"/profiles/{holder.address}", params={"quorum": wrong})
        assert answer.status_code == 422, wrong


def test_a_credential_is_taken_out_by_whoever_put_it_in(new_issuer, new_party, holder):
    digest, _ = attest(new_issuer(), holder)
    path = f"/profiles/me/credentials/{digest}"
    assert new_party().wallet.request("DELETE", path).status_code == 404
    assert holder.wallet.request("DELETE", path).status_code == 204
    assert holder.wallet.request("DELETE", path).status_code == 404
    assert read(holder)["held"] == []


def test_an_account_that_never_did_anything_has_an_empty_profile(holder):
    profile = read(holder)["profile"]
    assert {each["state"] for each in profile["topics"]} == {"short"}
    assert profile["history"]["markets"] == []
    assert profile["subject"] == holder.did


def test_the_chosen_topics_alone_are_answered(holder):
    profile = read(holder, topics=["capacity", "history"])["profile"]
    assert [each["topic"] for each in profile["topics"]] == ["capacity"]
    assert profile["history"] is not None
    assert read(holder, topics=["identity"])["profile"]["history"] is None


def test_a_credential_that_expired_counts_no_more(platform, new_issuer, holder):
    """Last: it moves the time of the chain."""
    one, other = new_issuer(), new_issuer()
    attest(one, holder)
    entry = other.entry()
    other.publish(entry.list_url)
    draft = other.draft(holder, entry, valid_until=other.now + 600)
    digest = put_in(holder, other.jwt(draft)).json()["credential_hash"]
    assert counted(holder) == ("met", 2)
    assert topic(holder)["valid_until"] == draft.valid_until
    assert topic(holder)["valid_until"] < one.now + YEAR
    platform.clock.advance_to(draft.valid_until + 120)
    settle(platform)
    assert counted(holder) == ("short", 1)
    assert "time" in why_not(holder, digest)
