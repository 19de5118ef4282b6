"""Sessions: a short-lived token, and a chain of refresh tokens that renews it.

A refresh token is good once: using it gives the next one and ends the tokens before. One that
comes a second time was copied, by whom cannot be told, so the whole family ends, the newest tokens
too. The same holds for two requests at once: one of them is answered with tokens, the other counts
as the second use. Only hashes are stored.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlmodel import Session, col, delete, select

from wattproof.auth.models import FamilyRow, RefreshRow, SessionRow
from wattproof.auth.scopes import Principal, Scope, entitled
from wattproof.errors import WattproofError

if TYPE_CHECKING:
    from wattproof.profiles import Platform

SESSION_SECONDS = 900
REFRESH_SECONDS = 7 * 86_400
"""How long a refresh token waits to be used."""
FAMILY_SECONDS = 30 * 86_400
"""After this, however often it was refreshed, the wallet signs again."""


class UnauthenticatedError(WattproofError):
    """No valid token or key; sign in (again)."""

    default_code = "unauthenticated"


@dataclass(frozen=True, slots=True)
class Opened:
    """A session's tokens, shown once.

    Attributes:
        refresh_token, refresh_expires_at: None for a session that cannot be renewed.
    """

    token: str
    principal: Principal
    refresh_token: str | None = None
    refresh_expires_at: int | None = None


def open_session(
    session: Session, address: str, scopes: Collection[Scope], now: int, *, lasting: bool
) -> Opened:
    """The first tokens of a wallet that has just signed in.

    Args:
        lasting: whether it may be renewed and make API keys.
    """
    session.exec(delete(SessionRow).where(col(SessionRow.expires_at) <= now))
    over = select(FamilyRow.id).where(FamilyRow.ends_at <= now)
    session.exec(delete(RefreshRow).where(col(RefreshRow.family).in_(over)))
    session.exec(delete(FamilyRow).where(col(FamilyRow.ends_at) <= now))
    if not lasting:
        return _issue(session, None, address, scopes, now)
    family = FamilyRow(
        id=secrets.token_hex(16),
        address=address,
        scopes=sorted(scopes),
        created_at=now,
        ends_at=now + FAMILY_SECONDS,
    )
    session.add(family)
    return _issue(session, family, address, scopes, now)


def refresh(platform: Platform, refresh_token: str) -> Opened:
    """Exchange a refresh token for the next tokens of its session.

    Scopes whose credential no longer stands are left out.

    Raises:
        UnauthenticatedError: unknown, expired, used before (which ends the session), or nothing is
            left that the wallet has a right to.
    """
    digest, now = token_hash(refresh_token), int(time.time())
    with platform.transaction() as session:
        row = session.get(RefreshRow, digest)
        family = session.get(FamilyRow, row.family) if row is not None else None
    if row is None or family is None:
        raise UnauthenticatedError("the refresh token is unknown or its session has ended")
    granted = entitled(platform, family.address, map(Scope, family.scopes))
    with platform.transaction() as session:
        # Everything that changes a family holds its row, so no token outlives the family's end.
        family = session.get(FamilyRow, row.family, with_for_update=True)
        row = session.get(RefreshRow, digest)
        if row is None or family is None:
            refusal = "the refresh token is unknown or its session has ended"
        elif row.used_at is not None:
            _end(session, family)
            refusal = "the refresh token was used before, so its session has ended; sign in again"
        elif min(row.expires_at, family.ends_at) <= now:
            refusal = "the refresh token has expired; sign in again"
        elif not granted:
            _end(session, family)
            refusal = f"{family.address} no longer holds a credential for this session's scopes"
        else:
            row.used_at = now
            session.add(row)
            session.exec(delete(SessionRow).where(col(SessionRow.family) == family.id))
            return _issue(session, family, family.address, granted, now)
    raise UnauthenticatedError(refusal, code="refresh_refused")


def sign_out(session: Session, token: str) -> None:
    """End a session and all that could renew it."""
    digest = token_hash(token)
    row = session.get(SessionRow, digest)
    if row is None:
        return
    if row.family is None:
        session.exec(delete(SessionRow).where(col(SessionRow.token_hash) == digest))
        return
    family = session.get(FamilyRow, row.family, with_for_update=True)
    if family is not None:
        _end(session, family)


def session_principal(platform: Platform, token: str) -> Principal:
    """Whom a session token speaks for. Raises UnauthenticatedError."""
    with platform.transaction() as session:
        row = session.get(SessionRow, token_hash(token))
    if row is None or row.expires_at <= int(time.time()):
        raise UnauthenticatedError("the token is unknown or has expired; refresh it or sign in")
    return Principal(
        row.address,
        frozenset(map(Scope, row.scopes)),
        row.expires_at,
        lasting=row.family is not None,
    )


def token_hash(token: str) -> str:
    """What is stored of a token: 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(token.encode("utf-8", errors="surrogatepass")).hexdigest()


def _issue(
    session: Session,
    family: FamilyRow | None,
    address: str,
    scopes: Collection[Scope],
    now: int,
) -> Opened:
    token = secrets.token_urlsafe(32)
    ends_at = now + SESSION_SECONDS if family is None else family.ends_at
    row = SessionRow(
        token_hash=token_hash(token),
        family=None if family is None else family.id,
        address=address,
        scopes=sorted(scopes),
        created_at=now,
        expires_at=min(now + SESSION_SECONDS, ends_at),
    )
    session.add(row)
    principal = Principal(address, frozenset(scopes), row.expires_at, lasting=family is not None)
    if family is None:
        return Opened(token, principal)
    refresh_token = secrets.token_urlsafe(32)
    renewable_until = min(now + REFRESH_SECONDS, ends_at)
    session.add(
        RefreshRow(
            token_hash=token_hash(refresh_token), family=family.id, expires_at=renewable_until
        )
    )
    return Opened(token, principal, refresh_token, renewable_until)


def _end(session: Session, family: FamilyRow) -> None:
    session.exec(delete(SessionRow).where(col(SessionRow.family) == family.id))
    session.exec(delete(RefreshRow).where(col(RefreshRow.family) == family.id))
    session.delete(family)
