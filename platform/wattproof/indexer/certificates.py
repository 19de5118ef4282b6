"""Certified devices, batches, holdings and what is for sale, as the chain holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session, col, or_, select, tuple_

from wattproof.certificates.ids import BatchId
from wattproof.certificates.models import (
    BatchRow,
    CertifiedDeviceRow,
    HoldingRow,
    PlaceRow,
    PoolRow,
)
from wattproof.gateway.abi import Event
from wattproof.gateway.chain import Block, Call, Chain
from wattproof.indexer.projection import Stale

_CONTRACT = "GreenCertificates"
_AT_ONCE = 200


@dataclass(slots=True)
class CertificateReading:
    """Fresh values by the key of what they belong to."""

    devices: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    batches: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    holdings: dict[tuple[str, int], int] = field(default_factory=dict)
    offers: dict[tuple[int, int, str], Mapping[str, Any]] = field(default_factory=dict)
    parcels: dict[tuple[int, int, str], Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    pools: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)


def add_places(session: Session, stale: Stale) -> None:
    """A delivery names no sellers, and a transfer no pool: read again all that it may concern."""
    pools, collectors = sorted(stale.pools), sorted(stale.collectors)
    for start in range(0, max(len(pools), len(collectors)), _AT_ONCE):
        end = start + _AT_ONCE
        known = session.exec(
            select(PlaceRow).where(
                or_(
                    tuple_(col(PlaceRow.market), col(PlaceRow.slot)).in_(pools[start:end]),
                    col(PlaceRow.account).in_(collectors[start:end]),
                )
            )
        ).all()
        stale.places |= {(row.market, row.slot, row.account) for row in known}


def read(chain: Chain, stale: Stale, at: Block) -> CertificateReading:
    """Ask the contract, in few requests."""
    devices, batches = sorted(stale.certified), sorted(stale.batches)
    holdings, places, pools = sorted(stale.holdings), sorted(stale.places), sorted(stale.pools)
    calls: list[Call] = [
        *((_CONTRACT, "deviceOf", (device,)) for device in devices),
        *((_CONTRACT, "batchOf", (batch,)) for batch in batches),
        *((_CONTRACT, "balanceOf", key) for key in holdings),
        *((_CONTRACT, "offerOf", key) for key in places),
        *((_CONTRACT, "parcelsOf", key) for key in places),
        *((_CONTRACT, "poolOf", key) for key in pools),
    ]
    answers = iter(chain.call_many(calls, block={"blockHash": at.hash}))
    return CertificateReading(
        devices={key: next(answers) for key in devices},
        batches={key: next(answers) for key in batches},
        holdings={key: next(answers) for key in holdings},
        offers={key: next(answers) for key in places},
        parcels={key: next(answers) for key in places},
        pools={key: next(answers) for key in pools},
    )


def store(
    session: Session, fresh: CertificateReading, stale: Stale, events: Sequence[Event]
) -> None:
    """Write what was read; what the chain no longer has, a reorganisation took back."""
    for device, view in fresh.devices.items():
        _store_device(session, device, view)
    for batch, view in fresh.batches.items():
        _store_batch(session, batch, view)
    for (account, batch), held_wh in fresh.holdings.items():
        _put(session, HoldingRow, (account, batch), {"held_wh": held_wh}, keep=held_wh > 0)
    for key, offer in fresh.offers.items():
        parcels = fresh.parcels[key]
        uncollected = sum(int(each["length"]) for each in parcels)
        values = {
            "offered_wh": offer["offered"],
            "recalled_wh": offer["recalled"],
            "recall_round": offer["recallRound"],
            "uncollected_wh": uncollected,
            "next_position": int(parcels[0]["start"]) if parcels else -1,
        }
        _put(
            session,
            PlaceRow,
            key,
            values,
            keep=bool(offer["offered"] or offer["recallRound"] or uncollected),
        )
    for pool, (head, tail) in fresh.pools.items():
        _put(session, PoolRow, pool, {"head": head, "tail": tail}, keep=tail > 0)
    session.flush()
    for event in events:
        if event.contract == _CONTRACT and event.name == "BatchIssued":
            row = session.get(BatchRow, event.args["id"])
            if row is not None:
                row.issued_to, row.issued_in = event.args["to"], event.transaction_hash
                session.add(row)
    _look_again(session, stale)


def _store_device(session: Session, device: str, view: Mapping[str, Any]) -> None:
    row = session.get(CertifiedDeviceRow, device)
    if view["slotSeconds"] == 0:
        if row is not None:
            session.delete(row)
        return
    session.merge(
        CertifiedDeviceRow(
            device=device,
            market=view["market"],
            zone=view["zone"],
            technology=view["technology"],
            efficiency_bp=view["efficiencyBp"],
            from_period=view["fromPeriod"],
            until_period=view["untilPeriod"],
            slot_seconds=view["slotSeconds"],
            period_slots=view["periodSlots"],
            next_period=row.next_period if row is not None else view["fromPeriod"],
        )
    )


def _store_batch(session: Session, batch: int, view: Mapping[str, Any]) -> None:
    row = session.get(BatchRow, batch)
    if view["issuedWh"] == 0:
        if row is not None:
            session.delete(row)
        return
    parts = BatchId.of(batch)
    session.merge(
        BatchRow(
            batch=batch,
            device=parts.device,
            period=parts.period,
            slot=parts.slot,
            technology=parts.technology,
            zone=view["zone"],
            vintage=view["vintage"],
            starts_at=view["startsAt"],
            ends_at=view["endsAt"],
            issued_wh=view["issuedWh"],
            retired_wh=view["retiredWh"],
            expired_wh=view["expiredWh"],
            issued_to=row.issued_to if row is not None else "",
            issued_in=row.issued_in if row is not None else "",
        )
    )


def _look_again(session: Session, stale: Stale) -> None:
    """Move the marks of issuing back to the periods of which something changed."""
    first: dict[str, int] = {}
    for device, period in stale.periods | stale.issues:
        first[device] = min(period, first.get(device, period))
    for device, period in sorted(first.items()):
        row = session.get(CertifiedDeviceRow, device)
        if row is not None and period < row.next_period:
            row.next_period = max(period, row.from_period)
            session.add(row)
    session.flush()


def _put(
    session: Session,
    model: type[Any],
    key: tuple[Any, ...],
    values: Mapping[str, Any],
    *,
    keep: bool,
) -> None:
    """Store a row under its primary key, or take it away."""
    row = session.get(model, key)
    if not keep:
        if row is not None:
            session.delete(row)
        return
    if row is None:
        names = [column.name for column in model.__table__.primary_key]
        row = model(**dict(zip(names, key, strict=True)), **values)
    else:
        for name, value in values.items():
            setattr(row, name, value)
    session.add(row)
