"""Tables of signed changes that the operator relays, and of what it pays for."""

from __future__ import annotations

from sqlmodel import Field, SQLModel

from wattproof.store.types import BigInt


class RelayedChangeRow(SQLModel, table=True):
    """A signed change that was handed in; the outbox row carries it out.

    Attributes:
        digest: EIP-712 digest, what the controller signed; names the change for good.
        controller, nonce: whose signature, and its number; one change uses it.
        caller: who handed it in.
    """

    __tablename__ = "relayed_change"

    digest: str = Field(primary_key=True, max_length=66)
    identity: str = Field(index=True, max_length=42)
    controller: str = Field(max_length=42)
    nonce: int = Field(sa_type=BigInt)
    deadline: int = Field(sa_type=BigInt)
    function: str = Field(max_length=40)
    caller: str = Field(max_length=42)
    outbox_id: int = Field(foreign_key="outbox.id", sa_type=BigInt)
    created_at: int = Field(sa_type=BigInt)


class RelayAllowanceRow(SQLModel, table=True):
    """How many changes were relayed on a day for a caller, or for all (an empty name)."""

    __tablename__ = "relay_allowance"

    caller: str = Field(primary_key=True, max_length=42)
    day: int = Field(primary_key=True, sa_type=BigInt)
    used: int = Field(default=0)
