"""What dispatch endpoints take and answer."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from market.dispatch import POWER_MAX_W, DispatchPlan, Edit
from wattproof.api.fields import Address, Hash, Signature, Uint32, Uint64
from wattproof.dispatch.difference import Difference
from wattproof.dispatch.history import Step
from wattproof.dispatch.models import DispatchRow
from wattproof.dispatch.record import Record, words

PlanPath = Annotated[int, Path(ge=1, le=2**63 - 1, description="Number of the plan.", examples=[1])]
_TEXT = r"^[^\x00-\x1f\x7f]*$"
Line = Annotated[str, Field(pattern=_TEXT, min_length=1, max_length=120, examples=["electricity"])]
Slot = Annotated[int, Field(strict=True, ge=0, le=255, description="From the plan's first.")]
Reason = Annotated[
    str,
    Field(
        pattern=_TEXT,
        min_length=1,
        max_length=500,
        examples=["a school bus charges at noon, which the forecast does not know"],
    ),
]
Version = Annotated[
    int,
    Field(
        strict=True,
        ge=0,
        le=2**53,
        description="The version you saw. If somebody changed the plan since, you get 409 and what "
        "was changed.",
        examples=[1],
    ),
]


class MeterOfLine(BaseModel):
    model_config = ConfigDict(extra="forbid")

    line: Line
    account: Address
    carrier: Annotated[int, Field(strict=True, ge=0, le=65_535)] = 0


class NewPlan(BaseModel):
    """Whose plan, for when, from what."""

    model_config = ConfigDict(extra="forbid")

    market: Uint32 = Field(examples=[1])
    period: Uint32 = Field(examples=[20_514])
    participant: Address
    round: Uint32 = Field(default=0, description="Its orders go into this round; 0: any.")
    meters: list[MeterOfLine] = Field(
        default=[],
        max_length=4_096,
        description="Meters of lines that are not the participant's own carriers.",
    )
    inputs: dict[str, Any] = Field(
        description="As the market's planner reads them; docs/dispatch.md says how.",
        examples=[{"scenarios": 48, "seed": 1}],
    )


class Renewal(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Version
    inputs: dict[str, Any]


class EditIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    line: Line
    slot: Slot
    value_w: Annotated[int, Field(strict=True, ge=-POWER_MAX_W, le=POWER_MAX_W)] = Field(
        description="Mean power in W, consumption positive.", examples=[7_400]
    )

    def edit(self) -> Edit:
        return Edit(self.line, self.slot, self.value_w)


class PlaceIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    line: Line
    slot: Slot


class Edits(BaseModel):
    """Values to fix, and fixed ones to leave to the optimiser again."""

    model_config = ConfigDict(extra="forbid")

    version: Version
    fix: list[EditIn] = Field(default=[], max_length=4_096)
    clear: list[PlaceIn] = Field(default=[], max_length=4_096)
    reason: str = Field(default="", pattern=_TEXT, max_length=500)


class Versioned(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Version


class Refusal(Versioned):
    reason: Reason


class ApprovalIn(Versioned):
    """The signed message of `GET .../approval`, with its own reason and time."""

    reason: Reason
    approved_at: Uint64 = Field(examples=[1_772_409_600])
    signature: Signature


class OrdersIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    order_hashes: list[Hash] = Field(min_length=1, max_length=4_096)


class Observation(Versioned):
    observed: dict[str, Any] = Field(
        default={}, description="What was seen beside the meters, as the market's planner reads it."
    )


class IndicatorOut(BaseModel):
    value: int
    unit: str
    better: str


class EditOut(BaseModel):
    line: str
    slot: int
    value_w: int


class PlanSummary(BaseModel):
    """A plan in a list."""

    id: int
    market: int
    period: int
    participant: str
    round: int
    state: str
    version: int
    inputs_at: datetime


class PlanOut(PlanSummary):
    """A plan as its last step left it."""

    plan: str = Field(description="What an approval names: the Keccak-256 of `document`.")
    document: str = Field(description="The plan and what it is bound to, as canonical JSON.")
    inputs: str = Field(description="Keccak-256 of the inputs' text.")
    unedited: str = Field(description="The plan of the same inputs without edits.")
    proposal: str = Field(description="What the optimiser proposed first.")
    first_slot: int
    slot_seconds: int
    lines: dict[str, list[int]] = Field(description="Mean power, W, consumption positive.")
    indicators: dict[str, IndicatorOut]
    edits: list[EditOut]
    meters: list[MeterOfLine]
    approval: dict[str, Any] | None = Field(description="The last one, also after its end.")
    revocation: dict[str, Any] | None = Field(description="Why it stands no longer.")
    orders: list[str] = Field(description="Hashes of the orders made from it.")


class ApprovalTemplate(BaseModel):
    """What a dispatcher signs."""

    version: int
    reason: str
    approved_at: int
    typed_data: dict[str, Any]


class IndicatorChangeOut(BaseModel):
    name: str
    unit: str
    before: int
    after: int
    change: int
    better: bool | None = Field(description="Whether for the better; null: no change.")


class SlotChangeOut(BaseModel):
    line: str
    slot: int
    before_w: int
    after_w: int


class DifferenceOut(BaseModel):
    """What the plan in force has that another one had not."""

    before: str
    after: str
    indicators: list[IndicatorChangeOut]
    slots: list[SlotChangeOut]


class StepOut(BaseModel):
    """A step; each hash covers the one before."""

    sequence: int
    action: str
    actor: str
    at: datetime
    summary: str
    payload: dict[str, Any]
    previous: str
    hash: str


class StepsOut(BaseModel):
    items: list[StepOut]


class DocumentOut(BaseModel):
    hash: str
    content: str = Field(description="The text whose Keccak-256 is the hash.")


def summary_out(row: DispatchRow) -> PlanSummary:
    """A plan in a list."""
    assert row.id is not None
    return PlanSummary(
        id=row.id,
        market=row.market,
        period=row.period,
        participant=row.participant,
        round=row.round,
        state=row.state,
        version=row.version,
        inputs_at=datetime.fromtimestamp(row.inputs_at, UTC),
    )


def plan_out(record: Record, text: str) -> PlanOut:
    """A plan as answered; ``text`` is the document of the plan in force."""
    standing = record.standing
    plan = DispatchPlan.from_document(text)
    return PlanOut(
        **summary_out(record.row).model_dump(),
        plan=standing.plan,
        document=text,
        inputs=standing.inputs,
        unedited=standing.unedited,
        proposal=standing.proposal,
        first_slot=plan.first_slot,
        slot_seconds=plan.slot_seconds,
        lines={name: list(values) for name, values in plan.lines.items()},
        indicators={
            name: IndicatorOut(value=each.value, unit=each.unit, better=each.better)
            for name, each in plan.indicators.items()
        },
        edits=[
            EditOut(line=each.line, slot=each.slot, value_w=each.value_w) for each in standing.edits
        ],
        meters=[
            MeterOfLine(line=line, account=account, carrier=carrier)
            for line, (account, carrier) in sorted(standing.meters.items())
        ],
        approval=None if standing.approval is None else dict(standing.approval),
        revocation=None if standing.revocation is None else dict(standing.revocation),
        orders=list(standing.orders),
    )


def difference_out(before: str, after: str, found: Difference) -> DifferenceOut:
    """A difference as answered."""
    return DifferenceOut(
        before=before,
        after=after,
        indicators=[
            IndicatorChangeOut(
                name=each.name,
                unit=each.after.unit,
                before=each.before.value,
                after=each.after.value,
                change=each.change,
                better=each.better,
            )
            for each in found.indicators
        ],
        slots=[
            SlotChangeOut(
                line=each.line, slot=each.slot, before_w=each.before_w, after_w=each.after_w
            )
            for each in found.slots
        ],
    )


def step_out(step: Step) -> StepOut:
    """A step as answered."""
    return StepOut(
        sequence=step.sequence,
        action=step.action,
        actor=step.actor,
        at=datetime.fromtimestamp(step.at, UTC),
        summary=words(step),
        payload=json.loads(step.payload),
        previous=step.previous,
        hash=step.hash(),
    )
