from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.reference.certificate_store import Store
from market.reference.errors import TooManyTechnologies

CAPACITY_WH = 1_000
wh = st.integers(1, 700)
given_shares = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 10)), max_size=4)
"""Technology, and tenths of what is charged."""
flows = st.lists(st.tuples(st.sampled_from("+-?"), wh, given_shares), max_size=25)
"""Charge, discharge, no value."""
efficiencies = st.integers(1, 10_000)


def new(efficiency_bp: int) -> Store:
    return Store(CAPACITY_WH, efficiency_bp, 0, CAPACITY_WH)


def entries(charged_wh: int, shares: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Certificates given, together at most what was charged."""
    left, given = charged_wh, []
    for technology, tenths in shares:
        amount = min(left, charged_wh * tenths // 10)
        left -= amount
        if amount:
            given.append((technology, amount))
    return given


def charge(store: Store, charged_wh: int, given: list[tuple[int, int]]) -> None:
    for technology, amount in given:
        store.mix(technology, amount)
    store.charge(charged_wh)


def play(store: Store, flow: list[tuple[str, int, list[tuple[int, int]]]]) -> tuple[int, int, int]:
    """Wh given, issued and discharged."""
    taken = issued = discharged = 0
    for kind, amount, shares in flow:
        if kind == "+":
            mine = entries(amount, shares)
            charge(store, amount, mine)
            taken += sum(a for _, a in mine)
        elif kind == "-":
            issued += sum(store.discharge(amount).values())
            discharged += amount
        else:
            store.charge(700)
        assert sum(store.green_wh.values()) <= store.energy_wh <= CAPACITY_WH
        assert min(store.green_wh.values(), default=0) >= 0
        assert issued <= discharged
    return taken, issued, discharged


@given(flows, efficiencies)
def test_what_comes_out_is_at_most_what_was_given_less_losses_and_at_most_discharged(
    flow, efficiency_bp
):
    store = new(efficiency_bp)
    taken, issued, discharged = play(store, flow)
    assert (issued + sum(store.green_wh.values())) * 10_000 <= taken * efficiency_bp
    assert issued <= discharged


@given(flows, efficiencies, st.data())
def test_hiding_a_value_makes_no_later_share_greener(flow, efficiency_bp, data):
    """Whatever hour is hidden, everything that comes out in the end is not more."""
    if not flow:
        return
    hidden = data.draw(st.integers(0, len(flow) - 1))
    honest, hiding = new(efficiency_bp), new(efficiency_bp)
    _, issued, _ = play(honest, flow)
    _, issued_hiding, _ = play(hiding, [*flow[:hidden], ("?", 1, []), *flow[hidden + 1 :]])
    assert issued_hiding <= issued


def test_a_store_begins_full_of_energy_that_is_not_green():
    store = new(9_000)
    assert store.discharge(600) == {}
    charge(store, 600, [(1, 600)])
    assert (store.energy_wh, store.green_wh) == (400 + 540, {1: 540})
    assert store.discharge(470) == {1: 270}


def test_what_does_not_fit_is_taken_from_green_and_grey_alike():
    store = Store(CAPACITY_WH, 10_000, 0, 500, {1: 500})
    charge(store, 1_500, [(2, 500)])
    assert (store.energy_wh, store.green_wh) == (1_000, {1: 250, 2: 250})


def test_many_small_entries_lose_more_than_one_large_one():
    one, many = (Store(CAPACITY_WH, 9_000, 0, 0) for _ in range(2))
    charge(one, 100, [(1, 100)])
    charge(many, 100, [(1, 1)] * 100)
    assert (one.green_wh, many.green_wh) == ({1: 90}, {})


def test_the_parts_of_a_last_discharge_are_what_is_left():
    store = Store(CAPACITY_WH, 10_000, 0, 3, {1: 1, 2: 1, 3: 1})
    assert store.discharge(2) == {2: 1, 3: 1}
    assert store.discharge(5) == {1: 1}
    assert store.energy_wh == 0


def test_a_fifth_technology_waits_until_one_of_four_is_gone():
    store = Store(CAPACITY_WH, 10_000, 0, 0)
    charge(store, 40, [(t, 10) for t in (1, 2, 3, 4)])
    with pytest.raises(TooManyTechnologies):
        store.mix(5, 10)
    store.discharge(40)
    charge(store, 10, [(5, 10)])
    assert store.technologies == [5]
