"""Between stored orders and the market core's."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, col, select

from market.book import Book
from market.order import Leg, Order, SignedOrder
from wattproof.orders.models import OrderRow
from wattproof.rounds.facts import grid_of
from wattproof.rounds.models import MarketRow, RoundRow


def to_order(row: OrderRow) -> Order:
    """The order as it was signed."""
    return Order(
        market=row.market,
        round=row.round,
        legs=tuple(Leg(int(product), coefficient) for product, coefficient in row.legs),
        max_units=row.max_units,
        limit=row.limit_nano_per_kwh,
        trader=row.trader,
        epoch=row.epoch,
        salt=row.salt,
    )


def to_signed(row: OrderRow) -> SignedOrder:
    """The order with its signature, its id and who signed it, as stored."""
    return SignedOrder(
        to_order(row),
        bytes.fromhex(row.signature[2:]),
        bytes.fromhex(row.digest[2:]),
        row.delegate,
    )


def to_row(signed: SignedOrder, *, received_at: int) -> OrderRow:
    """A new row for an order."""
    order = signed.order
    return OrderRow(
        digest="0x" + signed.digest.hex(),
        market=order.market,
        round=order.round,
        trader=order.trader,
        legs=[[str(leg.product), leg.coefficient] for leg in order.legs],
        max_units=order.max_units,
        limit_nano_per_kwh=order.limit,
        epoch=order.epoch,
        salt=order.salt,
        signature="0x" + signed.signature.hex(),
        delegate=signed.delegate,
        received_at=received_at,
    )


def committed_rows(session: Session, market: int, number: int) -> Sequence[OrderRow]:
    """The committed book's rows in book order."""
    return session.exec(
        select(OrderRow)
        .where(
            OrderRow.market == market,
            OrderRow.round == number,
            col(OrderRow.book_index).is_not(None),
        )
        .order_by(col(OrderRow.book_index))
    ).all()


def committed_book(market: MarketRow, row: RoundRow, rows: Sequence[OrderRow]) -> Book:
    """The book that was committed at the gate."""
    orders = tuple(to_signed(order) for order in rows)
    return Book(market.market, row.number, grid_of(market, row), orders)
