"""Dispatch plans against the chain: roles at the second, final readings, committed books."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from identity.roles import role_id
from market.order import Order, SignedOrder
from market.product import Product
from market.reference.meters import MISSING, ReadingStatus, decode_values
from wattproof.audit.dispatch import ORDER, STEP, Replayed, plan_of
from wattproof.audit.findings import Report
from wattproof.audit.state import State
from wattproof.dispatch.approval import ROLE
from wattproof.dispatch.history import PLATFORM, Standing
from wattproof.dispatch.lifecycle import Action
from wattproof.dispatch.traded import beyond_plan


def check_roles(done: Replayed, state: State, head_time: int, report: Report) -> None:
    """Whoever approved held the dispatcher's role at that moment, by the chain alone."""
    for step, standing in done.taken:
        if step.action != Action.APPROVE or standing.approval is None:
            continue
        at = standing.approval["approvedAt"]
        stood = state.standing(step.actor, role_id(ROLE), at)
        if stood or at <= head_time:  # a grant may lie in a block that is not indexed yet
            report.compare(STEP, f"{done.log.number}.{step.sequence}", "role", stood, True)


def check_readings(done: Replayed, state: State, report: Report) -> None:
    """What was measured is what the meters' final readings say."""
    for step, standing in done.taken:
        if step.action != Action.MEASURE:
            continue
        key, plan = f"{done.log.number}.{step.sequence}", plan_of(done.log, standing.plan)
        meters = standing.meters
        if plan is None or standing.market not in state.markets:
            report.compare(STEP, key, "metered", "no plan or market", "both")
            continue
        first = plan.first_slot - standing.period * state.markets[standing.market].period_slots
        wanted = {
            line: _read(state, standing, account, carrier, first, plan.slots)
            for line, (account, carrier) in meters.items()
        }
        report.compare(STEP, key, "metered", step.content().get("metered"), wanted)


def check_orders(
    done: Replayed, book: Iterable[SignedOrder], key: tuple[int, int], report: Report
) -> Collection[bytes]:
    """Orders of a settled round (market, number) that the plan names are its traders' and slots'.

    Returns:
        Which orders of the book they are.
    """
    standing = done.standing
    plan = None if standing is None else plan_of(done.log, standing.plan)
    if standing is None or plan is None:
        return ()
    named = {bytes.fromhex(digest[2:]) for digest in standing.orders}
    slots = range(plan.first_slot, plan.first_slot + plan.slots)
    found: list[bytes] = []
    of_plan: list[Order] = []
    for each in book:
        if each.digest not in named:
            continue
        found.append(each.digest)
        where = "0x" + each.digest.hex()
        own = each.order.trader in standing.traders
        inside = all(Product.from_id(leg.product).slot in slots for leg in each.order.legs)
        report.compare(ORDER, where, "trader bids from the plan", own, True)
        report.compare(ORDER, where, "slots are the plan's", inside, True)
        report.compare(ORDER, where, "market", standing.market, key[0])
        report.compare(ORDER, where, "round", standing.round in (0, key[1]), True)
        of_plan.append(each.order)
    beyond = beyond_plan(plan, standing.meters, of_plan)
    report.compare(ORDER, f"plan {done.log.number}", "trades beyond the plan", beyond, [])
    return found


def _read(
    state: State, standing: Standing, account: str, carrier: int, first: int, slots: int
) -> list[int | None]:
    device = state.device_of.get((standing.market, account, carrier), PLATFORM)
    key = device, standing.period
    reading, values = state.readings.get(key), state.values.get(key)
    if (
        reading is None
        or values is None
        or reading.status
        in (
            ReadingStatus.NONE,
            ReadingStatus.VOID,
        )
    ):
        return [None] * slots
    decoded = decode_values(values)[first : first + slots]
    return [None if wh == MISSING else wh for wh in decoded]
