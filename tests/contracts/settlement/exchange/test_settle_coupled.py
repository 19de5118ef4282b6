"""Rounds with multi-leg orders: balance, limits, and a bounded gap."""

from __future__ import annotations

import pytest
from eth_utils import keccak

from market.merkle import root
from market.order import Leg

CENT = 10_000_000
MONEY = 1_000_000
SCALE = 1_000_000


@pytest.fixture
def shifted(round, alice, bob, carol):
    """Carol takes 1 Wh a unit in slot 0, gives 0.8 Wh back in slot 1, for at most 2 cents."""
    storage = round.coupled_order(carol, {0: SCALE, 1: -800_000}, 10_000, 2 * CENT)
    ask = round.order(bob, -10_000, 10 * CENT)
    bid = round.order(alice, 8_000, 30 * CENT, index=1)
    return round.batch(
        [(storage, 10_000), (ask, 10_000), (bid, 8_000)], {0: 12 * CENT, 1: 20 * CENT}
    )


def test_energy_moves_between_slots_through_a_coupled_order(world, round, shifted, carol):
    before = world.holdings(round.market, world.traders)
    receipt = round.gate_and_settle(shifted)
    # carol pays 1.20 for 10 kWh and receives 1.60 for 8 kWh
    assert shifted.effects()[carol.address] == (18_000 * 20 * CENT // SCALE, 400_000 + 3_600_000)
    assert round.view.positionsRoot == root(shifted.position_leaves)
    assert world.holdings(round.market, world.traders) == before
    (settled,) = [log for log in receipt.events if log.event_name == "RoundSettled"]
    # 10 kWh at 2 cents under the limit, 8 kWh at 10 cents, and carol's 0.02 * 10 + 0.40
    assert (settled.gapMicro, settled.welfareMicro) == (0, 200_000 + 800_000 + 600_000)


def test_legs_round_toward_minus_infinity(round, alice, bob, carol):
    """3 units of -0.8 Wh are -3 Wh, not -2."""
    storage = round.coupled_order(carol, {0: SCALE, 1: -800_000}, 3, 2 * CENT)
    ask, bid = round.order(bob, -3, 10 * CENT), round.order(alice, 3, 30 * CENT, index=1)
    batch = round.batch([(storage, 3), (ask, 3), (bid, 3)], {0: 12 * CENT, 1: 20 * CENT})
    place = next(i for i, s in enumerate(batch.book.orders) if s.digest == storage.digest)
    assert batch.quantities(place) == [(round.product(0), 3), (round.product(1), -3)]
    round.gate_and_settle(batch)
    assert round.view.positionsRoot == root(batch.position_leaves)


def test_a_gap_above_what_is_published_is_refused(round, shifted, refused):
    round.close_gate(shifted)
    fills = {s.digest: f for s, f in zip(shifted.book.orders, shifted.fills, strict=True)}
    halved = shifted.refilled({digest: fill // 2 for digest, fill in fills.items()})
    with refused("GapTooLarge", market=round.market, gapMicro=800_000):
        round.settle(halved)


def test_a_gap_below_the_floor_settles_and_is_published(round, shifted):
    """5 units less: 5 Wh and 4 Wh of lost surplus, 800 micro; the floor is 1,000."""
    round.close_gate(shifted)
    less = {
        s.digest: f * 9_995 // 10_000
        for s, f in zip(shifted.book.orders, shifted.fills, strict=True)
    }
    receipt = round.settle(shifted.refilled(less))
    (settled,) = [log for log in receipt.events if log.event_name == "RoundSettled"]
    assert settled.gapMicro == 800


def test_limits_and_balance_hold_in_coupled_rounds_too(round, shifted, carol, bob, refused):
    round.close_gate(shifted)
    with refused("CostAboveLimit", market=round.market):
        round.settle(shifted.changed(prices=(19 * CENT, 20 * CENT)))
    short = next(s.digest for s in shifted.book.orders if s.order.trader == bob.address)
    with refused("NotBalanced", market=round.market, product=0):
        round.settle(shifted.refilled({short: 9_999}))


def test_ties_are_not_named_in_coupled_rounds(round, shifted, kit, refused):
    round.close_gate(shifted)
    with refused("TieInCoupledRound", market=round.market, product=1):
        round.settle(shifted.changed(ties={1: kit.Tie(1, 2, 1)}))


def test_one_leg_in_the_coupled_form_is_refused(round, alice, bob, kit, refused):
    """It would replace the strict rules of a one-product round by a gap."""
    bid, ask = round.order(alice, 1_000, 30 * CENT), round.order(bob, -1_000, 20 * CENT)
    batch = round.batch([(bid, 1_000), (ask, 1_000)], 25 * CENT)
    round.close_gate(batch)
    parts = []
    for signed in batch.book.orders:
        plain = kit.encode_order(batch.book.grid, signed, 1_000)
        leg = signed.order.legs[0].coefficient.to_bytes(4, "big", signed=True)
        coupled = b"\1" + plain[1:37] + b"\1" + plain[37:39] + leg + plain[39:]
        parts.append(kit.group_header(signed.order.trader, 1) + coupled)
    with refused("MalformedBatch", market=round.market, order=0):
        round.settle(batch, orders=b"".join(parts))


@pytest.mark.parametrize("what", ["unsorted", "zero coefficient", "beyond the round"])
def test_ill_formed_legs_are_refused(round, carol, what, refused):
    good = round.coupled_order(carol, {0: SCALE, 1: -SCALE}, 10, 0)
    batch = round.batch([(good, 0)])
    round.close_gate(batch)
    data = bytearray(batch.orders)
    first, second = 22 + 38, 22 + 44
    if what == "unsorted":
        data[first : first + 2] = (1).to_bytes(2, "big")
    elif what == "zero coefficient":
        data[first + 2 : first + 6] = bytes(4)
    else:
        data[second : second + 2] = (2).to_bytes(2, "big")
    with refused("MalformedBatch", market=round.market, order=0):
        round.settle(batch, orders=bytes(data))


def test_an_order_of_many_legs_settles(world, market, alice, bob, deploy):
    """96 slots in one order: buy a constant band of alice against 96 single asks of bob."""
    round = world.open_round(market, slots=96)
    band = round.coupled_order(alice, dict.fromkeys(range(96), SCALE), 100, 96 * 30 * CENT)
    asks = [round.order(bob, -100, 20 * CENT, index=i) for i in range(96)]
    batch = round.batch(
        [(band, 100), *((ask, 100) for ask in asks)], dict.fromkeys(range(96), 25 * CENT)
    )
    round.gate_and_settle(batch)
    assert round.view.positionsRoot == root(batch.position_leaves)
    assert round.view.pricesHash == keccak(batch.packed_prices)


def test_the_need_of_a_coupled_order_counts_all_its_energy(world, alice, bob, refused):
    """10 kWh in and 8 kWh out at an imbalance cap of 0.20 need 3.60, and 0.20 for the limit."""
    market = world.create_market()
    world.back(market, bob, 100 * MONEY)
    world.back(market, alice, 3_800_000 - 1)
    first = world.open_round(market)

    def batch(round):
        storage = round.coupled_order(alice, {0: SCALE, 1: -800_000}, 10_000, 2 * CENT)
        ask = round.order(bob, -10_000, 10 * CENT)
        bid = round.order(bob, 8_000, 30 * CENT, index=1)
        return round.batch(
            [(storage, 10_000), (ask, 10_000), (bid, 8_000)], {0: 12 * CENT, 1: 20 * CENT}
        )

    short = batch(first)
    first.close_gate(short)
    with refused("FillAboveMaximum", market=market):
        first.settle(short)
    world.clock.move_to(first.gate_at + 3_600)
    world.back(market, alice, 1)
    second = world.open_round(market)
    second.gate_and_settle(batch(second))


def test_a_leg_is_part_of_what_is_signed(round, carol, refused):
    good = round.coupled_order(carol, {0: SCALE, 1: -SCALE}, 10, 0)
    batch = round.batch([(good, 0)])
    round.close_gate(batch)
    data = bytearray(batch.orders)
    data[22 + 38 + 2 : 22 + 38 + 6] = (SCALE + 1).to_bytes(4, "big")
    with refused("BadSignature", market=round.market, order=0):
        round.settle(batch, orders=bytes(data))
    assert Leg(round.product(0), SCALE) in good.order.legs


def test_energy_crosses_a_line_and_pays_for_the_capacity_that_it_used(world, line, linked):
    round, batch = line.round, line.batch
    before = world.holdings(round.market, world.traders)
    round.gate_and_settle(batch)
    assert round.view.positionsRoot == root(batch.position_leaves)
    assert world.holdings(round.market, world.traders) == before
    # 10 kWh at 0.27 in and 9 kWh at 0.40 out leave 0.90, what 10 kWh of the line at 0.09 cost.
    debit, lock = batch.effects()[linked.network.address]
    assert lock - debit == 900_000


@pytest.mark.parametrize("form", ["single", "coupled"])
def test_a_book_in_which_a_stranger_trades_a_flowgate_does_not_settle(
    line, linked, alice, form, refused
):
    """However little is filled of it, at whatever price."""
    round, batch = line.round, line.batch
    if form == "single":
        strange = round.order(alice, -1, 0, index=2)
    else:
        strange = round.coupled_order(alice, {1: SCALE, 3: SCALE}, 1, 0)
    fills = dict(zip((s.digest for s in batch.book.orders), batch.fills, strict=True))
    orders = [(s, fills[s.digest]) for s in batch.book.orders]
    prices = dict(enumerate(batch.prices))
    with_stranger = round.batch([*orders, (strange, 0)], prices)
    round.close_gate(with_stranger)
    place = with_stranger.book.orders.index(strange)
    with refused("MalformedBatch", market=linked.market, order=place):
        round.settle(with_stranger)
