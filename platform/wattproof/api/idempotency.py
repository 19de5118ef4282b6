"""Writes that can be repeated: one key, one effect, one answer.

The answer is stored in the database transaction of the change itself, and kept for good: after a
lost answer or a crash the client sends the request again under the same key and gets the answer of
the first one. The same key with another request is refused. Where the caller had its data erased
the answer is gone, and the write still is not made again.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from wattproof.api.access import Anyone, PlatformDep
from wattproof.api.models import IdempotencyRow, erased_key
from wattproof.errors import ConflictError, InvalidError

_ATTEMPTS = 3
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=128,
        pattern=r"^[!-~]+$",
        description="A value of your choice that names this write, such as a UUID. Sent again "
        "with the same request it changes nothing and gives the first answer.",
        examples=["7f0c7f0e-8f4b-4d0a-9a5b-6a7b2b9b1c11"],
    ),
]


class Writer:
    """Runs a change in one database transaction, once a key."""

    def __init__(
        self, platform: PlatformDep, principal: Anyone, fingerprint: str, key: str | None
    ) -> None:
        self._platform = platform
        self._address = principal.address
        self._fingerprint = fingerprint
        self._key = key

    @property
    def name(self) -> str:
        """What names this write: the caller's key."""
        return self._key or ""

    def answered(self) -> JSONResponse | None:
        """The stored answer, if this write was answered before; for changes that take long.

        Raises:
            InvalidError: the key was used for another request.
            ConflictError: the answer was erased.
        """
        if self._key is None:
            return None
        with self._platform.transaction() as session:
            row = self._known(session, self._key)
        return self._stored(row) if row is not None else None

    def once(self, change: Callable[[Session], BaseModel], *, status: int = 200) -> JSONResponse:
        """The answer of the change, or the stored one.

        Raises:
            InvalidError: the key was used for another request.
            ConflictError: the answer was erased.
        """
        for attempt in range(_ATTEMPTS):
            try:
                with self._platform.transaction() as session:
                    return self._once(session, change, status)
            except IntegrityError:
                # Another request with this key is being answered: look again.
                if self._key is None or attempt == _ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    def _once(
        self, session: Session, change: Callable[[Session], BaseModel], status: int
    ) -> JSONResponse:
        row: IdempotencyRow | None = None
        if self._key is not None:
            row = self._known(session, self._key)
            if row is not None:
                return self._stored(row)
            row = IdempotencyRow(
                address=self._address,
                key=self._key,
                fingerprint=self._fingerprint,
                created_at=int(time.time()),
            )
            session.add(row)
            session.flush()
        content = change(session).model_dump(mode="json", by_alias=True)
        if row is not None:
            row.status, row.body = status, json.dumps(content)
            session.add(row)
        return JSONResponse(content, status_code=status)

    def _known(self, session: Session, key: str) -> IdempotencyRow | None:
        erased = erased_key(self._address, key)
        return session.get(IdempotencyRow, (self._address, key)) or session.get(
            IdempotencyRow, (self._address, erased)
        )

    def _stored(self, row: IdempotencyRow) -> JSONResponse:
        if row.fingerprint == "":
            raise ConflictError(
                "this write was made, and its answer erased with your data; for another write "
                "choose a new Idempotency-Key",
                code="answer_erased",
            )
        if row.fingerprint != self._fingerprint:
            raise InvalidError(
                "this Idempotency-Key was used for another request; choose a new one",
                code="idempotency_key_reused",
            )
        content: Any = json.loads(row.body)
        return JSONResponse(
            content, status_code=row.status, headers={"Idempotency-Replayed": "true"}
        )


async def _fingerprint(request: Request) -> str:
    digest = hashlib.sha256(f"{request.method} {request.url.path}\n".encode())
    digest.update(await request.body())
    return digest.hexdigest()


Fingerprint = Annotated[str, Depends(_fingerprint)]


def _writer(
    platform: PlatformDep, principal: Anyone, fingerprint: Fingerprint, key: Key = None
) -> Writer:
    return Writer(platform, principal, fingerprint, key)


def _keyed_writer(
    platform: PlatformDep, principal: Anyone, fingerprint: Fingerprint, key: Key = None
) -> Writer:
    if key is None:
        raise InvalidError(
            "money moves here: send an Idempotency-Key header", code="idempotency_key_missing"
        )
    return Writer(platform, principal, fingerprint, key)


Write = Annotated[Writer, Depends(_writer)]
MoneyWrite = Annotated[Writer, Depends(_keyed_writer)]
