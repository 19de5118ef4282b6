"""Status lists: given out at random, hosted for their issuers, never undone."""

from __future__ import annotations

import base64
import gzip
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest
from eth_account import Account

from identity.roles import role_id
from identity.verifiable import jose, jws
from identity.verifiable.model import date_time
from identity.verifiable.status_list import LEAST_BITS, StatusList, list_credential
from tests.platform.credentials.parties import by_key, failing, verified
from tests.platform.settling import settle
from wattproof.credentials import status_lists
from wattproof.credentials.models import StatusEntryRow, StatusListRow
from wattproof.gateway.keys import Role

AT_ONCE = 6


@pytest.fixture(scope="module")
def issuer(new_party, admin):
    made = new_party()
    admin("accredit", made.address, role_id("prosumer"))
    return made


@pytest.fixture(scope="module")
def holder(new_party):
    return new_party()


@pytest.fixture
def url(new_issuer):
    """A list of an issuer that has published nothing yet, and the issuer."""
    made = new_issuer()
    return made, made.entry().list_url


def test_indexes_come_at_random(issuer):
    entries = [issuer.entry() for _ in range(12)]
    indexes = [entry.index for entry in entries]
    assert len({entry.list_url for entry in entries}) == 1
    assert len(set(indexes)) == 12
    assert indexes != sorted(indexes)
    assert max(indexes) - min(indexes) > 10_000  # twelve in a row: once in 10^14
    assert all(0 <= index < LEAST_BITS for index in indexes)


def test_a_list_never_gets_so_full_that_order_shows(platform, new_party):
    address = new_party().address
    with platform.transaction() as session:
        first = status_lists.allot(platform, session, address)
        row = session.get_one(StatusListRow, (address, "revocation", first.number))
        row.entries = status_lists.MOST_ENTRIES
        session.add(row)
        second = status_lists.allot(platform, session, address)
    assert (first.number, second.number) == (1, 2)
    assert first.entry.list_url != second.entry.list_url


def test_an_installation_that_moves_leaves_old_lists_their_names(platform, new_party):
    address = new_party().address
    moved = platform.settings.model_copy(update={"public_url": "https://new.example"})
    with platform.transaction() as session:
        before = status_lists.allot(platform, session, address)
        after = status_lists.allot(replace(platform, settings=moved), session, address)
        assert after.entry.list_url.startswith("https://new.example/status-lists/")
        assert (before.number, after.number) == (1, 2)
        found = status_lists.at(session, before.entry.list_url)
    assert found == status_lists.ListName(address, "revocation", 1)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_entries_given_out_at_once_are_different(request, platform, database):
    used = platform
    if database == "postgresql":
        used = replace(platform, engine=request.getfixturevalue("postgres"))
    address = str(Account.create().address)
    barrier = Barrier(AT_ONCE)

    def take(_):
        barrier.wait()
        with used.transaction() as session:
            allotted = status_lists.allot(used, session, address)
            return allotted.number, allotted.entry.index

    with ThreadPoolExecutor(AT_ONCE) as pool:
        taken = list(pool.map(take, range(AT_ONCE)))
    assert len(set(taken)) == AT_ONCE
    assert {number for number, _ in taken} == {1}
    with used.transaction() as session:
        row = session.get_one(StatusListRow, (address, "revocation", 1))
    assert row.entries == AT_ONCE


def test_only_an_accredited_issuer_gets_entries(issuer, holder):
    answer = holder.wallet.post("/status-lists/entries", json={"role": "prosumer"})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_accredited")
    answer = issuer.wallet.post("/status-lists/entries", json={"role": "regulator"})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_accredited")
    for body in ({"role": "operator"}, {"role": "prosumer", "purpose": "message"}, {}):
        assert issuer.wallet.post("/status-lists/entries", json=body).status_code == 422


def test_the_same_request_gives_one_entry(issuer):
    headers = by_key()
    given = [
        issuer.wallet.post("/status-lists/entries", json={"role": "prosumer"}, headers=headers)
        for _ in range(2)
    ]
    assert given[0].json() == given[1].json()


def test_a_published_list_is_public_with_its_media_type_and_may_be_cached(client, url):
    issuer, address = url
    path = address.removeprefix("http://testserver")
    assert client.get(path).status_code == 404
    token = issuer.signed_list(address, [5])
    assert issuer.wallet.request("PUT", path, json={"token": token}).status_code == 200
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.text == token
    assert answer.headers["content-type"] == "application/vc+jwt"
    assert answer.headers["cache-control"] == "public, max-age=300"
    again = client.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_list_is_cached_no_longer_than_it_holds(client, platform, url):
    issuer, address = url
    until = date_time(issuer.now + 40)
    assert issuer.publish(address, valid_until=until).status_code == 200
    answer = client.get(address.removeprefix("http://testserver"))
    age = int(answer.headers["cache-control"].rpartition("=")[2])
    assert 0 < age <= 40
    platform.clock.advance_to(issuer.now + 100)
    answer = client.get(address.removeprefix("http://testserver"))
    assert answer.headers["cache-control"] == "public, max-age=0"


def test_a_newer_list_takes_the_place_of_an_older_one(client, platform, url):
    issuer, address = url
    assert issuer.publish(address, [5]).status_code == 200
    platform.clock.advance_to(issuer.now + 5)
    assert issuer.publish(address, [5, 9]).status_code == 200
    token = client.get(address.removeprefix("http://testserver")).text
    encoded = jws.parse(token).payload["credentialSubject"]["encodedList"]
    bits = StatusList.decoded(encoded)
    assert (bits[5], bits[9], bits[6]) == (True, True, False)


def test_a_revocation_is_not_undone(client, platform, url):
    issuer, address = url
    before = issuer.signed_list(address, [5, 9])
    path = address.removeprefix("http://testserver")
    assert issuer.wallet.request("PUT", path, json={"token": before}).status_code == 200
    platform.clock.advance_to(issuer.now + 5)
    answer = issuer.publish(address, [9, 11])
    assert (answer.status_code, answer.json()["code"]) == (409, "revocation_undone")
    assert client.get(path).text == before


def test_an_older_list_is_refused_and_the_same_one_again_is_not(url):
    issuer, address = url
    path = address.removeprefix("http://testserver")
    older = issuer.signed_list(address, valid_from=date_time(issuer.now - 50))
    newer = issuer.signed_list(address, [5])
    for _ in range(2):
        assert issuer.wallet.request("PUT", path, json={"token": newer}).status_code == 200
    answer = issuer.wallet.request("PUT", path, json={"token": older})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_newer")


def test_whoever_hands_it_in_the_issuers_signature_counts(url, holder):
    issuer, address = url
    path = address.removeprefix("http://testserver")
    forged = issuer.signed_list(address, key=holder.key)
    answer = holder.wallet.request("PUT", path, json={"token": forged})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_status_list")
    own = holder.signed_list(address)
    assert holder.wallet.request("PUT", path, json={"token": own}).status_code == 422
    real = issuer.signed_list(address)
    assert holder.wallet.request("PUT", path, json={"token": real}).status_code == 200


def refused(issuer, address, **changes):
    answer = issuer.publish(address, **changes)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_status_list"), answer.text
    return answer.json()["detail"]


def test_a_list_that_is_not_as_it_must_be_is_refused(url):
    issuer, address = url
    now = issuer.now
    assert "has 131072 entries, not 262144" in refused(issuer, address, size=2 * LEAST_BITS)
    assert "purpose" in refused(issuer, address, purpose="suspension")
    later = date_time(now + 600)
    assert "not valid yet" in refused(issuer, address, valid_from=later)
    past = {"valid_from": date_time(now - 7_200), "valid_until": date_time(now - 3_600)}
    assert "expired" in refused(issuer, address, **past)
    assert "31 days" in refused(issuer, address, valid_until=date_time(now + 32 * 86_400))


def signed(issuer, address, **changes):
    document = list_credential(
        address,
        issuer.did,
        StatusList(),
        purpose="revocation",
        valid_from=date_time(issuer.now),
        valid_until=date_time(issuer.now + 3_600),
    )
    subject = document["credentialSubject"] | changes.pop("subject", {})
    made = document | changes | {"credentialSubject": subject}
    return jose.secure(
        {name: value for name, value in made.items() if value is not None}, issuer.key
    )


def short_list():
    packed = gzip.compress(bytes(LEAST_BITS // 8 - 1))
    return "u" + base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def bomb():
    packed = gzip.compress(bytes(64 << 20))
    return "u" + base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": {"encodedList": short_list()}},
        {"subject": {"encodedList": bomb()}},
        {"subject": {"encodedList": "zQ"}},
        {"subject": {"encodedList": "u!!"}},
        {"subject": {"encodedList": 7}},
        {"subject": {"type": "SomeList"}},
        {"validUntil": None},
        {"validFrom": None},
        {"id": "https://elsewhere.example/list"},
        {"id": None},
        {"type": ["VerifiableCredential"]},
        {"@context": ["https://www.w3.org/ns/credentials/v2", "https://evil.example"]},
    ],
)
def test_what_is_no_status_list_is_refused(url, changes):
    issuer, address = url
    path = address.removeprefix("http://testserver")
    answer = issuer.wallet.request("PUT", path, json={"token": signed(issuer, address, **changes)})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_status_list"), answer.text


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "a.b.c~", "\ud800"])
def test_nonsense_is_refused(url, token):
    issuer, address = url
    path = address.removeprefix("http://testserver")
    content = b'{"token": "\\ud800"}' if token == "\ud800" else None
    json = None if content else {"token": token}
    headers = {"Content-Type": "application/json"}
    answer = issuer.wallet.request("PUT", path, json=json, content=content, headers=headers)
    assert answer.status_code == 422


def test_a_list_of_which_nobody_has_an_entry_is_not_hosted(url):
    issuer, address = url
    answer = issuer.publish(address[:-1] + "2")
    assert answer.status_code == 404
    answer = issuer.publish(address.replace("revocation", "suspension"), purpose="suspension")
    assert answer.status_code == 404


def test_the_platforms_own_lists_are_its_own(platform, holder, operator):
    issuer = platform.keys.address(Role.ISSUER)
    path = f"/status-lists/{issuer}/revocation/1"
    answer = holder.wallet.request("PUT", path, json={"token": "a.b.c"})
    assert (answer.status_code, answer.json()["code"]) == (409, "own_list")


def test_an_issuer_can_still_revoke_when_its_accreditation_is_gone(admin, url):
    issuer, address = url
    admin("removeAccreditation", issuer.address, role_id("prosumer"))
    assert issuer.publish(address, [7]).status_code == 200


@pytest.fixture
def issued(platform, operator, new_party):
    """A credential of the platform's issuer, and its holder."""
    owner = new_party()
    answer = owner.wallet.post("/participants", json={"name": "Ada"})
    settle(platform)
    return answer.json()["credentials"][0]


def test_the_platforms_list_has_the_least_length_and_one_day(client, issued):
    entry = issued["document"]["credentialStatus"][0]
    answer = client.get(entry["statusListCredential"].removeprefix("http://testserver"))
    assert answer.status_code == 200
    payload = jws.parse(answer.text).payload
    assert payload["issuer"] == issued["issuer"]
    assert payload["id"] == entry["statusListCredential"]
    assert len(StatusList.decoded(payload["credentialSubject"]["encodedList"])) == LEAST_BITS


def test_the_platforms_list_is_signed_anew_before_it_is_over(client, platform, issued):
    assert verified(client, issued["jwt"])["holds"]
    path = issued["document"]["credentialStatus"][0]["statusListCredential"]
    path = path.removeprefix("http://testserver")
    first = client.get(path).text
    assert client.get(path).text == first
    for _ in range(3):
        platform.clock.advance_to(platform.clock.now() + 20 * 3_600)
        assert failing(client, issued["jwt"]) == set()
    assert client.get(path).text != first


def test_entries_say_nothing_about_whom_they_belong_to(platform, issuer):
    issuer.entry()
    with platform.transaction() as session:
        columns = set(StatusEntryRow.model_fields)
        assert session.get(StatusListRow, (issuer.address, "revocation", 1)) is not None
    assert columns == {"issuer", "purpose", "number", "position", "is_set"}
