"""Encrypted files of Ed25519 keys, for holders and issuers whose identifier is a did:key.

The format is JSON: ``type`` wattproof-ed25519, ``did`` (public), ``kdf`` scrypt with its numbers,
``cipher`` aes-256-gcm over the 32 bytes. Everything that can be read without the passphrase is
authenticated with the key: a file that names another identifier than its own does not open. Keys of
did:ethr are in Web3 Secret Storage (`identity.signer`).
"""

from __future__ import annotations

import hashlib
import json
import secrets
from pathlib import Path
from typing import Any, Final

from Crypto.Cipher import AES

from identity import private_files
from identity.canonical import canonical_json
from identity.errors import KeystoreError
from identity.signer import read_private_file
from identity.verifiable.keys import Ed25519Key

TYPE: Final = "wattproof-ed25519"
_VERSION: Final = 1
_SCRYPT_N: Final = 1 << 18
_SCRYPT_N_MAX: Final = 1 << 20
_SCRYPT_R: Final = 8
_SCRYPT_P: Final = 1
_MEMORY_BYTES: Final = 2**31 - 1  # OpenSSL's most; N of 2^20 takes half of it


def generate() -> bytes:
    """The 32 bytes of a new key, from the operating system's randomness."""
    return secrets.token_bytes(32)


def save(seed: bytes, path: Path, passphrase: str, *, work_factor: int = _SCRYPT_N) -> str:
    """Write a key, encrypted, with mode 0600; returns its did:key. Never overwrites.

    Args:
        work_factor: scrypt's N, a power of two.

    Raises:
        KeystoreError: the passphrase is empty, or the file exists or cannot be written.
    """
    if not passphrase:
        raise KeystoreError("the passphrase is empty")
    did = Ed25519Key(seed).verification_method.partition("#")[0]
    salt, nonce = secrets.token_bytes(32), secrets.token_bytes(12)
    shown: dict[str, Any] = {
        "type": TYPE,
        "version": _VERSION,
        "did": did,
        "kdf": _kdf(work_factor, salt),
    }
    cipher = AES.new(_stretch(passphrase, salt, work_factor), AES.MODE_GCM, nonce=nonce)
    cipher.update(canonical_json(shown))
    text, tag = cipher.encrypt_and_digest(seed)
    sealed = {"name": "aes-256-gcm", "nonce": nonce.hex(), "tag": tag.hex(), "text": text.hex()}
    private_files.create(path, json.dumps({**shown, "cipher": sealed}, indent=2) + "\n")
    return did


def open_key(path: Path, passphrase: str) -> Ed25519Key:
    """The key of a file.

    Raises:
        KeystoreError: unreadable, readable by others, not such a file, changed, or a wrong
            passphrase.
    """
    stored = _read(path)
    try:
        sealed = stored.pop("cipher")
        salt, work_factor = bytes.fromhex(stored["kdf"]["salt"]), stored["kdf"]["n"]
        if stored["kdf"] != _kdf(work_factor, salt) or sealed["name"] != "aes-256-gcm":
            raise KeystoreError(f"cannot open {path}: it is encrypted in another way")
        nonce, tag, text = (bytes.fromhex(sealed[name]) for name in ("nonce", "tag", "text"))
        cipher = AES.new(_stretch(passphrase, salt, work_factor), AES.MODE_GCM, nonce=nonce)
        cipher.update(canonical_json(stored))
    except KeystoreError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise KeystoreError(f"cannot open {path}: it is not a key file") from error
    try:
        key = Ed25519Key(cipher.decrypt_and_verify(text, tag))
    except ValueError as error:
        raise KeystoreError(
            f"cannot open {path}: the passphrase is wrong, or the file was changed"
        ) from error
    if key.verification_method.partition("#")[0] != stored["did"]:
        raise KeystoreError(f"{path} names another identifier than its key has")
    return key


def did_of_file(path: Path) -> str | None:
    """The did:key that a file says it holds, without its passphrase; None for another kind of file.

    Raises:
        KeystoreError: unreadable, or no JSON.
    """
    try:
        return _did_in(path, path.read_text(encoding="utf-8"))
    except OSError as error:
        raise KeystoreError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise KeystoreError(f"{path} is not a key file") from error


def _read(path: Path) -> dict[str, Any]:
    text = read_private_file(path)
    if _did_in(path, text) is None:
        raise KeystoreError(f"{path} is not a file of an Ed25519 key")
    stored: dict[str, Any] = json.loads(text)
    if stored.get("version") != _VERSION:
        raise KeystoreError(f"{path} has version {stored.get('version')}, {_VERSION} is read here")
    return stored


def _did_in(path: Path, text: str) -> str | None:
    try:
        stored = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise KeystoreError(f"{path} is not a key file") from error
    if not isinstance(stored, dict) or stored.get("type") != TYPE:
        return None
    return str(stored.get("did"))


def _kdf(work_factor: int, salt: bytes) -> dict[str, Any]:
    """How the passphrase becomes a key. Raises KeystoreError for work nobody would wait for."""
    if not isinstance(work_factor, int) or not 1 < work_factor <= _SCRYPT_N_MAX:
        raise KeystoreError(f"scrypt's N is a power of two up to {_SCRYPT_N_MAX}")
    return {
        "name": "scrypt",
        "n": work_factor,
        "r": _SCRYPT_R,
        "p": _SCRYPT_P,
        "salt": salt.hex(),
    }


def _stretch(passphrase: str, salt: bytes, work_factor: int) -> bytes:
    return hashlib.scrypt(
        passphrase.encode(),
        salt=salt,
        n=work_factor,
        r=_SCRYPT_R,
        p=_SCRYPT_P,
        maxmem=_MEMORY_BYTES,
        dklen=32,
    )
