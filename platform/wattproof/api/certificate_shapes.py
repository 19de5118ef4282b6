"""Green certificates as answers carry them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, Field

from wattproof.api.fields import Integer
from wattproof.certificates import provenance, service
from wattproof.certificates.ids import expiry_of, vintage_of
from wattproof.certificates.models import BatchRow, CertifiedDeviceRow, PlaceRow, PoolRow


class DeviceOut(BaseModel):
    """A device for which certificates are issued."""

    device: str
    account: str = Field(description="Whose meter it is.")
    kind: Literal["producer", "store"]
    market: int
    technology: int = Field(description="0 for a store.")
    zone: int
    efficiency_bp: int = Field(description="0 for a producer.")
    from_period: int
    until_period: int | None = Field(description="The first that does not count; null: none known.")


class StoreOut(BaseModel):
    capacity_wh: Integer
    energy_wh: Integer
    next_period: int = Field(description="Periods are accounted in order; this one is next.")
    green_wh: dict[int, Integer] = Field(description="By technology.")


class DeviceDetail(DeviceOut):
    store: StoreOut | None


class BatchOut(BaseModel):
    """Certificates of one device, metered interval and technology."""

    batch: str
    device: str
    technology: int
    zone: int
    vintage: int
    starts_at: datetime
    ends_at: datetime
    expires_at: datetime = Field(description="From then on it only expires.")
    issued_wh: int
    retired_wh: int
    expired_wh: int


class ReadingTrailOut(BaseModel):
    """The final reading that the certificates were issued from."""

    status: str
    slot: int
    value_wh: int | None = Field(description="What the meter showed; negative is fed in.")
    values_hash: str = Field(description="Keccak of the whole reading.")
    posted_in: str = Field(description="Transaction.")
    resolved_in: str | None = Field(description="Transaction; null where nobody disputed it.")


class ProvenanceOut(BaseModel):
    """Where certificates come from, each step with its transaction."""

    batch: BatchOut
    device: DeviceOut
    period: int
    reading: ReadingTrailOut
    issued_to: str
    issued_in: str = Field(description="Transaction.")
    also_from: str | None = Field(
        description="Certificates of a store also come from those it was charged with: where they "
        "are listed."
    )


class PieceOut(BaseModel):
    batch: BatchOut
    amount_wh: Integer


class PiecesOut(BaseModel):
    items: list[PieceOut]


class StoredOut(BaseModel):
    """Certificates given for what a store charged."""

    period: int
    slot: int
    batch: str
    amount_wh: int
    transaction: str


class HoldingOut(BaseModel):
    batch: BatchOut
    held_wh: int


class ClassTotalOut(BaseModel):
    technology: int
    zone: int
    vintage: int
    held_wh: int
    expires_at: datetime


class PlaceOut(BaseModel):
    """What you offer in a market and slot, and what you bought or recalled there."""

    market: int
    slot: int
    vintage: int
    offered_wh: Integer
    recalled_wh: Integer
    recall_round: int | None = Field(description="The first round that it no longer counts in.")
    uncollected_wh: Integer
    next_position: Integer | None = Field(description="Where in the pool the uncollected begin.")


class SummaryOut(BaseModel):
    account: str
    held: list[ClassTotalOut]
    places: list[PlaceOut]
    quotas_approved: bool = Field(description="Whether the quotas' contract may take them.")


class ClaimOut(BaseModel):
    """Certificates retired for somebody, for ever (ERC-1888)."""

    beneficiary: str
    issuer: str = Field(description="Whose they were, or who retired them in its name.")
    batch: str
    technology: int
    amount_wh: Integer
    purpose: str
    transaction: str


class PoolOut(BaseModel):
    """Positions of a market and slot; those from `head` on are for sale."""

    market: int
    slot: int
    vintage: int
    head: Integer
    tail: Integer
    for_sale_wh: Integer


class TradedClassOut(BaseModel):
    market: int
    technology: int
    zone: int
    pools: list[PoolOut] = Field(description="One a vintage that somebody offered.")


class TradedClassesOut(BaseModel):
    items: list[TradedClassOut]


class SelectedOut(BaseModel):
    batch: str
    amount_wh: int


class SelectionOut(BaseModel):
    """Certificates of yours, as transfers, offers and retirements take them."""

    certificates: list[SelectedOut]
    amount_wh: Integer
    lacking_wh: Integer = Field(description="Of what was asked for.")


class SuggestedCharge(BaseModel):
    slot: int
    batch: str
    amount_wh: int


class SuggestedCharges(BaseModel):
    period: int
    charges: list[SuggestedCharge]


# -- between ---------------------------------------------------------------------------------------


def device_out(row: CertifiedDeviceRow, account: str) -> DeviceOut:
    return DeviceOut(
        device=row.device,
        account=account,
        kind="store" if row.technology == service.STORE else "producer",
        market=row.market,
        technology=row.technology,
        zone=row.zone,
        efficiency_bp=row.efficiency_bp,
        from_period=row.from_period,
        until_period=row.until_period or None,
    )


def batch_out(row: BatchRow) -> BatchOut:
    return BatchOut(
        batch=str(row.batch),
        device=row.device,
        technology=row.technology,
        zone=row.zone,
        vintage=row.vintage,
        starts_at=utc(row.starts_at),
        ends_at=utc(row.ends_at),
        expires_at=utc(expiry_of(row.vintage)),
        issued_wh=row.issued_wh,
        retired_wh=row.retired_wh,
        expired_wh=row.expired_wh,
    )


def provenance_out(found: provenance.Provenance) -> ProvenanceOut:
    batch, reading = found.batch, found.reading
    is_store = found.device.technology == service.STORE
    return ProvenanceOut(
        batch=batch_out(batch),
        device=device_out(found.device, found.meter.account),
        period=batch.period,
        reading=ReadingTrailOut(
            status=reading.status,
            slot=batch.slot,
            value_wh=reading.value_wh,
            values_hash=reading.values_hash,
            posted_in=reading.posted_in,
            resolved_in=reading.resolved_in,
        ),
        issued_to=batch.issued_to,
        issued_in=batch.issued_in,
        also_from=f"/certificates/devices/{batch.device}/charges" if is_store else None,
    )


def place_out(row: PlaceRow) -> PlaceOut:
    return PlaceOut(
        market=row.market,
        slot=row.slot,
        vintage=vintage_of(row.slot),
        offered_wh=row.offered_wh,
        recalled_wh=row.recalled_wh,
        recall_round=row.recall_round or None,
        uncollected_wh=row.uncollected_wh,
        next_position=row.next_position if row.next_position >= 0 else None,
    )


def pool_out(row: PoolRow) -> PoolOut:
    return PoolOut(
        market=row.market,
        slot=row.slot,
        vintage=vintage_of(row.slot),
        head=row.head,
        tail=row.tail,
        for_sale_wh=row.tail - row.head,
    )


def total_out(total: service.ClassTotal) -> ClassTotalOut:
    return ClassTotalOut(
        technology=total.technology,
        zone=total.zone,
        vintage=total.vintage,
        held_wh=total.held_wh,
        expires_at=utc(total.expires_at),
    )


def claim_out(claim: service.Claim) -> ClaimOut:
    return ClaimOut(
        beneficiary=claim.beneficiary,
        issuer=claim.issuer,
        batch=str(claim.batch),
        technology=claim.technology,
        amount_wh=claim.amount_wh,
        purpose=claim.purpose,
        transaction=claim.transaction,
    )


def utc(timestamp: int) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)
