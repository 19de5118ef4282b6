from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.bid import Bid
from market.green_quota.certificate_bids import (
    CertificateNeed,
    certificate_ask,
    certificate_bids,
    countable_wh,
    reservation_price_per_kwh,
    withheld_wh,
)
from market.green_quota.rules import CERTIFICATE_RULES
from market.quantise import price_nano_per_kwh

CAP = CERTIFICATE_RULES.price_cap
amounts = st.integers(0, 2**48)


@st.composite
def needs(draw: st.DrawFn) -> CertificateNeed:
    least, most = sorted((draw(amounts), draw(amounts)))
    later, penalty = sorted((draw(st.floats(0.0, 10.0)), draw(st.floats(0.0, 10.0))))
    return CertificateNeed(least, most, draw(amounts), penalty, later)


@given(needs(), st.none() | amounts, st.integers(1, 12))
def test_nobody_pays_more_than_the_penalty_nor_buys_more_than_it_may_need(
    assert_well_formed, need, at_most, steps
):
    bids = certificate_bids("retailer", need, at_most_wh=at_most, steps=steps)
    assert_well_formed(bids, CERTIFICATE_RULES)
    penalty = min(price_nano_per_kwh(need.penalty_per_kwh), CAP)
    assert all(0 <= bid.price_nano_per_kwh <= penalty for bid in bids)
    wanted = max(need.most_owed_wh - need.held_wh, 0)
    if at_most is not None:
        wanted = min(wanted, at_most)
    assert sum(bid.energy_wh for bid in bids) == wanted
    prices = [bid.price_nano_per_kwh for bid in bids]
    assert prices == sorted(prices, reverse=True)


@given(needs(), amounts)
def test_who_holds_more_bids_no_more_for_the_next_one(need, more):
    richer = CertificateNeed(
        need.least_owed_wh,
        need.most_owed_wh,
        need.held_wh + more,
        need.penalty_per_kwh,
        need.later_worth_per_kwh,
    )
    first = certificate_bids("retailer", need)
    then = certificate_bids("retailer", richer)
    assert not then or then[0].price_nano_per_kwh <= first[0].price_nano_per_kwh


def test_what_is_owed_for_certain_is_worth_the_penalty_and_doubt_makes_it_worth_less():
    need = CertificateNeed(600, 1_000, 100, penalty_per_kwh=0.08, later_worth_per_kwh=0.02)
    bids = certificate_bids("retailer", need, steps=2)
    assert [(bid.energy_wh, bid.price_nano_per_kwh) for bid in bids] == [
        (500, 80_000_000),
        (200, 65_000_000),
        (200, 35_000_000),
    ]


def test_a_round_buys_the_most_urgent_part_first():
    need = CertificateNeed(600, 1_000, 100, penalty_per_kwh=0.08)
    (bid,) = certificate_bids("retailer", need, at_most_wh=300)
    assert (bid.energy_wh, bid.price_nano_per_kwh) == (300, 80_000_000)
    assert certificate_bids("retailer", need, at_most_wh=0) == ()


def test_who_holds_enough_bids_nothing():
    assert certificate_bids("retailer", CertificateNeed(600, 1_000, 1_000, 0.08)) == ()


def test_banked_certificates_count_as_far_as_the_quota_lets_them():
    assert countable_wh(300, 500, 1_000, bank_limit=250_000) == 550
    assert countable_wh(300, 100, 1_000, bank_limit=250_000) == 400


@given(st.integers(1, 2**48), st.floats(0.0, 10.0), st.data())
def test_an_ask_offers_what_is_held_less_what_is_held_back(assert_well_formed, held, price, data):
    back = data.draw(st.integers(0, held - 1))
    ask = certificate_ask("park", held, price, withheld_wh=back)
    assert_well_formed([ask], CERTIFICATE_RULES)
    assert ask.energy_wh == back - held
    assert ask.price_nano_per_kwh == min(price_nano_per_kwh(price), CAP)


def test_a_holder_asks_for_the_best_it_could_get_later():
    year = 365.0 * 86_400.0
    later = {0.25 * year: 0.05, year: 0.0535}
    assert reservation_price_per_kwh(later) == 0.0535
    assert reservation_price_per_kwh(later, interest=0.07) == pytest.approx(0.05)
    assert reservation_price_per_kwh({}) == 0.0
    assert reservation_price_per_kwh({year: -1.0}) == 0.0


DEMAND = (
    Bid("a", 0, 1_000, 80_000_000),
    Bid("b", 0, 1_000, 60_000_000),
    Bid("c", 0, 1_000, 10_000_000),
)


def test_a_large_seller_leaves_the_cheap_bid_unserved():
    assert withheld_wh(5_000, 0.0, DEMAND) == 5_000 - 1_999


def test_who_has_little_holds_nothing_back():
    assert withheld_wh(900, 0.0, DEMAND) == 0


def test_who_expects_more_later_sells_nothing_now():
    assert withheld_wh(5_000, 0.09, DEMAND) == 5_000


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="park offers nothing"):
        certificate_ask("park", 0, 0.01)
    with pytest.raises(ValueError, match="park offers nothing"):
        certificate_ask("park", 10, 0.01, withheld_wh=10)
    with pytest.raises(ValueError, match="reservation price"):
        certificate_ask("park", 10, math.nan)
    with pytest.raises(ValueError, match="retailer needs at least one step"):
        certificate_bids("retailer", CertificateNeed(1, 2, 0, 0.08), steps=0)
    with pytest.raises(ValueError, match="least_owed_wh"):
        CertificateNeed(2, 1, 0, 0.08)
    with pytest.raises(ValueError, match="held_wh"):
        CertificateNeed(1, 2, -1, 0.08)
    with pytest.raises(ValueError, match="later_worth_per_kwh"):
        CertificateNeed(1, 2, 0, 0.08, 0.09)
