"""Several rounds, carriers and zones in one period."""

from __future__ import annotations

import ape
import pytest

CENT = 10_000_000
PRICE = 30 * CENT
MONEY = 1_000_000


def test_positions_of_all_rounds_are_netted(market, seller, buyer, make_trade, pack):
    """Sold 1,000, bought back 400, sold 100 more: delivering 700 is exact."""
    market.settle(make_trade(seller, buyer, 1_000, PRICE))
    market.settle(make_trade(buyer, seller, 400, PRICE))
    market.settle(make_trade(seller, buyer, 100, PRICE))
    meter = market.meter(seller)
    market.after_period()
    values = pack(-700, 0, 0, 0)
    meter.post(values)
    market.after_disputes()
    lock = market.locked(seller)
    assert lock == sum(settled.positions[seller.address][0] for settled in market.rounds)
    free = market.free(seller)
    assert market.charge_of(market.close(seller, {0: values})) == 0
    assert market.locked(seller) == 0
    assert market.free(seller) == free + lock


def test_the_last_round_that_holds_the_slot_sets_the_price(market, seller, buyer, make_trade, pack):
    """Slots 0 and 1 were traded again later, at another price; slots 2 and 3 were not."""
    market.settle(*(make_trade(seller, buyer, 1_000, PRICE, slot=slot) for slot in range(4)))
    market.settle(
        *(make_trade(seller, buyer, 1_000, 2 * PRICE, slot=slot) for slot in range(2)),
        first_slot=0,
        slots=2,
    )
    meter = market.meter(seller)
    market.after_period()
    values = pack(-1_900, -2_000, -1_000, -900)
    meter.post(values)
    market.after_disputes()
    assert market.charge_of(market.close(seller, {0: values})) == 72_000 + 36_000


def test_void_rounds_hold_nothing(market, seller, buyer, make_trade):
    market.void_round()
    market.settle(make_trade(seller, buyer, 1_000, PRICE))
    market.void_round()
    market.after_posting()
    assert market.world.exchange.periodRounds(market.id, market.period) == [1, 2, 3]
    assert [settled.number for settled in market.rounds] == [2]
    market.close(seller)
    assert market.locked(seller) == 0


def test_a_period_of_void_rounds_has_nothing_to_close(imbalance, market, seller):
    market.void_round()
    market.after_posting()
    with ape.reverts(imbalance.NothingToClose):
        market.close(seller)


def test_a_round_that_is_verified_but_not_applied_holds_the_period_open(
    imbalance, market, seller, buyer, make_trade
):
    settled = market.settle(make_trade(seller, buyer, 1_000, PRICE), applied=False)
    market.after_posting()
    with ape.reverts(imbalance.RoundNotTerminal, round=settled.number):
        market.close(seller)
    world = market.world
    world.exchange.applyChunk(market.id, settled.number, 0, settled.effects, sender=world.stranger)
    market.close(seller)
    assert market.locked(seller) == 0


@pytest.fixture
def two_rounds(market, seller, buyer, make_trade):
    market.settle(make_trade(seller, buyer, 1_000, PRICE))
    market.settle(make_trade(seller, buyer, 500, PRICE))
    market.after_posting()
    return market


def test_no_round_is_left_out(imbalance, two_rounds, seller):
    proofs = [settled.proof_of(seller) for settled in two_rounds.rounds]
    with ape.reverts(imbalance.WrongCount, wanted=1):
        two_rounds.close(seller, proofs=[])
    with ape.reverts(imbalance.WrongCount, wanted=2):
        two_rounds.close(seller, proofs=proofs[:1])
    with ape.reverts(imbalance.WrongCount, wanted=2):
        two_rounds.close(seller, proofs=[*proofs, proofs[0]])


def test_rounds_come_in_their_order(imbalance, two_rounds, seller):
    proofs = [settled.proof_of(seller) for settled in two_rounds.rounds]
    with ape.reverts(imbalance.WrongProof, round=1):
        two_rounds.close(seller, proofs=proofs[::-1])


def test_prices_are_those_of_the_rounds(imbalance, market, seller, buyer, make_trade):
    market.settle(make_trade(seller, buyer, 1_000, PRICE))
    market.settle(make_trade(seller, buyer, 1_000, 2 * PRICE))
    market.after_posting()
    right = [settled.packed_prices for settled in market.rounds]
    for prices, wrong in (
        (right[::-1], 1),
        ([right[0], right[1][:-1] + b"\1"], 2),
        ([right[0], right[1] + bytes(8)], 2),
    ):
        with ape.reverts(imbalance.WrongPrices, round=wrong):
            market.close(seller, prices=prices)
    for prices in ([], right[:1], [*right, b""]):
        with ape.reverts(imbalance.WrongCount, wanted=2):
            market.close(seller, prices=prices)


def test_prices_are_wanted_only_where_a_deviation_needs_them(imbalance, two_rounds, seller, buyer):
    two_rounds.close(seller, prices=[b"", b""])
    assert two_rounds.locked(seller) == 0


def test_a_deviation_without_its_rounds_prices_is_refused(
    imbalance, market, seller, buyer, make_trade, pack
):
    market.settle(make_trade(seller, buyer, 1_000, PRICE))
    market.settle(make_trade(seller, buyer, 1_000, PRICE))
    meter = market.meter(seller)
    market.after_period()
    values = pack(-1_999, 0, 0, 0)
    meter.post(values)
    market.after_disputes()
    right = [settled.packed_prices for settled in market.rounds]
    with ape.reverts(imbalance.WrongPrices, round=2):
        market.close(seller, {0: values}, prices=[right[0], b""])
    assert market.charge_of(market.close(seller, {0: values}, prices=[b"", right[1]])) == 360


def test_carriers_are_metered_and_priced_apart(world, seller, buyer, make_trade, pack):
    market = world.create_market(carriers=2)
    for account in (seller, buyer):
        market.back(account, 100 * MONEY)
    market.post_bond(100 * MONEY)
    market.settle(
        make_trade(seller, buyer, 1_000, PRICE, carrier=0, slot=1),
        make_trade(seller, buyer, 1_000, 10 * CENT, carrier=1, slot=1),
    )
    power, heat = market.meter(seller, 0), market.meter(seller, 1)
    market.after_period()
    readings = {0: pack(0, -1_000, 0, 0), 1: pack(0, -500, 0, 0)}
    power.post(readings[0])
    heat.post(readings[1])
    market.after_disputes()
    assert market.charge_of(market.close(seller, readings)) == 60_000


def test_a_carrier_neither_traded_nor_metered_is_not_waited_for(
    world, seller, buyer, make_trade, pack
):
    market = world.create_market(carriers=2)
    for account in (seller, buyer):
        market.back(account, 100 * MONEY)
    market.settle(make_trade(seller, buyer, 1_000, PRICE))
    meter = market.meter(seller)
    market.after_period()
    values = pack(-1_000, 0, 0, 0)
    meter.post(values)
    market.after_disputes()
    assert market.charge_of(market.close(seller, {0: values})) == 0


def test_zones_are_netted_and_deviate_at_the_price_of_the_first(
    world, seller, buyer, make_trade, pack
):
    market = world.create_market(zones=2)
    for account in (seller, buyer):
        market.back(account, 100 * MONEY)
    market.settle(
        make_trade(seller, buyer, 1_000, PRICE, zone=0),
        make_trade(seller, buyer, 1_000, 3 * PRICE, zone=1),
    )
    meter = market.meter(seller)
    market.after_period()
    values = pack(-1_900, 0, 0, 0)
    meter.post(values)
    market.after_disputes()
    assert market.charge_of(market.close(seller, {0: values})) == 36_000


def test_a_frozen_round_of_a_later_period_is_not_disturbed(market, seller, buyer, make_trade, pack):
    """Closing frees locked money only; the margins that a pending gate counts on stay."""
    market.settle(make_trade(seller, buyer, 1_000, PRICE))
    meter = market.meter(seller)
    market.after_period()
    values = pack(-900, 0, 0, 0)
    meter.post(values)
    market.after_disputes()
    ledger = market.world.ledger
    later = type(market)(market.world, market.id, market.rules)
    later.open_round()
    pending = market.world.exchange.lastRound(market.id)
    assert market.world.exchange.isFrozen(market.id)
    before = ledger.available(market.id, pending, seller)
    market.close(seller, {0: values})
    assert ledger.available(market.id, pending, seller) == before
