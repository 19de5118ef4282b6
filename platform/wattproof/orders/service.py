"""Orders: what is accepted, what a receipt promises, and what became of an order.

A receipt is the operator's signed word that the order was there before the gate: leaving it out of
the book afterwards costs the operator's bond. So nothing is receipted that could not count.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils.address import is_checksum_address, to_checksum_address
from sqlmodel import Session, col, or_, select

from market.eligibility import margin_need_micro
from market.messages import Cancellation, Receipt
from market.order import (
    Domain,
    Leg,
    Order,
    OrderError,
    SignatureError,
    SignedOrder,
    order_from_json,
    order_hash,
    order_id,
    typed_data,
)
from wattproof.accounts.models import MarginRow
from wattproof.delegations.service import is_named, require_delegate
from wattproof.errors import ConflictError, InvalidError, NotFoundError, RefusedError
from wattproof.gateway.keys import Role
from wattproof.orders.book import to_order, to_row
from wattproof.orders.desk import Desk, check_order, epoch_of
from wattproof.orders.models import OrderRow
from wattproof.rounds.facts import (
    get_market,
    get_round,
    grid_of,
    rules_of,
)
from wattproof.rounds.models import PriceRow, RoundRow
from wattproof.runtime import Platform

_SALT_BITS = 64
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class SignedReceipt:
    """The operator's receipt; ``signature`` is compact, 64 bytes."""

    market: int
    round: int
    order_hash: bytes
    received_at: int
    operator: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class Template:
    """An order ready to be signed: its fields, what it will be known by, and the typed data."""

    order: Order
    order_hash: bytes
    typed_data: Mapping[str, Any]
    margin_need_micro: int


@dataclass(frozen=True, slots=True)
class OrderLife:
    """Where an order stands.

    Attributes:
        state: open, cancelled, gate_closed, cleared, settled, excluded, or void.
        why: for what did not count or did not fill, the reason in words; else None.
        maximum_units: what counted at the gate; fill_units: what was filled.
        payment_micro: positive: the trader pays.
        quantities_wh: by product, positive to the trader.
    """

    order_hash: str
    order: Order
    signer: str
    state: str
    why: str | None
    received_at: int
    forced: bool
    receipt_signature: str | None
    maximum_units: int | None
    fill_units: int | None
    payment_micro: int | None
    quantities_wh: Mapping[int, int]
    prices_nano_per_kwh: Mapping[int, int]


def template(
    platform: Platform,
    session: Session,
    *,
    market: int,
    round: int | None,
    trader: str,
    signer: str | None = None,
    legs: Sequence[tuple[int, int]],
    max_units: int,
    limit_nano_per_kwh: int,
    salt: int | None = None,
) -> Template:
    """An unsigned order with the trader's current epoch and a fresh salt.

    Args:
        round: None: the market's next open round.
        signer: who will sign it, if not the trader: its delegate in that round.
        legs: (product, coefficient in millionths); any order.

    Raises:
        InvalidError: the order would not be well formed.
        RefusedError: no round is open, or the signer is not the trader's delegate in it.
        NotFoundError: no such market or round.
    """
    row = get_market(session, market)
    target = (
        _open_round(platform, session, market)
        if round is None
        else get_round(session, market, round)
    )
    if signer is not None and signer != _address(trader):
        require_delegate(session, market, _address(trader), target.number, signer)
    try:
        order = Order(
            market=market,
            round=target.number,
            legs=tuple(Leg(product, coefficient) for product, coefficient in sorted(legs)),
            max_units=max_units,
            limit=limit_nano_per_kwh,
            trader=_address(trader),
            epoch=epoch_of(session.get(MarginRow, (market, _address(trader))), target.number),
            salt=secrets.randbits(_SALT_BITS) if salt is None else salt,
        )
        check_order(order, row, grid_of(row, target))
    except OrderError as error:
        raise InvalidError(str(error), code="malformed_order") from error
    return Template(
        order=order,
        order_hash=order_id(order_hash(platform.domain, order), order, signer),
        typed_data=typed_data(platform.domain, order),
        margin_need_micro=margin_need_micro(order, rules_of(row)),
    )


def parse(value: Mapping[str, Any], signature: str) -> tuple[Order, bytes]:
    """An order in its EIP-712 field names, and a signature in hex (64 or 65 bytes).

    Raises:
        InvalidError: they cannot be read.
    """
    try:
        order = order_from_json(value)
    except OrderError as error:
        raise InvalidError(str(error), code="malformed_order") from error
    return order, compact_signature(signature)


def compact_signature(signature: str) -> bytes:
    """The compact form (EIP-2098) of a signature in hex; wallets give 65 bytes.

    Raises:
        InvalidError: neither 64 nor 65 bytes of hex.
    """
    try:
        raw = bytes.fromhex(signature.removeprefix("0x"))
    except ValueError as error:
        raise InvalidError("the signature is not hexadecimal", code="bad_signature") from error
    if len(raw) == 64:
        return raw
    if len(raw) != 65 or raw[64] not in (0, 1, 27, 28) or raw[32] & 0x80:
        raise InvalidError(
            "a signature has 64 bytes (EIP-2098) or 65 with v of 27 or 28 and a low s",
            code="bad_signature",
        )
    parity = raw[64] % 27
    return raw[:32] + bytes([raw[32] | parity << 7]) + raw[33:64]


def submit(
    platform: Platform,
    session: Session,
    order: Order,
    signature: bytes,
    *,
    by: str | None = None,
) -> SignedReceipt:
    """Accept an order into its round's book and sign a receipt.

    Sending the same order again gives the same receipt. A session delegate of the trader may have
    signed it, where the session of the round covers it together with the delegate's open orders.

    Args:
        by: who hands it in: its trader, or the delegate that signed it. None: the platform itself.

    Raises:
        InvalidError: malformed order or signature.
        RefusedError: the gate is closed, the credential does not stand, the epoch is old, margin or
            capacity do not cover the trader's open orders, or the session a delegate's.
        NotFoundError: no such market or round.
        ConflictError: the order was cancelled.
    """
    return submit_many(platform, session, [(order, signature)], by=by)[0]


def submit_many(
    platform: Platform,
    session: Session,
    orders: Sequence[tuple[Order, bytes]],
    *,
    by: str | None = None,
) -> list[SignedReceipt]:
    """``submit`` for many orders at once: all are accepted or none."""
    for order, _ in orders:
        _require_party(session, order, by)
    desks = {
        key: Desk(platform, session, *key)
        for key in sorted({(order.market, order.round) for order, _ in orders})
    }
    domain = platform.domain
    signed = [
        _verify(desks[order.market, order.round], domain, order, signature)
        for order, signature in orders
    ]
    if any(by not in (None, each.order.trader, each.signer) for each in signed):
        raise RefusedError("the order is signed by somebody else", code="not_yours")
    known = _known(session, signed)
    operator = platform.keys.signer(Role.OPERATOR)
    now = platform.clock.now()
    accepted: list[OrderRow] = []
    for each in signed:
        order = each.order
        row = known.get(each.digest)
        if row is not None and row.receipt_signature is not None:
            if row.cancelled_at is not None:
                raise ConflictError("this order was cancelled", code="cancelled")
            accepted.append(row)
            continue
        desk = desks[order.market, order.round]
        _require_open(desk.row, now)
        desk.require_eligible(order)
        desk.require_delegation(each, counted=row is not None)
        desk.require_cover(each, counted=row is not None)
        row = row or to_row(each, received_at=now)
        row.received_at = now
        receipt = Receipt(order.market, order.round, each.digest, now)
        row.receipt_signature = "0x" + operator.sign_digest(receipt.digest(domain)).hex()
        known[each.digest] = row
        accepted.append(row)
    session.add_all(accepted)
    session.flush()
    return [_receipt(platform, row) for row in accepted]


def _require_party(session: Session, order: Order, by: str | None) -> None:
    """Raises RefusedError where the order names a trader who never named the caller."""
    if by in (None, order.trader) or is_named(session, order.market, order.trader, str(by)):
        return
    raise RefusedError(
        "the order names another trader, and you are no delegate of it", code="not_yours"
    )


def _verify(desk: Desk, domain: Domain, order: Order, signature: bytes) -> SignedOrder:
    try:
        check_order(order, desk.market, desk.grid)
        return SignedOrder.verify(domain, order, signature, named=desk.named_by(order.trader))
    except OrderError as error:
        raise InvalidError(str(error), code="malformed_order") from error
    except SignatureError as error:
        raise InvalidError(str(error), code="bad_signature") from error


def _known(session: Session, signed: Sequence[SignedOrder]) -> dict[bytes, OrderRow]:
    """Those of the orders that are stored already, by hash."""
    digests = ["0x" + each.digest.hex() for each in signed]
    found: dict[bytes, OrderRow] = {}
    for start in range(0, len(digests), _AT_ONCE):
        part = digests[start : start + _AT_ONCE]
        for row in session.exec(select(OrderRow).where(col(OrderRow.digest).in_(part))).all():
            found[bytes.fromhex(row.digest[2:])] = row
    return found


def cancellation(platform: Platform, session: Session, digest: str) -> Mapping[str, Any]:
    """The typed data that the trader, or who signed the order, signs to cancel it."""
    row = get_order(session, digest)
    return _cancellation(row).typed_data(platform.domain)


def cancel(platform: Platform, session: Session, digest: str, signature: bytes) -> OrderRow:
    """Take an order out of its round before the gate, by a message that its trader or the delegate
    that signed the order signed.

    Raises:
        NotFoundError: no such order.
        InvalidError: signed by somebody else.
        RefusedError: the gate is closed, or the order was forced on-chain.
    """
    row = get_order(session, digest)
    if row.cancelled_at is not None:
        return row
    try:
        signer = _cancellation(row).signer(platform.domain, signature)
    except SignatureError as error:
        raise InvalidError(str(error), code="bad_signature") from error
    if signer not in (row.trader, row.delegate):
        raise InvalidError(
            f"the cancellation is signed by {signer}, not by the trader or who signed the order",
            code="bad_signature",
        )
    round_row = get_round(session, row.market, row.round, lock="share")
    now = platform.clock.now()
    _require_open(round_row, now)
    if row.forced:
        raise RefusedError(
            "an order forced on-chain stays in the book; bump the epoch to void it", code="forced"
        )
    row.cancelled_at = now
    row.cancellation_signature = "0x" + signature.hex()
    session.add(row)
    session.flush()
    return row


def get_order(session: Session, digest: str) -> OrderRow:
    """Raises NotFoundError."""
    row = session.get(OrderRow, digest.lower())
    if row is None:
        raise NotFoundError(f"there is no order {digest}")
    return row


def list_orders(
    session: Session,
    *,
    party: str | None = None,
    market: int | None = None,
    round: int | None = None,
    after: str | None = None,
    limit: int = 100,
) -> Sequence[OrderRow]:
    """Orders by id, those after ``after`` first, for pages; ``party``: its own and those that it
    signed for others."""
    query = select(OrderRow).order_by(col(OrderRow.digest)).limit(limit)
    if party is not None:
        query = query.where(or_(col(OrderRow.trader) == party, col(OrderRow.delegate) == party))
    if market is not None:
        query = query.where(OrderRow.market == market)
    if round is not None:
        query = query.where(OrderRow.round == round)
    if after is not None:
        query = query.where(col(OrderRow.digest) > after)
    return session.exec(query).all()


def life(session: Session, digest: str) -> OrderLife:
    """What became of an order, and why not more. Raises NotFoundError."""
    row = get_order(session, digest)
    order = to_order(row)
    round_row = get_round(session, row.market, row.round)
    market = get_market(session, row.market)
    grid = grid_of(market, round_row)
    found = session.exec(
        select(PriceRow).where(
            PriceRow.market == row.market,
            PriceRow.round == row.round,
            col(PriceRow.product_index).in_([grid.index(leg.product) for leg in order.legs]),
        )
    ).all()
    prices = {price.product: price.price_nano_per_kwh for price in found}
    quantities = (
        {}
        if row.fill is None
        else {leg.product: leg.coefficient * row.fill // 1_000_000 for leg in order.legs}
    )
    state, why = _state(row, round_row, order, prices)
    return OrderLife(
        order_hash=row.digest,
        order=order,
        signer=row.delegate or row.trader,
        state=state,
        why=why,
        received_at=row.received_at,
        forced=row.forced,
        receipt_signature=row.receipt_signature,
        maximum_units=row.maximum,
        fill_units=row.fill,
        payment_micro=row.payment_micro,
        quantities_wh=quantities,
        prices_nano_per_kwh=prices,
    )


def _state(
    row: OrderRow, round_row: RoundRow, order: Order, prices: Mapping[int, int]
) -> tuple[str, str | None]:
    if row.cancelled_at is not None and row.book_index is None:
        return "cancelled", "cancelled before the gate"
    if round_row.state == "void":
        return "void", round_row.error or "the round is void; all margins are free again"
    if round_row.state in ("announced", "open"):
        return "open", None
    if row.book_index is None:
        return "excluded", row.why or "it did not reach the book before the gate"
    if row.fill is None:
        return "gate_closed", None
    settled = round_row.state in ("confirmed", "delivered", "closed")
    return ("settled" if settled else "cleared"), _why_not_full(row, order, prices)


def _why_not_full(row: OrderRow, order: Order, prices: Mapping[int, int]) -> str | None:
    if row.maximum == 0:
        return row.why
    if row.fill == row.maximum:
        return None
    surplus = order.limit * 1_000_000 - sum(
        leg.coefficient * prices.get(leg.product, 0) for leg in order.legs
    )
    if surplus < 0:
        return "the price was worse than the order's limit"
    if surplus == 0:
        return "the limit equals the price: what was left was shared among equal orders"
    return "coupled products could not be balanced with more of this order"


def _receipt(platform: Platform, row: OrderRow) -> SignedReceipt:
    assert row.receipt_signature is not None
    return SignedReceipt(
        market=row.market,
        round=row.round,
        order_hash=bytes.fromhex(row.digest[2:]),
        received_at=row.received_at,
        operator=platform.keys.address(Role.OPERATOR),
        signature=bytes.fromhex(row.receipt_signature[2:]),
    )


def _cancellation(row: OrderRow) -> Cancellation:
    return Cancellation(row.market, row.round, bytes.fromhex(row.digest[2:]))


def _open_round(platform: Platform, session: Session, market: int) -> RoundRow:
    now = platform.clock.now()
    row = session.exec(
        select(RoundRow)
        .where(RoundRow.market == market, RoundRow.state == "open", col(RoundRow.gate_at) > now)
        .order_by(col(RoundRow.number))
    ).first()
    if row is None:
        raise RefusedError(f"market {market} has no open round now", code="no_open_round")
    return row


def _require_open(row: RoundRow, now: int) -> None:
    if row.state != "open" or now >= row.gate_at:
        raise RefusedError(
            f"round {row.number} of market {row.market} takes no orders: its gate is closed"
            if row.state != "announced"
            else f"round {row.number} of market {row.market} is not open yet",
            code="gate_closed",
        )


def _address(value: str) -> str:
    try:
        address = to_checksum_address(value)
    except (ValueError, TypeError) as error:
        raise InvalidError(f"{value!r} is not an Ethereum address", code="bad_address") from error
    if value != value.lower() and value != value.upper() and not is_checksum_address(value):
        raise InvalidError(f"{value!r} has a wrong checksum", code="bad_address")
    return address
