"""An issuer's commands against an API that lies."""

from __future__ import annotations

from typing import Any

import pytest

import contracts
from identity import did
from identity.errors import CredentialError
from identity.issuer_records import IssuerRecords
from identity.roles import role_id
from identity.signer import LocalSigner
from identity.verifiable import jose, jws
from identity.verifiable.issuing import Draft, as_token
from identity.verifiable.keys import EthereumKey
from identity.verifiable.kinds import KINDS
from identity.verifiable.model import date_time, read_credential
from identity.verifiable.received import read
from identity.verifiable.status_list import StatusEntry, StatusList, list_credential
from wattproof.cli.credential_issuing import Desk, accredit
from wattproof.errors import ConflictError, InvalidError, NotFoundError, UnavailableError
from wattproof.gateway.abi import Interface

CHAIN = 31_337
BASE = "https://market.example"
REGISTRY, AUTHORITY = "0x" + "11" * 20, "0x" + "22" * 20
ISSUER, STRANGER = LocalSigner(b"\x11" * 32), LocalSigner(b"\x33" * 32)
SUBJECT = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"
NOW = 1_790_000_000


def did_of(signer):
    return str(did.of(signer.address, CHAIN))


def url_of(signer, number=1):
    return f"{BASE}/status-lists/{signer.address}/revocation/{number}"


class LyingApi:
    """Says what a test wants it to say, and keeps what it is given."""

    signer = ISSUER

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.put_there: list[str] = []

    def get(self, path: str, **query: Any) -> Any:
        assert path == "/"
        known = {"CredentialRegistry": REGISTRY, "Authority": AUTHORITY}
        return {"documentation": f"{BASE}/docs", "chain_id": CHAIN, "contracts": known}

    def text(self, path: str) -> str:
        if "published" not in self.answers:
            raise NotFoundError("nothing is published")
        return str(self.answers["published"])

    def post(self, path: str, body: Any) -> Any:
        return self.answers["answer"]

    def put(self, path: str, body: Any) -> Any:
        self.put_there.append(body["token"])
        return {}


@pytest.fixture
def desk(tmp_path):
    """Makes an issuer's desk at an API that answers so."""
    records = IssuerRecords(tmp_path / "issued")

    def make(**answers: Any) -> Desk:
        api: Any = LyingApi(**answers)
        return Desk(api, records, did_of(ISSUER))

    return make


def note(desk, index):
    claims = {"role": "ev_owner", "zone": "10Y1001A1001A82H"}
    subject = str(did.of(SUBJECT, CHAIN))
    entries = (StatusEntry(url_of(ISSUER), index),)
    said = Draft(KINDS["ev_owner"], desk.issuer, subject, claims, NOW, NOW + 86_400, entries)
    token = as_token(said, desk.key, now=NOW)
    return desk.records.note(read(str(token)), subject, now=NOW)


def signed_list(signer, bits, *, url=None, valid_from=NOW):
    document = list_credential(
        url or url_of(signer),
        did_of(signer),
        bits,
        purpose="revocation",
        valid_from=date_time(valid_from),
        valid_until=date_time(valid_from + 86_400),
    )
    return jose.secure(document, EthereumKey(signer, f"{did_of(signer)}#controller"))


def published_by(desk):
    """The bits that are set in the one list that was published."""
    (token,) = desk.client.put_there
    listed = read_credential(jose.document_of(jws.parse(token)))
    bits = StatusList.decoded(listed.claims["encodedList"])
    return {index for index in range(len(bits)) if bits[index]}, listed.valid_from


def place(index=7, url=None):
    return {"number": 1, "index": index, "status_list": url or url_of(ISSUER)}


@pytest.mark.parametrize(
    "url",
    [
        url_of(STRANGER),
        f"https://elsewhere.example/status-lists/{ISSUER.address}/revocation/1",
        f"{BASE}/status-lists/{ISSUER.address}/suspension/1",
        f"{BASE}/status-lists/{ISSUER.address}/revocation/../../../1",
        f"{BASE}/status-lists/{ISSUER.address}/revocation/",
        f"{BASE}.evil.example/status-lists/{ISSUER.address}/revocation/1",
    ],
)
def test_a_place_in_a_list_that_is_not_the_issuers_is_refused(desk, url):
    with pytest.raises(InvalidError, match="is no list of revocations of"):
        desk(answer=place(url=url)).entry("ev_owner")


@pytest.mark.parametrize("index", [-1, 131_072, "7", True, None, 1.0])
def test_a_place_that_is_none_is_refused(desk, index):
    with pytest.raises(InvalidError, match="as one of 131072 places"):
        desk(answer=place(index)).entry("ev_owner")


def test_a_place_that_was_given_away_before_is_refused(desk):
    note(desk(), 7)
    with pytest.raises(InvalidError, match="a second time"):
        desk(answer=place(7)).entry("ev_owner")
    assert desk(answer=place(8)).entry("ev_owner").index == 8


def test_an_old_list_that_the_api_shows_undoes_no_revocation(desk):
    made = desk(published=signed_list(ISSUER, StatusList()))
    made.records.revoke(note(made, 7), now=NOW)
    made.publish(url_of(ISSUER))
    assert published_by(made)[0] == {7}


def test_what_was_published_before_stays_set_though_the_records_do_not_know_it(desk):
    bits = StatusList()
    bits.set([3, 131_071])
    made = desk(published=signed_list(ISSUER, bits))
    made.records.revoke(note(made, 7), now=NOW)
    made.publish(url_of(ISSUER))
    assert published_by(made)[0] == {3, 7, 131_071}


def test_a_list_begins_after_the_one_before(desk):
    soon = 2_000_000_000
    made = desk(published=signed_list(ISSUER, StatusList(), valid_from=soon - 1))
    made.publish(url_of(ISSUER))
    assert published_by(made)[1] == soon


@pytest.mark.parametrize(
    "published",
    [
        signed_list(STRANGER, StatusList(), url=url_of(ISSUER)),
        signed_list(ISSUER, StatusList(), url=url_of(ISSUER, 2)),
        signed_list(ISSUER, StatusList())[:-4] + "AAAA",
        "hello",
    ],
)
def test_nothing_is_published_over_a_list_that_this_key_did_not_sign(desk, published):
    made = desk(published=published)
    with pytest.raises((ConflictError, CredentialError)):
        made.publish(url_of(ISSUER))
    assert made.client.put_there == []


def test_a_revocation_that_could_not_be_published_is_in_the_next_list(desk, monkeypatch):
    made = desk()
    record = note(made, 7)

    def gone(*_):
        raise UnavailableError("the API does not answer")

    with monkeypatch.context() as broken:
        broken.setattr(LyingApi, "put", gone)
        made.records.revoke(record, now=NOW)
        with pytest.raises(UnavailableError):
            made.publish(url_of(ISSUER))
    note(made, 9)
    made.publish(url_of(ISSUER))
    assert published_by(made)[0] == {7}


def test_nothing_is_signed_for_a_list_of_somebody_elses(desk):
    made = desk()
    for url in (url_of(STRANGER), "https://elsewhere.example/list"):
        with pytest.raises(InvalidError, match="is no list of revocations of"):
            made.publish(url)
    assert made.client.put_there == []


def asks_for(contract, function, *arguments, to, callable_at=None):
    interface = Interface(contract, list(contracts.load(contract).abi))
    transaction = {"to": to, "value": 0, "data": interface.encode(function, arguments)}
    items = [{"title": "it", "transaction": transaction}]
    return {"transactions": items, "callable_at": callable_at}


def accredits(issuer, role="ev_owner"):
    interface = Interface("CredentialRegistry", list(contracts.load("CredentialRegistry").abi))
    return bytes.fromhex(interface.encode("accredit", (issuer, role_id(role)))[2:])


@pytest.mark.parametrize(
    "answer",
    [
        asks_for(
            "CredentialRegistry", "accredit", STRANGER.address, role_id("ev_owner"), to=REGISTRY
        ),
        asks_for("CredentialRegistry", "accredit", SUBJECT, role_id("operator"), to=REGISTRY),
        asks_for("CredentialRegistry", "accredit", SUBJECT, role_id("ev_owner"), to=AUTHORITY),
        asks_for(
            "CredentialRegistry", "removeAccreditation", SUBJECT, role_id("ev_owner"), to=REGISTRY
        ),
        asks_for(
            *("Authority", "schedule", REGISTRY, accredits(STRANGER.address), 0),
            to=AUTHORITY,
            callable_at="2026-12-01T00:00:00Z",
        ),
        asks_for(
            *("Authority", "schedule", SUBJECT, accredits(SUBJECT), 0),
            to=AUTHORITY,
            callable_at="2026-12-01T00:00:00Z",
        ),
        asks_for("Authority", "schedule", REGISTRY, accredits(SUBJECT), 0, to=AUTHORITY),
    ],
)
def test_the_registrar_signs_no_accreditation_that_was_not_asked_for(answer):
    api: Any = LyingApi(answer=answer)
    with pytest.raises(InvalidError, match="do not sign"):
        accredit(api, SUBJECT, "ev_owner", remove=False)


@pytest.mark.parametrize(
    "arguments",
    [
        (bytes(32), SUBJECT, role_id("ev_owner"), NOW + 86_400),
        (None, STRANGER.address, role_id("ev_owner"), NOW + 86_400),
        (None, SUBJECT, role_id("operator"), NOW + 86_400),
        (None, SUBJECT, role_id("ev_owner"), NOW + 999_999),
    ],
)
def test_an_issuer_signs_no_grant_that_was_not_asked_for(desk, arguments):
    record = note(desk(), 7)
    said = (arguments[0] or bytes.fromhex(record.name), *arguments[1:])
    made = desk(answer=asks_for("CredentialRegistry", "grant", *said, to=REGISTRY))
    with pytest.raises(InvalidError, match="do not sign"):
        made.grant(record)


def test_nothing_is_granted_to_who_has_no_account_on_this_chain(desk):
    from dataclasses import replace

    record = note(desk(), 7)
    for subject in ("did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK", "Ada"):
        with pytest.raises(CredentialError, match="its own accounts"):
            desk().grant(replace(record, subject=subject))
    with pytest.raises(CredentialError, match="of another chain"):
        desk().grant(replace(record, subject=str(did.of(SUBJECT, 1))))
