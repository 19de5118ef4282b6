from __future__ import annotations

from typing import Any

import pytest

from wattproof.accounts import service as ledger
from wattproof.errors import InvalidError
from wattproof.gateway import outbox
from wattproof.orders import service as orders
from wattproof.rounds import service as rounds
from wattproof.rounds.facts import get_round
from wattproof.tasks.flow import run_until_idle

PRICE = 100_000_000  # 0.1 tokens a kWh


def _state(desk: Any, number: int) -> str:
    with desk.platform.transaction() as session:
        return str(get_round(session, desk.market, number).state)


def test_a_round_goes_from_orders_to_a_confirmed_settlement(desk: Any) -> None:
    number = desk.open_round()
    assert _state(desk, number) == "open"
    bought = desk.buy(0, number, 0, 5_000, 3 * PRICE)
    sold = desk.sell(1, number, 0, 3_000, PRICE)
    desk.buy(2, number, 1, 1_000, PRICE)
    desk.close_gate(number)
    run_until_idle(desk.platform)
    assert _state(desk, number) == "confirmed"
    with desk.platform.transaction() as session:
        buyer = orders.life(session, "0x" + bought.order_hash.hex())
        seller = orders.life(session, "0x" + sold.order_hash.hex())
        row = get_round(session, desk.market, number)
    assert (buyer.state, buyer.fill_units) == ("settled", 3_000)
    assert (seller.state, seller.fill_units) == ("settled", 3_000)
    assert buyer.payment_micro == -(seller.payment_micro or 0) == 900_000
    assert row.gap_micro == 0
    with desk.platform.transaction() as session:
        balance = ledger.balances(session, str(desk.traders[0].address)).markets[0]
    # 3 kWh at 0.3, and collateral of 1 token a kWh.
    assert balance.margin_micro == 1_000_000_000 - 900_000 - 3_000_000
    assert balance.locked_micro == 3_000_000


def test_stored_balances_equal_the_chain_after_a_settlement(desk: Any) -> None:
    number = desk.open_round()
    desk.buy(0, number, 2, 700, 2 * PRICE)
    desk.sell(3, number, 2, 900, PRICE)
    desk.close_gate(number)
    run_until_idle(desk.platform)
    chain = desk.platform.chain
    for trader in desk.traders:
        word = chain.call("Ledger", "account", desk.market, trader.address)
        with desk.platform.transaction() as session:
            stored = ledger.balances(session, str(trader.address)).markets[0]
        assert (stored.margin_micro, stored.locked_micro) == (word["margin"], word["locked"])


def test_a_coupled_round_settles(desk: Any) -> None:
    number = desk.open_round()
    # Buy energy in slot 0, give nine tenths of it back in slot 3.
    desk.submit(desk.order(0, number, 1_000, PRICE, (0, 1_000_000), (3, -900_000)))
    desk.sell(1, number, 0, 5_000, PRICE)
    desk.buy(2, number, 3, 5_000, 4 * PRICE)
    desk.close_gate(number)
    run_until_idle(desk.platform)
    assert _state(desk, number) == "confirmed"
    with desk.platform.transaction() as session:
        storage = orders.life(session, desk.digests[0])
        row = get_round(session, desk.market, number)
    assert storage.fill_units == 1_000
    assert row.coupled is True


def test_a_round_without_orders_settles(desk: Any) -> None:
    number = desk.open_round()
    desk.close_gate(number)
    run_until_idle(desk.platform)
    assert _state(desk, number) == "confirmed"


def test_a_round_bigger_than_a_transaction_settles_in_chunks(desk: Any) -> None:
    object.__setattr__(
        desk.platform, "settings", desk.platform.settings.model_copy(update={"chunk_orders": 7})
    )
    number = desk.open_round()
    signed = []
    for index in range(20):
        slot = index % 4
        signed.append(desk.order(0, number, 100 + index, 2 * PRICE, (slot, 1_000_000)))
        signed.append(desk.order(1 + index % 3, number, 100, -PRICE, (slot, -1_000_000)))
    desk.submit(*signed)
    desk.close_gate(number)
    run_until_idle(desk.platform)
    assert _state(desk, number) == "confirmed"
    with desk.platform.transaction() as session:
        row = get_round(session, desk.market, number)
        filled = sum(orders.life(session, digest).fill_units or 0 for digest in desk.digests)
    assert row.chunks == 6
    assert filled == 2 * 20 * 100


def test_a_forced_order_is_in_the_book(desk: Any) -> None:
    number = desk.open_round()
    order, signature = desk.order(0, number, 1_000, 3 * PRICE, (0, 1_000_000))
    desk.sell(1, number, 0, 1_000, PRICE)
    platform = desk.platform
    with platform.transaction() as session:
        outbox.call(
            session,
            platform.chain,
            "Exchange",
            "submitOrder",
            {
                "market": order.market,
                "round": order.round,
                "legs": [(leg.product, leg.coefficient) for leg in order.legs],
                "maxUnits": order.max_units,
                "limit": order.limit,
                "trader": order.trader,
                "epoch": order.epoch,
                "salt": order.salt,
            },
            signature,
            key="force",
            signer=order.trader,
        )
    run_until_idle(platform)
    desk.close_gate(number)
    run_until_idle(platform)
    assert _state(desk, number) == "confirmed"
    with platform.transaction() as session:
        found = [o for o in orders.list_orders(session, round=number) if o.forced]
        assert len(found) == 1
        assert orders.life(session, found[0].digest).fill_units == 1_000


def test_a_round_that_misses_its_deadline_is_void_and_margins_are_untouched(desk: Any) -> None:
    number = desk.open_round()
    receipt = desk.buy(0, number, 0, 5_000, 3 * PRICE)
    desk.move_to(desk.now() + 100 + 301)
    run_until_idle(desk.platform)
    assert _state(desk, number) == "void"
    with desk.platform.transaction() as session:
        life = orders.life(session, "0x" + receipt.order_hash.hex())
        balance = ledger.balances(session, str(desk.traders[0].address)).markets[0]
    assert life.state == "void"
    assert life.why is not None
    assert balance.margin_micro == 1_000_000_000
    assert desk.open_round() == number + 1


def test_an_order_cancelled_by_epoch_after_the_receipt_counts_for_nothing(desk: Any) -> None:
    number = desk.open_round()
    receipt = desk.buy(0, number, 0, 5_000, 3 * PRICE)
    desk.sell(1, number, 0, 5_000, PRICE)
    with desk.platform.transaction() as session:
        ledger.ledger_call(
            desk.platform,
            session,
            str(desk.traders[0].address),
            "bumpEpoch",
            desk.market,
            key="bump",
        )
    run_until_idle(desk.platform)
    desk.close_gate(number)
    run_until_idle(desk.platform)
    assert _state(desk, number) == "confirmed"
    with desk.platform.transaction() as session:
        life = orders.life(session, "0x" + receipt.order_hash.hex())
    assert life.maximum_units == 0
    assert life.why is not None
    assert "cancelled on-chain" in life.why


@pytest.mark.parametrize("slots", [0, 9])
def test_a_round_outside_one_period_is_refused(desk: Any, slots: int) -> None:
    with pytest.raises(InvalidError):
        desk.open_round(slots=slots)
    with desk.platform.transaction() as session:
        assert list(rounds.list_rounds(session, desk.market)) == []
