"""Green certificates: devices, batches, where they come from, who holds and who claimed them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query

from wattproof.api.access import Anyone, Participant, PlatformDep, Public
from wattproof.api.certificate_requests import BatchNumber
from wattproof.api.certificate_shapes import (
    BatchOut,
    ClaimOut,
    DeviceDetail,
    DeviceOut,
    HoldingOut,
    PieceOut,
    PiecesOut,
    ProvenanceOut,
    SelectedOut,
    SelectionOut,
    StoredOut,
    StoreOut,
    SuggestedCharge,
    SuggestedCharges,
    SummaryOut,
    TradedClassesOut,
    TradedClassOut,
    batch_out,
    claim_out,
    device_out,
    place_out,
    pool_out,
    provenance_out,
    total_out,
)
from wattproof.api.fields import Address
from wattproof.api.pagination import Cursor, Limit, Page, decode, page
from wattproof.api.problems import responses
from wattproof.auth.scopes import Scope
from wattproof.certificates import charging, provenance, selection, service
from wattproof.certificates.transactions import QUOTAS
from wattproof.errors import InvalidError, NotFoundError, RefusedError

router = APIRouter(prefix="/certificates", tags=["certificates"])

DevicePath = Annotated[Address, Path(description="Address of the meter's first key.")]
BatchPath = Annotated[BatchNumber, Path()]
_UINT32 = 2**32 - 1


# -- what everybody may see ------------------------------------------------------------------------


@router.get("/devices", dependencies=[Public], responses=responses(422, 503))
def list_devices(
    platform: PlatformDep,
    account: Annotated[Address | None, Query(description="Only its meters.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[DeviceOut]:
    """Devices for which certificates are issued, by address."""
    key = decode(cursor, [str])
    with platform.transaction() as session:
        found = service.devices(
            session, account=account, after=str(key[0]) if key else None, limit=limit + 1
        )
    shown, following = page(found, limit, lambda each: [each[0].device])
    return Page(items=[device_out(*each) for each in shown], next_cursor=following)


@router.get("/devices/{device}", dependencies=[Public], responses=responses(404, 422, 503))
def get_device(device: DevicePath, platform: PlatformDep) -> DeviceDetail:
    """One device; of a store also what it holds."""
    with platform.transaction() as session:
        row, meter = service.get_device(session, device)
    store = None
    if row.technology == service.STORE:
        state = service.store_of(platform, device)
        store = StoreOut(
            capacity_wh=state.capacity_wh,
            energy_wh=state.energy_wh,
            next_period=state.next_period,
            green_wh=dict(state.green_wh),
        )
    return DeviceDetail(**device_out(row, meter.account).model_dump(), store=store)


@router.get("/devices/{device}/charges", dependencies=[Public], responses=responses(404, 422, 503))
def list_charges(
    device: DevicePath, platform: PlatformDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[StoredOut]:
    """Certificates that were given for what a store charged, oldest first."""
    after = _place(cursor)
    with platform.transaction() as session:
        service.get_device(session, device)
        found = provenance.charges(session, device, after=after, limit=limit + 1)
    shown, following = page(found, limit, lambda each: [each.block_number, each.log_index])
    items = [
        StoredOut(
            period=each.period,
            slot=each.slot,
            batch=str(each.batch),
            amount_wh=each.amount_wh,
            transaction=each.transaction,
        )
        for each in shown
    ]
    return Page(items=items, next_cursor=following)


@router.get("/batches", dependencies=[Public], responses=responses(422, 503))
def list_batches(
    platform: PlatformDep,
    device: Annotated[Address | None, Query()] = None,
    technology: Annotated[int | None, Query(ge=1, le=255)] = None,
    zone: Annotated[int | None, Query(ge=0, le=2**16 - 1)] = None,
    vintage: Annotated[int | None, Query(ge=0, le=_UINT32)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[BatchOut]:
    """All certificates ever issued: a batch a device, metered interval and technology."""
    after = _interval(cursor)
    with platform.transaction() as session:
        found = service.batches(
            session,
            device=device,
            technology=technology,
            zone=zone,
            vintage=vintage,
            after=after,
            limit=limit + 1,
        )
    shown, following = page(found, limit, lambda row: [row.starts_at, str(row.batch)])
    return Page(items=[batch_out(row) for row in shown], next_cursor=following)


@router.get("/batches/{batch}", dependencies=[Public], responses=responses(404, 422, 503))
def get_batch(batch: BatchPath, platform: PlatformDep) -> BatchOut:
    """One batch: what was issued, retired and expired of it."""
    with platform.transaction() as session:
        return batch_out(service.get_batch(session, int(batch)))


@router.get(
    "/batches/{batch}/provenance", dependencies=[Public], responses=responses(404, 422, 503)
)
def get_provenance(batch: BatchPath, platform: PlatformDep) -> ProvenanceOut:
    """From a certificate down to its device, interval and the reading's transaction."""
    with platform.transaction() as session:
        return provenance_out(provenance.of(session, int(batch)))


@router.get("/classes", dependencies=[Public], responses=responses(503))
def list_classes(platform: PlatformDep) -> TradedClassesOut:
    """Markets that trade certificates: technology, zone, and what is for sale of each vintage."""
    with platform.transaction() as session:
        return TradedClassesOut(
            items=[
                TradedClassOut(
                    market=each.market,
                    technology=each.technology,
                    zone=each.zone,
                    pools=[pool_out(row) for row in service.pools(session, each.market)],
                )
                for each in service.traded_classes(session)
            ]
        )


@router.get(
    "/pools/{market}/{slot}/positions", dependencies=[Public], responses=responses(404, 422, 503)
)
def list_positions(
    market: Annotated[int, Path(ge=0, le=_UINT32)],
    slot: Annotated[int, Path(ge=0, le=_UINT32, description="18 more than the vintage.")],
    platform: PlatformDep,
    start: Annotated[int, Query(ge=0, le=2**63 - 1)],
    length: Annotated[int, Query(ge=1, le=2**63 - 1)],
) -> PiecesOut:
    """The certificates behind a parcel, sold or not, collected or not.

    For each, `/certificates/batches/{batch}/provenance` goes on down to the reading.
    """
    with platform.transaction() as session:
        found = provenance.pieces(platform, session, market, slot, start, length)
        return PiecesOut(
            items=[
                PieceOut(
                    batch=batch_out(service.get_batch(session, piece.batch)),
                    amount_wh=piece.amount_wh,
                )
                for piece in found
            ]
        )


@router.get("/claims", dependencies=[Public], responses=responses(422, 503))
def list_claims(
    platform: PlatformDep,
    beneficiary: Annotated[Address | None, Query(description="Only for it.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ClaimOut]:
    """What was retired, for whom and what for, oldest first."""
    after = _place(cursor)
    with platform.transaction() as session:
        found = service.claims(session, beneficiary=beneficiary, after=after, limit=limit + 1)
    shown, following = page(found, limit, lambda each: [each.block_number, each.log_index])
    return Page(items=[claim_out(each) for each in shown], next_cursor=following)


# -- one's own -------------------------------------------------------------------------------------


@router.get("/me", responses=responses(401, 403, 503))
def my_certificates(principal: Participant, platform: PlatformDep) -> SummaryOut:
    """What you hold by class, what you offer, and what you have not collected yet."""
    account = principal.address
    with platform.transaction() as session:
        held = [total_out(each) for each in service.totals(session, account)]
        places = [place_out(row) for row in service.places(session, account)]
    registry = platform.chain.address(QUOTAS)
    return SummaryOut(
        account=account,
        held=held,
        places=places,
        quotas_approved=service.is_approved(platform, account, registry),
    )


@router.get("/holdings", responses=responses(401, 403, 422, 503))
def list_holdings(
    principal: Anyone,
    platform: PlatformDep,
    account: Annotated[
        Address | None, Query(description="Whose; others' for operators and regulators alone.")
    ] = None,
    expires_by: Annotated[
        datetime | None, Query(description="Only what expires by then; UTC without an offset.")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[HoldingOut]:
    """Certificates you hold, batch by batch, oldest interval first."""
    whose = account or principal.address
    if whose != principal.address and not principal.scopes & {Scope.OPERATOR, Scope.REGULATOR}:
        raise RefusedError("you may look at your own certificates only", code="not_yours")
    after = _interval(cursor)
    with platform.transaction() as session:
        found = service.holdings(
            session,
            whose,
            expires_by=None if expires_by is None else _seconds(expires_by),
            after=after,
            limit=limit + 1,
        )
    shown, following = page(found, limit, lambda each: [each[0].starts_at, str(each[0].batch)])
    items = [HoldingOut(batch=batch_out(row), held_wh=held_wh) for row, held_wh in shown]
    return Page(items=items, next_cursor=following)


@router.get("/selection", responses=responses(401, 403, 422, 503))
def select_certificates(
    principal: Participant,
    platform: PlatformDep,
    amount_wh: Annotated[int, Query(ge=1, le=2**63 - 1)],
    technology: Annotated[int | None, Query(ge=1, le=255)] = None,
    zone: Annotated[int | None, Query(ge=0, le=2**16 - 1)] = None,
    vintage: Annotated[int | None, Query(ge=0, le=_UINT32)] = None,
) -> SelectionOut:
    """Certificates you hold, by amount instead of by batch: the oldest first.

    At most as many batches as one transaction names; ask again for what lacks.
    """
    wanted = selection.Wanted(technology, zone, vintage)
    with platform.transaction() as session:
        found = selection.oldest(
            session, principal.address, wanted, amount_wh, platform.clock.now()
        )
    chosen_wh = sum(each.amount_wh for each in found)
    return SelectionOut(
        certificates=[SelectedOut(batch=str(a.batch), amount_wh=a.amount_wh) for a in found],
        amount_wh=chosen_wh,
        lacking_wh=amount_wh - chosen_wh,
    )


@router.get(
    "/devices/{device}/charges/suggestion", responses=responses(401, 403, 404, 409, 422, 503)
)
def suggest_charges(
    device: DevicePath,
    principal: Participant,
    platform: PlatformDep,
    period: Annotated[int, Query(ge=0, le=_UINT32)],
) -> SuggestedCharges:
    """Certificates you hold that may be given for what your store charged in a period."""
    with platform.transaction() as session:
        _, meter = service.get_device(session, device)
        if meter.account != principal.address:
            raise NotFoundError(f"you have no store {device}")
        found = charging.suggest(platform, session, device, period)
    return SuggestedCharges(
        period=period,
        charges=[
            SuggestedCharge(slot=each.slot, batch=str(each.batch), amount_wh=each.amount_wh)
            for each in found
        ],
    )


# -- parts -----------------------------------------------------------------------------------------


def _place(cursor: str | None) -> tuple[int, int] | None:
    """Block and place of an event in it."""
    key = decode(cursor, [int, int])
    return (int(key[0]), int(key[1])) if key else None


def _interval(cursor: str | None) -> tuple[int, int] | None:
    """Beginning of an interval and a batch's id."""
    key = decode(cursor, [int, str])
    if key is None:
        return None
    text = str(key[1])
    if not text.isdecimal() or len(text) > 66:
        raise InvalidError("the cursor is not one of this list", code="bad_cursor")
    return int(key[0]), int(text)


def _seconds(moment: datetime) -> int:
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
