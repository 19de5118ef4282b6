"""Demand response: what owners and accounts sign. Nonce and fees are the wallet's business."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from market.reference.programmes import ProgrammeTerms
from wattproof.accounts.service import UnsignedTransaction, unsigned
from wattproof.claims.service import rule_on_chain
from wattproof.errors import InvalidError
from wattproof.flexibility.service import CONTRACT
from wattproof.meters.values import pack
from wattproof.runtime import Platform

_INSTRUCT_GAS = 500_000
_PUBLISH_GAS = 600_000


# -- the owner -------------------------------------------------------------------------------------


def create_programme(platform: Platform, terms: ProgrammeTerms) -> UnsignedTransaction:
    """Create the signer's programme (role PROGRAMME_OWNER)."""
    return unsigned(platform, "create the programme", CONTRACT, "createProgramme", _on_chain(terms))


def fund(platform: Platform, programme: int, amount_micro: int) -> list[UnsignedTransaction]:
    """Approve, then put money into the programme's escrow."""
    return [
        _approve(platform, amount_micro),
        unsigned(platform, "fund the programme", CONTRACT, "fund", programme, amount_micro),
    ]


def defund(platform: Platform, programme: int, amount_micro: int) -> UnsignedTransaction:
    """Take out what open events cannot cost, into the ledger."""
    return unsigned(platform, "take out", CONTRACT, "defund", programme, amount_micro)


def call_event(
    platform: Platform, programme: int, *, period: int, first_slot: int, slots: int
) -> UnsignedTransaction:
    """Call an event; ``first_slot`` counts in the period."""
    return unsigned(
        platform, "call the event", CONTRACT, "callEvent", programme, period, first_slot, slots
    )


def instruct(platform: Platform, event: int, account: str, target_w: int) -> UnsignedTransaction:
    """Ask an enrolled account for a target in every slot of the event."""
    return unsigned(
        platform,
        "instruct the account",
        CONTRACT,
        "instruct",
        event,
        account,
        target_w,
        gas=_INSTRUCT_GAS,
    )


def publish_baseline(
    platform: Platform, event: int, account: str, values_wh: Sequence[int]
) -> UnsignedTransaction:
    """Publish an instructed account's baseline, Wh a slot of the period."""
    return unsigned(
        platform,
        "publish the baseline",
        CONTRACT,
        "publishBaseline",
        event,
        account,
        pack(values_wh),
        gas=_PUBLISH_GAS,
    )


# -- accounts --------------------------------------------------------------------------------------


def enrol(
    platform: Platform, programme: int, capacity_w: int, since: int
) -> list[UnsignedTransaction]:
    """Approve the bond, then enrol.

    Raises:
        InvalidError: the capacity needs a bond that no account can hold.
    """
    bond = int(platform.chain.call(CONTRACT, "bondFor", programme, capacity_w))
    if bond >= 1 << 63:
        raise InvalidError(f"{capacity_w} W would need a bond of {bond} micro-units; enrol less")
    return [
        _approve(platform, bond),
        unsigned(platform, "enrol", CONTRACT, "enrol", programme, capacity_w, since),
    ]


def add_bond(platform: Platform, programme: int, amount_micro: int) -> list[UnsignedTransaction]:
    """Approve, then raise the signer's bond."""
    return [
        _approve(platform, amount_micro),
        unsigned(platform, "raise the bond", CONTRACT, "addBond", programme, amount_micro),
    ]


def set_available(platform: Platform, programme: int, available: bool) -> UnsignedTransaction:
    """Say whether the signer takes instructions."""
    return unsigned(platform, "set availability", CONTRACT, "setAvailable", programme, available)


def leave(platform: Platform, programme: int) -> UnsignedTransaction:
    """End the signer's enrolment; the bond returns."""
    return unsigned(platform, "leave the programme", CONTRACT, "leaveProgramme", programme)


def refuse(platform: Platform, event: int) -> UnsignedTransaction:
    """Decline an instruction while there is time; nothing is owed."""
    return unsigned(platform, "refuse the event", CONTRACT, "refuse", event)


def dispute(platform: Platform, event: int, account: str) -> UnsignedTransaction:
    """Dispute a report: its account or the programme's owner."""
    return unsigned(platform, "dispute the report", CONTRACT, "dispute", event, account)


def _on_chain(terms: ProgrammeTerms) -> dict[str, Any]:
    return {
        "market": terms.market,
        "carrier": terms.carrier,
        "direction": int(terms.direction),
        "toleranceBp": terms.tolerance_bp,
        "maxEventSlots": terms.max_event_slots,
        "notice": terms.notice,
        "refusalLead": terms.refusal_lead,
        "disputeWindow": terms.dispute_window,
        "incentive": terms.incentive,
        "penalty": terms.penalty,
        "role": terms.role,
        "rule": rule_on_chain(terms.rule),
    }


def _approve(platform: Platform, amount_micro: int) -> UnsignedTransaction:
    return unsigned(
        platform,
        "approve the escrow",
        "SettlementToken",
        "approve",
        platform.chain.address(CONTRACT),
        amount_micro,
    )
