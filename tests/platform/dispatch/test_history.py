"""Steps lead where they say, in one order only, and a changed one is noticed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.dispatch import Edit
from market.order import Domain
from wattproof.dispatch.history import Step, edited, first_hash, followed, payload_of
from wattproof.dispatch.lifecycle import IN_FORCE, NEXT, Action, State, after
from wattproof.errors import InvalidError, RefusedError, WattproofError

DOMAIN = Domain(31_337, "0x" + "00" * 19 + "01")
NOBODY = "0x" + "00" * 20
ONE, TWO, THREE, FOUR, FIVE, SIX = ("0x" + f"{n:064x}" for n in range(1, 7))
CONTENT: dict[Action, dict[str, Any]] = {
    Action.PROPOSE: {
        "market": 1,
        "period": 2,
        "participant": NOBODY,
        "round": 0,
        "inputs": ONE,
        "plan": TWO,
        "meters": [["a", NOBODY, 0]],
    },
    Action.EDIT: {"set": [["a", 0, 5]], "cleared": [], "reason": ""},
    Action.RENEW: {"inputs": THREE},
    Action.SOLVE: {"plan": FOUR, "unedited": FIVE},
    Action.APPROVE: {
        "plan": FOUR,
        "inputs": ONE,
        "reason": "x",
        "signature": "0x",
        "approvedAt": 1,
    },
    Action.SEND: {},
    Action.ACKNOWLEDGE: {},
    Action.REFUSE: {"reason": "no"},
    Action.REVOKE: {"reason": "old", "code": "inputs_old"},
    Action.ORDER: {"orders": [SIX]},
    Action.MEASURE: {},
}


def chain(actions):
    steps, previous = [], first_hash(DOMAIN, 7)
    for number, action in enumerate(actions, start=1):
        payload = payload_of(CONTENT[action])
        step = Step(7, number, action, NOBODY, 100 + number, payload, previous)
        steps.append(step)
        previous = step.hash()
    return steps


WHOLE = [
    Action.PROPOSE,
    Action.EDIT,
    Action.SOLVE,
    Action.APPROVE,
    Action.SEND,
    Action.ACKNOWLEDGE,
    Action.ORDER,
    Action.MEASURE,
]


def test_a_whole_life_leads_to_measured():
    standing = followed(DOMAIN, 7, chain(WHOLE))
    assert standing is not None
    assert standing.state is State.MEASURED
    assert (standing.version, standing.plan, standing.unedited, standing.proposal) == (
        8,
        FOUR,
        FIVE,
        TWO,
    )
    assert standing.edits == (Edit("a", 0, 5),)
    assert standing.orders == (SIX,)
    assert standing.meters == {"a": (NOBODY, 0)}


@given(st.lists(st.sampled_from([action for action in Action if action != Action.PROPOSE])))
def test_no_order_of_steps_reaches_the_participant_without_a_fresh_approval(actions):
    steps = chain([Action.PROPOSE, *actions])
    try:
        standing = followed(DOMAIN, 7, steps)
    except WattproofError:
        return
    assert standing is not None
    if standing.state in (*IN_FORCE, State.MEASURED):
        changed = [
            n for n, a in enumerate(actions) if a in (Action.EDIT, Action.RENEW, Action.REVOKE)
        ]
        approved = [n for n, a in enumerate(actions) if a is Action.APPROVE]
        assert approved
        assert max(approved) > max(changed, default=-1)


@given(st.sampled_from(list(State)), st.sampled_from(list(Action)))
def test_every_step_is_either_possible_or_refused_with_a_way_out(state, action):
    if (state, action) in NEXT:
        assert after(state, action) is NEXT[state, action]
        return
    with pytest.raises(RefusedError, match=f"the plan is {state}, you cannot {action} it: .+"):
        after(state, action)


@given(
    st.integers(0, len(WHOLE) - 1),
    st.sampled_from(["action", "actor", "at", "payload", "previous", "sequence"]),
)
def test_a_step_that_was_changed_breaks_the_chain_after_it(place, column):
    steps = chain([*WHOLE[:6]])
    place = min(place, len(steps) - 2)
    step = steps[place]
    altered = {
        "action": "edit" if step.action != "edit" else "solve",
        "actor": "0x" + "00" * 19 + "02",
        "at": step.at + 1,
        "payload": step.payload.replace("{", '{"x":1,', 1) if step.payload != "{}" else '{"x":1}',
        "previous": "0x" + "ff" * 32,
        "sequence": step.sequence + 1,
    }[column]
    steps[place] = replace(step, **{column: altered})
    with pytest.raises(WattproofError):
        followed(DOMAIN, 7, steps)


@pytest.mark.parametrize("place", range(5))
def test_a_step_that_was_taken_out_is_missed(place):
    steps = chain(WHOLE)
    del steps[place]
    with pytest.raises(InvalidError, match=f"step {place + 1} is missing"):
        followed(DOMAIN, 7, steps)


def test_steps_of_another_plan_or_chain_are_not_taken():
    steps = chain(WHOLE)
    for domain, number in ((DOMAIN, 8), (Domain(1, DOMAIN.exchange), 7)):
        with pytest.raises(InvalidError, match="does not follow"):
            followed(domain, number, steps)


@pytest.mark.parametrize("payload", ["", "[]", "{}", '{"market": "x"}', "\x00"])
def test_a_first_step_that_is_no_proposal_is_refused(payload):
    step = replace(chain([Action.PROPOSE])[0], payload=payload)
    with pytest.raises(InvalidError):
        followed(DOMAIN, 7, [step])


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.integers(-9, 9))),
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3))),
)
def test_the_last_value_of_a_place_counts_until_it_is_freed(fixed, cleared):
    edits = edited((), {"set": [list(each) for each in fixed], "cleared": []})
    assert {(e.line, e.slot): e.value_w for e in edits} == {(a, b): c for a, b, c in fixed}
    left = edited(edits, {"set": [], "cleared": [list(each) for each in cleared]})
    assert {(e.line, e.slot) for e in left} == {(a, b) for a, b, _ in fixed} - set(cleared)
    assert list(left) == sorted(left)
