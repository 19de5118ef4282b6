from __future__ import annotations

from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.clearing.programme import ProgrammeDraft, solve
from market.clearing.uniform import clear_product, exact_sum, hash_words, ration

MAX_UNITS = 2**64 - 1


def clear(orders, seed=0):
    """orders: (sells, price, maximum)."""
    random = Random(seed)
    limits = np.array([-p if sells else p for sells, p, _ in orders], dtype=np.int64)
    maxima = np.array([m for *_, m in orders], dtype=np.uint64)
    sells = np.array([s for s, *_ in orders], dtype=np.bool_)
    hashes = [random.randbytes(32) for _ in orders]
    return clear_product(limits, maxima, sells, hash_words(hashes)), hashes


def welfare(orders, fills):
    return sum((-p if s else p) * int(u) for (s, p, _), u in zip(orders, fills, strict=True))


def optimum_of_the_linear_programme(orders):
    draft = ProgrammeDraft([0.0], [0.0])
    for sells, price, maximum in orders:
        draft.add(price if sells else -price, 0, maximum, [(0, -1 if sells else 1)])
    return -solve(draft.finished()).objective


def assert_canonical(orders, result, hashes):
    """The rules of the protocol, spelled out with exact arithmetic."""
    fills = [int(u) for u in result.fills]
    bids = [i for i, (s, _, m) in enumerate(orders) if not s and m > 0]
    asks = [i for i, (s, _, m) in enumerate(orders) if s and m > 0]
    assert all(0 <= u <= m for u, (*_, m) in zip(fills, orders, strict=True))
    assert sum(fills[i] for i in bids) == sum(fills[i] for i in asks) == result.volume
    price = {i: orders[i][1] for i in (*bids, *asks)}
    maximum = [m for *_, m in orders]
    lows = [price[i] for i in asks if fills[i]] + [price[i] for i in bids if fills[i] < maximum[i]]
    highs = [price[i] for i in bids if fills[i]] + [price[i] for i in asks if fills[i] < maximum[i]]
    if lows and highs:
        assert max(lows) <= min(highs)
        expected = (max(lows) + min(highs)) // 2
    else:
        expected = max(lows, default=min(highs, default=0))
    assert result.price == expected
    rationed_sides = 0
    for side, sign in ((bids, 1), (asks, -1)):
        tied = [i for i in side if price[i] == result.price]
        for i in side:
            if sign * (price[i] - result.price) > 0:
                assert fills[i] == maximum[i]
            if sign * (price[i] - result.price) < 0:
                assert fills[i] == 0
        offered, filled = sum(maximum[i] for i in tied), sum(fills[i] for i in tied)
        if filled == offered:
            continue
        rationed_sides += 1
        shares = {i: Fraction(maximum[i] * filled, offered) for i in tied}
        left = filled - sum(int(s) for s in shares.values())
        by_claim = sorted(tied, key=lambda i: (-(shares[i] - int(shares[i])), hashes[i]))
        for place, i in enumerate(by_claim):
            assert fills[i] == int(shares[i]) + (place < left)
    assert rationed_sides <= 1


orders_strategy = st.lists(
    st.tuples(
        st.booleans(),
        st.one_of(st.integers(-6, 6), st.integers(-(2**62), 2**62)),
        st.one_of(st.integers(0, 5), st.integers(0, MAX_UNITS)),
    ),
    max_size=25,
)


@settings(deadline=None, max_examples=300)
@given(orders_strategy, st.integers(0, 100))
def test_fills_price_and_ties_follow_the_protocol_up_to_the_ends_of_the_types(orders, seed):
    result, hashes = clear(orders, seed)
    assert_canonical(orders, result, hashes)


@pytest.mark.parametrize("seed", range(300))
def test_welfare_equals_the_optimum_that_highs_finds(seed):
    random = Random(seed)
    levels = random.choice((2, 5, 1_000))
    orders = [
        (random.random() < 0.5, random.randint(-1, levels), random.randint(0, 10_000))
        for _ in range(random.randint(1, 200))
    ]
    result, hashes = clear(orders, seed)
    assert welfare(orders, result.fills) == pytest.approx(
        optimum_of_the_linear_programme(orders), rel=1e-9, abs=1e-6
    )
    assert_canonical(orders, result, hashes)


BID, ASK = False, True

EDGE_CASES = {
    "no order": ([], 0, []),
    "a lone bid sets an indicative price": ([(BID, 7, 5)], 7, [0]),
    "a lone ask sets an indicative price": ([(ASK, 7, 5)], 7, [0]),
    "bid below ask: midway, nobody trades": ([(BID, 4, 5), (ASK, 9, 5)], 6, [0, 0]),
    "the midpoint of negative prices is rounded down": ([(BID, -4, 5), (ASK, -1, 5)], -3, [0, 0]),
    "equal amounts trade at the midpoint": ([(BID, 9, 5), (ASK, 4, 5)], 6, [5, 5]),
    "equal prices trade": ([(BID, 5, 5), (ASK, 5, 5)], 5, [5, 5]),
    "the larger side sets the price": ([(BID, 9, 8), (ASK, 4, 5)], 9, [5, 5]),
    "the scarce bid leaves the price to the asks": ([(BID, 9, 3), (ASK, 4, 5)], 4, [3, 3]),
    "a tie at the margin is shared": (
        [(BID, 9, 6), (ASK, 4, 4), (ASK, 4, 8)],
        4,
        [6, 2, 4],
    ),
    "orders that do not count have no say": ([(BID, 9, 0), (ASK, 4, 0)], 0, [0, 0]),
    "a worse bid that is not full bounds the price": (
        [(BID, 9, 5), (BID, 6, 5), (ASK, 4, 5)],
        7,
        [5, 0, 5],
    ),
    "zero price": ([(BID, 0, 5), (ASK, 0, 3)], 0, [3, 3]),
    "negative asks": ([(BID, 2, 5), (ASK, -8, 3)], 2, [3, 3]),
    "the ends of the types": (
        [(BID, 2**62, MAX_UNITS), (ASK, -(2**62), MAX_UNITS), (ASK, -(2**62), MAX_UNITS)],
        -(2**62),
        None,
    ),
}


@pytest.mark.parametrize("name", EDGE_CASES)
def test_edge_case(name):
    orders, price, fills = EDGE_CASES[name]
    result, hashes = clear(orders)
    assert_canonical(orders, result, hashes)
    assert result.price == price
    if fills is not None:
        assert result.fills.tolist() == fills
    assert result.indicative == (result.volume == 0)
    assert welfare(orders, result.fills) == pytest.approx(
        optimum_of_the_linear_programme(orders) if orders else 0, rel=1e-9
    )


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.one_of(st.integers(1, 9), st.integers(1, MAX_UNITS)), min_size=1, max_size=20),
    st.data(),
)
def test_shares_differ_from_pro_rata_by_less_than_a_unit(maxima, data):
    offered = sum(maxima)
    filled = data.draw(st.integers(0, offered))
    keys = hash_words([Random(i).randbytes(32) for i in range(len(maxima))])
    shares = ration(np.array(maxima, dtype=np.uint64), filled, keys).tolist()
    assert sum(shares) == filled
    assert all(abs(u * offered - m * filled) < offered for u, m in zip(shares, maxima, strict=True))


def test_the_fast_and_the_exact_share_agree():
    random = Random(1)
    maxima = [random.randint(1, 50) for _ in range(500)]
    keys = hash_words([random.randbytes(32) for _ in maxima])
    filled = sum(maxima) // 3
    small = ration(np.array(maxima, dtype=np.uint64), filled, keys)
    # Scaling everything by 2^50 leaves 64 bits and scales shares but for their last unit.
    scaled = ration(np.array([m << 50 for m in maxima], dtype=np.uint64), filled << 50, keys)
    assert all(abs(int(b) - (int(a) << 50)) <= 1 << 50 for a, b in zip(small, scaled, strict=True))


def test_sums_beyond_64_bits_are_exact():
    values = np.full(1_000, MAX_UNITS, dtype=np.uint64)
    assert exact_sum(values) == 1_000 * MAX_UNITS


def test_the_order_of_arrival_changes_nothing():
    random = Random(3)
    count = 400
    limits = np.array([random.randint(-20, 20) for _ in range(count)], dtype=np.int64)
    maxima = np.array([random.randint(0, 50) for _ in range(count)], dtype=np.uint64)
    sells = np.array([random.random() < 0.5 for _ in range(count)])
    keys = hash_words([random.randbytes(32) for _ in range(count)])
    first = clear_product(limits, maxima, sells, keys)
    shuffled = np.array(random.sample(range(count), count))
    second = clear_product(limits[shuffled], maxima[shuffled], sells[shuffled], keys[shuffled])
    assert second.price == first.price
    assert (second.fills == first.fills[shuffled]).all()


def test_limits_that_could_overflow_are_refused():
    with pytest.raises(ValueError, match="2\\^62"):
        clear([(BID, 2**62 + 1, 1)])
    with pytest.raises(ValueError, match="same orders"):
        clear_product(
            np.zeros(1, np.int64),
            np.zeros(2, np.uint64),
            np.zeros(1, np.bool_),
            np.zeros((1, 4), np.uint64),
        )
