"""Who signs: a protocol, a key in memory, and key files (Web3 Secret Storage, mode 0600)."""

from __future__ import annotations

import json
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from eth_account import Account
from eth_account.messages import encode_defunct
from eth_account.signers.local import LocalAccount
from eth_keys.datatypes import PrivateKey

from identity import private_files
from identity.errors import KeystoreError
from identity.signature import sign_digest


class DigestSigner(Protocol):
    """Signs digests for one address: all that credentials and orders need."""

    @property
    def address(self) -> str:
        """Checksum address."""
        ...

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign 32 bytes; compact form (EIP-2098), 64 bytes."""
        ...


class Signer(DigestSigner, Protocol):
    """Signs for one address; where the key lives is its own affair."""

    def sign_text(self, text: str) -> bytes:
        """Sign a text as wallets do (``personal_sign``, EIP-191); 65 bytes."""
        ...

    def sign_transaction(self, transaction: Mapping[str, Any]) -> bytes:
        """The raw transaction, ready to broadcast."""
        ...


class LocalSigner:
    """A key in memory. Its representation shows the address alone."""

    __slots__ = ("_account",)

    def __init__(self, private_key: bytes) -> None:
        try:
            self._account: LocalAccount = Account.from_key(private_key)
        except Exception as error:
            raise KeystoreError("these are not the 32 bytes of a private key") from error

    def __repr__(self) -> str:
        return f"LocalSigner({self.address})"

    @classmethod
    def generate(cls) -> LocalSigner:
        """A new key from the operating system's randomness."""
        return cls(secrets.token_bytes(32))

    @classmethod
    def open(cls, path: Path, passphrase: str) -> LocalSigner:
        """Open a key file.

        Raises:
            KeystoreError: unreadable, readable by others, not a key file, a wrong passphrase, or
                an address beside the key (which its passphrase does not protect) that is not its.
        """
        text = read_private_file(path)
        try:
            stored = json.loads(text)
            key = Account.decrypt(stored, passphrase)
        except ValueError as error:
            wrong = "MAC mismatch" in str(error)
            why = "the passphrase is wrong" if wrong else f"it is not a key file ({error})"
            raise KeystoreError(f"cannot open {path}: {why}") from error
        except (KeyError, TypeError, NotImplementedError, AttributeError) as error:
            raise KeystoreError(f"cannot open {path}: it is not a key file") from error
        signer = cls(bytes(key))
        named = str(stored.get("address", signer.address)).removeprefix("0x")
        if named.lower() != signer.address[2:].lower():
            raise KeystoreError(f"{path} names another address than its key has: it was changed")
        return signer

    @property
    def address(self) -> str:
        return str(self._account.address)

    @property
    def public_key(self) -> bytes:
        """The point, 65 bytes, uncompressed."""
        return b"\x04" + PrivateKey(bytes(self._account.key)).public_key.to_bytes()

    def sign_digest(self, digest: bytes) -> bytes:
        return sign_digest(digest, bytes(self._account.key))

    def sign_text(self, text: str) -> bytes:
        return bytes(self._account.sign_message(encode_defunct(text=text)).signature)

    def sign_transaction(self, transaction: Mapping[str, Any]) -> bytes:
        return bytes(self._account.sign_transaction(dict(transaction)).raw_transaction)

    def save(self, path: Path, passphrase: str, *, work_factor: int | None = None) -> None:
        """Write an encrypted key file with mode 0600; an existing file is never overwritten.

        Args:
            work_factor: scrypt's N, a power of two; None for the standard's 2^18.

        Raises:
            KeystoreError: the passphrase is empty, or the file exists or cannot be written.
        """
        if not passphrase:
            raise KeystoreError("the passphrase is empty")
        encrypted = Account.encrypt(
            bytes(self._account.key), passphrase, kdf="scrypt", iterations=work_factor
        )
        private_files.create(path, json.dumps(encrypted) + "\n")


def keystore_address(path: Path) -> str:
    """The address a key file says it holds, without its passphrase. Raises KeystoreError."""
    try:
        raw = bytes.fromhex(json.loads(path.read_text(encoding="utf-8"))["address"])
    except OSError as error:
        raise KeystoreError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise KeystoreError(f"{path} is not a key file") from error
    if len(raw) != 20:
        raise KeystoreError(f"{path} is not a key file")
    from eth_utils.address import to_checksum_address

    return str(to_checksum_address(raw))


def read_passphrase(path: Path) -> str:
    """A passphrase from the first line of a file of mode 0600. Raises KeystoreError."""
    lines = read_private_file(path).splitlines()
    if not lines or not lines[0]:
        raise KeystoreError(f"{path} holds no passphrase")
    return lines[0]


def read_private_file(path: Path) -> str:
    """The text of a file that nobody else may read. Raises KeystoreError."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise KeystoreError(f"{path} can be read by others; run: chmod 600 {path}")
            return file.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise KeystoreError(f"{path} is not text") from error
    except OSError as error:
        raise KeystoreError(f"cannot read {path}: {error.strerror}") from error
