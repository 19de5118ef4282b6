"""A sale pool hands out certificates in the order in which they came."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattproof.audit.sale_pool import Parcel, SalePool

FIRST, SECOND, THIRD = 101, 102, 103


@pytest.fixture
def pool() -> SalePool:
    filled = SalePool()
    for identity, amount in ((FIRST, 10), (SECOND, 5), (FIRST, 4), (THIRD, 6)):
        filled.append(identity, amount)
    return filled


def test_certificates_are_numbered_as_they_come(pool: SalePool) -> None:
    assert (pool.head, pool.tail) == (0, 25)
    assert pool.append(THIRD, 1) == 25


def test_neighbours_of_one_id_are_one_lot(pool: SalePool) -> None:
    pool.append(THIRD, 2)
    assert (pool.lots, pool.ends) == ([FIRST, SECOND, FIRST, THIRD], [10, 15, 19, 27])


def test_the_first_in_are_the_first_out(pool: SalePool) -> None:
    assert pool.assign("ann", 12) == 0
    assert pool.assign("bob", 8) == 12
    assert list(pool.owed("ann")) == [(FIRST, 10), (SECOND, 2)]
    assert list(pool.owed("bob")) == [(SECOND, 3), (FIRST, 4), (THIRD, 1)]


def test_more_than_is_there_is_refused(pool: SalePool) -> None:
    pool.assign("ann", 20)
    with pytest.raises(ValueError, match="6 of 5 positions left"):
        pool.assign("bob", 6)


def test_positions_that_follow_a_parcel_become_part_of_it(pool: SalePool) -> None:
    pool.assign("ann", 3)
    assert pool.assign("ann", 4) == 3
    pool.assign("bob", 1)
    pool.assign("ann", 2)
    assert pool.parcels["ann"] == [Parcel(0, 7), Parcel(8, 2)]


def test_what_is_collected_comes_off_the_front_of_the_parcels(pool: SalePool) -> None:
    pool.assign("ann", 3)
    pool.assign("bob", 4)
    pool.assign("ann", 8)
    pool.collect("ann", 5)
    assert pool.parcels["ann"] == [Parcel(9, 6)]
    assert list(pool.owed("ann")) == [(FIRST, 1), (SECOND, 5)]


def test_only_the_next_certificates_can_be_collected(pool: SalePool) -> None:
    pool.assign("ann", 17)
    assert pool.is_next("ann", [(FIRST, 10)])
    assert pool.is_next("ann", [(FIRST, 7)])
    assert pool.is_next("ann", [(FIRST, 10), (SECOND, 5), (FIRST, 2)])
    assert not pool.is_next("ann", [(SECOND, 5)])
    assert not pool.is_next("ann", [(FIRST, 11)])
    assert not pool.is_next("ann", [(FIRST, 9), (SECOND, 5)])
    assert not pool.is_next("ann", [])
    assert not pool.is_next("bob", [(FIRST, 1)])


@given(
    st.lists(st.tuples(st.sampled_from([FIRST, SECOND, THIRD]), st.integers(1, 9)), max_size=8),
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 9), st.booleans()), max_size=12),
)
def test_nothing_is_lost_between_the_pool_its_parcels_and_what_was_collected(
    offers: list[tuple[int, int]], moves: list[tuple[str, int, bool]]
) -> None:
    pool = SalePool()
    for identity, amount in offers:
        pool.append(identity, amount)
    collected: list[tuple[int, int]] = []
    for holder, amount, collects in moves:
        if collects:
            collected += list(pool.owed(holder))
            pool.collect(holder, sum(parcel.length for parcel in pool.parcels[holder]))
        elif amount <= pool.tail - pool.head:
            pool.assign(holder, amount)
    there = pool.uncollected()
    for identity in {identity for identity, _ in offers}:
        out = sum(amount for each, amount in collected if each == identity)
        offered = sum(amount for each, amount in offers if each == identity)
        assert there.get(identity, 0) + out == offered
