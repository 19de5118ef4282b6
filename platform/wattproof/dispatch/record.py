"""Opening a plan's record and adding steps to it, inside the caller's transaction.

Every step locks the plan, repeats its history (so a damaged one is noticed before anything is
built on it), and appends. The plan's row is what the steps say and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eth_utils.crypto import keccak
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from market.dispatch import DispatchPlan, PlanBinding
from wattproof.dispatch.history import (
    Standing,
    Step,
    first_hash,
    followed,
    payload_of,
    taken,
)
from wattproof.dispatch.lifecycle import Action
from wattproof.dispatch.models import (
    DispatchDocumentRow,
    DispatchOrderRow,
    DispatchRow,
    DispatchStepRow,
)
from wattproof.errors import ConflictError, NotFoundError, WattproofError
from wattproof.runtime import Platform


class DamagedError(WattproofError):
    """A plan's record was altered outside this platform; nothing is built on it any more."""

    default_code = "record_damaged"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what}. It was altered outside this platform: run `wattproof audit replay`"
        )


@dataclass(slots=True)
class Record:
    """A plan, opened in a transaction: where it stands, and how to take it further."""

    platform: Platform
    session: Session
    row: DispatchRow
    standing: Standing

    @property
    def number(self) -> int:
        assert self.row.id is not None  # it was flushed
        return self.row.id

    def take(self, action: Action, actor: str, content: Mapping[str, Any]) -> Standing:
        """Append a step.

        Raises:
            RefusedError: the step is not for the plan's state.
        """
        step = Step(
            dispatch=self.number,
            sequence=self.standing.version + 1,
            action=action,
            actor=actor,
            at=self.platform.clock.now(),
            payload=payload_of(content),
            previous=self.standing.head,
        )
        self.standing = taken(self.standing, step)
        _store(self.session, self.row, step, self.standing)
        return self.standing

    def plan(self) -> DispatchPlan:
        """The plan now in force."""
        return read_plan(self.session, self.standing.plan)

    def binding(self) -> PlanBinding:
        """What the plan in force is bound to."""
        return binding_of(self.platform, self.standing, self.standing.inputs)


def begin(
    platform: Platform, session: Session, row: DispatchRow, actor: str, content: Mapping[str, Any]
) -> Record:
    """Store a plan with its first step."""
    session.add(row)
    session.flush()
    assert row.id is not None
    step = Step(
        dispatch=row.id,
        sequence=1,
        action=Action.PROPOSE,
        actor=actor,
        at=platform.clock.now(),
        payload=payload_of(content),
        previous=first_hash(platform.domain, row.id),
    )
    standing = taken(None, step)
    _store(session, row, step, standing)
    return Record(platform, session, row, standing)


def open_record(
    platform: Platform,
    session: Session,
    number: int,
    *,
    version: int | None = None,
    lock: bool = False,
) -> Record:
    """A plan and where its steps have led.

    Args:
        version: the one the caller has seen; None: whatever it is now.
        lock: against other steps, until the transaction ends.

    Raises:
        NotFoundError: there is no such plan.
        ConflictError: it has another version; says what has changed.
        DamagedError: its steps do not follow one another.
    """
    row = session.get(DispatchRow, number, with_for_update=lock or None, populate_existing=lock)
    if row is None:
        raise NotFoundError(f"there is no dispatch plan {number}")
    try:
        standing = followed(platform.domain, number, steps_of(session, number))
    except WattproofError as error:
        raise DamagedError(f"the record of dispatch plan {number}: {error.message}") from error
    if standing is None or standing.head != row.head:
        raise DamagedError(f"the record of dispatch plan {number} does not end where its row says")
    record = Record(platform, session, row, standing)
    if version is not None:
        require_version(record, version)
    return record


def require_version(record: Record, version: int) -> None:
    """Raises ConflictError where the plan is no longer what the caller has seen; says why."""
    now = record.standing.version
    if version == now:
        return
    since = [step for step in steps_of(record.session, record.number) if step.sequence > version]
    said = "; ".join(
        f"{step.sequence} {step.action} by {step.actor}: {words(step)}" for step in since
    )
    raise ConflictError(
        f"the plan has version {now}, you name {version}: somebody changed it meanwhile. Look at "
        f"what has changed and try again: {said}"
        if since
        else f"the plan has version {now}, there is no version {version} yet",
        code="version",
        details=[(f"steps.{step.sequence}", f"{step.action}: {words(step)}") for step in since],
    )


def steps_of(session: Session, number: int) -> list[Step]:
    """A plan's steps in order."""
    rows = session.exec(
        select(DispatchStepRow)
        .where(DispatchStepRow.dispatch == number)
        .order_by(col(DispatchStepRow.sequence))
    ).all()
    return [step_of(row) for row in rows]


def step_of(row: DispatchStepRow) -> Step:
    """A stored step."""
    return Step(
        row.dispatch, row.sequence, row.action, row.actor, row.at, row.payload, row.previous
    )


def store_document(session: Session, kind: str, text: str) -> str:
    """Keep a text under its hash (0x-hex), once."""
    digest = digest_of(text)
    # Two transactions may store the same text at once.
    on_postgres = session.get_bind().dialect.name == "postgresql"
    insert = postgresql.insert if on_postgres else sqlite.insert
    values = {"hash": digest, "kind": kind, "content": text}
    session.execute(insert(DispatchDocumentRow).values(values).on_conflict_do_nothing())
    return digest


def document(session: Session, digest: str) -> str:
    """The text of a hash. Raises DamagedError where it is not there or is another one."""
    row = session.get(DispatchDocumentRow, digest)
    if row is None or digest_of(row.content) != digest:
        raise DamagedError(f"the text {digest} is {'missing' if row is None else 'another one'}")
    return row.content


def digest_of(text: str) -> str:
    """Keccak-256 of a text, 0x-hex."""
    return "0x" + keccak(text.encode("utf-8", errors="surrogatepass")).hex()


def read_plan(session: Session, digest: str) -> DispatchPlan:
    """The plan of a stored document."""
    return DispatchPlan.from_document(document(session, digest))


def binding_of(platform: Platform, standing: Standing, inputs: str) -> PlanBinding:
    """What a plan of these inputs is bound to."""
    return PlanBinding(
        platform.domain,
        standing.market,
        standing.period,
        standing.participant,
        bytes.fromhex(inputs[2:]),
    )


def words(step: Step) -> str:
    """A step in a few words."""
    content = step.content()
    if step.action == Action.EDIT:
        parts = [f"{line}[{slot}] = {value} W" for line, slot, value in content["set"]]
        parts += [f"{line}[{slot}] free" for line, slot in content["cleared"]]
        return ", ".join(parts)
    if step.action == Action.ORDER:
        return f"{len(content['orders'])} orders"
    return str(content.get("reason", ""))


def _store(session: Session, row: DispatchRow, step: Step, standing: Standing) -> None:
    digest = step.hash()
    session.add(
        DispatchStepRow(
            dispatch=step.dispatch,
            sequence=step.sequence,
            action=step.action,
            actor=step.actor,
            at=step.at,
            payload=step.payload,
            previous=step.previous,
            hash=digest,
        )
    )
    for name, value in columns(standing).items():
        setattr(row, name, value)
    session.add(row)
    if step.action == Action.ORDER:
        session.add_all(
            DispatchOrderRow(digest=order, dispatch=step.dispatch, sequence=step.sequence)
            for order in step.content()["orders"]
        )
    session.flush()


def columns(standing: Standing) -> dict[str, Any]:
    """A plan's row as its steps say it must be, without its number."""
    return {
        "market": standing.market,
        "period": standing.period,
        "participant": standing.participant,
        "round": standing.round,
        "state": str(standing.state),
        "version": standing.version,
        "head": standing.head,
        "inputs": standing.inputs,
        "inputs_at": standing.inputs_at,
        "plan": standing.plan,
        "unedited": standing.unedited,
        "proposal": standing.proposal,
        "edits": [[edit.line, edit.slot, edit.value_w] for edit in standing.edits],
        "meters": {line: list(meter) for line, meter in standing.meters.items()},
    }
