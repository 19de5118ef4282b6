from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from market.reference.certificate_pools import Pool

steps = st.lists(
    st.tuples(
        st.sampled_from(("append", "assign", "collect")),
        st.integers(1, 50),
        st.sampled_from(("anna", "ben")),
    ),
    max_size=60,
)


@given(steps)
def test_certificates_leave_in_the_order_in_which_they_came(todo):
    pool = Pool()
    came: list[int] = []
    expected: dict[str, list[int]] = {"anna": [], "ben": []}
    collected: dict[str, list[int]] = {"anna": [], "ben": []}
    for number, (what, amount, who) in enumerate(todo):
        if what == "append":
            pool.append(number % 5, amount)
            came += [number % 5] * amount
        elif what == "assign":
            amount = min(amount, pool.tail - pool.head)
            if amount:
                expected[who] += came[pool.head : pool.head + amount]
                pool.assign(who, amount)
        else:
            for token_id, wh in pool.collect(who, amount % 3 + 1):
                collected[who] += [token_id] * wh
        assert 0 <= pool.head <= pool.tail == len(came)
    for who, got in collected.items():
        waiting = [
            token_id
            for parcel in pool.parcels.get(who, [])
            for token_id, wh in pool.at(parcel.start, parcel.length)
            for _ in range(wh)
        ]
        assert got + waiting == expected[who]


def test_positions_name_the_batches_behind_them():
    pool = Pool()
    pool.append(7, 10)
    pool.append(8, 1)
    pool.append(7, 5)
    assert list(pool.at(9, 4)) == [(7, 1), (8, 1), (7, 2)]
    assert list(pool.at(15, 40)) == [(7, 1)]
    assert list(pool.at(16, 1)) == []
