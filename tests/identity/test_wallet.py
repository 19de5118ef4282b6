"""A holder's wallet."""

from __future__ import annotations

import json
import stat

import pytest

from identity.errors import CredentialError, WalletError
from identity.verifiable.issuing import Draft, as_document, as_jwt, as_token
from identity.verifiable.kinds import KINDS
from identity.verifiable.received import Form, read
from identity.wallet import Wallet
from tests.identity.verifiable.world import ED_DID, ED_ISSUER, HOLDER, ISSUER, NOW

ZONE = "10Y1001A1001A82H"


def draft(kind="ev_owner", issuer=ISSUER.did, **claims):
    role = {"participant": "prosumer"}.get(kind, kind)
    said = {"role": role, "zone": ZONE, **claims}
    return Draft(KINDS[kind], issuer, HOLDER.did, said, NOW, NOW + 86_400)


def token(kind="ev_owner", **claims):
    return read(str(as_token(draft(kind, **claims), ISSUER.key, now=NOW)))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "wallet"


@pytest.fixture
def wallet(folder):
    return Wallet(folder)


def only_file(folder):
    (path,) = folder.iterdir()
    return path


def test_what_was_accepted_comes_back_as_it_was_in_every_form(folder, wallet):
    texts = [
        as_jwt(draft(), ISSUER.key, now=NOW),
        str(as_token(draft(), ISSUER.key, now=NOW)),
        json.dumps(as_document(draft(issuer=ED_DID), ED_ISSUER, now=NOW)),
    ]
    for number, text in enumerate(texts):
        wallet.accept(read(text), now=NOW + number)
    again = Wallet(folder).kept()
    assert [kept.credential for kept in again] == [read(text) for text in texts]
    assert [kept.accepted_at for kept in again] == [NOW, NOW + 1, NOW + 2]
    assert [kept.credential.form for kept in again] == [Form.JWT, Form.TOKEN, Form.DOCUMENT]


def test_the_folder_and_its_files_are_for_their_owner_alone(folder, wallet):
    wallet.accept(token(), now=NOW)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(only_file(folder).stat().st_mode) == 0o600


def test_the_same_credential_twice_is_kept_once(wallet):
    credential = token()
    assert wallet.accept(credential, now=NOW).name == wallet.accept(credential, now=NOW + 9).name
    assert [kept.accepted_at for kept in wallet.kept()] == [NOW]


def test_a_credential_is_named_by_the_first_digits_of_its_hash(wallet):
    first, second = wallet.accept(token(), now=NOW), wallet.accept(token(), now=NOW)
    assert wallet.get(first.name[:12]).name == first.name
    assert wallet.get("0x" + second.name.upper()).name == second.name
    assert wallet.remove(first.name[:12]).name == first.name
    assert [kept.name for kept in wallet.kept()] == [second.name]
    with pytest.raises(WalletError, match="has no credential"):
        wallet.get(first.name)


@pytest.mark.parametrize("name", ["", "abc", "../../etc", "zzzz", "a" * 3, "0x", "*"])
def test_what_names_no_credential_is_refused(wallet, name):
    wallet.accept(token(), now=NOW)
    with pytest.raises(WalletError, match="names no credential"):
        wallet.get(name)


def test_a_name_that_fits_several_is_refused(folder, wallet, monkeypatch):
    kept = wallet.accept(token(), now=NOW)
    twin = kept.name[:8] + "0" * 56
    (folder / f"{twin}.json").write_text("{}")
    with pytest.raises(WalletError, match="2 credentials begin with"):
        wallet.get(kept.name[:8])


def test_what_answers_a_request_is_found_newest_first(wallet):
    old = wallet.accept(token(), now=NOW)
    new = wallet.accept(token(battery_capacity_wh=58_000), now=NOW + 1)
    wallet.accept(token("participant"), now=NOW + 2)
    found = wallet.fitting([KINDS["ev_owner"]], ["zone"])
    assert [kept.name for kept in found] == [new.name, old.name]
    assert [k.name for k in wallet.fitting([KINDS["ev_owner"]], ["battery_capacity_wh"])] == [
        new.name
    ]
    assert wallet.fitting([KINDS["meter"]], []) == []
    assert wallet.fitting([KINDS["ev_owner"]], ["jurisdiction"]) == []


def test_other_files_in_the_folder_are_left_alone(folder, wallet):
    (folder / "notes.txt").write_text("mine")
    (folder / ".hidden.json.0123").write_text("a crash left this")
    wallet.accept(token(), now=NOW)
    assert len(wallet.kept()) == 1


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o770, 0o701, 0o755])
def test_a_folder_that_is_open_to_others_is_refused(folder, wallet, mode):
    folder.chmod(mode)
    with pytest.raises(WalletError, match="chmod 700"):
        Wallet(folder)


def test_a_file_that_is_open_to_others_is_refused(folder, wallet):
    wallet.accept(token(), now=NOW)
    only_file(folder).chmod(0o644)
    with pytest.raises(WalletError, match="chmod 600"):
        wallet.kept()


def test_a_wallet_is_neither_a_link_nor_a_file(folder, wallet, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(WalletError, match="not a link"):
        Wallet(tmp_path / "link")
    (tmp_path / "file").write_text("")
    with pytest.raises(WalletError, match="no wallet at"):
        Wallet(tmp_path / "file")


def test_a_credential_under_another_ones_name_is_noticed(folder, wallet):
    wallet.accept(token(), now=NOW)
    path = only_file(folder)
    other = as_jwt(draft(), ISSUER.key, now=NOW)
    path.write_text(json.dumps({"accepted_at": NOW, "credential": other}))
    with pytest.raises(WalletError, match="another credential than it is named"):
        wallet.kept()


def test_an_altered_disclosure_is_noticed(folder, wallet):
    wallet.accept(token(), now=NOW)
    path = only_file(folder)
    stored = json.loads(path.read_text())
    head, disclosure, _ = stored["credential"].split("~")
    changed = disclosure[:-2] + ("AA" if not disclosure.endswith("AA") else "QQ")
    path.write_text(json.dumps(stored | {"credential": f"{head}~{changed}~"}))
    with pytest.raises(WalletError, match="changed or damaged"):
        wallet.kept()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "{}", '{"credential": 1, "accepted_at": 1}']
)
def test_a_damaged_file_is_named_and_not_read(folder, wallet, text):
    wallet.accept(token(), now=NOW)
    path = only_file(folder)
    path.write_text(text)
    with pytest.raises(WalletError, match=path.name):
        wallet.kept()


def test_a_moment_that_is_none_is_noticed(folder, wallet):
    wallet.accept(token(), now=NOW)
    path = only_file(folder)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"accepted_at": "then"}))
    with pytest.raises(WalletError, match="was changed"):
        wallet.kept()


def test_a_write_that_fails_keeps_nothing_half(folder, wallet, monkeypatch):
    from identity import private_files
    from identity.errors import KeystoreError

    def fail(*_):
        raise KeystoreError("cannot write: No space left on device")

    monkeypatch.setattr(private_files, "replace", fail)
    with pytest.raises(WalletError, match="No space left"):
        wallet.accept(token(), now=NOW)
    assert list(folder.iterdir()) == []


def test_what_is_no_credential_never_gets_into_a_wallet():
    with pytest.raises(CredentialError):
        read("a.b.c")
