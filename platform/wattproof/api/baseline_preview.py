"""A baseline before it counts, as answers carry it."""

from __future__ import annotations

from pydantic import BaseModel, Field

from wattproof.claims.service import Preview


class BaselinePreview(BaseModel):
    """What the next baseline rests on, as the chain stands now."""

    periods: list[int] = Field(description="The ten days, newest first (days since 1970, UTC).")
    left_out: dict[int, str] = Field(description="Later days that do not count, and why.")
    mean_wh: list[int] = Field(
        description="Mean of the ten days in every slot of the day, before the same-day adjustment."
    )

    @classmethod
    def of(cls, found: Preview) -> BaselinePreview:
        """From the service's answer."""
        return cls(
            periods=list(found.periods),
            left_out=dict(found.left_out),
            mean_wh=list(found.mean_wh),
        )
