"""What an issuer keeps of what it issued."""

from __future__ import annotations

import json
import stat

import pytest

from identity.errors import WalletError
from identity.issuer_records import IssuerRecords
from identity.verifiable.issuing import Draft, as_jwt, as_token
from identity.verifiable.kinds import KINDS
from identity.verifiable.received import read
from identity.verifiable.status_list import StatusEntry
from tests.identity.verifiable.world import HOLDER, ISSUER, NOW, OTHER

URL = "https://issuer.example/status-lists/1"
ZONE = "10Y1001A1001A82H"


def issued(*entries):
    claims = {"role": "ev_owner", "zone": ZONE, "battery_capacity_wh": 58_000}
    said = Draft(KINDS["ev_owner"], ISSUER.did, HOLDER.did, claims, NOW, NOW + 86_400, entries)
    return read(str(as_token(said, ISSUER.key, now=NOW)))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "issued"


@pytest.fixture
def records(folder):
    return IssuerRecords(folder)


def note(records, index, at=NOW):
    return records.note(issued(StatusEntry(URL, index)), HOLDER.did, now=at)


def test_a_record_comes_back_with_what_revoking_needs_and_no_claims(folder, records):
    made = note(records, 7)
    (path,) = folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ZONE not in path.read_text()
    assert "58000" not in path.read_text()
    found = IssuerRecords(folder).get(made.name[:10])
    assert found == made
    assert (found.list_url, found.index, found.revoked_at) == (URL, 7, None)
    assert (found.subject, found.role, found.expires_at) == (HOLDER.did, "ev_owner", NOW + 86_400)


def test_a_revocation_is_noted_once_and_stays(records):
    made = note(records, 7)
    first = records.revoke(made, now=NOW + 5)
    assert records.revoke(first, now=NOW + 9).revoked_at == NOW + 5
    assert records.get(made.name).revoked_at == NOW + 5


def test_lists_have_the_bits_of_what_was_revoked(records):
    for index in (3, 5, 8):
        note(records, index, at=NOW + index)
    records.revoke(records.all()[1], now=NOW)
    assert records.lists(ISSUER.did) == {URL: {5}}
    assert records.places(ISSUER.did, URL) == {3, 5, 8}
    assert records.lists(OTHER.did) == {}
    assert records.places(OTHER.did, URL) == set()
    assert records.places(ISSUER.did, URL + "2") == set()


def test_a_credential_without_a_status_is_recorded_too(records):
    made = records.note(issued(), HOLDER.did, now=NOW)
    assert (made.list_url, made.index) == (None, None)
    assert records.lists(ISSUER.did) == {}


def test_a_suspension_is_no_revocation(records):
    made = records.note(issued(StatusEntry(URL, 4, "suspension")), HOLDER.did, now=NOW)
    assert made.list_url is None


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "00" * 32},
        {"index": "7"},
        {"revoked_at": True},
        {"revoked_at": "never"},
        {"expires_at": None, "more": 1},
    ],
)
def test_a_record_that_was_changed_is_noticed(folder, records, changes):
    note(records, 7)
    (path,) = folder.iterdir()
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(WalletError, match="was changed"):
        records.all()


def test_a_record_that_lacks_something_is_noticed(folder, records):
    note(records, 7)
    (path,) = folder.iterdir()
    path.write_text("{}")
    with pytest.raises(WalletError, match="was changed"):
        records.all()


def test_records_that_are_open_to_others_are_refused(folder, records):
    folder.chmod(0o755)
    with pytest.raises(WalletError, match="chmod 700"):
        IssuerRecords(folder)


def test_a_name_that_is_none_is_refused(records):
    credential = read(as_jwt(_draft(), ISSUER.key, now=NOW))
    made = records.note(credential, HOLDER.did, now=NOW)
    with pytest.raises(WalletError, match="has no credential"):
        records.get("0" * 64)
    with pytest.raises(WalletError, match="names no credential"):
        records.get(made.name[:2])


def _draft():
    claims = {"role": "ev_owner", "zone": ZONE}
    return Draft(KINDS["ev_owner"], ISSUER.did, HOLDER.did, claims, NOW, NOW + 60)
