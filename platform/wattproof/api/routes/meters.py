"""Devices, signed readings, batteries, and closed positions."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, col, select

from wattproof.accounts import service as accounts
from wattproof.api.access import MeterReader, Operator, Participant, PlatformDep, ReadingReader
from wattproof.api.fields import Address, Hash, Int32, Signature, Uint32, hex_bytes
from wattproof.api.idempotency import Write
from wattproof.api.problems import responses
from wattproof.api.transactions import TransactionOut, transaction_out
from wattproof.auth.scopes import Principal, Scope
from wattproof.errors import NotFoundError, RefusedError
from wattproof.meters import service
from wattproof.meters.models import ClosureRow, DeviceRow, ReadingRow
from wattproof.orders.service import compact_signature
from wattproof.participants import service as participants
from wattproof.runtime import Platform
from wattproof.settings import Profile

router = APIRouter(tags=["meters"])

DevicePath = Annotated[Address, Path()]
AddressPath = Annotated[Address, Path()]
HashPath = Annotated[Hash, Path(description="A number of your choice that names the battery.")]
PeriodPath = Annotated[int, Path(ge=0, le=2**32 - 1)]
_UINT48 = 2**48 - 1


class ReadingsIn(BaseModel):
    """What a device measured in a period."""

    model_config = ConfigDict(extra="forbid")

    device: Address
    market: Uint32 = Field(examples=[1])
    period: Uint32 = Field(description="First slot of the period divided by its slots.")
    values_wh: list[Int32 | None] = Field(
        min_length=1,
        max_length=256,
        description="Wh in each slot, import positive; null where there is no measurement.",
        examples=[[250, -120, None]],
    )


class SignedReadings(ReadingsIn):
    signature: Signature = Field(description="By the device's key (EIP-712).")


class ReadingsTemplate(BaseModel):
    typed_data: dict[str, Any]


class ReadingOut(BaseModel):
    device: str
    market: int
    period: int
    values_wh: list[int | None]
    status: str = Field(description="As on-chain: None, Posted, Disputed, Kept, Replaced, Void")
    posted_at: int = Field(description="Seconds, UTC; 0 before.")


class DeviceOut(BaseModel):
    device: str
    market: int
    account: str
    carrier: int
    capacity_w: int
    key: str


class Devices(BaseModel):
    items: list[DeviceOut]


class DeviceIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    device: Address = Field(description="Address of the device's first key.")
    market: Uint32 = Field(examples=[1])
    account: Address
    carrier: int = Field(strict=True, ge=0, le=2**16 - 1, examples=[0])
    capacity_w: int = Field(strict=True, ge=1, le=_UINT48, examples=[11_000])


class BatteryIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    capacity_wh: int = Field(strict=True, ge=1, le=_UINT48, examples=[58_000])
    state_of_health_bp: int = Field(
        strict=True, ge=1, le=10_000, description="Of ten thousand.", examples=[9_600]
    )
    cycles_per_day_milli: int = Field(
        strict=True,
        ge=1,
        le=100_000,
        description="Full cycles a day, in thousandths.",
        examples=[1_000],
    )


class ClosureOut(BaseModel):
    """A position after metering: what was released of the lock, what the deviation cost."""

    market: int
    period: int
    closed: bool
    lock_micro: int | None
    charge_micro: int | None = Field(description="Negative: paid to you.")


class Closures(BaseModel):
    items: list[ClosureOut]


@router.get("/meters", responses=responses(401, 403, 503))
def my_devices(principal: Participant, platform: PlatformDep) -> Devices:
    """The devices registered to your account."""
    with platform.transaction() as session:
        rows = service.devices_of(session, principal.address)
    return Devices(items=[_device(row) for row in rows])


@router.post("/meters", status_code=202, responses=responses(401, 403, 404, 409, 422, 503))
def register_device(
    body: DeviceIn, principal: Operator, platform: PlatformDep, write: Write
) -> JSONResponse:
    """Register a device to an account (operator)."""

    def change(session: Session) -> TransactionOut:
        return transaction_out(
            service.register_device(
                platform,
                session,
                device=body.device,
                market=body.market,
                account=body.account,
                carrier=body.carrier,
                capacity_w=body.capacity_w,
            )
        )

    return write.once(change, status=202)


@router.post("/meters/readings/template", responses=responses(401, 403, 422, 503))
def readings_template(
    body: ReadingsIn, principal: MeterReader, platform: PlatformDep
) -> ReadingsTemplate:
    """Typed data for the device's key to sign."""
    readings = _readings(body)
    return ReadingsTemplate(typed_data=readings.typed_data(service.domain(platform)))


@router.post("/meters/readings", status_code=202, responses=responses(401, 403, 404, 409, 422, 503))
def post_readings(
    body: SignedReadings, principal: MeterReader, platform: PlatformDep, write: Write
) -> JSONResponse:
    """Hand in a device's signed readings of a finished period; they are posted on-chain.

    The device's signature is what counts; the caller may be its owner or a meter operator.
    """

    def change(session: Session) -> ReadingOut:
        _see_device(session, body.device, principal, Scope.METER, Scope.OPERATOR)
        signature = compact_signature(body.signature)
        return _reading(service.post_readings(platform, session, _readings(body), signature))

    return write.once(change, status=202)


@router.get("/meters/{device}/readings/{period}", responses=responses(401, 403, 404, 422, 503))
def get_reading(
    device: DevicePath, period: PeriodPath, principal: ReadingReader, platform: PlatformDep
) -> ReadingOut:
    """A device's reading, and how it stands on-chain.

    For its owner, the operator, who settles it, and the regulator; who hands readings in has no
    need to look at them. Others may ask for sums (`POST /analytics/releases`).
    """
    with platform.transaction() as session:
        meter = _see_device(session, device, principal, Scope.OPERATOR, Scope.REGULATOR)
        row = session.get(ReadingRow, (meter.device, meter.market, period))
        if row is None:
            raise NotFoundError(f"device {device} has no reading of period {period}")
        return _reading(row)


@router.get("/positions", responses=responses(401, 403, 503))
def my_positions(principal: Participant, platform: PlatformDep) -> Closures:
    """Your positions that are closing or closed, the latest 200 periods."""
    with platform.transaction() as session:
        rows = session.exec(
            select(ClosureRow)
            .where(ClosureRow.account == principal.address)
            .order_by(col(ClosureRow.period).desc(), col(ClosureRow.market))
            .limit(200)
        ).all()
    return Closures(items=[ClosureOut.model_validate(row.model_dump()) for row in rows])


@router.put(
    "/participants/me/batteries/{battery}",
    status_code=202,
    responses=responses(401, 403, 404, 409, 422, 503),
)
def attest_test_battery(
    battery: HashPath,
    body: BatteryIn,
    principal: Participant,
    platform: PlatformDep,
    write: Write,
) -> JSONResponse:
    """Attest a test battery to yourself. Embedded profile alone; you must be an `ev_owner`."""
    if platform.settings.profile is not Profile.EMBEDDED:
        raise RefusedError("an operator attests batteries here", code="no_faucet")
    return write.once(
        lambda session: _attest(platform, session, principal.address, battery, body), status=202
    )


@router.put(
    "/participants/{address}/batteries/{battery}",
    status_code=202,
    responses=responses(401, 403, 404, 409, 422, 503),
)
def attest_battery(
    address: AddressPath,
    battery: HashPath,
    body: BatteryIn,
    principal: Operator,
    platform: PlatformDep,
    write: Write,
) -> JSONResponse:
    """Attest a battery to a participant (operator); it bounds what may be sold."""
    return write.once(
        lambda session: _attest(platform, session, address, battery, body), status=202
    )


def _attest(
    platform: Platform, session: Session, owner: str, battery: str, body: BatteryIn
) -> TransactionOut:
    participants.get(session, owner)
    return transaction_out(
        accounts.attest_battery(
            platform,
            session,
            owner,
            battery_id=hex_bytes(battery),
            capacity_wh=body.capacity_wh,
            state_of_health_bp=body.state_of_health_bp,
            cycles_per_day_milli=body.cycles_per_day_milli,
        )
    )


def _see_device(session: Session, device: str, principal: Principal, *scopes: Scope) -> DeviceRow:
    """The device, for its owner and for whoever has one of the scopes. Raises NotFoundError."""
    row = session.get(DeviceRow, device)
    if row is not None and (row.account == principal.address or principal.scopes & set(scopes)):
        return row
    raise NotFoundError(f"you have no device {device}")


def _readings(body: ReadingsIn) -> service.Readings:
    return service.Readings(body.device, body.market, body.period, tuple(body.values_wh))


def _reading(row: ReadingRow) -> ReadingOut:
    return ReadingOut(
        device=row.device,
        market=row.market,
        period=row.period,
        values_wh=row.values_wh,
        status=row.chain_status,
        posted_at=row.posted_at,
    )


def _device(row: DeviceRow) -> DeviceOut:
    return DeviceOut.model_validate(row.model_dump())
