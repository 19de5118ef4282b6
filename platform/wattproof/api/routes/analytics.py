"""Sums of readings for analysts, under differential privacy."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from wattproof.analytics import service
from wattproof.analytics.models import ReleaseRow
from wattproof.api.access import Analyst, PlatformDep, ReleaseReader
from wattproof.api.fields import Integer, Uint32
from wattproof.api.idempotency import Write
from wattproof.api.pagination import Cursor, Limit, Page, decode, page
from wattproof.api.problems import responses
from wattproof.meters.service import period_end
from wattproof.rounds.facts import get_market

router = APIRouter(prefix="/analytics", tags=["analytics"])

Market = Annotated[int, Query(ge=0, le=2**32 - 1, description="Number of the market.")]
Period = Annotated[int, Query(ge=0, le=2**32 - 1)]


class LoadQuestion(BaseModel):
    """Whose load, when, and what to pay for it."""

    model_config = ConfigDict(extra="forbid")

    market: Uint32 = Field(examples=[1])
    period: Uint32 = Field(description="First slot of the period divided by its slots.")
    carrier: int = Field(default=0, strict=True, ge=0, le=2**16 - 1)
    zone: int | None = Field(
        default=None,
        strict=True,
        ge=0,
        le=2**16 - 1,
        description="Only certified devices of this zone: of others no zone is known.",
    )
    slots_a_value: int = Field(
        default=1,
        strict=True,
        ge=1,
        le=256,
        description="How many slots a sum is over; the noise is the same, so more is more exact.",
        examples=[4],
    )
    clamp_w: int | None = Field(
        default=None,
        strict=True,
        ge=1,
        le=2**48 - 1,
        description="No device counts for more, in either direction. Less noise, and what is "
        "beyond is cut off. Null: each device's attested capacity.",
        examples=[3_000],
    )
    epsilon_milli: int = Field(
        default=100,
        strict=True,
        ge=1,
        le=100_000,
        description="What to spend of the budget, thousandths of epsilon; more of it, less noise.",
    )


class LoadRelease(BaseModel):
    """The answer to a question, the same for good; errors are those of the noise alone."""

    id: int
    market: int
    period: int
    carrier: int
    zone: int | None
    slots_a_value: int
    clamp_w: int | None
    epsilon_milli: int
    accounts: int = Field(description="That have such a device registered, read or not.")
    starts_at: datetime
    value_seconds: int = Field(description="How long a sum is over.")
    sums_wh: list[Integer] = Field(description="Of all accounts, import positive.")
    means_wh: list[float] = Field(description="The same, an account.")
    value_error_wh: Integer = Field(
        description="A sum is within this of the exact one with 95 %, each by itself."
    )
    profile_error_wh: Integer = Field(description="All sums at once are, with 95 %.")
    scale_wh: float = Field(description="Of the discrete Laplace noise.")
    made_at: datetime


class BudgetOut(BaseModel):
    """Thousandths of epsilon."""

    market: int
    period: int
    left_milli: int = Field(description="Of the period; an account's own may have less left.")
    period_milli: int
    account_milli: int = Field(description="For an account's readings of any window.")
    window_days: int
    accounts_min: int


@router.post("/releases", responses=responses(401, 403, 404, 409, 422, 503))
def ask(
    body: LoadQuestion, principal: Analyst, platform: PlatformDep, write: Write
) -> JSONResponse:
    """Ask for the load of all accounts over a period (analyst).

    The sums carry noise, so that nobody can tell what one account did in the period. A question
    that was asked before gets the answer of then and costs nothing. A refused one costs nothing
    either, and is refused for what everybody can know: too early, too few accounts, no budget.
    """

    def change(session: Session) -> LoadRelease:
        question = service.Question(**body.model_dump())
        release = service.ask(platform, session, question, analyst=principal.address)
        return _release(session, release)

    return write.once(change)


@router.get("/releases", responses=responses(401, 403, 422, 503))
def list_releases(
    principal: ReleaseReader,
    platform: PlatformDep,
    market: Market | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[LoadRelease]:
    """All that was ever released, oldest first (analyst, operator, regulator)."""
    key = decode(cursor, [int])
    with platform.transaction() as session:
        rows, following = page(
            service.releases(
                session, market=market, after=int(key[0]) if key else None, limit=limit + 1
            ),
            limit,
            lambda row: [row.id or 0],
        )
        return Page(items=[_release(session, row) for row in rows], next_cursor=following)


@router.get("/budget", responses=responses(401, 403, 404, 422, 503))
def left(
    principal: ReleaseReader, platform: PlatformDep, market: Market, period: Period
) -> BudgetOut:
    """What may still be spent on a period (analyst, operator, regulator)."""
    settings = platform.settings
    with platform.transaction() as session:
        remaining = service.left_milli(platform, session, market, period)
    return BudgetOut(
        market=market,
        period=period,
        left_milli=remaining,
        period_milli=settings.analytics_period_milli,
        account_milli=settings.analytics_account_milli,
        window_days=settings.analytics_window_days,
        accounts_min=settings.analytics_accounts_min,
    )


def _release(session: Session, row: ReleaseRow) -> LoadRelease:
    assert row.id is not None
    market = get_market(session, row.market)
    seconds = int(market.params["slotSeconds"]) * row.slots_a_value
    starts_at = period_end(market, row.period) - len(row.sums_wh) * seconds
    return LoadRelease(
        id=row.id,
        market=row.market,
        period=row.period,
        carrier=row.carrier,
        zone=None if row.zone == service.ALL_ZONES else row.zone,
        slots_a_value=row.slots_a_value,
        clamp_w=row.clamp_w or None,
        epsilon_milli=row.epsilon_milli,
        accounts=row.accounts,
        starts_at=datetime.fromtimestamp(starts_at, UTC),
        value_seconds=seconds,
        sums_wh=row.sums_wh,
        means_wh=[round(total / row.accounts, 1) for total in row.sums_wh],
        value_error_wh=row.value_error_wh,
        profile_error_wh=row.profile_error_wh,
        scale_wh=row.scale_wh,
        made_at=datetime.fromtimestamp(row.made_at, UTC),
    )
