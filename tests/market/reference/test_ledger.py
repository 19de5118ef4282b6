from __future__ import annotations

import pytest

from market.reference import Effect, errors
from tests.market.reference.sandbox import (
    ADMIN,
    ALICE,
    BALANCING,
    EXCHANGE,
    IMBALANCE,
    LEDGER,
    OPERATOR,
    TOKEN,
    Sandbox,
)


def test_deposits_become_free_and_leave_by_their_owner_alone():
    sandbox = Sandbox()
    sandbox.fund(ALICE, 100)
    with pytest.raises(errors.InsufficientFree):
        sandbox.ledger.withdraw(TOKEN, 1, OPERATOR, sender=OPERATOR)
    sandbox.ledger.withdraw(TOKEN, 40, OPERATOR, sender=ALICE)
    assert sandbox.ledger.free[TOKEN, ALICE] == 60
    assert sandbox.token.balances == {ALICE: 0, LEDGER: 60, OPERATOR: 40}
    assert sandbox.ledger.held(TOKEN) == sandbox.ledger.total_deposited[TOKEN] == 60


def test_margin_does_not_grow_between_gate_and_settlement():
    sandbox = Sandbox()
    market = sandbox.create_market()
    sandbox.fund(ALICE, 100)
    sandbox.open_round(market)
    sandbox.ledger.add_margin(market, 10, sender=ALICE, now=sandbox.now)
    sandbox.now += 600
    with pytest.raises(errors.MarketFrozen):
        sandbox.ledger.add_margin(market, 10, sender=ALICE, now=sandbox.now)
    sandbox.void_after_gate(market)
    sandbox.ledger.add_margin(market, 10, sender=ALICE, now=sandbox.now)
    assert sandbox.ledger.account(market, ALICE).margin == 20


def test_margin_stays_frozen_when_the_next_round_opens_during_settlement():
    sandbox = Sandbox()
    market = sandbox.create_market()
    sandbox.fund(ALICE, 100)
    first = sandbox.open_round(market)
    sandbox.now += 600
    sandbox.exchange.close_gate(market, first, bytes(32), 0, sender=OPERATOR, now=sandbox.now)
    sandbox.open_round(market, gate_in=1_200)
    with pytest.raises(errors.MarketFrozen):
        sandbox.ledger.add_margin(market, 1, sender=ALICE, now=sandbox.now)


def test_an_exit_backs_no_order_from_the_next_gate_on_and_is_paid_after_the_delay():
    sandbox = Sandbox()
    market = sandbox.create_market()
    sandbox.give_margin(market, ALICE, 100)
    first = sandbox.open_round(market)
    sandbox.now += 600
    asked_at = sandbox.now
    sandbox.ledger.request_exit(market, 70, sender=ALICE, now=asked_at)
    assert sandbox.ledger.available(market, first, ALICE) == 100
    assert sandbox.ledger.available(market, first + 1, ALICE) == 30
    with pytest.raises(errors.ExitPending):
        sandbox.ledger.request_exit(market, 1, sender=ALICE, now=asked_at)
    with pytest.raises(errors.ExitNotDue):
        sandbox.ledger.complete_exit(market, sender=ALICE, now=asked_at + 3_599)
    sandbox.ledger.complete_exit(market, sender=ALICE, now=asked_at + 3_600)
    assert sandbox.ledger.account(market, ALICE).margin == 30
    assert sandbox.ledger.free[TOKEN, ALICE] == 70


def test_an_exit_asked_for_before_the_gate_counts_for_that_round():
    sandbox = Sandbox()
    market = sandbox.create_market()
    sandbox.give_margin(market, ALICE, 100)
    number = sandbox.open_round(market)
    sandbox.ledger.request_exit(market, 500, sender=ALICE, now=sandbox.now)
    assert sandbox.ledger.available(market, number, ALICE) == 0


def test_an_epoch_bumped_after_the_gate_changes_the_next_round_only():
    sandbox = Sandbox()
    market = sandbox.create_market()
    first = sandbox.open_round(market)
    sandbox.ledger.bump_epoch(market, sender=ALICE, now=sandbox.now)
    sandbox.now += 600
    for _ in range(2):
        sandbox.ledger.bump_epoch(market, sender=ALICE, now=sandbox.now)
    account = sandbox.ledger.account(market, ALICE)
    assert (account.epoch_for(first), account.epoch_for(first + 1)) == (1, 3)


def test_only_the_exchange_and_the_imbalance_contract_move_the_money_of_others():
    sandbox = Sandbox()
    market = sandbox.create_market()
    sandbox.give_margin(market, ALICE, 100)
    for stranger in (ADMIN, OPERATOR, IMBALANCE):
        with pytest.raises(errors.NotExchange):
            sandbox.ledger.apply_effects(market, [Effect(ALICE, 1, 0)], 1, sender=stranger)
        with pytest.raises(errors.NotExchange):
            sandbox.ledger.pay_from_bond(market, OPERATOR, ALICE, 1, sender=stranger)
    for stranger in (ADMIN, OPERATOR, EXCHANGE):
        with pytest.raises(errors.NotImbalance):
            sandbox.ledger.close_position(market, ALICE, 0, 0, BALANCING, sender=stranger)


def test_effects_beyond_the_margin_change_nothing():
    sandbox = Sandbox()
    market = sandbox.create_market()
    sandbox.give_margin(market, ALICE, 100)
    sandbox.give_margin(market, OPERATOR, 1)
    effects = [Effect(ALICE, 60, 60), Effect(OPERATOR, 2, 0)]
    with pytest.raises(errors.InsufficientMargin):
        sandbox.ledger.apply_effects(market, effects, 0, sender=EXCHANGE)
    assert sandbox.ledger.account(market, ALICE).locked == 0


def test_a_bond_pays_as_far_as_it_goes():
    sandbox = Sandbox()
    market = sandbox.create_market()
    sandbox.fund(OPERATOR, 100)
    sandbox.ledger.post_bond(market, 100, sender=OPERATOR)
    paid = [
        sandbox.ledger.pay_from_bond(market, OPERATOR, ALICE, 70, sender=EXCHANGE) for _ in range(3)
    ]
    assert paid == [70, 30, 0]
    assert sandbox.ledger.held(TOKEN) == 100
