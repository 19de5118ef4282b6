"""Devices, readings and closed positions, as the chain holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session

from wattproof.gateway.abi import Event
from wattproof.gateway.chain import Block, Call, Chain
from wattproof.indexer.projection import Stale
from wattproof.meters.models import ClosureRow, DeviceRow, ReadingRow
from wattproof.meters.values import unpack

STATUSES = ("None", "Posted", "Disputed", "Kept", "Replaced", "Void")


@dataclass(slots=True)
class MeterReading:
    """Fresh values by the key of what they belong to."""

    devices: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    readings: dict[tuple[str, int], tuple[bytes, int, int, int]] = field(default_factory=dict)
    closures: dict[tuple[int, int, str], bool] = field(default_factory=dict)


def read(chain: Chain, stale: Stale, at: Block) -> MeterReading:
    """Ask the contracts, in few requests."""
    devices, readings, closures = (
        sorted(stale.devices),
        sorted(stale.periods),
        sorted(stale.closures),
    )
    calls: list[Call] = [
        *(("MeterRegistry", "deviceInfo", (device,)) for device in devices),
        *(("MeterRegistry", "reading", (device, period)) for device, period in readings),
        *(
            ("Imbalance", "closed", (market, account, period))
            for market, period, account in closures
        ),
    ]
    answers = iter(chain.call_many(calls, block={"blockHash": at.hash}))
    return MeterReading(
        devices={key: next(answers) for key in devices},
        readings={key: next(answers) for key in readings},
        closures={key: next(answers) for key in closures},
    )


def store(session: Session, fresh: MeterReading, events: Sequence[Event]) -> None:
    """Write what was read, and the values that only events carry."""
    for device, info in fresh.devices.items():
        row = session.get(DeviceRow, device)
        if info["capacityW"] == 0:  # a reorganisation took the registration back
            if row is not None:
                session.delete(row)
            continue
        session.merge(
            DeviceRow(
                device=device,
                market=info["market"],
                account=info["account"],
                carrier=info["carrier"],
                capacity_w=info["capacityW"],
                key=info["key"],
            )
        )
    for event in events:
        _take_values(session, event)
    session.flush()
    for (name, period), (_, posted_at, status, _) in fresh.readings.items():
        meter = session.get(DeviceRow, name)
        reading = meter and session.get(ReadingRow, (name, meter.market, period))
        if reading is not None:
            reading.chain_status = STATUSES[status]
            reading.posted_at = posted_at
            session.add(reading)
    for (market, period, account), closed in fresh.closures.items():
        closure = session.get(ClosureRow, (market, period, account)) or ClosureRow(
            market=market, period=period, account=account
        )
        closure.closed = closed
        if not closed:
            closure.lock_micro = closure.charge_micro = None
        session.add(closure)
    session.flush()
    for event in events:
        if event.contract == "Imbalance" and event.name == "PeriodClosed":
            args = event.args
            found = session.get(ClosureRow, (args["market"], args["period"], args["account"]))
            if found is not None:
                found.lock_micro, found.charge_micro = args["lock"], args["charge"]
                session.add(found)


def _take_values(session: Session, event: Event) -> None:
    if event.contract != "MeterRegistry" or not event.args.get("values"):
        return
    args = event.args
    device = session.get(DeviceRow, args["device"])
    if device is None:
        return
    key = (args["device"], device.market, args["period"])
    row = session.get(ReadingRow, key)
    if row is None:
        row = ReadingRow(
            device=key[0],
            market=key[1],
            period=key[2],
            values_wh=[],
            signature="0x",
            received_at=0,
        )
    row.values_wh = unpack(args["values"])
    session.add(row)
