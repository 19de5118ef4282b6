"""Quotas: obligations measured again, surrenders, banking, shortfalls and penalties."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from market.reference.meters import DISPUTE_WINDOW, POST_WINDOW, RESOLVE_WINDOW
from market.reference.params import DAY
from market.units import SCALE
from wattproof.audit import token_moves
from wattproof.audit.certificates_state import BatchId
from wattproof.audit.findings import Finding, Report
from wattproof.audit.history import Entry
from wattproof.audit.metering import final_values, reach_wh
from wattproof.audit.money import Handler
from wattproof.audit.quotas_state import (
    CONTRACT,
    Obligation,
    Quota,
    measured_wh,
)
from wattproof.audit.state import State

_PUBLICATION_DELAY = 7 * DAY
_SURRENDER_WINDOW = DAY
_SURRENDERED, _CLAIMED = "surrendered", "claimed"
GIFTS = (_CLAIMED,)
"""What nobody need announce: a claim in words that sound like a quota."""


def quota_opened(state: State, entry: Entry) -> None:
    args, terms = entry.event.args, entry.event.args["terms"]
    params = state.markets[terms["market"]]
    period_seconds = params.period_slots * params.slot_seconds
    starts_at = terms["firstPeriod"] * period_seconds
    ends_at = starts_at + terms["periods"] * period_seconds
    quotas = state.quotas.opened
    quota = quotas[args["quota"]] = Quota(args["asset"], terms, starts_at, ends_at)
    name = f"quota {args['quota']}"
    if args["quota"] != len(quotas) or args["asset"] != params.asset:
        raise entry.mismatch(name, "is out of turn, or in another asset than its market's")
    _require_published(entry, quota)
    known_by = ends_at + POST_WINDOW + DISPUTE_WINDOW + RESOLVE_WINDOW + _SURRENDER_WINDOW
    if terms["surrenderBy"] < known_by:
        raise entry.mismatch(name, f"ends surrendering before {known_by}")


def obliged(state: State, entry: Entry) -> None:
    args = entry.event.args
    quota, account = state.quotas.opened[args["quota"]], args["account"]
    key = args["quota"], account
    known = state.quotas.obligations.get(key)
    if known is None:
        device = state.device_of[quota.terms["market"], account, quota.terms["carrier"]]
        known = state.quotas.obligations[key] = Obligation(device, args["basis"], args["ratio"])
    known.basis, known.ratio = args["basis"], args["ratio"]
    if args["device"] != known.device:
        raise entry.mismatch(_name(key), f"is measured by {args['device']}, not {known.device}")
    if args["ratio"] > SCALE:
        raise entry.mismatch(_name(key), f"owes {args['ratio']} millionths of its energy")
    _require_published(entry, quota)


def bond_posted(state: State, entry: Entry) -> None:
    args = entry.event.args
    _, obligation = _open(state, entry)
    obligation.bond += args["amount"]
    asset = state.quotas.opened[args["quota"]].asset
    token_moves.received(state, entry, asset, args["from"], args["amount"])


def energy_reported(state: State, entry: Entry) -> None:
    args, period = entry.event.args, entry.event.args["period"]
    quota, obligation = _open(state, entry)
    name = f"{_name(_key(entry))}, period {period}"
    if period not in quota.periods or period in obligation.reported:
        raise entry.mismatch(name, "is outside the quota, or was reported before")
    values = final_values(state, entry, obligation.device, period)
    derived = measured_wh(obligation.basis, values, reach_wh(state, obligation.device))
    obligation.reported[period] = derived
    if args["energyWh"] != derived:
        raise entry.mismatch(name, f"{args['energyWh']} Wh were reported, derived are {derived}")


def surrendered(state: State, entry: Entry) -> None:
    args = entry.event.args
    quota, obligation = _open(state, entry)
    said, amount = BatchId.of(args["id"]), args["amount"]
    state.entries.announce(entry, CONTRACT, f"{args['account']}, id {said}", _SURRENDERED, amount)
    key = f"{_name(_key(entry))}, id {said}"
    state.entries.announce(entry, CONTRACT, key, _CLAIMED, amount)
    state.quotas.surrendered[args["id"]] += amount
    starts_at = state.certificates.batches[args["id"]].starts_at
    banked = starts_at < quota.starts_at
    obligation.surrendered_wh += amount
    obligation.banked_wh += amount if banked else 0
    if args["banked"] != banked or not quota.accepts(said.technology, starts_at):
        raise entry.mismatch(key, f"does not count, or not as banked = {args['banked']}")
    owed_wh = obligation.owed_wh(obligation.energy_wh)
    if obligation.surrendered_wh > owed_wh:
        raise entry.mismatch(key, f"{obligation.surrendered_wh} Wh of {owed_wh} owed")
    if obligation.banked_wh > quota.most_banked_wh(owed_wh):
        raise entry.mismatch(key, f"{obligation.banked_wh} Wh are more than may be banked")
    if entry.time > quota.terms["surrenderBy"]:
        raise entry.mismatch(key, f"came after {quota.terms['surrenderBy']}")


def compliance_settled(state: State, entry: Entry) -> None:
    args = entry.event.args
    quota, obligation = _open(state, entry)
    lacking = len(quota.periods) - len(obligation.reported)
    reach = reach_wh(state, obligation.device)
    params = state.markets[quota.terms["market"]]
    obligation.unreported_wh = lacking * params.period_slots * reach
    owed_wh = obligation.owed_wh(obligation.energy_wh)
    shortfall_wh = max(0, owed_wh - obligation.surrendered_wh)
    penalty = quota.penalty_micro(shortfall_wh)
    paid = min(penalty, obligation.bond)
    returned = obligation.bond - paid
    obligation.settled, obligation.bond = True, 0
    obligation.shortfall_wh, obligation.penalty_paid = shortfall_wh, paid
    for receiver, amount in ((quota.terms["beneficiary"], paid), (args["account"], returned)):
        if amount:
            token_moves.paid(state, entry, quota.asset, receiver, amount)
    derived = {
        "energyWh": obligation.energy_wh,
        "obligationWh": owed_wh,
        "surrenderedWh": obligation.surrendered_wh,
        "bankedWh": obligation.banked_wh,
        "shortfallWh": shortfall_wh,
        "penalty": penalty,
        "penaltyPaid": paid,
        "bondReturned": returned,
    }
    for name, value in derived.items():
        if args[name] != value:
            raise entry.mismatch(
                f"{_name(_key(entry))}, {name}", f"is {args[name]}, derived is {value}"
            )
    if entry.time <= quota.terms["surrenderBy"]:
        raise entry.mismatch(_name(_key(entry)), "was settled before surrendering ended")


def check(state: State, report: Report, now: int) -> None:
    """No certificate counts twice; and who is to be settled is named (that is no fault)."""
    for identity, amount in state.quotas.surrendered.items():
        batch = state.certificates.batches.get(identity)
        retired_wh = batch.retired_wh if batch is not None else 0
        report.compare(
            f"{CONTRACT} surrendered",
            f"id {BatchId.of(identity)}",
            "beyond what was retired",
            max(0, amount - retired_wh),
            0,
        )
    for key, obligation in state.quotas.obligations.items():
        due = state.quotas.opened[key[0]].terms["surrenderBy"]
        if not obligation.settled and now > due:
            detail = f"can be settled by anyone since {due}; the bond is {obligation.bond}"
            report.overdue.append(Finding(f"{CONTRACT}.settle", _name(key), "unsettled", detail))


def held(state: State, asset: str) -> int:
    """Bonds in an asset: what the contract's tokens must be, but for gifts."""
    return sum(
        obligation.bond
        for (quota, _), obligation in state.quotas.obligations.items()
        if state.quotas.opened[quota].asset == asset
    )


def retired(state: State, entry: Entry, holder: str, identity: int, amount: int) -> None:
    """The token's own record of what the registry took out for a holder's obligation."""
    key = f"{holder}, id {BatchId.of(identity)}"
    state.entries.prove(entry, CONTRACT, key, _SURRENDERED, amount)


def claimed(state: State, entry: Entry, key: str, amount: int) -> None:
    """The token's own record of what certificates were retired for, and for whom."""
    state.entries.prove(entry, CONTRACT, key, _CLAIMED, amount)


def expectations(state: State) -> Iterator[tuple[str, tuple[Any, ...], Any]]:
    """View functions, their arguments, and what they must answer."""
    book = state.quotas
    if book.opened:
        yield "quotaCount", (), len(book.opened)
    for number, quota in book.opened.items():
        yield "quotaOf", (number,), (quota.terms, quota.asset)
    for key, obligation in book.obligations.items():
        yield (
            "obligationOf",
            key,
            {
                "device": obligation.device,
                "basis": obligation.basis,
                "ratio": obligation.ratio,
                "reportedPeriods": len(obligation.reported),
                "settled": obligation.settled,
                "energyWh": obligation.energy_wh,
                "surrenderedWh": obligation.surrendered_wh,
                "bankedWh": obligation.banked_wh,
                "shortfallWh": obligation.shortfall_wh,
                "bond": obligation.bond,
                "penaltyPaid": obligation.penalty_paid,
            },
        )
        yield "owedWh", key, obligation.owed_wh(obligation.energy_wh)
        for period in book.opened[key[0]].periods:
            yield "isReported", (*key, period), period in obligation.reported


def _open(state: State, entry: Entry) -> tuple[Quota, Obligation]:
    key = _key(entry)
    obligation = state.quotas.obligations[key]
    if obligation.settled:
        raise entry.mismatch(_name(key), "was settled before")
    return state.quotas.opened[key[0]], obligation


def _require_published(entry: Entry, quota: Quota) -> None:
    if entry.time + _PUBLICATION_DELAY > quota.starts_at:
        raise entry.mismatch("terms", f"were changed too late before {quota.starts_at}")


def _key(entry: Entry) -> tuple[int, str]:
    return entry.event.args["quota"], entry.event.args["account"]


def _name(key: tuple[int, str]) -> str:
    return f"quota {key[0]} of {key[1]}"


HANDLERS: Mapping[tuple[str, str], Handler] = {
    (CONTRACT, "QuotaOpened"): quota_opened,
    (CONTRACT, "Obliged"): obliged,
    (CONTRACT, "BondPosted"): bond_posted,
    (CONTRACT, "EnergyReported"): energy_reported,
    (CONTRACT, "Surrendered"): surrendered,
    (CONTRACT, "ComplianceSettled"): compliance_settled,
}
