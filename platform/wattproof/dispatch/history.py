"""The steps of a plan as a chain of hashes, and where they lead.

Nothing here reads a database: the service that takes a step and the audit that repeats it share
`taken`, so what is stored beside the steps can be derived from them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from eth_utils.crypto import keccak

from identity.canonical import canonical_json
from market.dispatch import Edit
from market.signature import Domain
from wattproof.dispatch import lifecycle
from wattproof.dispatch.lifecycle import Action, State
from wattproof.errors import InvalidError

_HASH = re.compile("0x[0-9a-f]{64}")
PLATFORM: Final = "0x" + "00" * 20
"""The actor of what the platform's own rules do."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step; ``payload`` is canonical JSON, hashes are 0x-hex."""

    dispatch: int
    sequence: int
    action: str
    actor: str
    at: int
    payload: str
    previous: str

    def hash(self) -> str:
        """Keccak-256 over everything the step says, the previous step's hash included."""
        said = {
            "dispatch": self.dispatch,
            "sequence": self.sequence,
            "action": self.action,
            "actor": self.actor,
            "at": self.at,
            "payload": self.payload,
            "previous": self.previous,
        }
        return "0x" + keccak(canonical_json(said)).hex()

    def content(self) -> dict[str, Any]:
        """The payload's values. Raises InvalidError where it is not a JSON object."""
        try:
            content = json.loads(self.payload)
        except ValueError as error:
            raise InvalidError(f"step {self.sequence} holds no JSON: {error}") from error
        if not isinstance(content, dict):
            raise InvalidError(f"step {self.sequence} holds no object")
        return content


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the steps of a plan have led; fields as in `DispatchRow`.

    ``orders``: hashes of the orders made from it. ``approval``: the last approval and its
    ``approver``, also after it was revoked. ``revocation``: why it was.
    """

    market: int
    period: int
    participant: str
    round: int
    state: State
    version: int
    head: str
    inputs: str
    inputs_at: int
    plan: str
    unedited: str
    proposal: str
    solved_at: int
    edits: tuple[Edit, ...] = ()
    meters: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    orders: tuple[str, ...] = ()
    approval: Mapping[str, Any] | None = None
    revocation: Mapping[str, Any] | None = None

    @property
    def traders(self) -> frozenset[str]:
        """Who bids from the plan: its participant, and the accounts of its meters."""
        return frozenset((self.participant, *(account for account, _ in self.meters.values())))


def first_hash(domain: Domain, dispatch: int) -> str:
    """What the first step of a plan follows: chain, exchange and the plan's number."""
    said = {"chainId": str(domain.chain_id), "exchange": domain.exchange, "dispatch": dispatch}
    return "0x" + keccak(canonical_json(said)).hex()


def payload_of(content: Mapping[str, Any]) -> str:
    """The canonical text of a step's content."""
    return canonical_json(dict(content)).decode()


def taken(before: Standing | None, step: Step) -> Standing:
    """Where a step leads from where the plan stood (None: before its first step).

    Raises:
        RefusedError: the step is not for this state.
        InvalidError: its content is not that of such a step.
    """
    content = step.content()
    try:
        action = Action(step.action)
        if before is None:
            return _begun(step, action, content)
        moved = replace(
            before,
            state=lifecycle.after(before.state, action),
            version=step.sequence,
            head=step.hash(),
        )
        return _changed(moved, step, action, content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidError(f"step {step.sequence} is malformed: {error!r}") from error


def followed(domain: Domain, dispatch: int, steps: Iterable[Step]) -> Standing | None:
    """Where all the steps lead, their chain of hashes checked on the way.

    Raises:
        InvalidError: a step is missing, out of order, or does not follow the one before it.
        RefusedError: a step is not for the state it was taken in.
    """
    standing: Standing | None = None
    previous = first_hash(domain, dispatch)
    for number, step in enumerate(steps, start=1):
        if step.sequence != number:
            raise InvalidError(f"step {number} is missing: after it comes step {step.sequence}")
        if step.previous != previous:
            raise InvalidError(f"step {number} does not follow the step before it")
        standing = taken(standing, step)
        previous = step.hash()
    return standing


def edited(edits: Iterable[Edit], content: Mapping[str, Any]) -> tuple[Edit, ...]:
    """Edits after an edit step: what it sets replaces, what it clears is free again."""
    kept = {(edit.line, edit.slot): edit for edit in edits}
    for line, slot in content["cleared"]:
        kept.pop((_text(line), _whole(slot)), None)
    for line, slot, value in content["set"]:
        kept[line, slot] = Edit(_text(line), _whole(slot), _whole(value))
    return tuple(sorted(kept.values()))


def _begun(step: Step, action: Action, content: Mapping[str, Any]) -> Standing:
    if action is not Action.PROPOSE:
        raise ValueError(f"a plan begins with a proposal, not with {action}")
    plan = _hash(content["plan"])
    return Standing(
        market=_whole(content["market"]),
        period=_whole(content["period"]),
        participant=_text(content["participant"]),
        round=_whole(content["round"]),
        state=State.PROPOSED,
        version=step.sequence,
        head=step.hash(),
        inputs=_hash(content["inputs"]),
        inputs_at=step.at,
        plan=plan,
        unedited=plan,
        proposal=plan,
        solved_at=step.at,
        meters={
            _text(line): (_text(account), _whole(carrier))
            for line, account, carrier in content["meters"]
        },
    )


def _changed(
    standing: Standing, step: Step, action: Action, content: Mapping[str, Any]
) -> Standing:
    if action is Action.EDIT:
        return replace(standing, edits=edited(standing.edits, content))
    if action is Action.RENEW:
        return replace(standing, inputs=_hash(content["inputs"]), inputs_at=step.at)
    if action is Action.SOLVE:
        return replace(
            standing,
            plan=_hash(content["plan"]),
            unedited=_hash(content["unedited"]),
            solved_at=step.at,
        )
    if action is Action.APPROVE:
        approval = {
            "plan": _hash(content["plan"]),
            "inputs": _hash(content["inputs"]),
            "reason": _text(content["reason"]),
            "approvedAt": _whole(content["approvedAt"]),
            "signature": _text(content["signature"]),
            "approver": step.actor,
        }
        return replace(standing, approval=approval, revocation=None)
    if action is Action.REVOKE:
        return replace(standing, revocation=dict(content))
    if action is Action.ORDER:
        return replace(standing, orders=(*standing.orders, *map(_hash, content["orders"])))
    return standing


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is not a whole number")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text")
    return value


def _hash(value: Any) -> str:
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise ValueError(f"{value!r} is not a hash")
    return value
