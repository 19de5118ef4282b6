from __future__ import annotations

from hypothesis import given

from market.surveillance import CostCurve, Costs
from market.surveillance.ratios import PPM
from market.surveillance.supply import Supply, summarise
from market.surveillance.trading import Trading, Units
from tests.market.surveillance.rounds import ADA, BOB, CEM, DEE, a_round, order, random_rounds

CENT = 10_000_000


def supplied(*rounds, costs=None):
    """By seller, the rows of these rounds."""
    trading = Trading.of(rounds)
    found: dict[str, list] = {}
    for each in Supply(trading, Units.accounts(trading), Costs() if costs is None else costs):
        found.setdefault(each.seller, []).append(each)
    return found


def one_hour():
    """Ada offers 6 kWh at 0.10, Bob 4 kWh at 0.20; Cem wants 8 kWh at 0.30: Bob's rest is open.

    The price lies between the dearest filled ask and the cheapest open offer: 0.20 both.
    """
    return a_round(order(ADA, -6_000, 0.10), order(BOB, -4_000, 0.20), order(CEM, 8_000, 0.30))


def test_the_margin_over_an_own_ask_is_what_the_price_leaves_above_it():
    found = supplied(one_hour())
    (ada,), (bob,) = found[ADA], found[BOB]
    assert (ada.lot.price, ada.sold_wh, bob.sold_wh) == (20 * CENT, 6_000, 2_000)
    assert (ada.cost, ada.declared, ada.lerner_ppm) == (10 * CENT, False, 500_000)
    assert (bob.cost, bob.lerner_ppm) == (20 * CENT, 0)


def test_a_declared_cost_rises_with_what_is_sold():
    # 0.04 a kWh and 5 tokens a kWh more for each MWh: at 6 kWh 0.04 + 0.03.
    costs = Costs((CostCurve(ADA, "Ada", "coal", 4 * CENT, slope=5_000_000_000),))
    (ada,) = supplied(one_hour(), costs=costs)[ADA]
    assert (ada.cost, ada.declared) == (7 * CENT, True)
    assert ada.lerner_ppm == 650_000  # (0.20 - 0.07) / 0.20
    assert ada.markup == 3 * CENT  # asked 0.10, costs 0.07 at its last Wh


def test_the_residual_supply_index_is_what_others_offer_over_what_was_bought():
    found = supplied(one_hour())
    (ada,), (bob,) = found[ADA], found[BOB]
    assert (ada.demand_wh, ada.all_offered_wh) == (8_000, 10_000)
    assert (ada.rsi_ppm, bob.rsi_ppm) == (500_000, 750_000)
    assert ada.pivotal
    assert bob.pivotal


def test_a_lot_is_cleared_again_without_a_seller():
    (ada,) = supplied(one_hour())[ADA]
    # Bob's 4 kWh go to Cem, whose rest stays open: the price rises to Cem's bid.
    assert ada.without is not None
    assert (ada.without.price, ada.without.volume_wh) == (30 * CENT, 4_000)
    assert ada.sets_price


def test_a_lot_is_cleared_again_with_a_seller_at_its_cost():
    costs = Costs((CostCurve(BOB, "Bob", "gas", 12 * CENT),))
    (bob,) = supplied(one_hour(), costs=costs)[BOB]
    assert bob.at_cost is not None
    assert (bob.at_cost.price, bob.at_cost.volume_wh) == (12 * CENT, 8_000)
    costs = Costs((CostCurve(BOB, "Bob", "gas", 10 * CENT, slope=20_000_000_000),))
    (bob,) = supplied(one_hour(), costs=costs)[BOB]
    # 32 steps of 125 Wh from 0.10 to 0.18: the sixteenth, at 0.14, is the last that is needed, and
    # the next one stands open at 0.1425.
    assert bob.at_cost is not None
    assert bob.at_cost.price == 141_250_000


def test_the_smallest_seller_of_a_market_that_is_sold_out_does_not_set_its_price():
    # 10 kWh are offered and 10.1 wanted at much the same price: without Dee's 0.1 kWh all is alike.
    found = supplied(
        a_round(
            order(ADA, -9_900, 0.10),
            order(DEE, -100, 0.10),
            order(CEM, 10_000, 0.300),
            order(BOB, 100, 0.299),
        )
    )
    (dee,), (ada,) = found[DEE], found[ADA]
    assert dee.pivotal
    assert not dee.sets_price
    assert ada.sets_price


def test_who_can_be_done_without_is_not_pivotal():
    found = supplied(
        a_round(order(ADA, -6_000, 0.1), order(BOB, -6_000, 0.1), order(CEM, 6_000, 0.3))
    )
    assert [each.rsi_ppm for rows in found.values() for each in rows] == [PPM, PPM]
    assert not any(each.pivotal for rows in found.values() for each in rows)


def test_a_seller_is_summed_up_over_rounds_by_what_it_sold():
    first = one_hour()
    second = a_round(
        order(ADA, -2_000, 0.10, number=2),
        order(BOB, -9_000, 0.20, number=2),
        order(CEM, 2_000, 0.12, number=2),
    )
    rows = supplied(first, second)
    # Second round: Ada meets Cem alone; the price lies between 0.10 and 0.12.
    assert rows[ADA][1].lot.price == 11 * CENT
    ada, bob = summarise([each for found in rows.values() for each in found])
    assert (ada.sold_wh, ada.lots, ada.rounds) == (8_000, 2, 2)
    assert ada.price == (20 * 6_000 + 11 * 2_000) * CENT // 8_000
    assert ada.lerner_ppm == round((500_000 * 6_000 + 90_909 * 2_000) / 8_000)
    assert (ada.pivotal_rounds, bob.pivotal_rounds) == (1, 1)
    assert (ada.lowest_rsi_ppm, bob.lowest_rsi_ppm) == (500_000, 750_000)
    # Bob sold in the first round alone; without him Ada serves 6 of the 8 kWh there.
    assert (bob.compared, bob.price_then, bob.price_without) == (1, 20 * CENT, 30 * CENT)
    assert bob.lost_wh == 2_000
    # Without Ada Bob serves 4 kWh in the first round and nobody at his price in the second.
    assert (ada.compared, ada.price_without, ada.lost_wh) == (1, 30 * CENT, 4_000 + 2_000)


def test_prices_of_nothing_or_less_have_no_index():
    (ada,) = supplied(a_round(order(ADA, -5_000, -0.02), order(CEM, 5_000, 0.0)))[ADA]
    assert ada.lot.price == -CENT
    assert ada.lerner_ppm is None
    assert summarise([ada])[0].undefined_wh == 5_000


def test_amounts_beyond_64_bits_stay_exact():
    most = (1 << 64) - 1
    found = supplied(
        a_round(
            order(ADA, -most, 0.1),
            order(BOB, -most, 0.1, salt=1),
            order(CEM, most, 0.3),
            order(DEE, most, 0.2),
        )
    )
    (ada,) = found[ADA]
    assert ada.all_offered_wh == 2 * most
    assert ada.rsi_ppm == 500_000
    assert ada.without is not None
    assert ada.without.volume_wh == most


@given(random_rounds())
def test_an_index_of_one_or_more_is_not_pivotal_and_less_is(rounds):
    for rows in supplied(*rounds).values():
        for each in rows:
            assert each.pivotal == (each.rsi_ppm is not None and each.rsi_ppm < PPM)


@given(random_rounds())
def test_the_price_does_not_fall_without_a_seller_nor_does_more_trade(rounds):
    for rows in supplied(*rounds).values():
        for each in rows:
            if each.without is None:
                continue
            assert each.without.volume_wh <= each.demand_wh
            if each.without.volume_wh:
                assert each.without.price >= each.lot.price


@given(random_rounds())
def test_all_that_is_sold_is_bought(rounds):
    trading = Trading.of(rounds)
    turnover = trading.turnover(Units.accounts(trading).of_account)
    lots = len(trading.lots)
    assert turnover.by_lot(turnover.sold_wh, lots) == turnover.by_lot(turnover.bought_wh, lots)
