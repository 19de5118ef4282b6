"""The participant's side: it sees what it is told, agrees or refuses, and bids accordingly."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from market.dispatch import DispatchPlan
from market.product import Product
from wattproof.dispatch import freshness
from wattproof.dispatch.history import Standing
from wattproof.dispatch.lifecycle import Action, State, after
from wattproof.dispatch.models import DispatchOrderRow, DispatchRow, DispatchStepRow
from wattproof.dispatch.record import Record, document, open_record, require_version
from wattproof.dispatch.traded import beyond_plan
from wattproof.errors import ConflictError, InvalidError, NotFoundError, RefusedError
from wattproof.orders.book import to_order
from wattproof.orders.models import OrderRow
from wattproof.rounds.facts import get_round
from wattproof.runtime import Platform


@dataclass(frozen=True, slots=True)
class ApprovedPlan:
    """A plan that was approved and acknowledged: what bids are made of.

    Attributes:
        inputs: JSON the plan was solved from.
        traders: who bids from it: the participant, and the accounts of its meters.
    """

    number: int
    plan: DispatchPlan
    plan_hash: str
    inputs: Mapping[str, Any]
    traders: frozenset[str]


def acknowledge(
    platform: Platform, session: Session, actor: str, number: int, version: int
) -> Record:
    """The participant will follow the plan.

    Raises:
        NotFoundError: the plan is not for the actor.
        RefusedError: it was not sent, or its inputs are stale.
        ConflictError: the plan was changed since ``version``.
    """
    record = _own(platform, session, actor, number, version)
    after(record.standing.state, Action.ACKNOWLEDGE)
    freshness.check(record)
    record.take(Action.ACKNOWLEDGE, actor, {})
    return record


def refuse(
    platform: Platform, session: Session, actor: str, number: int, version: int, reason: str
) -> Record:
    """The participant will not follow the plan; it is the dispatcher's again.

    Raises:
        NotFoundError: the plan is not for the actor.
        InvalidError: no reason.
        RefusedError: it was not sent.
        ConflictError: the plan was changed since ``version``.
    """
    record = _own(platform, session, actor, number, version)
    if not reason.strip():
        raise InvalidError("say why, so that the dispatcher can help it", code="reason_missing")
    record.take(Action.REFUSE, actor, {"reason": reason})
    return record


def instructions(
    session: Session, participant: str, *, before: int | None = None, limit: int = 100
) -> Sequence[DispatchRow]:
    """Plans that were ever sent to a participant, newest first, those older than ``before``."""
    sent = select(DispatchStepRow.dispatch).where(DispatchStepRow.action == Action.SEND)
    query = (
        select(DispatchRow)
        .where(DispatchRow.participant == participant, col(DispatchRow.id).in_(sent))
        .order_by(col(DispatchRow.id).desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(col(DispatchRow.id) < before)
    return session.exec(query).all()


def was_sent(session: Session, number: int) -> bool:
    """Whether the participant was ever told of a plan."""
    return (
        session.exec(
            select(DispatchStepRow.sequence).where(
                DispatchStepRow.dispatch == number, DispatchStepRow.action == Action.SEND
            )
        ).first()
        is not None
    )


def approved_plan(
    platform: Platform,
    session: Session,
    *,
    market: int,
    period: int,
    participant: str,
    round: int = 0,
) -> ApprovedPlan:
    """The plan that a participant's bids are made of.

    Raises:
        NotFoundError: nobody proposed one.
        RefusedError: it is not acknowledged, or its inputs are stale.
    """
    number = session.exec(
        select(DispatchRow.id).where(
            DispatchRow.market == market,
            DispatchRow.period == period,
            DispatchRow.participant == participant,
            DispatchRow.round == round,
        )
    ).first()
    if number is None:
        raise NotFoundError(f"there is no dispatch plan of {participant} for period {period}")
    record = open_record(platform, session, number)
    if record.standing.state is not State.ACKNOWLEDGED:
        raise RefusedError(
            f"dispatch plan {number} is {record.standing.state}; bids are made of an acknowledged "
            "one",
            code="state",
        )
    freshness.check(record)
    return ApprovedPlan(
        number=number,
        plan=record.plan(),
        plan_hash=record.standing.plan,
        inputs=json.loads(document(session, record.standing.inputs)),
        traders=record.standing.traders,
    )


def record_orders(
    platform: Platform, session: Session, actor: str, number: int, digests: Sequence[str]
) -> Record:
    """Record which receipted orders were made from an acknowledged plan.

    Naming an order again changes nothing.

    Raises:
        NotFoundError: the plan is not for the actor, or there is no such order.
        RefusedError: the plan is not acknowledged.
        InvalidError: an order is of another market, period, slot or trader than the plan, came
            before it was acknowledged, or together they trade more than is planned.
        ConflictError: an order was made from another plan.
    """
    record = open_record(platform, session, number, lock=True)
    if actor not in record.standing.traders:
        raise NotFoundError(f"there is no dispatch plan {number}")
    after(record.standing.state, Action.ORDER)
    acknowledged_at = _taken_at(session, number, Action.ACKNOWLEDGE)
    plan = record.plan()
    fresh: list[str] = []
    for digest in dict.fromkeys(each.lower() for each in digests):
        known = session.get(DispatchOrderRow, digest)
        if known is not None and known.dispatch != number:
            raise ConflictError(f"order {digest} was made from dispatch plan {known.dispatch}")
        if known is not None:
            continue
        order = session.get(OrderRow, digest)
        if order is None:
            raise NotFoundError(f"there is no order {digest}")
        _check_order(session, record.standing, plan, order, acknowledged_at)
        fresh.append(digest)
    beyond = _beyond(session, record.standing, plan, fresh)
    if beyond:
        raise InvalidError(
            f"the orders go beyond the plan: {'; '.join(beyond)}", code="not_of_this_plan"
        )
    if fresh:
        record.take(Action.ORDER, actor, {"orders": sorted(fresh)})
    return record


def _check_order(
    session: Session, standing: Standing, plan: DispatchPlan, order: OrderRow, since: int
) -> None:
    def refuse(why: str) -> InvalidError:
        return InvalidError(f"order {order.digest} {why}", code="not_of_this_plan")

    if order.market != standing.market:
        raise refuse(f"is of market {order.market}, the plan of {standing.market}")
    row = get_round(session, order.market, order.round)
    if row.period != standing.period or standing.round not in (0, order.round):
        raise refuse("is of another period or round than the plan")
    if order.trader not in standing.traders:
        raise refuse(f"is {order.trader}'s, who does not bid from this plan")
    if order.received_at < since:
        raise refuse("came before the plan was acknowledged")
    slots = {Product.from_id(int(product)).slot for product, _ in order.legs}
    if not slots <= set(range(plan.first_slot, plan.first_slot + plan.slots)):
        raise refuse("trades slots that the plan does not cover")


def _beyond(
    session: Session, standing: Standing, plan: DispatchPlan, fresh: Sequence[str]
) -> list[str]:
    """What all of a plan's orders that still stand would trade beyond it."""
    rows = [session.get(OrderRow, digest) for digest in (*standing.orders, *fresh)]
    open_orders = [to_order(row) for row in rows if row is not None and row.cancelled_at is None]
    return beyond_plan(plan, standing.meters, open_orders)


def _own(platform: Platform, session: Session, actor: str, number: int, version: int) -> Record:
    record = open_record(platform, session, number, lock=True)
    if record.standing.participant != actor:
        raise NotFoundError(f"there is no dispatch plan {number}")
    require_version(record, version)
    return record


def _taken_at(session: Session, number: int, action: Action) -> int:
    found = session.exec(
        select(DispatchStepRow.at)
        .where(DispatchStepRow.dispatch == number, DispatchStepRow.action == action)
        .order_by(col(DispatchStepRow.sequence).desc())
    ).first()
    assert found is not None  # the plan's state says that the step was taken
    return found
