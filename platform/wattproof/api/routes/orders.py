"""Orders: typed data to sign, a signed receipt, and what became of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from market.messages import Receipt
from market.order import Leg, Order, order_to_json
from market.units import SCALE
from wattproof.api.access import Anyone, Participant, PlatformDep
from wattproof.api.fields import Address, Hash, Int32, Int64, Integer, Signature, Uint32, Uint64
from wattproof.api.idempotency import Write
from wattproof.api.pagination import Cursor, Limit, Page, decode, page
from wattproof.api.problems import responses
from wattproof.auth.scopes import Principal, Scope
from wattproof.errors import NotFoundError
from wattproof.orders import service
from wattproof.orders.models import OrderRow
from wattproof.orders.service import OrderLife, SignedReceipt
from wattproof.runtime import Platform

router = APIRouter(prefix="/orders", tags=["orders"])

HashPath = Annotated[Hash, Path(description="The order hash.")]
_PRODUCT = 7_000_000
_FOR_WHOM = "You if left out; an account that named you its delegate for the round."


class LegIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    product: Uint64 = Field(examples=[_PRODUCT])
    coefficient: Int32 = Field(
        description="Millionths of a Wh per unit, positive to you.", examples=[1_000_000]
    )


class PlainTemplate(BaseModel):
    """Buy or sell energy of one product."""

    model_config = ConfigDict(extra="forbid")

    market: Uint32 = Field(examples=[1])
    round: Uint32 | None = Field(default=None, description="The next open round if left out.")
    trader: Address | None = Field(default=None, description=_FOR_WHOM)
    side: Literal["buy", "sell"]
    product: Uint64 = Field(examples=[_PRODUCT])
    energy_wh: Annotated[Uint64, Field(ge=1)] = Field(examples=[1_000])
    price_nano_per_kwh: Int64 = Field(
        description="The most a buyer pays, the least a seller takes.", examples=[250_000_000]
    )


class LegsTemplate(BaseModel):
    """Trade several products together, unit by unit: all legs of a unit or none."""

    model_config = ConfigDict(extra="forbid")

    market: Uint32 = Field(examples=[1])
    round: Uint32 | None = Field(default=None, description="The next open round if left out.")
    trader: Address | None = Field(default=None, description=_FOR_WHOM)
    legs: list[LegIn] = Field(min_length=1, max_length=255)
    max_units: Annotated[Uint64, Field(ge=1)] = Field(examples=[1_000])
    limit_nano_per_kwh: Int64 = Field(
        description="The most a unit may cost; negative: the least it must bring.",
        examples=[250_000_000],
    )


class Template(BaseModel):
    """Give ``typed_data`` to ``eth_signTypedData_v4``; post ``order`` with the signature."""

    order: dict[str, Any]
    order_hash: str
    typed_data: dict[str, Any]
    margin_need_micro: Integer = Field(description="Margin that must back it at the gate.")


class OrderIn(BaseModel):
    """The order under its EIP-712 field names, as the template gave it."""

    model_config = ConfigDict(extra="forbid")

    market: Uint32 = Field(examples=[1])
    round: Uint32 = Field(examples=[7])
    legs: list[LegIn] = Field(min_length=1, max_length=255)
    max_units: Uint64 = Field(alias="maxUnits", examples=[1_000])
    limit: Int64 = Field(examples=[250_000_000])
    trader: Address
    epoch: Uint32
    salt: Uint64


class SignedOrderIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    order: OrderIn
    signature: Signature


class SignedOrdersIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    orders: list[SignedOrderIn] = Field(min_length=1, max_length=500)


class ReceiptOut(BaseModel):
    """The operator's signed word that your order was there before the gate.

    Keep it: if the order is missing in the book, the receipt makes the operator's bond pay.
    """

    market: int
    round: int
    order_hash: str
    received_at: int
    operator: str
    signature: str
    typed_data: dict[str, Any]


class ReceiptsOut(BaseModel):
    """A receipt for every order, in the order they were sent in."""

    receipts: list[ReceiptOut]


class OrderOut(BaseModel):
    """Where an order stands."""

    order_hash: str
    order: dict[str, Any]
    signer: str = Field(description="Who signed it: the trader, or its session delegate.")
    state: str = Field(
        description="open, cancelled, gate_closed, cleared, settled, excluded or void"
    )
    why: str | None = Field(description="Why it did not count or did not fill, in words.")
    received_at: datetime
    forced: bool
    receipt_signature: str | None
    maximum_units: Integer | None = Field(description="What counted at the gate.")
    fill_units: Integer | None
    payment_micro: Integer | None = Field(description="Positive: you pay.")
    quantities_wh: dict[str, Integer] = Field(description="By product, positive to you.")
    prices_nano_per_kwh: dict[str, Integer]


class CancellationIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    signature: Signature


class CancellationTemplate(BaseModel):
    typed_data: dict[str, Any]


@router.post("/template", responses=responses(401, 403, 404, 409, 422, 503))
def template(
    body: PlainTemplate | LegsTemplate, principal: Participant, platform: PlatformDep
) -> Template:
    """An order of yours, or of an account whose delegate you are, ready to be signed."""
    if isinstance(body, PlainTemplate):
        sign = 1 if body.side == "buy" else -1
        legs = [(body.product, sign * SCALE)]
        units, limit = body.energy_wh, sign * body.price_nano_per_kwh
    else:
        legs = [(leg.product, leg.coefficient) for leg in body.legs]
        units, limit = body.max_units, body.limit_nano_per_kwh
    with platform.transaction() as session:
        made = service.template(
            platform,
            session,
            market=body.market,
            round=body.round,
            trader=body.trader or principal.address,
            signer=principal.address,
            legs=legs,
            max_units=units,
            limit_nano_per_kwh=limit,
        )
    return Template(
        order=order_to_json(made.order),
        order_hash="0x" + made.order_hash.hex(),
        typed_data=dict(made.typed_data),
        margin_need_micro=made.margin_need_micro,
    )


@router.post("", status_code=201, responses=responses(401, 403, 404, 409, 422, 503))
def submit(
    body: SignedOrderIn, principal: Participant, platform: PlatformDep, write: Write
) -> JSONResponse:
    """Hand in a signed order before the gate and get the operator's signed receipt.

    Yours, or one that you signed as its trader's delegate. The same order again gives the same
    receipt.
    """
    order = _order_in(body)

    def change(session: Session) -> ReceiptOut:
        signature = service.compact_signature(body.signature)
        taken = service.submit(platform, session, order, signature, by=principal.address)
        return _receipt(platform, taken)

    return write.once(change, status=201)


@router.post("/batch", status_code=201, responses=responses(401, 403, 404, 409, 422, 503))
def submit_batch(
    body: SignedOrdersIn, principal: Participant, platform: PlatformDep, write: Write
) -> JSONResponse:
    """Hand in up to 500 signed orders: all are taken or none."""
    orders = [_order_in(each) for each in body.orders]

    def change(session: Session) -> ReceiptsOut:
        signatures = [service.compact_signature(each.signature) for each in body.orders]
        signed = list(zip(orders, signatures, strict=True))
        receipts = service.submit_many(platform, session, signed, by=principal.address)
        return ReceiptsOut(receipts=[_receipt(platform, receipt) for receipt in receipts])

    return write.once(change, status=201)


@router.get("", responses=responses(401, 403, 422, 503))
def list_orders(
    principal: Participant,
    platform: PlatformDep,
    market: Annotated[int | None, Query(ge=0, le=2**32 - 1)] = None,
    round: Annotated[int | None, Query(ge=0, le=2**32 - 1)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[OrderOut]:
    """Your orders and those that you signed as a delegate, by hash."""
    key = decode(cursor, [str])
    with platform.transaction() as session:
        found = service.list_orders(
            session,
            party=principal.address,
            market=market,
            round=round,
            after=str(key[0]) if key else None,
            limit=limit + 1,
        )
        rows, following = page(found, limit, lambda row: [row.digest])
        items = [order_out(service.life(session, row.digest)) for row in rows]
    return Page(items=items, next_cursor=following)


@router.get("/{order_hash}", responses=responses(401, 403, 404, 422, 503))
def life(order_hash: HashPath, principal: Anyone, platform: PlatformDep) -> OrderOut:
    """What became of an order, or why not.

    An order is the affair of its trader, of the delegate that signed it and of the operator until
    its gate; then the regulator's too.
    """
    with platform.transaction() as session:
        own_order(session, order_hash, principal)
        return order_out(service.life(session, order_hash))


@router.get("/{order_hash}/cancellation", responses=responses(401, 403, 404, 422, 503))
def cancellation(
    order_hash: HashPath, principal: Participant, platform: PlatformDep
) -> CancellationTemplate:
    """Typed data to sign for taking an order out of its round: yours, or one that you signed."""
    with platform.transaction() as session:
        own_order(session, order_hash, principal)
        data = service.cancellation(platform, session, order_hash)
    return CancellationTemplate(typed_data=dict(data))


@router.post("/{order_hash}/cancellation", responses=responses(401, 403, 404, 409, 422, 503))
def cancel(
    order_hash: HashPath,
    body: CancellationIn,
    principal: Participant,
    platform: PlatformDep,
    write: Write,
) -> JSONResponse:
    """Take an order out of its round before the gate: yours, or one that you signed."""

    def change(session: Session) -> OrderOut:
        own_order(session, order_hash, principal)
        signature = service.compact_signature(body.signature)
        service.cancel(platform, session, order_hash, signature)
        return order_out(service.life(session, order_hash))

    return write.once(change)


def own_order(session: Session, order_hash: str, principal: Principal) -> OrderRow:
    """The order, if the caller may see it.

    Raises:
        NotFoundError: there is none, or it is somebody else's (the answer does not tell which).
    """
    row = service.get_order(session, order_hash)
    if principal.address in (row.trader, row.delegate) or Scope.OPERATOR in principal.scopes:
        return row
    if Scope.REGULATOR in principal.scopes and row.book_index is not None:
        return row
    raise NotFoundError(f"there is no order {order_hash}")


def _order_in(body: SignedOrderIn) -> Order:
    given = body.order
    return Order(
        market=given.market,
        round=given.round,
        legs=tuple(Leg(leg.product, leg.coefficient) for leg in given.legs),
        max_units=given.max_units,
        limit=given.limit,
        trader=given.trader,
        epoch=given.epoch,
        salt=given.salt,
    )


def _receipt(platform: Platform, receipt: SignedReceipt) -> ReceiptOut:
    message = Receipt(receipt.market, receipt.round, receipt.order_hash, receipt.received_at)
    return ReceiptOut(
        market=receipt.market,
        round=receipt.round,
        order_hash="0x" + receipt.order_hash.hex(),
        received_at=receipt.received_at,
        operator=receipt.operator,
        signature="0x" + receipt.signature.hex(),
        typed_data=message.typed_data(platform.domain),
    )


def order_out(order: OrderLife) -> OrderOut:
    """An order as it is answered."""
    return OrderOut(
        order_hash=order.order_hash,
        order=order_to_json(order.order),
        signer=order.signer,
        state=order.state,
        why=order.why,
        received_at=datetime.fromtimestamp(order.received_at, UTC),
        forced=order.forced,
        receipt_signature=order.receipt_signature,
        maximum_units=order.maximum_units,
        fill_units=order.fill_units,
        payment_micro=order.payment_micro,
        quantities_wh={str(product): q for product, q in order.quantities_wh.items()},
        prices_nano_per_kwh={str(p): price for p, price in order.prices_nano_per_kwh.items()},
    )
