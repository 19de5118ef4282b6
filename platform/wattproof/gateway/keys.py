"""The platform's signers: encrypted key files, key agents, or the devnet's development accounts."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from devnet import accounts
from identity.errors import KeystoreError
from identity.key_agent import AgentKeyService
from identity.kms import KmsSigner
from identity.signer import LocalSigner, Signer, read_passphrase
from wattproof.errors import MisconfiguredError


class Role(StrEnum):
    """For what the platform signs."""

    ADMIN = "admin"
    OPERATOR = "operator"
    BALANCING = "balancing"
    ISSUER = "issuer"
    NETWORK = "network"


class Keyring:
    """Signers by role and by address; where their keys are is their own affair."""

    def __init__(self, roles: Mapping[Role, Signer]) -> None:
        self._roles = dict(roles)
        self._signers = {signer.address: signer for signer in roles.values()}

    def __repr__(self) -> str:
        return f"Keyring({', '.join(sorted(self._signers))})"

    @classmethod
    def development(cls) -> Keyring:
        """The public development accounts: only for the embedded chain."""
        indices = {
            Role.ADMIN: accounts.DEPLOYER,
            Role.OPERATOR: accounts.OPERATOR,
            Role.BALANCING: accounts.BALANCING,
            Role.ISSUER: accounts.ISSUER,
            Role.NETWORK: accounts.NETWORK,
        }
        return cls({role: _local(accounts.account(index)) for role, index in indices.items()})

    @classmethod
    def from_files(cls, folder: Path, passphrase_file: Path | None) -> Keyring:
        """What signs for every role found in ``folder``.

        ``<role>.json`` is an encrypted key file (mode 0600), ``<role>.sock`` the socket of a key
        agent, whose key never comes here.

        Raises:
            MisconfiguredError: nothing signs for the operator, both for one role, a file others can
                read, a wrong passphrase, or an agent that does not answer.
        """
        roles: dict[Role, Signer] = {}
        for role in Role:
            file, socket = folder / f"{role}.json", folder / f"{role}.sock"
            if file.exists() and socket.exists():
                raise MisconfiguredError(f"{file} and {socket} both sign for {role}; remove one")
            if file.exists():
                roles[role] = _open(file, passphrase_file)
            elif socket.exists():
                roles[role] = _connect(socket)
        if Role.OPERATOR not in roles:
            raise MisconfiguredError(
                f"there is neither a key file operator.json nor a key agent operator.sock in "
                f"{folder}"
            )
        return cls(roles)

    def add(self, account: LocalAccount) -> None:
        """Let the platform sign for one more account (demo traders of the embedded profile)."""
        self._signers[account.address] = _local(account)

    def holds(self, role: Role) -> bool:
        """Whether something signs for this role."""
        return role in self._roles

    def address(self, role: Role) -> str:
        """Address of a role. Raises MisconfiguredError where nothing signs for it."""
        return self.signer(role).address

    def signer(self, role: Role) -> Signer:
        """What signs for a role. Raises MisconfiguredError where nothing does."""
        try:
            return self._roles[role]
        except KeyError:
            raise MisconfiguredError(
                f"there is no {role} key; add {role}.json or {role}.sock to the keystore folder"
            ) from None

    def addresses(self) -> list[str]:
        """Everybody we can sign for."""
        return sorted(self._signers)

    def sign_transaction(self, address: str, transaction: dict[str, Any]) -> tuple[str, str]:
        """Raw transaction and its hash, both 0x-hex."""
        try:
            signer = self._signers[to_checksum_address(address)]
        except KeyError:
            raise MisconfiguredError(f"there is no signing key for {address}") from None
        raw = signer.sign_transaction(transaction)
        return "0x" + raw.hex(), "0x" + keccak(raw).hex()


def _local(account: LocalAccount) -> LocalSigner:
    return LocalSigner(bytes(account.key))


def _open(path: Path, passphrase_file: Path | None) -> LocalSigner:
    if passphrase_file is None:
        raise MisconfiguredError("set WATTPROOF_KEYSTORE_PASSPHRASE_FILE to open the key files")
    try:
        return LocalSigner.open(path, read_passphrase(passphrase_file))
    except KeystoreError as error:
        raise MisconfiguredError(str(error)) from error


def _connect(path: Path) -> KmsSigner:
    try:
        return KmsSigner(AgentKeyService(path))
    except KeystoreError as error:
        raise MisconfiguredError(str(error)) from error
