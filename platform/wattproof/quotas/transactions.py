"""Quotas: what the obliged, the government and anybody signs. Nonce and fees are the wallet's."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session

from wattproof.accounts.roles import RestrictedCall, restricted
from wattproof.accounts.service import UnsignedTransaction, unsigned
from wattproof.certificates import service as certificates
from wattproof.certificates import transactions as certificate_transactions
from wattproof.certificates.transactions import Amount
from wattproof.errors import RefusedError
from wattproof.meters.models import DeviceRow
from wattproof.meters.service import final_values
from wattproof.quotas.models import ObligationRow
from wattproof.quotas.service import CONTRACT, Basis, Quota, QuotaTerms
from wattproof.rounds.facts import get_market
from wattproof.runtime import Platform

_GAS_BASE = 200_000
_GAS_A_BATCH = 100_000
_REPORT_GAS = 1_000_000


# -- the government --------------------------------------------------------------------------------


def open_quota(platform: Platform, signer: str, terms: QuotaTerms) -> RestrictedCall:
    """Open a compliance period, at least a week before it begins; for ever."""
    return restricted(platform, signer, "open the quota", CONTRACT, "openQuota", terms.on_chain())


def oblige(
    platform: Platform, signer: str, quota: int, account: str, basis: Basis, ratio: int
) -> RestrictedCall:
    """Oblige an account, or change its ratio (millionths), a week before the period begins."""
    return restricted(
        platform,
        signer,
        "oblige the account",
        CONTRACT,
        "oblige",
        quota,
        account,
        int(basis),
        ratio,
    )


# -- the obliged -----------------------------------------------------------------------------------


def post_bond(
    platform: Platform, quota: int, account: str, amount_micro: int
) -> list[UnsignedTransaction]:
    """Approve the registry, then add to an account's bond."""
    registry = platform.chain.address(CONTRACT)
    return [
        unsigned(
            platform, "approve the registry", "SettlementToken", "approve", registry, amount_micro
        ),
        unsigned(platform, "post the bond", CONTRACT, "postBond", quota, account, amount_micro),
    ]


def surrender(
    platform: Platform, quota: int, account: str, amounts: Sequence[Amount]
) -> list[UnsignedTransaction]:
    """Give certificates up; before it, where that lacks, let the registry take them (ERC-1155)."""
    gas = min(_GAS_BASE + _GAS_A_BATCH * len(amounts), platform.settings.transaction_gas_limit)
    given = unsigned(
        platform,
        "surrender certificates",
        CONTRACT,
        "surrender",
        quota,
        [each.batch for each in amounts],
        [each.amount_wh for each in amounts],
        gas=gas,
    )
    registry = platform.chain.address(CONTRACT)
    if certificates.is_approved(platform, account, registry):
        return [given]
    return [certificate_transactions.approve(platform, registry, True), given]


# -- anybody ---------------------------------------------------------------------------------------


def report(
    platform: Platform, session: Session, quota: Quota, obligation: ObligationRow, period: int
) -> UnsignedTransaction:
    """Add the metered energy of a period; the platform does when it is due.

    Raises:
        RefusedError: the reading is not final yet.
    """
    market = get_market(session, quota.terms.market)
    meter = session.get_one(DeviceRow, obligation.device)
    values = final_values(session, market, meter, period, platform.clock.now())
    if values is None:
        raise RefusedError(
            f"the reading of period {period} can still change; report it when it is final",
            code="reading_not_final",
        )
    return unsigned(
        platform,
        f"report period {period}",
        CONTRACT,
        "report",
        quota.quota,
        obligation.account,
        period,
        values,
        gas=_REPORT_GAS,
    )


def settle(platform: Platform, quota: int, account: str) -> UnsignedTransaction:
    """Settle an account after the last second for surrendering."""
    return unsigned(platform, "settle the obligation", CONTRACT, "settle", quota, account)
