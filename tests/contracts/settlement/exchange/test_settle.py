from __future__ import annotations

import ape

CENT = 10_000_000


def test_a_trade_debits_the_buyer_and_locks_the_seller(world, round, alice, bob):
    bid = round.order(alice, 10_000, 30 * CENT)
    ask = round.order(bob, -10_000, 20 * CENT)
    batch = round.batch([(bid, 10_000), (ask, 10_000)], 25 * CENT)
    receipt = round.gate_and_settle(batch)
    print(receipt.gas_used)
    assert round.status == "Settled"
    for trader in (alice, bob):
        debit, lock = batch.effects()[trader.address]
        account = world.ledger.account(round.market, trader)
        assert account.margin == 1_000_000_000 - debit
        assert account.locked == lock
    assert batch.effects()[alice.address] == (2_500_000 + 2_000_000, 2_000_000)
    assert batch.effects()[bob.address] == (2_000_000, 2_500_000 + 2_000_000)
