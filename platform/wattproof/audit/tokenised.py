"""Tokens for sale: offers, recalls and what settled rounds deliver (protocol section 9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eth_utils.crypto import keccak

from market.settlement import Effect, encode_effects
from wattproof.audit import certificate_sales
from wattproof.audit.history import Entry
from wattproof.audit.money import Handler
from wattproof.audit.state import Offer, State

_CONTRACTS = ("EnergyCredits", "GreenCertificates")


def offered(state: State, entry: Entry) -> None:
    args = entry.event.args
    _offer(state, entry).offered += args["amount"]
    if state.sells_certificates(args["market"]):
        certificate_sales.offered(state, entry)


def recall_requested(state: State, entry: Entry) -> None:
    args, offer = entry.event.args, _offer(state, entry)
    offer.recalled, offer.recall_round = args["amount"], args["recallRound"]
    effective = state.effective_round(args["market"], entry.time)
    if args["recallRound"] != effective:
        raise entry.mismatch("round", f"is {args['recallRound']}, must be {effective}")


def recall_completed(state: State, entry: Entry) -> None:
    args, offer = entry.event.args, _offer(state, entry)
    amount = args["amount"]
    if amount != min(offer.recalled, offer.offered):
        raise entry.mismatch("amount", f"is {amount} of {offer.offered} offered")
    offer.offered -= amount
    offer.recalled = offer.recall_round = 0
    if amount and state.sells_certificates(args["market"]):
        certificate_sales.assign(
            state, entry, (args["market"], args["slot"]), args["account"], amount
        )


def delivered(state: State, entry: Entry) -> None:
    state.entries.announce(entry, f"{entry.event.contract}.Delivered", *_delivery(entry))


def deliver(state: State, entry: Entry, effects: Sequence[Effect]) -> None:
    """A settled round's effects on what is for sale; the entry is the exchange's.

    Credits then move by their own transfer events, certificates wait in parcels.

    Raises:
        Mismatch: more was sold than was offered.
    """
    market, number = entry.event.args["market"], entry.event.args["round"]
    slot = state.rounds[market, number].first_slot
    certificates, contract = state.sells_certificates(market), state.source_of(market)
    if contract in _CONTRACTS:
        digest = keccak(encode_effects(effects, tokenised=True))
        state.entries.prove(entry, f"{contract}.Delivered", *_key(market, number, slot, digest))
    for effect in effects:
        sold_wh = -effect.moved_wh
        if sold_wh > 0:
            offer = state.offers[market, slot, effect.trader]
            if offer.offered < sold_wh:
                raise entry.mismatch(
                    f"offer of {effect.trader}", f"{sold_wh} of {offer.offered} were sold"
                )
            offer.offered -= sold_wh
        elif effect.moved_wh > 0 and certificates:
            bought = effect.trader, effect.moved_wh
            parcel = certificate_sales.assign(state, entry, (market, slot), *bought)
            state.certificates.sold[market, number].append((effect.trader, parcel))


def expectations(state: State) -> list[tuple[str, tuple[Any, ...], Mapping[str, Any]]]:
    """The contract that keeps each offer, its place there, and what it must say of it."""
    return [
        (
            state.source_of(key[0]),
            key,
            {
                "offered": offer.offered,
                "recalled": offer.recalled,
                "recallRound": offer.recall_round,
            },
        )
        for key, offer in state.offers.items()
    ]


def _offer(state: State, entry: Entry) -> Offer:
    args = entry.event.args
    if entry.event.address != state.markets[args["market"]].capacity_source:
        raise entry.mismatch("market", f"{args['market']} trades tokens of another contract")
    return state.offers[args["market"], args["slot"], args["account"]]


def _delivery(entry: Entry) -> tuple[str, str]:
    args = entry.event.args
    return _key(args["market"], args["round"], args["slot"], args["effectsHash"])


def _key(market: int, number: int, slot: int, digest: bytes) -> tuple[str, str]:
    return f"market {market} round {number} slot {slot}", f"effects 0x{digest.hex()}"


HANDLERS: Mapping[tuple[str, str], Handler] = {
    (contract, name): handler
    for contract in _CONTRACTS
    for name, handler in {
        "Offered": offered,
        "RecallRequested": recall_requested,
        "RecallCompleted": recall_completed,
        "Delivered": delivered,
    }.items()
}
