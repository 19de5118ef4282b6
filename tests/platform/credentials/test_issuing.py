"""Issuing by the platform, and who sees what was issued."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from identity.errors import KeystoreError
from identity.roles import role_id
from identity.verifiable import jws, sd_jwt
from identity.verifiable.issuing import content_hash
from identity.verifiable.kinds import KINDS
from tests.platform.credentials.parties import CLAIMS, ZONE, by_key, failing, verified
from tests.platform.settling import settle
from wattproof.credentials.issuing import area, issued_to
from wattproof.gateway.keys import Role
from wattproof.settings import Settings

REGULATOR = {"jurisdiction": "DE", "authority": "Federal Network Agency"}


def issue(operator, subject, kind="participant", claims=CLAIMS, **more):
    body = {"kind": kind, "subject": subject, "claims": claims} | more
    return operator.post("/credentials", json=body, headers=by_key())


@pytest.fixture
def holder(new_party):
    return new_party()


@pytest.fixture
def issued(platform, operator, holder):
    """A credential, granted on the chain, as its holder fetches it."""
    answer = issue(operator, holder.did)
    assert answer.status_code == 201, answer.text
    assert answer.json()["status"] == "pending"
    settle(platform)
    return holder.wallet.get(f"/credentials/{answer.json()['credential_hash']}").json()


def test_an_issued_credential_holds_in_both_forms(client, holder, issued):
    assert issued["status"] == "standing"
    assert issued["document"]["credentialSubject"] == {"id": holder.did, **CLAIMS}
    for form in ("jwt", "sd_jwt"):
        said = verified(client, issued[form])
        assert said["holds"], said
        assert {c["outcome"] for c in said["checks"]} == {"holds"}
        assert (said["kind"], said["subject"]) == ("participant", holder.did)


def test_the_chain_holds_its_hash_and_nothing_else_of_it(platform, holder, issued):
    assert "0x" + content_hash(issued["jwt"]).hex() == issued["credential_hash"]
    grant = platform.chain.call(
        "CredentialRegistry", "grantOf", holder.address, role_id("prosumer")
    )
    assert "0x" + grant["credentialHash"].hex() == issued["credential_hash"]


def test_before_its_grant_is_mined_it_holds_by_its_status_list(client, operator, holder):
    digest = issue(operator, holder.did).json()["credential_hash"]
    said = verified(client, holder.wallet.get(f"/credentials/{digest}").json()["jwt"])
    assert said["holds"], said
    grant = next(c for c in said["checks"] if c["check"] == "grant")
    assert "status list alone" in grant["why"]


def test_a_token_hides_everything_but_the_role(client, issued):
    alone = str(sd_jwt.select(sd_jwt.parse(issued["sd_jwt"]), ()))
    assert verified(client, alone)["holds"]
    payload = jws.parse(sd_jwt.parse(alone).token).payload
    assert payload["role"] == "prosumer"
    for name in ("zone", "jurisdiction", "legal_name", "connection_capacity_w"):
        assert name not in payload


def test_a_meters_credential_is_about_the_device(platform, client, operator, new_party):
    device = new_party()
    claims = {"device": device.address, "carrier": 0, "capacity_w": 11_000, "zone": ZONE}
    answer = issue(operator, device.address, "meter", claims)
    assert answer.status_code == 201, answer.text
    settle(platform)
    own = device.wallet.get("/credentials").json()["items"]
    assert [(c["kind"], c["role"], c["subject"]) for c in own] == [("meter", "meter", device.did)]
    assert verified(client, own[0]["jwt"])["holds"]


def test_a_devices_credential_is_about_no_other_device(operator, new_party, holder):
    claims = {"device": holder.address, "carrier": 0, "capacity_w": 11_000, "zone": ZONE}
    answer = issue(operator, new_party().address, "meter", claims)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_claims")
    del claims["device"]
    assert issue(operator, holder.address, "meter", claims).status_code == 201
    said = holder.wallet.get("/credentials").json()["items"][0]["document"]["credentialSubject"]
    assert said["device"] == holder.address


def test_an_area_is_named_where_nobody_says_one(platform, operator, new_party):
    applicant = new_party()
    made = applicant.wallet.post("/participants", json={"name": "Ada"}).json()["credentials"][0]
    own = made["document"]["credentialSubject"]["zone"]
    assert own == area(platform)
    assert uuid.UUID(own).version == 5
    settings = platform.settings.model_copy(update={"area": ZONE})
    assert area(replace(platform, settings=settings)) == ZONE
    with pytest.raises(ValueError, match="area"):
        Settings(area="zone 4")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_schema_of_every_kind_is_served(client, kind):
    answer = client.get(f"/schemas/{kind}")
    assert answer.status_code == 200
    assert answer.json()["$id"] == KINDS[kind].schema_id


def test_another_holder_sees_nothing_of_it(new_party, issued):
    other = new_party().wallet
    assert other.get(f"/credentials/{issued['credential_hash']}").status_code == 404
    assert other.get("/credentials").json()["items"] == []


def test_a_regulator_sees_all_credentials_without_what_they_say(
    platform, operator, new_party, new_wallet, issued
):
    watcher = new_party()
    assert issue(operator, watcher.address, "regulator", REGULATOR).status_code == 201
    settle(platform)
    regulator = new_wallet(bytes(watcher.wallet.account.key), ("regulator",))
    seen = regulator.get(f"/credentials/{issued['credential_hash']}").json()
    assert (seen["document"], seen["jwt"], seen["sd_jwt"]) == (None, None, None)
    assert seen["role"] == "prosumer"
    listed = regulator.get("/credentials?limit=200")
    assert issued["credential_hash"] in listed.text
    assert CLAIMS["legal_name"] not in listed.text


def test_the_operator_sees_what_the_platform_issued(operator, issued):
    listed = operator.get("/credentials?limit=200").json()["items"]
    assert issued in listed


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"role": "prosumer"}, "zone is missing"),
        ({**CLAIMS, "role": "regulator"}, "role"),
        ({**CLAIMS, "role": None}, "role"),
        ({**CLAIMS, "admin": "yes"}, "admin"),
        ({**CLAIMS, "zone": "10YDE-VE-------3"}, "zone"),
        ({**CLAIMS, "connection_capacity_w": 0}, "connection_capacity_w"),
        ({**CLAIMS, "id": "did:ethr:0x1:0x00"}, "id"),
        ({"zone": ZONE}, "role"),
    ],
)
def test_claims_that_are_not_of_the_kind_are_refused(operator, holder, claims, said):
    answer = issue(operator, holder.did, claims=claims)
    assert answer.status_code == 422, answer.text
    assert said in answer.text


@pytest.mark.parametrize(
    "subject",
    [
        "did:ethr:0x1:0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2",
        "did:ethr:0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2",
        "did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH",
        "0x00",
        "did:ethr:x",
    ],
)
def test_a_subject_that_is_not_on_this_chain_is_refused(operator, subject):
    assert issue(operator, subject).status_code == 422


def test_nothing_is_issued_to_a_deactivated_did(platform, operator, holder):
    holder.send("DidRegistry", "changeOwner", holder.address, "0x" + "00" * 20)
    answer = issue(operator, holder.did)
    assert (answer.status_code, answer.json()["code"]) == (409, "deactivated")
    with platform.transaction() as session:
        assert issued_to(session, holder.address) == []


def test_a_holder_that_deactivates_her_did_holds_nothing_any_more(client, holder, issued):
    holder.send("DidRegistry", "changeOwner", holder.address, "0x" + "00" * 20)
    assert failing(client, issued["jwt"]) == {"subject", "grant"}


def test_the_issuer_does_not_certify_itself(platform, operator):
    answer = issue(operator, platform.keys.address(Role.ISSUER))
    assert (answer.status_code, answer.json()["code"]) == (409, "self_issued")


def test_a_second_credential_of_the_role_must_last_longer_and_then_takes_its_place(
    platform, client, operator, holder, issued
):
    answer = issue(operator, holder.did, lifetime_s=86_400)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_longer")
    answer = issue(operator, holder.did, lifetime_s=2 * 365 * 86_400)
    assert answer.status_code == 201, answer.text
    settle(platform)
    newer = holder.wallet.get(f"/credentials/{answer.json()['credential_hash']}").json()
    assert newer["status"] == "standing"
    assert verified(client, newer["jwt"])["holds"]
    older = holder.wallet.get(f"/credentials/{issued['credential_hash']}").json()
    assert older["status"] == "replaced"
    assert failing(client, issued["jwt"]) == {"grant"}


def test_the_same_request_issues_once(operator, holder):
    headers = by_key()
    body = {"kind": "participant", "subject": holder.did, "claims": CLAIMS}
    first = operator.post("/credentials", json=body, headers=headers)
    again = operator.post("/credentials", json=body, headers=headers)
    assert again.json() == first.json()
    assert len(holder.wallet.get("/credentials").json()["items"]) == 1


def test_a_participant_issues_nothing_in_the_platforms_name(holder):
    assert issue(holder.wallet, holder.did).status_code == 403


def test_a_role_without_its_claims_says_what_is_missing(operator, holder):
    holder.wallet.post("/participants", json={"name": "Ada", "role": None})
    path = f"/participants/{holder.address}/credentials/regulator"
    answer = operator.request("PUT", path)
    assert answer.status_code == 422
    assert "jurisdiction is missing" in answer.text
    assert operator.request("PUT", path.replace("regulator", "operator")).status_code == 404


def test_a_key_service_that_does_not_answer_is_no_fault_of_the_request(
    platform, operator, holder, monkeypatch
):
    signer = platform.keys.signer(Role.ISSUER)

    def silent(*_):
        raise KeystoreError("the agent at /run/secret/issuer.sock does not answer")

    monkeypatch.setattr(type(signer), "sign_digest", silent)
    answer = issue(operator, holder.did)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["Retry-After"]
    assert "/run" not in answer.text
    monkeypatch.undo()
    assert holder.wallet.get("/credentials").json()["items"] == []
    assert issue(operator, holder.did).status_code == 201
