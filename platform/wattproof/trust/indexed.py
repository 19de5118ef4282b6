"""An account's history from the index of the chain: what a request is answered with.

It reads rows of the account alone, and of them only what an indexed event put there: views may be
of a later block than the one the index stands on, while it catches up. `replayed` gives the same
from a node, and a test holds the two equal; who does not believe the index asks a node (`wattproof
profile verify`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, or_, select, tuple_

from market.payment import leg_energy_wh
from market.reference.meters import MISSING, decode_values
from market.track_record import AccountHistory
from wattproof.errors import UnavailableError
from wattproof.indexer.models import BlockRow, EventRow, argument
from wattproof.meters.models import ClosureRow, DeviceRow
from wattproof.orders.models import OrderRow
from wattproof.rounds.facts import is_tokenised
from wattproof.rounds.models import MarketRow
from wattproof.runtime import Platform
from wattproof.trust.told import (
    OF_ACCOUNT,
    POSTED,
    RULED,
    SHARED,
    MarketTerms,
    PositionLine,
    Surroundings,
    Told,
    history_of,
)
from wattproof.trust.track_record import At, LedgerStatement, state

_ATTEMPTS = 4
_SETTLED = ("Exchange", "RoundSettled")
_KIND = tuple_(col(EventRow.contract), col(EventRow.name))


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
    meters = session.exec(select(DeviceRow).where(DeviceRow.account == account)).all()
    events = [*_registrations(meters), *_closings(session, account), *_told(session, account)]
    events += _readings(session, meters)
    markets = {row.market: row for row in session.exec(select(MarketRow)).all()}
    closed = (
        select(ClosureRow.market, func.max(ClosureRow.period))
        .where(col(ClosureRow.lock_micro).is_not(None))
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
    return history_of(account, events, around)


def _top(session: Session) -> At:
    row = session.exec(select(BlockRow).order_by(col(BlockRow.number).desc()).limit(1)).first()
    if row is None:
        raise UnavailableError("nothing of the chain is indexed yet; try again")
    return At(row.number, row.hash, row.timestamp)


def _registrations(meters: Sequence[DeviceRow]) -> Iterator[Told]:
    for row in meters:
        yield Told(
            "MeterRegistry",
            "DeviceRegistered",
            {"device": row.device, "market": row.market, "carrier": row.carrier},
        )


def _closings(session: Session, account: str) -> Iterator[Told]:
    rows = session.exec(
        select(ClosureRow).where(
            ClosureRow.account == account, col(ClosureRow.lock_micro).is_not(None)
        )
    ).all()
    for row in rows:
        yield Told(
            "Imbalance",
            "PeriodClosed",
            {
                "market": row.market,
                "period": row.period,
                "lock": row.lock_micro,
                "charge": row.charge_micro,
            },
        )


def _told(session: Session, account: str) -> Iterator[Told]:
    """Of demand response and quotas: events of the account, and terms that all share."""
    own = [kind for kind in OF_ACCOUNT if kind not in SHARED]
    whose = or_(_KIND.in_(SHARED), _KIND.in_(own) & (argument("account") == account))
    yield from _events(session, _named(OF_ACCOUNT) & whose)


def _readings(session: Session, meters: Sequence[DeviceRow]) -> Iterator[Told]:
    """What was posted by the account's meters, disputed and ruled; the events have it as it was."""
    if meters:
        whose = argument("device").in_([row.device for row in meters])
        posted = _KIND == POSTED
        markets = col(EventRow.market).in_({row.market for row in meters})
        yield from _events(session, posted & markets & whose)
        yield from _events(session, _named(RULED) & _KIND.in_(RULED) & whose)


def _named(kinds: Sequence[tuple[str, str]]) -> ColumnElement[bool]:
    """Events with a name of one of these kinds: what there is an index for."""
    return col(EventRow.name).in_({name for _, name in kinds})


def _events(session: Session, wanted: ColumnElement[bool]) -> Iterator[Told]:
    rows = session.exec(
        select(EventRow).where(wanted).order_by(col(EventRow.block_number), col(EventRow.log_index))
    ).all()
    for row in rows:
        yield Told(row.contract, row.name, row.args)


def _positions(
    session: Session, account: str, markets: Iterable[MarketRow]
) -> Iterable[PositionLine]:
    """Energy of the account's filled orders in settled rounds; tokens leave no positions."""
    tokenised = [row.market for row in markets if is_tokenised(row)]
    rows = session.exec(
        select(OrderRow)
        .join(
            EventRow,
            (col(EventRow.market) == col(OrderRow.market))
            & (col(EventRow.round) == col(OrderRow.round)),
        )
        .where(
            OrderRow.trader == account,
            col(OrderRow.book_index).is_not(None),
            _KIND == _SETTLED,
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
