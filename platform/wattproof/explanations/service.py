"""Rounds as they are explained: only what is cleared, only to whom it may be shown."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlmodel import Session, select

from market.delegation import Session as DelegateSession
from market.eligibility import TraderFacts
from market.explanation import (
    ClearedRound,
    ProductNames,
    network_order_names,
    network_places,
)
from market.product import ProductError
from market.registry import markets
from wattproof.errors import InvalidError, NotFoundError, RefusedError, WattproofError
from wattproof.networks.service import MarketNetwork, get_network
from wattproof.orders.models import OrderRow
from wattproof.rounds.facts import get_market, get_round, rules_of
from wattproof.rounds.models import MarketRow, RoundRow, TraderFactsRow
from wattproof.rounds.settlement import stored_clearing
from wattproof.runtime import Platform

_SETTLED = ("confirmed", "delivered", "closed")
_CLEARED = ("cleared", "submitted", *_SETTLED)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks: its address, None for somebody who is not signed in; and whether it sees all
    orders (the operator and the regulator do)."""

    address: str | None
    sees_all: bool

    def sees(self, cleared: ClearedRound, position: int) -> bool:
        """Whether the order at this place of the book may be named to the reader."""
        signed = cleared.book.orders[position]
        return self.sees_all or self.address in (signed.order.trader, signed.signer)

    def is_delegate(self, cleared: ClearedRound, position: int) -> bool:
        """Whether the reader signed the order for somebody else, and sees no more than that."""
        trader = cleared.book.orders[position].order.trader
        return not self.sees_all and self.address != trader


def cleared_round(platform: Platform, session: Session, market: int, number: int) -> ClearedRound:
    """A cleared round, whole.

    Raises:
        NotFoundError: no such market or round.
        RefusedError: it is not cleared yet, or void; says what to do.
    """
    market_row, row = get_market(session, market), get_round(session, market, number)
    _require_cleared(row)
    key = (market, number, str(row.prices_hash))
    return platform.explained.get(key, lambda: _load(session, market_row, row))


def public_round(
    platform: Platform, session: Session, market: int, number: int, reader: Reader
) -> ClearedRound:
    """A cleared round whose aggregated book the reader may see: everybody's once it is settled.

    Raises:
        NotFoundError, RefusedError: as ``cleared_round``; also where it is not settled yet.
    """
    cleared = cleared_round(platform, session, market, number)
    row = get_round(session, market, number)
    if row.state not in _SETTLED and not reader.sees_all:
        raise RefusedError(
            f"round {number} of market {market} is cleared, but not settled on the chain yet; its "
            "book is open to everybody once it is: ask again in a moment",
            code="not_settled",
        )
    return cleared


def product_index(cleared: ClearedRound, text: str) -> int:
    """Index of the product that ``text`` names (`carrier/zone/slot`, or its number).

    Raises:
        InvalidError: the round does not trade it; says what it trades.
    """
    grid = cleared.book.grid
    try:
        return grid.index(cleared.names.find(text, grid))
    except ProductError as error:
        raise InvalidError(str(error), code="unknown_product") from error


def position_of(cleared: ClearedRound, order: OrderRow) -> int:
    """Where a stored order of this round stands in its book.

    Raises:
        NotFoundError: it is an order of another round.
        RefusedError: it did not get into the book; says why.
    """
    book = cleared.book
    if (order.market, order.round) != (book.market, book.round):
        raise NotFoundError(
            f"order {order.digest} is not of round {book.round} of market {book.market}, but of "
            f"round {order.round} of market {order.market}"
        )
    if order.book_index is not None:
        return order.book_index
    if order.cancelled_at is not None:
        when = datetime.fromtimestamp(order.cancelled_at, UTC)
        raise RefusedError(
            f"its trader cancelled order {order.digest} at {when:%Y-%m-%d %H:%M:%S} UTC, before "
            "the gate, so it took no part in the round",
            code="cancelled",
        )
    raise RefusedError(
        f"order {order.digest} did not reach the book before the gate, so it took no part in the "
        "round; if you hold a receipt for it, claim the omission from the operator's bond",
        code="not_in_book",
    )


def positions_of(cleared: ClearedRound, reader: Reader) -> Collection[int]:
    """Places of the orders that may be named to the reader, ascending."""
    if reader.sees_all:
        return range(cleared.book.count)
    return [place for place in range(cleared.book.count) if reader.sees(cleared, place)]


def names_of(market: MarketRow, network: MarketNetwork | None = None) -> ProductNames:
    """What a market's products are called; by numbers where its folder is not installed."""
    manifest, rules = markets().get(market.name), rules_of(market)
    return ProductNames(
        carriers=manifest.carriers if manifest else (),
        zones=manifest.zones if manifest else (),
        slot_seconds=rules.slot_seconds,
        period_slots=rules.period_slots,
        places=network_places(network.network) if network else {},
    )


def _require_cleared(row: RoundRow) -> None:
    place = f"round {row.number} of market {row.market}"
    if row.state in _CLEARED:
        return
    if row.state == "void":
        because = f" ({row.error})" if row.error else ""
        raise RefusedError(
            f"{place} is void{because}: nothing was traded in it and all margin is free again; "
            "sign your orders for a later round",
            code="round_void",
        )
    if row.state == "gate_closed":
        problem = f"; it is held up: {row.error}" if row.error else ""
        raise RefusedError(
            f"{place} has closed its gate and is not cleared yet{problem}; ask again in a moment",
            code="not_cleared",
        )
    gate = datetime.fromtimestamp(row.gate_at, UTC)
    raise RefusedError(
        f"{place} is {row.state} and not cleared yet: it takes orders until "
        f"{gate:%Y-%m-%d %H:%M:%S} UTC; ask again after that",
        code="not_cleared",
    )


def _load(session: Session, market: MarketRow, row: RoundRow) -> ClearedRound:
    stored = stored_clearing(session, market.market, row.number)
    facts = session.exec(
        select(TraderFactsRow).where(
            TraderFactsRow.market == market.market, TraderFactsRow.round == row.number
        )
    ).all()
    rules, network = rules_of(market), _network_of(session, market)
    cleared = ClearedRound(
        book=stored.book,
        facts={
            fact.trader: TraderFacts(
                margin_micro=fact.margin_micro,
                epoch=fact.epoch,
                eligible=fact.eligible,
                capacity_wh=fact.capacity_wh,
                session=None if fact.session is None else DelegateSession.of_chain(fact.session),
                gate_at=row.gate_at,
            )
            for fact in facts
        },
        clearing=stored.clearing,
        rules=rules,
        names=names_of(market, network),
        order_names=network_order_names(
            network.network, stored.book, network.account, rules.slot_seconds
        )
        if network
        else {},
    )
    if cleared.maxima != stored.maxima:
        raise WattproofError(
            f"what is stored of round {row.number} of market {market.market} contradicts itself: "
            "the facts at the gate give other maxima; run `wattproof audit replay`",
            code="stored_round_differs",
        )
    return cleared


def _network_of(session: Session, market: MarketRow) -> MarketNetwork | None:
    """The market's network, if it has one that can be read."""
    try:
        return get_network(session, market.market)
    except (NotFoundError, InvalidError):
        return None
