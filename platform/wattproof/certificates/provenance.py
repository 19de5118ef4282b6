"""From a certificate down to the device, the interval and the reading that proves it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eth_utils.crypto import keccak
from sqlmodel import Session, col, select, tuple_

from wattproof.certificates import service
from wattproof.certificates.models import BatchRow, CertifiedDeviceRow
from wattproof.errors import InvalidError
from wattproof.indexer.models import EventRow, argument
from wattproof.meters.models import DeviceRow, ReadingRow
from wattproof.meters.values import pack
from wattproof.runtime import Platform


@dataclass(frozen=True, slots=True)
class ReadingTrail:
    """The final reading behind an interval.

    Attributes:
        value_wh: what the meter showed in the slot; negative is energy fed in.
        values_hash: what the device signed, or the authority put in its place.
        posted_in, resolved_in: hashes of the transactions; the second where it was disputed.
    """

    status: str
    value_wh: int | None
    values_hash: str
    posted_in: str
    resolved_in: str | None


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a batch comes from. A store's certificates also come from what was charged."""

    batch: BatchRow
    device: CertifiedDeviceRow
    meter: DeviceRow
    reading: ReadingTrail


@dataclass(frozen=True, slots=True)
class Stored:
    """Certificates given for energy that a store charged."""

    period: int
    slot: int
    batch: int
    amount_wh: int
    transaction: str
    block_number: int
    log_index: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Certificates of one batch at positions of a sale pool."""

    batch: int
    amount_wh: int


def of(session: Session, batch: int) -> Provenance:
    """Raises NotFoundError."""
    row = service.get_batch(session, batch)
    device, meter = service.get_device(session, row.device)
    return Provenance(row, device, meter, _trail(session, meter, row))


def charges(
    session: Session, device: str, *, after: tuple[int, int] | None = None, limit: int = 100
) -> list[Stored]:
    """What was given into a store, oldest first; ``after`` is block and place of an event."""
    place = col(EventRow.block_number), col(EventRow.log_index)
    query = select(EventRow).where(
        EventRow.contract == service.CONTRACT,
        EventRow.name == "Stored",
        argument("device") == device,
    )
    if after is not None:
        query = query.where(tuple_(*place) > after)
    return [
        Stored(
            period=row.args["period"],
            slot=row.args["slot"],
            batch=int(row.args["id"]),
            amount_wh=int(row.args["amount"]),
            transaction=row.transaction_hash,
            block_number=row.block_number,
            log_index=row.log_index,
        )
        for row in session.exec(query.order_by(*place).limit(limit)).all()
    ]


def pieces(
    platform: Platform, session: Session, market: int, slot: int, start: int, length: int
) -> list[Piece]:
    """The certificates that stand at positions of a pool, sold or not, collected or not.

    Raises:
        NotFoundError: nobody offered anything there.
        InvalidError: the pool has no such positions.
    """
    tail = service.get_pool(session, market, slot).tail
    if start + length > tail:
        raise InvalidError(
            f"the pool of market {market} and slot {slot} has positions 0 to {tail}",
            code="no_place",
        )
    batches, amounts = platform.chain.call(
        service.CONTRACT, "certificatesAt", market, slot, start, length
    )
    return [Piece(batch, amount) for batch, amount in zip(batches, amounts, strict=True)]


def _trail(session: Session, meter: DeviceRow, batch: BatchRow) -> ReadingTrail:
    reading = session.get(ReadingRow, (meter.device, meter.market, batch.period))
    assert reading is not None  # nothing is issued without one
    said = _events(session, meter.device, batch.period)
    resolved = [row.transaction_hash for row in said if row.name == "ReadingResolved"]
    posted = [row.transaction_hash for row in said if row.name == "ReadingsPosted"]
    return ReadingTrail(
        status=reading.chain_status,
        value_wh=reading.values_wh[batch.slot],
        values_hash="0x" + keccak(pack(reading.values_wh)).hex(),
        posted_in=posted[-1],
        resolved_in=resolved[-1] if resolved else None,
    )


def _events(session: Session, device: str, period: int) -> Sequence[EventRow]:
    return session.exec(
        select(EventRow)
        .where(
            EventRow.contract == "MeterRegistry",
            col(EventRow.name).in_(("ReadingsPosted", "ReadingResolved")),
            argument("device") == device,
            argument("period") == str(period),
        )
        .order_by(col(EventRow.block_number), col(EventRow.log_index))
    ).all()
