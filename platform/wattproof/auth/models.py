"""Tables of sign-in nonces, sessions, refresh tokens and API keys.

No secret is stored, only its hash.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from wattproof.store.types import BigInt


class NonceRow(SQLModel, table=True):
    """A sign-in that was asked for and not yet answered; deleted when it is used."""

    __tablename__ = "auth_nonce"

    nonce: str = Field(primary_key=True, max_length=64)
    address: str = Field(index=True, max_length=42)
    expires_at: int = Field(sa_type=BigInt, index=True)


class SessionRow(SQLModel, table=True):
    """A signed-in wallet; ``token_hash`` is SHA-256 of the bearer token (256 random bits).

    ``family`` is None for a session that can neither be renewed nor make API keys.
    """

    __tablename__ = "auth_session"

    token_hash: str = Field(primary_key=True, max_length=64)
    family: str | None = Field(default=None, index=True, max_length=32)
    address: str = Field(index=True, max_length=42)
    scopes: list[Any] = Field(sa_type=JSON)
    created_at: int = Field(sa_type=BigInt)
    expires_at: int = Field(sa_type=BigInt, index=True)


class FamilyRow(SQLModel, table=True):
    """All that came of one sign-in, renewed from one refresh token to the next."""

    __tablename__ = "auth_family"

    id: str = Field(primary_key=True, max_length=32)
    address: str = Field(index=True, max_length=42)
    scopes: list[Any] = Field(sa_type=JSON)
    created_at: int = Field(sa_type=BigInt)
    ends_at: int = Field(sa_type=BigInt, index=True)


class RefreshRow(SQLModel, table=True):
    """One refresh token; it stays when it is used, so that a second use is noticed."""

    __tablename__ = "auth_refresh"

    token_hash: str = Field(primary_key=True, max_length=64)
    family: str = Field(index=True, max_length=32)
    expires_at: int = Field(sa_type=BigInt)
    used_at: int | None = Field(default=None, sa_type=BigInt)


class ApiKeyRow(SQLModel, table=True):
    """A machine's key of an account; ``secret_hash`` is argon2id."""

    __tablename__ = "auth_api_key"

    id: str = Field(primary_key=True, max_length=32)
    address: str = Field(index=True, max_length=42)
    name: str = Field(max_length=80)
    scopes: list[Any] = Field(sa_type=JSON)
    secret_hash: str = Field(max_length=200)
    created_at: int = Field(sa_type=BigInt)
    expires_at: int = Field(sa_type=BigInt)
    revoked_at: int | None = Field(default=None, sa_type=BigInt)
