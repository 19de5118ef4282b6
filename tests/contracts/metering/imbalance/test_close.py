"""What closing a period costs and moves. Prices: 30 cents a kWh; short 36, long 27."""

from __future__ import annotations

import ape
import pytest

CENT = 10_000_000
PRICE = 30 * CENT
COLLATERAL = 1_000_000  # of 1,000 Wh at the cap of 100 cents a kWh
PROCEEDS = 300_000  # of 1,000 Wh


@pytest.fixture
def traded(market, seller, buyer, make_trade):
    """1,000 Wh in the period's first slot."""
    market.settle(make_trade(seller, buyer, 1_000, PRICE))
    return market


@pytest.mark.parametrize(
    ("metered_wh", "charge"),
    [
        (-1_000, 0),
        (-900, 36_000),
        (0, 360_000),
        (500, 540_000),
        (-1_100, -27_000),
        (-3_000, -540_000),
    ],
)
def test_a_seller_answers_for_its_own_meter(traded, seller, pack, metered_wh, charge):
    meter = traded.meter(seller)
    traded.after_period()
    values = pack(metered_wh, 0, 0, 0)
    meter.post(values)
    traded.after_disputes()
    bond, free = traded.bond(), traded.free(seller)
    assert traded.locked(seller) == COLLATERAL + PROCEEDS
    receipt = traded.close(seller, {0: values})
    assert traded.charge_of(receipt) == charge
    assert traded.locked(seller) == 0
    assert traded.free(seller) == free + COLLATERAL + PROCEEDS - charge
    assert traded.bond() == bond + charge


@pytest.mark.parametrize(
    ("metered_wh", "charge"), [(1_000, 0), (1_100, 36_000), (900, -27_000), (-500, -405_000)]
)
def test_a_buyer_answers_for_its_own_meter(traded, buyer, pack, metered_wh, charge):
    meter = traded.meter(buyer)
    traded.after_period()
    values = pack(metered_wh, 0, 0, 0)
    meter.post(values)
    traded.after_disputes()
    bond, free = traded.bond(), traded.free(buyer)
    traded.close(buyer, {0: values})
    assert traded.locked(buyer) == 0
    assert traded.free(buyer) == free + COLLATERAL - charge
    assert traded.bond() == bond + charge


def test_the_event_says_what_was_released_and_charged(imbalance, traded, seller, pack):
    meter = traded.meter(seller)
    traded.after_period()
    values = pack(-900, 0, 0, 0)
    meter.post(values)
    traded.after_disputes()
    receipt = traded.close(seller, {0: values})
    assert (
        imbalance.PeriodClosed(
            market=traded.id,
            period=traded.period,
            account=seller,
            lock=COLLATERAL + PROCEEDS,
            charge=36_000,
        )
        in receipt.events
    )


def test_a_period_closes_once(imbalance, traded, seller, buyer):
    assert not imbalance.closed(traded.id, seller, traded.period)
    traded.after_posting()
    traded.close(seller)
    assert imbalance.closed(traded.id, seller, traded.period)
    assert not imbalance.closed(traded.id, buyer, traded.period)
    assert not imbalance.closed(traded.id, seller, traded.period + 1)
    free, bond = traded.free(seller), traded.bond()
    with ape.reverts(
        imbalance.ClosedBefore, market=traded.id, account=seller.address, period=traded.period
    ):
        traded.close(seller)
    assert (traded.free(seller), traded.bond()) == (free, bond)


def test_a_period_that_is_not_over_stays_open(imbalance, traded, buyer, clock):
    clock.next_at(traded.ends_at - 1)
    with ape.reverts(imbalance.PeriodNotOver, endsAt=traded.ends_at):
        traded.close(buyer)


def test_metered_energy_without_a_position_is_deviation(traded, seller, pack):
    """In every slot of the round, also where the account did not trade."""
    meter = traded.meter(seller)
    traded.after_period()
    values = pack(-1_000, 0, 0, 200)
    meter.post(values)
    traded.after_disputes()
    # No one traded slot 3: its indicative price is 0, and so is what the deviation costs.
    assert traded.charge_of(traded.close(seller, {0: values})) == 0


def test_slots_that_no_round_traded_are_not_charged(market, seller, buyer, make_trade, pack):
    market.settle(make_trade(seller, buyer, 1_000, PRICE), first_slot=0, slots=1)
    meter = market.meter(seller)
    market.after_period()
    values = pack(-1_000, 5_000, 5_000, -5_000)
    meter.post(values)
    market.after_disputes()
    assert market.charge_of(market.close(seller, {0: values})) == 0


def test_slots_are_priced_each_at_its_own_price(market, seller, buyer, make_trade, pack):
    market.settle(
        make_trade(seller, buyer, 1_000, PRICE, slot=0),
        make_trade(seller, buyer, 1_000, 2 * PRICE, slot=3),
    )
    meter = market.meter(seller)
    market.after_period()
    values = pack(-900, 0, 0, -1_100)
    meter.post(values)
    market.after_disputes()
    assert market.charge_of(market.close(seller, {0: values})) == 36_000 - 54_000


def test_rounding_is_up_once_for_the_sum(market, seller, buyer, make_trade, pack):
    """3 Wh short at 36 and 1 Wh long at 27 nano a kWh: 81 nano-kWh-Wh make one micro-unit."""
    market.settle(make_trade(seller, buyer, 1_000, 30, slot=0))
    meter = market.meter(seller)
    market.after_period()
    values = pack(-997, 0, 0, 0)
    meter.post(values)
    market.after_disputes()
    assert market.charge_of(market.close(seller, {0: values})) == 1


@pytest.mark.parametrize(
    ("price", "short", "long"),
    [
        # negative prices: what is short pays less than nothing, but never gains by it
        (-10 * CENT, -8 * CENT, -11 * CENT),
        # the factor is taken of the amount and rounded down
        (-7, -6, -7),
        (7, 8, 7),
        # both prices stay within the cap of 100 cents
        (90 * CENT, 100 * CENT, 81 * CENT),
        (500 * CENT, 100 * CENT, 100 * CENT),
        (-500 * CENT, -100 * CENT, -100 * CENT),
    ],
)
def test_imbalance_prices_follow_from_the_price(
    market, seller, buyer, make_trade, pack, price, short, long
):
    market.settle(make_trade(seller, buyer, 2_000, price))
    meters = market.meter(seller), market.meter(buyer)
    market.after_period()
    sold_less, took_less = pack(-1_000, 0, 0, 0), pack(1_000, 0, 0, 0)
    meters[0].post(sold_less)
    meters[1].post(took_less)
    market.after_disputes()
    assert market.charge_of(market.close(seller, {0: sold_less})) == -(-1_000 * short // 10**6)
    assert market.charge_of(market.close(buyer, {0: took_less})) == -(1_000 * long // 10**6)


def test_all_that_was_locked_or_bonded_is_free_or_bonded_afterwards(
    world, traded, traders, seller, buyer, pack
):
    def money():
        return traded.bond() + sum(traded.free(t) + traded.locked(t) for t in traders)

    meters = {account.address: traded.meter(account) for account in (seller, buyer)}
    traded.after_period()
    values = {seller.address: pack(-777, 5, 0, 0), buyer.address: pack(1_234, 0, 0, 9)}
    for address, meter in meters.items():
        meter.post(values[address])
    traded.after_disputes()
    before = money()
    for account in (seller, buyer):
        traded.close(account, {0: values[account.address]})
        assert money() == before
    assert traded.locked(seller) == traded.locked(buyer) == 0


def test_margin_is_not_touched(world, traded, seller, pack):
    margin = world.ledger.account(traded.id, seller).margin
    traded.after_posting()
    traded.close(seller)
    assert world.ledger.account(traded.id, seller).margin == margin


def test_closing_runs_no_code_of_the_account(traded, seller, chain):
    """An account that delegated to code which refuses everything is paid like any other: money
    moves in the ledger, nothing is pushed."""
    chain.provider.make_request("anvil_setCode", [seller.address, "0xfe"])
    traded.after_posting()
    free, lock = traded.free(seller), traded.locked(seller)
    traded.close(seller)
    assert traded.free(seller) == free + lock
