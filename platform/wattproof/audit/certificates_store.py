"""The operator's tables of certificates and quotas against the rebuilt state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from sqlmodel import SQLModel

from wattproof.audit.certificates_state import BatchId
from wattproof.audit.state import Offer, State
from wattproof.certificates.models import (
    BatchRow,
    CertifiedDeviceRow,
    HoldingRow,
    PlaceRow,
    PoolRow,
)
from wattproof.quotas.models import ObligationRow, ReportRow

Rows = dict[Any, Mapping[str, Any]]


class Table(Protocol):
    """Compares a table's rows with what they must be, by key; what is missing or extra counts."""

    def __call__(self, model: type[SQLModel], key_of: Any, expected: Rows) -> None: ...


def compare(state: State, table: Table) -> None:
    """Devices, batches, holdings, what is for sale and to be collected, obligations, reports.

    How far upkeep has come (``certified_device.next_period``) is the operator's own affair.
    """
    table(CertifiedDeviceRow, lambda row: row.device, _devices(state))
    table(BatchRow, lambda row: row.batch, _batches(state))
    held = {key: {"held_wh": wh} for key, wh in state.certificates.held.items() if wh}
    table(HoldingRow, lambda row: (row.account, row.batch), dict(held))
    table(PlaceRow, lambda row: (row.market, row.slot, row.account), dict(_places(state)))
    pools = {
        place: {"head": pool.head, "tail": pool.tail}
        for place, pool in state.certificates.pools.items()
        if pool.tail
    }
    table(PoolRow, lambda row: (row.market, row.slot), dict(pools))
    table(ObligationRow, lambda row: (row.quota, row.account), _obligations(state))
    reports = {
        (*key, period): {"energy_wh": energy_wh}
        for key, obligation in state.quotas.obligations.items()
        for period, energy_wh in obligation.reported.items()
    }
    table(ReportRow, lambda row: (row.quota, row.account, row.period), dict(reports))


def _devices(state: State) -> Rows:
    return {
        device: {
            "market": certified.market,
            "zone": certified.zone,
            "technology": certified.technology,
            "efficiency_bp": certified.efficiency_bp,
            "from_period": certified.from_period,
            "until_period": certified.until_period,
            "slot_seconds": state.markets[certified.market].slot_seconds,
            "period_slots": state.markets[certified.market].period_slots,
        }
        for device, certified in state.certificates.devices.items()
    }


def _batches(state: State) -> Rows:
    found: Rows = {}
    for identity, batch in state.certificates.batches.items():
        said = BatchId.of(identity)
        params = state.markets[state.certificates.devices[said.device].market]
        found[identity] = {
            "device": said.device,
            "period": said.period,
            "slot": said.slot,
            "technology": said.technology,
            "zone": batch.zone,
            "vintage": batch.vintage,
            "starts_at": batch.starts_at,
            "ends_at": batch.starts_at + params.slot_seconds,
            "issued_wh": batch.issued_wh,
            "retired_wh": batch.retired_wh,
            "expired_wh": batch.expired_wh,
            "issued_to": state.devices[said.device].account,
            "issued_in": batch.issued_in,
        }
    return found


def _places(state: State) -> Iterator[tuple[tuple[int, int, str], Mapping[str, Any]]]:
    """Accounts that offer something, or have something to collect."""
    pools = state.certificates.pools
    keys = {key for key in state.offers if state.sells_certificates(key[0])}
    keys |= {(*place, holder) for place, pool in pools.items() for holder in pool.parcels}
    for market, slot, account in keys:
        offer = state.offers.get((market, slot, account), Offer())
        parcels = pools[market, slot].parcels.get(account, [])
        if offer.offered or offer.recall_round or parcels:
            yield (
                (market, slot, account),
                {
                    "offered_wh": offer.offered,
                    "recalled_wh": offer.recalled,
                    "recall_round": offer.recall_round,
                    "uncollected_wh": sum(parcel.length for parcel in parcels),
                    "next_position": parcels[0].start if parcels else -1,
                },
            )


def _obligations(state: State) -> Rows:
    return {
        key: {
            "device": obligation.device,
            "basis": obligation.basis,
            "ratio": obligation.ratio,
            "reported_periods": len(obligation.reported),
            "settled": obligation.settled,
            "energy_wh": obligation.energy_wh,
            "owed_wh": obligation.owed_wh(obligation.energy_wh),
            "surrendered_wh": obligation.surrendered_wh,
            "banked_wh": obligation.banked_wh,
            "shortfall_wh": obligation.shortfall_wh,
            "bond_micro": obligation.bond,
            "penalty_paid_micro": obligation.penalty_paid,
        }
        for key, obligation in state.quotas.obligations.items()
    }
