"""Files for their owner alone, written so that a crash leaves the old one or the new one whole."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from identity.errors import KeystoreError

_FILE: Final = 0o600
_FOLDER: Final = 0o700


def create(path: Path, text: str) -> None:
    """Write a new file of mode 0600; its folder is made where there is none.

    Raises:
        KeystoreError: the file exists already (it is never overwritten), or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = _write_beside(path, text)
        try:
            os.link(whole, path)
        except FileExistsError:
            raise KeystoreError(f"{path} exists already; choose another name") from None
        finally:
            whole.unlink()
        _sync_folder(path.parent)
    except OSError as error:
        raise KeystoreError(f"cannot write {path}: {error.strerror}") from error


def replace(path: Path, text: str) -> None:
    """Put a file of mode 0600 in the place of the one that may be there, at once.

    Raises:
        KeystoreError: it cannot be written; the old one is still there.
    """
    try:
        whole = _write_beside(path, text)
        try:
            whole.replace(path)
        except OSError:
            whole.unlink()
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise KeystoreError(f"cannot write {path}: {error.strerror}") from error


def make_folder(path: Path) -> None:
    """A folder of mode 0700. Raises KeystoreError where it cannot be made."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=_FOLDER, exist_ok=True)
    except OSError as error:
        raise KeystoreError(f"cannot make {path}: {error.strerror}") from error


def _write_beside(path: Path, text: str) -> Path:
    """A whole file in the same folder, on the disk, under a name of its own."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _FILE)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), _FILE)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        beside.unlink()
        raise
    return beside


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
