from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from market.surveillance.concentration import Concentration


def test_four_equal_ones_have_an_index_of_2500():
    found = Concentration.of((name, 10) for name in "abcd")
    assert (found.hhi, found.total_wh) == (2_500, 40)
    assert [share.share_ppm for share in found.shares] == [250_000] * 4


def test_one_alone_has_10000_and_nobody_none():
    assert Concentration.of([("a", 7), ("a", 3), ("b", 0)]).hhi == 10_000
    assert Concentration.of([("a", 0)]).hhi is None


def test_related_accounts_count_as_one():
    # 40, 30, 20, 10 %: 1600 + 900 + 400 + 100; with the middle two as one 1600 + 2500 + 100.
    found = Concentration.of([("a", 4), ("b", 3), ("c", 2), ("d", 1)])
    assert found.hhi == 3_000
    assert found.grouped({"b": "us", "c": "us"}).hhi == 4_200


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 10**25), min_size=1),
    st.sets(st.sampled_from("abcdefgh")),
)
def test_the_index_lies_between_equal_shares_and_one_and_joining_never_lowers_it(amounts, joined):
    found = Concentration.of(amounts.items())
    assert found.hhi is not None
    assert 10_000 // len(amounts) <= found.hhi <= 10_000
    together = found.grouped(dict.fromkeys(joined, "us"))
    assert together.hhi is not None
    assert together.hhi >= found.hhi
    assert together.total_wh == found.total_wh
