"""What was paid for as a credit or as demand response is not paid again as imbalance."""

from __future__ import annotations

import ape
import pytest

CENT = 10_000_000
PRICE = 30 * CENT
LONG = 27 * CENT  # a tenth less than the price
SHORT = 36 * CENT  # a fifth more
SLOT_0 = 0b0001


@pytest.fixture
def traded(market, seller, buyer, make_trade):
    """The buyer takes 1,000 Wh from the seller in each of the first two slots; both have meters."""
    market.settle(
        make_trade(seller, buyer, 1_000, PRICE, slot=0),
        make_trade(seller, buyer, 1_000, PRICE, slot=1),
    )
    market.meters = {account.address: market.meter(account) for account in (seller, buyer)}
    return market


@pytest.fixture
def closing(traded, pack):
    """`closing(account, metered, used)`: what is charged when so much was used in slot 0."""

    def close(account, metered: int, used: int | None, position: int = 1_000) -> int:
        reservation = traded.reserve(account, SLOT_0) if used is not None else None
        traded.after_period()
        values = pack(metered, position, 0, 0)
        traded.meters[account.address].post(values)
        traded.after_disputes()
        if reservation is not None:
            traded.use(reservation, used, 0, 0, 0)
        return traded.charge_of(traded.close(account, {0: values}))

    return close


def micro(energy_wh: int, price: int) -> int:
    return -(-energy_wh * price // 1_000_000)


@pytest.mark.parametrize(
    ("metered", "used", "charged_wh"),
    [
        (600, None, -400),  # nothing claimed: all of what was not taken is sold back
        (600, 0, -400),
        (600, 150, -250),  # 150 were paid as a credit, 250 are sold back
        (600, 400, 0),
        (600, 900, 0),  # claimed beyond the position: never turned into a shortfall
        (1_000, 300, 0),
        (1_300, 200, 300),  # it reduced against its baseline and still took more than it bought
        (1_300, None, 300),
        (1_300, -100, 300),  # an increase is paid for by who asked; its energy is owed
        (1_300, -800, 300),
        (600, -100, -400),
    ],
)
def test_what_is_left_of_a_buyers_deviation_is_charged(closing, buyer, metered, used, charged_wh):
    price = SHORT if charged_wh > 0 else LONG
    assert closing(buyer, metered, used) == micro(charged_wh, price)


@pytest.mark.parametrize(
    ("metered", "used", "charged_wh"),
    [
        (-1_400, None, -400),
        (-1_400, 400, 0),  # generated more because it was asked to
        (-1_400, 100, -300),
        (-700, 200, 300),  # it owes what it did not deliver, whatever was claimed
        (-700, -300, 300),
    ],
)
def test_what_is_left_of_a_sellers_deviation_is_charged(closing, seller, metered, used, charged_wh):
    price = SHORT if charged_wh > 0 else LONG
    assert closing(seller, metered, used, position=-1_000) == micro(charged_wh, price)


def test_closing_waits_while_a_claim_may_come(imbalance, traded, buyer, pack, clock):
    number = traded.reserve(buyer, SLOT_0)
    traded.after_period()
    values = pack(600, 1_000, 0, 0)
    traded.meters[buyer.address].post(values)
    traded.after_disputes()
    with ape.reverts(imbalance.DeviationReserved, carrier=0):
        traded.close(buyer, {0: values})
    traded.use(number, 400, 0, 0, 0)
    assert traded.charge_of(traded.close(buyer, {0: values})) == 0


def test_a_released_claim_leaves_everything_to_imbalance(traded, buyer, pack):
    number = traded.reserve(buyer, SLOT_0)
    traded.after_period()
    values = pack(600, 1_000, 0, 0)
    traded.meters[buyer.address].post(values)
    traded.after_disputes()
    traded.release(number)
    assert traded.charge_of(traded.close(buyer, {0: values})) == micro(-400, LONG)


def test_a_claim_that_never_comes_holds_a_position_no_longer_than_its_deadline(
    imbalance, traded, buyer, pack, clock
):
    traded.reserve(buyer, SLOT_0)
    traded.after_period()
    values = pack(600, 1_000, 0, 0)
    traded.meters[buyer.address].post(values)
    clock.next_at(traded.claim_by)
    with ape.reverts(imbalance.DeviationReserved, carrier=0):
        traded.close(buyer, {0: values})
    clock.next_at(traded.claim_by + 1)
    assert traded.charge_of(traded.close(buyer, {0: values})) == micro(-400, LONG)


def test_anothers_reservation_holds_nobody_up(traded, buyer, seller, pack):
    traded.reserve(seller, SLOT_0)
    traded.after_period()
    values = pack(1_000, 1_000, 0, 0)
    traded.meters[buyer.address].post(values)
    traded.after_disputes()
    assert traded.charge_of(traded.close(buyer, {0: values})) == 0


def test_a_carrier_without_a_position_is_waited_for_too(
    imbalance, world, buyer, seller, make_trade, pack
):
    market = world.create_market(carriers=2)
    for account in (buyer, seller):
        market.back(account, 1_000_000_000)
    market.post_bond(1_000_000_000)
    market.settle(make_trade(seller, buyer, 1_000, PRICE))
    heat, power = market.meter(buyer, carrier=1), market.meter(buyer)
    number = market.reserve(buyer, SLOT_0, carrier=1)
    market.after_period()
    readings = {0: pack(1_000, 0, 0, 0), 1: pack(-200, 0, 0, 0)}
    heat.post(readings[1])
    power.post(readings[0])
    market.after_disputes()
    with ape.reverts(imbalance.DeviationReserved, carrier=1):
        market.close(buyer, readings)
    market.use(number, 200, 0, 0, 0)
    assert market.charge_of(market.close(buyer, readings)) == 0
