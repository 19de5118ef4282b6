"""A folder of JSON files for its owner alone, each named by 64 hexadecimal digits.

The folder has mode 0700, every file 0600; others who may look into it or write to it make it
unusable.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from identity import private_files
from identity.errors import KeystoreError, WalletError
from identity.signer import read_private_file

_NAME: Final = re.compile(r"[0-9a-f]{64}\.json", re.ASCII)
_DIGITS: Final = re.compile(r"[0-9a-f]+", re.ASCII)
_SHORTEST: Final = 4


class PrivateFolder:
    """Entries by name; the first digits of a name are enough to find it."""

    def __init__(self, path: Path, what: str) -> None:
        """Open a folder, a new one where there is none yet.

        Args:
            what: it is called so where something is wrong with it.

        Raises:
            WalletError: the folder cannot be made, is somebody else's, or open to others.
        """
        self._path = path
        self._what = what
        try:
            private_files.make_folder(path)
            found = path.lstat()
        except (KeystoreError, OSError) as error:
            raise WalletError(f"there is no {what} at {path}: {error}") from error
        if not stat.S_ISDIR(found.st_mode):
            raise WalletError(f"{path} is no folder of its own; a {what} is not a link")
        if found.st_uid != os.geteuid():
            raise WalletError(f"{path} belongs to somebody else")
        if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise WalletError(f"{path} is open to others; run: chmod 700 {path}")

    def names(self) -> list[str]:
        """All names; other files in the folder are left alone."""
        return sorted(each.stem for each in self._path.iterdir() if _NAME.fullmatch(each.name))

    def find(self, beginning: str) -> str:
        """The one name that begins so (four digits at least). Raises WalletError."""
        digits = beginning.lower().removeprefix("0x")
        if len(digits) < _SHORTEST or not _DIGITS.fullmatch(digits):
            raise WalletError(
                f"{beginning!r} names no credential; give {_SHORTEST} or more digits of its hash"
            )
        found = [name for name in self.names() if name.startswith(digits)]
        if not found:
            raise WalletError(f"the {self._what} has no credential {beginning}")
        if len(found) > 1:
            raise WalletError(f"{len(found)} credentials begin with {beginning}; give more digits")
        return found[0]

    def holds(self, name: str) -> bool:
        """Whether there is such an entry."""
        return self.file(name).exists()

    def read(self, name: str) -> dict[str, Any]:
        """An entry. Raises WalletError: open to others, or not JSON."""
        try:
            stored = json.loads(read_private_file(self.file(name)))
        except KeystoreError as error:
            raise WalletError(str(error)) from error
        except (ValueError, RecursionError) as error:
            raise self.changed(name, str(error)) from error
        if not isinstance(stored, dict):
            raise self.changed(name, "it is no JSON object")
        return stored

    def write(self, name: str, entry: Mapping[str, Any]) -> None:
        """Put an entry in the place of the one that may be there, at once. Raises WalletError."""
        try:
            private_files.replace(self.file(name), json.dumps(entry, indent=2) + "\n")
        except KeystoreError as error:
            raise WalletError(str(error)) from error

    def remove(self, name: str) -> None:
        """Take an entry out for good."""
        self.file(name).unlink()

    def file(self, name: str) -> Path:
        """Where an entry is."""
        return self._path / f"{name}.json"

    def changed(self, name: str, why: str) -> WalletError:
        """The error for an entry that is not as it was written."""
        return WalletError(f"{self.file(name)} was changed or damaged: {why}")
