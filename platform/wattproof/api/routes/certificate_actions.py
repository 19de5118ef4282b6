"""Green certificates: what holders, the certificate registrar and anybody signs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path

from wattproof.accounts.roles import RestrictedCall
from wattproof.accounts.service import UnsignedTransaction
from wattproof.api.access import Participant, PlatformDep
from wattproof.api.certificate_requests import (
    Accounting,
    Approval,
    Collection,
    Correction,
    Expiry,
    Issue,
    NewClass,
    NewProducer,
    NewStore,
    Offer,
    Place,
    Recall,
    Retirement,
    Transfer,
    Withdrawal,
    amounts_of,
    charges_of,
)
from wattproof.api.fields import Address
from wattproof.api.problems import responses
from wattproof.api.transactions import (
    RoleTransactions,
    TransactionsToSign,
    role_to_sign,
    to_sign,
)
from wattproof.auth.scopes import Principal
from wattproof.certificates import service, transactions
from wattproof.certificates.refusals import ADVICE
from wattproof.certificates.transactions import QUOTAS
from wattproof.runtime import Platform

router = APIRouter(prefix="/certificates", tags=["certificates"])

DevicePath = Annotated[Address, Path(description="Address of the meter's first key.")]
NewDevice = Annotated[NewProducer | NewStore, Body(discriminator="kind")]
_REFUSALS = responses(401, 403, 404, 409, 422, 503)


# -- holders ---------------------------------------------------------------------------------------


@router.post("/transfers", responses=_REFUSALS)
def transfer(body: Transfer, principal: Participant, platform: PlatformDep) -> TransactionsToSign:
    """A transaction that hands certificates of yours to somebody (ERC-1155)."""
    amounts = amounts_of(body.certificates)
    _require_batches(platform, [each.batch for each in amounts])
    made = transactions.transfer(platform, principal.address, body.to, amounts)
    return _tried(platform, principal, made)


@router.post("/approval", responses=responses(401, 403, 422, 503))
def approve(body: Approval, principal: Participant, platform: PlatformDep) -> TransactionsToSign:
    """A transaction that lets the quotas' contract take your certificates when you surrender them.

    It takes them in no other transaction than yours.
    """
    registry = platform.chain.address(QUOTAS)
    return _tried(platform, principal, transactions.approve(platform, registry, body.approved))


@router.post("/retirements", responses=_REFUSALS)
def retire(body: Retirement, principal: Participant, platform: PlatformDep) -> TransactionsToSign:
    """A transaction that claims certificates of yours for somebody; they never move again."""
    amounts = amounts_of(body.certificates)
    _require_batches(platform, [each.batch for each in amounts])
    holder = principal.address
    beneficiary = body.beneficiary or holder
    made = transactions.retire(platform, holder, amounts, beneficiary, body.purpose)
    return _tried(platform, principal, made)


@router.post("/offers", responses=_REFUSALS)
def offer(body: Offer, principal: Participant, platform: PlatformDep) -> TransactionsToSign:
    """A transaction that offers certificates for sale, before the gate of the round they sell in.

    They are sold first in, first out, and only by orders that you sign.
    """
    amounts = amounts_of(body.certificates)
    _require_batches(platform, [each.batch for each in amounts])
    made = transactions.offer(platform, body.market, body.slot, amounts)
    return _tried(platform, principal, made)


@router.post("/offers/recall", responses=_REFUSALS)
def recall(body: Recall, principal: Participant, platform: PlatformDep) -> TransactionsToSign:
    """A transaction that announces that offered certificates come back."""
    made = transactions.recall(platform, body.market, body.slot, body.amount_wh)
    return _tried(platform, principal, made)


@router.post("/offers/recall/complete", responses=_REFUSALS)
def complete_recall(
    body: Place, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that takes recalled certificates out of the pool; then collect them."""
    made = transactions.complete_recall(platform, body.market, body.slot)
    return _tried(platform, principal, made)


@router.post("/collections", responses=_REFUSALS)
def collect(body: Collection, principal: Participant, platform: PlatformDep) -> TransactionsToSign:
    """A transaction that turns what was bought or recalled into certificates to dispose of."""
    holder = body.holder or principal.address
    made = transactions.collect(platform, body.market, body.slot, holder, body.most)
    return _tried(platform, principal, made)


@router.post("/devices/{device}/accounts", responses=_REFUSALS)
def account_store(
    device: DevicePath, body: Accounting, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that accounts a period of your store: gives certificates for what it charged,
    and issues the green share of what it discharged."""
    charges = charges_of(body.charges)
    _require_batches(platform, [each.batch for each in charges])
    with platform.transaction() as session:
        made = transactions.account_store(platform, session, device, body.period, charges)
    return _tried(platform, principal, made)


# -- anybody ---------------------------------------------------------------------------------------


@router.post("/devices/{device}/issues", responses=_REFUSALS)
def issue(
    device: DevicePath, body: Issue, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that issues what a producer's final reading shows, to its meter's account.

    The platform does it when it is due; this is for who does not want to wait.
    """
    with platform.transaction() as session:
        made = transactions.issue(
            platform, session, device, body.period, body.first_slot, body.slots
        )
    return _tried(platform, principal, made)


@router.post("/expiry", responses=_REFUSALS)
def expire(body: Expiry, principal: Participant, platform: PlatformDep) -> TransactionsToSign:
    """A transaction that takes expired certificates of a holder out of circulation."""
    batches = [int(each) for each in body.batches]
    _require_batches(platform, batches)
    made = transactions.expire(platform, body.holder or principal.address, batches)
    return _tried(platform, principal, made)


# -- roles -----------------------------------------------------------------------------------------


@router.post("/devices", responses=_REFUSALS)
def certify(body: NewDevice, principal: Participant, platform: PlatformDep) -> RoleTransactions:
    """A transaction that certifies a metered device (certificate registrar)."""
    if isinstance(body, NewProducer):
        call = transactions.register_producer(
            platform,
            principal.address,
            body.device,
            body.technology,
            body.zone,
            body.from_period,
        )
    else:
        call = transactions.register_store(
            platform,
            principal.address,
            body.device,
            zone=body.zone,
            efficiency_bp=body.efficiency_bp,
            capacity_wh=body.capacity_wh,
            from_period=body.from_period,
        )
    return _as_role(platform, principal, call)


@router.post("/devices/{device}/correction", responses=_REFUSALS)
def correct(
    device: DevicePath, body: Correction, principal: Participant, platform: PlatformDep
) -> RoleTransactions:
    """A transaction that corrects what a device is while nothing was issued for it (registrar)."""
    _require_device(platform, device)
    call = transactions.correct(platform, principal.address, device, body.technology, body.zone)
    return _as_role(platform, principal, call)


@router.post("/devices/{device}/withdrawal", responses=_REFUSALS)
def withdraw(
    device: DevicePath, body: Withdrawal, principal: Participant, platform: PlatformDep
) -> RoleTransactions:
    """A transaction that ends a device's registration at a period to come (registrar)."""
    _require_device(platform, device)
    call = transactions.withdraw(platform, principal.address, device, body.until_period)
    return _as_role(platform, principal, call)


@router.post("/classes", responses=_REFUSALS)
def bind_market(body: NewClass, principal: Participant, platform: PlatformDep) -> RoleTransactions:
    """A transaction that lets a market trade a technology and zone (market administrator)."""
    call = transactions.bind_market(
        platform, principal.address, body.market, body.technology, body.zone
    )
    return _as_role(platform, principal, call)


# -- parts -----------------------------------------------------------------------------------------


def _tried(
    platform: Platform, principal: Principal, transaction: UnsignedTransaction
) -> TransactionsToSign:
    return to_sign(platform, principal.address, [transaction], tried=True, advice=ADVICE)


def _as_role(platform: Platform, principal: Principal, call: RestrictedCall) -> RoleTransactions:
    return role_to_sign(platform, principal.address, call, advice=ADVICE)


def _require_batches(platform: Platform, batches: list[int]) -> None:
    with platform.transaction() as session:
        service.require_batches(session, batches)


def _require_device(platform: Platform, device: str) -> None:
    with platform.transaction() as session:
        service.get_device(session, device)
