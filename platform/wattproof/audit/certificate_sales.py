"""Green certificates for sale: pools, parcels, and what is collected of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wattproof.audit.certificates_state import CONTRACT, VINTAGE_SECONDS, BatchId
from wattproof.audit.history import Entry, History
from wattproof.audit.money import Handler
from wattproof.audit.sale_pool import Parcel
from wattproof.audit.state import State

_OFFERED = f"{CONTRACT}.Offered"
_POOLED = f"{CONTRACT}.Pooled"
_ASSIGNED = f"{CONTRACT}.Assigned"

Certificates = Sequence[tuple[int, int]]
"""Ids with their amounts."""


def market_bound(state: State, entry: Entry) -> None:
    args, book = entry.event.args, state.certificates
    market = args["market"]
    if market in book.classes:
        raise entry.mismatch(f"market {market}", "was bound before")
    params = state.markets[market]
    if not state.sells_certificates(market) or params.slot_seconds != VINTAGE_SECONDS:
        raise entry.mismatch(f"market {market}", "does not trade vintages of this contract")
    book.classes[market] = args["technology"], args["zone"]


def offered(state: State, entry: Entry) -> None:
    """The certificates themselves are told batch by batch, by ``Pooled`` and by their transfer."""
    args = entry.event.args
    state.entries.announce(entry, _OFFERED, f"account {args['account']}", "offered", args["amount"])


def pooled(state: State, entry: Entry) -> None:
    args, book = entry.event.args, state.certificates
    identity, amount = args["id"], args["amount"]
    batch, said = book.batches[identity], BatchId.of(identity)
    if (said.technology, batch.zone) != book.classes[args["market"]]:
        raise entry.mismatch(str(said), f"is not of the class of market {args['market']}")
    if batch.expires_at != (args["slot"] + 1) * VINTAGE_SECONDS:
        raise entry.mismatch(str(said), f"does not expire at the end of slot {args['slot']}")
    start = book.pools[args["market"], args["slot"]].append(identity, amount)
    if args["start"] != start:
        raise entry.mismatch(str(said), f"is at position {args['start']}, derived is {start}")
    state.entries.announce(entry, _POOLED, f"id {said}", "pooled", amount)


def moved_into_sale(state: State, entry: Entry, holder: str, moved: Certificates) -> None:
    """The token's transfer to the contract, behind an offer."""
    for identity, amount in moved:
        state.entries.prove(entry, _POOLED, f"id {BatchId.of(identity)}", "pooled", amount)
        state.entries.prove(entry, _OFFERED, f"account {holder}", "offered", amount)


def assigned(state: State, entry: Entry) -> None:
    args = entry.event.args
    place = args["market"], args["slot"]
    key = _positions(place, args["to"], args["start"], args["length"])
    state.entries.announce(entry, _ASSIGNED, key, "assigned")


def assign(state: State, entry: Entry, place: tuple[int, int], holder: str, amount: int) -> Parcel:
    """Give the next positions of a pool (market, slot) to a buyer, or back after a recall.

    Raises:
        Mismatch: the pool holds fewer.
    """
    try:
        start = state.certificates.pools[place].assign(holder, amount)
    except ValueError as error:
        raise entry.mismatch(f"pool of market {place[0]} slot {place[1]}", str(error)) from error
    key = _positions(place, holder, start, amount)
    state.entries.prove(entry, _ASSIGNED, key, "assigned")
    return Parcel(start, amount)


def collected(
    state: State, entry: Entry, history: History, holder: str, moved: Certificates
) -> None:
    """The token's transfer from the contract: the next certificates of the holder's parcels.

    The transfer does not name the market. Where a holder waits for the same certificates in two
    markets of one class, the call says which; a call through another contract takes the first.

    Raises:
        Mismatch: the holder is not owed these certificates next.
    """
    book = state.certificates
    named = _called_place(entry, history)
    for place, pool in book.pools.items():
        if named in (None, place) and pool.is_next(holder, moved):
            pool.collect(holder, sum(amount for _, amount in moved))
            return
    ids = ", ".join(str(BatchId.of(identity)) for identity, _ in moved)
    raise entry.mismatch(f"collected by {holder}", f"is not owed next: {ids}")


def _called_place(entry: Entry, history: History) -> tuple[int, int] | None:
    """Market and slot of a direct call of ``collect``."""
    sent = entry.transaction
    if sent is None or sent.to != history.chain.address(CONTRACT):
        return None
    _, args = entry.call(history.chain, CONTRACT, "collect")
    return args["market"], args["slot"]


def _positions(place: tuple[int, int], holder: str, start: int, length: int) -> str:
    market, slot = place
    return f"market {market} slot {slot} positions {start} to {start + length} for {holder}"


HANDLERS: Mapping[tuple[str, str], Handler] = {
    (CONTRACT, "MarketBound"): market_bound,
    (CONTRACT, "Pooled"): pooled,
    (CONTRACT, "Assigned"): assigned,
}
