"""Who controls the DID of a trading account signs none of its orders."""

from __future__ import annotations

import pytest
from eth_account import Account
from sqlmodel import select

from identity.did.change import ChangeController, deactivation, own_call
from market.order import sign_order
from wattproof.errors import InvalidError
from wattproof.gateway import outbox
from wattproof.orders.models import OrderRow
from wattproof.tasks.flow import run_until_idle

PRICE = 100_000_000


def carry_out(desk, change):
    """The first trader changes its identity in a transaction of its own."""
    function, arguments = own_call(change)
    platform = desk.platform
    with platform.transaction() as session:
        outbox.call(
            session,
            platform.chain,
            "DidRegistry",
            function,
            *arguments,
            key=f"test:{function}:{arguments}"[:200],
            signer=change.identity,
        )
    run_until_idle(platform)


def test_after_a_transfer_the_accounts_own_key_trades_on_and_the_heir_does_not(desk):
    heir = Account.create()
    trader = str(desk.traders[0].address)
    number = desk.open_round()
    carry_out(desk, ChangeController(trader, str(heir.address)))
    assert desk.platform.chain.call("DidRegistry", "identityOwner", trader) == heir.address
    desk.buy(0, number, 0, 1_000, 3 * PRICE)
    order, _ = desk.order(0, number, 500, 3 * PRICE, (1, 1_000_000))
    by_heir = sign_order(desk.platform.domain, order, bytes(heir.key))
    with pytest.raises(InvalidError) as refused:
        desk.submit((order, by_heir))
    assert refused.value.code == "bad_signature"
    desk.sell(1, number, 0, 1_000, PRICE)
    desk.close_gate(number)
    run_until_idle(desk.platform)
    with desk.platform.transaction() as session:
        rows = session.exec(select(OrderRow).where(OrderRow.round == number)).all()
    assert {row.trader: row.fill for row in rows}[trader] == 1_000


def test_a_deactivated_did_leaves_the_accounts_money_where_it_is(desk):
    trader = str(desk.traders[2].address)
    token = desk.platform.chain.address("SettlementToken")
    free = desk.platform.chain.call("Ledger", "free", token, trader)
    assert free > 0
    carry_out(desk, deactivation(trader))
    with desk.platform.transaction() as session:
        outbox.call(
            session,
            desk.platform.chain,
            "Ledger",
            "withdraw",
            token,
            free,
            trader,
            key="test:withdraw",
            signer=trader,
        )
    run_until_idle(desk.platform)
    assert desk.platform.chain.call("Ledger", "free", token, trader) == 0
    assert desk.platform.chain.call("SettlementToken", "balanceOf", trader) == free
