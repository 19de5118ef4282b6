"""Tables of markets, rounds, prices and chunks of a settlement."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Text
from sqlmodel import Field, SQLModel

from wattproof.store.types import BigInt, DecimalText


class MarketRow(SQLModel, table=True):
    """A market as created on-chain; ``params``: its parameters by their names there."""

    __tablename__ = "market"

    market: int = Field(primary_key=True, sa_type=BigInt)
    name: str = Field(default="", max_length=80)
    operator: str = Field(max_length=42)
    balancing: str = Field(max_length=42)
    asset: str = Field(max_length=42)
    params: dict[str, Any] = Field(sa_type=JSON)


class RoundRow(SQLModel, table=True):
    """A round.

    Attributes:
        state: announced, open, gate_closed, cleared, submitted, confirmed, delivered, closed; or
            void. ``confirmed`` and ``void`` are written by the indexer alone.
        error: what keeps the round from going on, or why it is void.
    """

    __tablename__ = "round"

    market: int = Field(primary_key=True, sa_type=BigInt, foreign_key="market.market")
    number: int = Field(primary_key=True, sa_type=BigInt)
    state: str = Field(index=True, max_length=12)
    gate_at: int = Field(sa_type=BigInt)
    first_slot: int = Field(sa_type=BigInt)
    slots: int
    period: int = Field(sa_type=BigInt, index=True)
    book_root: str | None = Field(default=None, max_length=66)
    book_count: int | None = Field(default=None)
    coupled: bool | None = Field(default=None)
    gap_micro: int | None = Field(default=None, sa_type=DecimalText)
    welfare_micro: int | None = Field(default=None, sa_type=DecimalText)
    dust_micro: int | None = Field(default=None, sa_type=DecimalText)
    positions_root: str | None = Field(default=None, max_length=66)
    positions_count: int | None = Field(default=None)
    prices_hash: str | None = Field(default=None, max_length=66)
    chain_status: str = Field(default="None", max_length=12)
    chunks: int | None = Field(default=None)
    error: str | None = Field(default=None, sa_type=Text)


class PriceRow(SQLModel, table=True):
    """The price of a product in a round; ``indicative`` when nobody traded it."""

    __tablename__ = "price"

    market: int = Field(primary_key=True, sa_type=BigInt)
    round: int = Field(primary_key=True, sa_type=BigInt)
    product_index: int = Field(primary_key=True)
    product: int = Field(sa_type=DecimalText)
    price_nano_per_kwh: int = Field(sa_type=BigInt)
    indicative: bool


class TraderFactsRow(SQLModel, table=True):
    """What the chain said about a trader at a round's gate; maxima are computed from it.

    ``session``: its delegate's, where one signed for it in the round (None: nobody, or nobody did).
    """

    __tablename__ = "trader_facts"

    market: int = Field(primary_key=True, sa_type=BigInt)
    round: int = Field(primary_key=True, sa_type=BigInt)
    trader: str = Field(primary_key=True, max_length=42)
    margin_micro: int = Field(sa_type=BigInt)
    epoch: int = Field(sa_type=BigInt)
    eligible: bool
    capacity_wh: int | None = Field(default=None, sa_type=DecimalText)
    session: dict[str, Any] | None = Field(default=None, sa_type=JSON(none_as_null=True))


class ChunkRow(SQLModel, table=True):
    """One chunk of a settlement that did not fit one transaction."""

    __tablename__ = "settlement_chunk"

    market: int = Field(primary_key=True, sa_type=BigInt)
    round: int = Field(primary_key=True, sa_type=BigInt)
    chunk: int = Field(primary_key=True)
    orders: str = Field(sa_type=Text)
    effects: str = Field(sa_type=Text)
    state: str | None = Field(default=None, sa_type=Text)
    applied: bool = Field(default=False)
