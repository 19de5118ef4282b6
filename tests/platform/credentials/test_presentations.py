"""Presentations: shown once, to whom they were made for, and nothing is learnt beyond them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest
from sqlmodel import select

from identity.roles import role_id
from identity.verifiable import jws, sd_jwt
from identity.verifiable.data_integrity import add_proof
from identity.verifiable.keys import Ed25519Key, EthereumKey
from identity.verifiable.kinds import KINDS
from identity.verifiable.model import date_time
from tests.platform.credentials.parties import ZONE, Party, by_key, everything
from wattproof.credentials import presenting
from wattproof.credentials.models import PresentationRequestRow, PresentationRow
from wattproof.errors import RefusedError

AT_ONCE = 6
KEPT_BACK: dict[str, Any] = {
    "jurisdiction": "PT-20",
    "legal_name": "Casa do Moinho",
    "connection_capacity_w": 31_337_041,
}
SAID = {"role": "prosumer", "zone": ZONE} | KEPT_BACK


@pytest.fixture(scope="module")
def issuer(new_party, admin):
    """Independent: the platform sees of its credentials what their holders show."""
    made = new_party()
    for role in ("prosumer", "ev_owner"):
        admin("accredit", made.address, role_id(role))
    return made


@pytest.fixture(scope="module")
def entry(issuer):
    given = issuer.entry()
    assert issuer.publish(given.list_url).status_code == 200
    return given


@pytest.fixture
def holder(new_party):
    return new_party()


@pytest.fixture
def draft(issuer, holder, entry):
    return issuer.draft(holder, entry, claims=SAID)


@pytest.fixture
def token(issuer, draft):
    return issuer.token(draft)


def refused(answer, said, code="bad_presentation"):
    assert answer.status_code in (409, 422), answer.text
    assert answer.json()["code"] == code, answer.text
    assert said in answer.json()["detail"], answer.text


# -- what is learnt --------------------------------------------------------------------------------


def test_the_market_learns_what_was_shown_and_nothing_else(
    client, platform, holder, issuer, token, operator
):
    request = holder.asked("role", "zone", purpose="to trade in zone 4")
    answer = holder.show(holder.shown(token, request, "zone"))
    assert answer.status_code == 201, answer.text
    (learnt,) = answer.json()["learnt"]
    assert learnt["claims"] == {"role": "prosumer", "zone": ZONE}
    assert (learnt["kind"], learnt["holder"]) == ("participant", holder.did)
    assert learnt["issuer"] == issuer.did
    seen = operator.get("/presentations?limit=200")
    assert learnt in seen.json()["items"]
    everywhere = everything(platform) + seen.text + answer.text
    assert ZONE in everywhere
    for name, value in KEPT_BACK.items():
        assert str(value) not in everywhere, name
    for disclosure in sd_jwt.parse(token).disclosures:
        assert disclosure.text not in everywhere
        assert disclosure.digest not in everywhere


def test_of_a_credential_shown_whole_only_what_was_asked_for_is_kept(
    platform, holder, issuer, draft
):
    request = holder.asked("zone")
    answer = holder.show(holder.presented([issuer.jwt(draft)], request))
    assert answer.status_code == 201, answer.text
    assert answer.json()["learnt"][0]["claims"] == {"zone": ZONE}
    kept = everything(platform)
    for value in KEPT_BACK.values():
        assert str(value) not in kept


def test_more_than_was_asked_for_is_not_kept(platform, holder, token):
    request = holder.asked("role")
    answer = holder.show(holder.shown(token, request, "zone", "legal_name"))
    assert answer.json()["learnt"][0]["claims"] == {"role": "prosumer"}
    assert KEPT_BACK["legal_name"] not in everything(platform)


def test_a_refused_presentation_leaves_nothing(platform, holder, token):
    request = holder.asked("role", "connection_capacity_w")
    shown = holder.shown(token, request, "zone", "legal_name")
    refused(holder.show(shown), "asked for is")
    assert KEPT_BACK["legal_name"] not in everything(platform)


def test_only_its_holder_and_who_asked_see_it(new_party, holder, token, operator):
    asker, other = new_party(), new_party()
    request = asker.asked("zone", to="me")
    assert request["audience"] == asker.did
    answer = holder.show(holder.shown(token, request, "zone"))
    (learnt,) = answer.json()["learnt"]
    for party, sees in ((asker, True), (holder, True), (other, False)):
        items = party.wallet.get("/presentations").json()["items"]
        assert (learnt in items) is sees
    assert learnt not in operator.get("/presentations?limit=200").json()["items"]


def test_the_market_learns_it_through_its_operator_whoever_opened_the_request(
    new_party, holder, token, operator
):
    opener = new_party()
    request = opener.asked("zone")
    (learnt,) = holder.show(holder.shown(token, request, "zone")).json()["learnt"]
    assert learnt in operator.get("/presentations?limit=200").json()["items"]
    assert opener.wallet.get("/presentations").json()["items"] == []


def test_a_request_says_who_asks_for_what_until_when(new_party, holder):
    asker = new_party()
    request = asker.asked("role", "zone", purpose="a lease", to="me")
    seen = holder.wallet.get(f"/presentations/requests/{request['nonce']}").json()
    assert seen == request
    assert (seen["asker"], seen["claims"]) == (asker.did, ["role", "zone"])
    assert holder.wallet.get(f"/presentations/requests/{'a' * 43}").status_code == 404


def test_the_same_request_answers_again_under_its_key(holder, token):
    request = holder.asked("zone")
    body = {"presentation": holder.shown(token, request, "zone")}
    headers = by_key()
    answers = [holder.wallet.post("/presentations", json=body, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()


def test_several_credentials_may_be_asked_for_by_kind(holder, issuer, draft, entry):
    car = issuer.draft(
        holder, entry, kind=KINDS["ev_owner"], claims={"role": "ev_owner", "zone": ZONE}
    )
    request = holder.asked("zone", kinds=["ev_owner", "producer"])
    shown = holder.presented([issuer.jwt(draft), issuer.jwt(car)], request)
    (learnt,) = holder.show(shown).json()["learnt"]
    assert learnt["kind"] == "ev_owner"


def test_a_document_with_a_proof_of_its_own_may_be_shown_too(new_issuer, holder):
    issuer = new_issuer()
    name = b"did/pub/Ed25519/veriKey/hex".ljust(32, b"\0")
    key = Ed25519Key(b"\x66" * 32, f"{issuer.did}#delegate-1")
    issuer.send("DidRegistry", "setAttribute", issuer.address, name, key.public_key, 86_400)
    entry = issuer.entry()
    assert issuer.publish(entry.list_url).status_code == 200
    document = add_proof(issuer.draft(holder, entry).document(), key, created=date_time(issuer.now))
    request = holder.asked("zone")
    claims = jws.parse(holder.presented([], request)).payload
    claims["verifiableCredential"] = [document]
    answer = holder.show(jws.sign(claims, holder.key, typ="vp+jwt"))
    assert answer.status_code == 201, answer.text
    assert answer.json()["learnt"][0]["claims"] == {"zone": ZONE}


# -- the nonce -------------------------------------------------------------------------------------


def test_a_presentation_is_shown_once(holder, token, issuer, draft):
    for form in ("sd", "vp"):
        request = holder.asked("zone")
        shown = (
            holder.shown(token, request, "zone")
            if form == "sd"
            else holder.presented([issuer.jwt(draft)], request)
        )
        assert holder.show(shown).status_code == 201
        refused(holder.show(shown), "used before", "nonce_used")


def test_the_nonce_dies_even_when_the_rest_fails(holder, token):
    request = holder.asked("zone")
    refused(holder.show(holder.shown(token, request)), "asked for is")
    refused(holder.show(holder.shown(token, request, "zone")), "used before", "nonce_used")
    request = holder.asked("zone")
    forged = holder.shown(token, request, "zone", audience="https://other.example")
    refused(holder.show(forged), "another aud")
    refused(holder.show(holder.shown(token, request, "zone")), "used before", "nonce_used")


def test_a_nonce_that_nobody_gave_out_is_refused(holder, token):
    request = holder.asked("zone") | {"nonce": "a" * 43}
    refused(holder.show(holder.shown(token, request, "zone")), "unknown", "nonce_used")


def test_a_nonce_that_is_over_is_refused(platform, holder, token):
    request = holder.asked("zone")
    platform.clock.advance_to(platform.clock.now() + presenting.LIFETIME_S + 1)
    refused(holder.show(holder.shown(token, request, "zone")), "over", "nonce_used")


def test_of_two_at_once_over_http_one_is_taken(holder, token):
    request = holder.asked("zone")
    shown = [holder.shown(token, request, "zone") for _ in range(AT_ONCE)]
    barrier = Barrier(AT_ONCE)

    def show(presentation):
        barrier.wait()
        return holder.show(presentation)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(show, shown))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * (AT_ONCE - 1)
    assert len(holder.wallet.get("/presentations").json()["items"]) == 1


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_of_two_at_once_on_each_database_one_is_taken(request, platform, holder, database):
    used = platform
    if database == "postgresql":
        used = replace(platform, engine=request.getfixturevalue("postgres"))
    asked = presenting.Asked(("participant",), ("zone",), "", to_market=True)
    with used.transaction() as session:
        nonce = presenting.ask(used, session, holder.address, asked).nonce
    barrier = Barrier(AT_ONCE)

    def take(_):
        barrier.wait()
        try:
            return presenting._use_up(used, nonce).nonce == nonce
        except RefusedError:
            return False

    with ThreadPoolExecutor(AT_ONCE) as pool:
        taken = list(pool.map(take, range(AT_ONCE)))
    assert sorted(taken) == [False] * (AT_ONCE - 1) + [True]


def test_open_requests_are_bounded_and_forgotten_when_over(platform, new_party):
    asker = new_party()
    nonces = [asker.asked("zone")["nonce"] for _ in range(presenting._PENDING + 2)]
    with platform.transaction() as session:
        kept = session.exec(
            select(PresentationRequestRow).where(PresentationRequestRow.asker == asker.address)
        ).all()
        assert len(kept) == presenting._PENDING
        assert nonces[-1] in {row.nonce for row in kept}
    platform.clock.advance_to(platform.clock.now() + presenting.LIFETIME_S + 1)
    newest = asker.asked("zone")["nonce"]
    with platform.transaction() as session:
        kept = session.exec(select(PresentationRequestRow)).all()
    assert [row.nonce for row in kept] == [newest]


# -- holder, audience, time ------------------------------------------------------------------------


def test_a_stolen_credential_shows_nothing_for_a_thief(new_party, holder, issuer, draft, token):
    thief = new_party()
    request = thief.asked("zone")
    refused(thief.show(thief.shown(token, request, "zone")), "another key signed it")
    request = thief.asked("zone")
    refused(thief.show(thief.presented([issuer.jwt(draft)], request)), "is about")
    request = thief.asked("zone")
    posing = thief.presented([issuer.jwt(draft)], request, holder=holder.did)
    refused(thief.show(posing), "is no key of")


def test_what_was_made_for_another_verifier_is_refused(holder, issuer, draft, token):
    other = {"audience": "https://other.example"}
    request = holder.asked("zone")
    refused(holder.show(holder.shown(token, request, "zone", **other)), "another aud")
    request = holder.asked("zone")
    refused(
        holder.show(holder.presented([issuer.jwt(draft)], request, **other)), "another verifier"
    )


def test_what_was_made_for_the_market_is_not_taken_for_an_askers_own_request(
    new_party, holder, token
):
    asker = new_party()
    request = asker.asked("zone", to="me")
    market = holder.asked("zone")
    crossed = request | {"audience": market["audience"]}
    refused(holder.show(holder.shown(token, crossed, "zone")), "another aud")


@pytest.mark.parametrize("ago", [-120, 400, 10**9])
def test_what_was_not_made_just_now_is_refused(holder, issuer, draft, token, ago):
    when = {"issued_at": holder.now - ago}
    request = holder.asked("zone")
    refused(holder.show(holder.shown(token, request, "zone", **when)), "just now")
    request = holder.asked("zone")
    refused(holder.show(holder.presented([issuer.jwt(draft)], request, **when)), "just now")


def test_a_presentation_that_has_expired_is_refused(holder, issuer, draft):
    request = holder.asked("zone")
    shown = holder.presented(
        [issuer.jwt(draft)], request, issued_at=holder.now - 100, lifetime_s=50
    )
    refused(holder.show(shown), "expired")


def test_a_token_without_its_holders_proof_is_refused(holder, token):
    holder.asked("zone")
    bare = str(sd_jwt.select(sd_jwt.parse(token), ["zone"]))
    refused(holder.show(bare), "proof is missing")


def test_a_disclosure_that_was_put_in_taken_out_or_changed_after_binding_is_refused(holder, token):
    whole = sd_jwt.parse(token)
    zone = next(each for each in whole.disclosures if each.name == "zone")
    name = next(each for each in whole.disclosures if each.name == "legal_name")
    other = sd_jwt.disclose("zone", "10YFR-RTE------C", json.loads(jws.decode(zone.text))[0])
    for altered in ([zone, name], [], [other], [zone, zone]):
        request = holder.asked("zone")
        bound = sd_jwt.parse(holder.shown(token, request, "zone"))
        text = "".join(f"{each.text}~" for each in altered)
        answer = holder.show(f"{bound.token}~{text}{bound.binding}")
        assert answer.status_code == 422, answer.text
        assert answer.json()["code"] == "bad_presentation"


def test_the_binding_of_one_token_does_not_fit_another(holder, issuer, draft, token):
    request = holder.asked("zone")
    bound = sd_jwt.parse(holder.shown(token, request, "zone"))
    second = sd_jwt.select(sd_jwt.parse(issuer.token(draft)), ["zone"])
    refused(holder.show(f"{second}{bound.binding}"), "another sd_hash")


def test_a_holder_who_gave_her_key_away_no_longer_shows_with_it(new_party, issuer, entry):
    holder, successor = new_party(), new_party()
    token = issuer.token(issuer.draft(holder, entry, claims=SAID))
    holder.send("DidRegistry", "changeOwner", holder.address, successor.address)
    request = holder.asked("zone")
    refused(holder.show(holder.shown(token, request, "zone")), "another key signed it")
    key = EthereumKey(successor.key._signer, f"{holder.did}#controller")
    request = holder.asked("zone")
    assert holder.show(holder.shown(token, request, "zone", key=key)).status_code == 201


def test_a_deactivated_holder_shows_nothing(new_party, issuer, entry):
    holder = new_party()
    token = issuer.token(issuer.draft(holder, entry, claims=SAID))
    holder.send("DidRegistry", "changeOwner", holder.address, "0x" + "00" * 20)
    request = holder.asked("zone")
    refused(holder.show(holder.shown(token, request, "zone")), "deactivated")


# -- the credential --------------------------------------------------------------------------------


def test_a_credential_that_does_not_hold_is_not_taken(new_party, issuer, entry, holder):
    stranger = new_party()
    unknown = stranger.draft(holder, claims=SAID)
    over = issuer.draft(
        holder, entry, claims=SAID, valid_from=issuer.now - 900, valid_until=issuer.now - 600
    )
    nowhere = issuer.draft(holder, claims=SAID)
    supplier = issuer.draft(holder, entry, claims={**SAID, "role": "supplier"})
    loose = [
        (stranger, unknown, "accredit"),
        (issuer, over, "expired"),
        (issuer, nowhere, "nobody could end it"),
        (issuer, supplier, "accredit"),
    ]
    for signer, made, said in loose:
        when = made.valid_from
        for form in ("jwt", "token"):
            early = at_time(signer, when)
            secured = early.jwt(made) if form == "jwt" else early.token(made)
            request = holder.asked("role")
            shown = (
                holder.presented([secured], request)
                if form == "jwt"
                else holder.shown(secured, request)
            )
            refused(holder.show(shown), said)


def at_time(party, now):
    """The same party at an earlier time."""

    class Earlier(Party):
        @property
        def now(self):
            return now

    return Earlier(party.platform, party.wallet)


def test_a_revoked_credential_is_not_taken(new_issuer, holder):
    issuer = new_issuer()
    entry = issuer.entry()
    assert issuer.publish(entry.list_url, [entry.index]).status_code == 200
    made = issuer.draft(holder, entry, claims=SAID)
    request = holder.asked("zone")
    refused(holder.show(holder.shown(issuer.token(made), request, "zone")), "revocation")
    request = holder.asked("zone")
    refused(holder.show(holder.presented([issuer.jwt(made)], request)), "revocation")


def test_an_accreditation_that_is_gone_takes_nobody_in(admin, new_issuer, holder):
    issuer = new_issuer()
    entry = issuer.entry()
    assert issuer.publish(entry.list_url).status_code == 200
    token = issuer.token(issuer.draft(holder, entry, claims=SAID))
    admin("removeAccreditation", issuer.address, role_id("prosumer"))
    request = holder.asked("zone")
    refused(holder.show(holder.shown(token, request, "zone")), "not accredited")


def test_another_kind_than_was_asked_for_is_not_taken(holder, token):
    request = holder.asked("role", kinds=["regulator", "dispatcher"])
    refused(holder.show(holder.shown(token, request)), "regulator or dispatcher")


def test_not_more_than_eight_credentials_are_looked_at(holder, issuer, draft):
    request = holder.asked("zone")
    refused(holder.show(holder.presented([issuer.jwt(draft)] * 9, request)), "8 credentials")


def test_one_bad_credential_spoils_the_presentation(new_party, holder, issuer, draft, entry):
    other = issuer.draft(new_party(), entry, claims=SAID)
    request = holder.asked("zone")
    shown = holder.presented([issuer.jwt(draft), issuer.jwt(other)], request)
    refused(holder.show(shown), "is about")


def test_a_presentation_of_nothing_is_refused(holder):
    request = holder.asked("zone")
    refused(holder.show(holder.presented([], request)), "no credential")


def test_a_token_with_disclosures_inside_a_presentation_is_refused(holder, token):
    request = holder.asked("zone")
    refused(holder.show(holder.presented([token], request)), "by itself")


# -- requests and bodies that make no sense --------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        {"kinds": [], "claims": []},
        {"kinds": ["visa"], "claims": []},
        {"kinds": ["participant"], "claims": ["battery_capacity_wh"]},
        {"kinds": ["participant", "regulator"], "claims": ["zone"]},
        {"kinds": ["participant"], "claims": ["zone"], "to": "everybody"},
        {"kinds": ["participant"], "claims": ["zone"], "audience": "https://other.example"},
        {"kinds": ["participant"] * 9, "claims": []},
        {"kinds": ["participant"], "claims": [], "purpose": "x\u0000"},
    ],
)
def test_a_request_for_what_there_is_not_is_refused(holder, body):
    assert holder.wallet.post("/presentations/requests", json=body).status_code == 422


@pytest.mark.parametrize("text", ["", "a.b.c", "~", "a.b.c~a.b.c", "a.b.c~d~", "{}", "." * 50])
def test_nonsense_is_refused(holder, text):
    assert holder.show(text).status_code == 422


def test_huge_and_deep_presentations_do_no_harm(holder, token):
    assert holder.show("a" * 500_000).status_code == 422
    for depth in (200, 480, 900, 30_000):
        request = holder.asked("zone")
        deep = "[" * depth + "]" * depth
        payload = f'{{"nonce": "{request["nonce"]}", "deep": {deep}}}'
        body = jws.encode(payload.encode())
        head = jws.encode(b'{"alg": "ES256K", "kid": "did:x:y#z", "typ": "kb+jwt"}')
        binding = f"{head}.{body}.AAAA"
        salted = jws.encode(f'["salt", "zone", {deep}]'.encode())
        for shown in (binding, f"{sd_jwt.parse(token).token}~{salted}~{binding}"):
            assert holder.show(shown).status_code in (409, 422)


def test_nothing_of_the_claims_is_shown_to_somebody_without_a_session(client, holder, token):
    request = holder.asked("zone")
    shown = holder.shown(token, request, "zone")
    assert client.post("/presentations", json={"presentation": shown}).status_code == 401
    assert client.get("/presentations").status_code == 401
    assert holder.show(shown).status_code == 201  # a stranger's attempt used nothing up


def test_what_is_kept_has_no_room_for_the_rest():
    assert set(PresentationRow.model_fields) == {
        "id",
        "asker",
        "to_market",
        "holder",
        "address",
        "kind",
        "issuer",
        "claims",
        "status",
        "shown_at",
        "valid_until",
    }
