"""Tokens and the ledger, event by event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from market.reference.ledger import Exit
from wattproof.audit import token_moves
from wattproof.audit.findings import Mismatch
from wattproof.audit.history import Entry
from wattproof.audit.state import State

Handler = Callable[[State, Entry], None]
_NOBODY = "0x" + "00" * 20


def _args(entry: Entry) -> Mapping[str, Any]:
    return entry.event.args


def _take(balances: Any, key: Any, amount: int, entry: Entry) -> None:
    if balances[key] < amount:
        raise entry.mismatch("balance", f"{amount} leave {key}, which has {balances[key]}")
    balances[key] -= amount


def _asset(state: State, market: int) -> str:
    return state.markets[market].asset


def transfer(state: State, entry: Entry) -> None:
    args, asset = _args(entry), entry.event.address
    token_moves.transferred(state, entry)
    if args["from"] == _NOBODY:
        state.supply[asset] += args["value"]
    else:
        _take(state.tokens, (asset, args["from"]), args["value"], entry)
    if args["to"] == _NOBODY:
        state.supply[asset] -= args["value"]
    else:
        state.tokens[asset, args["to"]] += args["value"]


def deposited(state: State, entry: Entry) -> None:
    args = _args(entry)
    state.free[args["asset"], args["to"]] += args["amount"]
    state.deposited[args["asset"]] += args["amount"]
    token_moves.deposited(state, entry)


def withdrawn(state: State, entry: Entry) -> None:
    args = _args(entry)
    token_moves.sent(state, entry, args["asset"], args["to"], args["amount"])
    _take(state.free, (args["asset"], args["account"]), args["amount"], entry)
    state.deposited[args["asset"]] -= args["amount"]


def margin_added(state: State, entry: Entry) -> None:
    args = _args(entry)
    key = args["market"], args["account"]
    _take(state.free, (_asset(state, key[0]), key[1]), args["amount"], entry)
    state.words[key] = replace(state.words[key], margin=state.words[key].margin + args["amount"])


def exit_requested(state: State, entry: Entry) -> None:
    args = _args(entry)
    key = args["market"], args["account"]
    state.exits[key] = Exit(args["amount"], entry.time)
    state.words[key] = replace(state.words[key], exit_round=args["exitRound"])


def exit_completed(state: State, entry: Entry) -> None:
    args = _args(entry)
    key = args["market"], args["account"]
    word, pending = state.words[key], state.exits.pop(key, Exit(0, 0))
    if args["amount"] != min(pending.amount, word.margin):
        raise Mismatch(
            "Ledger.ExitCompleted",
            entry.event.transaction_hash,
            "amount",
            f"is {args['amount']}, must be the lesser of {pending.amount} and {word.margin}",
        )
    state.words[key] = replace(word, margin=word.margin - args["amount"], exit_round=0)
    state.free[_asset(state, key[0]), key[1]] += args["amount"]


def epoch_bumped(state: State, entry: Entry) -> None:
    args = _args(entry)
    key = args["market"], args["account"]
    word = state.words[key]
    if args["epochRound"] > word.epoch_round:
        word = replace(word, prev_epoch=word.epoch, epoch_round=args["epochRound"])
    if args["epoch"] != word.epoch + 1:
        raise Mismatch(
            "Ledger.EpochBumped",
            entry.event.transaction_hash,
            "epoch",
            f"is {args['epoch']} after {word.epoch}",
        )
    state.words[key] = replace(word, epoch=args["epoch"])


def capacity_synced(state: State, entry: Entry) -> None:
    args = _args(entry)
    key = args["market"], args["account"]
    state.words[key] = replace(state.words[key], capacity=args["capacity"])


def bond_posted(state: State, entry: Entry) -> None:
    args = _args(entry)
    key = args["market"], args["account"]
    _take(state.free, (_asset(state, key[0]), key[1]), args["amount"], entry)
    state.bonds[key] += args["amount"]


def bond_exit_requested(state: State, entry: Entry) -> None:
    args = _args(entry)
    state.bond_exits[args["market"], args["account"]] = Exit(args["amount"], entry.time)


def bond_exit_completed(state: State, entry: Entry) -> None:
    args = _args(entry)
    key = args["market"], args["account"]
    state.bond_exits.pop(key, None)
    _take(state.bonds, key, args["amount"], entry)
    state.free[_asset(state, key[0]), key[1]] += args["amount"]


def bond_paid(state: State, entry: Entry) -> None:
    args = _args(entry)
    _take(state.bonds, (args["market"], args["from"]), args["amount"], entry)
    state.free[_asset(state, args["market"]), args["to"]] += args["amount"]


def position_closed(state: State, entry: Entry) -> None:
    args = _args(entry)
    market, account, lock, charge = args["market"], args["account"], args["lock"], args["charge"]
    word = state.words[market, account]
    balancing = (market, state.markets[market].balancing)
    if lock > word.locked or charge > lock or state.bonds[balancing] + charge < 0:
        raise Mismatch(
            "Ledger.PositionClosed",
            entry.event.transaction_hash,
            "charge",
            f"lock {lock} of {word.locked}, charge {charge}, bond {state.bonds[balancing]}",
        )
    state.words[market, account] = replace(word, locked=word.locked - lock)
    state.free[_asset(state, market), account] += lock - charge
    state.bonds[balancing] += charge


HANDLERS: Mapping[tuple[str, str], Handler] = {
    ("SettlementToken", "Transfer"): transfer,
    ("Ledger", "Deposited"): deposited,
    ("Ledger", "Withdrawn"): withdrawn,
    ("Ledger", "MarginAdded"): margin_added,
    ("Ledger", "ExitRequested"): exit_requested,
    ("Ledger", "ExitCompleted"): exit_completed,
    ("Ledger", "EpochBumped"): epoch_bumped,
    ("Ledger", "CapacitySynced"): capacity_synced,
    ("Ledger", "BondPosted"): bond_posted,
    ("Ledger", "BondExitRequested"): bond_exit_requested,
    ("Ledger", "BondExitCompleted"): bond_exit_completed,
    ("Ledger", "BondPaid"): bond_paid,
    ("Ledger", "PositionClosed"): position_closed,
}
