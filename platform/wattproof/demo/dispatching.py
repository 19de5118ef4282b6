"""A plan's way over the dispatch centre's desk: proposed, edited, solved again, approved, sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import select

from market.dispatch import DispatchPlan, Edit
from market.order import SignedOrder
from wattproof.demo.cast import Member
from wattproof.demo.stage import Stage
from wattproof.dispatch import approval, editing, instruction, measuring, planning
from wattproof.dispatch.difference import Difference, difference
from wattproof.dispatch.instruction import ApprovedPlan
from wattproof.dispatch.models import DispatchOrderRow
from wattproof.dispatch.planning import Proposal
from wattproof.dispatch.record import open_record, read_plan


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A plan that a dispatcher edited and approved, and its participant acknowledged.

    Attributes:
        proposed: what the optimiser had proposed.
        changed: what the edits cost and brought.
        reason: what the dispatcher signed.
    """

    proposed: DispatchPlan
    edits: tuple[Edit, ...]
    changed: Difference
    reason: str
    approved: ApprovedPlan


def review(
    stage: Stage,
    proposal: Proposal,
    participant: Member,
    dispatcher: Member,
    edits_of: Callable[[DispatchPlan], Sequence[Edit]],
    reason: str,
) -> Reviewed:
    """Take a plan from the optimiser to the participant's word that it will follow it.

    Args:
        edits_of: what the dispatcher fixes, looking at the optimiser's plan.

    Raises:
        RefusedError: no plan keeps every limit and edit; names those in conflict.
    """
    platform, desk = stage.platform, dispatcher.address
    drafted = planning.draft(platform, proposal)
    with platform.transaction() as session:
        record = planning.propose(platform, session, desk, drafted)
        number, version, proposed = record.number, record.standing.version, record.plan()
    edits = edits_of(proposed)
    if edits:
        with platform.transaction() as session:
            record = editing.edit(
                platform, session, desk, number, version, fix=edits, reason=reason
            )
            version = record.standing.version
        solution = planning.solve(platform, number, version)
        with platform.transaction() as session:
            version = planning.resolve(platform, session, desk, solution).standing.version
    with platform.transaction() as session:
        said = approval.to_sign(platform, session, number, reason)
        record = approval.approve(
            platform,
            session,
            desk,
            number,
            version,
            reason=reason,
            approved_at=said.approved_at,
            signature=said.sign(platform.domain, bytes(dispatcher.account.key)),
        )
        version = record.standing.version
    with platform.transaction() as session:
        version = approval.send(platform, session, desk, number, version).standing.version
    with platform.transaction() as session:
        instruction.acknowledge(platform, session, participant.address, number, version)
        unedited = read_plan(session, open_record(platform, session, number).standing.unedited)
        approved = instruction.approved_plan(
            platform,
            session,
            market=proposal.market,
            period=proposal.period,
            participant=participant.address,
            round=proposal.round,
        )
    return Reviewed(proposed, tuple(edits), difference(unedited, approved.plan), reason, approved)


def bid_from(
    stage: Stage,
    reviewed: Reviewed,
    participant: Member,
    signed: Sequence[SignedOrder],
    traders: Collection[str],
) -> None:
    """Record which of the orders handed in were made from the plan: those of ``traders``."""
    digests = ["0x" + each.digest.hex() for each in signed if each.order.trader in traders]
    with stage.platform.transaction() as session:
        instruction.record_orders(
            stage.platform, session, participant.address, reviewed.approved.number, digests
        )


def orders_of(stage: Stage, reviewed: Reviewed) -> set[str]:
    """Hashes of the orders that are on record as made from the plan."""
    with stage.platform.transaction() as session:
        return set(
            session.exec(
                select(DispatchOrderRow.digest).where(
                    DispatchOrderRow.dispatch == reviewed.approved.number
                )
            ).all()
        )


def measure(
    stage: Stage, reviewed: Reviewed, actor: Member, observed: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Compare the plan with the final readings, correct the twin; its inputs from now on."""
    platform, number = stage.platform, reviewed.approved.number
    with platform.transaction() as session:
        version = open_record(platform, session, number).standing.version
    outcome = measuring.measure(platform, number, version, observed)
    with platform.transaction() as session:
        measuring.close(platform, session, actor.address, outcome)
    inputs: Mapping[str, Any] = json.loads(outcome.inputs)
    return inputs
