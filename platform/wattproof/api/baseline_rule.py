"""How a reduction is measured, as requests and answers carry it."""

from __future__ import annotations

from dataclasses import asdict

from pydantic import BaseModel, ConfigDict, Field

from market.reference.baseline import BaselineRule
from wattproof.api.fields import Int32


class BaselineRuleBody(BaseModel):
    """How a reduction is measured (see the protocol, section 11)."""

    model_config = ConfigDict(extra="forbid")

    kind: int = Field(strict=True, ge=0, le=1, description="0 ten of ten, 1 published.")
    day_mask: int = Field(strict=True, ge=1, le=127, description="Weekdays; bit 0 is Monday, UTC.")
    adjust_lead: int = Field(
        strict=True, ge=0, le=256, description="Slots from the adjustment's begin to the window."
    )
    adjust_slots: int = Field(strict=True, ge=0, le=256)
    adjust_cap_bp: int = Field(strict=True, ge=0, le=5_000, description="2,000 is a fifth.")

    def rule(self) -> BaselineRule:
        """The rule of the protocol."""
        return BaselineRule(**self.model_dump())

    @classmethod
    def of(cls, rule: BaselineRule) -> BaselineRuleBody:
        """From the rule of the protocol."""
        return cls(**asdict(rule))


class BaselineValues(BaseModel):
    """A baseline that is published, Wh a slot of the period."""

    model_config = ConfigDict(extra="forbid")

    values_wh: list[Int32] = Field(min_length=1, max_length=256)
