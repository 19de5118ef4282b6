"""Rounds: from opening to settlement, and every settlement proved again from its call data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from eth_utils.crypto import keccak

from market import certificate
from market.book import Book, BookError
from market.certificate import CertificateError, Commitment
from market.clearing import clear
from market.eligibility import effective_maxima
from market.order import SignatureError, SignedOrder
from market.outcome import Clearing
from market.reference.params import MarketParams
from market.settlement import (
    CallDataError,
    Effect,
    Settlement,
    decode_orders,
    decode_results,
    encode_effects,
)
from wattproof.audit import tokenised
from wattproof.audit.findings import Mismatch
from wattproof.audit.history import Entry, History
from wattproof.audit.money import Handler
from wattproof.audit.state import Chunk, Proof, RoundState, State

_FIELD = re.compile(r"(?<!^)(?=[A-Z])")


def _key(entry: Entry) -> tuple[int, int]:
    return entry.event.args["market"], entry.event.args["round"]


def _name(key: tuple[int, int]) -> str:
    return f"market {key[0]} round {key[1]}"


def market_created(state: State, entry: Entry) -> None:
    params = entry.event.args["params"]
    state.markets[entry.event.args["market"]] = MarketParams(
        **{_FIELD.sub("_", name).lower(): value for name, value in params.items()}
    )


def round_opened(state: State, entry: Entry) -> None:
    args = entry.event.args
    state.rounds[_key(entry)] = RoundState(args["gateAt"], args["firstSlot"], args["slots"])


def order_forced(state: State, entry: Entry) -> None:
    state.rounds[_key(entry)].forced.add(entry.event.args["orderHash"])


def gate_closed(state: State, entry: Entry) -> None:
    record = state.rounds[_key(entry)]
    record.status = "Gated"
    record.book_root, record.count = entry.event.args["bookRoot"], entry.event.args["count"]
    record.transactions.append(entry.event.transaction_hash)


def round_voided(state: State, entry: Entry) -> None:
    state.rounds[_key(entry)].status = "Void"


class Settlements:
    """The handlers that need call data."""

    def __init__(self, history: History) -> None:
        self._chain = history.chain

    @property
    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        return {
            ("Exchange", "ChunkVerified"): self.chunk_verified,
            ("Exchange", "ChunkApplied"): self.chunk_applied,
            ("Exchange", "RoundSettled"): self.round_settled,
            ("Exchange", "OmissionPaid"): self.omission_paid,
        }

    def chunk_verified(self, state: State, entry: Entry) -> None:
        key = _key(entry)
        record = state.rounds[key]
        add_call_data(state, key, *self._settlement_call(entry, "verifyChunk", key))
        record.chunks.append(Chunk(len(record.submitted), entry.event.args["effectsHash"]))
        record.transactions.append(entry.event.transaction_hash)
        if len(record.submitted) == record.count:
            record.status = "Verified"
            record.proof = prove(state, key)
            for index, chunk in enumerate(record.chunks):
                effects = _effects_of(record, index)
                encoded = encode_effects(effects, tokenised=state.markets[key[0]].tokenised)
                if keccak(encoded) != chunk.effects_hash:
                    raise Mismatch(
                        "Exchange.ChunkVerified", _name(key), f"chunk {index}", "other effects"
                    )

    def chunk_applied(self, state: State, entry: Entry) -> None:
        key = _key(entry)
        record = state.rounds[key]
        chunk = record.chunks[entry.event.args["chunk"]]
        if chunk.applied or record.proof is None:
            raise Mismatch("Exchange.ChunkApplied", _name(key), "chunk", "applied out of turn")
        chunk.applied = True
        _apply(state, entry, _effects_of(record, entry.event.args["chunk"]))

    def round_settled(self, state: State, entry: Entry) -> None:
        key = _key(entry)
        record = state.rounds[key]
        whole = not record.chunks
        if whole:
            add_call_data(state, key, *self._settlement_call(entry, "settle", key))
            record.proof = prove(state, key)
            record.transactions.append(entry.event.transaction_hash)
        if record.proof is None:
            raise Mismatch("Exchange.RoundSettled", _name(key), "book", "was never read whole")
        record.status = "Settled"
        settlement = record.proof.settlement
        if whole:
            _apply(state, entry, settlement.effects)
        elif not all(chunk.applied for chunk in record.chunks):
            raise Mismatch("Exchange.RoundSettled", _name(key), "chunks", "not all were applied")
        state.dust[state.markets[key[0]].asset] += settlement.dust_micro
        _check_event(record.proof, entry, key)

    def omission_paid(self, state: State, entry: Entry) -> None:
        """The claim's amount: the omitted order's surplus as far as the bond went."""
        _, args = entry.call(self._chain, "Exchange", "payOmission")
        order, market = args["order"], state.markets[args["order"]["market"]]
        record = state.rounds[order["market"], order["round"]]
        if record.proof is None:
            raise Mismatch(
                "Exchange.OmissionPaid", entry.event.transaction_hash, "round", "not settled"
            )
        grid, prices = record.proof.book.grid, record.proof.clearing.prices
        surplus = order["limit"] * 1_000_000 - sum(
            leg["coefficient"] * prices[grid.index(leg["product"])] for leg in order["legs"]
        )
        owed = max(0, surplus) * order["maxUnits"] // 10**12
        paid, bond = entry.event.args["amount"], state.bonds[order["market"], market.operator]
        # The bond has already been debited by the ledger's event of the same transaction.
        if paid > owed or (paid < owed and bond > 0):
            raise Mismatch(
                "Exchange.OmissionPaid",
                entry.event.transaction_hash,
                "amount",
                f"is {paid}, owed were {owed}",
            )

    def _settlement_call(
        self, entry: Entry, function: str, key: tuple[int, int]
    ) -> tuple[bytes, bytes]:
        """Results and orders that the event's transaction carried."""
        _, args = entry.call(self._chain, "Exchange", function)
        market, number, results, orders = settlement_arguments(args)
        if (market, number) != key:
            raise Mismatch(f"Exchange.{function}", _name(key), "call data", "is of another round")
        return results, orders


def settlement_arguments(args: Mapping[str, Any]) -> tuple[int, int, bytes, bytes]:
    """Market, round, results and orders of a call of ``settle`` or ``verifyChunk``."""
    market, number, results, *_, orders = args.values()
    return market, number, results, orders


def add_call_data(state: State, key: tuple[int, int], results: bytes, orders: bytes) -> None:
    """Take in one call's part of a settlement.

    Raises:
        Mismatch: the results differ from an earlier part's, or the orders are malformed.
    """
    record = state.rounds[key]
    if record.results not in (None, results):
        raise Mismatch("Exchange.verifyChunk", _name(key), "results", "changed between chunks")
    record.results = results
    try:
        record.submitted.extend(decode_orders(orders, *key, state.grid(*key)))
    except (CallDataError, ValueError) as error:
        raise Mismatch("Exchange.settle", _name(key), "orders", str(error)) from error


def prove(state: State, key: tuple[int, int]) -> Proof:
    """Derive a settled round again: signatures, book, facts, certificate, canonical result.

    An order that a delegate signed is judged again by the session of its round.

    Raises:
        Mismatch: naming what does not hold.
    """
    record, rules = state.rounds[key], state.markets[key[0]].rules
    place, name = "Exchange.settle", _name(key)
    try:
        book = _book(state, key)
        prices, _ = decode_results(record.results or b"", len(book.grid))
    except (BookError, CallDataError) as error:
        raise Mismatch(place, name, "call data", str(error)) from error
    facts = {
        trader: state.facts(*key, trader, delegating=trader in book.delegating)
        for trader, _ in book.traders()
    }
    maxima = effective_maxima(book, facts, rules)
    canonical = clear(book, maxima, rules)
    fills = tuple(submitted.fill for submitted in record.submitted)
    clearing = Clearing(prices, fills, canonical.indicative)
    commitment = Commitment(record.book_root, record.count, record.forced)
    try:
        proven = certificate.check(book, maxima, clearing, rules, commitment)
    except CertificateError as error:
        raise Mismatch(place, name, error.rule, str(error)) from error
    for index, (price, derived) in enumerate(zip(prices, canonical.prices, strict=True)):
        if price != derived:
            raise Mismatch(
                place, name, f"price of product {index}", f"is {price}, derived is {derived}"
            )
    for position, (fill, derived) in enumerate(zip(fills, canonical.fills, strict=True)):
        if fill != derived:
            raise Mismatch(
                place, name, f"fill of order {position}", f"is {fill}, derived is {derived}"
            )
    settlement = Settlement.build(book, maxima, clearing, rules)
    if settlement.results() != record.results:
        raise Mismatch(place, name, "ties", "are not the canonical ones")
    return Proof(book, facts, maxima, clearing, proven, settlement)


def _book(state: State, key: tuple[int, int]) -> Book:
    record = state.rounds[key]
    signed = []
    for position, submitted in enumerate(record.submitted):
        named = state.delegations.named.get((key[0], submitted.order.trader), ())
        try:
            known = SignedOrder.verify(
                state.domain, submitted.order, submitted.signature, named=named
            )
        except SignatureError as error:
            raise Mismatch(
                "Exchange.settle", _name(key), f"signature of order {position}", str(error)
            ) from error
        if submitted.forced != (known.digest in record.forced):
            raise Mismatch(
                "Exchange.settle", _name(key), f"order {position}", "is wrongly marked as forced"
            )
        signed.append(known)
    return Book(*key, state.grid(*key), tuple(signed))


def _effects_of(record: RoundState, index: int) -> Sequence[Effect]:
    assert record.proof is not None
    start = record.chunks[index - 1].stop if index else 0
    return record.proof.settlement.effects_of(start, record.chunks[index].stop)


def _apply(state: State, entry: Entry, effects: Sequence[Effect]) -> None:
    market = entry.event.args["market"]
    params = state.markets[market]
    for effect in effects:
        word = state.words[market, effect.trader]
        if effect.debit_micro > word.margin:
            raise Mismatch(
                "Ledger.EffectsApplied",
                effect.trader,
                "debit",
                f"{effect.debit_micro} of a margin of {word.margin}",
            )
        state.words[market, effect.trader] = replace(
            word,
            margin=word.margin - effect.debit_micro,
            locked=word.locked + effect.lock_micro,
        )
        if params.tokenised:
            state.free[params.asset, effect.trader] += effect.proceeds_micro
    if params.tokenised:
        tokenised.deliver(state, entry, effects)


def _check_event(proof: Proof, entry: Entry, key: tuple[int, int]) -> None:
    """What the exchange announced, against what we derived."""
    derived = {
        "gapMicro": proof.certificate.gap_micro,
        "welfareMicro": proof.certificate.welfare_micro,
        "dust": proof.settlement.dust_micro,
        "positionsRoot": proof.settlement.positions_root,
        "pricesHash": proof.settlement.prices_hash,
    }
    for name, value in derived.items():
        if entry.event.args[name] != value:
            raise Mismatch(
                "Exchange.RoundSettled",
                _name(key),
                name,
                f"is {entry.event.args[name]!r}, derived is {value!r}",
            )


HANDLERS: Mapping[tuple[str, str], Handler] = {
    ("Exchange", "MarketCreated"): market_created,
    ("Exchange", "RoundOpened"): round_opened,
    ("Exchange", "OrderForced"): order_forced,
    ("Exchange", "GateClosed"): gate_closed,
    ("Exchange", "RoundVoided"): round_voided,
}
