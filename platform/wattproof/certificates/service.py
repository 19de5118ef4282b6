"""Certified devices, batches, holdings, claims, and what is for sale.

The chain is the only place where certificates live; these read what the indexer keeps of it. One
certificate is one Wh.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode
from sqlalchemy import ColumnElement
from sqlmodel import Session, and_, col, func, or_, select, tuple_

from wattproof.certificates.ids import VINTAGE_S, expiry_of
from wattproof.certificates.models import (
    BatchRow,
    CertifiedDeviceRow,
    HoldingRow,
    PlaceRow,
    PoolRow,
)
from wattproof.errors import NotFoundError
from wattproof.indexer import history
from wattproof.indexer.models import EventRow, argument
from wattproof.meters.models import DeviceRow
from wattproof.runtime import Platform

CONTRACT = "GreenCertificates"
STORE = 0
"""The technology of a store: it has none of its own."""


@dataclass(frozen=True, slots=True)
class StoreState:
    """What a store holds by its accounting, Wh; ``green_wh`` by technology."""

    capacity_wh: int
    energy_wh: int
    next_period: int
    green_wh: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Claim:
    """Certificates retired for a beneficiary (ERC-1888)."""

    beneficiary: str
    issuer: str
    batch: int
    technology: int
    amount_wh: int
    purpose: str
    transaction: str
    block_number: int
    log_index: int


@dataclass(frozen=True, slots=True)
class TradedClass:
    """What a market trades; each of its slots is a vintage (``ids.vintage_of``)."""

    market: int
    technology: int
    zone: int


@dataclass(frozen=True, slots=True)
class ClassTotal:
    """What an account holds of a class, Wh."""

    technology: int
    zone: int
    vintage: int
    held_wh: int

    @property
    def expires_at(self) -> int:
        """From this second on it only expires."""
        return expiry_of(self.vintage)


# -- devices ---------------------------------------------------------------------------------------


def devices(
    session: Session, *, account: str | None = None, after: str | None = None, limit: int = 100
) -> Sequence[tuple[CertifiedDeviceRow, str]]:
    """Certified devices and the accounts of their meters, by address of the device."""
    query = select(CertifiedDeviceRow, col(DeviceRow.account)).join(
        DeviceRow, col(DeviceRow.device) == col(CertifiedDeviceRow.device)
    )
    if account is not None:
        query = query.where(DeviceRow.account == account)
    if after is not None:
        query = query.where(col(CertifiedDeviceRow.device) > after)
    return session.exec(query.order_by(col(CertifiedDeviceRow.device)).limit(limit)).all()


def get_device(session: Session, device: str) -> tuple[CertifiedDeviceRow, DeviceRow]:
    """A certified device and its meter. Raises NotFoundError."""
    row = session.get(CertifiedDeviceRow, device)
    meter = session.get(DeviceRow, device)
    if row is None or meter is None:
        raise NotFoundError(
            f"no certificates are issued for device {device}; GET /certificates/devices lists "
            "those that are certified"
        )
    return row, meter


def store_of(platform: Platform, device: str) -> StoreState:
    """A certified store as the chain has it now."""
    view = platform.chain.call(CONTRACT, "storeOf", device)
    return StoreState(
        capacity_wh=view["capacityWh"],
        energy_wh=view["energyWh"],
        next_period=view["nextPeriod"],
        green_wh=dict(zip(view["technologies"], view["greenWh"], strict=True)),
    )


# -- batches ---------------------------------------------------------------------------------------


def get_batch(session: Session, batch: int) -> BatchRow:
    """Raises NotFoundError."""
    row = session.get(BatchRow, batch)
    if row is None:
        raise _unknown([batch])
    return row


def require_batches(session: Session, batches: Collection[int]) -> None:
    """Raises NotFoundError for ids under which nothing was ever issued."""
    known = set(
        session.exec(select(BatchRow.batch).where(col(BatchRow.batch).in_(set(batches)))).all()
    )
    unknown = [batch for batch in batches if batch not in known]
    if unknown:
        raise _unknown(unknown)


def batches(
    session: Session,
    *,
    device: str | None = None,
    technology: int | None = None,
    zone: int | None = None,
    vintage: int | None = None,
    after: tuple[int, int] | None = None,
    limit: int = 100,
) -> Sequence[BatchRow]:
    """Batches by beginning of their interval, then id; ``after`` is such a pair."""
    query = select(BatchRow)
    for column, wanted in (
        (col(BatchRow.device), device),
        (col(BatchRow.technology), technology),
        (col(BatchRow.zone), zone),
        (col(BatchRow.vintage), vintage),
    ):
        if wanted is not None:
            query = query.where(column == wanted)
    if after is not None:
        query = query.where(_is_after(*after))
    return session.exec(
        query.order_by(col(BatchRow.starts_at), col(BatchRow.batch)).limit(limit)
    ).all()


# -- holders ---------------------------------------------------------------------------------------


def holdings(
    session: Session,
    account: str,
    *,
    expires_by: int | None = None,
    after: tuple[int, int] | None = None,
    limit: int = 100,
) -> Sequence[tuple[BatchRow, int]]:
    """Batches that an account holds certificates of, and Wh held; oldest interval first.

    Args:
        expires_by: only what expires by then, Unix seconds.
        after: beginning of the interval and id of the last one on the page before.
    """
    query = (
        select(BatchRow, col(HoldingRow.held_wh))
        .join(HoldingRow, col(HoldingRow.batch) == col(BatchRow.batch))
        .where(HoldingRow.account == account)
    )
    if expires_by is not None:
        latest = (expires_by - expiry_of(0)) // VINTAGE_S
        query = query.where(col(BatchRow.vintage) <= latest)
    if after is not None:
        query = query.where(_is_after(*after))
    return session.exec(
        query.order_by(col(BatchRow.starts_at), col(BatchRow.batch)).limit(limit)
    ).all()


def totals(session: Session, account: str) -> list[ClassTotal]:
    """What an account holds, by class."""
    key = col(BatchRow.technology), col(BatchRow.zone), col(BatchRow.vintage)
    rows = session.exec(
        select(*key, func.sum(HoldingRow.held_wh))
        .join(HoldingRow, col(HoldingRow.batch) == col(BatchRow.batch))
        .where(HoldingRow.account == account)
        .group_by(*key)
        .order_by(*key)
    ).all()
    return [
        ClassTotal(technology, zone, vintage, int(held)) for technology, zone, vintage, held in rows
    ]


def places(session: Session, account: str) -> Sequence[PlaceRow]:
    """Where an account offers certificates, or has not collected those it bought or recalled."""
    return session.exec(
        select(PlaceRow)
        .where(PlaceRow.account == account)
        .order_by(col(PlaceRow.market), col(PlaceRow.slot))
    ).all()


def claims(
    session: Session,
    *,
    beneficiary: str | None = None,
    after: tuple[int, int] | None = None,
    limit: int = 100,
) -> list[Claim]:
    """What was retired, oldest first; ``after`` is block and place of the last on the page."""
    place = col(EventRow.block_number), col(EventRow.log_index)
    query = select(EventRow).where(EventRow.contract == CONTRACT, EventRow.name == "ClaimSingle")
    if beneficiary is not None:
        query = query.where(argument("claimSubject") == beneficiary)
    if after is not None:
        query = query.where(tuple_(*place) > after)
    return [_claim(row) for row in session.exec(query.order_by(*place).limit(limit)).all()]


def is_approved(platform: Platform, holder: str, operator: str) -> bool:
    """Whether a contract may move what an account holds (ERC-1155)."""
    return bool(platform.chain.call(CONTRACT, "isApprovedForAll", holder, operator))


# -- what is for sale ------------------------------------------------------------------------------


def traded_classes(session: Session) -> list[TradedClass]:
    """Markets of certificates and what each trades."""
    return [
        TradedClass(int(e.args["market"]), e.args["technology"], e.args["zone"])
        for e in history.events(session, CONTRACT, "MarketBound")
    ]


def pools(session: Session, market: int | None = None) -> Sequence[PoolRow]:
    """Sale pools by market and slot."""
    query = select(PoolRow).order_by(col(PoolRow.market), col(PoolRow.slot))
    if market is not None:
        query = query.where(PoolRow.market == market)
    return session.exec(query).all()


def get_pool(session: Session, market: int, slot: int) -> PoolRow:
    """Raises NotFoundError."""
    row = session.get(PoolRow, (market, slot))
    if row is None:
        raise NotFoundError(
            f"nobody offered certificates in market {market} for slot {slot}; "
            "GET /certificates/classes lists what is for sale"
        )
    return row


# -- parts -----------------------------------------------------------------------------------------


def _is_after(starts_at: int, batch: int) -> ColumnElement[bool]:
    beginning = col(BatchRow.starts_at)
    return or_(beginning > starts_at, and_(beginning == starts_at, col(BatchRow.batch) > batch))


def _unknown(unknown: Sequence[int]) -> NotFoundError:
    return NotFoundError(
        f"no certificates were issued under {', '.join(map(str, unknown))}; "
        "GET /certificates/holdings lists yours, GET /certificates/batches all",
        code="unknown_certificate",
    )


def _claim(row: EventRow) -> Claim:
    args: Mapping[str, Any] = row.args
    (purpose,) = decode(["string"], bytes.fromhex(args["claimData"][2:]))
    return Claim(
        beneficiary=args["claimSubject"],
        issuer=args["claimIssuer"],
        batch=int(args["id"]),
        technology=int(args["topic"]),
        amount_wh=int(args["value"]),
        purpose=purpose,
        transaction=row.transaction_hash,
        block_number=row.block_number,
        log_index=row.log_index,
    )
