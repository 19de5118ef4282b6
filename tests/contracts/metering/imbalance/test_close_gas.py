"""What closing a day of 96 quarter-hours costs. A transaction has 16.7 million gas (EIP-7825)."""

from __future__ import annotations

import pytest

CENT = 10_000_000
SLOTS = 96
TRANSACTION_GAS = 16_777_216
ROUNDS_OF_A_PERIOD = 128


@pytest.fixture
def close_gas(world, seller, buyer, make_trade, pack):
    """`close_gas(rounds, void_rounds, deviation_wh)`: every settled round trades every slot."""

    def gas(rounds: int, void_rounds: int, deviation_wh: int) -> int:
        market = world.create_market(periodSlots=SLOTS)
        for account in (seller, buyer):
            market.back(account, 1_000_000_000)
        market.post_bond(1_000_000_000)
        for _ in range(void_rounds):
            market.void_round()
        for _ in range(rounds):
            market.settle(
                *(make_trade(seller, buyer, 1_000, 30 * CENT, slot=slot) for slot in range(SLOTS))
            )
        meter = market.meter(seller)
        market.after_period()
        values = pack(*[deviation_wh - 1_000 * rounds] * SLOTS)
        meter.post(values)
        market.after_disputes()
        return market.close(seller, {0: values}).gas_used

    return gas


def test_a_day_closes_for_a_thirtieth_of_a_transaction(close_gas):
    assert close_gas(1, 0, 0) < 360_000
    assert close_gas(1, 0, 1) < 520_000


def test_void_rounds_cannot_make_a_period_too_large_to_close(close_gas):
    one, three = close_gas(1, 1, 0), close_gas(1, 3, 0)
    assert one + (three - one) // 2 * ROUNDS_OF_A_PERIOD < TRANSACTION_GAS / 4


def test_a_day_traded_in_96_rounds_closes_in_one_transaction(close_gas):
    """Every round of them with positions in half of the slots, as when the day passes by."""
    one, two = close_gas(1, 0, 0), close_gas(2, 0, 0)
    assert one + (two - one) // 2 * 96 < TRANSACTION_GAS
