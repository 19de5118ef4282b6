"""Dispatch plans: every step follows the one before, every approval was signed by who might.

Here a log is checked by itself: hashes, texts, signatures, what each step leads to. What the chain
says of it is `dispatch_chain`, what a database has beside it `dispatch_store`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from market.approval import DispatchApproval
from market.dispatch import (
    DispatchError,
    DispatchPlan,
    PlanBinding,
    metered_deviation_wh,
)
from market.order import Domain
from market.signature import SignatureError
from wattproof.audit.findings import Report
from wattproof.dispatch.history import Standing, Step, first_hash, taken
from wattproof.dispatch.lifecycle import Action
from wattproof.dispatch.models import DispatchDocumentRow, DispatchOrderRow, DispatchStepRow
from wattproof.dispatch.record import digest_of, step_of
from wattproof.errors import WattproofError
from wattproof.orders.models import OrderRow
from wattproof.store.engine import make_engine, transaction

STEP, TEXT, PLAN, ORDER = "dispatch_step", "dispatch_document", "dispatch_plan", "dispatch_order"

_TEXTS: Mapping[str, tuple[str, ...]] = {
    Action.PROPOSE: ("inputs", "plan"),
    Action.RENEW: ("inputs",),
    Action.SOLVE: ("plan", "unedited"),
    Action.APPROVE: ("inputs", "plan"),
    Action.MEASURE: ("inputs", "observed"),
}


@dataclass(frozen=True, slots=True)
class Log:
    """A plan's record as somebody keeps it.

    Attributes:
        steps: each with the hash that is written beside it.
        documents: the texts that steps refer to, by hash.
    """

    number: int
    steps: Sequence[tuple[Step, str]]
    documents: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """For a bundle."""
        return {
            "number": self.number,
            "steps": [asdict(step) | {"hash": written} for step, written in self.steps],
            "documents": dict(self.documents),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Log:
        """Raises KeyError, TypeError or ValueError where it is none."""
        steps = [
            (Step(**{name: each[name] for name in each if name != "hash"}), str(each["hash"]))
            for each in value["steps"]
        ]
        return cls(int(value["number"]), steps, dict(value["documents"]))


@dataclass(slots=True)
class Replayed:
    """A log that was repeated: each step that led somewhere, with where it led."""

    log: Log
    taken: list[tuple[Step, Standing]] = field(default_factory=list)

    @property
    def standing(self) -> Standing | None:
        return self.taken[-1][1] if self.taken else None


def read_logs(session: Session, numbers: Iterable[int]) -> list[Log]:
    """The logs of plans as a database has them."""
    logs = []
    for number in numbers:
        rows = session.exec(
            select(DispatchStepRow)
            .where(DispatchStepRow.dispatch == number)
            .order_by(col(DispatchStepRow.sequence))
        ).all()
        steps = [(step_of(row), row.hash) for row in rows]
        named = {digest for step, _ in steps for digest in _texts_of(step)}
        texts = session.exec(
            select(DispatchDocumentRow).where(col(DispatchDocumentRow.hash).in_(sorted(named)))
        ).all()
        logs.append(Log(number, steps, {row.hash: row.content for row in texts}))
    return logs


def logs_of_round(database: Engine | str, key: tuple[int, int]) -> list[Log]:
    """The logs of the plans from which orders of a round (market, number) were made."""
    engine = make_engine(database) if isinstance(database, str) else database
    try:
        with transaction(engine) as session:
            numbers = session.exec(
                select(DispatchOrderRow.dispatch)
                .join(OrderRow, col(OrderRow.digest) == col(DispatchOrderRow.digest))
                .where(OrderRow.market == key[0], OrderRow.round == key[1])
                .distinct()
            ).all()
            return read_logs(session, sorted(numbers))
    finally:
        if isinstance(database, str):
            engine.dispose()


def replay(log: Log, domain: Domain, report: Report) -> Replayed:
    """Repeat a log's steps and name whatever does not hold."""
    done = Replayed(log)
    previous = {first_hash(domain, log.number)}
    standing: Standing | None = None
    for place, (step, written) in enumerate(log.steps, start=1):
        key = f"{log.number}.{step.sequence}"
        try:
            digest = step.hash()
        except ValueError as error:
            report.compare(STEP, key, "step", str(error), "a step")
            return done
        report.compare(STEP, key, "hash", written, digest)
        report.compare(STEP, key, "dispatch", step.dispatch, log.number)
        report.compare(STEP, key, "sequence", step.sequence, place)
        report.compare(STEP, key, "follows the step before", step.previous in previous, True)
        previous = {digest, written}
        try:
            standing = taken(standing, step)
        except WattproofError as error:
            report.compare(STEP, key, "step", error.message, "a step for this state")
            return done
        done.taken.append((step, standing))
        _texts(log, step, key, report)
        if step.action in (Action.PROPOSE, Action.SOLVE):
            _plans(log, standing, domain, key, report)
        if step.action == Action.APPROVE:
            _approval(step, standing, domain, key, report)
        if step.action == Action.MEASURE:
            _deviation(log, step, standing, key, report)
    report.compare(STEP, str(log.number), "steps", bool(log.steps), True)
    return done


def _texts_of(step: Step) -> list[str]:
    try:
        content = step.content()
    except WattproofError:
        return []
    return [str(content.get(name)) for name in _TEXTS.get(step.action, ())]


def _texts(log: Log, step: Step, key: str, report: Report) -> None:
    for digest in _texts_of(step):
        text = log.documents.get(digest)
        if text is None:
            report.compare(STEP, key, "document", f"{digest} is missing", "there")
            continue
        found = digest_of(text)
        report.compare(TEXT, digest, "content", found, digest)


def _plans(log: Log, standing: Standing, domain: Domain, key: str, report: Report) -> None:
    """The plan's text says what it is bound to, and the plan keeps what was fixed."""
    binding = PlanBinding(
        domain,
        standing.market,
        standing.period,
        standing.participant,
        bytes.fromhex(standing.inputs[2:]),
    )
    for name, digest in (("plan", standing.plan), ("unedited", standing.unedited)):
        plan = plan_of(log, digest)
        if plan is None:
            report.compare(STEP, key, name, "no plan", "a plan")
            continue
        bound = binding.document(plan).decode() == log.documents[digest]
        report.compare(STEP, key, f"{name} is bound to market, period and inputs", bound, True)
        if name == "plan":
            kept = all(
                each.line in plan.lines
                and 0 <= each.slot < plan.slots
                and plan.lines[each.line][each.slot] == each.value_w
                for each in standing.edits
            )
            report.compare(STEP, key, "plan keeps the edits", kept, True)


def _approval(step: Step, standing: Standing, domain: Domain, key: str, report: Report) -> None:
    """The plan in force was approved, by the one who says so and who does not follow it."""
    content = step.content()
    report.compare(STEP, key, "plan", content.get("plan"), standing.plan)
    report.compare(STEP, key, "inputs", content.get("inputs"), standing.inputs)
    try:
        said = DispatchApproval(
            market=standing.market,
            period=standing.period,
            participant=standing.participant,
            plan=bytes.fromhex(standing.plan[2:]),
            inputs=bytes.fromhex(standing.inputs[2:]),
            reason=content["reason"],
            approved_at=content["approvedAt"],
        )
        signer = said.signer(domain, bytes.fromhex(content["signature"][2:]))
    except (SignatureError, KeyError, ValueError, TypeError, OverflowError) as error:
        signer = str(error)
    report.compare(STEP, key, "signature", signer, step.actor)
    own = step.actor in standing.traders
    report.compare(STEP, key, "approved by who follows it", own, False)


def _deviation(log: Log, step: Step, standing: Standing, key: str, report: Report) -> None:
    content, plan = step.content(), plan_of(log, standing.plan)
    try:
        expected = None if plan is None else metered_deviation_wh(plan, content["metered"])
    except (KeyError, TypeError, ValueError):
        expected = None
    found = content.get("deviationWh")
    wanted = None if expected is None else {line: list(wh) for line, wh in expected.items()}
    report.compare(STEP, key, "deviationWh", found, wanted)


def plan_of(log: Log, digest: str) -> DispatchPlan | None:
    try:
        return DispatchPlan.from_document(log.documents[digest])
    except (KeyError, DispatchError):
        return None
