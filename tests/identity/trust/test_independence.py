from __future__ import annotations

import itertools
import random

import pytest

from identity.trust import independent
from identity.trust.topics import MOST_ISSUERS


@pytest.mark.parametrize(
    ("parties", "expected"),
    [
        ([], 0),
        ([set()], 0),
        ([{"a"}], 1),
        ([{"a"}, {"a"}], 1),
        ([{"a"}, {"b"}], 2),
        # An issuer and its delegate.
        ([{"a", "d"}, {"d"}], 1),
        # Two with one delegate: one key can sign for both.
        ([{"a", "d"}, {"b", "d"}], 1),
        # Two delegates of one: they do not become one by what it did.
        ([{"a", "d", "e"}, {"d"}, {"e"}], 2),
        ([{"a", "b"}, {"b", "c"}, {"c", "e"}], 2),
    ],
)
def test_those_who_share_a_party_count_once(parties, expected):
    assert independent(parties) == expected


def brute(parties):
    return max(
        (
            size
            for size in range(len(parties) + 1)
            for chosen in itertools.combinations(parties, size)
            if all(not one & other for one, other in itertools.combinations(chosen, 2))
        ),
        default=0,
    )


@pytest.mark.parametrize("seed", range(40))
def test_the_count_is_the_greatest_there_is_and_no_attestation_lowers_it(seed):
    dice = random.Random(seed)
    parties = [set(dice.sample("abcdefgh", dice.randint(1, 3))) for _ in range(dice.randint(1, 9))]
    assert independent(parties) == brute(parties)
    for more in ({"a"}, {"b", "c"}, {"x"}, {"a", "b", "c", "d", "x"}):
        assert independent(parties) <= independent([*parties, more])
    shuffled = parties[:]
    dice.shuffle(shuffled)
    assert independent(shuffled) == independent(parties)


def test_a_web_of_delegates_that_an_attacker_wove_is_counted_in_time():
    names = [f"k{number}" for number in range(60)]
    web = [{names[i], names[(i * 7 + 1) % 60], names[(i * 11 + 3) % 60]} for i in range(60)]
    assert 1 <= independent(web) <= MOST_ISSUERS
    assert independent({name} for name in names) == MOST_ISSUERS
