"""What may happen to a plan, and in which order.

::

    proposed <-> edited            the optimiser's plan; what a person changed is solved again
       |
    approved -> sent -> acknowledged -> measured
                   \\-> refused         back to the dispatcher, who edits or solves again

    approved, sent, acknowledged -> revoked    stale inputs, an edit, a gate that has closed
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from wattproof.errors import RefusedError


class State(StrEnum):
    """Where a plan stands.

    ``proposed``: solved, for a person to decide. ``edited``: edits or inputs have changed since it
    was solved. ``refused``: the participant will not follow it. ``revoked``: an approval that
    stands no longer.
    """

    PROPOSED = "proposed"
    EDITED = "edited"
    APPROVED = "approved"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    REVOKED = "revoked"
    MEASURED = "measured"


class Action(StrEnum):
    """A step; each is recorded."""

    PROPOSE = "propose"
    EDIT = "edit"
    RENEW = "renew"
    SOLVE = "solve"
    APPROVE = "approve"
    SEND = "send"
    ACKNOWLEDGE = "acknowledge"
    REFUSE = "refuse"
    REVOKE = "revoke"
    ORDER = "order"
    MEASURE = "measure"


IN_FORCE: Final = frozenset({State.APPROVED, State.SENT, State.ACKNOWLEDGED})
"""States in which an approval stands; an edit or new inputs revoke it first."""

_AT_THE_DESK = (State.PROPOSED, State.EDITED, State.REFUSED, State.REVOKED)

NEXT: Final[Mapping[tuple[State, Action], State]] = {
    **{(state, Action.EDIT): State.EDITED for state in _AT_THE_DESK},
    **{(state, Action.RENEW): State.EDITED for state in _AT_THE_DESK},
    **{(state, Action.SOLVE): State.PROPOSED for state in _AT_THE_DESK},
    (State.PROPOSED, Action.APPROVE): State.APPROVED,
    (State.APPROVED, Action.SEND): State.SENT,
    (State.SENT, Action.ACKNOWLEDGE): State.ACKNOWLEDGED,
    (State.SENT, Action.REFUSE): State.REFUSED,
    **{(state, Action.REVOKE): State.REVOKED for state in sorted(IN_FORCE)},
    (State.ACKNOWLEDGED, Action.ORDER): State.ACKNOWLEDGED,
    (State.ACKNOWLEDGED, Action.MEASURE): State.MEASURED,
}

_WAY_OUT: Final[Mapping[tuple[State, Action], str]] = {
    (State.EDITED, Action.APPROVE): "solve it first, so that what is approved is what was edited",
    (State.REFUSED, Action.APPROVE): "the participant refused it; edit it or solve it again",
    (State.REVOKED, Action.APPROVE): "its approval was revoked; solve it again and look at it",
    (State.PROPOSED, Action.SEND): "approve it first",
    (State.APPROVED, Action.ACKNOWLEDGE): "it has not been sent to you",
    (State.SENT, Action.ORDER): "acknowledge it first",
    (State.SENT, Action.MEASURE): "it was not acknowledged, so there is nothing to compare with",
}


def after(state: State, action: Action) -> State:
    """The state an action leads to.

    Raises:
        RefusedError: the action is not for this state; says what to do.
    """
    following = NEXT.get((state, action))
    if following is None:
        hint = _WAY_OUT.get((state, action)) or _possible(state)
        raise RefusedError(f"the plan is {state}, you cannot {action} it: {hint}", code="state")
    return following


def _possible(state: State) -> str:
    actions = sorted(action for (at, action) in NEXT if at is state and action != Action.REVOKE)
    return f"possible now: {', '.join(actions)}" if actions else "nothing more happens to it"
