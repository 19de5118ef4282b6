"""Energy credits as requests and answers carry them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from wattproof.api.baseline_rule import BaselineRuleBody
from wattproof.api.fields import Address, Uint32
from wattproof.credits import service

Wh = Annotated[int, Field(strict=True, ge=1, le=2**63 - 1, examples=[12_000])]
Micro = Annotated[int, Field(strict=True, ge=1, le=2**63 - 1, examples=[25_000_000])]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewSeries(_Body):
    expiry: int = Field(strict=True, ge=1, lt=2**40, description="Unix seconds, UTC.")
    market: Uint32 = Field(examples=[1], description="Where the meters are registered.")
    carrier: int = Field(strict=True, ge=0, lt=2**16)
    redemption_nano_per_kwh: int = Field(strict=True, ge=1, lt=2**63, examples=[150_000_000])
    rule: BaselineRuleBody


class MoneyAmount(_Body):
    amount_micro: Micro


class NewWindow(_Body):
    period: Uint32
    first_slot: int = Field(strict=True, ge=0, le=255, description="Counted in the period.")
    slots: int = Field(strict=True, ge=1, le=256)
    budget_wh: Wh


class Joining(_Body):
    cap_wh: Wh
    since: Uint32 = Field(
        description="The first period that may count as one of your baseline days."
    )


class CreditAmount(_Body):
    amount_wh: Wh


class Redemption(CreditAmount):
    to: Address | None = Field(default=None, description="Your own address if left out.")


class Spending(CreditAmount):
    market: Uint32 = Field(examples=[1])


class Place(_Body):
    market: Uint32 = Field(examples=[2], description="A market that trades these credits.")
    slot: Uint32 = Field(description="The series' slot there: expiry / slot length - 1.")


class PlaceAmount(Place):
    amount_wh: Wh


class SeriesOut(BaseModel):
    """A series as it stands on the chain."""

    series: str
    issuer: str
    expiry: int
    market: int
    carrier: int
    redemption_nano_per_kwh: int
    rule: BaselineRuleBody
    escrow_micro: int
    owed_micro: int = Field(description="What credits and open windows bind of the escrow.")
    open_budget_wh: int
    issued_wh: int
    spent_wh: int = Field(description="Redeemed or spent.")


class SeriesList(BaseModel):
    items: list[SeriesOut]


class PartOut(BaseModel):
    account: str
    cap_wh: int
    since: int
    issued_wh: int | None = Field(description="Null until the reading was final and claimed.")


class WindowOut(BaseModel):
    window: int
    series: str
    period: int
    first_slot: int
    slots: int
    budget_wh: int
    joined_wh: int
    claim_by: int


class WindowDetail(WindowOut):
    parts: list[PartOut]


class WindowsOut(BaseModel):
    items: list[WindowOut]


class BaselineOut(BaseModel):
    values_wh: list[int | None]


class HoldingOut(BaseModel):
    series: str
    held_wh: int
    offered_wh: dict[int, int] = Field(description="By market.")


class HoldingsOut(BaseModel):
    items: list[HoldingOut]


def series_out(series: service.Series) -> SeriesOut:
    terms = series.terms
    return SeriesOut(
        series=str(series.series),
        issuer=series.issuer,
        expiry=series.expiry,
        market=terms.market,
        carrier=terms.carrier,
        redemption_nano_per_kwh=terms.redemption_nano_per_kwh,
        rule=BaselineRuleBody.of(terms.rule),
        escrow_micro=series.escrow_micro,
        owed_micro=series.owed_micro,
        open_budget_wh=series.open_budget_wh,
        issued_wh=series.issued_wh,
        spent_wh=series.spent_wh,
    )


def window_out(window: service.Window) -> WindowOut:
    return WindowOut(
        window=window.window,
        series=str(window.series),
        period=window.period,
        first_slot=window.first_slot,
        slots=window.slots,
        budget_wh=window.budget_wh,
        joined_wh=window.joined_wh,
        claim_by=window.claim_by,
    )
