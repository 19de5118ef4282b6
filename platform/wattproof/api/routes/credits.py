"""Energy credits: series and their windows, joining, holding, selling, redeeming, spending."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from wattproof.accounts.service import UnsignedTransaction
from wattproof.api.access import Anyone, Participant, PlatformDep
from wattproof.api.baseline_preview import BaselinePreview
from wattproof.api.baseline_rule import BaselineValues
from wattproof.api.credit_shapes import (
    BaselineOut,
    HoldingOut,
    HoldingsOut,
    Joining,
    MoneyAmount,
    NewSeries,
    NewWindow,
    PartOut,
    Place,
    PlaceAmount,
    Redemption,
    SeriesList,
    SeriesOut,
    Spending,
    WindowDetail,
    WindowsOut,
    series_out,
    window_out,
)
from wattproof.api.fields import Address
from wattproof.api.problems import responses
from wattproof.api.transactions import TransactionsToSign, to_sign
from wattproof.auth.scopes import Principal
from wattproof.claims import service as claims
from wattproof.claims.service import Subject
from wattproof.credits import service, transactions
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


# -- reading ---------------------------------------------------------------------------------------


@router.get("/series", responses=responses(401, 403, 503))
def list_series(principal: Anyone, platform: PlatformDep) -> SeriesList:
    """Every series of credits: who backs it, until when, and with how much."""
    with platform.transaction() as session:
        return SeriesList(
            items=[series_out(each) for each in service.all_series(platform, session)]
        )


@router.get("/series/{series}", responses=responses(401, 403, 404, 422, 503))
def get_series(series: SeriesPath, principal: Anyone, platform: PlatformDep) -> SeriesOut:
    """One series."""
    return series_out(service.get_series(platform, _number(series)))


@router.get("/series/{series}/windows", responses=responses(401, 403, 404, 422, 503))
def list_windows(series: SeriesPath, principal: Anyone, platform: PlatformDep) -> WindowsOut:
    """The windows in which reductions are credited."""
    found = service.get_series(platform, _number(series))
    with platform.transaction() as session:
        return WindowsOut(
            items=[window_out(each) for each in service.windows(platform, session, found.series)]
        )


@router.get("/windows/{window}", responses=responses(401, 403, 404, 422, 503))
def get_window(window: WindowPath, principal: Anyone, platform: PlatformDep) -> WindowDetail:
    """A window and who joined it."""
    found = service.get_window(platform, window)
    with platform.transaction() as session:
        parts = service.parts(session, window)
    return WindowDetail(
        **window_out(found).model_dump(),
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
    return _checked(platform, principal, transactions.open_series(platform, body.expiry, terms))


@router.post("/series/{series}/fund", responses=responses(401, 403, 404, 422, 503))
def fund(
    series: SeriesPath, body: MoneyAmount, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """Transactions that put money from your wallet into a series' escrow."""
    found = service.get_series(platform, _number(series))
    return to_sign(
        platform, principal.address, transactions.fund(platform, found, body.amount_micro)
    )


@router.post("/series/{series}/defund", responses=responses(401, 403, 404, 409, 422, 503))
def defund(
    series: SeriesPath, body: MoneyAmount, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that takes back what neither credits nor windows bind."""
    found = service.get_series(platform, _number(series))
    return _checked(
        platform,
        principal,
        transactions.defund(platform, found, body.amount_micro, principal.address),
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
        transactions.announce(
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
        platform,
        principal,
        transactions.publish_baseline(platform, window, account, body.values_wh),
    )


@router.post("/windows/{window}/close", responses=responses(401, 403, 404, 409, 422, 503))
def close_window(
    window: WindowPath, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that gives back the budget nobody joined, once the window has begun."""
    service.get_window(platform, window)
    return _checked(platform, principal, transactions.close_window(platform, window))


# -- what an account signs -------------------------------------------------------------------------


@router.post("/windows/{window}/join", responses=responses(401, 403, 404, 409, 422, 503))
def join(
    window: WindowPath, body: Joining, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that takes part in a window: what your meter shows less is credited."""
    service.get_window(platform, window)
    return _checked(
        platform, principal, transactions.join(platform, window, body.cap_wh, body.since)
    )


@router.post("/series/{series}/redeem", responses=responses(401, 403, 404, 409, 422, 503))
def redeem(
    series: SeriesPath, body: Redemption, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that turns credits into money of the escrow."""
    found = service.get_series(platform, _number(series))
    to = body.to or principal.address
    return _checked(
        platform, principal, transactions.redeem(platform, found.series, body.amount_wh, to)
    )


@router.post("/series/{series}/spend", responses=responses(401, 403, 404, 409, 422, 503))
def spend(
    series: SeriesPath, body: Spending, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that turns credits into margin with which you buy energy."""
    found = service.get_series(platform, _number(series))
    return _checked(
        platform, principal, transactions.spend(platform, found.series, body.amount_wh, body.market)
    )


@router.post("/offers", responses=responses(401, 403, 409, 422, 503))
def offer(body: PlaceAmount, principal: Participant, platform: PlatformDep) -> TransactionsToSign:
    """A transaction that offers credits for sale; they must be offered before a round's gate."""
    return _checked(
        platform, principal, transactions.offer(platform, body.market, body.slot, body.amount_wh)
    )


@router.post("/offers/recall", responses=responses(401, 403, 409, 422, 503))
def recall(body: PlaceAmount, principal: Participant, platform: PlatformDep) -> TransactionsToSign:
    """A transaction that announces that offered credits come back."""
    return _checked(
        platform, principal, transactions.recall(platform, body.market, body.slot, body.amount_wh)
    )


@router.post("/offers/recall/complete", responses=responses(401, 403, 409, 422, 503))
def complete_recall(
    body: Place, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that takes recalled credits back."""
    return _checked(
        platform, principal, transactions.complete_recall(platform, body.market, body.slot)
    )


def _checked(
    platform: Platform, principal: Principal, transaction: UnsignedTransaction
) -> TransactionsToSign:
    return to_sign(platform, principal.address, [transaction], tried=True)


def _number(series: str) -> int:
    number = int(series)
    if number >= 1 << 200:
        raise InvalidError("a series is below 2^200: issuer << 40 | expiry")
    return number
