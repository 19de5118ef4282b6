"""What an issuer keeps of the credentials that it issued: enough to revoke them, and no claims.

The records are the issuer's own word on what is revoked. Whoever hosts its status lists may lose
them or show an old one; a list that is signed anew has every bit that these records know of.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from identity.private_folder import PrivateFolder
from identity.verifiable.received import Received
from identity.verifiable.status_list import REVOCATION


@dataclass(frozen=True, slots=True)
class Record:
    """One credential that was issued.

    Attributes:
        name: its hash, 64 hexadecimal digits.
        issuer, subject: DIDs.
        list_url, index: its bit; None for one that cannot be revoked.
        issued_at, expires_at, revoked_at: seconds, UTC; ``revoked_at`` None while it is not.
    """

    name: str
    kind: str
    role: str
    issuer: str
    subject: str
    list_url: str | None
    index: int | None
    issued_at: int
    expires_at: int
    revoked_at: int | None = None


class IssuerRecords:
    """A folder of records."""

    def __init__(self, folder: Path) -> None:
        """Open the records, new ones where there are none yet.

        Raises:
            WalletError: the folder cannot be made, is somebody else's, or open to others.
        """
        self._folder = PrivateFolder(folder, "issuer's folder")

    def note(self, credential: Received, subject: str, *, now: int) -> Record:
        """Record a credential before it is handed out. Raises WalletError.

        Args:
            subject: DID; a token may keep it back.
        """
        entry = next((e for e in credential.statuses if e.purpose == REVOCATION), None)
        record = Record(
            name=credential.hash.hex(),
            kind=credential.kind.name,
            role=str(credential.claims["role"]),
            issuer=credential.issuer,
            subject=subject,
            list_url=entry.list_url if entry else None,
            index=entry.index if entry else None,
            issued_at=now,
            expires_at=credential.valid_until or 0,
        )
        self._write(record)
        return record

    def get(self, name: str) -> Record:
        """The record whose hash begins so. Raises WalletError: none, several, or changed."""
        return self._read(self._folder.find(name))

    def all(self) -> list[Record]:
        """Every record, oldest first. Raises WalletError for a changed file."""
        found = [self._read(name) for name in self._folder.names()]
        return sorted(found, key=lambda record: record.issued_at)

    def revoke(self, record: Record, *, now: int) -> Record:
        """Note that a credential is revoked; the first time stays. Raises WalletError."""
        if record.revoked_at is not None:
            return record
        revoked = replace(record, revoked_at=now)
        self._write(revoked)
        return revoked

    def places(self, issuer: str, list_url: str) -> set[int]:
        """The places in a list that are somebody's already."""
        return {
            record.index
            for record in self.all()
            if (record.issuer, record.list_url) == (issuer, list_url) and record.index is not None
        }

    def lists(self, issuer: str) -> dict[str, set[int]]:
        """An issuer's status lists by address, each with the bits that are set."""
        found: dict[str, set[int]] = {}
        for record in self.all():
            if record.issuer != issuer or record.list_url is None or record.index is None:
                continue
            bits = found.setdefault(record.list_url, set())
            if record.revoked_at is not None:
                bits.add(record.index)
        return found

    def _write(self, record: Record) -> None:
        self._folder.write(record.name, asdict(record))

    def _read(self, name: str) -> Record:
        try:
            record = Record(**self._folder.read(name))
        except TypeError as error:
            raise self._folder.changed(name, str(error)) from error
        if record.name != name:
            raise self._folder.changed(name, "it is the record of another credential")
        numbers = (record.index, record.issued_at, record.expires_at, record.revoked_at)
        if not all(number is None or type(number) is int for number in numbers):
            raise self._folder.changed(name, "an index or a time is no whole number")
        return record
