"""Signing in with Ethereum (EIP-4361), sessions and API keys.

A wallet (a plain key or a contract) asks for a message, signs it, and gets a short session token. A
machine uses an API key that its owner made in a session. Tokens and secrets leave this process
once, in the answer.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from sqlmodel import Session, col, delete, select

from identity import siwe
from identity.errors import SignInError
from wattproof.auth.models import ApiKeyRow, NonceRow
from wattproof.auth.scopes import Principal, Scope, entitled
from wattproof.auth.sessions import (
    Opened,
    UnauthenticatedError,
    open_session,
    session_principal,
)
from wattproof.auth.wallets import Proof, prove
from wattproof.errors import InvalidError, NotFoundError, RefusedError

if TYPE_CHECKING:
    from wattproof.profiles import Platform

NONCE_SECONDS = 300
API_KEY_SECONDS_MAX = 366 * 86_400
API_KEYS_MAX = 50
_PENDING_PER_ADDRESS = 10
_STATEMENT = "Sign in to Wattproof. This costs nothing and moves no money."
# The secret has 256 random bits, so the cheapest of OWASP's parameter sets is plenty.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


@dataclass(frozen=True, slots=True)
class Issued:
    """A token or secret, shown once, and what it is good for."""

    secret: str
    principal: Principal


def request_sign_in(platform: Platform, session: Session, address: str) -> siwe.SignInMessage:
    """The message a wallet must sign, good for five minutes and one sign-in.

    Args:
        address: checksum address of the wallet.
    """
    now = int(time.time())
    session.exec(delete(NonceRow).where(col(NonceRow.expires_at) <= now))
    pending = session.exec(
        select(NonceRow).where(NonceRow.address == address).order_by(col(NonceRow.expires_at))
    ).all()
    for row in pending[: max(0, len(pending) - _PENDING_PER_ADDRESS + 1)]:
        session.delete(row)
    nonce, expires_at = siwe.new_nonce(), now + NONCE_SECONDS
    session.add(NonceRow(nonce=nonce, address=address, expires_at=expires_at))
    url = platform.settings.public_address
    return siwe.SignInMessage(
        domain=urlsplit(url).netloc,
        address=address,
        statement=_STATEMENT,
        uri=url,
        chain_id=platform.deployment.chain_id,
        nonce=nonce,
        issued_at=siwe.format_time(datetime.fromtimestamp(now, UTC)),
        expiration_time=siwe.format_time(datetime.fromtimestamp(expires_at, UTC)),
    )


def sign_in(
    platform: Platform,
    *,
    message: str,
    signature: bytes,
    scopes: Sequence[Scope] = (Scope.PARTICIPANT,),
) -> Opened:
    """Exchange a signed message for a session's tokens.

    The chain is asked between two transactions, so that no wallet's contract holds the database;
    of two requests with one nonce the second finds it used up. The session of a wallet that is not
    deployed cannot be renewed: whom the address belongs to is settled only when there is code.

    Args:
        signature: of a plain key, of a contract wallet (ERC-1271), or wrapped (ERC-6492).

    Raises:
        UnauthenticatedError: the message is not one we gave out, is too old, or not signed by
            the address it names.
        RefusedError: a wanted scope has no credential that stands.
    """
    now = int(time.time())
    try:
        parsed = siwe.parse(message)
        with platform.transaction() as session:
            _pending(session, parsed, now)
        url = platform.settings.public_address
        siwe.check(
            parsed,
            now=datetime.fromtimestamp(now, UTC),
            domain=urlsplit(url).netloc,
            nonce=parsed.nonce,
            chain_id=platform.deployment.chain_id,
            uri=url,
        )
        proof = prove(platform.chain, parsed.address, siwe.digest(message), signature)
        granted = _granted(platform, parsed.address, scopes)
        with platform.transaction() as session:
            session.delete(_pending(session, parsed, now))
            return open_session(
                session,
                parsed.address,
                granted,
                now,
                lasting=proof is not Proof.UNDEPLOYED,
            )
    except SignInError as error:
        raise UnauthenticatedError(str(error), code="sign_in_refused") from error


def authenticate(platform: Platform, token: str) -> Principal:
    """Who a bearer token (session or API key) speaks for.

    An API key's scopes beyond participant are looked up on-chain again each time.

    Raises:
        UnauthenticatedError: unknown, expired or revoked.
    """
    if token.startswith("wp_"):
        return _api_key_principal(platform, token)
    return session_principal(platform, token)


def create_api_key(
    platform: Platform,
    session: Session,
    owner: Principal,
    *,
    name: str,
    scopes: Sequence[Scope],
    lifetime_seconds: int,
) -> Issued:
    """A key for a machine, with no more rights than its owner's session has.

    Raises:
        RefusedError: called with an API key or by a wallet not deployed, a scope the session lacks,
            or too many keys.
        InvalidError: no scope, or a lifetime beyond a year.
    """
    if owner.api_key is not None:
        raise RefusedError("an API key cannot make keys; sign in", code="session_needed")
    if not owner.lasting:
        raise RefusedError(
            "a wallet that is not deployed cannot make keys; deploy it and sign in again",
            code="session_needed",
        )
    if not scopes:
        raise InvalidError("name at least one scope")
    missing = set(scopes) - owner.scopes
    if missing:
        raise RefusedError(
            f"your session lacks the scope {', '.join(sorted(missing))}", code="scope_missing"
        )
    if not 60 <= lifetime_seconds <= API_KEY_SECONDS_MAX:
        raise InvalidError(f"a key lives 60 to {API_KEY_SECONDS_MAX} seconds")
    now = int(time.time())
    active = [row for row in api_keys(session, owner.address) if _usable(row, now)]
    if len(active) >= API_KEYS_MAX:
        raise RefusedError(f"an account has at most {API_KEYS_MAX} keys; revoke one first")
    key_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    row = ApiKeyRow(
        id=key_id,
        address=owner.address,
        name=name,
        scopes=sorted(set(scopes)),
        secret_hash=_HASHER.hash(secret),
        created_at=now,
        expires_at=now + lifetime_seconds,
    )
    session.add(row)
    principal = Principal(owner.address, frozenset(scopes), row.expires_at, key_id)
    return Issued(f"wp_{key_id}_{secret}", principal)


def api_keys(session: Session, address: str) -> Sequence[ApiKeyRow]:
    """An account's keys, newest first, revoked ones too."""
    return session.exec(
        select(ApiKeyRow)
        .where(ApiKeyRow.address == address)
        .order_by(col(ApiKeyRow.created_at).desc(), col(ApiKeyRow.id))
    ).all()


def revoke_api_key(session: Session, address: str, key_id: str) -> ApiKeyRow:
    """Make a key worthless at once. Raises NotFoundError for a key of nobody or another."""
    row = session.get(ApiKeyRow, key_id)
    if row is None or row.address != address:
        raise NotFoundError(f"you have no API key {key_id}")
    if row.revoked_at is None:
        row.revoked_at = int(time.time())
        session.add(row)
    return row


def _api_key_principal(platform: Platform, token: str) -> Principal:
    refusal = UnauthenticatedError("the API key is unknown, revoked or has expired")
    key_id, _, secret = token.removeprefix("wp_").partition("_")
    with platform.transaction() as session:
        row = session.get(ApiKeyRow, key_id)
    if row is None or not _usable(row, int(time.time())):
        raise refusal
    try:
        _HASHER.verify(row.secret_hash, secret)
    except (Argon2Error, InvalidHashError):
        raise refusal from None
    scopes = entitled(platform, row.address, map(Scope, row.scopes))
    return Principal(row.address, scopes, row.expires_at, key_id)


def _pending(session: Session, message: siwe.SignInMessage, now: int) -> NonceRow:
    row = session.get(NonceRow, message.nonce, with_for_update=True)
    if row is None or row.expires_at <= now or row.address != message.address:
        raise SignInError("the nonce is unknown or used up; ask for a new message")
    return row


def _usable(row: ApiKeyRow, now: int) -> bool:
    return row.revoked_at is None and row.expires_at > now


def _granted(platform: Platform, address: str, scopes: Sequence[Scope]) -> frozenset[Scope]:
    if not scopes:
        raise InvalidError("name at least one scope")
    granted = entitled(platform, address, scopes)
    missing = set(scopes) - granted
    if missing:
        raise RefusedError(
            f"{address} holds no credential for {', '.join(sorted(missing))} that stands now",
            code="scope_missing",
        )
    return granted
