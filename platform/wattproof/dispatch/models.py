"""Tables of the dispatch centre: plans, the steps they took, what they rest on, what came of them.

`DispatchStepRow` is the record; `DispatchRow` is where its steps have led, kept for lookups.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from wattproof.store.types import BigInt


class DispatchRow(SQLModel, table=True):
    """A participant's plan for a period, as its last step left it.

    Attributes:
        round: the round whose orders are made from it; 0: none in particular.
        state: see `wattproof.dispatch.lifecycle.State`.
        version: number of steps taken; whoever changes the plan names the one it has seen.
        head: hash of the last step.
        inputs, plan: hashes of the documents now in force (`DispatchDocumentRow`).
        proposal: hash of the plan that the optimiser made of the first inputs, without edits.
        unedited: the same of the inputs now in force: what edits are compared with.
        inputs_at: when the inputs came, seconds UTC.
        edits: ``[[line, slot, value_w], ...]`` sorted.
        meters: line -> ``[account, carrier]`` of its meter.
    """

    __tablename__ = "dispatch_plan"
    __table_args__ = (UniqueConstraint("market", "period", "participant", "round"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInt)
    market: int = Field(sa_type=BigInt)
    period: int = Field(sa_type=BigInt)
    participant: str = Field(index=True, max_length=42)
    round: int = Field(default=0, sa_type=BigInt)
    state: str = Field(index=True, max_length=12)
    version: int = Field(default=0, sa_type=BigInt)
    head: str = Field(max_length=66)
    inputs: str = Field(max_length=66)
    inputs_at: int = Field(sa_type=BigInt)
    plan: str = Field(max_length=66)
    unedited: str = Field(max_length=66)
    proposal: str = Field(max_length=66)
    edits: list[Any] = Field(sa_type=JSON)
    meters: dict[str, Any] = Field(sa_type=JSON)


class DispatchStepRow(SQLModel, table=True):
    """One step, never changed: each holds the hash of the one before.

    Attributes:
        sequence: from 1, without gaps.
        actor: whose session took the step; the zero address: the platform's own rules.
        payload: canonical JSON of what the step says.
        hash: keccak-256 of the canonical JSON of all the other columns.
    """

    __tablename__ = "dispatch_step"

    dispatch: int = Field(primary_key=True, sa_type=BigInt, foreign_key="dispatch_plan.id")
    sequence: int = Field(primary_key=True, sa_type=BigInt)
    action: str = Field(max_length=16)
    actor: str = Field(max_length=42)
    at: int = Field(sa_type=BigInt)
    payload: str = Field(sa_type=Text)
    previous: str = Field(max_length=66)
    hash: str = Field(unique=True, max_length=66)


class DispatchDocumentRow(SQLModel, table=True):
    """A text that steps refer to by its hash: inputs, or a plan with what it is bound to."""

    __tablename__ = "dispatch_document"

    hash: str = Field(primary_key=True, max_length=66)
    kind: str = Field(max_length=8)
    content: str = Field(sa_type=Text)


class DispatchOrderRow(SQLModel, table=True):
    """An order (by hash) that was made from a plan; ``sequence`` is the step that says so."""

    __tablename__ = "dispatch_order"

    digest: str = Field(primary_key=True, max_length=66)
    dispatch: int = Field(index=True, sa_type=BigInt, foreign_key="dispatch_plan.id")
    sequence: int = Field(sa_type=BigInt)
