"""The platform's signing keys: encrypted key files, or the devnet's development accounts."""

from __future__ import annotations

import json
import stat
from enum import StrEnum
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address

from devnet import accounts
from wattproof.errors import MisconfiguredError


class Role(StrEnum):
    """For what the platform signs."""

    ADMIN = "admin"
    OPERATOR = "operator"
    BALANCING = "balancing"
    ISSUER = "issuer"
    NETWORK = "network"


class Keyring:
    """Keys by role and by address. Nothing here is ever printed or logged."""

    def __init__(self, roles: dict[Role, LocalAccount]) -> None:
        self._roles = roles
        self._accounts = {account.address: account for account in roles.values()}

    def __repr__(self) -> str:
        return f"Keyring({', '.join(sorted(self._accounts))})"

    @classmethod
    def development(cls) -> Keyring:
        """The public development accounts: only for the embedded chain."""
        return cls(
            {
                Role.ADMIN: accounts.account(accounts.DEPLOYER),
                Role.OPERATOR: accounts.account(accounts.OPERATOR),
                Role.BALANCING: accounts.account(accounts.BALANCING),
                Role.ISSUER: accounts.account(accounts.ISSUER),
                Role.NETWORK: accounts.account(accounts.NETWORK),
            }
        )

    @classmethod
    def from_files(cls, folder: Path, passphrase_file: Path | None) -> Keyring:
        """Open ``<role>.json`` (encrypted, mode 0600) for every role found in ``folder``.

        Raises:
            MisconfiguredError: no operator key, a file others can read, or a wrong passphrase.
        """
        if passphrase_file is None:
            raise MisconfiguredError("set WATTPROOF_KEYSTORE_PASSPHRASE_FILE to open the key files")
        passphrase = _read_private(passphrase_file).strip()
        roles: dict[Role, LocalAccount] = {}
        for role in Role:
            path = folder / f"{role}.json"
            if path.exists():
                roles[role] = _open(path, passphrase)
        if Role.OPERATOR not in roles:
            raise MisconfiguredError(f"there is no key file operator.json in {folder}")
        return cls(roles)

    def add(self, account: LocalAccount) -> None:
        """Let the platform sign for one more account (demo traders of the embedded profile)."""
        self._accounts[account.address] = account

    def holds(self, role: Role) -> bool:
        """Whether there is a key of this role."""
        return role in self._roles

    def address(self, role: Role) -> str:
        """Address of a role's key. Raises MisconfiguredError where there is none."""
        return str(self._role(role).address)

    def private_key(self, role: Role) -> bytes:
        """A role's private key, for signing messages."""
        return bytes(self._role(role).key)

    def addresses(self) -> list[str]:
        """Everybody we can sign for."""
        return sorted(self._accounts)

    def sign_transaction(self, address: str, transaction: dict[str, Any]) -> tuple[str, str]:
        """Raw transaction and its hash, both 0x-hex."""
        try:
            account = self._accounts[to_checksum_address(address)]
        except KeyError:
            raise MisconfiguredError(f"there is no signing key for {address}") from None
        signed = account.sign_transaction(transaction)
        return "0x" + bytes(signed.raw_transaction).hex(), "0x" + bytes(signed.hash).hex()

    def _role(self, role: Role) -> LocalAccount:
        try:
            return self._roles[role]
        except KeyError:
            raise MisconfiguredError(
                f"there is no {role} key; add {role}.json to the keystore folder"
            ) from None


def _read_private(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise MisconfiguredError(f"{path} can be read by others; chmod 600 {path}")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise MisconfiguredError(f"cannot read {path}: {error.strerror}") from error


def _open(path: Path, passphrase: str) -> LocalAccount:
    try:
        key = Account.decrypt(json.loads(_read_private(path)), passphrase)
    except ValueError as error:
        raise MisconfiguredError(f"cannot open key file {path}: {error}") from error
    account: LocalAccount = Account.from_key(key)
    return account
