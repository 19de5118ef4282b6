"""People change a plan: they fix values of it, free them again, or bring newer inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session

from market.dispatch import Edit, inputs_text
from wattproof.dispatch import freshness
from wattproof.dispatch.freshness import Stale
from wattproof.dispatch.lifecycle import IN_FORCE, Action
from wattproof.dispatch.planning import planner_errors, planner_for
from wattproof.dispatch.record import Record, open_record, store_document
from wattproof.errors import InvalidError, RefusedError
from wattproof.rounds.facts import get_market
from wattproof.runtime import Platform


def edit(
    platform: Platform,
    session: Session,
    actor: str,
    number: int,
    version: int,
    *,
    fix: Sequence[Edit] = (),
    clear: Sequence[tuple[str, int]] = (),
    reason: str = "",
) -> Record:
    """Fix values of a plan, or free fixed ones. An approval of it stands no longer.

    Raises:
        InvalidError: an edit of no line or slot, or nothing to change.
        ConflictError: somebody else changed the plan since ``version``.
        RefusedError: orders were made from it, or it is over.
    """
    record = open_record(platform, session, number, version=version, lock=True)
    if not fix and not clear:
        raise InvalidError("name at least one value to fix or to free", code="edit")
    with planner_errors():
        record.plan().check_edits(fix)
    fixed = {(each.line, each.slot) for each in record.standing.edits}
    unknown = [f"{line}[{slot}]" for line, slot in clear if (line, slot) not in fixed]
    if unknown:
        raise InvalidError(f"{', '.join(unknown)} is not fixed, nothing to free", code="edit")
    _reopen(record, actor, Stale("edited", "the plan was edited after its approval"))
    record.take(
        Action.EDIT,
        actor,
        {
            "set": [[each.line, each.slot, each.value_w] for each in sorted(fix)],
            "cleared": [[line, slot] for line, slot in sorted(clear)],
            "reason": reason,
        },
    )
    return record


def renew(
    platform: Platform,
    session: Session,
    actor: str,
    number: int,
    version: int,
    inputs: Mapping[str, Any],
) -> Record:
    """Give a plan newer inputs; it must be solved again. An approval of it stands no longer.

    The same inputs once more say that they still hold now.

    Raises:
        InvalidError: the inputs cannot be used.
        ConflictError: somebody else changed the plan since ``version``.
        RefusedError: orders were made from it, or it is over.
    """
    record = open_record(platform, session, number, version=version, lock=True)
    planner = planner_for(get_market(session, record.standing.market))
    with planner_errors():
        text = inputs_text(inputs)
        planner.parse_inputs(inputs)
    digest = store_document(session, "inputs", text)
    _reopen(record, actor, Stale("inputs_changed", "newer inputs came after its approval"))
    record.take(Action.RENEW, actor, {"inputs": digest})
    return record


def _reopen(record: Record, actor: str, why: Stale) -> None:
    """Bring a plan in force back to the desk."""
    standing = record.standing
    if standing.state not in IN_FORCE:
        return
    if standing.orders:
        raise RefusedError(
            "orders were made from this plan; a change is an order in a later round, so propose a "
            "plan for that",
            code="orders_made",
        )
    freshness.revoke(record, actor, why)
