"""How a reduction is measured, as requests and answers carry it."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field


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

    def on_chain(self) -> dict[str, int]:
        """The struct of the contracts."""
        return {
            "kind": self.kind,
            "dayMask": self.day_mask,
            "adjustLead": self.adjust_lead,
            "adjustSlots": self.adjust_slots,
            "adjustCapBp": self.adjust_cap_bp,
        }

    @classmethod
    def of(cls, rule: Mapping[str, int]) -> BaselineRuleBody:
        """From the struct of the contracts."""
        return cls(
            kind=rule["kind"],
            day_mask=rule["dayMask"],
            adjust_lead=rule["adjustLead"],
            adjust_slots=rule["adjustSlots"],
            adjust_cap_bp=rule["adjustCapBp"],
        )
