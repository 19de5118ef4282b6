"""A plan is proposed, edited, solved again and compared."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import pytest

from market.dispatch import COMFORT, COST, PEAK, Edit
from wattproof.dispatch import planning
from wattproof.dispatch.difference import difference
from wattproof.dispatch.lifecycle import State
from wattproof.dispatch.record import read_plan, steps_of
from wattproof.errors import ConflictError, InvalidError, RefusedError

CHEAP = 48  # a slot in which everybody charges
DEAR = 40  # a slot in which nobody does


def test_the_optimisers_plan_is_there_to_be_looked_at(centre):
    number = centre.propose()
    standing = centre.standing(number)
    plan = centre.plan(number)
    assert standing.state is State.PROPOSED
    assert standing.plan == standing.unedited == standing.proposal
    assert set(plan.lines) == {"ada", "bob", "cem"}
    assert plan.first_slot == centre.day * 96
    assert {COST, PEAK, COMFORT} <= set(plan.indicators)
    assert plan.lines["ada"][DEAR] == 0 < plan.lines["ada"][CHEAP]


def test_a_fixed_value_is_kept_exactly_and_the_rest_is_solved_around_it(centre):
    number = centre.propose()
    before = centre.plan(number)
    assert centre.edit(number, Edit("ada", DEAR, 7_123)).state is State.EDITED
    standing = centre.solve(number)
    assert standing.state is State.PROPOSED
    after = centre.plan(number)
    assert after.lines["ada"][DEAR] == 7_123
    assert sum(after.lines["ada"]) == pytest.approx(sum(before.lines["ada"]), abs=10)
    assert after.lines["bob"] == before.lines["bob"]


def test_the_difference_says_what_the_edits_cost(centre):
    number = centre.propose()
    centre.edit(number, Edit("ada", DEAR, 7_000), Edit("bob", DEAR, 7_000))
    standing = centre.solve(number)
    with centre.platform.transaction() as session:
        found = difference(read_plan(session, standing.unedited), read_plan(session, standing.plan))
    by_name = {each.name: each for each in found.indicators}
    # 14 kW for a quarter-hour at 0.20 instead of about 0.12 a kWh.
    assert 200_000 < by_name[COST].change < 400_000
    assert by_name[COST].better is False
    assert by_name[COMFORT].change == 0
    assert by_name[COMFORT].better is None
    assert ("ada", DEAR, 0, 7_000) in [
        (each.line, each.slot, each.before_w, each.after_w) for each in found.slots
    ]


def test_a_freed_value_is_the_optimisers_again(centre):
    number = centre.propose()
    proposal = centre.plan(number)
    centre.edit(number, Edit("ada", DEAR, 7_000))
    centre.solve(number)
    centre.edit(number, clear=[("ada", DEAR)])
    standing = centre.solve(number)
    assert standing.edits == ()
    assert centre.plan(number) == proposal
    assert standing.plan == standing.proposal


def test_new_inputs_keep_the_edits_and_want_a_new_solution(centre):
    number = centre.propose()
    centre.edit(number, Edit("ada", DEAR, 7_000))
    inputs = centre.inputs()
    inputs["signal"]["price_per_kwh"][CHEAP] = 0.5
    assert centre.renew(number, inputs).state is State.EDITED
    standing = centre.solve(number)
    plan = centre.plan(number)
    assert plan.lines["ada"][DEAR] == 7_000
    assert plan.lines["ada"][CHEAP] == 0
    assert standing.unedited not in (standing.plan, standing.proposal)


def test_edits_that_cannot_stand_together_are_named_and_the_others_are_not(centre):
    number = centre.propose()
    # Three vehicles at 11 kW and 20 kW of base load fit 60 kW; with 30 kW of base load they do not.
    inputs = centre.inputs()
    inputs["signal"]["base_load_w"] = [30_000.0] * 96
    centre.renew(number, inputs)
    centre.edit(number, *(Edit(owner, DEAR, 11_000) for owner in ("ada", "bob", "cem")))
    centre.edit(number, Edit("ada", DEAR + 1, 3_000))
    with pytest.raises(RefusedError) as refused:
        planning.solve(centre.platform, number, centre.standing(number).version)
    assert refused.value.code == "infeasible"
    assert [place for place, _ in refused.value.details] == [
        f"ada[{DEAR}]",
        f"bob[{DEAR}]",
        f"cem[{DEAR}]",
    ]
    assert centre.standing(number).state is State.EDITED


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (Edit("dan", 0, 1), "no line 'dan'"),
        (Edit("ada", 96, 1), "slots 0 to 95"),
        (Edit("ada", -1, 1), "slots 0 to 95"),
        (Edit("ada", 0, 10**15), "whole number of W"),
        (Edit("ada", 0, cast(int, math.nan)), "whole number of W"),
        (Edit("ada", 0, cast(int, 1.5)), "whole number of W"),
    ],
)
def test_an_edit_of_nothing_that_is_there_is_refused(centre, edit, said):
    number = centre.propose()
    with pytest.raises(InvalidError, match=said):
        centre.edit(number, edit)
    assert centre.standing(number).version == 1


def test_a_value_that_nobody_fixed_cannot_be_freed(centre):
    number = centre.propose()
    with pytest.raises(InvalidError, match="not fixed"):
        centre.edit(number, clear=[("ada", 3)])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scenarios": 0}, "scenarios must lie in"),
        ({"colour": 1}, "no field 'colour'"),
        ({"signal": {"price_per_kwh": [math.nan] * 96, "base_load_w": [0.0] * 96}}, "JSON"),
        ({"signal": {"price_per_kwh": [0.1] * 95, "base_load_w": [0.0] * 95}}, "95 prices"),
        ({"habits": {}}, "habits.arrival_s is missing"),
        ({"vehicles": 10**400}, "vehicles must be an object"),
    ],
)
def test_inputs_that_make_no_sense_are_refused_by_name(centre, changes, said):
    with pytest.raises(InvalidError, match=said):
        centre.propose(inputs=centre.inputs(**changes))


def test_a_plan_outside_its_period_is_refused(centre):
    inputs = centre.inputs()
    inputs["horizon"]["start"] = "2020-01-01T00:00:00+00:00"
    with pytest.raises(InvalidError, match="the plan covers slots"):
        centre.propose(inputs=inputs)


def test_one_plan_a_participant_period_and_round(centre):
    number = centre.propose()
    with pytest.raises(ConflictError, match=f"dispatch plan {number}"):
        centre.propose()
    assert centre.propose(round=centre.open_round()) != number


def test_two_people_editing_at_once_do_not_overwrite_each_other(centre):
    number = centre.propose()
    centre.edit(number, Edit("ada", DEAR, 5_000), version=1)
    with pytest.raises(ConflictError) as refused:
        centre.edit(number, Edit("ada", DEAR, 9_000), version=1, actor=centre.second)
    assert refused.value.code == "version"
    assert "ada[40] = 5000 W" in refused.value.message
    assert refused.value.details == (("steps.2", "edit: ada[40] = 5000 W"),)
    assert centre.standing(number).edits == (Edit("ada", DEAR, 5_000),)


def test_of_many_editors_at_the_same_moment_exactly_one_gets_through(centre):
    number = centre.propose()

    def attempt(value: int) -> bool:
        try:
            centre.edit(number, Edit("ada", DEAR, value), version=1)
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(attempt, range(1_000, 9_000, 1_000)))
    assert won.count(True) == 1
    standing = centre.standing(number)
    assert standing.version == 2
    assert standing.edits == (Edit("ada", DEAR, 1_000 * (won.index(True) + 1)),)


def test_a_solution_of_a_plan_that_was_edited_meanwhile_is_not_stored(centre):
    number = centre.propose()
    centre.edit(number, Edit("ada", DEAR, 5_000))
    solution = planning.solve(centre.platform, number, 2)
    centre.edit(number, Edit("bob", DEAR, 5_000), actor=centre.second)
    with (
        pytest.raises(ConflictError, match=r"bob\[40\] = 5000 W"),
        centre.platform.transaction() as session,
    ):
        planning.resolve(centre.platform, session, "0x" + "11" * 20, solution)
    assert centre.standing(number).state is State.EDITED


def test_no_transaction_is_open_while_the_solver_runs(centre, monkeypatch):
    number = centre.propose()
    planner = planning.planner_for

    class Watched:
        def __init__(self, inner):
            self._inner = inner

        def parse_inputs(self, raw):
            return self._inner.parse_inputs(raw)

        def solve(self, inputs, edits=()):
            # SQLite has one writer: this would wait for ever if the caller held a transaction.
            centre.edit(number, Edit("cem", DEAR, 1_000))
            return self._inner.solve(inputs, edits)

    monkeypatch.setattr(planning, "planner_for", lambda market: Watched(planner(market)))
    planning.solve(centre.platform, number, 1)
    assert centre.standing(number).edits == (Edit("cem", DEAR, 1_000),)


def test_every_step_is_on_record_and_holds_the_one_before(centre):
    number = centre.propose()
    centre.edit(number, Edit("ada", DEAR, 5_000))
    centre.solve(number)
    with centre.platform.transaction() as session:
        steps = steps_of(session, number)
    assert [step.action for step in steps] == ["propose", "edit", "solve"]
    assert [step.previous for step in steps[1:]] == [step.hash() for step in steps[:-1]]
    assert {step.actor for step in steps} == {centre.dispatcher.address}
