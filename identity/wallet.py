"""A holder's wallet: a folder with the credentials that she received.

The folder has mode 0700, every file 0600; others who may look into it or write to it make it
unusable. A file is named by the hash of the credential in it and is read back only if it has that
hash still; what an issuer did not sign cannot be slipped in, for its signature is checked before
anything is shown. The wallet holds no keys.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from identity import private_files
from identity.errors import CredentialError, KeystoreError, WalletError
from identity.signer import read_private_file
from identity.verifiable.kinds import Kind
from identity.verifiable.received import Received, read

_NAME: Final = re.compile(r"[0-9a-f]{64}\.json", re.ASCII)
_SHORTEST: Final = 4


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
        self._folder = folder
        try:
            private_files.make_folder(folder)
            found = folder.lstat()
        except (KeystoreError, OSError) as error:
            raise WalletError(f"there is no wallet at {folder}: {error}") from error
        if not stat.S_ISDIR(found.st_mode):
            raise WalletError(f"{folder} is no folder of its own; a wallet is not a link")
        if found.st_uid != os.geteuid():
            raise WalletError(f"{folder} belongs to somebody else")
        if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise WalletError(f"{folder} is open to others; run: chmod 700 {folder}")

    def accept(self, credential: Received, *, now: int) -> Kept:
        """Keep a credential; the same one twice is kept once. Checking it is the caller's affair.

        Raises:
            WalletError: it cannot be written.
        """
        kept = Kept(credential, now)
        path = self._path(kept.name)
        if path.exists():
            return self._read(path)
        body = {"accepted_at": now, "credential": credential.text()}
        try:
            private_files.replace(path, json.dumps(body, indent=2) + "\n")
        except KeystoreError as error:
            raise WalletError(str(error)) from error
        return kept

    def kept(self) -> list[Kept]:
        """Everything in the wallet, oldest first. Raises WalletError for a changed file."""
        paths = sorted(path for path in self._folder.iterdir() if _NAME.fullmatch(path.name))
        return sorted((self._read(path) for path in paths), key=lambda kept: kept.accepted_at)

    def get(self, name: str) -> Kept:
        """The credential whose hash begins so (at least four digits).

        Raises:
            WalletError: none or several do, or the file was changed.
        """
        digits = name.lower().removeprefix("0x")
        if len(digits) < _SHORTEST or not re.fullmatch(r"[0-9a-f]+", digits, re.ASCII):
            raise WalletError(
                f"{name!r} names no credential; give {_SHORTEST} or more digits of its hash"
            )
        found = [
            path
            for path in self._folder.iterdir()
            if _NAME.fullmatch(path.name) and path.name.startswith(digits)
        ]
        if not found:
            raise WalletError(f"the wallet has no credential {name}")
        if len(found) > 1:
            raise WalletError(f"{len(found)} credentials begin with {name}; give more digits")
        return self._read(found[0])

    def remove(self, name: str) -> Kept:
        """Take a credential out for good. Raises WalletError as `get` does."""
        kept = self.get(name)
        self._path(kept.name).unlink()
        return kept

    def fitting(self, kinds: Collection[Kind], claims: Collection[str]) -> list[Kept]:
        """Credentials of one of these kinds that say all of these claims, newest first."""
        return [
            kept
            for kept in reversed(self.kept())
            if kept.credential.kind in kinds and set(claims) <= set(kept.credential.claims)
        ]

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _read(self, path: Path) -> Kept:
        try:
            stored: dict[str, Any] = json.loads(read_private_file(path))
            kept = Kept(read(stored["credential"]), stored["accepted_at"])
        except KeystoreError as error:
            raise WalletError(str(error)) from error
        except (CredentialError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise WalletError(f"{path} was changed or damaged: {error}") from error
        if path.name != f"{kept.name}.json" or not isinstance(kept.accepted_at, int):
            raise WalletError(f"{path} was changed: it holds another credential than it is named")
        return kept
