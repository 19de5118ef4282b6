"""Key files of Ed25519 keys."""

from __future__ import annotations

import json
import stat

import pytest

from identity.errors import KeystoreError
from identity.signer import LocalSigner
from identity.verifiable import key_file

SEED = b"\x44" * 32
FAST = 2


@pytest.fixture
def path(tmp_path):
    key_file.save(SEED, tmp_path / "keys" / "ada.json", "correct horse", work_factor=FAST)
    return tmp_path / "keys" / "ada.json"


def change(path, **changes):
    stored = json.loads(path.read_text())
    for name, value in changes.items():
        part, _, inner = name.partition("__")
        if inner:
            stored[part][inner] = value
        else:
            stored[part] = value
    path.write_text(json.dumps(stored))


def test_a_key_comes_back_with_its_passphrase_and_its_identifier_without(path):
    key = key_file.open_key(path, "correct horse")
    did = key_file.did_of_file(path)
    assert did is not None
    assert key.verification_method == f"{did}#{did.rpartition(':')[2]}"


def test_a_key_file_is_for_its_owner_alone_and_shows_no_key(path):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert SEED.hex() not in path.read_text()
    assert [each.name for each in path.parent.iterdir()] == ["ada.json"]


def test_new_keys_differ():
    assert key_file.generate() != key_file.generate()
    assert len(key_file.generate()) == 32


def test_a_key_file_is_never_overwritten(path):
    before = path.read_text()
    with pytest.raises(KeystoreError, match="exists already"):
        key_file.save(key_file.generate(), path, "x", work_factor=FAST)
    assert path.read_text() == before
    assert [each.name for each in path.parent.iterdir()] == ["ada.json"]


def test_a_wrong_passphrase_opens_nothing_and_none_is_refused(path, tmp_path):
    with pytest.raises(KeystoreError, match="the passphrase is wrong"):
        key_file.open_key(path, "wrong horse")
    with pytest.raises(KeystoreError, match="passphrase is empty"):
        key_file.save(SEED, tmp_path / "new.json", "")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622, 0o644])
def test_a_key_file_that_others_may_open_is_refused(path, mode):
    path.chmod(mode)
    with pytest.raises(KeystoreError, match="chmod 600"):
        key_file.open_key(path, "correct horse")


@pytest.mark.parametrize(
    "changes",
    [
        {"did": "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"},
        {"more": "something"},
        {"cipher__text": "00" * 32},
        {"cipher__tag": "00" * 16},
        {"cipher__nonce": "00" * 12},
        {"kdf__salt": "00" * 32},
        {"kdf__n": 4},
    ],
)
def test_a_file_that_was_changed_does_not_open(path, changes):
    change(path, **changes)
    with pytest.raises(KeystoreError, match="changed"):
        key_file.open_key(path, "correct horse")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kdf__n": 1 << 30}, "power of two"),
        ({"kdf__n": "16384"}, "power of two"),
        ({"kdf__n": 3}, "not a key file"),
        ({"kdf__p": 1_000_000}, "encrypted in another way"),
        ({"kdf__name": "none"}, "encrypted in another way"),
        ({"cipher__name": "none"}, "encrypted in another way"),
        ({"cipher__nonce": "zz"}, "not a key file"),
        ({"cipher": None}, "not a key file"),
        ({"version": 2}, "version 2"),
        ({"type": "other"}, "not a file of an Ed25519 key"),
    ],
)
def test_a_file_of_another_make_is_refused_and_costs_no_work(path, changes, said):
    change(path, **changes)
    with pytest.raises(KeystoreError, match=said):
        key_file.open_key(path, "correct horse")


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "{}"])
def test_what_is_no_key_file_is_refused(path, text):
    path.write_text(text)
    with pytest.raises(KeystoreError, match="not a"):
        key_file.open_key(path, "correct horse")


def test_a_file_of_an_ethereum_key_is_another_kind(tmp_path):
    LocalSigner(SEED).save(tmp_path / "eth.json", "x", work_factor=FAST)
    assert key_file.did_of_file(tmp_path / "eth.json") is None
    with pytest.raises(KeystoreError, match="not a file of an Ed25519 key"):
        key_file.open_key(tmp_path / "eth.json", "x")


def test_the_representation_shows_no_key(path):
    assert SEED.hex() not in repr(key_file.open_key(path, "correct horse"))
