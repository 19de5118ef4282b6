"""Green certificates: what holders and the registrar sign. Nonce and fees are the wallet's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from wattproof.accounts.roles import RestrictedCall, restricted
from wattproof.accounts.service import UnsignedTransaction, unsigned
from wattproof.certificates import service
from wattproof.certificates.service import CONTRACT
from wattproof.errors import RefusedError
from wattproof.meters.service import final_values, period_end
from wattproof.rounds.facts import get_market
from wattproof.runtime import Platform

QUOTAS = "QuotaRegistry"
MOST_BATCHES = 100
"""Batches that one transaction names, so that it fits a block's share of gas."""

SLOTS_AT_ONCE = 96
"""Producing slots that one transaction issues: a day of quarter-hours, 50,000 gas each."""

_GAS_BASE = 200_000
_GAS_A_BATCH = 100_000


@dataclass(frozen=True, slots=True)
class Amount:
    """Certificates of one batch, Wh."""

    batch: int
    amount_wh: int


@dataclass(frozen=True, slots=True)
class Charge:
    """Certificates for energy charged in a slot, counted in the period."""

    slot: int
    batch: int
    amount_wh: int


# -- holders ---------------------------------------------------------------------------------------


def transfer(
    platform: Platform, holder: str, to: str, amounts: Sequence[Amount]
) -> UnsignedTransaction:
    """Hand certificates to somebody (ERC-1155); a contract must be willing to receive them."""
    return _many(
        platform,
        "transfer certificates",
        "safeBatchTransferFrom",
        len(amounts),
        holder,
        to,
        *_lists(amounts),
        b"",
    )


def approve(platform: Platform, operator: str, approved: bool) -> UnsignedTransaction:
    """Let a contract take the signer's certificates, or no longer; surrendering needs it."""
    title = "approve" if approved else "withdraw the approval"
    return unsigned(platform, title, CONTRACT, "setApprovalForAll", operator, approved)


def retire(
    platform: Platform, holder: str, amounts: Sequence[Amount], beneficiary: str, purpose: str
) -> UnsignedTransaction:
    """Claim certificates for a beneficiary, for ever."""
    return _many(
        platform,
        "retire certificates",
        "retire",
        len(amounts),
        holder,
        *_lists(amounts),
        beneficiary,
        purpose,
    )


def offer(
    platform: Platform, market: int, slot: int, amounts: Sequence[Amount]
) -> UnsignedTransaction:
    """Offer certificates for sale: what is sold in a round must be offered before its gate."""
    return _many(
        platform,
        "offer certificates",
        "offer",
        len(amounts),
        market,
        slot,
        *_lists(amounts),
    )


def recall(platform: Platform, market: int, slot: int, amount_wh: int) -> UnsignedTransaction:
    """Announce that offered certificates come back."""
    title = "recall certificates"
    return unsigned(platform, title, CONTRACT, "requestRecall", market, slot, amount_wh)


def complete_recall(platform: Platform, market: int, slot: int) -> UnsignedTransaction:
    """Take recalled certificates back once no earlier round can need them; then collect them."""
    return unsigned(platform, "complete the recall", CONTRACT, "completeRecall", market, slot)


def collect(
    platform: Platform, market: int, slot: int, holder: str, most: int
) -> UnsignedTransaction:
    """Turn what was bought or recalled into balances; at most so many batches."""
    return _many(platform, "collect certificates", "collect", most, market, slot, holder, most)


def expire(platform: Platform, holder: str, batches: Sequence[int]) -> UnsignedTransaction:
    """Take expired certificates out of circulation; anybody may."""
    return _many(platform, "expire certificates", "expire", len(batches), holder, list(batches))


def account_store(
    platform: Platform, session: Session, device: str, period: int, charges: Sequence[Charge]
) -> UnsignedTransaction:
    """Account a store's period: its owner alone.

    Raises:
        NotFoundError: no such device.
        RefusedError: the reading is not final yet.
    """
    given = [{"slot": c.slot, "id": c.batch, "amount": c.amount_wh} for c in charges]
    row, _ = service.get_device(session, device)
    values = final_reading(platform, session, device, period)
    title = f"account period {period} of the store"
    return _many(
        platform,
        title,
        "account",
        len(given) + row.period_slots,
        device,
        period,
        values,
        given,
    )


def issue(
    platform: Platform,
    session: Session,
    device: str,
    period: int,
    first_slot: int,
    slots: int | None,
) -> UnsignedTransaction:
    """Issue what a producer's final reading shows; anybody may, the platform does when it is due.

    Args:
        slots: None for as many as there are and fit a transaction.

    Raises:
        NotFoundError: no such device.
        RefusedError: the reading is not final yet.
    """
    row, _ = service.get_device(session, device)
    values = final_reading(platform, session, device, period)
    if slots is None:
        slots = max(min(row.period_slots - first_slot, SLOTS_AT_ONCE), 0)
    return _many(
        platform, "issue certificates", "issue", slots, device, period, first_slot, slots, values
    )


# -- the registrar and the market administrator ----------------------------------------------------


def register_producer(
    platform: Platform, signer: str, device: str, technology: int, zone: int, from_period: int
) -> RestrictedCall:
    """Certify a producing device of the meter registry."""
    return restricted(
        platform,
        signer,
        "certify the producer",
        CONTRACT,
        "registerProducer",
        device,
        technology,
        zone,
        from_period,
    )


def register_store(
    platform: Platform,
    signer: str,
    device: str,
    *,
    zone: int,
    efficiency_bp: int,
    capacity_wh: int,
    from_period: int,
) -> RestrictedCall:
    """Certify a store."""
    return restricted(
        platform,
        signer,
        "certify the store",
        CONTRACT,
        "registerStore",
        device,
        zone,
        efficiency_bp,
        capacity_wh,
        from_period,
    )


def correct(
    platform: Platform, signer: str, device: str, technology: int, zone: int
) -> RestrictedCall:
    """Correct what a device is while no certificate says it."""
    title = "correct the device"
    return restricted(platform, signer, title, CONTRACT, "correct", device, technology, zone)


def withdraw(platform: Platform, signer: str, device: str, until_period: int) -> RestrictedCall:
    """End a device's registration."""
    title = "withdraw the device"
    return restricted(platform, signer, title, CONTRACT, "withdraw", device, until_period)


def bind_market(
    platform: Platform, signer: str, market: int, technology: int, zone: int
) -> RestrictedCall:
    """Let a market trade a class."""
    title = "bind the market"
    return restricted(platform, signer, title, CONTRACT, "bindMarket", market, technology, zone)


# -- parts -----------------------------------------------------------------------------------------


def final_reading(platform: Platform, session: Session, device: str, period: int) -> bytes:
    row, meter = service.get_device(session, device)
    market = get_market(session, row.market)
    values = final_values(session, market, meter, period, platform.clock.now())
    if values is None:
        raise RefusedError(
            f"the reading of period {period} can still change: the period is over at "
            f"{period_end(market, period)}, readings are taken for two days and disputed for one",
            code="reading_not_final",
        )
    return values


def _lists(amounts: Sequence[Amount]) -> tuple[list[int], list[int]]:
    return [each.batch for each in amounts], [each.amount_wh for each in amounts]


def _many(
    platform: Platform, title: str, function: str, batches: int, *args: object
) -> UnsignedTransaction:
    gas = min(_GAS_BASE + _GAS_A_BATCH * batches, platform.settings.transaction_gas_limit)
    return unsigned(platform, title, CONTRACT, function, *args, gas=gas)
