"""The life of rounds at their edges, in both worlds."""

from __future__ import annotations

from dataclasses import astuple, replace
from random import Random

import pytest

from market.reference import Status
from market.reference.verification import encode_effects
from market.signature import Domain
from tests.evm import trading
from tests.evm.batch import clear, judge
from tests.evm.chain import CHAIN_ID
from tests.evm.trading import FEW_LEVELS, Bidding
from tests.evm.world import (
    ADMIN,
    BALANCING,
    DAY,
    ISSUER,
    OPERATOR,
    TRADERS,
    Person,
    World,
    market_params,
)

ALICE, BOB = TRADERS[:2]
MARGIN = 10**9


def world_with_margins(**rules: object) -> tuple[World, int]:
    world = World()
    market = world.create_market(**rules)
    for trader in TRADERS:
        world.fund(trader, 2 * MARGIN)
        must(world, "Ledger", "addMargin", market, MARGIN, sender=trader)
    return world, market


def must(world: World, contract: str, function: str, *arguments: object, sender: Person) -> None:
    refusal = world.do(contract, function, *arguments, sender=sender)
    assert refusal is None, f"{contract}.{function}: {refusal}"


def test_a_period_has_no_more_rounds_than_closing_it_can_read():
    world = World()
    market = world.create_market(period_slots=256, gate_grace=0)
    period_seconds = 256 * 900
    first_slot = -(-(world.now + 600) // period_seconds) * 256
    for _ in range(128):
        must(world, "Exchange", "openRound", market, world.now + 1, first_slot, 1, sender=OPERATOR)
        world.wait(2)
    arguments = (market, world.now + 1, first_slot, 1)
    assert world.do("Exchange", "openRound", *arguments, sender=OPERATOR) == "TooManyRounds"
    arguments = (market, world.now + 1, first_slot + 256, 1)
    must(world, "Exchange", "openRound", *arguments, sender=OPERATOR)
    world.check_state()


@pytest.mark.parametrize(
    "changes",
    [
        {"operator": "0x" + "00" * 20},
        {"balancing": "0x" + "00" * 20},
        {"asset": "0x" + "00" * 20},
        {"gate_grace": 1_200},
        {"exit_delay": 1_200},
        {"settle_window": DAY + 1, "exit_delay": 2 * DAY},
        {"slot_seconds": 0},
        {"period_slots": 0},
        {"period_slots": 257},
        {"carriers": 0},
        {"zones": 0},
        {"carriers": 256, "zones": 65, "period_slots": 4},
        {"carriers": 17, "period_slots": 256},
        {"price_cap": 0},
        {"price_cap": 2**62 + 1},
        {"imbalance_cap": 2**62 + 1},
        {"capacity_source": ADMIN.address},
    ],
    ids=lambda changes: " ".join(changes),
)
def test_markets_with_rules_that_cannot_work_are_refused(changes):
    world = World()
    params = replace(market_params(world.token.address), **changes)
    for sender, refusal in ((ADMIN, "InvalidParams"), (ALICE, "AccessManagedUnauthorized")):
        found = world.do(
            "Exchange", "createMarket", astuple(params), sender=sender, model_arguments=(params,)
        )
        assert found == refusal


@pytest.mark.parametrize(("late", "refusal"), [(-1, "OutsideWindow"), (0, None), (300, None)])
def test_a_gate_is_closed_from_its_second_to_the_last_of_its_grace(late, refusal):
    world, market = world_with_margins()
    number = world.open_round(market, 600)
    world.wait(600 + late)
    arguments = (market, number, bytes(32), 0)
    assert world.do("Exchange", "closeGate", *arguments, sender=OPERATOR) == refusal
    world.check_state()


def test_a_second_after_its_grace_a_gate_stays_open_for_ever_and_the_round_is_void():
    world, market = world_with_margins()
    number = world.open_round(market, 600)
    world.wait(600 + 301)
    world.check_state()
    arguments = (market, number, bytes(32), 0)
    assert world.do("Exchange", "closeGate", *arguments, sender=OPERATOR) == "WrongStatus"
    must(world, "Exchange", "voidRound", market, number, sender=ALICE)
    world.check_state()


@pytest.mark.parametrize(
    ("request_", "complete", "delay"),
    [("requestExit", "completeExit", 3_600), ("requestBondExit", "completeBondExit", 7_200)],
)
def test_exits_are_paid_from_the_last_second_of_their_delay_on(request_, complete, delay):
    world, market = world_with_margins()
    must(world, "Ledger", "postBond", market, 10, sender=ALICE)
    must(world, "Ledger", request_, market, 7, sender=ALICE)
    world.wait(delay - 1)
    assert world.do("Ledger", complete, market, sender=ALICE) == "ExitNotDue"
    world.wait(1)
    must(world, "Ledger", complete, market, sender=ALICE)
    assert world.do("Ledger", complete, market, sender=ALICE) == "NoExitPending"
    world.check_state()


def test_an_operators_bond_answers_for_every_round_even_when_its_exit_was_announced_long_before():
    world, market = world_with_margins()
    world.fund(OPERATOR, 10)
    must(world, "Ledger", "postBond", market, 10, sender=OPERATOR)
    must(world, "Ledger", "requestBondExit", market, 10, sender=OPERATOR)
    world.wait(7_200)
    world.open_round(market, 600)
    for wait in (600, 7_199):
        assert world.do("Ledger", "completeBondExit", market, sender=OPERATOR) == "ExitNotDue"
        world.wait(wait)
    assert world.do("Ledger", "completeBondExit", market, sender=OPERATOR) == "ExitNotDue"
    world.wait(1)
    must(world, "Ledger", "completeBondExit", market, sender=OPERATOR)
    world.check_state()


def test_no_operator_holds_the_bond_of_another_with_a_gate_far_away():
    world, market = world_with_margins()
    for who in (BALANCING, OPERATOR):
        world.fund(who, MARGIN)
        must(world, "Ledger", "postBond", market, MARGIN, sender=who)
        must(world, "Ledger", "requestBondExit", market, MARGIN, sender=who)
    far = first_slot(world) + 10 * 365 * DAY // 900
    arguments = (market, far * 900, far, 1)
    must(world, "Exchange", "openRound", *arguments, sender=OPERATOR)
    world.wait(7_200)
    assert world.do("Ledger", "completeBondExit", market, sender=OPERATOR) == "ExitNotDue"
    must(world, "Ledger", "completeBondExit", market, sender=BALANCING)
    world.check_state()
    world.check_invariants()


@pytest.mark.parametrize("seed", range(8))
def test_exits_cancellations_and_revocations_raced_against_the_gate_never_block_it(seed):
    """Whatever traders do before and after the gate, the honest result is always accepted."""
    rng = Random(seed)
    role = bytes([1] * 32)
    world, market = world_with_margins(role=role)
    must(world, "CredentialRegistry", "accredit", ISSUER.address, role, sender=ADMIN)
    for n, trader in enumerate(TRADERS):
        arguments = (bytes([n + 1] * 32), trader.address, role, world.now + DAY)
        must(world, "CredentialRegistry", "grant", *arguments, sender=ISSUER)
    for _ in range(3):
        number = world.open_round(market, 600)
        orders = trading.one_product_orders(
            world, market, number, TRADERS, rng, replace(FEW_LEVELS, epochs=(0, 1, 2))
        )
        gate_at = world.exchange.round(market, number).gate_at
        world.chain.now = gate_at - 1
        interfere(world, market, rng)
        world.chain.now = gate_at
        interfere(world, market, rng)
        judged_early = judge(world.exchange, market, number, orders)
        batch = clear(world.exchange.grid(market, number), judged_early)
        place = (market, number)
        must(world, "Exchange", "closeGate", *place, batch.root, len(batch.orders), sender=OPERATOR)
        world.wait(1)
        for _ in range(4):
            interfere(world, market, rng)
        assert judge(world.exchange, market, number, orders) == judged_early
        must(world, "Exchange", "settle", *place, batch.results, batch.call_data, sender=OPERATOR)
        world.check_state()
        world.wait(3_600)
    world.check_invariants()


def interfere(world: World, market: int, rng: Random) -> None:
    trader = rng.choice(TRADERS)
    world.do("Ledger", "bumpEpoch", market, sender=rng.choice(TRADERS))
    world.do("Ledger", "requestExit", market, rng.choice((1, MARGIN)), sender=trader)
    world.do("Ledger", "completeExit", market, sender=rng.choice(TRADERS))
    world.do("Ledger", "addMargin", market, 10**6, sender=rng.choice(TRADERS))
    if rng.random() < 0.5:
        credential = bytes([rng.randrange(1, 7)] * 32)
        world.do("CredentialRegistry", "revoke", credential, sender=ISSUER)


def test_a_verified_round_is_applied_after_any_delay_and_its_margin_waits_for_it():
    rng = Random(1)
    world, market = world_with_margins()
    first = world.open_round(market, 600)
    orders = trading.one_product_orders(world, market, first, TRADERS, rng, FEW_LEVELS)
    world.wait(600)
    batch = clear(world.exchange.grid(market, first), judge(world.exchange, market, first, orders))
    place = (market, first)
    must(world, "Exchange", "closeGate", *place, batch.root, len(batch.orders), sender=OPERATOR)
    parts = (batch.results, b"", batch.call_data)
    must(world, "Exchange", "verifyChunk", *place, *parts, sender=OPERATOR)
    must(world, "Ledger", "requestExit", market, MARGIN, sender=ALICE)
    next_round = (market, world.now + 1_200, first_slot(world), 1)
    must(world, "Exchange", "openRound", *next_round, sender=OPERATOR)
    world.wait(10 * DAY)
    assert world.exchange.status(market, 2, now=world.now) is Status.VOID
    for _ in range(2):
        world.check_state()
        assert world.do("Ledger", "addMargin", market, 1, sender=BOB) == "MarketFrozen"
        arguments = (market, world.now + 1, first_slot(world), 1)
        assert world.do("Exchange", "openRound", *arguments, sender=OPERATOR) == "RoundNotClosed"
        assert world.do("Ledger", "completeExit", market, sender=ALICE) == "ExitNotDue"
        world.wait(DAY)
    effects = encode_effects(world.exchange.round(market, first).chunks[0])
    must(world, "Exchange", "applyChunk", *place, 0, effects, sender=BOB)
    must(world, "Ledger", "completeExit", market, sender=ALICE)
    must(world, "Ledger", "addMargin", market, 1, sender=BOB)
    world.check_state()
    world.check_invariants()


def test_margins_and_capacity_stay_frozen_when_the_next_round_opens_during_settlement():
    """Otherwise somebody raises an order from 0 to its maximum and makes the batch revert."""
    rng = Random(3)
    world, market = world_with_margins()
    first = world.open_round(market, 600)
    orders = trading.one_product_orders(world, market, first, TRADERS, rng, FEW_LEVELS)
    world.wait(600)
    book = judge(world.exchange, market, first, orders)
    batch = clear(world.exchange.grid(market, first), book)
    place = (market, first)
    must(world, "Exchange", "closeGate", *place, batch.root, len(batch.orders), sender=OPERATOR)
    too_early = (market, world.now + 1_199, first_slot(world), 1)
    assert world.do("Exchange", "openRound", *too_early, sender=OPERATOR) == "RoundNotClosed"
    second = (market, world.now + 1_200, first_slot(world), 1)
    must(world, "Exchange", "openRound", *second, sender=OPERATOR)
    assert world.do("Ledger", "addMargin", market, 1, sender=ALICE) == "MarketFrozen"
    world.check_state()
    must(world, "Exchange", "settle", *place, batch.results, batch.call_data, sender=OPERATOR)
    must(world, "Ledger", "addMargin", market, 1, sender=ALICE)
    world.check_state()


def first_slot(world: World) -> int:
    return (world.now + DAY) // 3_600 * 4


def test_an_order_signed_for_another_chain_exchange_round_or_epoch_trades_nothing():
    rng = Random(2)
    world, market = world_with_margins()
    number = world.open_round(market, 600)
    grid = world.exchange.grid(market, number)
    bidding = Bidding(units=(5,), prices=(100,))
    order = trading.single(grid, market, number, ALICE, rng, bidding)
    signed = world.sign(ALICE, order)
    elsewhere = [
        type(signed).sign(domain, order, ALICE.key)
        for domain in (
            Domain(CHAIN_ID + 1, world.exchange.address),
            Domain(CHAIN_ID, world.ledger.address),
        )
    ]
    for foreign in elsewhere:
        assert world.force(replace(foreign, order=order)) == "InvalidSignature"
    other_round = world.sign(ALICE, replace(order, round=number + 1))
    assert world.force(other_round) == "WrongStatus"
    assert world.force(replace(signed, order=replace(order, trader=BOB.address))) == (
        "InvalidSignature"
    )
    assert world.force(world.sign(ALICE, replace(order, max_units=0))) == "MalformedOrder"
    assert world.force(signed) is None
    must(world, "Ledger", "bumpEpoch", market, sender=ALICE)
    world.wait(600)
    book = judge(world.exchange, market, number, [signed])
    assert [filled.maximum for filled in book] == [0]
    batch = clear(grid, book)
    place = (market, number)
    must(world, "Exchange", "closeGate", *place, batch.root, 1, sender=OPERATOR)
    for foreign in elsewhere:
        wrong = replace(batch, orders=(replace(batch.orders[0], signed=foreign),))
        sent = (*place, wrong.results, wrong.call_data)
        assert world.do("Exchange", "settle", *sent, sender=OPERATOR) == "BadSignature"
    must(world, "Exchange", "settle", *place, batch.results, batch.call_data, sender=OPERATOR)
    assert world.ledger.account(market, ALICE.address).margin == MARGIN
    world.check_state()


def test_a_role_is_granted_anew_from_the_last_second_of_a_day_after_its_end():
    world, role = World(), bytes([1] * 32)
    must(world, "CredentialRegistry", "accredit", ISSUER.address, role, sender=ADMIN)
    expires_at = world.now + 100
    first = (bytes([1] * 32), ALICE.address, role, expires_at)
    must(world, "CredentialRegistry", "grant", *first, sender=ISSUER)
    second = (bytes([2] * 32), ALICE.address, role, expires_at + 10 * DAY)
    world.chain.now = expires_at + DAY - 1
    refusal = world.do("CredentialRegistry", "grant", *second, sender=ISSUER)
    assert refusal == "RegrantTooSoon"
    world.check_state()
    world.wait(1)
    must(world, "CredentialRegistry", "grant", *second, sender=ISSUER)
    world.check_state()
