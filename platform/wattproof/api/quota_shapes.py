"""Quotas as requests and answers carry them; times are Unix seconds, UTC."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from wattproof.api.certificate_requests import Amounts, Technology
from wattproof.api.fields import Address, Integer, Uint32
from wattproof.quotas import service
from wattproof.quotas.models import ObligationRow, ReportRow
from wattproof.quotas.service import Basis, Quota, QuotaTerms, Standing
from wattproof.quotas.suggestion import Suggestion

Millionths = Annotated[int, Field(strict=True, ge=0, le=service.MILLION, examples=[200_000])]
Micro = Annotated[int, Field(strict=True, ge=1, le=2**63 - 1, examples=[25_000_000])]
BasisName = Literal["generation", "consumption"]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewQuota(_Body):
    """A compliance period: what it asks, of whose meters, and what it costs not to."""

    market: Uint32 = Field(examples=[1], description="The electricity market whose meters count.")
    carrier: int = Field(strict=True, ge=0, lt=2**16, examples=[0])
    first_period: Uint32 = Field(description="At least 7 days ahead.")
    periods: int = Field(strict=True, ge=1, le=400, examples=[30])
    penalty_nano_per_kwh: int = Field(
        strict=True, ge=0, le=2**62, examples=[120_000_000], description="For what lacks."
    )
    bank_limit: Millionths = Field(
        description="Millionths of an obligation that older certificates may meet."
    )
    bank_s: Uint32 = Field(description="How much older they may be, seconds.", examples=[2_592_000])
    surrender_by: int = Field(
        strict=True,
        ge=1,
        lt=2**40,
        description="The last second for surrendering: at least 7 days after the last period.",
    )
    technologies: list[Technology] = Field(min_length=1, max_length=255)
    beneficiary: Address = Field(description="Who receives penalties.")

    def terms(self) -> QuotaTerms:
        return QuotaTerms(
            market=self.market,
            carrier=self.carrier,
            first_period=self.first_period,
            periods=self.periods,
            penalty_nano_per_kwh=self.penalty_nano_per_kwh,
            bank_limit=self.bank_limit,
            bank_s=self.bank_s,
            surrender_by=self.surrender_by,
            technologies=frozenset(self.technologies),
            beneficiary=self.beneficiary,
        )


class NewObligation(_Body):
    account: Address
    basis: BasisName
    ratio: Millionths = Field(description="Millionths of the metered energy; 0: nothing.")

    @property
    def on(self) -> Basis:
        return Basis[self.basis.upper()]


class Bond(_Body):
    amount_micro: Micro
    account: Address | None = Field(default=None, description="Yourself if left out.")


class Surrender(_Body):
    certificates: Amounts | None = Field(
        default=None, description="Left out: what `/quotas/{quota}/suggestion` suggests."
    )


class Period(_Body):
    period: Uint32


# -- answers ---------------------------------------------------------------------------------------


class QuotaOut(BaseModel):
    """A quota; its compliance period is from `starts_at` until `ends_at`."""

    quota: int
    market: int
    carrier: int
    first_period: int
    periods: int
    starts_at: Integer
    ends_at: Integer
    surrender_by: Integer
    penalty_nano_per_kwh: Integer
    bank_limit: int
    bank_s: int
    technologies: list[int]
    beneficiary: str
    asset: str


class QuotasOut(BaseModel):
    items: list[QuotaOut]


class ComplianceOut(BaseModel):
    """How an account stands to a quota: for everybody to read."""

    quota: int
    account: str
    device: str
    basis: BasisName
    ratio: int
    standing: Standing = Field(
        description="pending: nothing owed yet. covered, short: of what was reported so far. "
        "compliant, in_default: settled."
    )
    reported_periods: int
    energy_wh: Integer = Field(description="Metered, of the reported periods.")
    owed_wh: Integer
    surrendered_wh: Integer
    banked_wh: Integer = Field(description="Of it from before the compliance period.")
    left_wh: Integer = Field(description="Lacks so far; once settled, the shortfall.")
    bank_left_wh: Integer = Field(description="Of it what older certificates may still meet.")
    settled: bool
    bond_micro: Integer
    penalty_paid_micro: Integer


class ReportOut(BaseModel):
    period: int
    energy_wh: Integer


class ComplianceDetail(ComplianceOut):
    reports: list[ReportOut]


class ObligationsOut(BaseModel):
    items: list[ComplianceOut]


class SurrenderedOut(BaseModel):
    batch: str
    amount_wh: Integer
    banked: bool
    transaction: str


class ChosenOut(BaseModel):
    batch: str
    amount_wh: int
    banked: bool
    expires_at: Integer


class SuggestionOut(BaseModel):
    """What to surrender: the oldest first, banked ones up to the terms' limit."""

    certificates: list[ChosenOut]
    amount_wh: Integer
    lacking_wh: Integer = Field(description="Would still lack of what was reported so far.")


# -- between ---------------------------------------------------------------------------------------


def quota_out(quota: Quota) -> QuotaOut:
    terms = quota.terms
    return QuotaOut(
        quota=quota.quota,
        market=terms.market,
        carrier=terms.carrier,
        first_period=terms.first_period,
        periods=terms.periods,
        starts_at=quota.starts_at,
        ends_at=quota.ends_at,
        surrender_by=terms.surrender_by,
        penalty_nano_per_kwh=terms.penalty_nano_per_kwh,
        bank_limit=terms.bank_limit,
        bank_s=terms.bank_s,
        technologies=sorted(terms.technologies),
        beneficiary=terms.beneficiary,
        asset=quota.asset,
    )


def compliance_out(quota: Quota, row: ObligationRow) -> ComplianceOut:
    basis: BasisName = "generation" if row.basis == Basis.GENERATION else "consumption"
    return ComplianceOut(
        quota=row.quota,
        account=row.account,
        device=row.device,
        basis=basis,
        ratio=row.ratio,
        standing=service.standing(row),
        reported_periods=row.reported_periods,
        energy_wh=row.energy_wh,
        owed_wh=row.owed_wh,
        surrendered_wh=row.surrendered_wh,
        banked_wh=row.banked_wh,
        left_wh=service.left_wh(row),
        bank_left_wh=service.bank_left_wh(quota, row),
        settled=row.settled,
        bond_micro=row.bond_micro,
        penalty_paid_micro=row.penalty_paid_micro,
    )


def report_out(row: ReportRow) -> ReportOut:
    return ReportOut(period=row.period, energy_wh=row.energy_wh)


def surrendered_out(given: service.Surrendered) -> SurrenderedOut:
    return SurrenderedOut(
        batch=str(given.batch),
        amount_wh=given.amount_wh,
        banked=given.banked,
        transaction=given.transaction,
    )


def suggestion_out(suggestion: Suggestion) -> SuggestionOut:
    return SuggestionOut(
        certificates=[
            ChosenOut(
                batch=str(each.batch),
                amount_wh=each.amount_wh,
                banked=each.banked,
                expires_at=each.expires_at,
            )
            for each in suggestion.chosen
        ],
        amount_wh=suggestion.amount_wh,
        lacking_wh=suggestion.lacking_wh,
    )
