from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from twin.edits import Edit, InfeasiblePlanError, smallest_conflict


def _edits(values: Sequence[int]) -> list[Edit]:
    return [Edit("chiller", slot, float(value)) for slot, value in enumerate(values)]


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=12),
    st.integers(0, 60),
)
def test_no_edit_can_be_left_out_of_a_smallest_conflict(values: list[int], limit: int) -> None:
    def feasible(edits: Sequence[Edit]) -> bool:
        return sum(edit.value_w for edit in edits) <= limit

    found = smallest_conflict(_edits(values), feasible)
    if sum(values) <= limit:
        assert found == ()
        return
    assert not feasible(found)
    for left_out in found:
        assert feasible([edit for edit in found if edit != left_out])


def test_nothing_conflicts_where_nothing_is_feasible_at_all() -> None:
    assert smallest_conflict(_edits([1, 2]), lambda edits: False) == ()


def test_an_infeasible_plan_names_the_edits_that_conflict() -> None:
    error = InfeasiblePlanError("the store would overflow", _edits([5, 6]))
    assert str(error) == "the store would overflow: chiller[0] = 5 W; chiller[1] = 6 W"
