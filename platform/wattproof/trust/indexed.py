"""An account's history from the index of the chain: what a request is answered with.

It reads rows of the account alone. `replayed` gives the same from a node, and a test holds the two
equal; who does not believe the index asks a node (`wattproof profile verify`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import func
from sqlmodel import Session, col, or_, select, tuple_

from market.payment import leg_energy_wh
from market.reference.meters import MISSING, decode_values
from market.track_record import AccountHistory
from wattproof.errors import UnavailableError
from wattproof.indexer.models import BlockRow, EventRow, argument
from wattproof.meters.models import ClosureRow
from wattproof.orders.models import OrderRow
from wattproof.rounds.facts import is_tokenised
from wattproof.rounds.models import MarketRow, RoundRow
from wattproof.runtime import Platform
from wattproof.trust.told import (
    OF_ACCOUNT,
    OF_DEVICES,
    SHARED,
    MarketTerms,
    PositionLine,
    Surroundings,
    Told,
    history_of,
)
from wattproof.trust.track_record import At, LedgerStatement, state

_ATTEMPTS = 4
_SETTLED = "Settled"


def stated(platform: Platform, account: str) -> LedgerStatement:
    """The ledger half of an account's profile, up to the block that the index stands on.

    Raises:
        UnavailableError: nothing is indexed yet, or the index moved again and again.
    """
    for _ in range(_ATTEMPTS):
        with platform.transaction() as session:
            at = _top(session)
            history = indexed(session, account, at.time)
            if _top(session) == at:
                return state(platform.deployment, at, history)
    raise UnavailableError("the index is catching up with the chain; try again")


def indexed(session: Session, account: str, now: int) -> AccountHistory:
    """The account's history; `now` is the time of the block that the index stands on."""
    rows = _events(session, OF_ACCOUNT, account=account)
    devices = [str(row.args["device"]) for row in rows if row.name == "DeviceRegistered"]
    if devices:
        rows = [*rows, *_events(session, OF_DEVICES, devices=devices)]
    markets = {row.market: row for row in session.exec(select(MarketRow)).all()}
    closed = (
        select(ClosureRow.market, func.max(ClosureRow.period))
        .where(col(ClosureRow.closed).is_(True))
        .group_by(col(ClosureRow.market))
    )
    around = Surroundings(
        markets={
            number: MarketTerms(int(row.params["slotSeconds"]), int(row.params["periodSlots"]))
            for number, row in markets.items()
        },
        positions=tuple(_positions(session, account, markets.values())),
        latest=dict(session.exec(closed).all()),
        coverage=lambda market, period: _coverage(session, market, period),
        now=now,
    )
    return history_of(account, (Told(row.contract, row.name, row.args) for row in rows), around)


def _top(session: Session) -> At:
    row = session.exec(select(BlockRow).order_by(col(BlockRow.number).desc()).limit(1)).first()
    if row is None:
        raise UnavailableError("nothing of the chain is indexed yet; try again")
    return At(row.number, row.hash, row.timestamp)


def _events(
    session: Session,
    kinds: Sequence[tuple[str, str]],
    *,
    account: str = "",
    devices: Sequence[str] = (),
) -> Sequence[EventRow]:
    place = tuple_(col(EventRow.contract), col(EventRow.name))
    owned = [kind for kind in kinds if kind not in SHARED]
    whose = argument("device").in_(devices) if devices else argument("account") == account
    wanted = or_(place.in_(owned) & whose, place.in_(SHARED if account else ()))
    return session.exec(
        select(EventRow).where(wanted).order_by(col(EventRow.block_number), col(EventRow.log_index))
    ).all()


def _positions(
    session: Session, account: str, markets: Iterable[MarketRow]
) -> Iterable[PositionLine]:
    """Energy of the account's filled orders in settled rounds; tokens leave no positions."""
    tokenised = [row.market for row in markets if is_tokenised(row)]
    rows = session.exec(
        select(OrderRow)
        .join(
            RoundRow,
            (col(RoundRow.market) == col(OrderRow.market))
            & (col(RoundRow.number) == col(OrderRow.round)),
        )
        .where(
            OrderRow.trader == account,
            col(OrderRow.book_index).is_not(None),
            RoundRow.chain_status == _SETTLED,
            col(OrderRow.market).not_in(tokenised),
        )
        .order_by(col(OrderRow.market), col(OrderRow.round), col(OrderRow.book_index))
    ).all()
    for row in rows:
        for product, coefficient in row.legs:
            quantity = leg_energy_wh(int(coefficient), row.fill or 0)
            if quantity:
                yield PositionLine(row.market, int(product), quantity)


def _coverage(session: Session, market: int, period: int) -> int:
    """Slots of which somebody's reading has a value, as first posted."""
    covered = 0
    for row in session.exec(
        select(EventRow).where(
            EventRow.contract == "MeterRegistry",
            EventRow.name == "ReadingsPosted",
            EventRow.market == market,
            argument("period") == str(period),
        )
    ).all():
        values = decode_values(Told(row.contract, row.name, row.args).octets("values"))
        for slot, energy_wh in enumerate(values):
            covered |= (energy_wh != MISSING) << slot
    return covered
