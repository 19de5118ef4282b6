from __future__ import annotations

import json
import stat

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from identity.errors import KeystoreError
from identity.signature import recover
from identity.signer import LocalSigner, keystore_address, read_passphrase

KEY = b"\x11" * 32
QUICK = 2**10


def test_a_key_file_opens_with_its_passphrase_alone(tmp_path):
    path = tmp_path / "keys" / "operator.json"
    signer = LocalSigner(KEY)
    signer.save(path, "correct horse", work_factor=QUICK)
    assert LocalSigner.open(path, "correct horse").address == signer.address
    assert keystore_address(path) == signer.address
    with pytest.raises(KeystoreError, match="passphrase is wrong"):
        LocalSigner.open(path, "wrong horse")


def test_a_key_file_is_for_its_owner_alone(tmp_path):
    path = tmp_path / "key.json"
    LocalSigner(KEY).save(path, "secret", work_factor=QUICK)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    with pytest.raises(KeystoreError, match="chmod 600"):
        LocalSigner.open(path, "secret")


def test_a_key_file_is_encrypted_and_never_overwritten(tmp_path):
    path = tmp_path / "key.json"
    LocalSigner(KEY).save(path, "secret", work_factor=QUICK)
    assert KEY.hex() not in path.read_text()
    assert '"kdf": "scrypt"' in path.read_text()
    with pytest.raises(KeystoreError, match="exists already"):
        LocalSigner.generate().save(path, "secret", work_factor=QUICK)


def test_an_empty_passphrase_is_refused(tmp_path):
    with pytest.raises(KeystoreError, match="empty"):
        LocalSigner(KEY).save(tmp_path / "key.json", "")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"crypto": {}}', '{"version": 3, "crypto": 1}'])
def test_what_is_no_key_file_is_refused(tmp_path, text):
    path = tmp_path / "key.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(KeystoreError):
        LocalSigner.open(path, "secret")
    with pytest.raises(KeystoreError):
        keystore_address(path)


def test_a_key_file_whose_address_was_changed_is_refused(tmp_path):
    path = tmp_path / "key.json"
    LocalSigner(KEY).save(path, "secret", work_factor=QUICK)
    stored = json.loads(path.read_text())
    path.write_text(json.dumps(stored | {"address": "22" * 20}))
    with pytest.raises(KeystoreError, match="another address"):
        LocalSigner.open(path, "secret")
    path.write_text(json.dumps(stored | {"address": "0x" + stored["address"].upper()}))
    assert LocalSigner.open(path, "secret").address == LocalSigner(KEY).address


def test_a_missing_key_file_is_named(tmp_path):
    with pytest.raises(KeystoreError, match=r"nothing\.json"):
        LocalSigner.open(tmp_path / "nothing.json", "secret")


def test_a_passphrase_file_is_for_its_owner_alone(tmp_path):
    path = tmp_path / "passphrase"
    path.write_text("correct horse\n")
    path.chmod(0o644)
    with pytest.raises(KeystoreError, match="chmod 600"):
        read_passphrase(path)
    path.chmod(0o600)
    assert read_passphrase(path) == "correct horse"
    path.write_text("\n")
    with pytest.raises(KeystoreError, match="no passphrase"):
        read_passphrase(path)


def test_a_key_never_shows():
    signer = LocalSigner(KEY)
    assert repr(signer) == f"LocalSigner({signer.address})"
    with pytest.raises(KeystoreError, match="32 bytes") as refused:
        LocalSigner(b"\x42" * 31)
    assert "BBBB" not in str(refused.value)


def test_signatures_name_the_signer():
    signer = LocalSigner(KEY)
    assert recover(b"\1" * 32, signer.sign_digest(b"\1" * 32)) == signer.address
    text = signer.sign_text("hello")
    assert Account.recover_message(encode_defunct(text="hello"), signature=text) == signer.address
    raw = signer.sign_transaction(
        {
            "to": signer.address,
            "value": 1,
            "gas": 21_000,
            "maxFeePerGas": 1,
            "maxPriorityFeePerGas": 1,
            "nonce": 0,
            "chainId": 31337,
        }
    )
    assert Account.recover_transaction(raw) == signer.address
