from __future__ import annotations

import dataclasses

import pytest
from hypothesis import assume, given, settings

from market.clearing import clear
from market.eligibility import TraderFacts
from market.explanation import (
    ClearedRound,
    ExplanationError,
    OrderKind,
    Reason,
    explain_order,
    reason_of,
)
from market.explanation.reason import GATE_REASONS
from market.settlement import Settlement
from market.synthetic import unsigned_book
from market.units import SCALE, SCALED_PER_MICRO, ceil_div
from tests.market.explanation.books import (
    ALICE,
    BOB,
    CEM,
    DAN,
    FEW,
    ONE,
    PARK,
    SESSION,
    a_round,
    order,
    position_of,
    random_rounds,
    several,
)


def explain(cleared, wanted):
    return explain_order(cleared, position_of(cleared, wanted))


def text(explanation):
    return " ".join(explanation.sentences)


# -- properties ------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(random_rounds())
def test_the_reason_of_every_order_agrees_with_its_fill_and_its_surplus(cleared):
    for position in range(cleared.book.count):
        reason = reason_of(cleared, position)
        fill, maximum = cleared.clearing.fills[position], cleared.maxima[position]
        surplus = cleared.surpluses[position]
        said = {
            Reason.FILLED: fill == maximum and surplus >= 0,
            Reason.AT_THE_MARGIN: fill < maximum and 0 <= surplus <= cleared.grain(position),
            Reason.NO_COUNTERPARTY: fill == 0 and surplus <= 0,
            Reason.OUT_OF_THE_MONEY: fill == 0 and surplus < 0,
            Reason.LEFT_OUT: fill < maximum and surplus > cleared.grain(position),
            Reason.ROUNDED_IN: fill > 0 and surplus < 0,
        }
        assert said.get(reason, maximum == 0 and reason in GATE_REASONS.values()), reason
        assert (maximum == 0) == (reason in GATE_REASONS.values())
        if not cleared.book.coupled:
            assert reason not in (Reason.LEFT_OUT, Reason.ROUNDED_IN)


@settings(max_examples=60, deadline=None)
@given(random_rounds())
def test_figures_agree_with_the_settlement_and_the_certificate(cleared):
    settlement = Settlement.build(cleared.book, cleared.maxima, cleared.clearing, cleared.rules)
    parts = 0
    for position in range(cleared.book.count):
        explained = explain_order(cleared, position)
        assert explained.payment_micro == settlement.payments_micro[position]
        assert explained.surplus_micro >= 0
        assert bool(explained.margin_missing_micro) == (explained.reason is Reason.MARGIN)
        assert bool(explained.capacity_missing_wh) == (explained.reason is Reason.CAPACITY)
        assert len(explained.sentences) >= 3
        assert all(sentence.endswith(".") for sentence in explained.sentences)
        if explained.fill_units or not explained.maximum_units:
            assert explained.limit_that_fills is None
        parts += explained.gap_part_micro
    assert cleared.gap_micro <= cleared.allowed_gap_micro
    assert parts >= cleared.gap_micro


@settings(max_examples=60, deadline=None)
@given(random_rounds())
def test_break_even_prices_and_limits_are_where_the_surplus_turns(cleared):
    for position in range(cleared.book.count):
        signed, surplus = cleared.book.orders[position], cleared.surpluses[position]
        for place, leg in enumerate(signed.order.legs):
            price = cleared.break_even_price(position, place)
            worse = 1 if leg.coefficient > 0 else -1
            change = price - cleared.prices_of(position)[place]
            assert surplus - leg.coefficient * change >= 0
            assert surplus - leg.coefficient * (change + worse) < 0
        needed = cleared.break_even_limit(position) - signed.order.limit
        assert surplus + needed * SCALE >= 0 > surplus + (needed - 1) * SCALE


def with_limit(cleared: ClearedRound, position: int, limit: int) -> tuple[ClearedRound, int]:
    """The round cleared anew with another limit of one order, and where that order is now."""
    orders = [(signed.order, b"") for signed in cleared.book.orders]
    changed = dataclasses.replace(orders[position][0], limit=limit)
    orders[position] = (changed, b"")
    book = unsigned_book(cleared.book.grid, orders)
    place = next(i for i, signed in enumerate(book.orders) if signed.order == changed)
    maxima = tuple(signed.order.max_units for signed in book.orders)
    clearing = clear(book, maxima, cleared.rules)
    return ClearedRound(book, cleared.facts, clearing, cleared.rules, cleared.names), place


@settings(max_examples=60, deadline=None)
@given(random_rounds(grids=(ONE, FEW), share=(0.0,), odd_facts=False))
def test_the_limit_that_is_said_to_fill_an_order_does_and_no_lower_one(cleared):
    unfilled = [
        position
        for position in range(cleared.book.count)
        if reason_of(cleared, position) is Reason.OUT_OF_THE_MONEY
    ]
    assume(unfilled)
    for position in unfilled[:6]:
        needed = explain_order(cleared, position).limit_that_fills
        assert needed is not None
        assert needed > cleared.book.orders[position].order.limit
        raised, place = with_limit(cleared, position, needed)
        assert reason_of(raised, place) in (Reason.FILLED, Reason.AT_THE_MARGIN)
        tie = explain_order(raised, place).tie
        assert tie is not None
        assert tie.filled_units > 0
        lower, place = with_limit(cleared, position, needed - 1)
        assert lower.clearing.fills[place] == 0


@settings(max_examples=60, deadline=None)
@given(random_rounds(grids=(ONE, FEW), share=(0.0,)))
def test_those_at_the_margin_get_their_share(cleared):
    for position in range(cleared.book.count):
        if reason_of(cleared, position) is Reason.AT_THE_MARGIN:
            tie = explain_order(cleared, position).tie
            assert tie is not None
            fill, maximum = cleared.clearing.fills[position], cleared.maxima[position]
            assert abs(fill * tie.offered_units - maximum * tie.filled_units) < tie.offered_units
            assert fill - tie.share_units(maximum) in (0, 1)
            assert position in tie.positions


# -- what is said ----------------------------------------------------------------------------------


def test_a_filled_order_hears_what_it_gains():
    bid, ask = order(ALICE, 3_000, 0.3), order(BOB, -3_000, 0.2)
    cleared = a_round(bid, ask)
    bought = explain(cleared, bid)
    assert bought.reason is Reason.FILLED
    assert bought.payment_micro == 750_000
    assert bought.surplus_micro == 150_000
    assert bought.sets_price_of == (96,)
    assert bought.sentences == (
        "The order was to buy up to 3 kWh of electricity in north, 1970-01-02 00:00-00:15 UTC, at "
        "0.3 a kWh or less.",
        "All of it, 3 kWh, was filled at 0.25 a kWh; its trader pays 0.75.",
        "It gains 0.05 a kWh at these prices, so all of it was filled.",
        "Against its limit its trader keeps 0.15 in all.",
    )
    assert "its trader receives 0.75" in text(explain(cleared, ask))


def test_equals_at_the_margin_hear_how_they_share():
    ask = order(CEM, -3_000, 0.1)
    bids = [order(ALICE, 4_000, 0.2), order(BOB, 2_000, 0.2)]
    first, second = (explain(a_round(ask, *bids), bid) for bid in bids)
    assert first.reason is second.reason is Reason.AT_THE_MARGIN
    assert (first.fill_units, second.fill_units) == (2_000, 1_000)
    assert "2 orders with this limit wanted 6 kWh together, and 3 kWh were left" in text(first)
    assert "at least 1 kWh for this one" in text(second)
    assert "Whoever's limit is above 0.2 is served before them." in text(first)


def test_who_is_alone_at_the_margin_was_the_last_to_be_served():
    bid, ask = order(ALICE, 4_000, 0.2), order(BOB, -1_500, 0.1)
    assert "the last to be served: 1.5 kWh were left" in text(explain(a_round(bid, ask), bid))


def test_an_order_that_would_lose_hears_which_limit_would_have_filled_it():
    cheap, dear, ask = order(ALICE, 10, 0.1), order(BOB, 10, 0.3), order(CEM, -10, 0.2)
    lost = explain(a_round(cheap, dear, ask), cheap)
    assert lost.reason is Reason.OUT_OF_THE_MONEY
    assert lost.limit_that_fills == 300_000_000
    assert "It would lose 0.15 a kWh" in text(lost)
    assert "The price is 0.25 a kWh, its limit 0.1." in text(lost)
    assert "With a limit of 0.3 a kWh or more" in text(lost)


def test_bids_and_offers_that_do_not_meet_hear_of_each_other():
    bid, ask = order(ALICE, 10, 0.1), order(BOB, -10, 0.2)
    cleared = a_round(bid, ask)
    assert "indicative price, at which nobody traded, is 0.15" in text(explain(cleared, bid))
    assert explain(cleared, bid).limit_that_fills == 200_000_000
    assert explain(cleared, ask).limit_that_fills == -100_000_000
    assert "With a limit of 0.1 a kWh or less" in text(explain(cleared, ask))


def test_a_bid_at_the_indicative_price_hears_what_the_cheapest_seller_asks():
    bid = order(ALICE, 10, 0.1)
    ask = dataclasses.replace(order(BOB, -10, 0.1), limit=-100_000_001)
    lost = explain(a_round(bid, ask), bid)
    assert lost.reason is Reason.AT_THE_MARGIN
    assert "the cheapest seller asks 0.100000001 a kWh" in text(lost)


def test_without_another_side_no_limit_would_have_helped():
    bids = [order(ALICE, 10, 0.1), order(BOB, 10, 0.2)]
    for bid in bids:
        lonely = explain(a_round(*bids), bid)
        assert lonely.reason is Reason.NO_COUNTERPARTY
        assert lonely.limit_that_fills is None
        assert "Nobody wanted to sell this product" in text(lonely)


@pytest.mark.parametrize(
    ("facts", "reason", "said"),
    [
        ({"epoch": 2}, Reason.EPOCH, "signed with epoch 0, and its trader's epoch was 2"),
        ({"eligible": False}, Reason.CREDENTIAL, "credential"),
        ({"margin_micro": 10_000}, Reason.MARGIN, "needs 0.015 of margin"),
        ({"capacity_wh": 4}, Reason.CAPACITY, "sells up to 0.01 kWh"),
    ],
)
def test_an_order_that_did_not_count_hears_which_rule_of_the_gate_it_broke(facts, reason, said):
    bid, ask = order(ALICE, 10, 0.3), order(BOB, -10, 0.2)
    if reason in (Reason.CAPACITY,):
        bid, ask = dataclasses.replace(bid, trader=BOB), dataclasses.replace(ask, trader=ALICE)
    alice = TraderFacts(**{"margin_micro": 10**9, "epoch": 0, "eligible": True} | facts)
    if reason is Reason.MARGIN:
        bid, ask = order(ALICE, 20, 0.25), order(BOB, -20, 0.2)
        said = "needs 0.015 of margin (what it may cost, and collateral for imbalance) and 0.01 was"
    cleared = a_round(bid, ask, facts={ALICE: alice})
    refused = explain(cleared, ask if reason is Reason.CAPACITY else bid)
    assert refused.reason is reason
    assert refused.maximum_units == refused.fill_units == 0
    assert said in text(refused)


@pytest.mark.parametrize(
    ("session", "breach", "said"),
    [
        (None, "delegate", f"{CEM} signed it for its trader"),
        (None, "delegate", "the trader's delegate for this round was nobody."),
        ({"delegate": DAN}, "delegate", f"delegate for this round was {DAN}"),
        ({"until": 1_000_000}, "ended", "its session had ended at 1970-01-12 13:46:40 UTC"),
        ({"max_price": 290_000_000}, "price", "taken at 0.29 a kWh at most and what is given at"),
        ({"max_price": 290_000_000}, "price", "Sign an order that bids 0.29 or less."),
        ({"max_price": 10**9, "buy_wh": 9}, "buy", "buys up to 0.01 kWh, while its session had"),
        ({"max_price": 10**9, "buy_wh": 9}, "buy", "0.009 kWh left in this round (of 0.009 kWh)"),
    ],
)
def test_an_order_outside_its_session_hears_which_bound_it_broke(session, breach, said):
    bid = order(ALICE, 10, 0.3)
    alice = TraderFacts(
        10**9, 0, True, None, session and dataclasses.replace(SESSION, **session), 1_000_000
    )
    cleared = a_round(bid, order(BOB, -10, 0.2), facts={ALICE: alice}, signers={bid: CEM})
    refused = explain(cleared, bid)
    assert (refused.reason, refused.breach) == (Reason.DELEGATION, breach)
    assert (refused.signer, refused.fill_units) == (CEM, 0)
    assert said in text(refused)
    assert "At the round's prices it would have" in text(refused)


def test_a_seller_and_a_converter_hear_which_limit_their_session_allows():
    ask = order(ALICE, -10, 0.1)
    alice = TraderFacts(10**9, 0, True, None, SESSION, 0)
    sold = explain(a_round(ask, order(BOB, 10, 0.2), facts={ALICE: alice}, signers={ask: CEM}), ask)
    assert "Sign an order that asks for 0.15 or more." in text(sold)
    store = several(ALICE, 1_000, 0.2, (96, 1_000_000), (97, -900_000))
    cleared = a_round(store, grid=FEW, facts={ALICE: alice}, signers={store: CEM})
    # A thousand units take 1 kWh at 0.25 and give 0.9 kWh at 0.15: 0.115.
    assert "Sign it with 0.115 a thousand units or less." in text(explain(cleared, store))


def test_energy_that_earlier_orders_of_the_delegate_took_is_counted():
    asks = [order(ALICE, -10, 0.2, salt=salt) for salt in range(3)]
    alice = TraderFacts(10**9, 0, True, None, dataclasses.replace(SESSION, sell_wh=25), 0)
    signers = dict.fromkeys(asks, CEM)
    cleared = a_round(*asks, order(BOB, 30, 0.3), facts={ALICE: alice}, signers=signers)
    found = [explain_order(cleared, i) for i in range(4) if cleared.book.orders[i].delegate]
    refused = [each for each in found if each.breach is not None]
    assert [each.breach for each in refused] == ["sell"]
    assert "it sells up to 0.01 kWh, while its session had 0.005 kWh left" in text(refused[0])
    assert "(of 0.025 kWh, less what its orders before it in the book took)" in text(refused[0])


def test_what_is_missing_at_the_gate_is_counted_after_the_traders_earlier_orders():
    bids = [order(ALICE, 10, 0.3, salt=salt) for salt in range(3)]
    alice = TraderFacts(margin_micro=17_000, epoch=0, eligible=True)
    cleared = a_round(*bids, order(BOB, -10, 0.2), facts={ALICE: alice})
    found = [explain_order(cleared, i) for i in range(3) if cleared.book.orders[i].order in bids]
    short = [each for each in found if each.reason is Reason.MARGIN]
    assert [each.margin_missing_micro for each in short] == [7_000]
    assert "0.001 of 0.017 was there, the trader's orders before it" in text(short[0])
    assert "0.007 was missing" in text(short[0])


def test_a_limit_beyond_the_cap_is_named_before_any_other_rule():
    bid = order(ALICE, 10, 0.3, epoch=7)
    refused = explain(a_round(bid, order(BOB, -10, 0.2), price_cap=250_000_000), bid)
    assert refused.reason is Reason.PRICE_CAP
    assert "price cap of 0.25 a kWh" in text(refused)
    assert "would have" in text(refused)


def test_a_store_hears_at_which_prices_it_would_have_moved():
    buys = [order(ALICE, 2_000, 0.2, salt=1), order(BOB, -2_000, 0.18, salt=2)]
    late = [order(ALICE, 2_000, 0.21, salt=3, slot=97), order(BOB, -2_000, 0.2, salt=4, slot=97)]
    store = several(CEM, 1_000, -0.02, (96, 1_000_000), (97, -900_000))
    idle = explain(a_round(*buys, *late, store, grid=FEW), store)
    assert idle.kind is OrderKind.STORAGE
    assert idle.reason is Reason.OUT_OF_THE_MONEY
    assert not idle.limit_is_exact
    assert "the other prices held" in text(idle)
    for leg in idle.legs:
        assert f"{leg.name}, for {'at most' if leg.coefficient > 0 else 'at least'}" in text(idle)


def test_orders_that_can_never_balance_hear_what_leaving_them_out_costs():
    pair = [
        several(ALICE, 19_997, 0.06, (96, 1_000_000), (97, -731_313)),
        several(BOB, 19_997, -0.04, (96, -1_000_000), (97, 731_313)),
    ]
    cleared = a_round(*pair, grid=FEW, gap_floor_micro=10**9)
    assert sum(cleared.clearing.fills) == 0
    reasons = {explain(cleared, each).reason for each in pair}
    assert Reason.LEFT_OUT in reasons
    left_out = next(e for each in pair if (e := explain(cleared, each)).reason is Reason.LEFT_OUT)
    offered = left_out.surplus_a_unit_scaled * 19_997
    assert left_out.gap_part_micro == ceil_div(offered, SCALED_PER_MICRO)
    assert left_out.gap_micro >= left_out.gap_part_micro
    assert "19,997 units of it were left out all the same" in text(left_out)


def test_orders_of_several_legs_are_told_apart():
    def kind(*legs):
        made = several(ALICE, 10, 0.0, *legs)
        return explain(a_round(made, grid=PARK), made).kind

    here, there = PARK.product_id(0), PARK.product_id(3)
    later, heat = PARK.product_id(1), PARK.product_id(6)
    assert kind((here, 1_000_000), (there, -980_000)) is OrderKind.LINE
    assert kind((here, 1_000_000), (later, -900_000)) is OrderKind.STORAGE
    assert kind((here, -300_000), (heat, 1_000_000)) is OrderKind.CONVERTER
    assert kind((here, 1_000_000), (later, 1_000_000)) is OrderKind.BLOCK
    odd = ((here, 1_000_000), (PARK.product_id(4), -500_000))
    assert kind(*odd) is OrderKind.COMBINED


def test_parts_that_do_not_belong_together_are_refused():
    cleared = a_round(order(ALICE, 10, 0.3), order(BOB, -10, 0.2))
    with pytest.raises(ExplanationError, match="need a fill"):
        dataclasses.replace(cleared, clearing=dataclasses.replace(cleared.clearing, fills=(1,)))
    with pytest.raises(ExplanationError, match="need a price"):
        dataclasses.replace(cleared, clearing=dataclasses.replace(cleared.clearing, prices=()))
    with pytest.raises(ExplanationError, match="no facts about trader"):
        dataclasses.replace(cleared, facts={})
    with pytest.raises(IndexError, match="no place 2"):
        explain_order(cleared, 2)
