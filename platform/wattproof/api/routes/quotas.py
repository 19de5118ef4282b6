"""Quotas of green certificates: terms, who complies, and what the obliged and others sign."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from sqlmodel import Session

from wattproof.api.access import Participant, PlatformDep, Public
from wattproof.api.certificate_requests import amounts_of
from wattproof.api.fields import Address
from wattproof.api.pagination import Cursor, Limit, Page, decode, page
from wattproof.api.problems import responses
from wattproof.api.quota_shapes import (
    Bond,
    ComplianceDetail,
    ComplianceOut,
    NewObligation,
    NewQuota,
    ObligationsOut,
    Period,
    QuotaOut,
    QuotasOut,
    SuggestionOut,
    Surrender,
    SurrenderedOut,
    compliance_out,
    quota_out,
    report_out,
    suggestion_out,
    surrendered_out,
)
from wattproof.api.transactions import (
    RoleTransactions,
    TransactionsToSign,
    role_to_sign,
    to_sign,
)
from wattproof.certificates import service as certificates
from wattproof.certificates.transactions import MOST_BATCHES, Amount
from wattproof.errors import RefusedError
from wattproof.quotas import service, transactions
from wattproof.quotas.models import ObligationRow
from wattproof.quotas.refusals import ADVICE
from wattproof.quotas.service import Quota
from wattproof.quotas.suggestion import Suggestion, suggest
from wattproof.runtime import Platform

router = APIRouter(prefix="/quotas", tags=["quotas"])

QuotaPath = Annotated[int, Path(ge=1, le=2**63 - 1, examples=[1])]
AddressPath = Annotated[Address, Path()]
_REFUSALS = responses(401, 403, 404, 409, 422, 503)


# -- what everybody may see ------------------------------------------------------------------------


@router.get("", dependencies=[Public], responses=responses(503))
def list_quotas(platform: PlatformDep) -> QuotasOut:
    """Every quota: whose meters count, by when, with what, and what it costs to lack it."""
    with platform.transaction() as session:
        return QuotasOut(items=[quota_out(each) for each in service.all_quotas(session)])


@router.get("/me", responses=responses(401, 403, 503))
def my_obligations(principal: Participant, platform: PlatformDep) -> ObligationsOut:
    """All that you are or were obliged to, newest quota first."""
    with platform.transaction() as session:
        return ObligationsOut(
            items=[
                compliance_out(service.get_quota(session, row.quota), row)
                for row in service.obligations_of(session, principal.address)
            ]
        )


@router.get("/{quota}", dependencies=[Public], responses=responses(404, 422, 503))
def get_quota(quota: QuotaPath, platform: PlatformDep) -> QuotaOut:
    """One quota."""
    with platform.transaction() as session:
        return quota_out(service.get_quota(session, quota))


@router.get("/{quota}/compliance", dependencies=[Public], responses=responses(404, 422, 503))
def list_compliance(
    quota: QuotaPath, platform: PlatformDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[ComplianceOut]:
    """Whom a quota obliges, and how each stands, by address."""
    key = decode(cursor, [str])
    with platform.transaction() as session:
        found = service.get_quota(session, quota)
        rows = service.obligations(
            session, quota, after=str(key[0]) if key else None, limit=limit + 1
        )
    shown, following = page(rows, limit, lambda row: [row.account])
    return Page(items=[compliance_out(found, row) for row in shown], next_cursor=following)


@router.get(
    "/{quota}/compliance/{account}", dependencies=[Public], responses=responses(404, 422, 503)
)
def get_compliance(
    quota: QuotaPath, account: AddressPath, platform: PlatformDep
) -> ComplianceDetail:
    """How an account stands, and its metered energy by period."""
    with platform.transaction() as session:
        row = service.get_obligation(session, quota, account)
        stands = compliance_out(service.get_quota(session, quota), row)
        reports = [report_out(each) for each in service.reports(session, quota, account)]
    return ComplianceDetail(**stands.model_dump(), reports=reports)


@router.get(
    "/{quota}/compliance/{account}/surrenders",
    dependencies=[Public],
    responses=responses(404, 422, 503),
)
def list_surrenders(
    quota: QuotaPath,
    account: AddressPath,
    platform: PlatformDep,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[SurrenderedOut]:
    """Certificates that an account gave up for a quota, oldest first.

    `/certificates/batches/{batch}/provenance` says where each comes from.
    """
    key = decode(cursor, [int, int])
    after = (int(key[0]), int(key[1])) if key else None
    with platform.transaction() as session:
        service.get_obligation(session, quota, account)
        found = service.surrendered(session, quota, account, after=after, limit=limit + 1)
    shown, following = page(found, limit, lambda each: [each.block_number, each.log_index])
    return Page(items=[surrendered_out(each) for each in shown], next_cursor=following)


# -- the obliged -----------------------------------------------------------------------------------


@router.get("/{quota}/suggestion", responses=responses(401, 403, 404, 422, 503))
def suggestion(quota: QuotaPath, principal: Participant, platform: PlatformDep) -> SuggestionOut:
    """Which of your certificates to surrender: the oldest first, banked ones up to the limit."""
    with platform.transaction() as session:
        found, obligation = _own(session, quota, principal.address)
        return suggestion_out(_suggest(platform, session, found, obligation))


@router.post("/{quota}/bond", responses=_REFUSALS)
def post_bond(
    quota: QuotaPath, body: Bond, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """Transactions that add to a bond out of your wallet; what is not forfeited comes back."""
    account = body.account or principal.address
    with platform.transaction() as session:
        row = service.get_obligation(session, quota, account)
    if row.settled:
        raise RefusedError(f"quota {quota} is settled for {account}", code="settled")
    made = transactions.post_bond(platform, quota, account, body.amount_micro)
    return to_sign(platform, principal.address, made)


@router.post("/{quota}/surrender", responses=_REFUSALS)
def surrender(
    quota: QuotaPath, body: Surrender, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """Transactions that give up certificates of yours for your obligation.

    The first one lets the quotas' contract take them, where it may not yet.
    """
    with platform.transaction() as session:
        found, obligation = _own(session, quota, principal.address)
        if body.certificates is not None:
            amounts = amounts_of(body.certificates)
            certificates.require_batches(session, [each.batch for each in amounts])
        else:
            amounts = _suggested(_suggest(platform, session, found, obligation), quota)
    made = transactions.surrender(platform, quota, principal.address, amounts)
    # Behind an approval it cannot be tried: the chain would refuse it for that alone.
    tried = len(made) == 1
    return to_sign(platform, principal.address, made, tried=tried, advice=ADVICE)


# -- anybody ---------------------------------------------------------------------------------------


@router.post("/{quota}/compliance/{account}/reports", responses=_REFUSALS)
def report(
    quota: QuotaPath,
    account: AddressPath,
    body: Period,
    principal: Participant,
    platform: PlatformDep,
) -> TransactionsToSign:
    """A transaction that counts a period's final reading; the platform does it when it is due."""
    with platform.transaction() as session:
        obligation = service.get_obligation(session, quota, account)
        found = service.get_quota(session, quota)
        made = transactions.report(platform, session, found, obligation, body.period)
    return to_sign(platform, principal.address, [made], tried=True, advice=ADVICE)


@router.post("/{quota}/compliance/{account}/settlement", responses=_REFUSALS)
def settle(
    quota: QuotaPath, account: AddressPath, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that settles an account after `surrender_by`; the platform does it too."""
    with platform.transaction() as session:
        service.get_obligation(session, quota, account)
    made = transactions.settle(platform, quota, account)
    return to_sign(platform, principal.address, [made], tried=True, advice=ADVICE)


# -- the government --------------------------------------------------------------------------------


@router.post("", responses=_REFUSALS)
def open_quota(body: NewQuota, principal: Participant, platform: PlatformDep) -> RoleTransactions:
    """A transaction that opens a compliance period, for ever (government)."""
    call = transactions.open_quota(platform, principal.address, body.terms())
    return role_to_sign(platform, principal.address, call, advice=ADVICE)


@router.post("/{quota}/obligations", responses=_REFUSALS)
def oblige(
    quota: QuotaPath, body: NewObligation, principal: Participant, platform: PlatformDep
) -> RoleTransactions:
    """A transaction that obliges an account, or changes its ratio in time (government)."""
    with platform.transaction() as session:
        service.get_quota(session, quota)
    call = transactions.oblige(
        platform, principal.address, quota, body.account, body.on, body.ratio
    )
    return role_to_sign(platform, principal.address, call, advice=ADVICE)


# -- parts -----------------------------------------------------------------------------------------


def _own(session: Session, quota: int, account: str) -> tuple[Quota, ObligationRow]:
    return service.get_quota(session, quota), service.get_obligation(session, quota, account)


def _suggest(
    platform: Platform, session: Session, quota: Quota, obligation: ObligationRow
) -> Suggestion:
    return suggest(session, quota, obligation, platform.clock.now(), MOST_BATCHES)


def _suggested(suggestion: Suggestion, quota: int) -> list[Amount]:
    if suggestion.chosen:
        return [Amount(each.batch, each.amount_wh) for each in suggestion.chosen]
    if suggestion.lacking_wh == 0:
        raise RefusedError(
            "nothing is owed for the periods reported so far: surrender when more was reported",
            code="nothing_owed",
        )
    raise RefusedError(
        f"{suggestion.lacking_wh} Wh lack and you hold no certificates that count for quota "
        f"{quota}: collect what you bought, or buy some (GET /certificates/classes)",
        code="no_certificates",
    )
