"""Tables of balances, written by the indexer from the chain's state."""

from __future__ import annotations

from sqlmodel import Field, SQLModel

from wattproof.store.types import BigInt


class FreeRow(SQLModel, table=True):
    """What an account may withdraw of an asset, micro-units."""

    __tablename__ = "balance_free"

    asset: str = Field(primary_key=True, max_length=42)
    account: str = Field(primary_key=True, max_length=42)
    free_micro: int = Field(sa_type=BigInt)


class MarginRow(SQLModel, table=True):
    """An account's storage word in a market, with its pending exit and its bond."""

    __tablename__ = "balance_market"

    market: int = Field(primary_key=True, sa_type=BigInt)
    account: str = Field(primary_key=True, max_length=42)
    margin_micro: int = Field(default=0, sa_type=BigInt)
    locked_micro: int = Field(default=0, sa_type=BigInt)
    epoch: int = Field(default=0, sa_type=BigInt)
    prev_epoch: int = Field(default=0, sa_type=BigInt)
    epoch_round: int = Field(default=0, sa_type=BigInt)
    exit_round: int = Field(default=0, sa_type=BigInt)
    exit_micro: int = Field(default=0, sa_type=BigInt)
    exit_requested_at: int = Field(default=0, sa_type=BigInt)
    capacity: int = Field(default=0, sa_type=BigInt)
    bond_micro: int = Field(default=0, sa_type=BigInt)


class AssetRow(SQLModel, table=True):
    """The ledger's totals of an asset, micro-units."""

    __tablename__ = "balance_asset"

    asset: str = Field(primary_key=True, max_length=42)
    total_deposited_micro: int = Field(default=0, sa_type=BigInt)
    dust_micro: int = Field(default=0, sa_type=BigInt)


class CredentialRow(SQLModel, table=True):
    """A role grant as the registry holds it; times are Unix seconds, 0: not revoked."""

    __tablename__ = "credential"

    subject: str = Field(primary_key=True, max_length=42)
    role: str = Field(primary_key=True, max_length=66)
    credential_hash: str = Field(max_length=66)
    issuer: str = Field(max_length=42)
    valid_from: int = Field(sa_type=BigInt)
    expires_at: int = Field(sa_type=BigInt)
    revoked_at: int = Field(default=0, sa_type=BigInt, index=True)
