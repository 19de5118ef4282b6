"""Plans: proposed by a market's optimiser, solved again after people edited them.

Solving may take long, so it happens between transactions: what it rested on is read in one, what
it gave is stored in another, which refuses if the plan has moved on meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from market.dispatch import (
    DispatchError,
    DispatchPlan,
    InfeasibleError,
    PlanBinding,
    Planner,
    inputs_hash,
    inputs_text,
    planner_of,
)
from market.registry import MarketManifest, markets
from wattproof.dispatch.lifecycle import Action, after
from wattproof.dispatch.models import DispatchRow
from wattproof.dispatch.record import (
    Record,
    begin,
    binding_of,
    document,
    open_record,
    store_document,
)
from wattproof.errors import ConflictError, InvalidError, RefusedError
from wattproof.rounds.facts import get_market, get_round
from wattproof.rounds.models import MarketRow, RoundRow
from wattproof.runtime import Platform

Meters = Mapping[str, tuple[str, int]]
"""Line -> account and carrier of its meter."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a plan is asked for: whose, when, from what.

    Attributes:
        round: the round its orders go into; 0: none in particular.
        meters: which meter reads a line; lines named as a carrier are the participant's own.
        inputs: JSON as the market's planner reads it.
    """

    market: int
    period: int
    participant: str
    inputs: Mapping[str, Any]
    round: int = 0
    meters: Meters | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A solved proposal that is not stored yet."""

    proposal: Proposal
    meters: Meters
    inputs: str
    plan: str


@dataclass(frozen=True, slots=True)
class Solution:
    """A plan solved again with its edits fixed, and what it would be without them."""

    number: int
    version: int
    plan: str
    unedited: str


def draft(platform: Platform, proposal: Proposal) -> Draft:
    """Solve for a new plan. Nothing is stored and nothing is locked.

    Raises:
        NotFoundError: no such market or round.
        InvalidError: the inputs cannot be used, or the plan lies outside the period.
        RefusedError: nobody plans for this market, the gate has passed, or no plan keeps every
            limit.
    """
    with platform.transaction() as session:
        market = get_market(session, proposal.market)
        row = get_round(session, proposal.market, proposal.round) if proposal.round else None
    if row is not None and platform.clock.now() >= row.gate_at:
        raise RefusedError(f"the gate of round {row.number} has closed", code="gate_passed")
    planner = planner_for(market)
    with planner_errors():
        text = inputs_text(proposal.inputs)
        plan = planner.solve(planner.parse_inputs(proposal.inputs), ())
    _check_place(plan, market, proposal.period, row)
    meters = _meters(plan, _manifest(market), proposal)
    binding = PlanBinding(
        platform.domain,
        proposal.market,
        proposal.period,
        proposal.participant,
        inputs_hash(text),
    )
    return Draft(proposal, meters, text, binding.document(plan).decode())


def propose(platform: Platform, session: Session, actor: str, drafted: Draft) -> Record:
    """Store a draft as a plan for a person to look at.

    Raises:
        ConflictError: there is a plan for this participant, period and round already.
    """
    proposal = drafted.proposal
    known = session.exec(
        select(DispatchRow.id).where(
            DispatchRow.market == proposal.market,
            DispatchRow.period == proposal.period,
            DispatchRow.participant == proposal.participant,
            DispatchRow.round == proposal.round,
        )
    ).first()
    if known is not None:
        raise ConflictError(
            f"dispatch plan {known} is for this participant, period and round; give it new inputs "
            "instead",
            code="plan_exists",
        )
    inputs = store_document(session, "inputs", drafted.inputs)
    plan = store_document(session, "plan", drafted.plan)
    row = DispatchRow(
        market=proposal.market,
        period=proposal.period,
        participant=proposal.participant,
        round=proposal.round,
        state="",
        head="",
        inputs=inputs,
        inputs_at=0,
        plan=plan,
        unedited=plan,
        proposal=plan,
        edits=[],
        meters={},
    )
    content = {
        "market": proposal.market,
        "period": proposal.period,
        "participant": proposal.participant,
        "round": proposal.round,
        "inputs": inputs,
        "plan": plan,
        "meters": [[line, *meter] for line, meter in sorted(drafted.meters.items())],
    }
    try:
        return begin(platform, session, row, actor, content)
    except IntegrityError as error:
        raise ConflictError(
            "another plan for this participant, period and round was just proposed; look at it",
            code="plan_exists",
        ) from error


def solve(platform: Platform, number: int, version: int) -> Solution:
    """Solve a plan again with its edits fixed. Nothing is stored and nothing is locked.

    Raises:
        ConflictError: somebody else changed the plan since ``version``.
        RefusedError: no plan keeps every limit and edit (``details`` name those in conflict), or
            the plan is past solving.
    """
    with platform.transaction() as session:
        record = open_record(platform, session, number, version=version)
        standing = record.standing
        market = get_market(session, standing.market)
        row = get_round(session, standing.market, standing.round) if standing.round else None
        raw = json.loads(document(session, standing.inputs))
    after(standing.state, Action.SOLVE)
    planner = planner_for(market)
    with planner_errors():
        inputs = planner.parse_inputs(raw)
        unedited = planner.solve(inputs, ())
        unedited.check_edits(standing.edits)
        plan = planner.solve(inputs, standing.edits) if standing.edits else unedited
    _check_place(plan, market, standing.period, row)
    binding = binding_of(platform, standing, standing.inputs)
    return Solution(
        number,
        version,
        binding.document(plan).decode(),
        binding.document(unedited).decode(),
    )


def resolve(platform: Platform, session: Session, actor: str, solution: Solution) -> Record:
    """Store a solution as the plan to decide on.

    Raises:
        ConflictError: somebody changed the plan while it was solved.
    """
    record = open_record(platform, session, solution.number, version=solution.version, lock=True)
    record.take(
        Action.SOLVE,
        actor,
        {
            "plan": store_document(session, "plan", solution.plan),
            "unedited": store_document(session, "plan", solution.unedited),
        },
    )
    return record


def planner_for(market: MarketRow) -> Planner[Any]:
    """The planner of a market. Raises RefusedError where nobody plans for it."""
    return planner_of(_manifest(market))


def _manifest(market: MarketRow) -> MarketManifest:
    manifest = markets().get(market.name)
    if manifest is None or manifest.planner is None:
        raise RefusedError(
            f"nobody plans for market {market.market} ({market.name})", code="no_planner"
        )
    return manifest


@contextmanager
def planner_errors() -> Iterator[None]:
    """A planner's errors as the platform's."""
    try:
        yield
    except InfeasibleError as error:
        raise RefusedError(
            f"no plan keeps every limit: {error}",
            code="infeasible",
            details=[
                (f"{each.line}[{each.slot}]", f"{each.value_w} W cannot stand with the others")
                for each in error.conflicts
            ],
        ) from error
    except DispatchError as error:
        raise InvalidError(str(error), code="dispatch") from error


def _check_place(plan: DispatchPlan, market: MarketRow, period: int, row: RoundRow | None) -> None:
    seconds, slots = int(market.params["slotSeconds"]), int(market.params["periodSlots"])
    if plan.slot_seconds != seconds:
        raise InvalidError(
            f"the inputs have slots of {plan.slot_seconds} s, the market has slots of {seconds} s",
            code="dispatch",
        )
    first, end = period * slots, (period + 1) * slots
    if row is not None:
        first, end = row.first_slot, row.first_slot + row.slots
    if not first <= plan.first_slot <= plan.first_slot + plan.slots <= end:
        raise InvalidError(
            f"the plan covers slots {plan.first_slot} to {plan.first_slot + plan.slots - 1}; "
            f"{f'round {row.number}' if row else f'period {period}'} has {first} to {end - 1}",
            code="dispatch",
        )


def _meters(plan: DispatchPlan, manifest: MarketManifest, proposal: Proposal) -> Meters:
    """Which meter reads which line. Raises InvalidError."""
    meters: dict[str, tuple[str, int]] = {
        carrier: (proposal.participant, number)
        for number, carrier in enumerate(manifest.carriers)
        if carrier in plan.lines
    }
    for line, (account, carrier) in (proposal.meters or {}).items():
        if line not in plan.lines:
            raise InvalidError(f"the plan has no line {line!r} to meter", code="dispatch")
        if not 0 <= carrier < len(manifest.carriers):
            raise InvalidError(f"the market has no carrier {carrier}", code="dispatch")
        meters[line] = (account, carrier)
    if len(set(meters.values())) != len(meters):
        raise InvalidError("two lines of the plan are on one meter", code="dispatch")
    return meters
