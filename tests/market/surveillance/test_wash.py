from __future__ import annotations

from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from market.product import ProductGrid
from market.surveillance import wash
from market.surveillance.trading import Trading, Units
from market.surveillance.wash import round_trips, washes
from tests.market.surveillance.rounds import ADA, BOB, CEM, DEE, EVE, a_round, order, random_rounds

CENT = 10_000_000
FEW_OF_ONE = {slot: ProductGrid(carriers=1, zones=1, first_slot=slot, slots=1) for slot in (96, 97)}


def found(*rounds, **groups):
    trading = Trading.of(rounds)
    group_of = {account: name for name, accounts in groups.items() for account in accounts}
    return list(washes(trading, Units.groups(trading, group_of)))


def a_pair_among_others():
    """Ada sells 3 kWh, Bob buys 4; Cem sells 6 and Dee buys 5: all is filled, 9 kWh in all."""
    return a_round(
        order(ADA, -3_000, 0.05),
        order(BOB, 4_000, 0.50),
        order(CEM, -6_000, 0.10),
        order(DEE, 5_000, 0.30),
    )


def test_a_group_washes_the_lesser_of_what_it_bought_and_sold():
    (row,) = found(a_pair_among_others(), pair=(ADA, BOB))
    assert (row.who, row.accounts) == ("pair", (ADA, BOB))
    assert (row.bought_wh, row.sold_wh, row.wash_wh) == (4_000, 3_000, 3_000)
    assert row.traded_wh == 9_000
    assert row.pro_rata_wh == 1_333  # 4 of 9 kWh bought, 3 of 9 sold
    assert not row.crossing


def test_strangers_wash_nothing():
    assert found(a_pair_among_others()) == []
    assert found(a_pair_among_others(), pair=(ADA, CEM)) == []
    assert found(a_pair_among_others(), pair=(BOB, EVE)) == []


def test_an_account_that_meets_its_own_offer_crosses():
    (row,) = found(a_round(order(ADA, -2_000, 0.1), order(ADA, 1_500, 0.3), order(CEM, 1_000, 0.2)))
    assert row.who == ADA
    assert row.crossing
    assert (row.wash_wh, row.traded_wh) == (1_500, 2_000)


def test_an_account_whose_bid_and_ask_do_not_meet_washes_nothing():
    assert (
        found(
            a_round(
                order(ADA, -2_000, 0.3),
                order(ADA, 2_000, 0.1),
                order(BOB, -1_000, 0.1),
                order(CEM, 1_000, 0.3),
            )
        )
        == []
    )


def test_the_price_is_compared_with_the_one_without_the_wash():
    # Ada bids dear for 2 of her own 4 kWh, so that Cem's are the last that are needed.
    rounds = a_round(
        order(ADA, -4_000, 0.10),
        order(BOB, 2_000, 0.90),
        order(CEM, -5_000, 0.40),
        order(DEE, 3_000, 0.50),
    )
    (row,) = found(rounds, pair=(ADA, BOB))
    assert row.lot.price == 40 * CENT
    assert row.netted is not None
    # 2 kWh of Ada's and all of Bob's taken away: Dee still needs Cem for one kWh.
    assert (row.netted.price, row.netted.volume_wh) == (40 * CENT, 3_000)
    assert row.price_effect == 0
    cheaper = a_round(
        order(ADA, -5_000, 0.10),
        order(BOB, 2_000, 0.90),
        order(CEM, -5_000, 0.40),
        order(DEE, 3_500, 0.30),
        order(EVE, 1_000, 0.45),
    )
    (row,) = found(cheaper, pair=(ADA, BOB))
    # 5 kWh at 0.10 serve Bob, Eve and 2 of Dee's 3.5 kWh: Dee's bid is the price. Without the
    # wash 3 kWh serve Eve and 2 of Dee's: nothing moves either.
    assert (row.lot.price, row.price_effect) == (30 * CENT, 0)


def test_a_wash_that_takes_up_scarce_offers_raises_the_price():
    # Cem offers 3 kWh at 0.10; Bob's 2 kWh bid takes them, Ada gives 2 kWh at 0.20 in exchange.
    rounds = a_round(
        order(CEM, -3_000, 0.10),
        order(ADA, -2_000, 0.20),
        order(BOB, 2_000, 0.60),
        order(DEE, 3_000, 0.40),
    )
    (row,) = found(rounds, pair=(ADA, BOB))
    assert row.lot.price == 30 * CENT  # between the last ask, 0.20, and the last bid, 0.40
    assert row.netted is not None
    assert row.netted.price == 25 * CENT  # between 0.10 and 0.40
    assert row.price_effect == 5 * CENT


def test_a_round_trip_of_two_accounts_is_found_without_any_link():
    there = [
        a_round(
            order(ADA, -1_000, 0.1, number=n, slot=slot),
            order(BOB, 1_000, 0.3, number=n, slot=slot),
            grid=FEW_OF_ONE[slot],
        )
        for n, slot in ((1, 96), (2, 97))
    ]
    back = [
        a_round(
            order(BOB, -1_000, 0.1, number=n, slot=slot),
            order(ADA, 1_000, 0.3, number=n, slot=slot),
            grid=FEW_OF_ONE[slot],
        )
        for n, slot in ((3, 96), (4, 97))
    ]
    (trip,) = round_trips(Trading.of([*there, *back]))
    assert {trip.first, trip.second} == {ADA, BOB}
    assert (trip.wh, trip.share_ppm, trip.rounds) == (2_000, 1_000_000, (1, 2, 3, 4))
    assert [product.slot for product in trip.products] == [96, 97]
    # One product alone may be a corrected forecast.
    assert round_trips(Trading.of([there[0], back[0]])) == ()


def test_a_corrected_forecast_among_many_is_no_round_trip():
    rounds = []
    for slot, n in ((96, 1), (97, 2)):
        rounds.append(
            a_round(
                order(ADA, 1_000, 0.3, number=n, slot=slot),
                order(BOB, 9_000, 0.3, number=n, slot=slot),
                order(CEM, -2_000, 0.1, number=n, slot=slot),
                order(DEE, -8_000, 0.1, number=n, slot=slot),
                grid=FEW_OF_ONE[slot],
            )
        )
        rounds.append(
            a_round(
                order(ADA, -1_000, 0.1, number=n + 2, slot=slot),
                order(CEM, 1_000, 0.3, number=n + 2, slot=slot),
                order(DEE, -4_000, 0.1, number=n + 2, slot=slot),
                order(EVE, 4_000, 0.3, number=n + 2, slot=slot),
                grid=FEW_OF_ONE[slot],
            )
        )
    assert round_trips(Trading.of(rounds)) == ()


@st.composite
def two_or_three_back_and_forth(draw):
    """Rounds of two products in which few accounts take turns."""
    people = (ADA, BOB, CEM)
    rounds = []
    for number in range(1, draw(st.integers(3, 6)) + 1):
        slot = draw(st.sampled_from((96, 97)))
        sides = [(who, draw(st.sampled_from((-1, 1))) * draw(st.integers(1, 9))) for who in people]
        orders = [
            order(who, 100 * size, 0.1 if size < 0 else 0.3, number=number, slot=slot)
            for who, size in sides
        ]
        rounds.append(a_round(*orders, grid=FEW_OF_ONE[slot]))
    return rounds


@given(two_or_three_back_and_forth())
def test_who_is_too_small_for_a_round_trip_is_left_out_without_losing_one(rounds):
    trading = Trading.of(rounds)
    everybody = frozenset(range(len(trading.accounts)))
    with patch.object(wash, "_strong", lambda *_: everybody):
        searched = round_trips(trading)
    assert round_trips(trading) == searched


@given(random_rounds(), st.integers(0, 5), st.integers(0, 5))
def test_wash_volume_is_at_most_what_was_bought_and_what_was_sold(rounds, one, other):
    trading = Trading.of(rounds)
    names = trading.accounts
    pair = {names[one % len(names)], names[other % len(names)]}
    for row in washes(trading, Units.groups(trading, dict.fromkeys(pair, "pair"))):
        assert 0 < row.wash_wh <= min(row.bought_wh, row.sold_wh)
        assert row.pro_rata_wh <= row.wash_wh
        assert set(row.accounts) <= (pair if row.who == "pair" else {row.who})


@given(random_rounds(share=(0.0,)))
def test_groups_of_one_equal_no_groups(rounds):
    trading = Trading.of(rounds)
    alone = {name: f"group of {name}" for name in trading.accounts}
    grouped = washes(trading, Units.groups(trading, alone))
    apart = washes(trading, Units.accounts(trading))
    assert [(w.lot, w.wash_wh, w.netted) for w in grouped] == [
        (w.lot, w.wash_wh, w.netted) for w in apart
    ]
