"""A holder's wallet: a folder with the credentials that she received.

A file is named by the hash of the credential in it and is read back only if it has that hash still;
what an issuer did not sign cannot be slipped in, for its signature is checked before anything is
shown. The wallet holds no keys.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from identity.errors import CredentialError
from identity.private_folder import PrivateFolder
from identity.verifiable.kinds import Kind
from identity.verifiable.received import Received, read


@dataclass(frozen=True, slots=True)
class Kept:
    """A credential in a wallet.

    Attributes:
        accepted_at: seconds, UTC.
    """

    credential: Received
    accepted_at: int

    @property
    def name(self) -> str:
        """Its hash, 64 hexadecimal digits; the first of them are enough to name it."""
        return self.credential.hash.hex()


class Wallet:
    """A folder of credentials."""

    def __init__(self, folder: Path) -> None:
        """Open a wallet, a new one where there is none yet.

        Raises:
            WalletError: the folder cannot be made, is somebody else's, or open to others.
        """
        self._folder = PrivateFolder(folder, "wallet")

    def accept(self, credential: Received, *, now: int) -> Kept:
        """Keep a credential; the same one twice is kept once. Checking it is the caller's affair.

        Raises:
            WalletError: it cannot be written.
        """
        kept = Kept(credential, now)
        if self._folder.holds(kept.name):
            return self._read(kept.name)
        self._folder.write(kept.name, {"accepted_at": now, "credential": credential.text()})
        return kept

    def kept(self) -> list[Kept]:
        """Everything in the wallet, oldest first. Raises WalletError for a changed file."""
        found = [self._read(name) for name in self._folder.names()]
        return sorted(found, key=lambda kept: kept.accepted_at)

    def get(self, name: str) -> Kept:
        """The credential whose hash begins so (at least four digits).

        Raises:
            WalletError: none or several do, or the file was changed.
        """
        return self._read(self._folder.find(name))

    def remove(self, name: str) -> Kept:
        """Take a credential out for good. Raises WalletError as `get` does."""
        kept = self.get(name)
        self._folder.remove(kept.name)
        return kept

    def fitting(self, kinds: Collection[Kind], claims: Collection[str]) -> list[Kept]:
        """Credentials of one of these kinds that say all of these claims, newest first."""
        return [
            kept
            for kept in reversed(self.kept())
            if kept.credential.kind in kinds and set(claims) <= set(kept.credential.claims)
        ]

    def _read(self, name: str) -> Kept:
        stored = self._folder.read(name)
        try:
            kept = Kept(read(stored["credential"]), stored["accepted_at"])
        except (CredentialError, KeyError, TypeError, AttributeError) as error:
            raise self._folder.changed(name, str(error)) from error
        if kept.name != name:
            raise self._folder.changed(name, "it holds another credential than it is named")
        if not isinstance(kept.accepted_at, int):
            raise self._folder.changed(name, "it does not say when it was accepted")
        return kept
