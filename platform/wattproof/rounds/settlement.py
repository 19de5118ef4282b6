"""Clearing a committed book, storing the result, and submitting it to the exchange."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, delete, select, update

from market import certificate
from market.book import Book
from market.certificate import Certificate
from market.delegation import SessionBreach
from market.eligibility import GateRule, Judgement, TraderFacts, effective_maxima, judge
from market.outcome import Clearing
from market.rules import MarketRules
from market.settlement import Settlement
from wattproof.errors import RefusedError
from wattproof.gateway import outbox
from wattproof.gateway.keys import Role
from wattproof.orders.book import committed_book, committed_rows
from wattproof.orders.models import OrderRow
from wattproof.rounds.facts import get_market, get_round, is_tokenised, rules_of
from wattproof.rounds.models import ChunkRow, PriceRow, RoundRow, TraderFactsRow
from wattproof.rounds.service import read_facts
from wattproof.runtime import Platform

_APPLY_GAS_BASE = 200_000
_APPLY_GAS_A_TRADER, _DELIVER_GAS_A_TRADER = 30_000, 60_000
_EFFECT_BYTES, _TOKENISED_EFFECT_BYTES = 36, 52
_TOKENISED_CHUNK_TRADERS = 256
"""More traders may not end in a chunk of tokens: applying it would not fit a transaction."""
# What verifying costs, measured and rounded up; a bound for planning chunks, not a promise.
_BASE_GAS, _PRODUCT_GAS = 300_000, 2_000
_ORDER_GAS, _LEG_GAS, _TRADER_GAS, _TOKEN_TRADER_GAS = 10_000, 5_000, 22_000, 75_000


@dataclass(frozen=True, slots=True)
class Cleared:
    """A certified result for a committed book."""

    book: Book
    facts: Mapping[str, TraderFacts]
    maxima: tuple[int, ...]
    clearing: Clearing
    certificate: Certificate
    settlement: Settlement


def compute(platform: Platform, market: int, number: int) -> Cleared:
    """Clear a round's committed book by the facts at its gate, and certify the result.

    Nothing is stored; the same book and facts give the same result.

    Raises:
        RefusedError: there is no committed book.
        CertificateError: the clearing is wrong (never submitted then).
    """
    from market.clearing import clear

    with platform.transaction() as session:
        market_row = get_market(session, market)
        row = get_round(session, market, number)
        if row.book_root is None:
            raise RefusedError(f"round {number} has no committed book", code="wrong_state")
        rules = rules_of(market_row)
        book = committed_book(market_row, row, committed_rows(session, market, number))
    facts = read_facts(platform, market_row, row, book)
    maxima = effective_maxima(book, facts, rules)
    clearing = clear(book, maxima, rules)
    certified = certificate.check(book, maxima, clearing, rules)
    settlement = Settlement.build(book, maxima, clearing, rules)
    return Cleared(book, facts, maxima, clearing, certified, settlement)


def store(platform: Platform, session: Session, market: int, number: int, cleared: Cleared) -> bool:
    """Store a result with the round's step to ``cleared``. False if the round moved meanwhile."""
    row = get_round(session, market, number, lock="update")
    if row.state != "gate_closed" or row.book_root != "0x" + cleared.book.root.hex():
        return False
    rules = rules_of(get_market(session, market))
    judgements = judge(cleared.book, cleared.facts, rules)
    if cleared.book.count:
        session.execute(
            update(OrderRow),
            [
                {
                    "digest": "0x" + signed.digest.hex(),
                    "maximum": cleared.maxima[position],
                    "fill": cleared.clearing.fills[position],
                    "payment_micro": cleared.settlement.payments_micro[position],
                    "why": why_not(judgement, rules),
                }
                for position, (signed, judgement) in enumerate(
                    zip(cleared.book.orders, judgements, strict=True)
                )
            ],
        )
    session.execute(
        delete(PriceRow).where(col(PriceRow.market) == market, col(PriceRow.round) == number)
    )
    session.execute(
        delete(TraderFactsRow).where(
            col(TraderFactsRow.market) == market, col(TraderFactsRow.round) == number
        )
    )
    session.add_all(
        PriceRow(
            market=market,
            round=number,
            product_index=index,
            product=cleared.book.grid.product_id(index),
            price_nano_per_kwh=price,
            indicative=cleared.clearing.indicative[index],
        )
        for index, price in enumerate(cleared.clearing.prices)
    )
    session.add_all(
        TraderFactsRow(
            market=market,
            round=number,
            trader=trader,
            margin_micro=fact.margin_micro,
            epoch=fact.epoch,
            eligible=fact.eligible,
            capacity_wh=fact.capacity_wh,
            session=None if fact.session is None else fact.session.to_json(),
        )
        for trader, fact in cleared.facts.items()
    )
    row.gap_micro = cleared.certificate.gap_micro
    row.welfare_micro = cleared.certificate.welfare_micro
    row.dust_micro = cleared.settlement.dust_micro
    row.positions_root = "0x" + cleared.settlement.positions_root.hex()
    row.positions_count = len(cleared.settlement.positions)
    row.prices_hash = "0x" + cleared.settlement.prices_hash.hex()
    row.state = "cleared"
    session.add(row)
    return True


_BREACHES = {
    SessionBreach.DELEGATE: "who signed it was not the trader's delegate for this round",
    SessionBreach.ENDED: "the delegate's session had ended at the gate",
    SessionBreach.PRICE: "its limit is beyond what the trader's delegate may sign",
    SessionBreach.BUY: "it buys more than the trader's delegate had left in the round",
    SessionBreach.SELL: "it sells more than the trader's delegate had left in the round",
}


def why_not(judgement: Judgement, rules: MarketRules) -> str | None:
    """Why an order counted for nothing at the gate; None where it counted."""
    match judgement.broken:
        case None:
            return None
        case GateRule.PRICE_CAP:
            return "its limit is beyond the market's price cap"
        case GateRule.EPOCH:
            return "it was cancelled on-chain: it was signed with another epoch than its trader's"
        case GateRule.CREDENTIAL:
            return "the trader's credential did not stand at the gate"
        case GateRule.MARGIN:
            return "margin did not cover it at the gate"
        case GateRule.CAPACITY:
            what = "what was offered for sale" if rules.tokenised else "attested capacity"
            return f"{what} did not cover it at the gate"
        case GateRule.DELEGATION:
            assert judgement.breach is not None
            return _BREACHES[judgement.breach]


@dataclass(frozen=True, slots=True)
class StoredClearing:
    """A cleared round's book, how much of every order counted, and the result."""

    book: Book
    maxima: tuple[int, ...]
    clearing: Clearing


def stored_clearing(session: Session, market: int, number: int) -> StoredClearing:
    """What clearing a round gave, as it is stored.

    Raises:
        RefusedError: the round is not cleared.
    """
    market_row = get_market(session, market)
    row = get_round(session, market, number)
    orders = committed_rows(session, market, number)
    prices = session.exec(
        select(PriceRow)
        .where(PriceRow.market == market, PriceRow.round == number)
        .order_by(col(PriceRow.product_index))
    ).all()
    maxima = tuple(order.maximum for order in orders if order.maximum is not None)
    fills = tuple(order.fill for order in orders if order.fill is not None)
    if not prices or len(maxima) != len(orders) or len(fills) != len(orders):
        raise RefusedError(f"round {number} is not cleared", code="wrong_state")
    clearing = Clearing(
        prices=tuple(price.price_nano_per_kwh for price in prices),
        fills=fills,
        indicative=tuple(price.indicative for price in prices),
    )
    return StoredClearing(committed_book(market_row, row, orders), maxima, clearing)


def stored_settlement(session: Session, market: int, number: int) -> Settlement:
    """A cleared round's settlement, rebuilt from what is stored.

    Raises:
        RefusedError: the round is not cleared.
    """
    stored = stored_clearing(session, market, number)
    rules = rules_of(get_market(session, market))
    return Settlement.build(stored.book, stored.maxima, stored.clearing, rules)


def submit(platform: Platform, session: Session, market: int, number: int) -> bool:
    """Queue a cleared round's settlement, whole or its first chunk. False if it is not cleared."""
    row = get_round(session, market, number, lock="update")
    if row.state != "cleared":
        return False
    settlement = stored_settlement(session, market, number)
    forced = _forced(session, market, number)
    size = chunk_size(
        settlement.book,
        platform.settings.chunk_orders,
        platform.settings.transaction_gas_limit,
        tokenised=settlement.tokenised,
    )
    if size >= settlement.book.count:
        row.chunks = 0
        outbox.call(
            session,
            platform.chain,
            "Exchange",
            "settle",
            market,
            number,
            settlement.results(),
            settlement.orders(forced),
            key=f"settle:{market}:{number}",
            signer=platform.keys.address(Role.OPERATOR),
            gas_limit=platform.settings.transaction_gas_limit,
        )
    else:
        session.execute(
            delete(ChunkRow).where(col(ChunkRow.market) == market, col(ChunkRow.round) == number)
        )
        chunks = list(settlement.chunks(size, forced))
        session.add_all(
            ChunkRow(
                market=market,
                round=number,
                chunk=index,
                orders="0x" + orders.hex(),
                effects="0x" + effects.hex(),
            )
            for index, (orders, effects) in enumerate(chunks)
        )
        session.flush()
        row.chunks = len(chunks)
        _next_chunk(platform, session, market, number)
    row.state, row.error = "submitted", None
    session.add(row)
    return True


def continue_submission(platform: Platform, session: Session, market: int, number: int) -> bool:
    """Queue what a chunked settlement needs next; note a write that failed. True if it moved."""
    row = get_round(session, market, number, lock="update")
    if row.state != "submitted":
        return False
    if not row.chunks:
        return note_failed_write(session, row, f"settle:{market}:{number}")
    return _next_chunk(platform, session, market, number)


def note_failed_write(session: Session, row: RoundRow, key: str) -> bool:
    """Keep the reason for which the chain refused a step; True if it is news."""
    write = outbox.find(session, key)
    if write is None or write.status not in outbox.FAILED or row.error is not None:
        return False
    row.error = f"{key}: {write.error}"
    session.add(row)
    return True


def note_problem(session: Session, market: int, number: int, problem: str) -> bool:
    """Keep what stops a round; True if it is news."""
    row = get_round(session, market, number, lock="update")
    if row.error == problem:
        return False
    row.error = problem
    session.add(row)
    return True


def _next_chunk(platform: Platform, session: Session, market: int, number: int) -> bool:
    row = get_round(session, market, number)
    chunks = session.exec(
        select(ChunkRow)
        .where(ChunkRow.market == market, ChunkRow.round == number)
        .order_by(col(ChunkRow.chunk))
    ).all()
    verified = sum(1 for chunk in chunks if chunk.state is not None)
    if verified < len(chunks):
        key = f"verify:{market}:{number}:{verified}"
        if outbox.find(session, key) is not None:
            return note_failed_write(session, row, key)
        state = chunks[verified - 1].state if verified else "0x"
        assert state is not None
        outbox.call(
            session,
            platform.chain,
            "Exchange",
            "verifyChunk",
            market,
            number,
            _results(platform, session, market, number),
            bytes.fromhex(state[2:]),
            bytes.fromhex(chunks[verified].orders[2:]),
            key=key,
            signer=platform.keys.address(Role.OPERATOR),
            gas_limit=platform.settings.transaction_gas_limit,
        )
        return True
    missing = [
        chunk
        for chunk in chunks
        if not chunk.applied
        and outbox.find(session, f"apply:{market}:{number}:{chunk.chunk}") is None
    ]
    tokenised = is_tokenised(get_market(session, market))
    effect_bytes = _TOKENISED_EFFECT_BYTES if tokenised else _EFFECT_BYTES
    gas_a_trader = _DELIVER_GAS_A_TRADER if tokenised else _APPLY_GAS_A_TRADER
    for chunk in missing:
        effects = bytes.fromhex(chunk.effects[2:])
        traders = len(effects) // effect_bytes
        outbox.call(
            session,
            platform.chain,
            "Exchange",
            "applyChunk",
            market,
            number,
            chunk.chunk,
            effects,
            key=f"apply:{market}:{number}:{chunk.chunk}",
            signer=platform.keys.address(Role.OPERATOR),
            gas_limit=_APPLY_GAS_BASE + gas_a_trader * traders,
        )
    return bool(missing)


def _results(platform: Platform, session: Session, market: int, number: int) -> bytes:
    """The same results with every chunk: those that went with the first, once it is queued."""
    first = outbox.find(session, f"verify:{market}:{number}:0")
    if first is None:
        return stored_settlement(session, market, number).results()
    exchange = platform.chain.interfaces["Exchange"]
    _, args = exchange.decode_call(bytes.fromhex(first.data[2:]))
    _, _, results, *_ = args.values()
    return bytes(results)


def chunk_size(book: Book, most_orders: int, gas: int, *, tokenised: bool = False) -> int:
    """The most orders a chunk may hold so that every chunk fits; a single order always does.

    Args:
        most_orders: upper end, whatever they cost.
        gas: what a transaction may use; a tenth of it is kept in reserve.
        tokenised: whether tokens move with the money.
    """
    if tokenised:
        most_orders = min(most_orders, _TOKENISED_CHUNK_TRADERS)
    costs: list[int] = []
    for _, group in book.traders():
        for position in group:
            legs = len(book.orders[position].order.legs)
            costs.append(_ORDER_GAS + (legs - 1) * _LEG_GAS)
        costs[group.start] += _TOKEN_TRADER_GAS if tokenised else _TRADER_GAS
    budget = gas * 9 // 10 - _BASE_GAS - len(book.grid) * _PRODUCT_GAS
    size = max(min(most_orders, book.count), 1)
    while size > 1 and any(
        sum(costs[start : start + size]) > budget for start in range(0, book.count, size)
    ):
        size = size * 2 // 3
    return size


def _forced(session: Session, market: int, number: int) -> Sequence[bytes]:
    digests = session.exec(
        select(OrderRow.digest).where(
            OrderRow.market == market,
            OrderRow.round == number,
            col(OrderRow.forced).is_(True),
            col(OrderRow.book_index).is_not(None),
        )
    ).all()
    return [bytes.fromhex(digest[2:]) for digest in digests]
