"""Energy credits: series and their windows, joining, holding, selling, redeeming, spending."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from wattproof.accounts.service import UnsignedTransaction
from wattproof.api.access import Anyone, Participant, PlatformDep
from wattproof.api.baseline_preview import BaselinePreview
from wattproof.api.baseline_rule import BaselineRuleBody
from wattproof.api.fields import Address, Int32, Uint32
from wattproof.api.problems import responses
from wattproof.api.transactions import TransactionsToSign, to_sign
from wattproof.auth.scopes import Principal
from wattproof.claims import service as claims
from wattproof.claims.service import Subject
from wattproof.credits import service
from wattproof.errors import InvalidError, RefusedError
from wattproof.runtime import Platform

router = APIRouter(prefix="/credits", tags=["credits"])

_SERIES = {
    "pattern": r"^[1-9][0-9]{0,60}$",
    "examples": ["1361129467683753853853498429727072845824001234567890"],
}
SeriesPath = Annotated[str, Path(**_SERIES, description="issuer << 40 | expiry, in decimal.")]
WindowPath = Annotated[int, Path(ge=1, le=2**63 - 1, examples=[1])]
AddressPath = Annotated[Address, Path()]
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


class BaselineValues(_Body):
    values_wh: list[Int32] = Field(min_length=1, max_length=256)


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


# -- reading ---------------------------------------------------------------------------------------


@router.get("/series", responses=responses(401, 403, 503))
def list_series(principal: Anyone, platform: PlatformDep) -> SeriesList:
    """Every series of credits: who backs it, until when, and with how much."""
    with platform.transaction() as session:
        return SeriesList(
            items=[_series_out(each) for each in service.all_series(platform, session)]
        )


@router.get("/series/{series}", responses=responses(401, 403, 404, 422, 503))
def get_series(series: SeriesPath, principal: Anyone, platform: PlatformDep) -> SeriesOut:
    """One series."""
    return _series_out(service.get_series(platform, _number(series)))


@router.get("/series/{series}/windows", responses=responses(401, 403, 404, 422, 503))
def list_windows(series: SeriesPath, principal: Anyone, platform: PlatformDep) -> WindowsOut:
    """The windows in which reductions are credited."""
    found = service.get_series(platform, _number(series))
    with platform.transaction() as session:
        return WindowsOut(
            items=[_window_out(each) for each in service.windows(platform, session, found.series)]
        )


@router.get("/windows/{window}", responses=responses(401, 403, 404, 422, 503))
def get_window(window: WindowPath, principal: Anyone, platform: PlatformDep) -> WindowDetail:
    """A window and who joined it."""
    found = service.get_window(platform, window)
    with platform.transaction() as session:
        parts = service.parts(session, window)
    return WindowDetail(
        **_window_out(found).model_dump(),
        parts=[
            PartOut(
                account=part.account,
                cap_wh=part.cap_wh,
                since=part.since,
                issued_wh=part.issued_wh,
            )
            for part in parts
        ],
    )


@router.get("/windows/{window}/baselines/{account}", responses=responses(401, 403, 404, 422, 503))
def get_baseline(
    window: WindowPath, account: AddressPath, principal: Anyone, platform: PlatformDep
) -> BaselineOut:
    """The values of an account's published baseline (they are on the chain)."""
    service.get_window(platform, window)
    with platform.transaction() as session:
        return BaselineOut(values_wh=list(service.published(session, window, account)))


@router.get("/windows/{window}/preview", responses=responses(401, 403, 404, 409, 422, 503))
def preview(
    window: WindowPath,
    principal: Participant,
    platform: PlatformDep,
    since: Annotated[
        int, Query(ge=0, le=2**32 - 1, description="The first day that would count.")
    ] = 0,
) -> BaselinePreview:
    """What your baseline in a window would be, before you join; says what is missing if it is."""
    found = service.get_window(platform, window)
    terms = service.get_series(platform, found.series).terms
    subject = Subject(
        terms.market, principal.address, terms.carrier, found.period, since, terms.rule
    )
    with platform.transaction() as session:
        return BaselinePreview.of(claims.preview(platform, session, subject))


@router.get("/me", responses=responses(401, 403, 503))
def my_credits(principal: Participant, platform: PlatformDep) -> HoldingsOut:
    """Credits you hold, and those you have offered for sale."""
    with platform.transaction() as session:
        found = service.holdings(platform, session, principal.address)
    return HoldingsOut(
        items=[
            HoldingOut(
                series=str(each.series), held_wh=each.held_wh, offered_wh=dict(each.offered_wh)
            )
            for each in found
        ]
    )


# -- what an issuer signs --------------------------------------------------------------------------


@router.post("/series", responses=responses(401, 403, 409, 422, 503))
def open_series(
    body: NewSeries, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that opens your series (needs the role of a credit issuer)."""
    terms = service.Terms(body.market, body.carrier, body.redemption_nano_per_kwh, body.rule.rule())
    return _checked(platform, principal, service.open_series(platform, body.expiry, terms))


@router.post("/series/{series}/fund", responses=responses(401, 403, 404, 422, 503))
def fund(
    series: SeriesPath, body: MoneyAmount, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """Transactions that put money from your wallet into a series' escrow."""
    found = service.get_series(platform, _number(series))
    return to_sign(platform, principal.address, service.fund(platform, found, body.amount_micro))


@router.post("/series/{series}/defund", responses=responses(401, 403, 404, 409, 422, 503))
def defund(
    series: SeriesPath, body: MoneyAmount, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that takes back what neither credits nor windows bind."""
    found = service.get_series(platform, _number(series))
    return _checked(
        platform,
        principal,
        service.defund(platform, found, body.amount_micro, principal.address),
    )


@router.post("/series/{series}/windows", responses=responses(401, 403, 404, 409, 422, 503))
def announce(
    series: SeriesPath, body: NewWindow, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that announces a window of your series before it begins."""
    found = service.get_series(platform, _number(series))
    return _checked(
        platform,
        principal,
        service.announce(
            platform,
            found,
            period=body.period,
            first_slot=body.first_slot,
            slots=body.slots,
            budget_wh=body.budget_wh,
        ),
    )


@router.post(
    "/windows/{window}/baselines/{account}", responses=responses(401, 403, 404, 409, 422, 503)
)
def publish_baseline(
    window: WindowPath,
    account: AddressPath,
    body: BaselineValues,
    principal: Participant,
    platform: PlatformDep,
) -> TransactionsToSign:
    """A transaction that publishes an account's baseline before it joins; once.

    For series whose baselines are published, not computed from readings.
    """
    found = service.get_window(platform, window)
    if principal.address != service.get_series(platform, found.series).issuer:
        raise RefusedError("only the series' issuer publishes baselines", code="not_yours")
    return _checked(
        platform, principal, service.publish_baseline(platform, window, account, body.values_wh)
    )


@router.post("/windows/{window}/close", responses=responses(401, 403, 404, 409, 422, 503))
def close_window(
    window: WindowPath, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that gives back the budget nobody joined, once the window has begun."""
    service.get_window(platform, window)
    return _checked(platform, principal, service.close_window(platform, window))


# -- what an account signs -------------------------------------------------------------------------


@router.post("/windows/{window}/join", responses=responses(401, 403, 404, 409, 422, 503))
def join(
    window: WindowPath, body: Joining, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that takes part in a window: what your meter shows less is credited."""
    service.get_window(platform, window)
    return _checked(platform, principal, service.join(platform, window, body.cap_wh, body.since))


@router.post("/series/{series}/redeem", responses=responses(401, 403, 404, 409, 422, 503))
def redeem(
    series: SeriesPath, body: Redemption, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that turns credits into money of the escrow."""
    found = service.get_series(platform, _number(series))
    to = body.to or principal.address
    return _checked(platform, principal, service.redeem(platform, found.series, body.amount_wh, to))


@router.post("/series/{series}/spend", responses=responses(401, 403, 404, 409, 422, 503))
def spend(
    series: SeriesPath, body: Spending, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that turns credits into margin with which you buy energy."""
    found = service.get_series(platform, _number(series))
    return _checked(
        platform, principal, service.spend(platform, found.series, body.amount_wh, body.market)
    )


@router.post("/offers", responses=responses(401, 403, 409, 422, 503))
def offer(body: PlaceAmount, principal: Participant, platform: PlatformDep) -> TransactionsToSign:
    """A transaction that offers credits for sale; they must be offered before a round's gate."""
    return _checked(
        platform, principal, service.offer(platform, body.market, body.slot, body.amount_wh)
    )


@router.post("/offers/recall", responses=responses(401, 403, 409, 422, 503))
def recall(body: PlaceAmount, principal: Participant, platform: PlatformDep) -> TransactionsToSign:
    """A transaction that announces that offered credits come back."""
    return _checked(
        platform, principal, service.recall(platform, body.market, body.slot, body.amount_wh)
    )


@router.post("/offers/recall/complete", responses=responses(401, 403, 409, 422, 503))
def complete_recall(
    body: Place, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that takes recalled credits back."""
    return _checked(platform, principal, service.complete_recall(platform, body.market, body.slot))


def _checked(
    platform: Platform, principal: Principal, transaction: UnsignedTransaction
) -> TransactionsToSign:
    return to_sign(platform, principal.address, [transaction], tried=True)


def _number(series: str) -> int:
    number = int(series)
    if number >= 1 << 200:
        raise InvalidError("a series is below 2^200: issuer << 40 | expiry")
    return number


def _series_out(series: service.Series) -> SeriesOut:
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


def _window_out(window: service.Window) -> WindowOut:
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
